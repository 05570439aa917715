//! Curves behind the numbers: ROC and calibration.

use bot4_simd::Element;

use super::assert_lengths;

/// A point of a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Scores from this on count as class 1; infinite at the first point.
    pub threshold: f64,
    /// The share of class 0 above the threshold.
    pub false_positive_rate: f64,
    /// The share of class 1 above the threshold.
    pub true_positive_rate: f64,
}

/// The ROC curve from (0, 0) to (1, 1), a point for every distinct score. `O(n log n)`, allocates.
///
/// `None` when a class is missing or a score is NaN.
///
/// ```
/// use bot4_ml::metrics::roc_curve;
///
/// let curve = roc_curve(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0]).unwrap();
/// let points: Vec<_> = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
/// assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
/// ```
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn roc_curve<T: Element>(scores: &[T], labels: &[T]) -> Option<Vec<RocPoint>> {
    assert_lengths(scores, labels);
    let mut ranked: Vec<(f64, bool)> =
        scores.iter().zip(labels).map(|(s, y)| ((*s).into(), (*y).into() > 0.5)).collect();
    if ranked.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = ranked.iter().filter(|(_, y)| *y).count();
    let negatives = ranked.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut above, mut curve) = ([0_usize; 2], Vec::new());
    let point = |threshold, above: [usize; 2]| RocPoint {
        threshold,
        false_positive_rate: above[0] as f64 / negatives as f64,
        true_positive_rate: above[1] as f64 / positives as f64,
    };
    curve.push(point(f64::INFINITY, above));
    for ties in ranked.chunk_by(|a, b| a.0 == b.0) {
        ties.iter().for_each(|(_, y)| above[usize::from(*y)] += 1);
        curve.push(point(ties[0].0, above));
    }
    Some(curve)
}

/// A bin of a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// Samples in it.
    pub count: u64,
    /// The mean of their probabilities.
    pub predicted: f64,
    /// The share of class 1 among them.
    pub observed: f64,
}

/// What came true of probabilities in `bins` equal intervals of `[0, 1]`; empty ones are left out. Allocates.
///
/// ```
/// use bot4_ml::metrics::calibration;
///
/// let bins = calibration(&[0.1, 0.2, 0.9, 1.0], &[0.0, 1.0, 1.0, 1.0], 2);
/// assert_eq!((bins[0].count, bins[0].observed), (2, 0.5));
/// assert_eq!((bins[1].predicted, bins[1].observed), (0.95, 1.0));
/// ```
///
/// # Panics
/// When the lengths differ, there are no bins, or a probability is none.
#[must_use]
pub fn calibration<T: Element>(probabilities: &[T], labels: &[T], bins: usize) -> Vec<CalibrationBin> {
    assert_lengths(probabilities, labels);
    assert!(bins > 0, "a calibration curve needs a bin");
    let mut sums = vec![(0_u64, 0.0, 0.0); bins];
    for (p, y) in probabilities.iter().zip(labels) {
        let (p, y): (f64, f64) = ((*p).into(), (*y).into());
        assert!((0.0..=1.0).contains(&p), "{p} is no probability");
        let bin = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        *bin = (bin.0 + 1, bin.1 + p, bin.2 + f64::from(u8::from(y > 0.5)));
    }
    let filled = sums.into_iter().filter(|(count, ..)| *count > 0);
    filled
        .map(|(count, predicted, observed)| CalibrationBin {
            count,
            predicted: predicted / count as f64,
            observed: observed / count as f64,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::auc;

    #[test]
    fn the_area_under_the_curve_is_the_auc_ties_included() {
        let scores: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 23)).collect();
        let labels: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i * 31 % 7 > 2))).collect();
        let curve = roc_curve(&scores, &labels).unwrap();
        let area: f64 = curve
            .windows(2)
            .map(|pair| {
                let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                width * f64::midpoint(pair[0].true_positive_rate, pair[1].true_positive_rate)
            })
            .sum();
        assert!((area - auc(&scores, &labels).unwrap()).abs() < 1e-12);
        assert_eq!(curve.len(), 24);
        assert_eq!(roc_curve(&[0.5, f64::NAN], &[0.0, 1.0]), None);
        assert_eq!(roc_curve(&[0.5, 0.5], &[1.0, 1.0]), None);
    }

    #[test]
    fn one_belongs_to_the_last_bin_and_empty_bins_are_left_out() {
        let bins = calibration(&[0.0, 1.0, 1.0], &[0.0, 1.0, 0.0], 10);
        assert_eq!(bins.len(), 2);
        assert_eq!(bins[1], CalibrationBin { count: 2, predicted: 1.0, observed: 0.5 });
    }
}
