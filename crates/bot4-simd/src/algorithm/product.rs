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
    let rows: [&[V::Elem]; R] = core::array::from_fn(|r| &a[r * cols..][..cols]);
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
    sums.map(V::sum)
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
        column_block::<V, 4, 3>(t, a, b, c, shape, j);
        j += 3 * V::LANES;
    }
    while j + V::LANES <= cols {
        column_block::<V, 8, 1>(t, a, b, c, shape, j);
        j += V::LANES;
    }
    if j < cols {
        last_columns::<V>(t, a, b, c, shape, j);
    }
}

/// All rows of `C` registers of columns from `j` on, `R` rows at a time.
#[inline(always)]
fn column_block<V: Vector, const R: usize, const C: usize>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    c: &mut [V::Elem],
    shape: Shape,
    j: usize,
) {
    let load = |row: &[V::Elem]| core::array::from_fn(|k| V::load(t, &row[k * V::LANES..][..V::LANES]));
    let store = |tile: [V; C], row: &mut [V::Elem]| {
        for (v, to) in tile.into_iter().zip(row.chunks_exact_mut(V::LANES)) {
            v.store(to);
        }
    };
    row_blocks::<V, R, C>(t, a, b, c, shape, j..j + C * V::LANES, load, store);
}

/// The columns that do not fill a register.
#[inline(always)]
fn last_columns<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    c: &mut [V::Elem],
    shape: Shape,
    j: usize,
) {
    let load = |row: &[V::Elem]| [V::load_partial(t, row, V::splat(t, V::Elem::ZERO))];
    let store = |[v]: [V; 1], row: &mut [V::Elem]| v.store_partial(row);
    row_blocks::<V, 8, 1>(t, a, b, c, shape, j..shape.cols, load, store);
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "two matrices, a result, a shape and how to touch a row")]
fn row_blocks<V: Vector, const R: usize, const C: usize>(
    t: V::Token,
    a: &[V::Elem],
    b: &[V::Elem],
    c: &mut [V::Elem],
    shape: Shape,
    columns: core::ops::Range<usize>,
    load: impl Fn(&[V::Elem]) -> [V; C],
    store: impl Fn([V; C], &mut [V::Elem]),
) {
    let Shape { rows, inner, cols } = shape;
    let b_row = |k: usize| load(&b[k * cols..][columns.clone()]);
    let mut i = 0;
    while i + R <= rows {
        let tile = tile::<V, R, C>(t, &a[i * inner..], inner, b_row);
        for (r, sums) in tile.into_iter().enumerate() {
            store(sums, &mut c[(i + r) * cols..][columns.clone()]);
        }
        i += R;
    }
    while i < rows {
        let [sums] = tile::<V, 1, C>(t, &a[i * inner..], inner, b_row);
        store(sums, &mut c[i * cols..][columns.clone()]);
        i += 1;
    }
}

/// `R` rows of `a` times the columns of `b` given row by row.
#[inline(always)]
fn tile<V: Vector, const R: usize, const C: usize>(
    t: V::Token,
    a: &[V::Elem],
    inner: usize,
    b_row: impl Fn(usize) -> [V; C],
) -> [[V; C]; R] {
    let rows: [&[V::Elem]; R] = core::array::from_fn(|r| &a[r * inner..][..inner]);
    let mut sums = [[V::splat(t, V::Elem::ZERO); C]; R];
    for k in 0..inner {
        let b = b_row(k);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let a = V::splat(t, row[k]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add_fast(b, *sum);
            }
        }
    }
    sums
}
