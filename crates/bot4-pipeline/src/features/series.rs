//! The indicators of any series over many values at a time, with vector kernels, and on from where `update` left.

use bot4_simd::{Isa, Kernels, Program};

use super::bollinger::bands;
use super::rolling::{Rolling, to_f64};
use super::{Bands, Bollinger, Ema, RollingMeanVar, RollingStd};

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

/// Numbers whose moments are worked on together: they fit the nearest cache.
const PART: usize = 1 << 9;

/// Sums and spreads of a window after each of up to [`PART`] values, on their way to becoming numbers.
struct Moments {
    sums: [i64; PART],
    upper: [i64; PART],
    lower: [u64; PART],
}

impl Moments {
    const fn new() -> Self {
        Self { sums: [0; PART], upper: [0; PART], lower: [0; PART] }
    }
}

/// The moments of some values, which `one` makes a result of; the results go to `out`.
struct Part<'a, R, const N: usize, const WIDTH: usize> {
    window: &'a mut Rolling<N>,
    moments: &'a mut Moments,
    values: &'a [i64],
    one: R,
    out: [&'a mut [f64]; WIDTH],
}

impl<R, const N: usize, const WIDTH: usize> Program for Part<'_, R, N, WIDTH>
where
    R: Fn(&Rolling<N>, i64, (i64, u64)) -> [f64; WIDTH],
{
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) {
        let Self { window, moments: Moments { sums, upper, lower }, values, one, out } = self;
        let n = values.len();
        let places = sums[..n].iter_mut().zip(&mut upper[..n]).zip(&mut lower[..n]);
        window.push_each(values, places, |((to, upper), lower), sum, spread| {
            (*to, (*upper, *lower)) = (sum, spread);
        });
        let out = out.map(|column| &mut column[..n]);
        let moments = sums[..n].iter().zip(upper[..n].iter().zip(&lower[..n])).enumerate();
        for (i, (&sum, (&upper, &lower))) in moments {
            let results = one(window, sum, (upper, lower));
            for j in 0..WIDTH {
                out[j][i] = results[j];
            }
        }
    }
}

/// The results of `one` after each value, NaN before the window is full.
#[inline(always)]
fn moments<const N: usize, const WIDTH: usize>(
    window: &mut Rolling<N>,
    values: &[i64],
    out: [&mut [f64]; WIDTH],
    one: impl Fn(&Rolling<N>, i64, (i64, u64)) -> [f64; WIDTH] + Copy,
) {
    for column in &out {
        assert!(column.len() == values.len(), "{} values, room for {}", values.len(), column.len());
    }
    let mut out = out;
    let mut done = 0;
    while done < values.len() && !window.is_full() {
        let is_full = window.push(values[done]);
        let results = if is_full { one(window, window.sum(), window.spread()) } else { [f64::NAN; WIDTH] };
        out.iter_mut().zip(results).for_each(|(column, result)| column[done] = result);
        done += 1;
    }
    let mut moments = Moments::new();
    for values in values[done..].chunks(PART) {
        let out = out.each_mut().map(|column| &mut column[done..]);
        Isa::detect().run(Part { window, moments: &mut moments, values, one, out });
        done += values.len();
    }
}

impl<const N: usize> RollingMeanVar<N> {
    /// Mean and variance (divisor `N` - 1) after each value, NaN before there are `N`: the bits that
    /// [`update`](Self::update) of one after the other gives. Both forms can take turns. No allocation.
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
        moments(
            &mut self.window,
            values,
            [mean, var],
            #[inline(always)]
            |window, sum, spread| [window.mean_of(sum), window.var_of(spread)],
        );
    }
}

impl<const N: usize> RollingStd<N> {
    /// The standard deviation after each value, NaN before there are `N`: the bits that [`update`](Self::update) of one
    /// after the other gives. Both forms can take turns. No allocation.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::RollingStd;
    ///
    /// let mut std = [0.0; 3];
    /// RollingStd::<2>::new(1.0).batch(&[1, 3, 3], &mut std);
    /// assert!(std[0].is_nan());
    /// assert_eq!(std[1..], [2.0_f64.sqrt(), 0.0]);
    /// ```
    pub fn batch(&mut self, values: &[i64], std: &mut [f64]) {
        let var_per_spread = self.var_per_spread;
        moments(
            &mut self.window,
            values,
            [std],
            #[inline(always)]
            move |_, _, spread| [(to_f64(spread) * var_per_spread).sqrt()],
        );
    }
}

impl<const N: usize> Bollinger<N> {
    /// The lines after each price, NaN before there are `N`: the bits that [`update`](Self::update) of one after the
    /// other gives. Both forms can take turns. No allocation.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::Bollinger;
    ///
    /// let mut bollinger = Bollinger::<2>::new(1.0, 2.0);
    /// let [mut lower, mut middle, mut upper] = [[0.0; 3]; 3];
    /// bollinger.batch(&[10, 12, 12], &mut lower, &mut middle, &mut upper);
    /// assert!(lower[0].is_nan() && middle[0].is_nan() && upper[0].is_nan());
    /// assert_eq!((&lower[1..], &middle[1..], &upper[1..]), (&[9.0, 12.0][..], &[11.0, 12.0][..], &[13.0, 12.0][..]));
    /// ```
    pub fn batch(&mut self, px: &[i64], lower: &mut [f64], middle: &mut [f64], upper: &mut [f64]) {
        let distance_squared = self.distance_squared;
        moments(
            &mut self.window,
            px,
            [lower, middle, upper],
            #[inline(always)]
            move |window, sum, spread| {
                let Bands { lower, middle, upper } = bands(window, distance_squared, sum, spread);
                [lower, middle, upper]
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Macd, MacdLines, RealizedVariance, RollingMax, RollingMin, RollingSum, Rsi};
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

    /// What an indicator gives one by one, and what its batches give.
    fn same_bits<I: Clone>(
        indicator: I,
        (update, batch): (impl Fn(&mut I, f64) -> Option<f64>, impl Fn(&mut I, &mut [f64])),
        values: &[f64],
        lengths: &[usize],
    ) -> Result<(), TestCaseError> {
        let (mut streaming, mut batches) = (indicator.clone(), indicator);
        for part in cut(values, lengths) {
            let mut found = part.to_vec();
            batch(&mut batches, &mut found);
            for (&x, found) in part.iter().zip(found) {
                let expected = update(&mut streaming, x).unwrap_or(f64::NAN);
                let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                prop_assert!(same, "{found} for {expected}");
            }
        }
        Ok(())
    }

    fn windows_equal<const N: usize>(values: &[f64], lengths: &[usize]) -> Result<(), TestCaseError> {
        let low = RollingMin::<f64, N>::new();
        same_bits(low, (RollingMin::update, RollingMin::batch), values, lengths)?;
        let high = RollingMax::<f64, N>::new();
        same_bits(high, (RollingMax::update, RollingMax::batch), values, lengths)?;
        let sum = RollingSum::<f64, N>::new();
        same_bits(sum, (RollingSum::update, RollingSum::batch), values, lengths)?;
        let variance = RealizedVariance::<N>::new();
        same_bits(variance, (RealizedVariance::update, RealizedVariance::batch), values, lengths)
    }

    fn moments_equal<const N: usize>(values: &[i64], lengths: &[usize]) -> Result<(), TestCaseError> {
        let mut streaming =
            (RollingMeanVar::<N>::new(1e9), Bollinger::<N>::new(1e9, 2.0), RollingStd::<N>::new(1e9));
        let mut batches = streaming.clone();
        for part in cut(values, lengths) {
            let mut found = [const { Vec::new() }; 6].map(|mut column: Vec<f64>| {
                column.resize(part.len(), 0.0);
                column
            });
            let [mean, var, lower, middle, upper, std] = &mut found;
            batches.0.batch(part, mean, var);
            batches.1.batch(part, lower, middle, upper);
            batches.2.batch(part, std);
            for (i, &value) in part.iter().enumerate() {
                let moments = streaming.0.update(value);
                let (mean, var) = moments.unwrap_or((f64::NAN, f64::NAN));
                let bands = streaming.1.update(value);
                let bands = bands.map_or([f64::NAN; 3], |bands| [bands.lower, bands.middle, bands.upper]);
                let std = streaming.2.update(value).unwrap_or(f64::NAN);
                prop_assert!(std.is_nan() || (std * std - var).abs() <= 1e-14 * var, "{std} of {var}");
                let expected = [mean, var, bands[0], bands[1], bands[2], std];
                for (column, expected) in found.iter().zip(expected) {
                    prop_assert!(column[i].to_bits() == expected.to_bits(), "{} for {expected}", column[i]);
                }
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
        fn batches_of_windows_have_the_bits_of_the_stream(
            values in prop::collection::vec(prop_oneof![200 => -1e3..1e3, 1 => Just(f64::NAN)], 0..4_600),
            lengths in lengths(),
        ) {
            windows_equal::<1>(&values, &lengths)?;
            windows_equal::<7>(&values, &lengths)?;
            windows_equal::<64>(&values, &lengths)?;
            windows_equal::<1_100>(&values, &[values.len().max(1)])?;
            let numbers: Vec<_> = values.into_iter().filter(|x| !x.is_nan()).collect();
            windows_equal::<64>(&numbers, &lengths)?;
        }

        #[test]
        fn batches_of_indices_and_divergences_have_the_bits_of_the_stream(
            values in prop::collection::vec(prop_oneof![900 => -1e3..1e3, 90 => Just(0.0), 1 => Just(f64::NAN)], 0..3_000),
            n in 1..100_u32,
            lengths in lengths(),
        ) {
            same_bits(Rsi::new(n), (Rsi::update, Rsi::batch), &values, &lengths)?;
            let of = |pick: fn(MacdLines) -> f64| move |macd: &mut Macd, x: f64| Some(pick(macd.update(x)));
            let batch = |column: usize| move |macd: &mut Macd, values: &mut [f64]| {
                let mut columns = [const { Vec::new() }; 3].map(|mut column: Vec<f64>| {
                    column.resize(values.len(), 0.0);
                    column
                });
                let [line, signal, histogram] = &mut columns;
                macd.batch(values, line, signal, histogram);
                values.copy_from_slice(&columns[column]);
            };
            let macd = Macd::new(n, 2 * n, 9);
            same_bits(macd.clone(), (of(|lines| lines.line), batch(0)), &values, &lengths)?;
            same_bits(macd.clone(), (of(|lines| lines.signal), batch(1)), &values, &lengths)?;
            same_bits(macd, (of(|lines| lines.histogram), batch(2)), &values, &lengths)?;
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
        fn batches_of_moments_of_any_values_equal_the_stream(values: Vec<i64>, lengths in lengths()) {
            moments_equal::<3>(&values, &lengths)?;
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
}
