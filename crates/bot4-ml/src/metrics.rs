//! How good are predicted probabilities? Labels are 1 or 0 (above one half counts as 1).
//!
//! Every function panics when the slices' lengths differ and says what it answers for empty input.

mod classes;
mod curves;

use bot4_simd::Element;

pub use classes::Confusion;
pub use curves::{CalibrationBin, RocPoint, calibration, roc_curve};

/// The share of samples on the right side of `threshold`; a probability equal to it predicts class 1.
/// NaN for empty input.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn accuracy<T: Element>(probabilities: &[T], labels: &[T], threshold: T) -> f64 {
    let threshold = threshold.into();
    mean(probabilities, labels, |p, y| f64::from(u8::from((p >= threshold) == (y > 0.5))))
}

/// Mean cross-entropy `-ln p(class)` in nats. Probabilities are kept `1e-15` away from 0 and 1, so that a single
/// certain and wrong prediction costs 34.5 instead of infinity. NaN for empty input.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn log_loss<T: Element>(probabilities: &[T], labels: &[T]) -> f64 {
    mean(probabilities, labels, |p, y| {
        let p = if y > 0.5 { p } else { 1.0 - p };
        -p.clamp(1e-15, 1.0 - 1e-15).ln()
    })
}

/// Mean squared difference of probability and label (Brier 1950). NaN for empty input.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn brier<T: Element>(probabilities: &[T], labels: &[T]) -> f64 {
    mean(probabilities, labels, |p, y| (p - y) * (p - y))
}

/// Area under the ROC curve: the chance that a random sample of class 1 has a higher score than a random one
/// of class 0, ties counting one half. Any monotone score will do. `O(n log n)`, allocates.
///
/// `None` when a class is missing or a score is NaN: the area does not exist then.
///
/// ```
/// use bot4_ml::metrics::auc;
///
/// assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0]), Some(0.75));
/// assert_eq!(auc(&[0.1, 0.4], &[1.0, 1.0]), None);
/// ```
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn auc<T: Element>(scores: &[T], labels: &[T]) -> Option<f64> {
    assert_lengths(scores, labels);
    let mut ranked: Vec<(f64, bool)> =
        scores.iter().zip(labels).map(|(s, y)| ((*s).into(), (*y).into() > 0.5)).collect();
    if ranked.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    // Adding zero makes -0.0 equal to 0.0 for the total order too.
    ranked.sort_unstable_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let (mut wins, mut negatives, mut positives) = (0.0, 0.0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let up = tied.iter().filter(|(_, y)| *y).count() as f64;
        let down = tied.len() as f64 - up;
        wins += up * (negatives + 0.5 * down);
        negatives += down;
        positives += up;
    }
    (positives > 0.0 && negatives > 0.0).then(|| wins / (positives * negatives))
}

fn mean<T: Element>(probabilities: &[T], labels: &[T], score: impl Fn(f64, f64) -> f64) -> f64 {
    assert_lengths(probabilities, labels);
    let total: f64 = probabilities.iter().zip(labels).map(|(p, y)| score((*p).into(), (*y).into())).sum();
    total / probabilities.len() as f64
}

fn assert_lengths<T>(scores: &[T], labels: &[T]) {
    assert_eq!(scores.len(), labels.len(), "as many labels as predictions");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hand_worked_values() {
        let (p, y) = ([0.9, 0.2, 0.6, 0.5], [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(accuracy(&p, &y, 0.5), 0.75);
        let want = -(0.9_f64.ln() + 0.8_f64.ln() + 0.4_f64.ln() + 0.5_f64.ln()) / 4.0;
        assert!((log_loss(&p, &y) - want).abs() < 1e-15);
        assert!((brier(&p, &y) - (0.01 + 0.04 + 0.36 + 0.25) / 4.0).abs() < 1e-15);
    }

    #[test]
    fn a_certain_and_wrong_prediction_costs_a_lot_but_not_everything() {
        assert!((log_loss(&[1.0_f64], &[0.0]) - 34.5).abs() < 0.1);
    }

    #[test]
    fn degenerate_input_has_no_score() {
        assert!(accuracy::<f64>(&[], &[], 0.5).is_nan());
        assert_eq!(auc::<f64>(&[], &[]), None);
        assert_eq!(auc(&[0.5, f64::NAN], &[0.0, 1.0]), None);
        assert_eq!(auc(&[0.0, -0.0], &[0.0, 1.0]), Some(0.5));
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_ordered_pairs(samples in prop::collection::vec((0..12_u8, any::<bool>()), 0..60)) {
            let scores: Vec<f32> = samples.iter().map(|(s, _)| f32::from(*s)).collect();
            let labels: Vec<f32> = samples.iter().map(|(_, y)| f32::from(u8::from(*y))).collect();
            let (mut pairs, mut wins) = (0.0, 0.0);
            for (i, a) in scores.iter().enumerate() {
                for (j, b) in scores.iter().enumerate() {
                    if labels[i] > labels[j] {
                        pairs += 1.0;
                        wins += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                    }
                }
            }
            match auc(&scores, &labels) {
                Some(area) => prop_assert!((area - wins / pairs).abs() < 1e-12),
                None => prop_assert_eq!(pairs, 0.0),
            }
        }
    }
}
