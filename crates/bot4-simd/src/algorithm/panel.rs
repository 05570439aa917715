//! Products with a matrix in panels: a layer of a neural network, for one row or a batch.
//!
//! An output is summed in chains, product `k` going to chain `k mod C`, and the chains are added by halving.
//! `C` follows from the width of the output's panel, so that one register of outputs keeps as many additions in flight as
//! eight; where a panel has a few outputs only, each is an inner product, with as many chains as a line has numbers. The bits
//! depend neither on how many rows are computed at once nor on the width of a register.

#![allow(unsafe_code)] // Numbers of rows without a check each.

use super::lines::Lines;
use super::narrow;
use crate::element::Element;
use crate::panels::{PANEL_LINES, line};
use crate::vector::Vector;
use core::hint::black_box;

/// `y = bias + x A` for one row.
#[inline(always)]
pub(crate) fn gemv<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    bias: &[V::Elem],
    x: &[V::Elem],
    y: &mut [V::Elem],
) {
    gemm::<V>(t, a, bias, x, 1, x.len(), y, y.len());
}

/// `y = bias + x A` for `rows` rows of `inner` numbers.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // three matrices and their sizes
pub(crate) fn gemm<V: Vector>(
    t: V::Token,
    a: &[V::Elem],
    bias: &[V::Elem],
    x: &[V::Elem],
    rows: usize,
    inner: usize,
    y: &mut [V::Elem],
    cols: usize,
) {
    let panel = PANEL_LINES * line::<V::Elem>();
    let x = Lines::new(x, inner, rows, inner);
    let mut first = 0;
    let mut rest = a;
    while first + panel <= bias.len() {
        let (head, tail) = rest.split_at(inner * panel);
        wide::<V>(t, Panel { a: head, bias: &bias[first..], first }, x, y, cols);
        (rest, first) = (tail, first + panel);
    }
    let last = Panel { a: rest, bias: &bias[first..], first };
    match (bias.len() - first) / line::<V::Elem>() {
        3 => three::<V>(t, last, x, y, cols),
        2 => two::<V>(t, last, x, y, cols),
        1 if cols - first <= NARROW => few::<V>(t, last, x, y, cols),
        1 => one::<V>(t, last, x, y, cols),
        _ => {}
    }
}

/// Outputs of a panel up to which each is better an inner product.
const NARROW: usize = 4;

/// All rows of a panel of a few outputs, by as many chains as a line has numbers.
#[inline(always)]
fn few<V: Vector>(t: V::Token, p: Panel<'_, V::Elem>, x: Lines<'_, V::Elem>, y: &mut [V::Elem], cols: usize) {
    if V::TILES && x.count() >= narrow::ROWS && x.width() <= narrow::INNER_MAX {
        narrow::columns::<V>(t, p.a, &p.bias[..cols - p.first], x, &mut y[p.first..], cols);
    } else if line::<V::Elem>() == 16 {
        rows::<V, 1, 1, 16, 8, 1>(t, p, x, y, cols, 0);
    } else {
        rows::<V, 1, 1, 8, 8, 1>(t, p, x, y, cols, 0);
    }
}

/// A panel's numbers, the biases from its first column on, and that column.
#[derive(Clone, Copy)]
struct Panel<'a, T> {
    a: &'a [T],
    bias: &'a [T],
    first: usize,
}

/// Whether a register is a whole cache line: then there are thirty-two of them, else sixteen, of which two make a line.
#[inline(always)]
const fn full_line<V: Vector>() -> bool {
    V::LANES == line::<V::Elem>()
}

/// All rows of a panel of so many lines by so many chains: as many rows and registers at once as there are registers for
/// their sums, then row by row. In the widest panels a tile has one chain at a time and so twice the sums: fewer loads a
/// product.
macro_rules! panel {
    ($name:ident, $lines:literal, $chains:literal, $tile_chains:literal,
     [$wide:literal x $wide_rows:literal], [$narrow:literal x $narrow_rows:literal]) => {
        #[inline(always)]
        fn $name<V: Vector>(
            t: V::Token,
            p: Panel<'_, V::Elem>,
            x: Lines<'_, V::Elem>,
            y: &mut [V::Elem],
            cols: usize,
        ) {
            if !V::TILES {
                rows::<V, $lines, 1, $chains, $chains, 1>(t, p, x, y, cols, 0);
                return;
            }
            let done = if full_line::<V>() {
                rows::<V, $lines, $wide, $chains, $tile_chains, $wide_rows>(t, p, x, y, cols, 0)
            } else {
                rows::<V, $lines, $narrow, $chains, $tile_chains, $narrow_rows>(t, p, x, y, cols, 0)
            };
            rows::<V, $lines, $lines, $chains, $chains, 1>(t, p, x, y, cols, done);
        }
    };
}

panel!(wide, 4, 2, 1, [4 x 6], [2 x 6]);
panel!(three, 3, 2, 2, [3 x 4], [3 x 2]);
panel!(two, 2, 4, 4, [2 x 3], [1 x 3]);
panel!(one, 1, 8, 8, [1 x 3], [1 x 1]);

/// Rows from `from` on, `N` at a time, of a panel of `LINES` lines: `R` registers by `C` chains, `P` of them at a time.
/// Returns the first row not done. Of several rows that are left over the last `N` are done, some of them again: rows one by
/// one would read the panel as often.
#[inline(always)]
fn rows<V: Vector, const LINES: usize, const R: usize, const C: usize, const P: usize, const N: usize>(
    t: V::Token,
    p: Panel<'_, V::Elem>,
    x: Lines<'_, V::Elem>,
    y: &mut [V::Elem],
    cols: usize,
    mut from: usize,
) -> usize {
    while let Some(first) = next::<N>(from, x.count()) {
        let mut at = 0;
        while at < LINES * line::<V::Elem>() && p.first + at < cols {
            let sums = tile::<V, LINES, R, C, P, N>(t, p, at, x, first);
            for (n, sums) in sums.into_iter().enumerate() {
                store::<V, R>(sums, &mut y[(first + n) * cols..][..cols][p.first + at..]);
            }
            at += R * V::LANES;
        }
        from = first + N;
    }
    from
}

/// Where the next `N` of `rows` rows begin, those before `from` being done.
#[inline(always)]
fn next<const N: usize>(from: usize, rows: usize) -> Option<usize> {
    if from + N <= rows {
        Some(from)
    } else if from + 1 < rows && N <= rows {
        Some(rows - N)
    } else {
        None
    }
}

/// `R` registers of outputs, from column `at` of the panel on, of `N` rows from row `from` on. `P` chains at a time:
/// all of them, or the lower half and then the upper, each added to its partner.
#[inline(always)]
fn tile<V: Vector, const LINES: usize, const R: usize, const C: usize, const P: usize, const N: usize>(
    t: V::Token,
    p: Panel<'_, V::Elem>,
    at: usize,
    x: Lines<'_, V::Elem>,
    from: usize,
) -> [[V; R]; N] {
    const { assert!(P == C || 2 * P == C) };
    let mut xs = x.lines::<N>(from);
    if N > 1 {
        // The compiler shall not know that rows are equally far apart: it would add the distance row by row in each turn.
        xs = black_box(xs);
    }
    let zero = [V::splat(t, V::Elem::ZERO); R];
    let mut sums = chains::<V, LINES, R, C, P, N>(t, p, at, xs, 0, load::<V, R>(t, &p.bias[at..]));
    if P < C {
        let upper = chains::<V, LINES, R, C, P, N>(t, p, at, xs, P, zero);
        for (sums, upper) in sums.iter_mut().zip(upper) {
            add::<V, R, P>(sums, upper);
        }
    }
    fold::<V, R, P, N>(sums)
}

/// The sums of `P` chains from chain `lowest` on, of which that one begins with `start`.
#[inline(always)]
fn chains<V: Vector, const LINES: usize, const R: usize, const C: usize, const P: usize, const N: usize>(
    t: V::Token,
    p: Panel<'_, V::Elem>,
    at: usize,
    xs: [&[V::Elem]; N],
    lowest: usize,
    start: [V; R],
) -> [[[V; R]; P]; N] {
    let width = LINES * line::<V::Elem>();
    let mut sums = [[[V::splat(t, V::Elem::ZERO); R]; P]; N];
    for chains in &mut sums {
        chains[0] = start;
    }
    let inner = xs[0].len();
    let (grouped, rest) = p.a.split_at((inner - inner % C) * width);
    for (g, part) in grouped.chunks_exact(C * width).enumerate() {
        for c in 0..P {
            let w = load::<V, R>(t, &part[(lowest + c) * width + at..]);
            for (chains, x) in sums.iter_mut().zip(xs) {
                // SAFETY: each row has `inner` numbers, and there are `inner / C` chunks.
                let x = unsafe { *x.get_unchecked(g * C + lowest + c) };
                step::<V, R>(t, x, w, &mut chains[c]);
            }
        }
    }
    for c in 0..P {
        if lowest + c < inner % C {
            let w = load::<V, R>(t, &rest[(lowest + c) * width + at..]);
            for (chains, x) in sums.iter_mut().zip(xs) {
                step::<V, R>(t, x[inner - inner % C + lowest + c], w, &mut chains[c]);
            }
        }
    }
    sums
}

#[inline(always)]
fn step<V: Vector, const R: usize>(t: V::Token, x: V::Elem, w: [V; R], sums: &mut [V; R]) {
    let x = V::splat(t, x);
    for (sum, w) in sums.iter_mut().zip(w) {
        *sum = x.mul_add_fast(w, *sum);
    }
}

/// Adds each chain to its partner.
#[inline(always)]
fn add<V: Vector, const R: usize, const P: usize>(sums: &mut [[V; R]; P], others: [[V; R]; P]) {
    for (sums, others) in sums.iter_mut().zip(others) {
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum = sum.add(other);
        }
    }
}

/// Adds the chains by halving.
#[inline(always)]
fn fold<V: Vector, const R: usize, const P: usize, const N: usize>(
    mut sums: [[[V; R]; P]; N],
) -> [[V; R]; N] {
    for chains in &mut sums {
        let mut half = P / 2;
        while half > 0 {
            for c in 0..half {
                let upper = chains[c + half];
                for (sum, other) in chains[c].iter_mut().zip(upper) {
                    *sum = sum.add(other);
                }
            }
            half /= 2;
        }
    }
    let mut outputs = [sums[0][0]; N];
    for (output, chains) in outputs.iter_mut().zip(sums) {
        *output = chains[0];
    }
    outputs
}

#[inline(always)]
fn load<V: Vector, const R: usize>(t: V::Token, from: &[V::Elem]) -> [V; R] {
    let mut registers = [V::splat(t, V::Elem::ZERO); R];
    for (register, part) in registers.iter_mut().zip(from[..R * V::LANES].chunks_exact(V::LANES)) {
        *register = V::load(t, part);
    }
    registers
}

/// Writes what of the registers falls into `to`.
#[inline(always)]
fn store<V: Vector, const R: usize>(registers: [V; R], to: &mut [V::Elem]) {
    if to.len() >= R * V::LANES {
        for (register, part) in registers.into_iter().zip(to.chunks_exact_mut(V::LANES)) {
            register.store(part);
        }
    } else {
        for (register, part) in registers.into_iter().zip(to.chunks_mut(V::LANES)) {
            if part.len() == V::LANES { register.store(part) } else { register.store_partial(part) }
        }
    }
}
