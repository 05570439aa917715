//! Log-linear buckets: how samples are filed, and what can be asked of a filled set.
//!
//! With a precision of `p` bits, values below `2^(p+1)` have a bucket each; above, every power of two is divided into
//! `2^p` buckets of equal width (the layout of HdrHistogram). A bucket's width is at most `2^-p` of the values in it.

/// How finely and how far a histogram resolves.
///
/// ```
/// use bot4_lockfree::metrics::HistogramConfig;
///
/// let config = HistogramConfig::new(7, 1 << 42);
/// assert_eq!(config, HistogramConfig::default());
/// assert_eq!(config.relative_error(), 1.0 / 128.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramConfig {
    precision: u32,
    buckets: usize,
    decimals: u32,
}

impl Default for HistogramConfig {
    /// Seven bits (0.8 %) up to 2^42: 73 minutes in nanoseconds. 37 KB per recording thread.
    fn default() -> Self {
        Self::new(7, 1 << 42)
    }
}

impl HistogramConfig {
    /// Buckets of relative width `2^-precision` for values up to `max`; larger ones are filed in the last bucket.
    ///
    /// # Panics
    /// When `precision` is above 12.
    #[must_use]
    pub const fn new(precision: u32, max: u64) -> Self {
        assert!(precision <= 12, "more than 12 bits of precision would take megabytes per thread");
        Self { precision, buckets: unbounded_index(precision, max) + 1, decimals: 0 }
    }

    /// Exports samples with so many decimal places: record nanoseconds, export seconds with 9. Nothing else changes.
    ///
    /// # Panics
    /// When `places` is above 18.
    #[must_use]
    pub const fn decimals(self, places: u32) -> Self {
        assert!(places <= 18, "samples have 64 bits, which is 19 digits");
        Self { decimals: places, ..self }
    }

    /// The largest relative distance of a percentile from the sample it stands for, `2^-precision` (upwards), for
    /// samples within the configured maximum.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        0.5_f64.powi(self.precision as i32)
    }

    pub(super) const fn buckets(&self) -> usize {
        self.buckets
    }

    #[inline(always)]
    pub(super) fn index(&self, value: u64) -> usize {
        unbounded_index(self.precision, value).min(self.buckets - 1)
    }

    /// The largest value filed in bucket `index`; of the last bucket, the largest value there is.
    pub(super) fn upper(&self, index: usize) -> u64 {
        if index + 1 == self.buckets {
            return u64::MAX;
        }
        let shift = (index >> self.precision).saturating_sub(1);
        let mantissa = (index - (shift << self.precision)) as u64;
        (mantissa << shift) + ((1 << shift) - 1)
    }

    /// The smallest value filed in bucket `index`.
    pub(super) fn lower(&self, index: usize) -> u64 {
        if index == 0 { 0 } else { self.upper(index - 1) + 1 }
    }
}

/// `shift` brings the value into `precision + 1` bits; each shift has `2^precision` buckets of its own.
#[inline(always)]
const fn unbounded_index(precision: u32, value: u64) -> usize {
    let shift = 63 - precision - (value | (1 << precision)).leading_zeros();
    ((shift as usize) << precision) + (value >> shift) as usize
}

/// A set of samples: count, sum, extremes, percentiles. The snapshot of a [`Histogram`](super::Histogram), and for one
/// owner a histogram by itself.
///
/// ```
/// use bot4_lockfree::metrics::{Distribution, HistogramConfig};
///
/// let mut latency = Distribution::new(HistogramConfig::default());
/// for ns in 1..=1_000 {
///     latency.record(ns);
/// }
/// assert_eq!((latency.count(), latency.sum(), latency.min(), latency.max()), (1_000, 500_500, 1, 1_000));
/// let p99 = latency.percentile(0.99);
/// assert!((990..=997).contains(&p99));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    config: HistogramConfig,
    counts: Box<[u64]>,
    sum: u64,
    min: u64,
    max: u64,
}

impl Distribution {
    /// No samples yet. Allocates its buckets here and nothing later.
    #[must_use]
    pub fn new(config: HistogramConfig) -> Self {
        Self { config, counts: vec![0; config.buckets()].into(), sum: 0, min: u64::MAX, max: 0 }
    }

    /// Forgets all samples and keeps the memory. No allocation.
    ///
    /// ```
    /// use bot4_lockfree::metrics::{Distribution, HistogramConfig};
    ///
    /// let mut latency = Distribution::new(HistogramConfig::default());
    /// latency.record(250);
    /// latency.clear();
    /// latency.record(10);
    /// assert_eq!((latency.count(), latency.max(), latency.percentile(0.5)), (1, 10, 10));
    /// ```
    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.sum, self.min, self.max) = (0, u64::MAX, 0);
    }

    /// Adds one sample. No allocation.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Adds `n` equal samples. No allocation.
    #[inline]
    pub fn record_many(&mut self, value: u64, n: u64) {
        self.add_bucket(self.config.index(value), n);
        self.add_extremes(value.wrapping_mul(n), value, value);
    }

    #[inline]
    pub(super) fn add_bucket(&mut self, index: usize, n: u64) {
        self.counts[index] = self.counts[index].wrapping_add(n);
    }

    #[inline]
    pub(super) fn add_extremes(&mut self, sum: u64, min: u64, max: u64) {
        self.sum = self.sum.wrapping_add(sum);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// Adds the samples of `other`, as if they had been recorded here. No allocation.
    ///
    /// # Panics
    /// When the two are configured differently.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.config, other.config, "distributions of different buckets cannot be merged");
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.add_extremes(other.sum, other.min, other.max);
    }

    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    /// The sum of the samples, exact up to 2^64 and wrapping there.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The smallest sample, exact; 0 when there is none.
    #[must_use]
    pub fn min(&self) -> u64 {
        if self.min > self.max { 0 } else { self.min }
    }

    /// The largest sample, exact; 0 when there is none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean of the samples; 0 when there is none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// The smallest recorded magnitude that at least the share `q` of the samples does not exceed; 0 when there is none.
    ///
    /// It is the upper end of that sample's bucket, and at most [`max`](Self::max): never below the true sample, and
    /// above it by at most the [relative error](HistogramConfig::relative_error). `percentile(0.0)` is the minimum.
    ///
    /// # Panics
    /// When `q` is not within 0 to 1: the 99th percentile is `percentile(0.99)`.
    #[must_use]
    pub fn percentile(&self, q: f64) -> u64 {
        assert!((0.0..=1.0).contains(&q), "a percentile is asked for as a share from 0 to 1, not {q}");
        let count = self.count();
        if q == 0.0 || count == 0 {
            return self.min();
        }
        // At least one sample, and never more than there are, whatever the rounding of the product.
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut below = 0;
        let index = self.counts.iter().position(|n| {
            below += n;
            below >= rank
        });
        index.map_or(self.max, |index| self.config.upper(index).min(self.max).max(self.config.lower(index)))
    }

    pub(super) fn decimals(&self) -> u32 {
        self.config.decimals
    }

    /// How many samples are at most `2^bits - 1`; exact, as buckets end there.
    pub(super) fn count_below_power(&self, bits: u32) -> u64 {
        let end = self.config.index((1 << bits) - 1);
        self.counts[..=end].iter().sum()
    }

    /// The exponents that [`count_below_power`](Self::count_below_power) answers exactly for this configuration.
    pub(super) fn powers(&self) -> impl Iterator<Item = u32> + use<> {
        let config = self.config;
        (0..64)
            .take_while(move |&bits| unbounded_index(config.precision, (1 << bits) - 1) + 1 < config.buckets)
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_integers_within_the_stated_error() {
        for precision in [0, 1, 3, 7, 12] {
            let config = HistogramConfig::new(precision, u64::MAX);
            let mut next = 0;
            for index in 0..config.buckets() {
                let (lower, upper) = (config.lower(index), config.upper(index));
                assert_eq!(lower, next, "precision {precision}, bucket {index}");
                assert_eq!((config.index(lower), config.index(upper)), (index, index));
                assert!((upper - lower) as f64 <= config.relative_error() * lower as f64);
                next = upper.wrapping_add(1);
            }
            assert_eq!(next, 0, "the last bucket ends at the largest integer");
        }
    }

    #[test]
    fn sample_above_the_maximum_keeps_its_exact_maximum() {
        let mut distribution = Distribution::new(HistogramConfig::new(7, 1_000));
        distribution.record(5_000_000);
        distribution.record(10);
        assert_eq!(distribution.max(), 5_000_000);
        assert_eq!(distribution.percentile(1.0), 5_000_000);
        assert_eq!(distribution.percentile(0.5), 10);
    }

    #[test]
    fn empty_distribution_answers_zero() {
        let empty = Distribution::new(HistogramConfig::default());
        assert_eq!((empty.count(), empty.min(), empty.max(), empty.percentile(0.5)), (0, 0, 0, 0));
        assert_eq!(empty.mean(), 0.0);
    }

    #[test]
    #[should_panic(expected = "as a share from 0 to 1")]
    fn percentile_as_a_percentage_panics() {
        let _ = Distribution::new(HistogramConfig::default()).percentile(99.0);
    }
}
