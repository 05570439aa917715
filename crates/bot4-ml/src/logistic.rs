//! Logistic regression: the probability that a row belongs to class 1.

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Program, axpy, dot8, sigmoid};
use ndarray::ArrayView2;

use crate::accumulator::GradientAccumulator;
use crate::affine;
use crate::loss::cross_entropy;

/// `p = sigmoid(bias + weights · x)`.
///
/// Prediction takes `&self` and allocates nothing, so any number of threads may share one model. One row, a
/// batch of rows and a batch of columns give the same bits, on every instruction set.
///
/// ```
/// use bot4_ml::LogisticRegression;
///
/// let model = LogisticRegression::from_parts(vec![1.0, -1.0], 0.5);
/// assert_eq!(model.logit(&[2.0, 2.5]), 0.0);
/// assert_eq!(model.predict(&[2.0, 2.5]), 0.5);
/// ```
#[derive(Debug, PartialEq)]
pub struct LogisticRegression<T: Number> {
    weights: AlignedVec<T>,
    bias: T,
}

impl<T: Number> Clone for LogisticRegression<T> {
    fn clone(&self) -> Self {
        Self { weights: self.weights.clone(), bias: self.bias }
    }

    /// No allocation where the widths are equal: a model that is published again and again needs none.
    fn clone_from(&mut self, source: &Self) {
        self.weights.clone_from(&source.weights);
        self.bias = source.bias;
    }
}

impl<T: Number> LogisticRegression<T> {
    /// A model of `inputs` features with all parameters 0: it predicts 0.5 for everything.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        Self { weights: AlignedVec::zeroed(inputs), bias: T::ZERO }
    }

    /// A model with these parameters.
    #[must_use]
    pub fn from_parts(weights: Vec<T>, bias: T) -> Self {
        Self { weights: AlignedVec::from_slice(&weights), bias }
    }

    /// The number of features.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weights.len()
    }

    /// The weight of each feature.
    #[must_use]
    pub fn weights(&self) -> &[T] {
        &self.weights
    }

    /// The bias (intercept).
    #[must_use]
    pub fn bias(&self) -> T {
        self.bias
    }

    /// The parameter groups, weights then bias, as an optimiser step takes them.
    pub fn parameters_mut(&mut self) -> [&mut [T]; 2] {
        [&mut self.weights, std::slice::from_mut(&mut self.bias)]
    }

    /// An accumulator of the shape of this model.
    #[must_use]
    pub fn accumulator(&self) -> GradientAccumulator<T> {
        GradientAccumulator::new(&[self.inputs(), 1])
    }

    /// `bias + weights · x`, the log odds of class 1. The dot product is the reproducible one: the same bits
    /// on every instruction set.
    ///
    /// # Panics
    /// When `x` has another width than the model.
    #[must_use]
    pub fn logit(&self, x: &[T]) -> T {
        self.bias + dot8(x, &self.weights)
    }

    /// The probability of class 1.
    ///
    /// # Panics
    /// When `x` has another width than the model.
    #[must_use]
    pub fn predict(&self, x: &[T]) -> T {
        let mut p = [self.logit(x)];
        sigmoid(&mut p);
        p[0]
    }

    /// The probability of class 1 of every row of a table, in any memory layout; rows or columns that are
    /// contiguous are fast. Bit-equal to [`predict`](Self::predict) row by row.
    ///
    /// # Panics
    /// When the table has another width than the model, or `out` another length than the table has rows.
    pub fn predict_batch(&self, rows: ArrayView2<'_, T>, out: &mut [T]) {
        affine::check(rows, self.inputs(), out);
        Isa::detect().run(PredictBatch { model: self, rows, out });
    }

    /// Adds the gradient of one sample's loss to the accumulator's groups (weights, bias) and returns the
    /// loss, `-ln p` of the sample's class. `y` is 1 or 0, or the probability of class 1.
    ///
    /// # Panics
    /// When `x` has another width than the model, or the accumulator another shape.
    pub fn accumulate_gradient(&self, x: &[T], y: T, gradients: &mut GradientAccumulator<T>) -> f64 {
        let logit = self.logit(x);
        let mut p = [logit];
        sigmoid(&mut p);
        let residual = p[0] - y;
        let mut groups = gradients.accumulate(1);
        axpy(residual, x, groups.group(0));
        let bias = &mut groups.group(1)[0];
        *bias += residual;
        cross_entropy(logit.into(), y.into())
    }
}

/// The probabilities of a batch.
struct PredictBatch<'a, T: Number> {
    model: &'a LogisticRegression<T>,
    rows: ArrayView2<'a, T>,
    out: &'a mut [T],
}

impl<T: Number> Program for PredictBatch<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { model, rows, out } = self;
        affine::Batch { weights: &model.weights, bias: model.bias, rows, out }.run(k);
        k.sigmoid(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Sgd;
    use ndarray::{Array2, ShapeBuilder, s};

    fn wavy(rows: usize, width: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, width), |(i, j)| ((i * 31 + j * 17) as f64 * 0.37).sin())
    }

    fn model(width: usize) -> LogisticRegression<f64> {
        LogisticRegression::from_parts((0..width).map(|j| (j as f64).cos()).collect(), 0.25)
    }

    #[test]
    fn one_row_and_a_batch_in_any_layout_give_the_same_bits() {
        for width in [0, 1, 3, 8, 9, 33] {
            let (model, rows) = (model(width), wavy(50, width));
            let mut by_column = Array2::zeros((50, width).f());
            by_column.assign(&rows);
            let mut wide = Array2::zeros((100, 2 * width));
            wide.slice_mut(s![..;2, ..;2]).assign(&rows);
            for table in [rows.view(), by_column.view(), wide.slice(s![..;2, ..;2])] {
                let mut out = [0.0; 50];
                model.predict_batch(table, &mut out);
                for (row, p) in rows.rows().into_iter().zip(out) {
                    assert_eq!(p.to_bits(), model.predict(row.to_slice().unwrap()).to_bits());
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let (model, rows) = (model(33), wavy(50, 33));
        let mut want = [0.0; 50];
        model.predict_batch(rows.view(), &mut want);
        for isa in Isa::available() {
            let mut out = [0.0; 50];
            isa.run(PredictBatch { model: &model, rows: rows.view(), out: &mut out });
            assert_eq!(out.map(f64::to_bits), want.map(f64::to_bits), "{isa}");
        }
    }

    #[test]
    fn probabilities_stay_probabilities_at_the_extremes() {
        let model = LogisticRegression::from_parts(vec![1.0_f32], 0.0);
        assert_eq!(model.predict(&[1e30]), 1.0);
        assert_eq!(model.predict(&[-1e30]), 0.0);
        assert!(model.predict(&[f32::NAN]).is_nan());
        let mut gradients = model.accumulator();
        assert_eq!(model.accumulate_gradient(&[-1e3], 1.0, &mut gradients), 1e3);
        assert_eq!(model.accumulate_gradient(&[1e3], 1.0, &mut gradients), 0.0);
    }

    #[test]
    #[should_panic(expected = "width")]
    fn a_table_of_another_width_panics() {
        model(3).predict_batch(wavy(2, 4).view(), &mut [0.0; 2]);
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (mut model, rows) = (model(5), wavy(7, 5));
        let label = |i: usize| (i % 2) as f64;
        let total = |m: &LogisticRegression<f64>| {
            let mut unused = m.accumulator();
            (0..7)
                .map(|i| m.accumulate_gradient(rows.row(i).to_slice().unwrap(), label(i), &mut unused))
                .sum::<f64>()
        };
        let mut gradients = model.accumulator();
        for i in 0..7 {
            model.accumulate_gradient(rows.row(i).to_slice().unwrap(), label(i), &mut gradients);
        }
        for group in 0..2 {
            for j in 0..gradients.sum(group).len() {
                let h = 1e-6;
                model.parameters_mut()[group][j] += h;
                let above = total(&model);
                model.parameters_mut()[group][j] -= 2.0 * h;
                let below = total(&model);
                model.parameters_mut()[group][j] += h;
                let (slope, gradient) = ((above - below) / (2.0 * h), gradients.sum(group)[j]);
                assert!((slope - gradient).abs() < 1e-8, "group {group}, {j}: {slope} and {gradient}");
            }
        }
    }

    #[test]
    fn many_small_batches_equal_one_large_batch_to_the_bit() {
        let (start, rows) = (model(6), wavy(64, 6));
        let gradient = |range: std::ops::Range<usize>, into: &mut GradientAccumulator<f64>| {
            for i in range {
                start.accumulate_gradient(rows.row(i).to_slice().unwrap(), (i % 3 == 0).into(), into);
            }
        };
        let (mut large, mut small) = (start.accumulator(), start.accumulator());
        gradient(0..64, &mut large);
        (0..16).for_each(|k| gradient(4 * k..4 * k + 4, &mut small));
        let (mut a, mut b) = (start.clone(), start.clone());
        large.step(&mut Sgd::new(0.3), &mut a.parameters_mut()).unwrap();
        small.step(&mut Sgd::new(0.3), &mut b.parameters_mut()).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, start);
    }

    #[test]
    fn one_step_is_the_analytic_update() {
        let mut model = LogisticRegression::from_parts(vec![0.0, 0.0], 0.0);
        let mut gradients = model.accumulator();
        model.accumulate_gradient(&[2.0, -1.0], 1.0, &mut gradients); // p = 1/2, residual -1/2
        model.accumulate_gradient(&[4.0, 3.0], 0.0, &mut gradients); // residual 1/2
        gradients.step(&mut Sgd::new(0.1), &mut model.parameters_mut()).unwrap();
        // mean gradient: weights (0.5, 1.0), bias 0
        assert_eq!((model.weights(), model.bias()), (&[-0.05, -0.1][..], 0.0));
    }
}
