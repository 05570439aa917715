//! Small models at memory speed: standardise, train, save, load, predict.
//!
//! The library half of `bot4-ml`; the command of the same name is built on it (feature `cli`, on by default;
//! `default-features = false` leaves the library alone). Predicting takes `&self` or `&mut` of the caller's own
//! buffers and allocates nothing; training is seeded and reproducible to the bit on one instruction set.
//!
//! # When not to use it
//!
//! For large networks or GPUs use ONNX Runtime, candle or burn; for exploring data scikit-learn. This crate is for
//! the model that must answer within a microsecond, on a thread that may not wait.
//!
//! # From a table to a prediction
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use bot4_ml::metrics::auc;
//! use bot4_ml::{AdamW, LogisticRegression, ModelFile, Standardizer, Training};
//! use ndarray::{Array1, Array2};
//!
//! // Queue imbalance and a price in dollars; the next move follows the imbalance.
//! let mut rows = Array2::from_shape_fn((400, 2), |(i, j)| match j {
//!     0 => (i as f64 * 0.7).sin(),
//!     _ => 220.0 + (i % 10) as f64 / 100.0,
//! });
//! let labels: Array1<f64> = rows.column(0).mapv(|imbalance| if imbalance > 0.0 { 1.0 } else { 0.0 });
//!
//! // Standardise: what was learnt about the features is saved with the model.
//! let mut standardizer = Standardizer::new(2);
//! standardizer.observe_rows(rows.view())?;
//! standardizer.standardize_rows(rows.view_mut());
//!
//! // Train: mini-batches through a gradient accumulator, a report after every epoch.
//! let mut model = LogisticRegression::new(2);
//! let training = Training { epochs: 30, batch: 16, seed: 7, l2: 1e-4, ..Training::default() };
//! let epochs = training.run(&mut model, rows.view(), labels.view(), &mut AdamW::new(0.05), |epoch| {
//!     if epoch.loss < 0.1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
//! })?;
//! assert!(epochs.last().unwrap().loss < 0.5 * epochs[0].loss);
//!
//! let mut probabilities = vec![0.0; rows.nrows()];
//! model.predict_batch(rows.view(), &mut probabilities);
//! assert!(auc(&probabilities, labels.as_slice().unwrap()).unwrap() > 0.99);
//!
//! // Save and load: one file holds the model, its preprocessing and the names of its features.
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("direction.safetensors");
//! # stringify!(
//! let path = "direction.safetensors";
//! # );
//! let features = vec!["qi".into(), "mid".into()];
//! ModelFile { model, standardizer: Some(standardizer), features }.save(&path)?;
//! let loaded = ModelFile::<f64>::load(&path)?;
//!
//! // Predict one event: no allocation, no lock, any number of threads.
//! let mut row = [0.8, 220.05];
//! loaded.standardizer.as_ref().unwrap().standardize(&mut row);
//! assert!(loaded.model.predict(&row) > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a [`Pipeline`](bot4_pipeline::stage::Pipeline) the same is a `Normalize` stage made of
//! [`Standardizer::mean`] and [`Standardizer::inv_std`], then [`Predict`], then `Sigmoid`.
//!
//! # Modules
//!
//! [`metrics`] scores predictions. Behind the names re-exported here: `standardizer`, `logistic`, `accumulator` and
//! `optimizer` (gradients to parameters), `train` (mini-batches over a table, in the order of `rng`), `predict` (the
//! pipeline stage), `lazy` (values computed at first use) and `model_file`.

mod accumulator;
mod lazy;
mod logistic;
pub mod metrics;
mod model_file;
mod optimizer;
mod predict;
mod rng;
mod standardizer;
mod train;

pub use accumulator::{GradientAccumulator, Groups, Reduction, ShapeMismatch, Step, StepError};
pub use lazy::{ComputeError, LazyComputation, Panicked, TryLazyComputation};
pub use logistic::LogisticRegression;
pub use model_file::{MODEL_FILE_MAX_BYTES, ModelFile, ModelFileError};
pub use optimizer::{AdamW, Optimizer, Sgd};
pub use predict::{ModelSource, Predict};
pub use standardizer::{Standardizer, UnusableValue};
pub use train::{Epoch, TrainError, Training};
