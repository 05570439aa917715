//! Matrix products on row-major slices. Each result is the same bits wherever its row or column
//! stands: a tile changes how many are computed at once, never the order of one sum.

use crate::element::Element;
use crate::vector::Vector;

/// `y[i] = row i of a . x`.
#[inline(always)]
pub(crate) fn gemv<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    rows: usize,
    cols: usize,
    x: &[V::Elem],
    y: &mut [V::Elem],
) {
    let mut i = 0;
    while i + 8 <= rows {
        y[i..i + 8].copy_from_slice(&row_dots::<V, 8>(t, &a[i * cols..], cols, x));
        i += 8;
    }
    while i < rows {
        y[i..i + 1].copy_from_slice(&row_dots::<V, 1>(t, &a[i * cols..], cols, x));
        i += 1;
    }
}

/// The first `R` rows of `a` times `x`: one register of partial sums per row.
#[inline(always)]
fn row_dots<V: Vector, const R: usize>(
    t: V::Token,
    a: &[V::Elem],
    cols: usize,
    x: &[V::Elem],
) -> [V::Elem; R] {
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = [zero; R];
    let rows = rows_of::<V::Elem, R>(a, cols);
    let whole = cols - cols % V::LANES;
    let mut j = 0;
    while j < whole {
        let part = V::load(t, &x[j..j + V::LANES]);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = part.mul_add_fast(V::load(t, &row[j..j + V::LANES]), *sum);
        }
        j += V::LANES;
    }
    if whole < cols {
        let part = V::load_partial(t, &x[whole..cols], zero);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = part.mul_add_fast(V::load_partial(t, &row[whole..], zero), *sum);
        }
    }
    let mut dots = [V::Elem::ZERO; R];
    for (dot, sum) in dots.iter_mut().zip(sums) {
        *dot = sum.sum();
    }
    dots
}

/// The first `R` rows of `cols` numbers.
#[inline(always)]
fn rows_of<T, const R: usize>(a: &[T], cols: usize) -> [&[T]; R] {
    let mut rows = [&a[..0]; R];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &a[r * cols..][..cols];
    }
    rows
}

/// `y[j] = column j of a . x`: columns of the transpose, weighed.
#[inline(always)]
pub(crate) fn gemv_t<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    _rows: usize,
    cols: usize,
    x: &[V::Elem],
    y: &mut [V::Elem],
) {
    super::linear::weighted_sum::<V>(t, a, cols, x, y);
}

/// `a[i][j] += alpha x[i] y[j]`.
#[inline(always)]
pub(crate) fn ger<V: Vector>(t: V::Token, alpha: V::Elem, x: &[V::Elem], y: &[V::Elem], a: &mut [V::Elem]) {
    if y.is_empty() {
        return;
    }
    for (&x, row) in x.iter().zip(a.chunks_exact_mut(y.len())) {
        super::arithmetic::axpy::<V>(t, alpha * x, y, row);
    }
}

/// The shape of a product: `rows x inner` times `inner x cols`.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inner: usize,
    cols: usize,
}

/// `c = a b`, tiles of registers held over the whole inner loop.
#[inline(always)]
pub(crate) fn gemm<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    c: &mut [V::Elem],
    rows: usize,
    inner: usize,
    cols: usize,
) {
    let shape = Shape { rows, inner, cols };
    let mut j = 0;
    while j + 3 * V::LANES <= cols {
        row_blocks::<V, 4, 3, true>(t, a, b, c, shape, j);
        j += 3 * V::LANES;
    }
    while j + V::LANES <= cols {
        row_blocks::<V, 8, 1, true>(t, a, b, c, shape, j);
        j += V::LANES;
    }
    if j < cols {
        row_blocks::<V, 8, 1, false>(t, a, b, c, shape, j);
    }
}

/// All rows of the columns from `j` on, `R` rows at a time: `C` registers of them, or the rest where
/// they do not fill a register.
#[inline(always)]
fn row_blocks<V: Vector, const R: usize, const C: usize, const FULL: bool>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    c: &mut [V::Elem],
    shape: Shape,
    j: usize,
) {
    let Shape { rows, inner, cols } = shape;
    let width = if FULL { C * V::LANES } else { cols - j };
    let mut i = 0;
    while i + R <= rows {
        let tile = tile::<V, R, C, FULL>(t, &a[i * inner..], b, shape, j);
        for (r, sums) in tile.into_iter().enumerate() {
            store::<V, C, FULL>(sums, &mut c[(i + r) * cols + j..][..width]);
        }
        i += R;
    }
    while i < rows {
        let [sums] = tile::<V, 1, C, FULL>(t, &a[i * inner..], b, shape, j);
        store::<V, C, FULL>(sums, &mut c[i * cols + j..][..width]);
        i += 1;
    }
}

/// `R` rows of `a` times the columns of `b` from `j` on.
#[inline(always)]
fn tile<V: Vector, const R: usize, const C: usize, const FULL: bool>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    shape: Shape,
    j: usize,
) -> [[V; C]; R] {
    let Shape { inner, cols, .. } = shape;
    let width = if FULL { C * V::LANES } else { cols - j };
    let rows = rows_of::<V::Elem, R>(a, inner);
    let mut sums = [[V::splat(t, V::Elem::ZERO); C]; R];
    for k in 0..inner {
        let b = load::<V, C, FULL>(t, &b[k * cols + j..][..width]);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let a = V::splat(t, row[k]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add_fast(b, *sum);
            }
        }
    }
    sums
}

#[inline(always)]
fn load<V: Vector, const C: usize, const FULL: bool>(t: V::Token, row: &[V::Elem]) -> [V; C] {
    let mut registers = [V::splat(t, V::Elem::ZERO); C];
    for (register, part) in registers.iter_mut().zip(row.chunks(V::LANES)) {
        *register = if FULL { V::load(t, part) } else { V::load_partial(t, part, *register) };
    }
    registers
}

#[inline(always)]
fn store<V: Vector, const C: usize, const FULL: bool>(registers: [V; C], row: &mut [V::Elem]) {
    for (register, part) in registers.into_iter().zip(row.chunks_mut(V::LANES)) {
        if FULL { register.store(part) } else { register.store_partial(part) }
    }
}
