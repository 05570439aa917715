//! Vector kernels on slices with run-time dispatch to AVX-512, AVX2 and portable code.
