//! What a training run asks of a model.

use bot4_pipeline::columns::Number;
use bot4_simd::axpy;

use crate::accumulator::{GradientAccumulator, Step, StepError};
use crate::linear::LinearRegression;
use crate::logistic::LogisticRegression;
use crate::mlp::{Mlp, MlpWorkspace};
use crate::optimizer::Optimizer;

/// A model that learns from rows and labels: what [`Training`](crate::Training) runs on.
pub trait Trainable<T: Number> {
    /// Memory that learning from a sample needs besides the model, made once.
    type Workspace;

    /// The number of features.
    fn inputs(&self) -> usize;

    /// The workspace.
    fn workspace(&self) -> Self::Workspace;

    /// An accumulator of the model's shape.
    fn accumulator(&self) -> GradientAccumulator<T>;

    /// Whether a label is one that the model can learn.
    fn accepts(&self, label: f64) -> bool;

    /// Adds the gradient of one sample's loss and returns the loss.
    fn accumulate(
        &self,
        x: &[T],
        label: T,
        workspace: &mut Self::Workspace,
        gradients: &mut GradientAccumulator<T>,
    ) -> f64;

    /// Adds `amount` times the weights, not the biases, to the sums: the gradient of a ridge penalty.
    fn penalise(&self, amount: T, gradients: &mut GradientAccumulator<T>);

    /// Applies what was accumulated.
    ///
    /// # Errors
    /// As [`GradientAccumulator::step`].
    fn step<O: Optimizer<T>>(
        &mut self,
        gradients: &mut GradientAccumulator<T>,
        optimizer: &mut O,
    ) -> Result<Step, StepError>;
}

/// The linear models differ in their labels and losses only.
macro_rules! linear {
    ($model:ident, $label:ident => $accepts:expr) => {
        impl<T: Number> Trainable<T> for $model<T> {
            type Workspace = ();

            fn inputs(&self) -> usize {
                self.inputs()
            }

            fn workspace(&self) {}

            fn accumulator(&self) -> GradientAccumulator<T> {
                self.accumulator()
            }

            fn accepts(&self, $label: f64) -> bool {
                $accepts
            }

            fn accumulate(&self, x: &[T], y: T, _: &mut (), gradients: &mut GradientAccumulator<T>) -> f64 {
                self.accumulate_gradient(x, y, gradients)
            }

            fn penalise(&self, amount: T, gradients: &mut GradientAccumulator<T>) {
                axpy(amount, self.weights(), gradients.accumulate(0).group(0));
            }

            fn step<O: Optimizer<T>>(
                &mut self,
                gradients: &mut GradientAccumulator<T>,
                optimizer: &mut O,
            ) -> Result<Step, StepError> {
                gradients.step(optimizer, &mut self.parameters_mut())
            }
        }
    };
}

linear!(LinearRegression, label => label.is_finite());
linear!(LogisticRegression, label => (0.0..=1.0).contains(&label));

impl<T: Number> Trainable<T> for Mlp<T> {
    type Workspace = MlpWorkspace<T>;

    fn inputs(&self) -> usize {
        self.inputs()
    }

    fn workspace(&self) -> MlpWorkspace<T> {
        self.workspace()
    }

    fn accumulator(&self) -> GradientAccumulator<T> {
        self.accumulator()
    }

    fn accepts(&self, label: f64) -> bool {
        Mlp::accepts(self, label)
    }

    fn accumulate(
        &self,
        x: &[T],
        label: T,
        workspace: &mut MlpWorkspace<T>,
        gradients: &mut GradientAccumulator<T>,
    ) -> f64 {
        self.accumulate_gradient(x, label, workspace, gradients)
    }

    fn penalise(&self, amount: T, gradients: &mut GradientAccumulator<T>) {
        self.decay(amount, gradients.accumulate(0).group(0));
    }

    fn step<O: Optimizer<T>>(
        &mut self,
        gradients: &mut GradientAccumulator<T>,
        optimizer: &mut O,
    ) -> Result<Step, StepError> {
        gradients.step(optimizer, &mut self.parameters_mut())
    }
}
