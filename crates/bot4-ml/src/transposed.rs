//! What learning does with weights in panels: the gradient's outer product, and the way back to the inputs.

use bot4_pipeline::columns::Number;
use bot4_simd::{Kernels, Panels};

/// Adds `x delta^T` to a gradient in panels.
#[inline(always)]
pub(crate) fn outer<K: Kernels, T: Number>(
    k: K,
    layout: Panels<T>,
    x: &[T],
    delta: &[T],
    gradient: &mut [T],
) {
    for (first, width, begin) in layout.panels() {
        let part = &delta[first..first + width];
        for (x, row) in x.iter().zip(gradient[begin..].chunks_exact_mut(width)) {
            k.axpy(*x, part, row);
        }
    }
}

/// Adds `W delta` to the derivatives by a layer's inputs.
#[inline(always)]
pub(crate) fn blame<K: Kernels, T: Number>(
    k: K,
    layout: Panels<T>,
    weights: &[T],
    delta: &[T],
    inputs: &mut [T],
) {
    for (first, width, begin) in layout.panels() {
        let part = &delta[first..first + width];
        for (input, row) in inputs.iter_mut().zip(weights[begin..].chunks_exact(width)) {
            *input += k.dot(row, part);
        }
    }
}
