//! Mean and variance of the last values of an integer series, without drift.

/// Sums over the last `N` values.
///
/// A running sum in floating point drifts: each quote adds and takes away with a rounding error, and
/// after a day of quotes the variance (a small difference of large sums) is wrong. Here the values are
/// integers and so are the sums, of distances from the first value seen: adding and taking away
/// cancel exactly, however long the day. Distances are held to 2^62 / `N` (72 million currency units for
/// a window of 64), so that no sum can overflow whatever the input.
#[derive(Clone, Debug)]
pub(super) struct Rolling<const N: usize> {
    distances: [i64; N],
    next: usize,
    count: usize,
    origin: i64,
    sum: i64,
    sum_of_squares: i128,
}

impl<const N: usize> Rolling<N> {
    const BOUNDED: () = assert!(N >= 2 && N <= 1 << 16, "a window of 2 to 65,536 values");

    /// Largest distance from the first value that is kept exactly; a larger one counts as this.
    const DISTANCE_MAX: i64 = (1 << 62) / N as i64;

    pub(super) const fn new() -> Self {
        const { Self::BOUNDED };
        Self { distances: [0; N], next: 0, count: 0, origin: 0, sum: 0, sum_of_squares: 0 }
    }

    /// Adds `value`, and takes away the one that leaves the window.
    #[inline]
    pub(super) fn push(&mut self, value: i64) {
        if self.count == 0 {
            self.origin = value;
        }
        let distance = value.saturating_sub(self.origin).clamp(-Self::DISTANCE_MAX, Self::DISTANCE_MAX);
        // Zero as long as the window is not full.
        let leaving = core::mem::replace(&mut self.distances[self.next % N], distance);
        self.next = (self.next + 1) % N;
        self.count += usize::from(self.count < N);
        self.sum += distance - leaving;
        // The difference of the squares.
        self.sum_of_squares += i128::from(distance - leaving) * i128::from(distance + leaving);
    }

    /// Mean and variance (divisor N - 1) once the window is full.
    #[inline]
    pub(super) fn mean_var(&self) -> Option<(f64, f64)> {
        if self.count < N {
            return None;
        }
        let mean = self.origin as f64 + self.sum as f64 / N as f64;
        // (2^62)^2 at most, as the sum is at most N times the distance.
        let spread = (N as i128) * self.sum_of_squares - i128::from(self.sum) * i128::from(self.sum);
        Some((mean, to_f64(spread) / (N * (N - 1)) as f64))
    }
}

/// Converts a sum of squares; small ones, which is nearly all, without the 128-bit routine.
#[inline]
fn to_f64(value: i128) -> f64 {
    i64::try_from(value).map_or_else(|_| value as f64, |value| value as f64)
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
    fn nothing_before_the_window_is_full() {
        let mut rolling = Rolling::<4>::new();
        for value in 0..3 {
            rolling.push(value);
            assert_eq!(rolling.mean_var(), None);
        }
        rolling.push(3);
        assert_eq!(rolling.mean_var(), Some((1.5, 5.0 / 3.0)));
    }

    #[test]
    fn a_constant_price_has_exactly_no_variance_after_a_long_wild_day() {
        let mut rolling = Rolling::<64>::new();
        let mut price = 61_837_630_000_000_i64;
        for step in 0..1_000_000_i64 {
            price += (step * 2_654_435_761) % 2_000_003 - 1_000_001;
            rolling.push(price);
        }
        (0..64).for_each(|_| rolling.push(7));
        assert_eq!(rolling.mean_var(), Some((7.0, 0.0)));
    }

    proptest! {
        #[test]
        fn equals_two_passes(values in prop::collection::vec(-1_000_000_000_000..1_000_000_000_000_i64, 8..200)) {
            let mut rolling = Rolling::<8>::new();
            for (i, &value) in values.iter().enumerate() {
                rolling.push(value);
                if let Some((mean, var)) = rolling.mean_var() {
                    let (mean_expected, var_expected) = two_passes(&values[i - 7..=i]);
                    prop_assert!((mean - mean_expected).abs() <= 1e-3);
                    prop_assert!((var - var_expected).abs() <= 1e-9 * var_expected);
                }
            }
        }

        #[test]
        fn any_values_are_finite(values: Vec<i64>) {
            let mut rolling = Rolling::<8>::new();
            for value in values {
                rolling.push(value);
                if let Some((mean, var)) = rolling.mean_var() {
                    prop_assert!(mean.is_finite() && var.is_finite() && var >= 0.0);
                }
            }
        }
    }
}
