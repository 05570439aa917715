//! Mean and variance in one pass over memory: two passes over each block while it is in the first-level
//! cache, blocks merged by the formula of Chan, Golub and LeVeque (1979) in f64.

use super::reduce;
use crate::element::Element;
use crate::vector::Vector;

/// Numbers per block: 8 KiB of f64, a quarter of the smallest first-level cache.
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

/// The second pass also sums the deviations, which are zero but for the rounding of the mean: that
/// corrects both results.
#[inline(always)]
fn block<V: Vector>(t: V::Token, x: &[V::Elem]) -> Moments {
    let count = x.len() as f64;
    let near: f64 = reduce::sum::<V>(t, x).into() / count;
    let shift = V::Elem::from_f64(near);
    let (sum, squares) = deviations::<V>(t, x, shift);
    let (sum, squares): (f64, f64) = (sum.into(), squares.into());
    let correction = sum / count;
    let mean: f64 = shift.into();
    let squares = squares - sum * correction;
    // Not `max`: it would make a NaN zero.
    Moments { count, mean: mean + correction, squares: if squares < 0.0 { 0.0 } else { squares } }
}

/// Sum and sum of squares of `x - shift`.
#[inline(always)]
fn deviations<V: Vector>(t: V::Token, x: &[V::Elem], shift: V::Elem) -> (V::Elem, V::Elem) {
    let (zero, shift) = (V::splat(t, V::Elem::ZERO), V::splat(t, shift));
    let mut sums = [zero; 2];
    let mut squares = [zero; 2];
    let mut pairs = x.chunks_exact(2 * V::LANES);
    for pair in &mut pairs {
        for (k, part) in pair.chunks_exact(V::LANES).enumerate() {
            let d = V::load(t, part).sub(shift);
            sums[k] = sums[k].add(d);
            squares[k] = d.mul_add_fast(d, squares[k]);
        }
    }
    for part in pairs.remainder().chunks(V::LANES) {
        let d = V::load_partial(t, part, shift).sub(shift);
        sums[0] = sums[0].add(d);
        squares[0] = d.mul_add_fast(d, squares[0]);
    }
    (sums[0].add(sums[1]).sum(), squares[0].add(squares[1]).sum())
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
