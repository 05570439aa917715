//! Networks against naive loops and difference quotients.
use super::*;
use crate::accumulator::Reduction;
use crate::metrics::auc;
use crate::optimizer::Sgd;
use crate::testing::{assert_gradient_is_the_difference, wavy};
use ndarray::{Array2, ShapeBuilder};

/// The network computed with plain loops on plain weights.
fn naive(network: &Mlp<f64>, x: &[f64]) -> Vec<f64> {
    let mut values = x.to_vec();
    for layer in network.layers() {
        let mut sums: Vec<f64> = layer
            .weights
            .chunks_exact(layer.inputs)
            .zip(&layer.bias)
            .map(|(row, bias)| bias + row.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>())
            .collect();
        let total: f64 = sums.iter().map(|z| z.exp()).sum();
        for z in &mut sums {
            *z = match layer.activation {
                Activation::Identity => *z,
                Activation::Relu => z.max(0.0),
                Activation::Tanh => z.tanh(),
                Activation::Sigmoid => 1.0 / (1.0 + (-*z).exp()),
                Activation::Softmax => z.exp() / total,
            };
        }
        values = sums;
    }
    values
}

fn networks() -> Vec<Mlp<f64>> {
    let of = |sizes: &[usize], hidden, output| Mlp::new(sizes, hidden, output, 3).unwrap();
    vec![
        of(&[5, 1], Activation::Relu, Activation::Identity),
        of(&[5, 7, 1], Activation::Tanh, Activation::Sigmoid),
        of(&[3, 40, 9, 4], Activation::Relu, Activation::Softmax),
        of(&[4, 8, 11], Activation::Relu, Activation::Softmax),
        of(&[2, 33, 17, 1], Activation::Sigmoid, Activation::Tanh),
    ]
}

#[test]
fn the_network_is_the_naive_one_on_every_instruction_set_and_in_every_layout() {
    for network in networks() {
        let rows = wavy(150, network.inputs());
        let mut by_column = Array2::zeros((150, network.inputs()).f());
        by_column.assign(&rows);
        let outputs = network.outputs();
        for isa in Isa::available() {
            for table in [rows.view(), by_column.view()] {
                let mut scratch = vec![f64::NAN; network.batch_scratch_len()];
                let mut out = vec![0.0; 150 * outputs];
                isa.run(forward::Batch {
                    network: &network,
                    rows: table,
                    scratch: &mut scratch,
                    out: &mut out,
                });
                for (row, got) in rows.rows().into_iter().zip(out.chunks_exact(outputs)) {
                    let row = row.to_slice().unwrap();
                    let mut alone = vec![0.0; outputs];
                    isa.run(forward::One {
                        network: &network,
                        x: row,
                        scratch: &mut scratch,
                        out: &mut alone,
                    });
                    assert_eq!(alone, got, "alone and in a batch, {isa}");
                    for (got, want) in got.iter().zip(naive(&network, row)) {
                        assert!((got - want).abs() < 1e-12, "{isa}: {got}, naive {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_every_kind_of_layer_is_the_finite_difference() {
    for mut network in networks() {
        let label = match network.output_activation() {
            Activation::Softmax => 2.0,
            _ => 0.7,
        };
        let x: Vec<f64> = (0..network.inputs()).map(|j| (j as f64 * 1.3).sin() + 0.1).collect();
        let mut workspace = network.workspace();
        let mut gradients = network.accumulator();
        network.accumulate_gradient(&x, label, &mut workspace, &mut gradients);
        let gradient = gradients.sum(0).to_vec();
        let mut loss_with = |at: usize, change: f64| {
            network.parameters[at] += change;
            let loss = network.accumulate_gradient(&x, label, &mut workspace, &mut gradients);
            network.parameters[at] -= change;
            loss
        };
        assert_gradient_is_the_difference(&gradient, &mut loss_with);
    }
}

/// As four machines would share a batch: each sums a quarter, one adds the sums and steps.
#[test]
fn a_batch_in_parts_steps_like_the_whole_whatever_the_reduction_and_the_clip() {
    let rows = wavy(64, 6);
    for (reduction, clip) in [(Reduction::Mean, 1e9), (Reduction::Sum, 0.5), (Reduction::Mean, 0.01)] {
        let stepped = |parts: usize| {
            let mut network = Mlp::<f64>::new(&[6, 9, 3], Activation::Tanh, Activation::Softmax, 3).unwrap();
            let accumulator = || network.accumulator().with_reduction(reduction).with_clip_norm(clip);
            let (mut whole, mut workspace) = (accumulator(), network.workspace());
            for part in 0..parts {
                let mut own = accumulator();
                for i in part * 64 / parts..(part + 1) * 64 / parts {
                    let row = rows.row(i).to_vec();
                    network.accumulate_gradient(&row, (i % 3) as f64, &mut workspace, &mut own);
                }
                bot4_simd::add(whole.accumulate(own.samples()).group(0), own.sum(0));
            }
            assert_eq!(whole.samples(), 64);
            let before = network.parameters.to_vec();
            whole.step(&mut Sgd::new(0.3), &mut network.parameters_mut()).unwrap();
            assert_ne!(before, network.parameters.to_vec());
            network.parameters.to_vec()
        };
        let large = stepped(1);
        for parts in [4, 16, 64] {
            for (a, b) in stepped(parts).iter().zip(&large) {
                assert!((a - b).abs() <= 1e-14, "{parts} parts, {reduction:?}, clip {clip}: {a} and {b}");
            }
        }
    }
}

#[test]
fn padding_stays_zero_while_learning() {
    let mut network = Mlp::<f32>::new(&[3, 5, 2], Activation::Relu, Activation::Softmax, 1).unwrap();
    let mut gradients = network.accumulator();
    let mut workspace = network.workspace();
    let mut sgd = Sgd::new(0.5).with_momentum(0.9);
    for i in 0..20 {
        let x = [i as f32 * 0.1, 1.0, -0.5];
        network.accumulate_gradient(&x, (i % 2) as f32, &mut workspace, &mut gradients);
        gradients.step(&mut sgd, &mut network.parameters_mut()).unwrap();
    }
    let rebuilt = Mlp::from_layers(&network.layers().collect::<Vec<_>>()).unwrap();
    assert_eq!(rebuilt, network, "the padding is zero in a network made from its parts");
}

/// Exclusive or: what no linear model learns.
#[test]
fn a_hidden_layer_learns_what_a_linear_model_cannot() {
    let mut network = Mlp::<f64>::new(&[2, 8, 1], Activation::Tanh, Activation::Sigmoid, 7).unwrap();
    let mut gradients = network.accumulator();
    let mut workspace = network.workspace();
    let rows = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let labels = [0.0, 1.0, 1.0, 0.0];
    let mut sgd = Sgd::new(0.5).with_momentum(0.9);
    for _ in 0..500 {
        for (x, y) in rows.iter().zip(labels) {
            network.accumulate_gradient(x, y, &mut workspace, &mut gradients);
        }
        gradients.step(&mut sgd, &mut network.parameters_mut()).unwrap();
    }
    let mut scratch = vec![0.0; network.scratch_len()];
    let p: Vec<f64> = rows
        .iter()
        .map(|x| {
            let mut out = [0.0];
            network.predict(x, &mut scratch, &mut out);
            out[0]
        })
        .collect();
    assert_eq!(auc(&p, &labels), Some(1.0), "{p:?}");
}

#[test]
fn the_same_seed_gives_the_same_network_and_another_does_not() {
    let of = |seed| Mlp::<f32>::new(&[4, 8, 1], Activation::Relu, Activation::Sigmoid, seed).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn layers_that_make_no_network_are_errors_that_name_the_layer() {
    let new = |sizes: &[usize], hidden| Mlp::<f32>::new(sizes, hidden, Activation::Identity, 0).unwrap_err();
    assert_eq!(new(&[3], Activation::Relu), LayerError::Empty);
    assert_eq!(new(&[3, 0, 1], Activation::Relu), LayerError::Size { layer: 0, inputs: 3, outputs: 0 });
    assert_eq!(new(&[3, 2, 1], Activation::Softmax), LayerError::HiddenSoftmax { layer: 0 });
    let part = |inputs, weights: usize, outputs| LayerParts {
        inputs,
        weights: vec![0.0_f32; weights],
        bias: vec![0.0; outputs],
        activation: Activation::Relu,
    };
    let chain = Mlp::from_layers(&[part(3, 6, 2), part(3, 3, 1)]).unwrap_err();
    assert_eq!(chain, LayerError::Chain { layer: 1, expected: 2, found: 3 });
    let weights = Mlp::from_layers(&[part(3, 5, 2)]).unwrap_err();
    assert_eq!(weights, LayerError::Weights { layer: 0, expected: 6, found: 5 });
    assert!(matches!(new(&[usize::MAX, usize::MAX], Activation::Relu), LayerError::Size { .. }));
}

#[test]
fn a_nan_feature_shows_in_the_output() {
    let network = Mlp::<f32>::new(&[2, 4, 1], Activation::Relu, Activation::Identity, 1).unwrap();
    let (mut scratch, mut out) = (vec![0.0; network.scratch_len()], [0.0]);
    network.predict(&[f32::NAN, 1.0], &mut scratch, &mut out);
    assert!(out[0].is_nan());
}
