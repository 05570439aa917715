//! A model of your own: trained, saved, and run as a stage: `cargo run -p bot4-ml --example own_model`.
//!
//! Copy [`Huber`]. [`Training`] asks a model for [`Trainable`], a pipeline for [`Stage`]; a model file holds what predicts, which
//! here is a linear model.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::ops::ControlFlow;

use bot4_ml::{
    AdamW, GradientAccumulator, LinearRegression, ModelFile, Optimizer, Step, StepError, Trainable, Training,
};
use bot4_pipeline::columns::Columns;
use bot4_pipeline::stage::{Pipeline, Stage, StageError};
use bot4_simd::Kernels;
use ndarray::{Array1, Array2};

/// Linear regression that outliers do not pull away: beyond `delta` an error weighs no more than `delta` (Huber 1964).
#[derive(Debug, Clone)]
struct Huber {
    linear: LinearRegression<f64>,
    delta: f64,
}

impl Trainable<f64> for Huber {
    type Workspace = ();

    fn inputs(&self) -> usize {
        self.linear.inputs()
    }

    fn workspace(&self) {}

    fn accumulator(&self) -> GradientAccumulator<f64> {
        self.linear.accumulator()
    }

    fn accepts(&self, label: f64) -> bool {
        label.is_finite()
    }

    fn accumulate(&self, x: &[f64], y: f64, _: &mut (), gradients: &mut GradientAccumulator<f64>) -> f64 {
        let error = self.linear.predict(x) - y;
        let slope = error.clamp(-self.delta, self.delta);
        let mut groups = gradients.accumulate(1);
        bot4_simd::axpy(slope, x, groups.group(0));
        groups.group(1)[0] += slope;
        slope * (error - 0.5 * slope)
    }

    fn penalise(&self, amount: f64, gradients: &mut GradientAccumulator<f64>) {
        bot4_simd::axpy(amount, self.linear.weights(), gradients.accumulate(0).group(0));
    }

    fn step<O: Optimizer<f64>>(
        &mut self,
        gradients: &mut GradientAccumulator<f64>,
        optimizer: &mut O,
    ) -> Result<Step, StepError> {
        gradients.step(optimizer, &mut self.linear.parameters_mut())
    }
}

/// The stage replaces a row by its prediction, with the same bits in rows and batches.
impl Stage<f64> for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.linear.inputs()).map(|()| 1)
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [f64], _scratch: &mut [f64]) {
        row[0] = self.linear.bias() + k.dot8(&row[..self.linear.inputs()], self.linear.weights());
    }

    #[inline(always)]
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<f64>, scratch: &mut [f64]) {
        let sums = &mut scratch[..columns.len()];
        k.weighted_sum(columns.as_slice(), columns.stride(), self.linear.weights(), sums);
        for (to, sum) in columns.column_mut(0).iter_mut().zip(sums) {
            *to = self.linear.bias() + *sum;
        }
    }
}

fn train<M: Trainable<f64>>(
    mut model: M,
    rows: &Array2<f64>,
    labels: &Array1<f64>,
) -> Result<M, Box<dyn Error>> {
    let training = Training { epochs: 40, batch: 16, seed: 7, l2: 0.0, ..Training::default() };
    let mut adam = AdamW::new(0.05);
    training.run(&mut model, rows.view(), labels.view(), &mut adam, |_| ControlFlow::Continue(()))?;
    Ok(model)
}

fn main() -> Result<(), Box<dyn Error>> {
    // y = 2 a - b, and one label in twenty is off by a hundred.
    let rows = Array2::from_shape_fn((1_000, 2), |(i, j)| ((i * (7 + 4 * j)) as f64).sin());
    let outlier = |i: usize| if i.is_multiple_of(20) { 100.0 } else { 0.0 };
    let labels = Array1::from_shape_fn(1_000, |i| 2.0 * rows[[i, 0]] - rows[[i, 1]] + outlier(i));

    let huber = train(Huber { linear: LinearRegression::new(2), delta: 0.1 }, &rows, &labels)?;
    let squares = train(LinearRegression::new(2), &rows, &labels)?;
    println!("huber         {:?} and {:.3}", huber.linear.weights(), huber.linear.bias());
    println!("least squares {:?} and {:.3}", squares.weights(), squares.bias());
    assert!(huber.linear.bias().abs() < 0.5 && squares.bias().abs() > 2.0);

    let file = ModelFile::new(huber.linear.clone()).with_features(["a", "b"]).to_bytes()?;
    assert_eq!(ModelFile::<LinearRegression<f64>>::from_bytes(&file)?.model, huber.linear);

    let mut row = [0.5, 0.25];
    Pipeline::new(2, 1, (huber.clone(),))?.one(&mut row);
    assert_eq!(row[0], huber.linear.predict(&[0.5, 0.25]));
    Ok(())
}
