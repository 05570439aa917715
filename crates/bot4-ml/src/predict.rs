//! Models as a step of a pipeline.

use bot4_lockfree::snapshot::Reader;
use bot4_pipeline::columns::{Columns, Number};
use bot4_pipeline::stage::{Stage, StageError};
use bot4_simd::Kernels;

use crate::logistic::LogisticRegression;

/// Where a [`Predict`] stage finds its model: one it owns, or the newest one published.
pub trait ModelSource<T: Number> {
    /// The model for the next row or batch. Wait-free.
    fn model(&mut self) -> &LogisticRegression<T>;
}

impl<T: Number> ModelSource<T> for LogisticRegression<T> {
    #[inline(always)]
    fn model(&mut self) -> &LogisticRegression<T> {
        self
    }
}

impl<T: Number> ModelSource<T> for Reader<LogisticRegression<T>> {
    #[inline(always)]
    fn model(&mut self) -> &LogisticRegression<T> {
        self.get()
    }
}

/// A pipeline stage that replaces a row of features by the model's logit, `bias + weights · row`.
///
/// A [`Sigmoid`](bot4_pipeline::stage::Sigmoid) after it makes the logit a probability. One row and a batch
/// give the same bits, on every instruction set. Nothing is allocated.
///
/// With a reader of a [`Published`](bot4_lockfree::snapshot::Published) model each row (or batch) is
/// predicted by the newest model, whole, while other threads publish:
///
/// ```
/// use bot4_lockfree::snapshot::Published;
/// use bot4_ml::{LogisticRegression, Predict};
/// use bot4_pipeline::stage::Pipeline;
///
/// let models = Published::new(LogisticRegression::from_parts(vec![1.0, 2.0], 0.5));
/// let mut pipeline = Pipeline::new(2, 64, (Predict::new(models.reader()),))?;
/// let mut row = [10.0, 1.0];
/// pipeline.one(&mut row);
/// assert_eq!(row[0], 12.5);
///
/// models.publish(LogisticRegression::from_parts(vec![1.0, 0.0], 0.0));
/// let mut row = [10.0, 1.0];
/// pipeline.one(&mut row);
/// assert_eq!(row[0], 10.0);
/// # Ok::<(), bot4_pipeline::stage::PipelineError>(())
/// ```
///
/// # Panics
/// Running panics when a model of another width than the first was published.
#[derive(Debug, Clone)]
pub struct Predict<S> {
    source: S,
    width: usize,
}

impl<S> Predict<S> {
    /// A stage that predicts with the models of `source`.
    pub fn new<T: Number>(mut source: S) -> Self
    where
        S: ModelSource<T>,
    {
        let width = source.model().inputs();
        Self { source, width }
    }
}

impl<T: Number, S: ModelSource<T>> Stage<T> for Predict<S> {
    fn name(&self) -> &'static str {
        "predict"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.width).map(|()| 1)
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [T], _scratch: &mut [T]) {
        let model = self.source.model();
        row[0] = model.bias() + k.dot8(&row[..self.width], model.weights());
    }

    #[inline(always)]
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, scratch: &mut [T]) {
        let model = self.source.model();
        let logits = &mut scratch[..columns.len()];
        k.weighted_sum(columns.as_slice(), columns.stride(), model.weights(), logits);
        for (to, logit) in columns.column_mut(0).iter_mut().zip(logits) {
            *to = model.bias() + *logit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bot4_lockfree::snapshot::Published;
    use bot4_pipeline::stage::{Normalize, Pipeline, Sigmoid};
    use ndarray::Array2;

    fn model(width: usize) -> LogisticRegression<f32> {
        LogisticRegression::from_parts((0..width).map(|j| (j as f32 * 0.7).sin()).collect(), -0.3)
    }

    #[test]
    fn the_pipeline_gives_the_bits_of_the_model_one_by_one_and_in_batches() {
        for width in [1, 5, 8, 32] {
            let model = model(width);
            let rows = Array2::from_shape_fn((100, width), |(i, j)| ((i * 7 + j * 13) % 23) as f32 - 11.0);
            let (mean, inv_std) = (vec![0.5; width], vec![0.25; width]);
            let stages = || (Normalize::new(&mean, &inv_std), Predict::new(model.clone()), Sigmoid);
            let mut pipeline = Pipeline::new(width, 100, stages()).unwrap();
            let mut batch = Columns::new(width, 100);
            let mut want = Vec::new();
            for row in rows.rows() {
                let row = row.to_slice().unwrap();
                batch.push_row(row);
                let mut one = row.to_vec();
                pipeline.one(&mut one);
                let standardized: Vec<f32> = row.iter().map(|x| (x - 0.5) * 0.25).collect();
                want.push(model.predict(&standardized));
                assert_eq!(one[0].to_bits(), want[want.len() - 1].to_bits());
            }
            pipeline.batch(&mut batch);
            assert_eq!(batch.column(0), want);
        }
    }

    #[test]
    fn a_pipeline_of_another_width_is_not_built() {
        let error = Pipeline::new(4, 8, (Predict::new(model(3)),)).unwrap_err();
        assert!(error.to_string().contains("predict"), "{error}");
    }

    /// Each published model has all parameters equal, so a row of ones must give a multiple of its parameters.
    #[test]
    fn a_model_published_meanwhile_is_used_whole() {
        let constant = |i: u32| LogisticRegression::from_parts(vec![i as f32; 15], i as f32);
        let models = Published::new(constant(0));
        let mut pipeline = Pipeline::new(15, 1, (Predict::new(models.reader()),)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 1..=2_000 {
                    models.publish(constant(i));
                }
            });
            let mut last = 0.0;
            while last < 16.0 * 2_000.0 {
                let mut row = [1.0; 15];
                pipeline.one(&mut row);
                assert!(row[0] % 16.0 == 0.0 && row[0] >= last, "{} after {last}", row[0]);
                last = row[0];
            }
        });
    }
}
