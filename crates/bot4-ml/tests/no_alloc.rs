//! Predicting, learning online and reading a lazy value allocate nothing once they are set up.

use bot4_ml::{AdamW, LazyComputation, LogisticRegression, Sgd, Standardizer};
use bot4_pool::audit::{self, CountingAllocator};
use ndarray::Array2;

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator::new();

const WIDTH: usize = 32;

fn assert_allocates_nothing(what: &str, work: impl FnOnce()) {
    assert!(audit::installed());
    let ((), counts) = audit::count(work);
    assert_eq!((counts.allocations, counts.deallocations), (0, 0), "{what}");
}

#[test]
fn the_count_sees_an_allocation() {
    let ((), counts) = audit::count(|| drop(std::hint::black_box(vec![0_u8; 64])));
    assert_eq!(counts.allocations, 1);
}

#[test]
fn predicting_allocates_nothing() {
    let model = LogisticRegression::from_parts(vec![0.1_f32; WIDTH], 0.5);
    let table = Array2::<f32>::from_elem((100, WIDTH), 0.25);
    let by_column = table.t().as_standard_layout().into_owned();
    let mut row = [0.25; WIDTH];
    let mut out = vec![0.0; 100];
    let standardizer = Standardizer::new(WIDTH);
    std::hint::black_box(model.predict(&row)); // the instruction set is looked up once
    assert_allocates_nothing("one row", || {
        standardizer.standardize(&mut row);
        std::hint::black_box(model.predict(&row));
    });
    assert_allocates_nothing("a batch of rows", || model.predict_batch(table.view(), &mut out));
    assert_allocates_nothing("a batch of columns", || model.predict_batch(by_column.t(), &mut out));
}

#[test]
fn learning_from_an_event_allocates_nothing_after_the_first_step() {
    let mut model = LogisticRegression::<f64>::new(WIDTH);
    let mut gradients = model.accumulator();
    let (mut sgd, mut adam) = (Sgd::new(0.1).with_momentum(0.9), AdamW::new(0.1));
    let mut standardizer = Standardizer::new(WIDTH);
    let row = [0.5; WIDTH];
    let mut learn = || {
        standardizer.observe(&row).unwrap();
        model.accumulate_gradient(&row, 1.0, &mut gradients);
        gradients.step(&mut sgd, &mut model.parameters_mut()).unwrap();
        gradients.add(&[&row, &[1.0]]).unwrap();
        gradients.step(&mut adam, &mut model.parameters_mut()).unwrap();
    };
    learn();
    assert_allocates_nothing("later steps", learn);
}

#[test]
fn reading_a_computed_value_allocates_nothing() {
    let lazy = LazyComputation::new(|| vec![1.0; WIDTH]);
    assert_eq!(lazy.get().len(), WIDTH);
    assert_allocates_nothing("a read", || {
        std::hint::black_box(lazy.get()[3]);
    });
}
