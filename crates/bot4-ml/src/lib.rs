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
//! let rises = |imbalance| if imbalance > 0.0 { 1.0 } else { 0.0 };
//! let labels: Array1<f64> = rows.column(0).mapv(rises);
//!
//! // Standardise: what was learnt about the features is saved with the model.
//! let mut standardizer = Standardizer::new(2);
//! standardizer.observe_rows(rows.view())?;
//! standardizer.standardize_rows(rows.view_mut());
//!
//! // Train: mini-batches through a gradient accumulator, a report after every epoch.
//! let mut model = LogisticRegression::new(2);
//! let mut optimizer = AdamW::new(0.05);
//! let training = Training { epochs: 30, batch: 16, l2: 1e-4, ..Training::default() };
//! let epochs = training.run(&mut model, rows.view(), labels.view(), &mut optimizer, |epoch| {
//!     if epoch.loss < 0.1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
//! })?;
//! assert!(epochs.last().unwrap().loss < 0.5 * epochs[0].loss);
//!
//! let mut probabilities = vec![0.0; rows.nrows()];
//! model.predict_batch(rows.view(), &mut probabilities);
//! assert!(auc(&probabilities, labels.as_slice().unwrap()).unwrap() > 0.99);
//!
//! // Save and load: one file holds the model, its preprocessing, the names of its features.
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("direction.safetensors");
//! # stringify!(
//! let path = "direction.safetensors";
//! # );
//! let file = ModelFile::new(model).with_standardizer(standardizer).with_features(["qi", "mid"]);
//! file.save(&path)?;
//! let loaded = ModelFile::<LogisticRegression<f64>>::load(&path)?;
//!
//! // Predict one event: no allocation, no lock, any number of threads.
//! let mut row = [0.8, 220.05];
//! loaded.standardizer.as_ref().unwrap().standardize(&mut row);
//! assert!(loaded.model.predict(&row) > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything else goes the same way: an [`Mlp`] instead of the logistic model is trained by the same
//! [`Training`] and saved by the same [`ModelFile`], and predicts into the caller's buffers:
//!
//! ```
//! use bot4_ml::{Activation, AdamW, Mlp, ModelFile, Training};
//! use ndarray::{Array1, Array2, ArrayView1};
//! use std::ops::ControlFlow::Continue;
//!
//! // Exclusive or, which no linear model learns.
//! let rows = Array2::from_shape_fn((400, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
//! let same_sign = |row: ArrayView1<f32>| if row[0] * row[1] > 0.0 { 1.0 } else { 0.0 };
//! let labels: Array1<f32> = rows.rows().into_iter().map(same_sign).collect();
//! let mut model = Mlp::new(&[2, 16, 1], Activation::Tanh, Activation::Sigmoid, 7)?;
//! let mut optimizer = AdamW::new(0.02);
//! let training = Training { epochs: 60, batch: 16, ..Training::default() };
//! training.run(&mut model, rows.view(), labels.view(), &mut optimizer, |_| Continue(()))?;
//!
//! let bytes = ModelFile::new(model).to_bytes()?;
//! let loaded = ModelFile::<Mlp<f32>>::from_bytes(&bytes)?;
//! let (mut scratch, mut out) = (vec![0.0; loaded.model.scratch_len()], [0.0]);
//! loaded.model.predict(&[0.5, -0.5], &mut scratch, &mut out); // allocates nothing
//! assert!(out[0] < 0.2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that must not wait for a file before it needs it loads at first use, from whichever thread comes first,
//! the weights and what is made of them; from then on each read is one load and a branch:
//!
//! ```
//! use bot4_ml::{LazyComputation, LogisticRegression, ModelFile, Standardizer, TryLazyComputation};
//! use bot4_pipeline::stage::{Normalize, Pipeline};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("direction.safetensors");
//! # let mut standardizer = Standardizer::new(2);
//! # standardizer.observe_rows(ndarray::array![[0.0, 220.0], [0.5, 221.0]].view())?;
//! # ModelFile::new(LogisticRegression::from_parts(vec![2.0, 0.0], 0.0)).with_standardizer(standardizer).save(&path)?;
//! let model = TryLazyComputation::new(|| ModelFile::<LogisticRegression<f64>>::load(&path));
//! let preprocessing = LazyComputation::new(|| {
//!     let standardizer = model.get().unwrap().standardizer.as_ref().unwrap();
//!     Normalize::new(standardizer.mean(), standardizer.inv_std())
//! });
//!
//! preprocessing.force()?; // warm up before the first event; a panic would be an error here
//! let mut pipeline = Pipeline::new(2, 1, (preprocessing.get().clone(),))?;
//! let mut row = [0.5, 221.0];
//! pipeline.one(&mut row);
//! assert!(model.get()?.model.predict(&row) > 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a [`Pipeline`](bot4_pipeline::stage::Pipeline) a logistic model is a `Normalize` stage made of
//! [`Standardizer::mean`] and [`Standardizer::inv_std`], then [`Predict`], then `Sigmoid`.
//!
//! # Modules
//!
//! [`metrics`] scores predictions. Behind the names re-exported here: `standardizer`; the models `linear` and
//! `logistic` (on `affine`), `mlp` and its typed twin `dense` (on `activation`), `gru`, `trees`; `accumulator` and
//! `optimizer` (gradients to parameters), `loss` and `transposed` (what gradients are made with), `trainable` and
//! `train` (mini-batches over a table, in the order of `rng`); `predict` (the pipeline stage), `lazy` (values
//! computed at first use) and `model_file`.

mod accumulator;
mod activation;
mod affine;
mod dense;
mod gru;
mod lazy;
mod linear;
mod logistic;
mod loss;
pub mod metrics;
mod mlp;
mod model_file;
mod optimizer;
mod predict;
mod rng;
mod standardizer;
#[cfg(test)]
mod testing;
mod train;
mod trainable;
mod transposed;
mod trees;

pub use accumulator::{GradientAccumulator, Groups, Reduction, ShapeMismatch, Step, StepError};
pub use activation::{Activation, UnknownActivation};
pub use dense::{Dense, Forward, Then};
pub use gru::{GruCell, GruError, GruParts, GruStep};
pub use lazy::{ComputeError, LazyComputation, Panicked, TryLazyComputation};
pub use linear::LinearRegression;
pub use logistic::LogisticRegression;
pub use mlp::{LayerError, LayerParts, Mlp, MlpWorkspace};
pub use model_file::{MODEL_FILE_BYTES_MAX, Model, ModelFile, ModelFileError, Saved};
pub use optimizer::{AdamW, Optimizer, Sgd};
pub use predict::{ModelSource, Predict};
pub use standardizer::{Standardizer, UnusableValue};
pub use train::{Epoch, TrainError, Training};
pub use trainable::Trainable;
pub use trees::{BoostedTrees, TreeFileError, TreeFileReason};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
