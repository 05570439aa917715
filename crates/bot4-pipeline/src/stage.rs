//! Stages that transform rows in place, and their composition into one pipeline.
//!
//! A [`Stage`] is written twice for one purpose: [`one`](Stage::one) turns a single row over as fast as
//! it can, [`batch`](Stage::batch) turns many rows over by column. Both give the same bits, so a model
//! trained on batches sees live what it saw in training. A [`Pipeline`] is a tuple of stages: no boxes,
//! no calls through pointers; widths are checked once when it is built, and a run enters the
//! instruction set once, so that everything below is compiled for it and inlined.
//!
//! ```
//! use bot4_pipeline::stage::{Clamp, Difference, Normalize, Pipeline, Squash};
//!
//! let mut pipeline = Pipeline::new(
//!     3,
//!     1024,
//!     (
//!         Normalize::new(&[1.0, 2.0, 3.0], &[1.0, 0.5, 0.25]),
//!         Difference::new(&[0.5; 3]),
//!         Squash,
//!         Clamp::new(-0.9, 0.9),
//!     ),
//! )
//! .unwrap();
//! let mut row = [1.0, 4.0, 103.0];
//! pipeline.one(&mut row);
//! assert_eq!(row, [0.0, f64::tanh(1.0), 0.9]);
//! ```
//!
//! # Writing a stage
//!
//! ```
//! use bot4_pipeline::columns::{Columns, Number};
//! use bot4_pipeline::stage::{Pipeline, Squash, Stage, StageError};
//! use bot4_simd::Kernels;
//!
//! /// One score per row: the weighted sum of its features.
//! struct Score<T> {
//!     weights: Vec<T>,
//! }
//!
//! impl<T: Number> Stage<T> for Score<T> {
//!     fn name(&self) -> &'static str {
//!         "score"
//!     }
//!
//!     fn output_width(&self, input: usize) -> Result<usize, StageError> {
//!         StageError::unless_equal(input, self.weights.len()).map(|()| 1)
//!     }
//!
//!     #[inline(always)]
//!     fn one<K: Kernels>(&mut self, k: K, row: &mut [T], _scratch: &mut [T]) {
//!         row[0] = k.dot8(row, &self.weights);
//!     }
//!
//!     #[inline(always)]
//!     fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, scratch: &mut [T]) {
//!         // The sum reads every column, so it cannot be written to one of them directly.
//!         let sums = &mut scratch[..columns.len()];
//!         k.weighted_sum(columns.as_slice(), columns.stride(), &self.weights, sums);
//!         columns.column_mut(0).copy_from_slice(sums);
//!     }
//! }
//!
//! let mut pipeline = Pipeline::new(2, 8, (Squash, Score { weights: vec![2.0, 4.0] })).unwrap();
//! let mut batch = Columns::new(2, 8);
//! batch.push_row(&[0.0, 0.0]);
//! batch.push_row(&[50.0, -50.0]);
//! pipeline.batch(&mut batch);
//! assert_eq!(batch.width(), 1);
//! assert_eq!(batch.column(0), [0.0, -2.0]);
//! ```

mod difference;
mod elementwise;
mod normalize;
mod pipeline;
mod tuple;

use std::fmt;

use bot4_simd::{Kernels, Lanes, Step};

use crate::columns::{Columns, Number};

pub use difference::Difference;
pub use elementwise::{Clamp, Sigmoid, Squash};
pub use normalize::Normalize;
pub use pipeline::{Pipeline, PipelineError};
pub use tuple::Stages;

/// One in-place step from rows to rows.
///
/// Implementations mark `one` and `batch` `#[inline(always)]`, so that their own loops are compiled for
/// the instruction set of the run (kernels called through `k` always are). Neither may allocate.
pub trait Stage<T: Number> {
    /// Whether the stage treats every column by itself, as its [`step`](Stage::step) says, and keeps the width. Such stages at the front
    /// of a pipeline run as one: a batch passes through all of them in registers, once.
    const BY_COLUMN: bool = false;

    /// What the stage is called in errors.
    fn name(&self) -> &'static str;

    /// How wide rows become that come in `input` wide.
    ///
    /// # Errors
    ///
    /// The stage takes no rows of that width.
    fn output_width(&self, input: usize) -> Result<usize, StageError>;

    /// How much scratch `batch` and `one` want for `rows` rows of width `input`. What is there may hold
    /// anything when they are called.
    fn scratch_len(&self, input: usize, rows: usize) -> usize {
        input.max(rows)
    }

    /// Transforms one row. `row` is as wide as the wider of input and output; the input is at its
    /// front, the output goes there.
    fn one<K: Kernels>(&mut self, k: K, row: &mut [T], scratch: &mut [T]);

    /// Transforms many rows, giving the bits that [`one`](Stage::one) gives row after row. `columns` is
    /// as wide as the wider of input and output; the output goes to the first columns.
    ///
    /// To be written by stages that are not [`BY_COLUMN`](Stage::BY_COLUMN); the others put each column through their
    /// [`step`](Stage::step).
    #[inline(always)]
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, _scratch: &mut [T]) {
        const { assert!(Self::BY_COLUMN, "a stage that is not by column has to write `batch`") };
        for (index, column) in columns.iter_mut().enumerate() {
            k.map(column, self.step(index));
        }
    }

    /// What happens to each number of the column of this index, from the first row to the last: to be written by stages that
    /// are [`BY_COLUMN`](Stage::BY_COLUMN), and asked of them only.
    #[inline(always)]
    fn step(&mut self, _column: usize) -> impl Step<T> {
        Untouched
    }

    /// Forgets the rows seen so far. Only stages that remember any have to write this.
    fn reset(&mut self) {}
}

/// Leaves every number as it is.
struct Untouched;

impl<T: Number> Step<T> for Untouched {
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        x
    }
}

/// A stage was offered rows of a width it does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageError {
    /// The width it was offered.
    pub found: usize,
    /// The width it takes.
    pub expected: usize,
}

impl StageError {
    /// The usual check of a stage with a width of its own.
    ///
    /// # Errors
    ///
    /// If the widths differ.
    pub const fn unless_equal(found: usize, expected: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self { found, expected }) }
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gets rows of width {}, wants {}", self.found, self.expected)
    }
}

impl std::error::Error for StageError {}
