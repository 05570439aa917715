//! Matrices whose sizes are checked at compile time.
#![allow(unsafe_code)] // One cast of a box, to build a large matrix without the stack.

use crate::algorithm::{gemm, product};
use crate::element::Element;
use crate::isa::{Isa, Program};
use crate::kernels::Kernels;
use core::ops::{Index, IndexMut};

/// `N` rows of `M` numbers, row-major, inside the value: on the stack, or boxed by [`Matrix::boxed_zeros`].
///
/// Sizes that do not fit do not compile. A matrix of 256 x 256 `f64` is half a megabyte: box anything
/// that large, a thread's stack is two.
///
/// ```
/// use bot4_simd::Matrix;
///
/// let a = Matrix::from_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// let swap = Matrix::from_rows([[0.0, 1.0], [1.0, 0.0]]);
/// assert_eq!(a.multiply(&swap), Matrix::from_rows([[2.0, 1.0], [4.0, 3.0], [6.0, 5.0]]));
/// assert_eq!(a.multiply_vector(&[1.0, 10.0]), [21.0, 43.0, 65.0]);
/// ```
///
/// ```compile_fail
/// use bot4_simd::Matrix;
///
/// let a = Matrix::<f64, 3, 2>::zeros();
/// a.multiply(&a); // 3 x 2 times 3 x 2
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Matrix<T, const N: usize, const M: usize>([[T; M]; N]);

impl<T: Element, const N: usize, const M: usize> Matrix<T, N, M> {
    /// All zeros, by value.
    pub const fn zeros() -> Self {
        Self([[T::ZERO; M]; N])
    }

    /// All zeros on the heap, never on the stack: one allocation.
    ///
    /// ```
    /// let big = bot4_simd::Matrix::<f64, 1024, 1024>::boxed_zeros();
    /// assert_eq!(big[(1023, 1023)], 0.0);
    /// ```
    pub fn boxed_zeros() -> Box<Self> {
        let rows: Box<[[T; M]]> = vec![[T::ZERO; M]; N].into_boxed_slice();
        let rows = Box::into_raw(rows).cast::<Self>();
        // SAFETY: the box holds exactly `N` rows and `Self` is transparent over `[[T; M]; N]`, so size,
        // alignment and allocator are those of `Box<Self>`; the pointer was just released.
        unsafe { Box::from_raw(rows) }
    }

    /// The given rows.
    pub const fn from_rows(rows: [[T; M]; N]) -> Self {
        Self(rows)
    }

    /// The rows.
    pub const fn rows(&self) -> &[[T; M]; N] {
        &self.0
    }

    /// The rows, to change.
    pub const fn rows_mut(&mut self) -> &mut [[T; M]; N] {
        &mut self.0
    }

    /// All numbers, row by row.
    pub const fn as_slice(&self) -> &[T] {
        self.0.as_flattened()
    }

    /// All numbers, row by row, to change.
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        self.0.as_flattened_mut()
    }

    /// The product, by value. Does not allocate.
    pub fn multiply<const P: usize>(&self, right: &Matrix<T, M, P>) -> Matrix<T, N, P> {
        let mut product = Matrix::zeros();
        self.multiply_into(right, &mut product);
        product
    }

    /// The product, written over `product`. Does not allocate.
    pub fn multiply_into<const P: usize>(&self, right: &Matrix<T, M, P>, product: &mut Matrix<T, N, P>) {
        Isa::detect().run(Multiply { left: self, right, product });
    }

    /// The matrix times a column. Does not allocate.
    pub fn multiply_vector(&self, x: &[T; M]) -> [T; N] {
        let mut y = [T::ZERO; N];
        Isa::detect().run(MultiplyVector { matrix: self, x, y: &mut y });
        y
    }

    /// Rows and columns exchanged, by value.
    pub fn transposed(&self) -> Matrix<T, M, N> {
        Matrix(core::array::from_fn(|j| core::array::from_fn(|i| self.0[i][j])))
    }
}

/// Row, then column.
impl<T, const N: usize, const M: usize> Index<(usize, usize)> for Matrix<T, N, M> {
    type Output = T;

    fn index(&self, (row, column): (usize, usize)) -> &T {
        &self.0[row][column]
    }
}

impl<T, const N: usize, const M: usize> IndexMut<(usize, usize)> for Matrix<T, N, M> {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut T {
        &mut self.0[row][column]
    }
}

/// A product whose loops are compiled for its sizes.
struct Multiply<'a, T, const N: usize, const M: usize, const P: usize> {
    left: &'a Matrix<T, N, M>,
    right: &'a Matrix<T, M, P>,
    product: &'a mut Matrix<T, N, P>,
}

impl<T: Element, const N: usize, const M: usize, const P: usize> Program for Multiply<'_, T, N, M, P> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let (a, b) = (self.left.as_slice(), self.right.as_slice());
        gemm::gemm::<K::Wide<T>>(k.into(), a, b, self.product.as_mut_slice(), N, M, P);
    }
}

struct MultiplyVector<'a, T, const N: usize, const M: usize> {
    matrix: &'a Matrix<T, N, M>,
    x: &'a [T; M],
    y: &'a mut [T; N],
}

impl<T: Element, const N: usize, const M: usize> Program for MultiplyVector<'_, T, N, M> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        product::gemv::<K::Wide<T>>(k.into(), self.matrix.as_slice(), N, M, self.x, self.y);
    }
}
