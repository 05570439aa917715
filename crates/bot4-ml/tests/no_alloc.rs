//! Predicting, learning online and reading a lazy value allocate nothing once they are set up.

use bot4_ml::{
    Activation, AdamW, BoostedTrees, Dense, Forward, GruCell, LazyComputation, LogisticRegression, Mlp, Sgd,
    Standardizer,
};
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

#[test]
fn networks_cells_and_trees_predict_without_allocating() {
    let network = Mlp::<f32>::new(&[WIDTH, 64, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
    let row = [0.25_f32; WIDTH];
    let table = Array2::<f32>::from_elem((100, WIDTH), 0.25);
    let by_column = table.t().as_standard_layout().into_owned();
    let mut scratch = vec![0.0; network.batch_scratch_len()];
    let mut out = vec![0.0; 300];
    network.predict(&row, &mut scratch, &mut out[..3]); // the instruction set is looked up once
    assert_allocates_nothing("a row of a network", || network.predict(&row, &mut scratch, &mut out[..3]));
    assert_allocates_nothing("rows of a network", || {
        network.predict_batch(table.view(), &mut scratch, &mut out);
    });
    assert_allocates_nothing("columns of a network", || {
        network.predict_batch(by_column.t(), &mut scratch, &mut out);
    });

    let layers: Vec<_> = network.layers().collect();
    let first = Dense::<f32, WIDTH, 64>::from_parts(&layers[0]).unwrap();
    let typed = first.then(Dense::<f32, 64, 3>::from_parts(&layers[1]).unwrap());
    assert_allocates_nothing("a row of a typed network", || {
        std::hint::black_box(typed.predict(&row));
    });

    let cell = GruCell::<f32>::new(WIDTH, 64, 1).unwrap();
    let (mut state, mut scratch) = ([0.0; 64], vec![0.0; cell.scratch_len()]);
    assert_allocates_nothing("a step of a cell", || cell.step(&row, &mut state, &mut scratch));

    let text = "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=2\n\
                split_feature=0\nthreshold=0\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n\nend of trees\n";
    let trees = BoostedTrees::from_lightgbm(text).unwrap();
    let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
    assert_allocates_nothing("a row of trees", || trees.predict(&[0.5], &mut scratch, &mut out));
}

#[test]
fn a_network_learns_from_an_event_without_allocating_after_the_first_step() {
    let mut network = Mlp::<f32>::new(&[WIDTH, 16, 1], Activation::Tanh, Activation::Sigmoid, 1).unwrap();
    let (mut gradients, mut workspace) = (network.accumulator(), network.workspace());
    let mut adam = AdamW::new(0.01);
    let row = [0.5; WIDTH];
    let mut learn = || {
        network.accumulate_gradient(&row, 1.0, &mut workspace, &mut gradients);
        gradients.step(&mut adam, &mut network.parameters_mut()).unwrap();
    };
    learn();
    assert_allocates_nothing("later steps of a network", learn);
}
