//! Multi-layer perceptrons whose sizes are known at run time.
//!
//! All parameters lie in one aligned block, layer after layer: the weights in panels
//! ([`Panels`](bot4_simd::Panels)), then the padded bias. It is a single parameter group; the padding has
//! gradient zero and stays zero.

mod backward;
mod forward;

use std::fmt;
use std::ops::Range;

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Panels};
use ndarray::ArrayView2;

use crate::accumulator::GradientAccumulator;
use crate::activation::Activation;
use crate::rng::SplitMix64;

pub use backward::MlpWorkspace;

/// A network of dense layers: `y = activation(bias + W x)`, each layer's outputs the next one's inputs.
///
/// Prediction takes `&self` and the caller's scratch and allocates nothing, so any number of threads share one
/// network. A row alone and in a batch gives the same bits. [`Dense`](crate::Dense) is the twin whose sizes are
/// checked at compile time.
///
/// ```
/// use bot4_ml::{Activation, LayerParts, Mlp};
///
/// let hidden = LayerParts { inputs: 2, weights: vec![1.0, -1.0, -1.0, 1.0], bias: vec![0.0; 2], activation: Activation::Relu };
/// let output = LayerParts { inputs: 2, weights: vec![1.0, 1.0], bias: vec![0.5], activation: Activation::Identity };
/// let network = Mlp::from_layers(&[hidden, output])?; // |a - b| + 0.5
///
/// let mut scratch = vec![0.0; network.scratch_len()];
/// let mut out = [0.0];
/// network.predict(&[3.0, 5.0], &mut scratch, &mut out);
/// assert_eq!(out, [2.5]);
/// # Ok::<(), bot4_ml::LayerError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp<T: Number> {
    parameters: AlignedVec<T>,
    layers: Box<[Layer]>,
}

/// Where a layer's parameters lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    inputs: usize,
    outputs: usize,
    activation: Activation,
    weights: Range<usize>,
    bias: Range<usize>,
}

/// One layer as model files and other libraries have it.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerParts<T> {
    /// Inputs.
    pub inputs: usize,
    /// Weights, `[outputs][inputs]` row by row.
    pub weights: Vec<T>,
    /// One an output.
    pub bias: Vec<T>,
    /// What follows the sums.
    pub activation: Activation,
}

impl<T: Number> Mlp<T> {
    /// A network with random weights and biases 0. `sizes` are inputs, hidden layers, outputs; weights are
    /// uniform in `±sqrt(6 / inputs)` before a rectifier (He et al. 2015), else in
    /// `±sqrt(6 / (inputs + outputs))` (Glorot and Bengio 2010). The same seed gives the same network.
    ///
    /// # Errors
    /// [`LayerError`] when there is no layer, a size is 0 or beyond a million, or a hidden layer is a softmax.
    pub fn new(
        sizes: &[usize],
        hidden: Activation,
        output: Activation,
        seed: u64,
    ) -> Result<Self, LayerError> {
        let shapes = sizes.windows(2).enumerate().map(|(index, pair)| {
            let activation = if index + 2 == sizes.len() { output } else { hidden };
            (pair[0], pair[1], activation)
        });
        let mut network = Self::zeroed(shapes)?;
        let mut rng = SplitMix64::new(seed);
        for layer in &network.layers {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            let spread = if layer.activation == Activation::Relu { inputs } else { inputs + outputs };
            let bound = (6.0 / spread as f64).sqrt();
            let layout = layer.layout::<T>();
            for (j, k) in (0..outputs).flat_map(|j| (0..inputs).map(move |k| (j, k))) {
                let at = layer.weights.start + layout.index(k, j);
                network.parameters[at] = T::from_f64(bound * (2.0 * rng.uniform() - 1.0));
            }
        }
        Ok(network)
    }

    /// A network with these parameters.
    ///
    /// # Errors
    /// [`LayerError`] names the layer that does not fit: its own sizes, or the layer before it.
    pub fn from_layers(parts: &[LayerParts<T>]) -> Result<Self, LayerError> {
        let shapes = parts.iter().map(|part| (part.inputs, part.bias.len(), part.activation));
        let mut network = Self::zeroed(shapes)?;
        for (index, (layer, part)) in network.layers.iter().zip(parts).enumerate() {
            if part.weights.len() != layer.inputs * layer.outputs {
                return Err(LayerError::Weights {
                    layer: index,
                    expected: layer.inputs * layer.outputs,
                    found: part.weights.len(),
                });
            }
            let layout = layer.layout::<T>();
            for (j, row) in part.weights.chunks_exact(layer.inputs).enumerate() {
                for (k, weight) in row.iter().enumerate() {
                    network.parameters[layer.weights.start + layout.index(k, j)] = *weight;
                }
            }
            network.parameters[layer.bias.start..][..part.bias.len()].copy_from_slice(&part.bias);
        }
        Ok(network)
    }

    fn zeroed(shapes: impl Iterator<Item = (usize, usize, Activation)>) -> Result<Self, LayerError> {
        let mut layers: Vec<Layer> = Vec::new();
        let mut end = 0;
        for (index, (inputs, outputs, activation)) in shapes.enumerate() {
            if !(1..=SIZE_MAX).contains(&inputs) || !(1..=SIZE_MAX).contains(&outputs) {
                return Err(LayerError::Size { layer: index, inputs, outputs });
            }
            if let Some(before) = layers.last() {
                if before.outputs != inputs {
                    return Err(LayerError::Chain { layer: index, expected: before.outputs, found: inputs });
                }
                if before.activation == Activation::Softmax {
                    return Err(LayerError::HiddenSoftmax { layer: index - 1 });
                }
            }
            let layout = Panels::<T>::new(inputs, outputs);
            let weights = end..end + layout.len();
            let bias = weights.end..weights.end + layout.padded_outputs();
            end = bias.end;
            layers.push(Layer { inputs, outputs, activation, weights, bias });
        }
        if layers.is_empty() {
            return Err(LayerError::Empty);
        }
        Ok(Self { parameters: AlignedVec::zeroed(end), layers: layers.into() })
    }

    /// The layers with their parameters in plain order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = LayerParts<T>> + '_ {
        self.layers.iter().map(|layer| {
            let layout = layer.layout::<T>();
            let weights = &self.parameters[layer.weights.clone()];
            let places = (0..layer.outputs).flat_map(|j| (0..layer.inputs).map(move |k| (k, j)));
            LayerParts {
                inputs: layer.inputs,
                weights: places.map(|(k, j)| weights[layout.index(k, j)]).collect(),
                bias: self.parameters[layer.bias.start..][..layer.outputs].to_vec(),
                activation: layer.activation,
            }
        })
    }

    /// The number of features of a row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    /// The number of outputs of a row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs
    }

    /// What the last layer applies to its sums.
    #[must_use]
    pub fn output_activation(&self) -> Activation {
        self.layers[self.layers.len() - 1].activation
    }

    /// The parameters as one group, padding included, as an optimiser step takes them.
    pub fn parameters_mut(&mut self) -> [&mut [T]; 1] {
        [&mut self.parameters]
    }

    /// All parameters, padding included.
    pub(crate) fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// An accumulator of the shape of this network.
    #[must_use]
    pub fn accumulator(&self) -> GradientAccumulator<T> {
        GradientAccumulator::new(&[self.parameters.len()])
    }

    /// Numbers of scratch that [`predict`](Self::predict) needs.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        2 * self.widest()
    }

    /// Numbers of scratch that [`predict_batch`](Self::predict_batch) needs.
    #[must_use]
    pub fn batch_scratch_len(&self) -> usize {
        forward::BLOCK * (self.inputs() + 2 * self.widest()) + forward::spare::<T>()
    }

    /// The widest hidden layer.
    fn widest(&self) -> usize {
        let hidden = &self.layers[..self.layers.len() - 1];
        hidden.iter().map(|layer| layer.outputs).max().unwrap_or(0)
    }

    /// Predicts one row into `out`. Allocates nothing; the instruction set is entered once.
    ///
    /// # Panics
    /// When `x` or `out` has another length than the network, or `scratch` is shorter than
    /// [`scratch_len`](Self::scratch_len).
    #[inline]
    pub fn predict(&self, x: &[T], scratch: &mut [T], out: &mut [T]) {
        assert_eq!(x.len(), self.inputs(), "the row's width is not the network's");
        assert_eq!(out.len(), self.outputs(), "one place for every output");
        assert!(scratch.len() >= self.scratch_len(), "the scratch is too short");
        Isa::detect().run(forward::One { network: self, x, scratch, out });
    }

    /// Predicts every row of a table, in any memory layout (rows one after the other are fastest), into `out`,
    /// row by row. Allocates nothing. Bit-equal to [`predict`](Self::predict) of each row.
    ///
    /// # Panics
    /// When the table has another width than the network, `out` another length than rows times outputs, or
    /// `scratch` is shorter than [`batch_scratch_len`](Self::batch_scratch_len).
    pub fn predict_batch(&self, rows: ArrayView2<'_, T>, scratch: &mut [T], out: &mut [T]) {
        assert_eq!(rows.ncols(), self.inputs(), "the table's width is not the network's");
        assert_eq!(out.len(), rows.nrows() * self.outputs(), "one place for every output of every row");
        assert!(scratch.len() >= self.batch_scratch_len(), "the scratch is too short");
        Isa::detect().run(forward::Batch { network: self, rows, scratch, out });
    }
}

impl Layer {
    fn layout<T: Number>(&self) -> Panels<T> {
        Panels::new(self.inputs, self.outputs)
    }
}

/// The largest size of a layer: a guard against files that ask for more memory than there is.
const SIZE_MAX: usize = 1_000_000;

/// Layers that make no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerError {
    /// No layer at all.
    Empty,
    /// A size of 0, or one beyond a million.
    Size {
        /// Which, counted from 0.
        layer: usize,
        /// Its inputs.
        inputs: usize,
        /// Its outputs.
        outputs: usize,
    },
    /// A layer does not take what the one before it gives.
    Chain {
        /// Which, counted from 0.
        layer: usize,
        /// Outputs of the layer before.
        expected: usize,
        /// Its inputs.
        found: usize,
    },
    /// Not `inputs * outputs` weights.
    Weights {
        /// Which, counted from 0.
        layer: usize,
        /// Weights that the sizes ask for.
        expected: usize,
        /// Weights given.
        found: usize,
    },
    /// A softmax that is not the last layer.
    HiddenSoftmax {
        /// Which, counted from 0.
        layer: usize,
    },
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a network needs a layer: give at least inputs and outputs"),
            Self::Size { layer, inputs, outputs } => {
                write!(f, "layer {layer} is {inputs} x {outputs}; sizes run from 1 to {SIZE_MAX}")
            }
            Self::Chain { layer, expected, found } => {
                write!(f, "layer {layer} takes {found} inputs, the layer before it gives {expected}")
            }
            Self::Weights { layer, expected, found } => {
                write!(f, "layer {layer} has {found} weights, its sizes ask for {expected}")
            }
            Self::HiddenSoftmax { layer } => {
                write!(f, "layer {layer} is a softmax and not the last layer")
            }
        }
    }
}

impl std::error::Error for LayerError {}

#[cfg(test)]
mod tests;
