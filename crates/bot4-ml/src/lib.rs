//! x
mod accumulator;
mod lazy;
mod logistic;
pub mod metrics;
mod model_file;
mod optimizer;
mod rng;
mod standardizer;
mod train;

pub use accumulator::{GradientAccumulator, Groups, Reduction, ShapeMismatch, Step, StepError};
pub use lazy::{ComputeError, LazyComputation, Panicked, TryLazyComputation};
pub use logistic::LogisticRegression;
pub use model_file::{MODEL_FILE_MAX_BYTES, ModelFile, ModelFileError};
pub use optimizer::{AdamW, Optimizer, Sgd};
pub use standardizer::{Standardizer, UnusableValue};
pub use train::{Epoch, TrainError, Training};
