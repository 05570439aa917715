//! Mean and variance of the last values of an integer series, without drift.

/// Values of a batch whose distances are worked out together.
const TOGETHER: usize = 64;

/// Moments of the last `N` values.
///
/// A running sum in floating point drifts: each quote adds and takes away with a rounding error, and
/// after a day of quotes the variance (a small difference of large sums) is wrong. Here the values are
/// integers and so is what is kept of them, for distances d from the first value seen: their sum S, and
/// `N (sum of d^2) - S^2`, which is N (N - 1) times the variance. Where l leaves for d and S becomes S', that
/// changes by `(d - l) (N (d + l) - S - S')`: one product, exact in 128 bits, however long the day. Distances are
/// held below 2^61 / `N` (36 million currency units for a window of 64), so that nothing can overflow whatever
/// the input.
#[derive(Clone, Debug)]
pub(super) struct Rolling<const N: usize> {
    distances: [i64; N],
    next: usize,
    count: usize,
    origin: i64,
    sum: i64,
    /// N (N - 1) times the variance.
    spread: i128,
    /// `N` times the origin.
    total_of_origins: f64,
    /// What makes a mean of a total, and a variance of a spread, in the unit of the output.
    total_per_mean: f64,
    spread_per_var: f64,
}

impl<const N: usize> Rolling<N> {
    const BOUNDED: () = assert!(N >= 2 && N <= 1 << 16, "a window of 2 to 65,536 values");

    /// Largest distance from the first value that is kept exactly; a larger one counts as this.
    const DISTANCE_MAX: i64 = (1 << 61) / N as i64 - 1;

    /// `unit` is how many of the values' 1 make 1.0 of the moments.
    pub(super) const fn new(unit: f64) -> Self {
        const { Self::BOUNDED };
        Self {
            distances: [0; N],
            next: 0,
            count: 0,
            origin: 0,
            sum: 0,
            spread: 0,
            total_of_origins: 0.0,
            total_per_mean: N as f64 * unit,
            spread_per_var: (N * (N - 1)) as f64 * (unit * unit),
        }
    }

    /// Adds `value`, and takes away the one that leaves the window; says whether the window is full.
    #[inline(always)]
    pub(super) fn push(&mut self, value: i64) -> bool {
        let is_full = self.count == N || self.count_in(value);
        let (next, before) = (self.next, self.sum);
        let distance = Self::distance(value, self.origin);
        // Zero as long as the window is not full.
        let leaving = self.distances[next];
        let sum = before + (distance - leaving);
        self.spread += Self::step(distance, leaving, before + sum);
        self.sum = sum;
        self.next = Self::turn(next + 1);
        self.distances[next] = distance;
        is_full
    }

    /// The place after some places, at most a turn on.
    #[inline(always)]
    const fn turn(next: usize) -> usize {
        match N.is_power_of_two() {
            true => next & (N - 1),
            false if next >= N => next - N,
            false => next,
        }
    }

    /// From the first value, held to what is kept exactly.
    #[inline(always)]
    fn distance(value: i64, origin: i64) -> i64 {
        match value.checked_sub(origin) {
            Some(distance) if Self::is_near(distance) => distance,
            _ => Self::farthest(value < origin),
        }
    }

    #[inline(always)]
    const fn is_near(distance: i64) -> bool {
        distance.wrapping_add(Self::DISTANCE_MAX) as u64 <= 2 * Self::DISTANCE_MAX as u64
    }

    /// A call, so that the choice is a branch, which is always guessed.
    #[cold]
    const fn farthest(below: bool) -> i64 {
        if below { -Self::DISTANCE_MAX } else { Self::DISTANCE_MAX }
    }

    /// What a value that another leaves for adds to the spread, given the sum before and after, added.
    #[inline(always)]
    fn step(distance: i64, leaving: i64, sums: i64) -> i128 {
        i128::from(distance - leaving) * i128::from(N as i64 * (distance + leaving) - sums)
    }

    /// Adds each of `values` to a full window, and hands on the item that belongs to it, the sum and the spread.
    ///
    /// It walks along the window between two turns, where the window is a slice like the values. What does not wait for
    /// the sum is worked out for some values together, with vectors where the caller's instruction set has them.
    #[inline(always)]
    pub(super) fn push_each<I: Iterator>(
        &mut self,
        values: &[i64],
        mut items: I,
        mut each: impl FnMut(I::Item, i64, (i64, u64)),
    ) {
        debug_assert!(self.is_full(), "a window that is not full has no moments");
        let (origin, mut sum, mut spread) = (self.origin, self.sum, self.spread);
        let mut steps = [[0; TOGETHER]; 2];
        let mut rest = values;
        while !rest.is_empty() {
            let slots = &mut self.distances[self.next..];
            let (now, later) = rest.split_at(rest.len().min(slots.len()).min(TOGETHER));
            let [changes, scaled] = &mut steps;
            let places = changes.iter_mut().zip(scaled).zip(slots);
            for (((change, scaled), slot), &value) in places.zip(now) {
                let distance = Self::held(value, origin);
                let leaving = core::mem::replace(slot, distance);
                (*change, *scaled) = (distance - leaving, N as i64 * (distance + leaving));
            }
            let [changes, scaled] = &steps;
            for (&change, &scaled) in changes[..now.len()].iter().zip(scaled) {
                let Some(item) = items.next() else { break };
                let before = sum;
                sum += change;
                spread += i128::from(change) * i128::from(scaled - (before + sum));
                each(item, sum, ((spread >> 64) as i64, spread as u64));
            }
            self.next = Self::turn(self.next + now.len());
            rest = later;
        }
        (self.sum, self.spread) = (sum, spread);
    }

    /// As [`distance`](Self::distance), by choices in the place of branches.
    #[inline(always)]
    fn held(value: i64, origin: i64) -> i64 {
        let distance = value.wrapping_sub(origin);
        let overflows = (value ^ origin) & (value ^ distance) < 0;
        let farthest = if value < origin { -Self::DISTANCE_MAX } else { Self::DISTANCE_MAX };
        if Self::is_near(distance) & !overflows { distance } else { farthest }
    }

    /// Counts the values up to the full window, and takes the first one for the origin.
    #[inline]
    fn count_in(&mut self, value: i64) -> bool {
        if self.count == 0 {
            (self.origin, self.total_of_origins) = (value, value as f64 * N as f64);
        }
        self.count += 1;
        self.count == N
    }

    pub(super) const fn is_full(&self) -> bool {
        self.count == N
    }

    /// The sum of the distances.
    #[inline(always)]
    pub(super) const fn sum(&self) -> i64 {
        self.sum
    }

    /// N (N - 1) times the variance, as its upper and its lower half.
    #[inline(always)]
    pub(super) const fn spread(&self) -> (i64, u64) {
        ((self.spread >> 64) as i64, self.spread as u64)
    }

    #[inline(always)]
    pub(super) fn mean_of(&self, sum: i64) -> f64 {
        (self.total_of_origins + sum as f64) / self.total_per_mean
    }

    #[inline(always)]
    pub(super) fn var_of(&self, spread: (i64, u64)) -> f64 {
        to_f64(spread) / self.spread_per_var
    }

    /// Mean and variance (divisor N - 1) of a full window.
    #[inline(always)]
    pub(super) fn mean_var(&self) -> (f64, f64) {
        (self.mean_of(self.sum), self.var_of(self.spread()))
    }
}

/// The number of two halves, without the routine for 128 bits.
#[inline(always)]
pub(super) fn to_f64((upper, lower): (i64, u64)) -> f64 {
    const TWO_TO_64: f64 = (1_u128 << 64) as f64;
    upper as f64 * TWO_TO_64 + lower as f64
}

/// The number nearest to one of 128 bits, or the next to it: the routine for them takes longer.
#[inline(always)]
pub(super) fn real(x: i128) -> f64 {
    const TWO_TO_64: f64 = (1_u128 << 64) as f64;
    let magnitude = x.unsigned_abs();
    let real = (magnitude >> 64) as u64 as f64 * TWO_TO_64 + magnitude as u64 as f64;
    if x < 0 { -real } else { real }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two passes over the window.
    fn two_passes(window: &[i64]) -> (f64, f64) {
        let n = window.len() as f64;
        let origin = window[0];
        let mean = window.iter().map(|&x| (x - origin) as f64).sum::<f64>() / n;
        let var = window.iter().map(|&x| ((x - origin) as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (origin as f64 + mean, var)
    }

    #[test]
    fn the_number_of_128_bits_is_the_nearest_or_next_to_it() {
        let edges =
            [0, 1, 7, (1 << 53) + 1, u64::MAX.into(), 1 << 64, (1 << 64) + 4_097, 3 << 116, i128::MAX];
        for x in edges.into_iter().flat_map(|x| [x, -x]).chain([i128::MIN]) {
            let expected = x as f64;
            let found = real(x);
            assert!((found - expected).abs() <= expected.abs() * f64::EPSILON, "{x}: {found} for {expected}");
        }
    }

    #[test]
    fn nothing_before_the_window_is_full() {
        let mut rolling = Rolling::<4>::new(1.0);
        for value in 0..3 {
            assert!(!rolling.push(value) && !rolling.is_full());
        }
        assert!(rolling.push(3) && rolling.is_full());
        assert_eq!(rolling.mean_var(), (1.5, 5.0 / 3.0));
    }

    #[test]
    fn a_constant_price_has_exactly_no_variance_after_a_long_wild_day() {
        let mut rolling = Rolling::<64>::new(1.0);
        let mut price = 61_837_630_000_000_i64;
        for step in 0..1_000_000_i64 {
            price += (step * 2_654_435_761) % 2_000_003 - 1_000_001;
            rolling.push(price);
        }
        assert!((0..64).all(|_| rolling.push(7)));
        assert_eq!(rolling.mean_var(), (7.0, 0.0));
    }

    proptest! {
        #[test]
        fn equals_two_passes(values in prop::collection::vec(-1_000_000_000_000..1_000_000_000_000_i64, 8..200)) {
            let mut rolling = Rolling::<8>::new(1.0);
            for (i, &value) in values.iter().enumerate() {
                if rolling.push(value) {
                    let (mean, var) = rolling.mean_var();
                    let (mean_expected, var_expected) = two_passes(&values[i - 7..=i]);
                    prop_assert!((mean - mean_expected).abs() <= 1e-3);
                    prop_assert!((var - var_expected).abs() <= 1e-9 * var_expected);
                }
            }
        }

        #[test]
        fn any_values_are_finite(values: Vec<i64>) {
            let mut rolling = Rolling::<8>::new(1.0);
            for value in values {
                if rolling.push(value) {
                    let (mean, var) = rolling.mean_var();
                    prop_assert!(mean.is_finite() && var.is_finite() && var >= 0.0);
                }
            }
        }
    }
}
