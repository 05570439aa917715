//! The matrix product, row-major: tiles of registers held over the inner loop, blocked as Goto and van de Geijn (2008) do.
//!
//! A result is `inner` multiply-adds in increasing order from zero, whatever tile or block it falls in, so it has the
//! same bits wherever its row and column stand.
//!
//! Small products read `b` where it stands. Larger ones copy a panel of it, [`DEPTH`] rows by the columns of one tile,
//! to the stack: there it lies in one piece in the first-level cache while a block of rows of `a`, which stays in the second,
//! goes by.

use crate::element::Element;
use crate::vector::Vector;

/// Registers across the widest tile.
const ACROSS: usize = 3;
/// Rows of a panel: with the widest tile 24 KiB.
const DEPTH: usize = 128;
/// Rows of `a` that go by a panel: with its depth a quarter of a megabyte of f64.
const ROWS: usize = 256;
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
    } else if inner * cols <= IN_PLACE_MAX || rows < 8 {
        in_place::<V>(t, a, b, c, Shape { rows, inner, cols });
    } else {
        packed::<V>(t, a, b, c, Shape { rows, inner, cols });
    }
}

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inner: usize,
    cols: usize,
}

/// Registers across the tiles of this register: as many as leave room for the sums of some rows.
const fn across<V: Vector>() -> usize {
    if V::REGISTERS < 16 { 1 } else { ACROSS }
}

#[inline(always)]
fn in_place<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], c: &mut [V::Elem], shape: Shape) {
    let Shape { rows, inner, cols } = shape;
    let a = Rows { a, stride: inner, count: rows, depth: inner };
    let zero = V::splat(t, V::Elem::ZERO);
    let mut j = 0;
    while j < cols {
        let registers = ((cols - j) / V::LANES).min(across::<V>());
        let width = if registers == 0 { cols - j } else { registers * V::LANES };
        let out = Output { c: &mut c[j..], stride: cols, width, add: false };
        match registers {
            0 => tiles::<V, 1>(
                t,
                a,
                out,
                #[inline(always)]
                |k| [V::load_partial(t, &b[k * cols + j..][..width], zero)],
            ),
            1 => tiles::<V, 1>(
                t,
                a,
                out,
                #[inline(always)]
                |k| load(t, &b[k * cols + j..][..width]),
            ),
            2 => tiles::<V, 2>(
                t,
                a,
                out,
                #[inline(always)]
                |k| load(t, &b[k * cols + j..][..width]),
            ),
            _ => tiles::<V, ACROSS>(
                t,
                a,
                out,
                #[inline(always)]
                |k| load(t, &b[k * cols + j..][..width]),
            ),
        }
        j += width;
    }
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

#[inline(always)]
fn packed<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], c: &mut [V::Elem], shape: Shape) {
    let Shape { rows, inner, cols } = shape;
    let mut panel = [[V::splat(t, V::Elem::ZERO); ACROSS]; DEPTH];
    for k in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - k);
        for i in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - i);
            let a = Rows { a: &a[i * inner + k..], stride: inner, count, depth };
            for j in (0..cols).step_by(across::<V>() * V::LANES) {
                let width = (across::<V>() * V::LANES).min(cols - j);
                pack::<V>(t, &b[k * cols + j..], cols, width, &mut panel[..depth]);
                let out = Output { c: &mut c[i * cols + j..], stride: cols, width, add: k > 0 };
                panel_times::<V>(t, a, &panel[..depth], out);
            }
        }
    }
}

/// Copies `width` columns, with zeros behind them up to a whole register.
#[inline(always)]
fn pack<V: Vector>(t: V::Token, b: &[V::Elem], stride: usize, width: usize, panel: &mut [[V; ACROSS]]) {
    if width == ACROSS * V::LANES {
        for (k, registers) in panel.iter_mut().enumerate() {
            *registers = load(t, &b[k * stride..]);
        }
    } else {
        for (k, registers) in panel.iter_mut().enumerate() {
            *registers = load_edge(t, &b[k * stride..][..width]);
        }
    }
}

#[inline(always)]
fn panel_times<V: Vector>(
    t: V::Token,
    a: Rows<'_, V::Elem>,
    panel: &[[V; ACROSS]],
    out: Output<'_, V::Elem>,
) {
    // So that the loop of a tile need not check `k`.
    let panel = &panel[..a.depth];
    match out.width.div_ceil(V::LANES) {
        1 => tiles::<V, 1>(
            t,
            a,
            out,
            #[inline(always)]
            |k| [panel[k][0]],
        ),
        2 => tiles::<V, 2>(
            t,
            a,
            out,
            #[inline(always)]
            |k| [panel[k][0], panel[k][1]],
        ),
        _ => tiles::<V, ACROSS>(
            t,
            a,
            out,
            #[inline(always)]
            |k| panel[k],
        ),
    }
}

/// Rows of `depth` numbers, `stride` apart.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    a: &'a [T],
    stride: usize,
    count: usize,
    depth: usize,
}

/// Where a column of tiles goes: the first `width` numbers of rows `stride` apart.
struct Output<'a, T> {
    c: &'a mut [T],
    stride: usize,
    width: usize,
    /// Whether the sums go on from what stands there.
    add: bool,
}

/// All rows, as many at a time as the registers hold; `b(k)` is row `k` of the columns.
#[inline(always)]
fn tiles<V: Vector, const C: usize>(
    t: V::Token,
    a: Rows<'_, V::Elem>,
    mut out: Output<'_, V::Elem>,
    b: impl Fn(usize) -> [V; C],
) {
    let mut i = 0;
    if V::REGISTERS >= 32 || V::REGISTERS >= 16 && C == 1 {
        while i + 8 <= a.count {
            tile::<V, 8, C>(t, a, i, &mut out, &b);
            i += 8;
        }
    }
    while i + 4 <= a.count {
        tile::<V, 4, C>(t, a, i, &mut out, &b);
        i += 4;
    }
    while i < a.count {
        tile::<V, 1, C>(t, a, i, &mut out, &b);
        i += 1;
    }
}

/// `R` rows from row `i` on.
#[inline(always)]
fn tile<V: Vector, const R: usize, const C: usize>(
    t: V::Token,
    a: Rows<'_, V::Elem>,
    i: usize,
    out: &mut Output<'_, V::Elem>,
    b: &impl Fn(usize) -> [V; C],
) {
    let mut rows = [&a.a[..0]; R];
    let mut sums = [[V::splat(t, V::Elem::ZERO); C]; R];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &a.a[(i + r) * a.stride..][..a.depth];
    }
    // A loop of its own: it is too large to be unrolled, and with `rows` in it their lengths would be forgotten, be checked
    // at each `k`, and keep the sums in memory.
    if out.add {
        for (r, sums) in sums.iter_mut().enumerate() {
            *sums = load_edge(t, &out.c[(i + r) * out.stride..][..out.width]);
        }
    }
    for k in 0..a.depth {
        let b = b(k);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let a = V::splat(t, row[k]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add_fast(b, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        store(sums, &mut out.c[(i + r) * out.stride..][..out.width]);
    }
}
