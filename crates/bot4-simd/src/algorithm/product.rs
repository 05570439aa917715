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
    while i < rows {
        let count = GROUP.min(rows - i);
        let dots = row_dots::<V>(t, &a[i * cols..(i + count) * cols], cols, x);
        y[i..i + count].copy_from_slice(&dots[..count]);
        i += count;
    }
}

/// Rows that are multiplied together.
const GROUP: usize = 8;

/// The rows of `a`, at most eight, times `x`: one register of partial sums per row. The last row stands in for those missing.
#[inline(always)]
fn row_dots<V: Vector>(t: V::Token, a: &[V::Elem], cols: usize, x: &[V::Elem]) -> [V::Elem; GROUP] {
    if cols == 0 {
        return [V::Elem::ZERO; GROUP];
    }
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = [zero; GROUP];
    let mut rows = [&a[..cols]; GROUP];
    let last = a.len() - cols;
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &a[last.min(r * cols)..][..cols];
    }
    let x = &x[..cols];
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
            *sum = part.mul_add_fast(V::load_partial(t, &row[whole..cols], zero), *sum);
        }
    }
    V::sums(sums)
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
