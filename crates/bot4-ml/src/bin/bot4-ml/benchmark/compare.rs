//! How far two paths agree.

use super::workload::Decision;
use crate::failure::Failure;

/// Largest relative difference of the probabilities that rounding may explain: sums of 32 products in another order, and a tanh
/// and a sigmoid that are 2 ULP off, leave about 1e-14.
pub(crate) const TOLERANCE: f64 = 1e-12;

/// The difference between the decisions of two paths about the same events.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) max_rel_diff: f64,
    /// The first event about which they decided differently.
    first_other_action: Option<usize>,
}

impl Comparison {
    /// # Panics
    /// When the paths decided about different numbers of events.
    pub(crate) fn of(old: &[Decision], new: &[Decision]) -> Self {
        assert_eq!(old.len(), new.len(), "both paths saw every event");
        let pairs = || old.iter().zip(new);
        let rel_diff = |(old, new): (&Decision, &Decision)| {
            (old.probability - new.probability).abs() / old.probability.abs().max(f64::MIN_POSITIVE)
        };
        // `f64::max` would drop a NaN, the very thing to be found.
        let max_rel_diff = pairs()
            .map(rel_diff)
            .fold(0.0, |max: f64, diff| if diff > max || diff.is_nan() { diff } else { max });
        Self { max_rel_diff, first_other_action: pairs().position(|(old, new)| old.action != new.action) }
    }

    /// An error unless every action is equal and every probability within [`TOLERANCE`].
    pub(crate) fn verdict(&self, section: &str) -> Result<(), Failure> {
        if let Some(event) = self.first_other_action {
            return Err(Failure::new(format_args!("{section}: the paths act differently on event {event}")));
        }
        if self.max_rel_diff.is_nan() || self.max_rel_diff > TOLERANCE {
            return Err(Failure::new(format_args!(
                "{section}: the outputs differ by {:e} relative, more than {TOLERANCE:e}",
                self.max_rel_diff
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, TOLERANCE};
    use crate::benchmark::workload::{Action, Decision};

    fn decision(probability: f64, action: Action) -> Decision {
        Decision { probability, action }
    }

    #[test]
    fn rounding_passes_and_more_than_rounding_fails() {
        let old = [decision(0.5, Action::Hold), decision(0.25, Action::Hold)];
        let shifted = |by: f64| [decision(0.5, Action::Hold), decision(0.25 * (1.0 + by), Action::Hold)];
        assert!(Comparison::of(&old, &shifted(TOLERANCE / 4.0)).verdict("x").is_ok());
        assert!(Comparison::of(&old, &shifted(TOLERANCE * 4.0)).verdict("x").is_err());
    }

    #[test]
    fn a_nan_fails_even_when_a_number_follows() {
        let old = [decision(0.5, Action::Hold), decision(0.5, Action::Hold)];
        let new = [decision(f64::NAN, Action::Hold), decision(0.5, Action::Hold)];
        assert!(Comparison::of(&old, &new).verdict("x").is_err());
    }

    #[test]
    fn another_action_fails_whatever_the_probabilities() {
        let old = [decision(0.5, Action::Buy)];
        let new = [decision(0.5, Action::Denied(15))];
        let message = Comparison::of(&old, &new).verdict("event").unwrap_err().to_string();
        assert!(message.contains("event 0"), "{message}");
    }
}
