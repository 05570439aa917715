//! Deciding whether one build is faster than another.
//!
//! Runs of the builds alternate, so that a slow minute of the machine hits all of them. Each round gives one ratio; the
//! median of the ratios, which a few disturbed rounds do not move, gets a bootstrap percentile interval (Efron 1979)
//! of 95 %.
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
    /// The interval of the median of positive ratios; `None` without any.
    pub(crate) fn of(ratios: &[f64]) -> Option<Self> {
        if ratios.is_empty() || ratios.iter().any(|r| !r.is_finite() || *r <= 0.0) {
            return None;
        }
        // A fixed seed: the same samples give the same interval.
        let mut random = SplitMix(0x6f74_3462);
        let mut medians: Vec<f64> = (0..RESAMPLES).map(|_| resampled_median(ratios, &mut random)).collect();
        medians.sort_by(f64::total_cmp);
        let at = |q: f64| medians[(q * (RESAMPLES - 1) as f64).round() as usize];
        Some(Self { low: at(0.025), mid: median(ratios), high: at(0.975) })
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

fn resampled_median(values: &[f64], random: &mut SplitMix) -> f64 {
    let n = values.len() as u64;
    let resampled: Vec<f64> = (0..n).map(|_| values[random.below(n) as usize]).collect();
    median(&resampled)
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
    fn a_few_disturbed_rounds_do_not_move_the_verdict() {
        let mut ratios = noisy(0.9, 0.01, 15);
        ratios[3] = 4.0;
        ratios[8] = 3.0;
        assert_eq!(Interval::of(&ratios).unwrap().verdict(), Verdict::Keep);
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
