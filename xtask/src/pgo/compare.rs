//! Deciding whether one build is faster than another.
//!
//! Runs of the builds alternate, so that a slow minute of the machine hits all of them; each round gives one ratio;
//! the geometric mean of the ratios gets a bootstrap percentile interval (Efron 1979) of 95 %.
use std::fmt;

use serde::Serialize;

use super::random::SplitMix;

/// Differences below half a percent come and go with the placement of the code.
const MARGIN: f64 = 0.005;
const RESAMPLES: usize = 10_000;

/// A ratio of times, new over old, with its 95 % interval: below 1 is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) mid: f64,
    pub(crate) high: f64,
}

/// What to do with a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The whole interval is faster.
    Keep,
    /// The whole interval is slower.
    Drop,
    /// The interval holds 1, or comes within the margin of it.
    NoDifference,
}

impl Interval {
    /// The interval of the geometric mean of positive ratios; `None` without any.
    pub(crate) fn of(ratios: &[f64]) -> Option<Self> {
        if ratios.is_empty() || ratios.iter().any(|r| !r.is_finite() || *r <= 0.0) {
            return None;
        }
        let logs: Vec<f64> = ratios.iter().map(|r| r.ln()).collect();
        // A fixed seed: the same samples give the same interval.
        let mut random = SplitMix(0x6f74_3462);
        let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean(&logs, &mut random)).collect();
        means.sort_by(f64::total_cmp);
        let mid = logs.iter().sum::<f64>() / logs.len() as f64;
        let at = |q: f64| means[(q * (RESAMPLES - 1) as f64).round() as usize].exp();
        Some(Self { low: at(0.025), mid: mid.exp(), high: at(0.975) })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            i if i.high < 1.0 - MARGIN => Verdict::Keep,
            i if i.low > 1.0 + MARGIN => Verdict::Drop,
            _ => Verdict::NoDifference,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.mid, self.low, self.high)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::NoDifference => "no difference",
        })
    }
}

/// The middle value; 0 without any.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

fn resampled_mean(values: &[f64], random: &mut SplitMix) -> f64 {
    (0..values.len()).map(|_| values[random.below(values.len() as u64) as usize]).sum::<f64>()
        / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ratios spread by a few percent around `centre`.
    fn noisy(centre: f64, spread: f64, n: usize) -> Vec<f64> {
        let mut random = SplitMix(1);
        (0..n).map(|_| centre * (1.0 + spread * (random.below(2001) as f64 / 1000.0 - 1.0))).collect()
    }

    #[test]
    fn clear_gains_losses_and_nothing_are_told_apart() {
        let verdict = |centre| Interval::of(&noisy(centre, 0.04, 15)).unwrap().verdict();
        assert_eq!(verdict(0.8), Verdict::Keep);
        assert_eq!(verdict(1.2), Verdict::Drop);
        assert_eq!(verdict(1.0), Verdict::NoDifference);
    }

    #[test]
    fn a_gain_inside_the_margin_is_no_difference() {
        assert_eq!(Interval::of(&[0.998; 20]).unwrap().verdict(), Verdict::NoDifference);
    }

    #[test]
    fn the_interval_has_its_nominal_coverage() {
        let inside = |trial: u64| {
            let mut random = SplitMix(trial * 77 + 5);
            let ratios: Vec<f64> =
                (0..15).map(|_| ((random.below(2001) as f64 / 1000.0 - 1.0) * 0.1).exp()).collect();
            let interval = Interval::of(&ratios).unwrap();
            interval.low <= 1.0 && 1.0 <= interval.high
        };
        let covered = (0..40).filter(|&trial| inside(trial)).count();
        assert!((32..=40).contains(&covered), "{covered} of 40");
    }

    #[test]
    fn reciprocal_ratios_give_the_reciprocal_interval() {
        let ratios = noisy(0.9, 0.05, 11);
        let inverse: Vec<f64> = ratios.iter().map(|r| 1.0 / r).collect();
        let (a, b) = (Interval::of(&ratios).unwrap(), Interval::of(&inverse).unwrap());
        assert!((a.mid * b.mid - 1.0).abs() < 1e-12);
        assert!((a.low * b.high - 1.0).abs() < 1e-3);
    }

    #[test]
    fn unusable_ratios_give_no_interval() {
        assert_eq!(Interval::of(&[]), None);
        assert_eq!(Interval::of(&[1.0, f64::NAN]), None);
        assert_eq!(Interval::of(&[1.0, 0.0]), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-15);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-15);
        assert!(median(&[]).abs() < 1e-15);
    }
}
