//! Learning: the gradient of one sample's loss, backwards through the layers.
//!
//! Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*, 1986.

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Program};

use super::{Layer, Mlp};
use crate::accumulator::GradientAccumulator;
use crate::activation::Activation;
use crate::loss;
use crate::transposed::{blame, outer};

/// What learning from a sample needs besides the network: its values on the way forward and back.
#[derive(Debug, Clone)]
pub struct MlpWorkspace<T: Number> {
    /// The outputs of every layer.
    outputs: Vec<AlignedVec<T>>,
    /// Derivatives of the loss by a layer's sums, and by those of the layer before; padded.
    delta: AlignedVec<T>,
    before: AlignedVec<T>,
}

impl<T: Number> Mlp<T> {
    /// Memory for [`accumulate_gradient`](Self::accumulate_gradient), allocated once.
    #[must_use]
    pub fn workspace(&self) -> MlpWorkspace<T> {
        let widest = self.layers.iter().map(|layer| layer.bias.len()).max().unwrap_or(0);
        MlpWorkspace {
            outputs: self.layers.iter().map(|layer| AlignedVec::zeroed(layer.bias.len())).collect(),
            delta: AlignedVec::zeroed(widest),
            before: AlignedVec::zeroed(widest),
        }
    }

    /// Adds the gradient of one sample's loss to the accumulator's only group and returns the loss.
    ///
    /// The loss follows from the last layer: cross-entropy for a softmax (`y` is the class, counted from 0) and
    /// for a sigmoid (`y` is 0, 1 or a probability), else half the squared error. Allocates nothing.
    ///
    /// # Panics
    /// When `x` has another width than the network, `y` is no class of the softmax, the last layer is no
    /// softmax and has several outputs, or the workspace or accumulator is another network's.
    pub fn accumulate_gradient(
        &self,
        x: &[T],
        y: T,
        workspace: &mut MlpWorkspace<T>,
        gradients: &mut GradientAccumulator<T>,
    ) -> f64 {
        assert_eq!(x.len(), self.inputs(), "the row's width is not the network's");
        assert!(self.accepts(y.into()), "the label is {y}, which the last layer cannot learn");
        let mut groups = gradients.accumulate(1);
        Isa::detect().run(Sample { network: self, x, y, workspace, gradient: groups.group(0) })
    }

    /// Whether a label is one that the last layer can learn.
    pub(crate) fn accepts(&self, y: f64) -> bool {
        match self.output_activation() {
            Activation::Softmax => y >= 0.0 && y < self.outputs() as f64 && y.fract() == 0.0,
            Activation::Sigmoid => self.outputs() == 1 && (0.0..=1.0).contains(&y),
            _ => self.outputs() == 1 && y.is_finite(),
        }
    }

    /// Adds `amount` times the weights (not the biases) to a gradient.
    pub(crate) fn decay(&self, amount: T, gradient: &mut [T]) {
        for layer in &self.layers {
            bot4_simd::axpy(
                amount,
                &self.parameters[layer.weights.clone()],
                &mut gradient[layer.weights.clone()],
            );
        }
    }
}

struct Sample<'a, T: Number> {
    network: &'a Mlp<T>,
    x: &'a [T],
    y: T,
    workspace: &'a mut MlpWorkspace<T>,
    gradient: &'a mut [T],
}

impl<T: Number> Program for Sample<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> f64 {
        let Self { network, x, y, workspace, gradient } = self;
        let MlpWorkspace { outputs, delta, before } = workspace;
        let (parameters, last) = (&network.parameters, network.layers.len() - 1);
        for (index, layer) in network.layers.iter().enumerate() {
            let (done, rest) = outputs.split_at_mut(index);
            let input = done.last().map_or(x, |values| &values[..layer.inputs]);
            let out = &mut rest[0][..layer.outputs];
            layer.sums::<false, K, T>(k, parameters, input, 1, out);
            if index < last {
                layer.activation.apply(k, out, layer.outputs);
            }
        }
        let loss = network.layers[last].loss(k, &mut outputs[last], y, delta);
        for (index, layer) in network.layers.iter().enumerate().rev() {
            let input = if index == 0 { x } else { &outputs[index - 1][..layer.inputs] };
            layer.backward(k, input, delta, gradient);
            if index > 0 {
                layer.back(k, parameters, delta, before);
                network.layers[index - 1].activation.chain(input, before);
                std::mem::swap(delta, before);
            }
        }
        loss
    }
}

impl Layer {
    /// The loss of the sums `z`, which become outputs, and its derivative by them.
    #[inline(always)]
    fn loss<K: Kernels, T: Number>(&self, k: K, z: &mut [T], y: T, delta: &mut [T]) -> f64 {
        let (z, delta) = (&mut z[..self.outputs], &mut delta[..self.bias.len()]);
        delta.fill(T::ZERO);
        match self.activation {
            Activation::Softmax => {
                let label: f64 = y.into();
                let class = label as usize;
                let loss: f64 = (k.log_sum_exp(z) - z[class]).into();
                k.softmax(z);
                delta[..self.outputs].copy_from_slice(z);
                delta[class] -= T::ONE;
                loss
            }
            Activation::Sigmoid => {
                let logit: f64 = z[0].into();
                k.sigmoid(z);
                delta[0] = z[0] - y;
                loss::cross_entropy(logit, y.into())
            }
            activation => {
                activation.apply(k, z, self.outputs);
                delta[0] = z[0] - y;
                let error: f64 = delta[0].into();
                activation.chain(z, &mut delta[..1]);
                0.5 * error * error
            }
        }
    }

    /// Adds the gradient by this layer's parameters, `x` and `delta` multiplied.
    #[inline(always)]
    fn backward<K: Kernels, T: Number>(&self, k: K, x: &[T], delta: &[T], gradient: &mut [T]) {
        outer(k, self.layout(), x, delta, &mut gradient[self.weights.clone()]);
        k.add(&mut gradient[self.bias.clone()], &delta[..self.bias.len()]);
    }

    /// The derivative of the loss by this layer's inputs: `W^T delta`.
    #[inline(always)]
    fn back<K: Kernels, T: Number>(&self, k: K, parameters: &[T], delta: &[T], before: &mut [T]) {
        before.fill(T::ZERO);
        blame(k, self.layout(), &parameters[self.weights.clone()], delta, &mut before[..self.inputs]);
    }
}
