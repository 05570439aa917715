//! How a weight matrix lies in memory for the products of a layer.

use crate::element::Element;
use core::marker::PhantomData;

/// Cache lines a panel is wide; the last panel of a matrix may have fewer.
pub(crate) const PANEL_LINES: usize = 4;

/// Numbers in a cache line of 64 bytes.
#[inline(always)]
pub(crate) const fn line<T>() -> usize {
    64 / size_of::<T>()
}

/// The layout of an `inputs x outputs` weight matrix in panels: what [`panel_gemv`](crate::panel_gemv) and
/// [`panel_gemm`](crate::panel_gemm) read from the first byte to the last.
///
/// Columns (outputs) are padded to whole cache lines of 64 bytes and cut into panels of four lines, the last
/// panel having what is left. A panel holds its columns of row 0, then of row 1, and so on. Padding must be
/// finite; zeros are best.
///
/// ```
/// use bot4_simd::{Panels, panel_gemv};
///
/// let layout = Panels::<f64>::new(2, 3);
/// let mut weights = vec![0.0; layout.len()];
/// for (input, output, weight) in [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 10.0), (1, 2, 20.0)] {
///     weights[layout.index(input, output)] = weight;
/// }
/// let bias = vec![0.5; layout.padded_outputs()];
/// let mut y = [0.0; 3];
/// panel_gemv(&weights, &bias, &[1.0, 2.0], &mut y);
/// assert_eq!(y, [1.5, 22.5, 40.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panels<T> {
    inputs: usize,
    outputs: usize,
    element: PhantomData<T>,
}

impl<T: Element> Panels<T> {
    /// The layout of a matrix of these sizes.
    #[must_use]
    pub const fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, element: PhantomData }
    }

    /// Rows of the matrix.
    #[must_use]
    pub const fn inputs(self) -> usize {
        self.inputs
    }

    /// Columns of the matrix, without padding.
    #[must_use]
    pub const fn outputs(self) -> usize {
        self.outputs
    }

    /// Columns with padding: a multiple of a cache line.
    #[must_use]
    pub const fn padded_outputs(self) -> usize {
        self.outputs.next_multiple_of(line::<T>())
    }

    /// Numbers in the matrix, padding included.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a layout holds nothing
    pub const fn len(self) -> usize {
        self.inputs * self.padded_outputs()
    }

    /// Where the weight of `input` for `output` lies.
    ///
    /// # Panics
    /// If there is no such input or output.
    #[must_use]
    #[track_caller]
    pub const fn index(self, input: usize, output: usize) -> usize {
        assert!(input < self.inputs && output < self.padded_outputs(), "no such weight");
        let panel = PANEL_LINES * line::<T>();
        let first = output / panel * panel;
        let left = self.padded_outputs() - first;
        let width = if left < panel { left } else { panel };
        first * self.inputs + input * width + (output - first)
    }

    /// The panels in order: the first column of each, its width, and where its numbers begin.
    pub fn panels(self) -> impl Iterator<Item = (usize, usize, usize)> {
        let panel = PANEL_LINES * line::<T>();
        let padded = self.padded_outputs();
        (0..padded).step_by(panel).map(move |first| (first, panel.min(padded - first), first * self.inputs))
    }
}
