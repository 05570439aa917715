//! What does it cost to ask a small model: two networks for one row and for 64, a hundred trees, a recurrent cell?

mod data;
#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_ml::{Activation, BoostedTrees, Dense, Forward, GruCell, Mlp};
use data::{Rows, trees_text};
use ndarray::ArrayView2;
use std::hint::black_box;

const SMALL: [usize; 4] = [32, 64, 64, 3];
const LARGE: [usize; 4] = [128, 256, 128, 1];
const BATCH: usize = 64;
const GRU_INPUTS: usize = 32;
const GRU_STATE: usize = 64;
const TREE_FEATURES: usize = 32;

pub(crate) fn cases() -> Vec<Case> {
    let small = || network(&SMALL, Activation::Softmax);
    let large = || network(&LARGE, Activation::Sigmoid);
    let typed_small = {
        let layers: Vec<_> = small().layers().collect();
        let typed =
            part::<32, 64>(&layers[0]).then(part::<64, 64>(&layers[1])).then(part::<64, 3>(&layers[2]));
        one_typed(typed)
    };
    let typed_large = {
        let layers: Vec<_> = large().layers().collect();
        let typed =
            part::<128, 256>(&layers[0]).then(part::<256, 128>(&layers[1])).then(part::<128, 1>(&layers[2]));
        one_typed(typed)
    };
    let cases = vec![
        Case::new("mlp_small_b1")
            .ours("Mlp::predict", [one(small())])
            .ours("Dense, sizes in the type", [typed_small]),
        Case::new("mlp_small_b64").ours("Mlp::predict_batch", [batch(small())]),
        Case::new("mlp_large_b1")
            .ours("Mlp::predict", [one(large())])
            .ours("Dense, sizes in the type", [typed_large]),
        Case::new("mlp_large_b64").ours("Mlp::predict_batch", [batch(large())]),
        Case::new("gbdt_b1").ours("BoostedTrees::predict", [trees()]),
        Case::new("gru_b1").ours("GruCell::step", [gru()]),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

/// The network every subject of a case has.
fn network(sizes: &[usize], output: Activation) -> Mlp<f32> {
    Mlp::new(sizes, Activation::Relu, output, 1).expect("the sizes make a network")
}

fn cell() -> GruCell<f32> {
    GruCell::new(GRU_INPUTS, GRU_STATE, 1).expect("the sizes make a cell")
}

fn part<const IN: usize, const OUT: usize>(layer: &bot4_ml::LayerParts<f32>) -> Dense<f32, IN, OUT> {
    Dense::from_parts(layer).expect("the sizes are those of the network")
}

fn one(network: Mlp<f32>) -> Lane {
    let mut rows = Rows::<f32>::new(network.inputs());
    let mut scratch = vec![0.0; network.scratch_len()];
    let mut out = vec![0.0; network.outputs()];
    lane(move || {
        network.predict(rows.next(), &mut scratch, &mut out);
        black_box(&mut out);
    })
}

fn one_typed<const IN: usize, const OUT: usize>(
    network: impl Forward<f32, IN, OUT> + Send + 'static,
) -> Lane {
    let mut rows = Rows::<f32>::new(IN);
    lane(move || {
        let row = rows.next().try_into().expect("rows are as wide as the network");
        black_box(network.predict(row));
    })
}

/// One operation is a batch.
fn batch(network: Mlp<f32>) -> Lane {
    let mut rows = Rows::<f32>::new(network.inputs());
    let mut scratch = vec![0.0; network.batch_scratch_len()];
    let mut out = vec![0.0; BATCH * network.outputs()];
    lane(move || {
        let batch = ArrayView2::from_shape((BATCH, network.inputs()), rows.next_batch()).expect("whole rows");
        network.predict_batch(batch, &mut scratch, &mut out);
        black_box(&mut out);
    })
}

fn trees() -> Lane {
    let trees = BoostedTrees::from_lightgbm(&trees_text()).expect("a model");
    let mut rows = Rows::<f64>::new(TREE_FEATURES);
    let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
    lane(move || {
        trees.predict_raw(rows.next(), &mut scratch, &mut out);
        black_box(&mut out);
    })
}

fn gru() -> Lane {
    let cell = cell();
    let mut rows = Rows::<f32>::new(GRU_INPUTS);
    let (mut state, mut scratch) = ([0.0; GRU_STATE], vec![0.0; cell.scratch_len()]);
    lane(move || {
        cell.step(rows.next(), &mut state, &mut scratch);
        black_box(&mut state);
    })
}
