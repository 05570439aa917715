//! Prediction: layer after layer, between two halves of the caller's scratch.

use std::mem;

use bot4_pipeline::columns::Number;
use bot4_simd::{Kernels, Program};
use ndarray::{ArrayView2, Axis};

use super::{Layer, Mlp};

/// Rows that go through the layers together: their values stay in the first-level cache.
pub(super) const BLOCK: usize = 64;

/// A cache line. A store of a register that crosses one takes two turns.
const LINE_BYTES: usize = 64;

/// Numbers of scratch that may lie before the first cache line.
pub(super) const fn spare<T>() -> usize {
    LINE_BYTES / size_of::<T>()
}

pub(super) struct One<'a, T: Number> {
    pub(super) network: &'a Mlp<T>,
    pub(super) x: &'a [T],
    pub(super) scratch: &'a mut [T],
    pub(super) out: &'a mut [T],
}

impl<T: Number> Program for One<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { network, x, scratch, out } = self;
        through::<false, K, T>(k, network, x, 1, scratch, out);
    }
}

/// `rows` rows through all layers; one, unless it is a `BATCH`. One place calls the kernels, which are large when
/// they are compiled for every instruction set.
#[inline(always)]
fn through<const BATCH: bool, K: Kernels, T: Number>(
    k: K,
    network: &Mlp<T>,
    x: &[T],
    rows: usize,
    scratch: &mut [T],
    out: &mut [T],
) {
    let (mut to, mut from) = scratch.split_at_mut(rows * network.widest());
    let mut out = Some(out);
    let last = network.layers.len() - 1;
    for (index, layer) in network.layers.iter().enumerate() {
        let x = if index == 0 { x } else { &from[..rows * layer.inputs] };
        let out = if index == last { out.take() } else { None };
        let y = match out {
            Some(out) => out,
            None => &mut to[..rows * layer.outputs],
        };
        layer.sums::<BATCH, K, T>(k, &network.parameters, x, rows, y);
        layer.activation.apply(k, y, layer.outputs);
        mem::swap(&mut to, &mut from);
    }
}

impl Layer {
    /// The weighted sums, before the activation.
    #[inline(always)]
    pub(super) fn sums<const BATCH: bool, K: Kernels, T: Number>(
        &self,
        k: K,
        parameters: &[T],
        x: &[T],
        rows: usize,
        y: &mut [T],
    ) {
        let (weights, bias) = (&parameters[self.weights.clone()], &parameters[self.bias.clone()]);
        if BATCH {
            k.panel_gemm(weights, bias, x, rows, self.inputs, y, self.outputs);
        } else {
            k.panel_gemv(weights, bias, x, y);
        }
    }
}

pub(super) struct Batch<'a, T: Number> {
    pub(super) network: &'a Mlp<T>,
    pub(super) rows: ArrayView2<'a, T>,
    pub(super) scratch: &'a mut [T],
    pub(super) out: &'a mut [T],
}

impl<T: Number> Program for Batch<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { network, rows, scratch, out } = self;
        let ahead = scratch.as_ptr().align_offset(LINE_BYTES).min(spare::<T>());
        let (copy, scratch) = scratch[ahead..].split_at_mut(BLOCK * network.inputs());
        let blocks = rows.axis_chunks_iter(Axis(0), BLOCK);
        for (block, out) in blocks.into_iter().zip(out.chunks_mut(BLOCK * network.outputs())) {
            let count = block.nrows();
            let x = match block.to_slice() {
                Some(x) => x,
                None => {
                    copy.iter_mut().zip(&block).for_each(|(to, from)| *to = *from);
                    &copy[..count * network.inputs()]
                }
            };
            through::<true, K, T>(k, network, x, count, &mut scratch[..2 * count * network.widest()], out);
        }
    }
}
