//! Learning: one step's gradient, and what goes back to the step before.

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Program};

use super::GruCell;
use crate::accumulator::GradientAccumulator;
use crate::transposed::{blame, outer};

/// What a step that shall be learnt from leaves behind: the state before it and its gates.
#[derive(Debug, Clone)]
pub struct GruStep<T: Number> {
    before: AlignedVec<T>,
    /// `r`, `z`, `n`.
    gates: AlignedVec<T>,
    /// What the state contributed before the reset.
    state_sums: AlignedVec<T>,
}

impl<T: Number> GruCell<T> {
    /// Memory for one step of [`step_to_learn`](Self::step_to_learn).
    #[must_use]
    pub fn new_step(&self) -> GruStep<T> {
        GruStep {
            before: AlignedVec::zeroed(self.state),
            gates: AlignedVec::zeroed(3 * self.state),
            state_sums: AlignedVec::zeroed(3 * self.state),
        }
    }

    /// As [`step`](Self::step), keeping in `step` what [`accumulate_gradient`](Self::accumulate_gradient) will need.
    ///
    /// # Panics
    /// When `x`, `state` or `step` is another cell's.
    pub fn step_to_learn(&self, x: &[T], state: &mut [T], step: &mut GruStep<T>) {
        assert_eq!(x.len(), self.inputs, "the row's width is not the cell's");
        assert_eq!(state.len(), self.state, "the state is another cell's");
        Isa::detect().run(Forward { cell: self, x, state, step });
    }

    /// Adds one step's share of a loss's gradient to the accumulator's only group, without counting a sample.
    ///
    /// `d_state` is the derivative of the loss by the state after the step; it becomes the one by the state
    /// before, so that going through the steps backwards is back-propagation through time. `d_x` becomes the
    /// derivative by the row. Count the sequence as a sample with
    /// [`accumulate(1)`](GradientAccumulator::accumulate) afterwards. Allocates two rows of derivatives.
    ///
    /// # Panics
    /// When anything given is another cell's.
    pub fn accumulate_gradient(
        &self,
        x: &[T],
        step: &GruStep<T>,
        d_state: &mut [T],
        d_x: &mut [T],
        gradients: &mut GradientAccumulator<T>,
    ) {
        assert_eq!((x.len(), d_x.len()), (self.inputs, self.inputs), "the row's width is not the cell's");
        assert_eq!(d_state.len(), self.state, "the state is another cell's");
        let mut groups = gradients.accumulate(0);
        let gradient = groups.group(0);
        Isa::detect().run(Backward { cell: self, x, step, d_state, d_x, gradient });
    }
}

struct Forward<'a, T: Number> {
    cell: &'a GruCell<T>,
    x: &'a [T],
    state: &'a mut [T],
    step: &'a mut GruStep<T>,
}

impl<T: Number> Program for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { cell, x, state, step } = self;
        let size = cell.state;
        step.before.copy_from_slice(state);
        cell.gates(k, x, state, &mut step.gates, &mut step.state_sums);
        let (z, n) = step.gates[size..].split_at(size);
        for ((h, z), n) in state.iter_mut().zip(z).zip(n) {
            *h = *n + *z * (*h - *n);
        }
    }
}

struct Backward<'a, T: Number> {
    cell: &'a GruCell<T>,
    x: &'a [T],
    step: &'a GruStep<T>,
    d_state: &'a mut [T],
    d_x: &'a mut [T],
    gradient: &'a mut [T],
}

impl<T: Number> Program for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { cell, x, step, d_state, d_x, gradient } = self;
        let size = cell.state;
        let padded = cell.state_layout().padded_outputs();
        // Derivatives by the sums of the inputs and by those of the state; they differ in the third part.
        let (mut d_a, mut d_b) = (AlignedVec::zeroed(padded), AlignedVec::zeroed(padded));
        for i in 0..size {
            let (r, z, n) = (step.gates[i], step.gates[size + i], step.gates[2 * size + i]);
            let (u, h, d) = (step.state_sums[2 * size + i], step.before[i], d_state[i]);
            let d_n = d * (T::ONE - z) * (T::ONE - n * n);
            let d_r = d_n * u * r * (T::ONE - r);
            let d_z = d * (h - n) * z * (T::ONE - z);
            (d_a[i], d_a[size + i], d_a[2 * size + i]) = (d_r, d_z, d_n);
            (d_b[i], d_b[size + i], d_b[2 * size + i]) = (d_r, d_z, d_n * r);
            d_state[i] = d * z;
        }
        let [ih, hh, bias_ih, bias_hh] = cell.groups();
        let parameters = &cell.parameters;
        outer(k, cell.input_layout(), x, &d_a, &mut gradient[ih.clone()]);
        outer(k, cell.state_layout(), &step.before, &d_b, &mut gradient[hh.clone()]);
        k.add(&mut gradient[bias_ih], &d_a);
        k.add(&mut gradient[bias_hh], &d_b);
        d_x.fill(T::ZERO);
        blame(k, cell.input_layout(), &parameters[ih], &d_a, d_x);
        blame(k, cell.state_layout(), &parameters[hh], &d_b, d_state);
    }
}
