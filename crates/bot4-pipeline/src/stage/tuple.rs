//! Tuples of one to eight stages, run one after the other.

use bot4_simd::{Kernels, Lanes, Step};

use super::pipeline::{PipelineError, Plan};
use super::{Stage, StageError, Untouched};
use crate::columns::{Columns, Number};

/// A tuple of stages; implemented for one to eight. The methods are the pipeline's business.
pub trait Stages<T: Number>: sealed::Run<T> {}

impl<T: Number, S: sealed::Run<T>> Stages<T> for S {}

pub(super) mod sealed {
    use super::{Columns, Kernels, Number, PipelineError, Plan};

    pub trait Run<T: Number> {
        /// How many stages at the front work by column.
        const LEADING: usize;

        fn plan(&self, width: usize, rows: usize) -> Result<Plan, PipelineError>;
        fn one<K: Kernels>(&mut self, k: K, plan: &Plan, row: &mut [T], scratch: &mut [T]);
        fn batch<K: Kernels>(&mut self, k: K, plan: &Plan, columns: &mut Columns<T>, scratch: &mut [T]);
        fn reset(&mut self);
    }
}

impl Plan {
    /// Takes in the next stage.
    fn add<T: Number, S: Stage<T>>(mut self, stage: &S) -> Result<Self, PipelineError> {
        let (position, input) = (self.stages, self.output());
        let name = stage.name();
        let refused = |error: StageError| PipelineError {
            stage: name,
            position,
            found: error.found,
            expected: error.expected,
        };
        let output = stage.output_width(input).map_err(refused)?;
        let scratch = stage.scratch_len(input, self.tile_rows);
        self.push(output, scratch);
        Ok(self)
    }
}

/// A step, and another one for those that are among the leading.
struct Then<A, B>(A, Option<B>);

impl<T: Number, A: Step<T>, B: Step<T>> Step<T> for Then<A, B> {
    const LONG: bool = A::LONG || B::LONG;

    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        let x = self.0.apply(x);
        match &mut self.1 {
            Some(step) => step.apply(x),
            None => x,
        }
    }
}

const fn leading(by_column: &[bool]) -> usize {
    let mut count = 0;
    while count < by_column.len() && by_column[count] {
        count += 1;
    }
    count
}

macro_rules! tuple {
    ($($stage:ident $index:tt),+) => {
        impl<T: Number, $($stage: Stage<T>),+> sealed::Run<T> for ($($stage,)+) {
            const LEADING: usize = leading(&[$($stage::BY_COLUMN),+]);

            fn plan(&self, width: usize, rows: usize) -> Result<Plan, PipelineError> {
                let plan = Plan::new::<T>(width, rows, Self::LEADING > 0);
                $(let plan = plan.add(&self.$index)?;)+
                Ok(plan)
            }

            #[inline(always)]
            fn one<K: Kernels>(&mut self, k: K, plan: &Plan, row: &mut [T], scratch: &mut [T]) {
                $(self.$index.one(k, &mut row[..plan.span($index)], scratch);)+
            }

            #[inline(always)]
            fn batch<K: Kernels>(&mut self, k: K, plan: &Plan, columns: &mut Columns<T>, scratch: &mut [T]) {
                if Self::LEADING > 0 {
                    columns.set_width(plan.span(0));
                    for (index, column) in columns.iter_mut().enumerate() {
                        let chain = Untouched;
                        $(
                            let step = if $index < Self::LEADING { Some(self.$index.step(index)) } else { None };
                            let chain = Then(chain, step);
                        )+
                        k.map(column, chain);
                    }
                }
                $(
                    if $index >= Self::LEADING {
                        columns.set_width(plan.span($index));
                        self.$index.batch(k, columns, scratch);
                    }
                )+
            }

            fn reset(&mut self) {
                $(self.$index.reset();)+
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
