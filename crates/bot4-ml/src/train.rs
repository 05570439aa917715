//! Fitting a model to a table.

use std::fmt;
use std::ops::ControlFlow;

use bot4_pipeline::columns::Number;
use ndarray::{ArrayView1, ArrayView2};

use crate::accumulator::{GradientAccumulator, StepError};
use crate::optimizer::Optimizer;
use crate::rng::SplitMix64;
use crate::trainable::Trainable;

/// How to train: mini-batches in a seeded random order.
///
/// Trains whatever is [`Trainable`]: the linear models and [`Mlp`](crate::Mlp). The same table, start, optimiser and settings give the same parameters to the bit on the same instruction
/// set.
///
/// ```
/// use std::ops::ControlFlow;
/// use bot4_ml::{AdamW, LogisticRegression, Training};
/// use ndarray::array;
///
/// let rows = array![[-2.0], [-1.0], [1.0], [2.0]];
/// let labels = array![0.0, 0.0, 1.0, 1.0];
/// let mut model = LogisticRegression::new(1);
/// let training = Training { epochs: 50, batch: 2, ..Training::default() };
/// let epochs = training.run(&mut model, rows.view(), labels.view(), &mut AdamW::new(0.1), |epoch| {
///     if epoch.loss < 0.05 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// assert!(epochs.last().unwrap().loss < epochs[0].loss);
/// assert!(model.predict(&[1.5]) > 0.9);
/// # Ok::<(), bot4_ml::TrainError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Passes over the table.
    pub epochs: usize,
    /// Samples a step; the last step of an epoch takes what is left.
    pub batch: usize,
    /// Seed of the order.
    pub seed: u64,
    /// Ridge penalty: `l2 / 2 * |weights|²` is added to the mean loss. The bias is free.
    pub l2: f64,
    /// Limit on the norm of a step's gradient.
    pub clip_norm: Option<f64>,
}

impl Default for Training {
    /// 10 epochs of batches of 32, seed 0, no penalty, no clipping.
    fn default() -> Self {
        Self { epochs: 10, batch: 32, seed: 0, l2: 0.0, clip_norm: None }
    }
}

/// One pass over the table, reported as soon as it is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// Counted from 0.
    pub index: usize,
    /// Mean loss of the samples, each at the moment it was learnt from (without the penalty).
    pub loss: f64,
}

impl Training {
    /// Trains `model` in place and returns the loss of each epoch.
    ///
    /// `on_epoch` is called after each one and may end the training early. Rows should be standardised
    /// (see [`Standardizer`](crate::Standardizer)). Labels are a number for linear regression, 0, 1 or a
    /// probability for logistic regression, and what the last layer asks for a network. Memory: one index a row,
    /// the gradient, one row, the model's workspace and what the optimiser keeps.
    ///
    /// # Errors
    /// [`TrainError`] when the settings or shapes do not fit, the model cannot learn a label, or the gradient
    /// stops being finite; in the last case the model is left as it was before the step that went wrong.
    pub fn run<T: Number, M: Trainable<T>, O: Optimizer<T>>(
        &self,
        model: &mut M,
        rows: ArrayView2<'_, T>,
        labels: ArrayView1<'_, T>,
        optimizer: &mut O,
        mut on_epoch: impl FnMut(&Epoch) -> ControlFlow<()>,
    ) -> Result<Vec<Epoch>, TrainError> {
        self.check(model, rows, labels)?;
        let mut run = Run {
            gradients: self.accumulator(model),
            workspace: model.workspace(),
            row: vec![T::ZERO; model.inputs()],
            l2: self.l2,
        };
        let mut order: Vec<usize> = (0..rows.nrows()).collect();
        let mut rng = SplitMix64::new(self.seed);
        let mut epochs = Vec::with_capacity(self.epochs.min(1 << 16));
        for index in 0..self.epochs {
            rng.shuffle(&mut order);
            let mut loss = 0.0;
            for batch in order.chunks(self.batch) {
                loss += run
                    .batch(model, optimizer, batch.iter().map(|&i| (rows.row(i), labels[i])))
                    .map_err(|error| TrainError::step(index, error))?;
            }
            epochs.push(Epoch { index, loss: loss / rows.nrows() as f64 });
            if on_epoch(&epochs[index]).is_break() {
                break;
            }
        }
        Ok(epochs)
    }

    fn accumulator<T: Number, M: Trainable<T>>(&self, model: &M) -> GradientAccumulator<T> {
        match self.clip_norm {
            Some(limit) => model.accumulator().with_clip_norm(limit),
            None => model.accumulator(),
        }
    }

    fn check<T: Number, M: Trainable<T>>(
        &self,
        model: &M,
        rows: ArrayView2<'_, T>,
        labels: ArrayView1<'_, T>,
    ) -> Result<(), TrainError> {
        if self.batch == 0 {
            return Err(TrainError::Setting("batch is 0"));
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return Err(TrainError::Setting("l2 is negative or not finite"));
        }
        if self.clip_norm.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return Err(TrainError::Setting("clip_norm is not a positive finite number"));
        }
        if rows.nrows() == 0 {
            return Err(TrainError::Empty);
        }
        if rows.ncols() != model.inputs() {
            return Err(TrainError::Width { expected: model.inputs(), found: rows.ncols() });
        }
        if rows.nrows() != labels.len() {
            return Err(TrainError::Labels { rows: rows.nrows(), labels: labels.len() });
        }
        match labels.iter().position(|y| !model.accepts((*y).into())) {
            Some(row) => Err(TrainError::Label { row, value: labels[row].into() }),
            None => Ok(()),
        }
    }
}

/// What a training run reuses from batch to batch.
struct Run<T, W> {
    gradients: GradientAccumulator<T>,
    workspace: W,
    /// A row that was not contiguous, copied.
    row: Vec<T>,
    l2: f64,
}

impl<T: Number, W> Run<T, W> {
    /// Takes one step and returns the sum of the samples' losses.
    fn batch<'a, M: Trainable<T, Workspace = W>, O: Optimizer<T>>(
        &mut self,
        model: &mut M,
        optimizer: &mut O,
        samples: impl Iterator<Item = (ArrayView1<'a, T>, T)>,
    ) -> Result<f64, StepError>
    where
        T: 'a,
    {
        let mut loss = 0.0;
        for (row, label) in samples {
            let row = match row.to_slice() {
                Some(row) => row,
                None => {
                    self.row.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
                    &self.row
                }
            };
            loss += model.accumulate(row, label, &mut self.workspace, &mut self.gradients);
        }
        if self.l2 > 0.0 {
            // The step divides the sums by the samples, so the penalty's gradient goes in once a sample.
            let weight = T::from_f64(self.l2 * self.gradients.samples() as f64);
            model.penalise(weight, &mut self.gradients);
        }
        model.step(&mut self.gradients, optimizer)?;
        Ok(loss)
    }
}

/// Why a training run stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting that cannot be.
    Setting(&'static str),
    /// The table has no rows.
    Empty,
    /// The table has another width than the model.
    Width {
        /// The model's.
        expected: usize,
        /// The table's.
        found: usize,
    },
    /// Not one label a row.
    Labels {
        /// Rows in the table.
        rows: usize,
        /// Labels given.
        labels: usize,
    },
    /// A label that the model cannot learn: outside `[0, 1]`, no class, not finite.
    Label {
        /// Its row.
        row: usize,
        /// The label.
        value: f64,
    },
    /// The gradient stopped being finite: a value in the table is not, or the learning rate is too large.
    Diverged {
        /// The epoch it happened in, counted from 0.
        epoch: usize,
    },
    /// The optimiser was used for another model before.
    Step(StepError),
}

impl TrainError {
    fn step(epoch: usize, error: StepError) -> Self {
        match error {
            StepError::NotFinite => Self::Diverged { epoch },
            other => Self::Step(other),
        }
    }
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(what) => write!(f, "training cannot start: {what}"),
            Self::Empty => f.write_str("training cannot start: the table has no rows"),
            Self::Width { expected, found } => {
                write!(f, "the table has {found} columns, the model takes {expected}")
            }
            Self::Labels { rows, labels } => write!(f, "{labels} labels for {rows} rows"),
            Self::Label { row, value } => {
                write!(f, "the label of row {row} is {value}, which this model cannot learn")
            }
            Self::Diverged { epoch } => write!(
                f,
                "the gradient was not finite in epoch {epoch}: look for NaN in the table or lower the learning rate"
            ),
            Self::Step(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Step(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic::LogisticRegression;
    use crate::metrics::auc;
    use crate::optimizer::{AdamW, Sgd};
    use ndarray::{Array1, Array2, ShapeBuilder};

    const TRUTH: ([f64; 3], f64) = ([1.5, -2.0, 0.0], 0.5);

    /// Rows with labels drawn from a known model.
    fn table(rows: usize) -> (Array2<f64>, Array1<f64>) {
        let mut noise = SplitMix64::new(42);
        let mut uniform = move || noise.uniform();
        let x = Array2::from_shape_fn((rows, 3), |_| 4.0 * uniform() - 2.0);
        let y = x
            .rows()
            .into_iter()
            .map(|row| {
                let z: f64 = TRUTH.1 + row.iter().zip(TRUTH.0).map(|(x, w)| x * w).sum::<f64>();
                f64::from(u8::from(uniform() < 1.0 / (1.0 + (-z).exp())))
            })
            .collect();
        (x, y)
    }

    fn go_on(_: &Epoch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn trained(training: Training, x: &Array2<f64>, y: &Array1<f64>) -> LogisticRegression<f64> {
        let mut model = LogisticRegression::new(3);
        training.run(&mut model, x.view(), y.view(), &mut AdamW::new(0.01), go_on).unwrap();
        model
    }

    #[test]
    fn known_weights_are_recovered() {
        let (x, y) = table(20_000);
        let model = trained(Training { epochs: 5, batch: 64, ..Training::default() }, &x, &y);
        // The standard error of a weight is about 0.02 here.
        for (got, want) in model.weights().iter().zip(TRUTH.0) {
            assert!((got - want).abs() < 0.1, "{:?}", model.weights());
        }
        assert!((model.bias() - TRUTH.1).abs() < 0.1, "{}", model.bias());
        let mut p = vec![0.0; 20_000];
        model.predict_batch(x.view(), &mut p);
        assert!(auc(&p, y.as_slice().unwrap()).unwrap() > 0.9);
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_in_any_layout_and_another_does_not() {
        let (x, y) = table(500);
        let mut by_column = Array2::zeros((500, 3).f());
        by_column.assign(&x);
        let first = trained(Training::default(), &x, &y);
        assert_eq!(first, trained(Training::default(), &x, &y));
        assert_eq!(first, trained(Training::default(), &by_column, &y));
        assert_ne!(first, trained(Training { seed: 1, ..Training::default() }, &x, &y));
    }

    /// At the optimum the penalty's gradient cancels the data's: that is checked, not the shrinking alone.
    #[test]
    fn the_ridge_penalty_moves_the_optimum_where_it_should() {
        let (x, y) = table(200);
        let l2 = 0.5;
        let training = Training { epochs: 2_000, batch: 200, l2, ..Training::default() };
        let mut model = LogisticRegression::new(3);
        training.run(&mut model, x.view(), y.view(), &mut Sgd::new(0.5), go_on).unwrap();
        let mut gradients = model.accumulator();
        for (row, label) in x.rows().into_iter().zip(&y) {
            model.accumulate_gradient(row.to_slice().unwrap(), *label, &mut gradients);
        }
        for (g, w) in gradients.sum(0).iter().zip(model.weights()) {
            assert!((g / 200.0 + l2 * w).abs() < 1e-9, "{g} {w}");
        }
        assert!(gradients.sum(1)[0].abs() < 1e-6);
    }

    #[test]
    fn losses_are_reported_as_they_come_and_the_report_can_end_the_training() {
        let (x, y) = table(200);
        let mut model = LogisticRegression::new(3);
        let mut seen = Vec::new();
        let epochs = Training { epochs: 100, ..Training::default() }
            .run(&mut model, x.view(), y.view(), &mut Sgd::new(0.1), |epoch| {
                seen.push(*epoch);
                if epoch.index == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(epochs, seen);
        assert_eq!(epochs.len(), 5);
        assert!(epochs[4].loss < epochs[0].loss && epochs[0].loss < 0.7);
    }

    #[test]
    fn what_cannot_be_trained_on_is_an_error_that_names_it() {
        let (x, mut y) = table(10);
        let try_it = |training: Training, x: &Array2<f64>, y: &Array1<f64>| {
            let mut model = LogisticRegression::new(3);
            let outcome = training.run(&mut model, x.view(), y.view(), &mut Sgd::new(0.1), go_on);
            (outcome.unwrap_err(), model)
        };
        let default = Training::default();
        let is_setting = |e: &TrainError| matches!(e, TrainError::Setting(_));
        assert!(is_setting(&try_it(Training { batch: 0, ..default }, &x, &y).0));
        assert!(is_setting(&try_it(Training { l2: f64::NAN, ..default }, &x, &y).0));
        assert!(is_setting(&try_it(Training { clip_norm: Some(0.0), ..default }, &x, &y).0));
        assert_eq!(try_it(default, &Array2::zeros((0, 3)), &Array1::zeros(0)).0, TrainError::Empty);
        let narrow = Array2::zeros((10, 2));
        assert_eq!(try_it(default, &narrow, &y).0, TrainError::Width { expected: 3, found: 2 });
        let short = Array1::zeros(9);
        assert_eq!(try_it(default, &x, &short).0, TrainError::Labels { rows: 10, labels: 9 });
        y[7] = 2.0;
        assert_eq!(try_it(default, &x, &y).0, TrainError::Label { row: 7, value: 2.0 });
        y[7] = 1.0;
        let (error, model) = try_it(default, &Array2::from_elem((10, 3), f64::INFINITY), &y);
        assert_eq!((error, model), (TrainError::Diverged { epoch: 0 }, LogisticRegression::new(3)));
    }
}
