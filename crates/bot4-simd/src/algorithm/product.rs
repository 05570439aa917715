//! Matrix products on row-major slices. Each result is the same bits wherever its row or column
//! stands: a tile changes how many are computed at once, never the order of one sum.
#![allow(unsafe_code)] // Parts of rows without a check each.

use super::lines::Lines;
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
    let (a, x, y) = (Lines::new(a, cols, rows, cols), &x[..cols], &mut y[..rows]);
    let row = size_of_val(x);
    let in_turn = rows * row > NEAR && row.is_multiple_of(LINE) && row >= LONG;
    let mut groups = y.chunks_exact_mut(GROUP);
    let mut i = 0;
    if in_turn {
        for y in &mut groups {
            y.copy_from_slice(&V::sums(row_by_row::<V>(t, a, i, x)));
            i += GROUP;
        }
    } else {
        for y in &mut groups {
            y.copy_from_slice(&V::sums(side_by_side::<V, true>(t, a, i, x)));
            i += GROUP;
        }
    }
    let y = groups.into_remainder();
    if !y.is_empty() {
        let sums = if in_turn { row_by_row::<V>(t, a, i, x) } else { side_by_side::<V, false>(t, a, i, x) };
        y.copy_from_slice(&V::sums(sums)[..y.len()]);
    }
}

/// Rows that are added up together.
const GROUP: usize = 8;
/// Bytes of a matrix that stays in the first-level cache. From there rows side by side take each part of `x` once; from further away
/// numbers come sooner in the order in which they lie there, if rows are whole lines and not short.
const NEAR: usize = 48 * 1024;
/// Bytes in a cache line: at least those of a register.
const LINE: usize = 64;
/// Bytes of a row that is not short.
const LONG: usize = 4 * LINE;

/// The partial sums of eight rows of `a` times `x`, a register each. The last row stands in for those missing, where not all are there.
#[inline(always)]
fn side_by_side<V: Vector, const ALL: bool>(
    t: V::Token,
    a: Lines<'_, V::Elem>,
    first: usize,
    x: &[V::Elem],
) -> [V; GROUP] {
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = [zero; GROUP];
    let row = |r: usize| if ALL { first + r } else { (first + r).min(a.count() - 1) };
    let mut j = 0;
    let mut parts = x.chunks_exact(V::LANES);
    for part in &mut parts {
        let part = V::load(t, part);
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: there is such a row, and it is as wide as `x` is long.
            let of_row = unsafe { a.part(row(r), j, V::LANES) };
            *sum = part.mul_add_fast(V::load(t, of_row), *sum);
        }
        j += V::LANES;
    }
    let tail = parts.remainder();
    if !tail.is_empty() {
        let part = V::load_partial(t, tail, zero);
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: as above.
            let of_row = unsafe { a.part(row(r), j, tail.len()) };
            *sum = part.mul_add_fast(V::load_partial(t, of_row, zero), *sum);
        }
    }
    sums
}

/// The same of the rows that are there, one after the other. They are whole lines.
///
/// That there may be fewer than eight keeps the compiler from a loop per row, which takes up to a third longer.
#[inline(always)]
fn row_by_row<V: Vector>(t: V::Token, a: Lines<'_, V::Elem>, first: usize, x: &[V::Elem]) -> [V; GROUP] {
    const { assert!(V::LANES * size_of::<V::Elem>() <= LINE) };
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = [zero; GROUP];
    for (sum, r) in sums.iter_mut().zip(first..a.count()) {
        for (k, part) in x.chunks_exact(V::LANES).enumerate() {
            // SAFETY: there is such a row, and it is as wide as `x` is long.
            let of_row = unsafe { a.part(r, k * V::LANES, V::LANES) };
            *sum = V::load(t, part).mul_add_fast(V::load(t, of_row), *sum);
        }
    }
    sums
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
