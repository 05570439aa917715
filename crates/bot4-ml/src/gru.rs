//! A gated recurrent unit: a state that remembers what came before.
//!
//! Cho et al., *Learning phrase representations using RNN encoder-decoder*, 2014, in the form of cuDNN and PyTorch,
//! in which the reset gate acts on the product and not on the state:
//!
//! ```text
//! r = sigmoid(Wr x + br + Ur h + cr)         z = sigmoid(Wz x + bz + Uz h + cz)
//! n = tanh(Wn x + bn + r * (Un h + cn))      h' = n + z * (h - n)
//! ```

mod backward;

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Panels, Program};

use crate::accumulator::GradientAccumulator;
use crate::rng::SplitMix64;

pub use backward::GruStep;

/// A GRU cell of so many inputs and so many numbers of state.
///
/// [`step`](Self::step) takes `&self`, the caller's state and scratch and allocates nothing: one cell serves any
/// number of streams, each with its own state, from any number of threads. Weights are ordered as PyTorch orders
/// them: reset, update, new.
///
/// ```
/// use bot4_ml::GruCell;
///
/// let cell = GruCell::<f32>::new(4, 8, 7)?;
/// let (mut state, mut scratch) = ([0.0; 8], vec![0.0; cell.scratch_len()]);
/// cell.step(&[0.5, -1.0, 0.0, 2.0], &mut state, &mut scratch);
/// assert!(state.iter().all(|h| h.abs() < 1.0) && state[0] != 0.0);
/// # Ok::<(), bot4_ml::GruError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GruCell<T: Number> {
    inputs: usize,
    state: usize,
    /// Input weights, state weights, input biases, state biases.
    parameters: AlignedVec<T>,
}

/// A cell as model files and other libraries have it.
#[derive(Debug, Clone, PartialEq)]
pub struct GruParts<T> {
    /// Inputs.
    pub inputs: usize,
    /// Numbers of state.
    pub state: usize,
    /// `[3 * state][inputs]` row by row: reset, update, new.
    pub weight_ih: Vec<T>,
    /// `[3 * state][state]`.
    pub weight_hh: Vec<T>,
    /// `[3 * state]`.
    pub bias_ih: Vec<T>,
    /// `[3 * state]`.
    pub bias_hh: Vec<T>,
}

/// Parts that make no cell: what has which length, and which it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GruError {
    /// The part.
    pub part: &'static str,
    /// The length the sizes ask for; for a size, the largest allowed.
    pub expected: usize,
    /// The length found.
    pub found: usize,
}

impl std::fmt::Display for GruError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.part {
            "inputs" | "state" => {
                write!(f, "{} {}, where 1 to {} are allowed", self.found, self.part, self.expected)
            }
            part => {
                write!(f, "{part} has {} numbers, the cell's sizes ask for {}", self.found, self.expected)
            }
        }
    }
}

impl std::error::Error for GruError {}

/// The largest size: a guard against files that ask for more memory than there is.
const SIZE_MAX: usize = 10_000;

impl<T: Number> GruCell<T> {
    /// A cell with weights uniform in `±1 / sqrt(state)`, as is usual, and biases 0.
    ///
    /// # Errors
    /// [`GruError`] when a size is 0 or beyond 10,000.
    pub fn new(inputs: usize, state: usize, seed: u64) -> Result<Self, GruError> {
        let mut cell = Self::zeroed(inputs, state)?;
        let bound = 1.0 / (state as f64).sqrt();
        let mut rng = SplitMix64::new(seed);
        let mut draw = |len: usize| -> Vec<T> {
            (0..len).map(|_| T::from_f64(bound * (2.0 * rng.uniform() - 1.0))).collect()
        };
        let (weight_ih, weight_hh) = (draw(3 * state * inputs), draw(3 * state * state));
        cell.lay_out(&weight_ih, &weight_hh);
        Ok(cell)
    }

    /// A cell with these parameters.
    ///
    /// # Errors
    /// [`GruError`] when a part does not have the length that the sizes ask for.
    pub fn from_parts(parts: &GruParts<T>) -> Result<Self, GruError> {
        let (inputs, state) = (parts.inputs, parts.state);
        let mut cell = Self::zeroed(inputs, state)?;
        for (part, found, expected) in [
            ("weight_ih", parts.weight_ih.len(), 3 * state * inputs),
            ("weight_hh", parts.weight_hh.len(), 3 * state * state),
            ("bias_ih", parts.bias_ih.len(), 3 * state),
            ("bias_hh", parts.bias_hh.len(), 3 * state),
        ] {
            if found != expected {
                return Err(GruError { part, expected, found });
            }
        }
        cell.lay_out(&parts.weight_ih, &parts.weight_hh);
        let [_, _, bias_ih, bias_hh] = cell.groups();
        cell.parameters[bias_ih.start..][..3 * state].copy_from_slice(&parts.bias_ih);
        cell.parameters[bias_hh.start..][..3 * state].copy_from_slice(&parts.bias_hh);
        Ok(cell)
    }

    fn zeroed(inputs: usize, state: usize) -> Result<Self, GruError> {
        for (part, found) in [("inputs", inputs), ("state", state)] {
            if !(1..=SIZE_MAX).contains(&found) {
                return Err(GruError { part, expected: SIZE_MAX, found });
            }
        }
        let mut cell = Self { inputs, state, parameters: AlignedVec::default() };
        cell.parameters = AlignedVec::zeroed(cell.groups()[3].end);
        Ok(cell)
    }

    fn lay_out(&mut self, weight_ih: &[T], weight_hh: &[T]) {
        let [ih, hh, ..] = self.groups();
        for (range, layout, weights) in
            [(ih, self.input_layout(), weight_ih), (hh, self.state_layout(), weight_hh)]
        {
            for (j, row) in weights.chunks_exact(layout.inputs()).enumerate() {
                for (k, weight) in row.iter().enumerate() {
                    self.parameters[range.start + layout.index(k, j)] = *weight;
                }
            }
        }
    }

    /// The parameters in plain order.
    #[must_use]
    pub fn to_parts(&self) -> GruParts<T> {
        let [ih, hh, bias_ih, bias_hh] = self.groups();
        let plain = |layout: Panels<T>, start: usize| {
            let places = (0..layout.outputs()).flat_map(|j| (0..layout.inputs()).map(move |k| (k, j)));
            places.map(|(k, j)| self.parameters[start + layout.index(k, j)]).collect()
        };
        GruParts {
            inputs: self.inputs,
            state: self.state,
            weight_ih: plain(self.input_layout(), ih.start),
            weight_hh: plain(self.state_layout(), hh.start),
            bias_ih: self.parameters[bias_ih.start..][..3 * self.state].to_vec(),
            bias_hh: self.parameters[bias_hh.start..][..3 * self.state].to_vec(),
        }
    }

    fn input_layout(&self) -> Panels<T> {
        Panels::new(self.inputs, 3 * self.state)
    }

    fn state_layout(&self) -> Panels<T> {
        Panels::new(self.state, 3 * self.state)
    }

    /// Where input weights, state weights, input biases and state biases lie.
    fn groups(&self) -> [std::ops::Range<usize>; 4] {
        let (input, state) = (self.input_layout(), self.state_layout());
        let sizes = [input.len(), state.len(), input.padded_outputs(), state.padded_outputs()];
        let mut end = 0;
        sizes.map(|size| {
            end += size;
            end - size..end
        })
    }

    /// The number of features of a row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The numbers of state.
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.state
    }

    /// Numbers of scratch that [`step`](Self::step) needs.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        6 * self.state
    }

    /// The parameters as one group, padding included, as an optimiser step takes them.
    pub fn parameters_mut(&mut self) -> [&mut [T]; 1] {
        [&mut self.parameters]
    }

    /// All parameters, padding included.
    pub(crate) fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// An accumulator of the shape of this cell.
    #[must_use]
    pub fn accumulator(&self) -> GradientAccumulator<T> {
        GradientAccumulator::new(&[self.parameters.len()])
    }

    /// Takes one row in: `state` becomes the next state. Allocates nothing.
    ///
    /// # Panics
    /// When `x` or `state` has another length than the cell, or `scratch` is shorter than
    /// [`scratch_len`](Self::scratch_len).
    #[inline]
    pub fn step(&self, x: &[T], state: &mut [T], scratch: &mut [T]) {
        assert_eq!(x.len(), self.inputs, "the row's width is not the cell's");
        assert_eq!(state.len(), self.state, "the state is another cell's");
        assert!(scratch.len() >= self.scratch_len(), "the scratch is too short");
        Isa::detect().run(Step { cell: self, x, state, scratch });
    }

    /// The gates: in `a`, `r`, `z` and `n`; in `b`, what the state contributed before the reset.
    #[inline(always)]
    fn gates<K: Kernels>(&self, k: K, x: &[T], state: &[T], a: &mut [T], b: &mut [T]) {
        let [ih, hh, bias_ih, bias_hh] = self.groups();
        let p = &self.parameters;
        k.panel_gemv(&p[ih], &p[bias_ih], x, a);
        k.panel_gemv(&p[hh], &p[bias_hh], state, b);
        let (a_gates, a_new) = a.split_at_mut(2 * self.state);
        let (b_gates, b_new) = b.split_at(2 * self.state);
        k.add(a_gates, b_gates);
        k.sigmoid(a_gates);
        for ((n, r), u) in a_new.iter_mut().zip(&*a_gates).zip(b_new) {
            *n += *r * *u;
        }
        k.tanh(a_new);
    }
}

struct Step<'a, T: Number> {
    cell: &'a GruCell<T>,
    x: &'a [T],
    state: &'a mut [T],
    scratch: &'a mut [T],
}

impl<T: Number> Program for Step<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { cell, x, state, scratch } = self;
        let size = cell.state;
        let (a, b) = scratch[..6 * size].split_at_mut(3 * size);
        cell.gates(k, x, state, a, b);
        let (z, n) = a[size..].split_at(size);
        for ((h, z), n) in state.iter_mut().zip(z).zip(n) {
            *h = *n + *z * (*h - *n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_gradient_is_the_difference, wavy};

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// The cell with plain loops on plain weights.
    fn naive(cell: &GruCell<f64>, x: &[f64], h: &[f64]) -> Vec<f64> {
        let parts = cell.to_parts();
        let size = parts.state;
        let sums = |weights: &[f64], bias: &[f64], v: &[f64]| -> Vec<f64> {
            let rows = weights.chunks_exact(v.len()).zip(bias);
            rows.map(|(row, b)| b + row.iter().zip(v).map(|(w, v)| w * v).sum::<f64>()).collect()
        };
        let a = sums(&parts.weight_ih, &parts.bias_ih, x);
        let b = sums(&parts.weight_hh, &parts.bias_hh, h);
        (0..size)
            .map(|i| {
                let r = sigmoid(a[i] + b[i]);
                let z = sigmoid(a[size + i] + b[size + i]);
                let n = (a[2 * size + i] + r * b[2 * size + i]).tanh();
                (1.0 - z) * n + z * h[i]
            })
            .collect()
    }

    fn with_biases(inputs: usize, state: usize) -> GruCell<f64> {
        let mut parts = GruCell::new(inputs, state, 3).unwrap().to_parts();
        parts.bias_ih.iter_mut().enumerate().for_each(|(i, b)| *b = (i as f64).sin() * 0.3);
        parts.bias_hh.iter_mut().enumerate().for_each(|(i, b)| *b = (i as f64).cos() * 0.3);
        GruCell::from_parts(&parts).unwrap()
    }

    #[test]
    fn a_sequence_is_the_naive_one_on_every_instruction_set() {
        for (inputs, state) in [(1, 1), (3, 5), (32, 64), (9, 17)] {
            let cell = with_biases(inputs, state);
            for isa in Isa::available() {
                let (mut h, mut scratch) = (vec![0.0; state], vec![f64::NAN; cell.scratch_len()]);
                let mut want = vec![0.0; state];
                for x in wavy(20, inputs).rows() {
                    let x = x.to_slice().unwrap();
                    want = naive(&cell, x, &want);
                    isa.run(Step { cell: &cell, x, state: &mut h, scratch: &mut scratch });
                    for (got, want) in h.iter().zip(&want) {
                        assert!((got - want).abs() < 1e-12, "{isa}: {got}, naive {want}");
                    }
                }
            }
        }
    }

    /// Half the squared norm of the last state after three rows is the loss; its gradient goes back through all three.
    #[test]
    fn the_gradient_through_time_is_the_finite_difference() {
        let mut cell = with_biases(3, 5);
        let rows = wavy(3, 3);
        let start = [0.3, -0.2, 0.1, 0.0, 0.4];
        let run = |cell: &GruCell<f64>, steps: &mut Vec<GruStep<f64>>| {
            let mut h = start.to_vec();
            steps.clear();
            for x in rows.rows() {
                let mut step = cell.new_step();
                cell.step_to_learn(x.to_slice().unwrap(), &mut h, &mut step);
                steps.push(step);
            }
            (0.5 * h.iter().map(|h| h * h).sum::<f64>(), h)
        };
        let mut steps = Vec::new();
        let (_, h) = run(&cell, &mut steps);
        let mut gradients = cell.accumulator();
        let (mut dh, mut dx) = (h, vec![0.0; 3]);
        for (step, x) in steps.iter().zip(rows.rows()).rev() {
            cell.accumulate_gradient(x.to_slice().unwrap(), step, &mut dh, &mut dx, &mut gradients);
        }
        gradients.accumulate(1);
        let gradient = gradients.sum(0).to_vec();
        assert_gradient_is_the_difference(&gradient, |at, change| {
            cell.parameters[at] += change;
            let loss = run(&cell, &mut steps).0;
            cell.parameters[at] -= change;
            loss
        });
        // The first row's and the first state's derivatives.
        let loss_of = |x: &[f64], h: &[f64]| {
            let mut h = h.to_vec();
            for (i, row) in rows.rows().into_iter().enumerate() {
                h = naive(&cell, if i == 0 { x } else { row.to_slice().unwrap() }, &h);
            }
            0.5 * h.iter().map(|h| h * h).sum::<f64>()
        };
        let x = rows.row(0).to_vec();
        assert_gradient_is_the_difference(&dx, |at, change| {
            let mut x = x.clone();
            x[at] += change;
            loss_of(&x, &start)
        });
        assert_gradient_is_the_difference(&dh, |at, change| {
            let mut h = start;
            h[at] += change;
            loss_of(&x, &h)
        });
    }

    #[test]
    fn parts_that_do_not_fit_are_errors_that_name_them() {
        let parts = GruCell::<f32>::new(2, 3, 0).unwrap().to_parts();
        assert_eq!(GruCell::from_parts(&parts).unwrap().to_parts(), parts);
        let mut short = parts.clone();
        short.bias_hh.pop();
        let error = GruCell::from_parts(&short).unwrap_err();
        assert_eq!(error, GruError { part: "bias_hh", expected: 9, found: 8 });
        assert!(GruCell::<f32>::new(0, 3, 0).unwrap_err().to_string().contains("0 inputs"));
        assert!(GruCell::<f32>::new(3, usize::MAX, 0).is_err());
    }
}
