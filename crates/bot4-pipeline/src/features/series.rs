//! The indicators of any series over many values at a time, with vector kernels, and on from where `update` left.

use super::{Ema, RollingMax, RollingMeanVar, RollingMin};

impl Ema {
    /// Replaces each value by the average, as [`update`](Self::update) of one after the other gives it, to 1e-15 of
    /// the largest value for each number it remembers (1e-15 / alpha). Both forms can take turns. No allocation.
    ///
    /// ```
    /// use bot4_pipeline::features::Ema;
    ///
    /// let mut ema = Ema::of_span(3);
    /// let mut values = [8.0, 4.0, 4.0];
    /// ema.batch(&mut values);
    /// assert_eq!(values, [8.0, 6.0, 5.0]);
    /// assert_eq!(ema.update(7.0), 6.0);
    /// ```
    pub fn batch(&mut self, values: &mut [f64]) {
        let Some(&first) = values.first() else { return };
        let before = self.mean().unwrap_or(first);
        let last = bot4_simd::ema(values, self.alpha(), before);
        self.go_on_from(last);
    }
}

/// Whether a kernel does the same as the streaming form, which passes over numbers that are none.
fn are_numbers(values: &[f64]) -> bool {
    values.iter().fold(true, |all, x| all & !x.is_nan())
}

macro_rules! extreme {
    ($name:ident, $kernel:path, $which:literal, $values:literal, $results:literal) => {
        impl<const N: usize> $name<f64, N> {
            #[doc = concat!("Replaces each value by the ", $which, " of the last `N`, and by NaN before there are `N`: equal to")]
            /// [`update`](Self::update) of one after the other. Both forms can take turns.
            ///
            /// A batch of less than two windows or with a NaN in it is taken one by one; in others `2 N` values are. Best in
            /// batches that fit the nearest cache, as the kernel passes log2 `N` times. No allocation.
            ///
            /// ```
            #[doc = concat!("use bot4_pipeline::features::", stringify!($name), ";")]
            ///
            #[doc = concat!("let mut window = ", stringify!($name), "::<f64, 2>::new();")]
            #[doc = concat!("let mut values = ", $values, ";")]
            /// window.batch(&mut values);
            /// assert!(values[0].is_nan());
            #[doc = concat!("assert_eq!(values[1..], ", $results, ");")]
            /// ```
            pub fn batch(&mut self, values: &mut [f64]) {
                let one = |window: &mut Self, x: f64| window.update(x).unwrap_or(f64::NAN);
                if values.len() < 2 * N || !are_numbers(values) {
                    values.iter_mut().for_each(|x| *x = one(self, *x));
                    return;
                }
                let (mut head, mut tail) = ([0.0; N], [0.0; N]);
                head.copy_from_slice(&values[..N]);
                tail.copy_from_slice(&values[values.len() - N..]);
                $kernel(values, N);
                for (x, head) in values.iter_mut().zip(head) {
                    *x = one(self, head);
                }
                *self = Self::new();
                tail.into_iter().for_each(|x| _ = self.update(x));
            }
        }
    };
}

extreme!(RollingMin, bot4_simd::rolling_min, "smallest", "[4.0, 2.0, 9.0, 5.0]", "[2.0, 2.0, 5.0]");
extreme!(RollingMax, bot4_simd::rolling_max, "greatest", "[4.0, 2.0, 9.0, 5.0]", "[4.0, 9.0, 9.0]");

/// Numbers a kernel goes through at a time: with the moments they fit the nearest cache.
const PART: usize = 1 << 10;

impl<const N: usize> RollingMeanVar<N> {
    /// Mean and variance (divisor `N` - 1) after each value, NaN before there are `N`: what [`update`](Self::update) of
    /// one after the other gives, the mean to 1e-15 of the largest value and the variance to 1e-12 of itself. Both forms can take turns. No allocation.
    ///
    /// A batch of less than two windows is taken one by one, as is one of a window above 512 values or of values 2^53
    /// apart; in others `2 N` values are.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::RollingMeanVar;
    ///
    /// let mut moments = RollingMeanVar::<2>::new(1.0);
    /// let (mut mean, mut var) = ([0.0; 4], [0.0; 4]);
    /// moments.batch(&[1, 3, 7, 7], &mut mean, &mut var);
    /// assert!(mean[0].is_nan() && var[0].is_nan());
    /// assert_eq!((&mean[1..], &var[1..]), (&[2.0, 5.0, 7.0][..], &[2.0, 8.0, 0.0][..]));
    /// ```
    pub fn batch(&mut self, values: &[i64], mean: &mut [f64], var: &mut [f64]) {
        assert!(
            mean.len() == values.len() && var.len() == values.len(),
            "{} values, {} means and {} variances",
            values.len(),
            mean.len(),
            var.len()
        );
        let origin = values.first().copied().unwrap_or(0);
        if values.len() < 2 * N || N > PART / 2 || !are_near(values, origin) {
            self.one_by_one(values, mean, var);
            return;
        }
        // From the last part to the first: each leaves what is no full window in the places of the one before.
        let mut end = values.len();
        while end >= N {
            let from = end.saturating_sub(PART);
            self.part(&values[from..end], origin, &mut mean[from..end], &mut var[from..end]);
            if from == 0 {
                break;
            }
            end = from + N - 1;
        }
        self.one_by_one(&values[..N], &mut mean[..N], &mut var[..N]);
        values[values.len() - N..].iter().for_each(|&value| _ = self.update(value));
    }

    fn one_by_one(&mut self, values: &[i64], mean: &mut [f64], var: &mut [f64]) {
        for ((&value, mean), var) in values.iter().zip(mean).zip(var) {
            (*mean, *var) = self.update(value).unwrap_or((f64::NAN, f64::NAN));
        }
    }

    fn part(&self, values: &[i64], origin: i64, mean: &mut [f64], var: &mut [f64]) {
        let mut distances = [0.0; PART];
        let distances = &mut distances[..values.len()];
        for (distance, value) in distances.iter_mut().zip(values) {
            *distance = (value - origin) as f64;
        }
        bot4_simd::rolling_mean_var(distances, N, mean, var);
        let by_one_less = N as f64 / ((N - 1) as f64 * self.unit() * self.unit());
        for (mean, var) in mean.iter_mut().zip(var) {
            *mean = (origin as f64 + *mean) / self.unit();
            *var *= by_one_less;
        }
    }
}

/// Whether all distances from the first value are exact as floating-point numbers.
fn are_near(values: &[i64], origin: i64) -> bool {
    values.iter().fold(true, |all, value| all & (value.abs_diff(origin) < 1 << 53))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Batches of the given lengths, one after the other.
    fn cut<'a, T>(values: &'a [T], lengths: &[usize]) -> Vec<&'a [T]> {
        let (mut rest, mut parts) = (values, Vec::new());
        for &length in lengths.iter().cycle() {
            let (part, more) = rest.split_at(length.min(rest.len()));
            parts.push(part);
            rest = more;
            if rest.is_empty() {
                return parts;
            }
        }
        parts
    }

    fn same(a: f64, b: f64) -> bool {
        a == b || (a.is_nan() && b.is_nan())
    }

    fn extremes_equal<const N: usize>(values: &[f64], lengths: &[usize]) -> Result<(), TestCaseError> {
        let (mut low, mut high) = (RollingMin::<f64, N>::new(), RollingMax::<f64, N>::new());
        let (mut low_of_batches, mut high_of_batches) = (low.clone(), high.clone());
        for part in cut(values, lengths) {
            let (mut lows, mut highs) = (part.to_vec(), part.to_vec());
            low_of_batches.batch(&mut lows);
            high_of_batches.batch(&mut highs);
            for ((&x, got_low), got_high) in part.iter().zip(lows).zip(highs) {
                let expected = [low.update(x), high.update(x)].map(|x| x.unwrap_or(f64::NAN));
                prop_assert!(same(got_low, expected[0]), "{got_low} for {}", expected[0]);
                prop_assert!(same(got_high, expected[1]), "{got_high} for {}", expected[1]);
            }
        }
        Ok(())
    }

    fn moments_equal<const N: usize>(values: &[i64], lengths: &[usize]) -> Result<(), TestCaseError> {
        let mut streaming = RollingMeanVar::<N>::new(1e9);
        let mut batches = streaming.clone();
        let largest = values.iter().copied().max().unwrap_or(0) as f64 / 1e9;
        for part in cut(values, lengths) {
            let (mut means, mut vars) = (vec![0.0; part.len()], vec![0.0; part.len()]);
            batches.batch(part, &mut means, &mut vars);
            for ((&value, mean), var) in part.iter().zip(means).zip(vars) {
                let Some((expected, expected_var)) = streaming.update(value) else {
                    prop_assert!(mean.is_nan() && var.is_nan());
                    continue;
                };
                prop_assert!((mean - expected).abs() <= 1e-15 * largest, "{mean} for {expected}");
                let near = (var - expected_var).abs() <= 1e-12 * expected_var;
                prop_assert!(near, "a variance of {var} for {expected_var}");
            }
        }
        Ok(())
    }

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(prop_oneof![1..20_usize, 100..2_500_usize], 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn batches_of_extremes_equal_the_stream(
            values in prop::collection::vec(prop_oneof![200 => -1e3..1e3, 1 => Just(f64::NAN)], 0..4_000),
            lengths in lengths(),
        ) {
            extremes_equal::<1>(&values, &lengths)?;
            extremes_equal::<7>(&values, &lengths)?;
            extremes_equal::<64>(&values, &lengths)?;
            let numbers: Vec<_> = values.into_iter().filter(|x| !x.is_nan()).collect();
            extremes_equal::<7>(&numbers, &lengths)?;
            extremes_equal::<64>(&numbers, &lengths)?;
        }

        #[test]
        fn batches_of_moments_equal_the_stream(
            start in 1..100_000_000_000_000_i64,
            steps in prop::collection::vec(-10_000_000_000..10_000_000_000_i64, 0..4_000),
            lengths in lengths(),
        ) {
            let mut px = start;
            let values: Vec<i64> = steps.into_iter().map(|step| { px = (px + step).abs(); px }).collect();
            moments_equal::<2>(&values, &lengths)?;
            moments_equal::<20>(&values, &lengths)?;
            moments_equal::<64>(&values, &lengths)?;
            moments_equal::<600>(&values, &lengths)?;
        }

        #[test]
        fn batches_of_averages_equal_the_stream(
            values in prop::collection::vec(-1e3..1e3, 0..4_000), span in 1..400_u32, lengths in lengths(),
        ) {
            let mut streaming = Ema::of_span(span);
            let mut batches = streaming.clone();
            let tolerance = 1e-15 / streaming.alpha() * 1e3;
            for part in cut(&values, &lengths) {
                let mut means = part.to_vec();
                batches.batch(&mut means);
                for (&x, mean) in part.iter().zip(means) {
                    let expected = streaming.update(x);
                    prop_assert!((mean - expected).abs() <= tolerance, "{mean} for {expected}");
                }
            }
        }
    }

    #[test]
    fn values_too_far_apart_for_a_kernel_give_what_the_stream_gives() {
        let values: Vec<i64> = (0..64).map(|i| if i % 2 == 0 { i64::MIN } else { i64::MAX - i }).collect();
        let mut streaming = RollingMeanVar::<4>::new(1.0);
        let (mut mean, mut var) = ([0.0; 64], [0.0; 64]);
        streaming.clone().batch(&values, &mut mean, &mut var);
        for ((value, mean), var) in values.into_iter().zip(mean).zip(var) {
            let expected = streaming.update(value).unwrap_or((f64::NAN, f64::NAN));
            assert!(same(mean, expected.0) && same(var, expected.1));
        }
    }
}
