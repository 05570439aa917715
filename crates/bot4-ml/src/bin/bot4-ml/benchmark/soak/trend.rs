//! Whether a series of readings rises.

/// A rise below this, over the whole run, is no leak: pages of code and of caches are first touched at any time.
const NOISE_KIB: f64 = 128.0;
/// How far beyond its standard error a slope has to be.
const ERRORS: f64 = 3.0;

/// The least-squares line through readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    /// Per unit of the first number.
    pub(super) slope: f64,
    pub(super) standard_error: f64,
    /// From the first reading to the last.
    span: f64,
}

impl Trend {
    /// `None` of fewer than three readings, or of readings at one time.
    pub(super) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let n = samples.len() as f64;
        let (x, y) = samples.iter().fold((0.0, 0.0), |(x, y), sample| (x + sample.0 / n, y + sample.1 / n));
        let spread: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
        if samples.len() < 3 || spread == 0.0 {
            return None;
        }
        let slope = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum::<f64>() / spread;
        let left: f64 = samples.iter().map(|sample| (sample.1 - y - slope * (sample.0 - x)).powi(2)).sum();
        let standard_error = (left / (n - 2.0) / spread).sqrt();
        let span = samples[samples.len() - 1].0 - samples[0].0;
        Some(Self { slope, standard_error, span })
    }

    /// Whether the rise is beyond what chance and first touches explain.
    pub(super) fn rises(&self) -> bool {
        self.slope > ERRORS * self.standard_error && self.slope * self.span > NOISE_KIB
    }
}

#[cfg(test)]
mod tests {
    use super::Trend;

    /// Sixty readings, ten seconds apart.
    fn trend(reading: impl Fn(usize) -> f64) -> Trend {
        let samples: Vec<_> = (0..60).map(|i| (10.0 * i as f64, reading(i))).collect();
        Trend::of(&samples).unwrap()
    }

    #[test]
    fn a_leak_of_a_kilobyte_a_second_is_found_under_noise() {
        let noise = |i: usize| (i * 7919 % 13) as f64 * 8.0;
        let leak = trend(|i| 20_000.0 + 10.0 * i as f64 + noise(i));
        assert!(leak.rises(), "{leak:?}");
        assert!((leak.slope - 1.0).abs() < 0.1 && leak.standard_error > 0.0);
    }

    #[test]
    fn constant_memory_and_its_noise_do_not_rise() {
        assert!(!trend(|_| 20_000.0).rises());
        assert!(!trend(|i| 20_000.0 + (i * 7919 % 13) as f64 * 8.0).rises());
        assert!(!trend(|i| if i < 20 { 20_000.0 } else { 20_064.0 }).rises(), "pages touched once");
        assert!(!trend(|i| 20_000.0 - 100.0 * i as f64).rises());
    }

    #[test]
    fn a_leak_without_noise_has_no_error() {
        let leak = trend(|i| 5.0 * i as f64);
        assert!(leak.rises() && leak.standard_error < 1e-9, "{leak:?}");
    }

    #[test]
    fn too_few_readings_say_nothing() {
        assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(Trend::of(&[(1.0, 1.0); 5]), None);
    }
}
