//! The matrix product, row-major: tiles of registers held over the inner loop, blocked as Goto and van de Geijn (2008) do.
//!
//! A result is `inner` multiply-adds in increasing order from zero, whatever tile or block it falls in, so it has the
//! same bits wherever its row and column stand.
//!
//! Small products read `b` where it stands. Larger ones copy a panel of it, [`DEPTH`] rows by the columns of one tile,
//! to the stack: there it lies in one piece in the first-level cache while a block of rows of `a`, which stays in the second,
//! goes by.

#![allow(unsafe_code)] // Parts of rows without a check each.

use super::lines::Lines;
use crate::element::Element;
use crate::vector::Vector;
use core::hint::black_box;
use core::mem::MaybeUninit;

/// Registers across the widest tile.
const ACROSS: usize = 3;
/// Rows of a panel: with the widest tile 24 KiB.
const DEPTH: usize = 128;
/// Rows of `a` that go by a panel: with its depth a quarter of a megabyte of f64.
const ROWS: usize = 256;
/// Registers of a `b` whose rows are one strip each, taken by four rows of `a`: fewer addresses than two strips by eight rows.
const WHOLE: usize = 4;
/// Numbers of `b` up to which it is read where it stands.
const IN_PLACE_MAX: usize = 32 * 32;

/// `c = a b`, where `a` is `rows x inner` and `b` is `inner x cols`.
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
    if inner == 0 {
        c.fill(V::Elem::ZERO);
    } else if (inner, cols) == (4, 4) {
        fours::<V>(t, a, b, c);
    } else if rows < 8 || stays_in_place::<V>(inner, cols) {
        in_place::<V>(t, a, b, c, Shape { rows, inner, cols });
    } else {
        packed::<V>(t, a, b, c, Shape { rows, inner, cols });
    }
}

/// Rows of four numbers, several to a register, times a square of four.
#[inline(always)]
fn fours<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], c: &mut [V::Elem]) {
    const { assert!(V::LANES.is_multiple_of(4)) };
    let b = [
        V::repeat_four(t, b),
        V::repeat_four(t, &b[4..]),
        V::repeat_four(t, &b[8..]),
        V::repeat_four(t, &b[12..]),
    ];
    let mut wide_a = a.chunks_exact(V::LANES);
    let mut wide_c = c.chunks_exact_mut(V::LANES);
    for (a, c) in (&mut wide_a).zip(&mut wide_c) {
        four_times(t, V::load(t, a), b).store(c);
    }
    let (a, c) = (wide_a.remainder(), wide_c.into_remainder());
    if !c.is_empty() {
        let a = V::load_partial(t, a, V::splat(t, V::Elem::ZERO));
        four_times(t, a, b).store_partial(c);
    }
}

#[inline(always)]
fn four_times<V: Vector>(t: V::Token, a: V, b: [V; 4]) -> V {
    let mut sum = V::splat(t, V::Elem::ZERO);
    for (a, b) in a.spread_fours().into_iter().zip(b) {
        sum = a.mul_add_fast(b, sum);
    }
    sum
}

/// Whether a `b` of these sizes is as well read where it stands: in whole registers (or less than one), and in the first-level
/// cache, which takes more when its rows are short and follow each other.
#[inline(always)]
fn stays_in_place<V: Vector>(inner: usize, cols: usize) -> bool {
    let most = if cols <= WHOLE * V::LANES { 4 * IN_PLACE_MAX } else { IN_PLACE_MAX };
    inner * cols <= most && (cols < V::LANES || cols.is_multiple_of(V::LANES))
}

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inner: usize,
    cols: usize,
}

/// Registers across the tiles of this register: as many as leave room for the sums of some rows. Of 16 registers two, by six rows: three
/// by four leave not one to spare, and the compiler needs one.
const fn across<V: Vector>() -> usize {
    match V::REGISTERS {
        32.. => ACROSS,
        16.. => 2,
        _ => 1,
    }
}

/// Registers of the next strip of a panel, of those left: never one behind a strip of three, whose few sums would wait for
/// each other.
#[inline(always)]
fn strip<V: Vector>(left: usize) -> usize {
    if left == 4 { 2 } else { left }.min(across::<V>())
}

#[inline(always)]
fn in_place<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], c: &mut [V::Elem], shape: Shape) {
    let Shape { rows, inner, cols } = shape;
    let a = Lines::new(a, inner, rows, inner);
    let b = Lines::new(b, cols, inner, cols);
    let mut j = 0;
    while j < cols {
        let left = (cols - j) / V::LANES;
        let registers = if left == WHOLE && V::REGISTERS >= 32 { WHOLE } else { strip::<V>(left) };
        let width = if registers == 0 { cols - j } else { registers * V::LANES };
        let out = Output { c: &mut c[j..], stride: cols, width, add: false };
        match registers {
            0 => {
                let zero = V::splat(t, V::Elem::ZERO);
                tiles::<V, 1>(
                    t,
                    a,
                    out,
                    #[inline(always)]
                    |k| {
                        // SAFETY: `tiles` asks for rows below the count of columns of `a`; the strip ends with the row.
                        let part = unsafe { b.part(k, j, width) };
                        [V::load_partial(t, part, zero)]
                    },
                );
            }
            1 => strip_times::<V, 1>(t, a, b, j, out),
            2 => strip_times::<V, 2>(t, a, b, j, out),
            ACROSS => strip_times::<V, ACROSS>(t, a, b, j, out),
            _ => strip_times::<V, WHOLE>(t, a, b, j, out),
        }
        j += width;
    }
}

/// `C` whole registers of columns of `b` from column `j` on.
#[inline(always)]
fn strip_times<V: Vector, const C: usize>(
    t: V::Token,
    a: Lines<'_, V::Elem>,
    b: Lines<'_, V::Elem>,
    j: usize,
    out: Output<'_, V::Elem>,
) {
    tiles::<V, C>(
        t,
        a,
        out,
        #[inline(always)]
        |k| {
            // SAFETY: `tiles` asks for rows below the count of columns of `a`, which `b` has; the caller's strip ends within the row.
            let part = unsafe { b.part(k, j, C * V::LANES) };
            load(t, part)
        },
    );
}

/// The first `C` registers of a row. Only constants index registers: anything else would move them to memory.
#[inline(always)]
fn load<V: Vector, const C: usize>(t: V::Token, row: &[V::Elem]) -> [V; C] {
    let row = &row[..C * V::LANES];
    let mut registers = [V::splat(t, V::Elem::ZERO); C];
    for (c, register) in registers.iter_mut().enumerate() {
        *register = V::load(t, &row[c * V::LANES..]);
    }
    registers
}

/// All of a row that ends within `C` registers, zeros behind it.
#[inline(always)]
fn load_edge<V: Vector, const C: usize>(t: V::Token, row: &[V::Elem]) -> [V; C] {
    let zero = V::splat(t, V::Elem::ZERO);
    let mut registers = [zero; C];
    for (c, register) in registers.iter_mut().enumerate() {
        let (start, end) = (c * V::LANES, (c + 1) * V::LANES);
        if end <= row.len() {
            *register = V::load(t, &row[start..]);
        } else if start < row.len() {
            *register = V::load_partial(t, &row[start..], zero);
        }
    }
    registers
}

/// Writes all of a row that ends within `C` registers.
#[inline(always)]
fn store<V: Vector, const C: usize>(registers: &[V; C], row: &mut [V::Elem]) {
    for (c, register) in registers.iter().enumerate() {
        let (start, end) = (c * V::LANES, (c + 1) * V::LANES);
        if end <= row.len() {
            register.store(&mut row[start..]);
        } else if start < row.len() {
            register.store_partial(&mut row[start..]);
        }
    }
}

/// Rows of a strip of `b`, copied.
type Panel<V> = [MaybeUninit<[V; ACROSS]>];

#[inline(always)]
fn packed<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], c: &mut [V::Elem], shape: Shape) {
    let Shape { rows, inner, cols } = shape;
    let mut panel = [const { MaybeUninit::uninit() }; DEPTH];
    for k in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - k);
        for i in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - i);
            let a = Lines::new(&a[i * inner + k..], inner, count, depth);
            let mut j = 0;
            while j < cols {
                let registers = strip::<V>((cols - j).div_ceil(V::LANES));
                let width = (registers * V::LANES).min(cols - j);
                pack::<V>(t, &b[k * cols + j..], cols, width, &mut panel[..depth]);
                let out = Output { c: &mut c[i * cols + j..], stride: cols, width, add: k > 0 };
                panel_times::<V>(t, a, &panel[..depth], out);
                j += width;
            }
        }
    }
}

/// Copies `width` columns, with zeros behind them up to a whole register, and fills the panel.
#[inline(always)]
fn pack<V: Vector>(t: V::Token, b: &[V::Elem], stride: usize, width: usize, panel: &mut Panel<V>) {
    if width == ACROSS * V::LANES {
        for (k, registers) in panel.iter_mut().enumerate() {
            registers.write(load(t, &b[k * stride..]));
        }
    } else {
        for (k, registers) in panel.iter_mut().enumerate() {
            registers.write(load_edge(t, &b[k * stride..][..width]));
        }
    }
}

/// `a` times a panel that [`pack`] filled, of as many rows as `a` has columns.
#[inline(always)]
fn panel_times<V: Vector>(t: V::Token, a: Lines<'_, V::Elem>, panel: &Panel<V>, out: Output<'_, V::Elem>) {
    assert!(panel.len() >= a.width());
    match out.width.div_ceil(V::LANES) {
        1 => panel_strip::<V, 1>(t, a, panel, out),
        2 => panel_strip::<V, 2>(t, a, panel, out),
        _ => panel_strip::<V, ACROSS>(t, a, panel, out),
    }
}

/// The first `C` registers of the panel.
#[inline(always)]
fn panel_strip<V: Vector, const C: usize>(
    t: V::Token,
    a: Lines<'_, V::Elem>,
    panel: &Panel<V>,
    out: Output<'_, V::Elem>,
) {
    tiles::<V, C>(
        t,
        a,
        out,
        #[inline(always)]
        |k| {
            // SAFETY: `tiles` asks for rows below the count of columns of `a`, and the panel has as many.
            let row = unsafe { panel.get_unchecked(k) };
            // SAFETY: `pack` wrote all rows of the panel.
            let row = unsafe { row.assume_init_ref() };
            let mut registers = [row[0]; C];
            for (c, register) in registers.iter_mut().enumerate() {
                *register = row[c];
            }
            registers
        },
    );
}

/// All rows, as many at a time as the registers hold; `b(k)` is row `k` of the columns, for `k` below the width of `a`.
#[inline(always)]
fn tiles<V: Vector, const C: usize>(
    t: V::Token,
    a: Lines<'_, V::Elem>,
    mut out: Output<'_, V::Elem>,
    b: impl Fn(usize) -> [V; C],
) {
    let mut i = 0;
    if V::REGISTERS >= 32 && C <= ACROSS || V::REGISTERS >= 16 && C == 1 {
        while i + 8 <= a.count() {
            tile::<V, 8, C>(t, a, i, &mut out, &b);
            i += 8;
        }
    }
    if V::REGISTERS == 16 && C == 2 {
        while i + 6 <= a.count() {
            tile::<V, 6, C>(t, a, i, &mut out, &b);
            i += 6;
        }
    }
    while i + 4 <= a.count() {
        tile::<V, 4, C>(t, a, i, &mut out, &b);
        i += 4;
    }
    while i < a.count() {
        tile::<V, 1, C>(t, a, i, &mut out, &b);
        i += 1;
    }
}

/// `R` rows from row `i` on.
#[inline(always)]
fn tile<V: Vector, const R: usize, const C: usize>(
    t: V::Token,
    a: Lines<'_, V::Elem>,
    i: usize,
    out: &mut Output<'_, V::Elem>,
    b: &impl Fn(usize) -> [V; C],
) {
    let mut sums = if out.add { out.load::<V, R, C>(t, i) } else { [[V::splat(t, V::Elem::ZERO); C]; R] };
    // The compiler shall not know that rows are equally far apart: it would add the distance row by row at each `k`, and the
    // additions take as many turns as the multiplications.
    let rows = black_box(a.lines::<R>(i));
    for k in 0..a.width() {
        let b = b(k);
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: each row is as long as `a` is wide.
            let a = V::splat(t, *unsafe { row.get_unchecked(k) });
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add_fast(b, *sum);
            }
        }
    }
    out.store(i, sums);
}

/// Where a column of tiles goes: the first `width` numbers of rows `stride` apart.
struct Output<'a, T> {
    c: &'a mut [T],
    stride: usize,
    width: usize,
    /// Whether the sums go on from what stands there.
    add: bool,
}

impl<T: Element> Output<'_, T> {
    /// What stands in `R` rows from row `i` on. The loop over a partial tile is too large to be unrolled, so it has an array of
    /// its own: it would move that of a whole one to memory.
    #[inline(always)]
    fn load<V: Vector<Elem = T>, const R: usize, const C: usize>(
        &self,
        t: V::Token,
        i: usize,
    ) -> [[V; C]; R] {
        let mut sums = [[V::splat(t, T::ZERO); C]; R];
        if self.width == C * V::LANES {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = load(t, &self.c[(i + r) * self.stride..]);
            }
            return sums;
        }
        let mut partial = sums;
        for (r, sums) in partial.iter_mut().enumerate() {
            *sums = load_edge(t, &self.c[(i + r) * self.stride..][..self.width]);
        }
        partial
    }

    #[inline(always)]
    fn store<V: Vector<Elem = T>, const R: usize, const C: usize>(&mut self, i: usize, sums: [[V; C]; R]) {
        if self.width == C * V::LANES {
            for (r, sums) in sums.iter().enumerate() {
                let row = &mut self.c[(i + r) * self.stride..][..C * V::LANES];
                for (c, sum) in sums.iter().enumerate() {
                    sum.store(&mut row[c * V::LANES..]);
                }
            }
            return;
        }
        let partial = sums;
        for (r, sums) in partial.iter().enumerate() {
            store(sums, &mut self.c[(i + r) * self.stride..][..self.width]);
        }
    }
}
