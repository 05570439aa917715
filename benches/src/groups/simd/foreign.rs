//! Libraries behind foreign calls: OpenBLAS, the vector functions of glibc (libmvec) and of SLEEF, taken from the system when the program
//! runs, and crates whose entry is unsafe. What is not installed is left out, with a line that says so.
#![allow(unsafe_code)] // Foreign functions cannot be called otherwise.

use crate::foreign::{function, library};
use libloading::Library;
use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

/// The functions of OpenBLAS for a number type.
#[derive(Clone, Copy)]
pub(super) struct Blas<T> {
    dot: unsafe extern "C" fn(c_int, *const T, c_int, *const T, c_int) -> T,
    asum: unsafe extern "C" fn(c_int, *const T, c_int) -> T,
    iamax: unsafe extern "C" fn(c_int, *const T, c_int) -> usize,
    scal: unsafe extern "C" fn(c_int, T, *mut T, c_int),
    axpy: unsafe extern "C" fn(c_int, T, *const T, c_int, *mut T, c_int),
    gemv: Gemv<T>,
    gemm: Gemm<T>,
}

type Gemv<T> =
    unsafe extern "C" fn(c_int, c_int, c_int, c_int, T, *const T, c_int, *const T, c_int, T, *mut T, c_int);
type Gemm<T> = unsafe extern "C" fn(
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    T,
    *const T,
    c_int,
    *const T,
    c_int,
    T,
    *mut T,
    c_int,
);

const ROW_MAJOR: c_int = 101;
const AS_IS: c_int = 111;

fn int(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or_else(|_| panic!("{len} numbers are too many for BLAS"))
}

impl<T: bot4_simd::Element> Blas<T> {
    /// Looks up all functions; `letter` is that of the type.
    fn find(library: &'static Library, letter: char) -> Option<Self> {
        Some(Self {
            dot: function(library, &format!("scipy_cblas_{letter}dot"))?,
            asum: function(library, &format!("scipy_cblas_{letter}asum"))?,
            iamax: function(library, &format!("scipy_cblas_i{letter}amax"))?,
            scal: function(library, &format!("scipy_cblas_{letter}scal"))?,
            axpy: function(library, &format!("scipy_cblas_{letter}axpy"))?,
            gemv: function(library, &format!("scipy_cblas_{letter}gemv"))?,
            gemm: function(library, &format!("scipy_cblas_{letter}gemm"))?,
        })
    }

    pub(super) fn dot(&self, x: &[T], y: &[T]) -> T {
        assert_eq!(x.len(), y.len());
        // SAFETY: both slices have the length that is passed.
        unsafe { (self.dot)(int(x.len()), x.as_ptr(), 1, y.as_ptr(), 1) }
    }

    pub(super) fn asum(&self, x: &[T]) -> T {
        // SAFETY: the slice has the length that is passed.
        unsafe { (self.asum)(int(x.len()), x.as_ptr(), 1) }
    }

    pub(super) fn iamax(&self, x: &[T]) -> usize {
        // SAFETY: the slice has the length that is passed.
        unsafe { (self.iamax)(int(x.len()), x.as_ptr(), 1) }
    }

    pub(super) fn scal(&self, a: T, x: &mut [T]) {
        // SAFETY: the slice has the length that is passed.
        unsafe { (self.scal)(int(x.len()), a, x.as_mut_ptr(), 1) }
    }

    pub(super) fn axpy(&self, a: T, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), y.len());
        // SAFETY: both slices have the length that is passed.
        unsafe { (self.axpy)(int(x.len()), a, x.as_ptr(), 1, y.as_mut_ptr(), 1) }
    }

    /// A square matrix times `x`.
    pub(super) fn gemv(&self, a: &[T], x: &[T], y: &mut [T]) {
        let n = int(x.len());
        assert!(y.len() == x.len() && a.len() == x.len() * x.len());
        let (one, zero) = (T::ONE, T::ZERO);
        // SAFETY: the matrix has n rows of n numbers, the vectors n.
        unsafe {
            (self.gemv)(ROW_MAJOR, AS_IS, n, n, one, a.as_ptr(), n, x.as_ptr(), 1, zero, y.as_mut_ptr(), 1);
        }
    }

    /// The product of two square matrices of side `n`.
    pub(super) fn gemm(&self, a: &[T], b: &[T], c: &mut [T], n: usize) {
        assert!([a.len(), b.len(), c.len()] == [n * n; 3]);
        let (n, one, zero) = (int(n), T::ONE, T::ZERO);
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: all three have n rows of n numbers.
        unsafe { (self.gemm)(ROW_MAJOR, AS_IS, AS_IS, n, n, n, one, a, n, b, n, zero, c, n) }
    }
}

/// The product of two square matrices of side `n` by the crate `gemm`.
pub(super) fn gemm<T: bot4_simd::Element>(a: &[T], b: &[T], c: &mut [T], n: usize) {
    assert!([a.len(), b.len(), c.len()] == [n * n; 3]);
    let row = n as isize;
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let (one, zero, serial) = (T::ONE, T::ZERO, gemm::Parallelism::None);
    // SAFETY: all three have n rows of n numbers, next to each other.
    unsafe {
        gemm::gemm(n, n, n, c, 1, row, false, a, 1, row, b, 1, row, zero, one, false, false, false, serial)
    }
}

/// A number type and its foreign functions.
pub(super) trait Foreign: Registers + 'static {
    fn blas() -> Option<Blas<Self>>;
    /// The libraries that have a kernel, and their function.
    fn vector_functions(kernel: &str) -> Vec<(&'static str, VectorFunction<Self>)>;
}

/// A function on registers of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct VectorFunction<T: Registers>(T::Function);

#[cfg(target_arch = "x86_64")]
mod registers {
    use std::arch::x86_64::*;

    /// A number type and how a foreign function on 64 bytes of it is called.
    pub(in super::super) trait Registers: Copy {
        type Function: Copy + Send + 'static;
        /// The function over a slice of whole registers, in place.
        ///
        /// # Safety
        /// This CPU has AVX-512 F, and `function` is what its type says.
        unsafe fn map(function: Self::Function, x: &mut [Self]);
    }

    macro_rules! registers {
        ($ty:ty, $register:ty, $lanes:literal, $load:ident, $store:ident) => {
            impl Registers for $ty {
                type Function = unsafe extern "C" fn($register) -> $register;

                #[target_feature(enable = "avx512f")]
                unsafe fn map(function: Self::Function, x: &mut [$ty]) {
                    for x in x.as_chunks_mut::<$lanes>().0 {
                        // SAFETY: a chunk is a register of numbers.
                        let register = unsafe { $load(x.as_ptr()) };
                        // SAFETY: the caller's promise.
                        let result = unsafe { function(register) };
                        // SAFETY: a chunk is a register of numbers.
                        unsafe { $store(x.as_mut_ptr(), result) }
                    }
                }
            }
        };
    }
    registers!(f64, __m512d, 8, _mm512_loadu_pd, _mm512_storeu_pd);
    registers!(f32, __m512, 16, _mm512_loadu_ps, _mm512_storeu_ps);
}
pub(super) use registers::Registers;

impl<T: Registers> VectorFunction<T> {
    /// Whole registers only.
    pub(super) fn map(&self, x: &mut [T]) {
        // SAFETY: such a function is looked up only where AVX-512 is, under the name that its library gives the type.
        unsafe { T::map(self.0, x) }
    }
}

macro_rules! foreign {
    ($ty:ty, $letter:literal, $libmvec:literal, $suffix:literal, $sleef:literal) => {
        impl Foreign for $ty {
            fn blas() -> Option<Blas<$ty>> {
                Blas::find(open_blas()?, $letter)
            }

            fn vector_functions(kernel: &str) -> Vec<(&'static str, VectorFunction<$ty>)> {
                static LIBMVEC: OnceLock<Option<Library>> = OnceLock::new();
                static SLEEF: OnceLock<Option<Library>> = OnceLock::new();
                let c_name = match kernel {
                    "exp" | "tanh" | "erf" => kernel,
                    "ln" => "log",
                    _ => return Vec::new(),
                };
                if !is_x86_feature_detected!("avx512f") {
                    return Vec::new();
                }
                let libmvec = library(&LIBMVEC, "libmvec.so.1");
                let sleef = library(&SLEEF, "libsleef.so.3");
                let libmvec = libmvec.and_then(|it| function(it, &format!($libmvec, c_name, $suffix)));
                let sleef = sleef.and_then(|it| function(it, &format!($sleef, c_name)));
                let named = [("libmvec", libmvec), ("SLEEF u10", sleef)];
                named.into_iter().filter_map(|(name, it)| Some((name, VectorFunction(it?)))).collect()
            }
        }
    };
}
foreign!(f64, 'd', "_ZGVeN8v_{}{}", "", "Sleef_{}d8_u10avx512f");
foreign!(f32, 's', "_ZGVeN16v_{}{}", "f", "Sleef_{}f16_u10avx512f");

/// OpenBLAS as SciPy builds it, with a prefix to its names.
fn open_blas() -> Option<&'static Library> {
    static OPEN_BLAS: OnceLock<Option<Library>> = OnceLock::new();
    if OPEN_BLAS.get().is_none() {
        for variable in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"] {
            // The library would obey it and take lesser kernels, or smaller blocks, than this CPU has.
            // SAFETY: cases are made before any thread is.
            unsafe { std::env::remove_var(variable) };
        }
        let library = library(&OPEN_BLAS, "libscipy_openblas.so")?;
        let one_thread: unsafe extern "C" fn(c_int) = function(library, "scipy_openblas_set_num_threads")?;
        // SAFETY: any number is allowed.
        unsafe { one_thread(1) };
        let config: unsafe extern "C" fn() -> *const c_char = function(library, "scipy_openblas_get_config")?;
        // SAFETY: the function has no conditions.
        let config = unsafe { config() };
        // SAFETY: the text is a string that lives as long as the library.
        let config = unsafe { CStr::from_ptr(config) };
        println!("{}", config.to_string_lossy());
    }
    OPEN_BLAS.get()?.as_ref()
}
