//! Market data decoding, streaming features, in-place stages and a wait-free risk gate.
