//! Running mean and variance of every feature.
//!
//! Welford's update (B. P. Welford, *Note on a method for calculating corrected sums of squares and
//! products*, Technometrics 1962) keeps the mean and the sum of squared deviations, so prices around 1e9
//! with a noise of 1e-3 keep their variance, which the textbook `E[x²] - E[x]²` loses entirely. Two
//! standardisers over parts of a data set merge into the one over the whole (Chan, Golub, LeVeque 1979).

use std::fmt;

use bot4_simd::{Element, standardize_each};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Deviations at or below this count as "the feature is constant" unless
/// [`Standardizer::with_floor`] says otherwise.
const DEFAULT_FLOOR: f64 = 1e-12;

/// Values above this magnitude are refused: their squared deviations would overflow.
const LARGEST: f64 = 1e150;

/// Mean and deviation per feature, learnt online; turns rows into rows of mean 0 and deviation 1.
///
/// The statistics are kept in `f64` whatever `T` is. A feature whose deviation is at or below the floor
/// counts as constant: its [`inv_std`](Self::inv_std) is 0, so it standardises to 0 instead of blowing up the
/// first time it moves. That is also the state before two different values were seen.
///
/// ```
/// use bot4_ml::Standardizer;
///
/// let mut running = Standardizer::<f64>::new(2);
/// for row in [[1.0, 10.0], [2.0, 10.0], [3.0, 10.0]] {
///     running.observe(&row)?;
/// }
/// let mut row = [3.0, 10.0];
/// running.standardize(&mut row);
/// assert!((row[0] - 1.5_f64.sqrt()).abs() < 1e-12);
/// assert_eq!(row[1], 0.0); // constant so far
/// # Ok::<(), bot4_ml::UnusableValue>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Standardizer<T> {
    count: u64,
    floor: f64,
    exact_mean: Box<[f64]>,
    /// Sum of squared deviations from the mean.
    m2: Box<[f64]>,
    /// `exact_mean` rounded to `T`: what the hot path reads.
    mean: Box<[T]>,
    inv_std: Box<[T]>,
}

impl<T: Element> Standardizer<T> {
    /// A standardiser for rows of `width` values that has seen nothing yet.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self {
            count: 0,
            floor: DEFAULT_FLOOR,
            exact_mean: vec![0.0; width].into(),
            m2: vec![0.0; width].into(),
            mean: vec![T::ZERO; width].into(),
            inv_std: vec![T::ZERO; width].into(),
        }
    }

    /// Sets the deviation at or below which a feature counts as constant.
    ///
    /// # Panics
    /// When `floor` is negative, infinite or NaN.
    #[must_use]
    pub fn with_floor(mut self, floor: f64) -> Self {
        assert!(
            floor >= 0.0 && floor.is_finite(),
            "the deviation floor is {floor}; it must be finite and not negative"
        );
        self.floor = floor;
        self.refresh();
        self
    }

    /// Rebuilds a standardiser from saved statistics; `None` when they cannot be the statistics of any data.
    pub(crate) fn from_statistics(count: u64, floor: f64, mean: Vec<f64>, m2: Vec<f64>) -> Option<Self> {
        let plausible = mean.len() == m2.len()
            && floor >= 0.0
            && floor.is_finite()
            && mean.iter().all(|m| m.abs() <= LARGEST)
            && m2.iter().all(|m| *m >= 0.0 && m.is_finite())
            && (count > 1 || m2.iter().all(|m| *m == 0.0));
        if !plausible {
            return None;
        }
        let mut new = Self::new(mean.len());
        new.count = count;
        new.floor = floor;
        new.exact_mean = mean.into();
        new.m2 = m2.into();
        new.refresh();
        Some(new)
    }

    /// Learns from one row. No allocation.
    ///
    /// # Errors
    /// [`UnusableValue`] when a value is NaN, infinite or beyond 1e150; nothing is learnt from the row then,
    /// because one such value would spoil the statistics for good.
    ///
    /// # Panics
    /// When the row's width is not the standardiser's.
    pub fn observe(&mut self, row: &[T]) -> Result<(), UnusableValue> {
        self.accumulate(row)?;
        self.refresh();
        Ok(())
    }

    /// Learns from every row of a table, in any memory layout. No allocation.
    ///
    /// # Errors
    /// [`UnusableValue`] at the first unusable row; the rows before it have been learnt.
    ///
    /// # Panics
    /// When the table's width is not the standardiser's.
    pub fn observe_rows(&mut self, rows: ArrayView2<'_, T>) -> Result<(), UnusableValue> {
        let outcome = rows.rows().into_iter().try_for_each(|row| self.accumulate(row));
        self.refresh();
        outcome
    }

    /// Takes in what `other` has learnt, as if its rows had been observed here (up to rounding).
    ///
    /// # Panics
    /// When the widths differ.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(other.width(), self.width(), "cannot merge standardisers of different widths");
        let (here, there) = (self.count as f64, other.count as f64);
        if other.count == 0 {
            return;
        }
        let total = here + there;
        for j in 0..self.width() {
            let delta = other.exact_mean[j] - self.exact_mean[j];
            self.exact_mean[j] += delta * (there / total);
            self.m2[j] += other.m2[j] + delta * delta * (here * there / total);
        }
        self.count += other.count;
        self.refresh();
    }

    /// Standardises one row in place: `(x - mean) * inv_std`. No allocation.
    ///
    /// # Panics
    /// When the row's width is not the standardiser's.
    pub fn standardize(&self, row: &mut [T]) {
        standardize_each(row, &self.mean, &self.inv_std);
    }

    /// Standardises every row of a table in place, in any memory layout: the same bits as
    /// [`standardize`](Self::standardize) row by row. No allocation.
    ///
    /// # Panics
    /// When the table's width is not the standardiser's.
    pub fn standardize_rows(&self, mut rows: ArrayViewMut2<'_, T>) {
        assert_eq!(rows.ncols(), self.width(), "the table's width is not the standardiser's");
        for (mut column, (mean, inv_std)) in
            rows.columns_mut().into_iter().zip(self.mean.iter().zip(&self.inv_std))
        {
            column.mapv_inplace(|x| (x - *mean) * *inv_std);
        }
    }

    /// The number of features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Rows learnt from.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The deviation at or below which a feature counts as constant.
    #[must_use]
    pub fn floor(&self) -> f64 {
        self.floor
    }

    /// The mean of each feature: with [`inv_std`](Self::inv_std), what a normalising pipeline stage needs.
    #[must_use]
    pub fn mean(&self) -> &[T] {
        &self.mean
    }

    /// One over the population deviation of each feature; 0 for a constant one.
    #[must_use]
    pub fn inv_std(&self) -> &[T] {
        &self.inv_std
    }

    /// Means and sums of squared deviations at full precision, as they are saved.
    pub(crate) fn statistics(&self) -> (&[f64], &[f64]) {
        (&self.exact_mean, &self.m2)
    }

    fn accumulate<'a>(
        &mut self,
        row: impl IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator + Clone>,
    ) -> Result<(), UnusableValue>
    where
        T: 'a,
    {
        let row = row.into_iter().map(|x| -> f64 { (*x).into() });
        assert_eq!(row.len(), self.width(), "the row's width is not the standardiser's");
        if let Some((feature, value)) = row.clone().enumerate().find(|(_, x)| x.is_nan() || x.abs() > LARGEST)
        {
            return Err(UnusableValue { feature, value });
        }
        self.count += 1;
        let count = self.count as f64;
        for (x, (mean, m2)) in row.zip(self.exact_mean.iter_mut().zip(&mut self.m2)) {
            let delta = x - *mean;
            *mean += delta / count;
            *m2 += delta * (x - *mean);
        }
        Ok(())
    }

    fn refresh(&mut self) {
        let count = (self.count as f64).max(1.0);
        for j in 0..self.mean.len() {
            let deviation = (self.m2[j] / count).sqrt();
            self.mean[j] = T::from_f64(self.exact_mean[j]);
            self.inv_std[j] = if deviation > self.floor { T::from_f64(1.0 / deviation) } else { T::ZERO };
        }
    }
}

/// A value that no statistics can be kept of: NaN, infinite, or beyond 1e150.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnusableValue {
    /// The feature (column) it stood in.
    pub feature: usize,
    /// The value.
    pub value: f64,
}

impl fmt::Display for UnusableValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "feature {} is {}: only finite values up to 1e150 can be standardised",
            self.feature, self.value
        )
    }
}

impl std::error::Error for UnusableValue {}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder};
    use proptest::prelude::*;

    /// Mean and population variance in two passes.
    fn two_pass(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n)
    }

    #[test]
    fn a_large_offset_does_not_swallow_the_variance() {
        let values: Vec<f64> = (0..10_000).map(|i| 1e9 + 0.001 * f64::from(i % 7)).collect();
        let mut s = Standardizer::<f64>::new(1);
        values.iter().for_each(|x| s.observe(&[*x]).unwrap());
        let (_, variance) = two_pass(&values.iter().map(|x| x - 1e9).collect::<Vec<_>>());
        let inv_std = 1.0 / variance.sqrt();
        assert!((s.inv_std()[0] / inv_std - 1.0).abs() < 1e-6, "{} vs {inv_std}", s.inv_std()[0]);
    }

    #[test]
    fn a_constant_feature_standardises_to_zero_even_when_it_moves() {
        let mut s = Standardizer::<f32>::new(1);
        for _ in 0..3 {
            s.observe(&[5.0]).unwrap();
        }
        let mut row = [6.0];
        s.standardize(&mut row);
        assert_eq!(row, [0.0]);
    }

    #[test]
    fn the_floor_decides_what_is_constant() {
        let mut s = Standardizer::<f64>::new(1);
        s.observe(&[0.0]).unwrap();
        s.observe(&[0.2]).unwrap(); // deviation 0.1
        assert!(s.clone().with_floor(0.09).inv_std()[0] > 0.0);
        assert_eq!(s.with_floor(0.11).inv_std()[0], 0.0);
    }

    #[test]
    fn an_unusable_value_is_refused_and_leaves_no_trace() {
        let mut s = Standardizer::<f64>::new(2);
        s.observe(&[1.0, 2.0]).unwrap();
        let before = s.clone();
        for bad in [f64::NAN, f64::INFINITY, -1e200] {
            let error = s.observe(&[3.0, bad]).unwrap_err();
            assert_eq!(error.feature, 1);
            assert_eq!(s, before);
        }
    }

    #[test]
    #[should_panic(expected = "width")]
    fn a_row_of_another_width_panics() {
        let _ = Standardizer::<f64>::new(2).observe(&[1.0]);
    }

    #[test]
    fn tables_in_either_layout_give_the_bits_of_single_rows() {
        let values: Vec<f32> = (0..60).map(|i| ((i * 37) % 11) as f32 * 0.7 - 2.0).collect();
        let by_row = Array2::from_shape_vec((20, 3), values).unwrap();
        let mut by_column = Array2::zeros((20, 3).f());
        by_column.assign(&by_row);

        let mut single = Standardizer::<f32>::new(3);
        by_row.rows().into_iter().for_each(|r| single.observe(r.to_slice().unwrap()).unwrap());
        for table in [&by_row, &by_column] {
            let mut s = Standardizer::<f32>::new(3);
            s.observe_rows(table.view()).unwrap();
            assert_eq!(s, single);
            let mut out = table.clone();
            s.standardize_rows(out.view_mut());
            for (row, got) in by_row.rows().into_iter().zip(out.rows()) {
                let mut want = row.to_vec();
                single.standardize(&mut want);
                assert_eq!(want, got.to_vec());
            }
        }
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole(values in prop::collection::vec(-1e6..1e6_f64, 2..200), cut in 0..200_usize) {
            let cut = cut.min(values.len());
            let fit = |part: &[f64]| {
                let mut s = Standardizer::<f64>::new(1);
                part.iter().for_each(|x| s.observe(&[*x]).unwrap());
                s
            };
            let mut merged = fit(&values[..cut]);
            merged.merge(&fit(&values[cut..]));
            let (mean, variance) = two_pass(&values);
            prop_assert_eq!(merged.count(), values.len() as u64);
            prop_assert!((merged.mean()[0] - mean).abs() <= 1e-9 * (1.0 + mean.abs()));
            if variance > 1e-9 {
                prop_assert!((merged.inv_std()[0] * variance.sqrt() - 1.0).abs() < 1e-9);
            }
        }
    }
}
