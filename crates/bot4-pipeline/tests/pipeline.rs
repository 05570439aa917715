//! One row and a batch give the same bits, on every instruction set, for every stage.

use bot4_pipeline::columns::{Columns, Number};
use bot4_pipeline::stage::{
    Clamp, Difference, Normalize, Pipeline, Sigmoid, Squash, Stage, StageError, Stages,
};
use bot4_simd::{Isa, Kernels};
use proptest::prelude::*;

/// 32 columns to 1, as a linear model does it.
#[derive(Clone)]
struct Score<T>(Vec<T>);

impl<T: Number> Stage<T> for Score<T> {
    fn name(&self) -> &'static str {
        "score"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.0.len()).map(|()| 1)
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [T], _scratch: &mut [T]) {
        row[0] = k.dot8(row, &self.0);
    }

    #[inline(always)]
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, scratch: &mut [T]) {
        let sums = &mut scratch[..columns.len()];
        k.weighted_sum(columns.as_slice(), columns.stride(), &self.0, sums);
        columns.column_mut(0).copy_from_slice(sums);
    }
}

/// Appends the square of every number: rows become twice as wide.
#[derive(Clone)]
struct Squares;

impl<T: Number> Stage<T> for Squares {
    fn name(&self) -> &'static str {
        "squares"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        Ok(2 * input)
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, _k: K, row: &mut [T], _scratch: &mut [T]) {
        let (numbers, squares) = row.split_at_mut(row.len() / 2);
        squares.iter_mut().zip(numbers).for_each(|(square, x)| *square = *x * *x);
    }

    #[inline(always)]
    fn batch<K: Kernels>(&mut self, _k: K, columns: &mut Columns<T>, _scratch: &mut [T]) {
        let half = columns.width() / 2;
        for j in 0..half {
            let [square, x] = columns.disjoint_mut([half + j, j]);
            square.iter_mut().zip(x).for_each(|(square, x)| *square = *x * *x);
        }
    }
}

const WIDTH: usize = 13;

/// More than two of the tiles a batch is cut into.
const ROWS_MAX: usize = 2500;

fn stages<T: Number>(seed: &[f64]) -> impl Stages<T> + Clone + use<T> {
    let vector = |from: usize, len: usize, scale: f64| -> Vec<T> {
        (0..len).map(|j| T::from_f64(seed[(from + j) % seed.len()] * scale)).collect()
    };
    (
        Normalize::new(&vector(0, WIDTH, 1.0), &vector(3, WIDTH, 0.1)),
        Difference::new(&vector(5, WIDTH, 0.01)),
        Squash,
        Squares,
        Normalize::new(&vector(1, 2 * WIDTH, 0.5), &vector(2, 2 * WIDTH, 0.3)),
        Score(vector(7, 2 * WIDTH, 1.0)),
        Sigmoid,
        Clamp::new(T::from_f64(0.25), T::from_f64(0.75)),
    )
}

/// The outputs of the rows in order, cut into single rows and batches by `cuts` (0: a row).
fn run<T: Number>(isa: Isa, seed: &[f64], rows: &[Vec<T>], cuts: &[usize]) -> Vec<T> {
    let mut pipeline = Pipeline::with_isa(isa, WIDTH, ROWS_MAX, stages::<T>(seed)).unwrap();
    let mut columns = pipeline.columns();
    let (mut outputs, mut rest, mut cuts) = (Vec::new(), rows, cuts.iter().cycle());
    while let Some(first) = rest.first() {
        let rows = match cuts.next().unwrap() {
            0 => {
                let mut row = vec![T::NAN; pipeline.span_max()];
                row[..WIDTH].copy_from_slice(first);
                outputs.extend_from_slice(pipeline.one(&mut row));
                1
            }
            &cut => {
                let rows = cut.min(rest.len());
                columns.clear();
                columns.set_width(WIDTH);
                rest[..rows].iter().for_each(|row| columns.push_row(row));
                pipeline.batch(&mut columns);
                assert_eq!((columns.width(), columns.len()), (1, rows));
                outputs.extend_from_slice(columns.column(0));
                rows
            }
        };
        rest = &rest[rows..];
    }
    outputs
}

fn one_and_batch_agree<T: Number>(
    seed: &[f64],
    rows: &[Vec<f64>],
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let rows: Vec<Vec<T>> = rows.iter().map(|row| row.iter().map(|&x| T::from_f64(x)).collect()).collect();
    let bits = |outputs: Vec<T>| outputs.into_iter().map(|x| x.into().to_bits()).collect::<Vec<u64>>();
    for isa in Isa::available() {
        let singly = bits(run(isa, seed, &rows, &[0]));
        prop_assert_eq!(singly.len(), rows.len());
        prop_assert_eq!(
            &singly,
            &bits(run(isa, seed, &rows, &[ROWS_MAX])),
            "{}: rows against one batch",
            isa
        );
        prop_assert_eq!(&singly, &bits(run(isa, seed, &rows, cuts)), "{}: rows against {:?}", isa, cuts);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn one_row_and_a_batch_give_the_same_bits(
        seed in proptest::collection::vec(-2.0f64..2.0, 8..40),
        rows in proptest::collection::vec(proptest::collection::vec(-1e3f64..1e3, WIDTH), 0..ROWS_MAX),
        cuts in proptest::collection::vec(0usize..500, 1..6),
    ) {
        one_and_batch_agree::<f64>(&seed, &rows, &cuts)?;
        one_and_batch_agree::<f32>(&seed, &rows, &cuts)?;
    }
}

#[test]
fn stages_compute_what_they_say() {
    let mut pipeline = Pipeline::new(
        2,
        4,
        (
            Normalize::new(&[1.0, 10.0], &[0.5, 0.1]),
            Difference::new(&[0.5, 1.0]),
            Squash,
            Score(vec![3.0, 1.0]),
            Sigmoid,
        ),
    )
    .unwrap();
    let rows = [[2.0, 20.0], [5.0, 0.0], [-3.0, 10.0]];
    let mut last = [0.0; 2];
    for row in rows {
        let x: [f64; 2] = [(row[0] - 1.0) * 0.5, (row[1] - 10.0) * 0.1];
        let score = 3.0 * (x[0] - 0.5 * last[0]).tanh() + (x[1] - last[1]).tanh();
        last = x;
        let mut row = row;
        let got = pipeline.one(&mut row)[0];
        let expected = 1.0 / (1.0 + (-score).exp());
        assert!((got - expected).abs() <= 1e-15, "{got} for {expected}");
    }
}

#[test]
fn reset_forgets_the_rows_before() {
    let mut pipeline = Pipeline::new(1, 4, (Difference::new(&[1.0]),)).unwrap();
    let output = |pipeline: &mut Pipeline<f64, _>| pipeline.one(&mut [5.0])[0];
    assert_eq!((output(&mut pipeline), output(&mut pipeline)), (5.0, 0.0));
    pipeline.reset();
    assert_eq!(output(&mut pipeline), 5.0);
}

#[test]
fn a_misfit_is_named_with_position_and_both_widths() {
    let misfit = (Squash, Squares, Score(vec![1.0; 5]), Sigmoid);
    let error = Pipeline::new(2, 8, misfit).map(|_| ()).unwrap_err();
    assert_eq!((error.stage, error.position, error.found, error.expected), ("score", 2, 4, 5));
    assert_eq!(error.to_string(), "stage 2 (score) gets rows of width 4, wants 5");
}

#[test]
#[should_panic(expected = "a row of 3, the stages need 4")]
fn a_row_without_room_for_the_widest_stage_is_refused() {
    Pipeline::new(2, 8, (Squares, Score(vec![1.0; 4]))).unwrap().one(&mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "a batch of 9 rows, the pipeline takes 8")]
fn a_batch_longer_than_planned_is_refused() {
    let mut columns = Columns::<f64>::new(1, 9);
    columns.set_len(9);
    Pipeline::new(1, 8, (Squash,)).unwrap().batch(&mut columns);
}

#[test]
#[should_panic(expected = "a batch 3 wide, the pipeline takes 2")]
fn a_batch_of_another_width_is_refused() {
    Pipeline::new(2, 8, (Squash,)).unwrap().batch(&mut Columns::<f64>::new(3, 8));
}
