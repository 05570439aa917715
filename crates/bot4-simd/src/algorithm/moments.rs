//! Mean and variance in one pass over memory, block by block: deviations from a guess of the block's mean, blocks merged by the formula
//! of Chan, Golub and LeVeque (1979) in f64.

use super::reduce;
use crate::element::Element;
use crate::vector::Vector;

/// Numbers per block: 8 KiB of f64, a quarter of the smallest first-level cache, as a wrong guess costs a second pass over the block.
const BLOCK: usize = 1024;

/// Count, mean and sum of squared deviations.
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    #[inline(always)]
    fn merge(self, next: Moments) -> Moments {
        let count = self.count + next.count;
        let delta = next.mean - self.mean;
        let share = next.count / count;
        Moments {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + next.squares + delta * delta * self.count * share,
        }
    }
}

/// Mean and population variance, `None` of nothing.
#[inline(always)]
pub(crate) fn mean_var<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<(V::Elem, V::Elem)> {
    let mut blocks = x.chunks(BLOCK);
    let mut all = block::<V>(t, blocks.next()?);
    for next in blocks {
        all = all.merge(block::<V>(t, next));
    }
    Some((V::Elem::from_f64(all.mean), V::Elem::from_f64(all.squares / all.count)))
}

/// Deviations from a guess of the mean: their sum corrects the mean, and takes from the sum of their squares what the guess put in.
/// Where that would be most of it, and with it most of the bits that are right, they are taken once more from the mean itself.
#[inline(always)]
fn block<V: Vector>(t: V::Token, x: &[V::Elem]) -> Moments {
    let (moments, shifted) = about::<V>(t, x, guess::<V>(t, x));
    if moments.squares >= shifted * KEPT {
        return moments;
    }
    about::<V>(t, x, V::Elem::from_f64(moments.mean)).0
}

/// Of the sum of squares, at least so much has to be left.
pub(crate) const KEPT: f64 = 0.125;

/// The mean of a register or four from all over `x`; of all numbers where they are less than a register.
#[inline(always)]
fn guess<V: Vector>(t: V::Token, x: &[V::Elem]) -> V::Elem {
    let (len, lanes) = (x.len(), V::LANES as f64);
    let mean = if len >= 4 * V::LANES {
        let apart = len / 4;
        let low = V::load(t, x).add(V::load(t, &x[apart..]));
        let high = V::load(t, &x[2 * apart..]).add(V::load(t, &x[3 * apart..]));
        low.add(high).sum().into() / (4.0 * lanes)
    } else if len >= V::LANES {
        V::load(t, &x[(len - V::LANES) / 2..]).sum().into() / lanes
    } else {
        V::load_partial(t, x, V::splat(t, V::Elem::ZERO)).sum().into() / len as f64
    };
    V::Elem::from_f64(mean)
}

/// Moments by way of deviations from `shift`, and the sum of the squares of those.
#[inline(always)]
fn about<V: Vector>(t: V::Token, x: &[V::Elem], shift: V::Elem) -> (Moments, f64) {
    let count = x.len() as f64;
    let share = 1.0 / count; // while the sums are under way
    let (sum, squares) = deviations::<V>(t, x, shift);
    let (sum, shifted): (f64, f64) = (sum.into(), squares.into());
    let correction = sum * share;
    let mean: f64 = shift.into();
    let squares = shifted - sum * correction;
    // Not `max`: it would make a NaN zero.
    let squares = if squares < 0.0 { 0.0 } else { squares };
    (Moments { count, mean: mean + correction, squares }, shifted)
}

/// Sum and sum of squares of `x - shift`.
#[inline(always)]
fn deviations<V: Vector>(t: V::Token, x: &[V::Elem], shift: V::Elem) -> (V::Elem, V::Elem) {
    let (zero, shift) = (V::splat(t, V::Elem::ZERO), V::splat(t, shift));
    let [a, b, c, d] = reduce::fold(
        t,
        x,
        shift,
        (zero, zero),
        #[inline(always)]
        |(sum, squares): (V, V), v: V| {
            let d = v.sub(shift);
            (sum.add(d), d.mul_add_fast(d, squares))
        },
    );
    (reduce::total([a.0, b.0, c.0, d.0]), reduce::total([a.1, b.1, c.1, d.1]))
}

/// `(x - mean) * (1 / deviation)` with the slice's own moments; zeros where there is no spread.
#[inline(always)]
pub(crate) fn zscore<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
    let Some((mean, var)) = mean_var::<V>(t, x) else { return };
    let inv_std = if var == V::Elem::ZERO { V::Elem::ZERO } else { V::Elem::ONE / var.sqrt() };
    let (mean, inv_std) = (V::splat(t, mean), V::splat(t, inv_std));
    super::map::map::<V>(
        t,
        x,
        #[inline(always)]
        |v| v.sub(mean).mul(inv_std),
    );
}
