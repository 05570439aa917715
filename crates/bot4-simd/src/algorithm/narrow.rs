//! The products of a batch with a few columns: inner products, each column copied to one piece first.
//!
//! In panels a column of one or two stands alone in a cache line, and a tile would compute the whole line.

use super::lines::Lines;
use crate::element::Element;
use crate::panels::line;
use crate::vector::Vector;

/// Rows that are multiplied together.
pub(super) const ROWS: usize = 8;
/// Numbers of the longest column.
pub(super) const INNER_MAX: usize = 512;

/// `y[i * cols + j] = bias[j] + row i of x . column j` for some of the columns of `y`, of at least [`ROWS`] rows of at most
/// [`INNER_MAX`] numbers. Product `k` is added to lane `k` modulo a line; lanes fold by halving.
#[inline(always)]
pub(super) fn columns<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    bias: &[V::Elem],
    x: Lines<'_, V::Elem>,
    y: &mut [V::Elem],
    cols: usize,
) {
    let mut column = [V::Elem::ZERO; INNER_MAX];
    let column = &mut column[..x.width()];
    for (j, bias) in bias.iter().enumerate() {
        for (to, row) in column.iter_mut().zip(a.chunks_exact(line::<V::Elem>())) {
            *to = row[j];
        }
        let mut from = 0;
        while from < x.count() {
            let first = from.min(x.count() - ROWS); // of the last rows some are done again
            let sums = dots::<V>(t, column, *bias, x.lines(first));
            for (sum, y) in sums.into_iter().zip(y[first * cols + j..].chunks_mut(cols)) {
                y[0] = sum;
            }
            from = first + ROWS;
        }
    }
}

#[inline(always)]
fn dots<V: Vector>(
    t: V::Token,
    column: &[V::Elem],
    bias: V::Elem,
    xs: [&[V::Elem]; ROWS],
) -> [V::Elem; ROWS] {
    const { assert!(line::<V::Elem>() <= 2 * V::LANES) };
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = lanes::<V>(t, column, 0, V::load_partial(t, &[bias], zero), xs);
    if V::LANES < line::<V::Elem>() {
        let upper = lanes::<V>(t, column, V::LANES, zero, xs);
        for (sum, upper) in sums.iter_mut().zip(upper) {
            *sum = sum.add(upper);
        }
    }
    V::sums(sums)
}

/// The lanes from lane `lowest` of a line on. Lanes past the end multiply -0 by +0, and adding -0 changes no sum.
#[inline(always)]
fn lanes<V: Vector>(
    t: V::Token,
    column: &[V::Elem],
    lowest: usize,
    start: V,
    xs: [&[V::Elem]; ROWS],
) -> [V; ROWS] {
    let mut sums = [start; ROWS];
    let mut k = lowest;
    while k + V::LANES <= column.len() {
        let w = V::load(t, &column[k..]);
        for (sum, x) in sums.iter_mut().zip(xs) {
            *sum = V::load(t, &x[k..]).mul_add_fast(w, *sum);
        }
        k += line::<V::Elem>();
    }
    if k < column.len() {
        let w = V::load_partial(t, &column[k..], V::splat(t, V::Elem::ZERO));
        let minus_zero = V::splat(t, -V::Elem::ZERO);
        for (sum, x) in sums.iter_mut().zip(xs) {
            *sum = V::load_partial(t, &x[k..column.len()], minus_zero).mul_add_fast(w, *sum);
        }
    }
    sums
}
