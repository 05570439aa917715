//! The composition of stages: checked once, run in place.

use std::fmt;

use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Program};

use super::tuple::Stages;
use crate::columns::{Columns, Number};

/// Batches run through all stages in tiles of as many rows as take this much, so that what one stage writes is still in the
/// first-level cache (32 KiB, or 48) when the next one reads it.
const TILE_BYTES: usize = 24 << 10;
/// Below this the kernels' heads and tails show.
const TILE_ROWS_MIN: usize = 32;
/// The rows of a tile where stages at the front run column by column: long enough for the kernels, and 8 KiB of `f64`.
const TILE_ROWS_BY_COLUMN: usize = 1024;

/// Stages run in place, one after the other, on one row or on a batch.
///
/// Rows and batches may be mixed; stages that remember rows see them all in order. Holds its scratch
/// and its instruction set. See the [module](super) for an example.
#[derive(Clone, Debug)]
pub struct Pipeline<T: Number, S> {
    isa: Isa,
    plan: Plan,
    stages: S,
    scratch: AlignedVec<T>,
}

impl<T: Number, S: Stages<T>> Pipeline<T, S> {
    /// A pipeline on the best instruction set of this CPU ([`Isa::detect`]), for rows `width` wide and
    /// batches of up to `rows_max` rows. Allocates the scratch; nothing later does.
    ///
    /// # Errors
    ///
    /// A stage does not take the width that reaches it.
    ///
    /// ```
    /// use bot4_pipeline::stage::{Normalize, Pipeline, Squash};
    ///
    /// let error = Pipeline::new(3, 8, (Squash, Normalize::new(&[0.0; 2], &[1.0; 2]))).unwrap_err();
    /// assert_eq!(error.to_string(), "stage 1 (normalize) gets rows of width 3, wants 2");
    /// ```
    pub fn new(width: usize, rows_max: usize, stages: S) -> Result<Self, PipelineError> {
        Self::with_isa(Isa::detect(), width, rows_max, stages)
    }

    /// A pipeline on a given instruction set, for tests that compare them.
    ///
    /// # Errors
    ///
    /// As [`new`](Pipeline::new).
    ///
    /// # Panics
    ///
    /// If this CPU lacks the instruction set.
    pub fn with_isa(isa: Isa, width: usize, rows_max: usize, stages: S) -> Result<Self, PipelineError> {
        assert!(Isa::available().any(|available| available == isa), "this CPU lacks {isa}");
        let plan = stages.plan(width, rows_max)?;
        let scratch = AlignedVec::zeroed(plan.scratch_len);
        Ok(Self { isa, plan, stages, scratch })
    }

    /// An empty batch of the right shape, wide enough for every stage. Allocates.
    #[must_use]
    pub fn columns(&self) -> Columns<T> {
        let mut columns = Columns::new(self.plan.span_max, self.plan.rows_max);
        columns.set_width(self.plan.input());
        columns
    }

    /// Runs one row through all stages, and returns the output: the front of the row. No allocation.
    ///
    /// # Panics
    ///
    /// If the row is shorter than the widest stage needs ([`span_max`](Pipeline::span_max)).
    #[inline]
    pub fn one<'r>(&mut self, row: &'r mut [T]) -> &'r mut [T] {
        let Self { isa, plan, stages, scratch } = self;
        assert!(row.len() >= plan.span_max, "a row of {}, the stages need {}", row.len(), plan.span_max);
        isa.run(One { plan, stages, row, scratch });
        &mut row[..plan.output()]
    }

    /// Runs all rows of a batch through all stages; the batch is then as wide as the output. No
    /// allocation. ([`Columns::clear`] makes it wide again.)
    ///
    /// # Panics
    ///
    /// If the batch is not as wide as the input, has no room for the widest stage, or holds more rows
    /// than the pipeline was built for.
    #[inline]
    pub fn batch(&mut self, columns: &mut Columns<T>) {
        let Self { isa, plan, stages, scratch } = self;
        let (width, len) = (columns.width(), columns.len());
        assert!(width == plan.input(), "a batch {width} wide, the pipeline takes {}", plan.input());
        assert!(len <= plan.rows_max, "a batch of {len} rows, the pipeline takes {}", plan.rows_max);
        isa.run(Batch { plan, stages, columns, scratch });
    }

    /// Makes every stage forget the rows seen so far.
    pub fn reset(&mut self) {
        self.stages.reset();
    }

    /// The instruction set of the runs.
    #[must_use]
    pub const fn isa(&self) -> Isa {
        self.isa
    }

    /// The stages.
    #[must_use]
    pub const fn stages(&self) -> &S {
        &self.stages
    }

    /// The width of the rows that go in.
    #[must_use]
    pub const fn input_width(&self) -> usize {
        self.plan.input()
    }

    /// The width of the rows that come out.
    #[must_use]
    pub const fn output_width(&self) -> usize {
        self.plan.output()
    }

    /// The width rows and batches must have room for: the widest on the way.
    #[must_use]
    pub const fn span_max(&self) -> usize {
        self.plan.span_max
    }
}

struct One<'a, T, S> {
    plan: &'a Plan,
    stages: &'a mut S,
    row: &'a mut [T],
    scratch: &'a mut [T],
}

impl<T: Number, S: Stages<T>> Program for One<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        self.stages.one(k, self.plan, self.row, self.scratch);
    }
}

struct Batch<'a, T: Number, S> {
    plan: &'a Plan,
    stages: &'a mut S,
    columns: &'a mut Columns<T>,
    scratch: &'a mut [T],
}

impl<T: Number, S: Stages<T>> Program for Batch<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { plan, stages, columns, scratch } = self;
        let rows = columns.len();
        let mut first = 0;
        while first < rows {
            let len = plan.tile_rows.min(rows - first);
            columns.view(first, len);
            stages.batch(k, plan, columns, scratch);
            first += len;
        }
        columns.view(0, rows);
        columns.set_width(plan.output());
    }
}

/// The widths between the stages, and what the run needs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Before the first stage, and after each.
    widths: [usize; 9],
    pub(super) stages: usize,
    span_max: usize,
    pub(super) tile_rows: usize,
    rows_max: usize,
    scratch_len: usize,
}

impl Plan {
    pub(super) fn new<T>(width: usize, rows_max: usize, by_column: bool) -> Self {
        let row_bytes = width.max(1).saturating_mul(size_of::<T>());
        // Whole cache lines of every column.
        let fitting = (TILE_BYTES / row_bytes / TILE_ROWS_MIN).max(1) * TILE_ROWS_MIN;
        let tile_rows = if by_column { TILE_ROWS_BY_COLUMN } else { fitting };
        let tile_rows = tile_rows.min(rows_max);
        Self { widths: [width; 9], stages: 0, span_max: width, tile_rows, rows_max, scratch_len: 0 }
    }

    pub(super) fn push(&mut self, output: usize, scratch_len: usize) {
        self.stages += 1;
        self.widths[self.stages] = output;
        self.span_max = self.span_max.max(output);
        self.scratch_len = self.scratch_len.max(scratch_len);
    }

    const fn input(&self) -> usize {
        self.widths[0]
    }

    pub(super) const fn output(&self) -> usize {
        self.widths[self.stages]
    }

    /// The width stage `i` works on: the wider of its input and output.
    #[inline(always)]
    pub(super) fn span(&self, i: usize) -> usize {
        self.widths[i].max(self.widths[i + 1])
    }
}

/// The stages do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineError {
    /// The name of the stage that does not fit.
    pub stage: &'static str,
    /// Its position in the tuple, from 0.
    pub position: usize,
    /// The width that reaches it.
    pub found: usize,
    /// The width it takes.
    pub expected: usize,
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, position, found, expected } = self;
        write!(f, "stage {position} ({stage}) gets rows of width {found}, wants {expected}")
    }
}

impl std::error::Error for PipelineError {}
