//! Linear regression: a number from a row.

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{axpy, dot8};
use ndarray::ArrayView2;

use crate::accumulator::GradientAccumulator;
use crate::affine;

/// `y = bias + weights · x`.
///
/// Prediction takes `&self` and allocates nothing, so any number of threads may share one model. One row, a
/// batch of rows and a batch of columns give the same bits, on every instruction set.
///
/// ```
/// use bot4_ml::LinearRegression;
///
/// let model = LinearRegression::from_parts(vec![2.0, -1.0], 0.5);
/// assert_eq!(model.predict(&[3.0, 1.5]), 5.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearRegression<T: Number> {
    weights: AlignedVec<T>,
    bias: T,
}

impl<T: Number> LinearRegression<T> {
    /// A model of `inputs` features with all parameters 0.
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

    /// The predicted number. The dot product is the reproducible one.
    ///
    /// # Panics
    /// When `x` has another width than the model.
    #[must_use]
    pub fn predict(&self, x: &[T]) -> T {
        self.bias + dot8(x, &self.weights)
    }

    /// The predicted number of every row of a table, in any memory layout; rows or columns that are contiguous
    /// are fast. Bit-equal to [`predict`](Self::predict) row by row. Allocates nothing.
    ///
    /// # Panics
    /// When the table has another width than the model, or `out` another length than the table has rows.
    pub fn predict_batch(&self, rows: ArrayView2<'_, T>, out: &mut [T]) {
        affine::check(rows, self.inputs(), out);
        affine::predict(&self.weights, self.bias, rows, out);
    }

    /// Adds the gradient of half the squared error of one sample to the accumulator's groups (weights, bias) and
    /// returns that loss.
    ///
    /// # Panics
    /// When `x` has another width than the model, or the accumulator another shape.
    pub fn accumulate_gradient(&self, x: &[T], y: T, gradients: &mut GradientAccumulator<T>) -> f64 {
        let error = self.predict(x) - y;
        let mut groups = gradients.accumulate(1);
        axpy(error, x, groups.group(0));
        groups.group(1)[0] += error;
        let error: f64 = error.into();
        0.5 * error * error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_gradient_is_the_difference;
    use crate::{Sgd, Training};
    use ndarray::{Array1, Array2};
    use std::ops::ControlFlow;

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let mut model = LinearRegression::from_parts(vec![0.5, -2.0, 1.0], 0.25);
        let (x, y) = ([1.0, 2.0, -0.5], 3.0);
        let mut gradients = model.accumulator();
        model.accumulate_gradient(&x, y, &mut gradients);
        let gradient = [gradients.sum(0), gradients.sum(1)].concat();
        assert_gradient_is_the_difference(&gradient, |at, change| {
            let [weights, bias] = model.parameters_mut();
            let parameter = if at < 3 { &mut weights[at] } else { &mut bias[0] };
            *parameter += change;
            let loss = model.accumulate_gradient(&x, y, &mut gradients);
            let [weights, bias] = model.parameters_mut();
            *(if at < 3 { &mut weights[at] } else { &mut bias[0] }) -= change;
            loss
        });
    }

    #[test]
    fn least_squares_are_reached_and_a_batch_has_the_bits_of_its_rows() {
        let rows = Array2::from_shape_fn((200, 3), |(i, j)| ((i * i * 7 + i * j * 13 + j) as f64).sin());
        let labels: Array1<f64> =
            rows.rows().into_iter().map(|r| 1.0 + 2.0 * r[0] - 3.0 * r[1] + 0.5 * r[2]).collect();
        let mut model = LinearRegression::new(3);
        let training = Training { epochs: 500, batch: 200, ..Training::default() };
        let go_on = |_: &crate::Epoch| ControlFlow::Continue(());
        training.run(&mut model, rows.view(), labels.view(), &mut Sgd::new(0.5), go_on).unwrap();
        for (got, want) in model.weights().iter().zip([2.0, -3.0, 0.5]) {
            assert!((got - want).abs() < 1e-9, "{:?}", model.weights());
        }
        assert!((model.bias() - 1.0).abs() < 1e-9);
        let mut out = vec![0.0; 200];
        model.predict_batch(rows.view(), &mut out);
        for (row, got) in rows.rows().into_iter().zip(out) {
            assert_eq!(got, model.predict(row.to_slice().unwrap()));
        }
    }
}
