//! A stage of your own, between two of the crate's: `cargo run -p bot4-pipeline --example own_stage`.
//!
//! Copy [`DeadZone`]. It treats every number alike and says so (`BY_COLUMN`), so that the pipeline runs it with
//! its neighbours in one pass, in registers. A stage that changes the width or sums across features is in the documentation of
//! `bot4_pipeline::stage`.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use bot4_pipeline::columns::Number;
use bot4_pipeline::stage::{Clamp, Normalize, Pipeline, PipelineError, Stage, StageError};
use bot4_simd::{Kernels, Lanes, Step};

/// Makes 0 of what is closer to 0 than `width`: features that hardly differ from their mean say nothing.
#[derive(Debug, Clone)]
struct DeadZone<T> {
    width: T,
}

impl<T: Number> Step<T> for DeadZone<T> {
    /// Written once for rows and columns. `inline(always)`: it is compiled for the instruction set of the run.
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        x.abs().if_less(x.splat(self.width), x.splat(T::ZERO), x)
    }
}

impl<T: Number> Stage<T> for DeadZone<T> {
    const BY_COLUMN: bool = true;

    fn name(&self) -> &'static str {
        "dead zone"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        Ok(input) // any width, and it stays
    }

    fn scratch_len(&self, _input: usize, _rows: usize) -> usize {
        0
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [T], _scratch: &mut [T]) {
        k.map(row, self);
    }

    #[inline(always)]
    fn step(&mut self, _column: usize) -> impl Step<T> {
        self // the same for every column
    }
}

fn main() -> Result<(), PipelineError> {
    let stages =
        (Normalize::new(&[10.0, 20.0], &[0.5, 0.25]), DeadZone { width: 0.5 }, Clamp::new(-2.0, 2.0));
    let mut pipeline = Pipeline::new(2, 4, stages)?;
    let rows = [[10.2, 20.0], [12.0, 17.0], [30.0, 24.0], [9.5, 0.0]];

    let mut batch = pipeline.columns();
    rows.iter().for_each(|row| batch.push_row(row));
    pipeline.batch(&mut batch);
    for (index, mut row) in rows.into_iter().enumerate() {
        pipeline.one(&mut row);
        println!("{row:?}");
        assert_eq!(row, [batch.column(0)[index], batch.column(1)[index]], "rows and batches agree");
    }
    assert_eq!(batch.column(0), [0.0, 1.0, 2.0, 0.0]);
    Ok(())
}
