//! Counts of actual and predicted classes.

/// How often each class was predicted for each actual one.
///
/// Ratios of nothing are NaN, except that a class that was neither seen nor predicted right has F1 0, as is usual.
///
/// ```
/// use bot4_ml::metrics::Confusion;
///
/// let mut confusion = Confusion::new(2);
/// for (actual, predicted) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
///     confusion.record(actual, predicted);
/// }
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!((confusion.precision(1), confusion.recall(0)), (2.0 / 3.0, 0.5));
/// assert_eq!(confusion.f1(1), 0.8);
/// assert_eq!(confusion.macro_f1(), (0.8 + 2.0 / 3.0) / 2.0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row: actual, column: predicted.
    counts: Vec<u64>,
}

impl Confusion {
    /// No samples yet, of so many classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one sample.
    ///
    /// # Panics
    /// When a class is none.
    pub fn record(&mut self, actual: usize, predicted: usize) {
        assert!(actual < self.classes && predicted < self.classes, "no such class");
        self.counts[actual * self.classes + predicted] += 1;
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often `predicted` was predicted for `actual`.
    ///
    /// # Panics
    /// When a class is none.
    #[must_use]
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        assert!(actual < self.classes && predicted < self.classes, "no such class");
        self.counts[actual * self.classes + predicted]
    }

    /// Samples of a class.
    #[must_use]
    pub fn actual(&self, class: usize) -> u64 {
        (0..self.classes).map(|predicted| self.count(class, predicted)).sum()
    }

    /// Predictions of a class.
    #[must_use]
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|actual| self.count(actual, class)).sum()
    }

    /// The share of samples whose class was predicted.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// The share of a class's predictions that were right.
    #[must_use]
    pub fn precision(&self, class: usize) -> f64 {
        self.count(class, class) as f64 / self.predicted(class) as f64
    }

    /// The share of a class's samples that were found.
    #[must_use]
    pub fn recall(&self, class: usize) -> f64 {
        self.count(class, class) as f64 / self.actual(class) as f64
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self, class: usize) -> f64 {
        match self.actual(class) + self.predicted(class) {
            0 => 0.0,
            both => 2.0 * self.count(class, class) as f64 / both as f64,
        }
    }

    /// The mean of the classes' F1.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        (0..self.classes).map(|class| self.f1(class)).sum::<f64>() / self.classes as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_never_occurs_counts_as_zero_in_the_mean() {
        let mut confusion = Confusion::new(3);
        confusion.record(0, 0);
        confusion.record(1, 0);
        assert_eq!((confusion.f1(0), confusion.f1(1), confusion.f1(2)), (2.0 / 3.0, 0.0, 0.0));
        assert_eq!(confusion.macro_f1(), 2.0 / 9.0);
        assert!(confusion.precision(1).is_nan() && confusion.recall(2).is_nan());
        assert_eq!((confusion.actual(1), confusion.predicted(0), confusion.count(1, 0)), (1, 2, 1));
    }
}
