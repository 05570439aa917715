//! What turns a gradient into a change of the parameters.

use bot4_simd::{Element, axpy};

use crate::accumulator::ShapeMismatch;

/// A rule that moves parameters along a gradient.
///
/// [`GradientAccumulator::step`](crate::GradientAccumulator::step) drives it: [`begin`](Self::begin) once a
/// step, then [`update`](Self::update) for each parameter group. State such as momenta is allocated in the
/// first step and reused afterwards.
pub trait Optimizer<T: Element> {
    /// Starts a step over `parameters` parameters in all groups together.
    ///
    /// # Errors
    /// [`ShapeMismatch::Optimizer`] when state is kept for another number of parameters.
    fn begin(&mut self, parameters: usize) -> Result<(), ShapeMismatch>;

    /// Moves one group, the parameters `offset .. offset + parameters.len()` of all, along its gradient.
    fn update(&mut self, offset: usize, gradient: &[T], parameters: &mut [T]);
}

/// Stochastic gradient descent, with momentum if asked for.
///
/// `v = momentum * v + g; p = p - learning_rate * v`, the heavy ball of Polyak (1964); without momentum
/// `p = p - learning_rate * g`.
///
/// ```
/// use bot4_ml::{GradientAccumulator, Sgd};
///
/// let mut sgd = Sgd::new(0.5).with_momentum(0.9);
/// let mut gradients = GradientAccumulator::new(&[1]);
/// let mut p = [0.0];
/// for _ in 0..2 {
///     gradients.add(&[&[1.0]])?;
///     gradients.step(&mut sgd, &mut [&mut p])?;
/// }
/// assert_eq!(p, [-0.5 - 0.5 * 1.9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sgd<T> {
    learning_rate: T,
    momentum: T,
    velocity: Vec<T>,
}

impl<T: Element> Sgd<T> {
    /// Plain gradient descent.
    ///
    /// # Panics
    /// When `learning_rate` is not a positive finite number.
    #[must_use]
    pub fn new(learning_rate: T) -> Self {
        assert_positive("learning rate", learning_rate);
        Self { learning_rate, momentum: T::ZERO, velocity: Vec::new() }
    }

    /// Adds momentum.
    ///
    /// # Panics
    /// When `momentum` is not in `[0, 1)`.
    #[must_use]
    pub fn with_momentum(mut self, momentum: T) -> Self {
        assert_fraction("momentum", momentum);
        self.momentum = momentum;
        self
    }
}

impl<T: Element> Optimizer<T> for Sgd<T> {
    fn begin(&mut self, parameters: usize) -> Result<(), ShapeMismatch> {
        if self.momentum == T::ZERO {
            return Ok(());
        }
        reserve_state(&mut self.velocity, parameters)
    }

    fn update(&mut self, offset: usize, gradient: &[T], parameters: &mut [T]) {
        if self.momentum == T::ZERO {
            return axpy(-self.learning_rate, gradient, parameters);
        }
        let velocity = &mut self.velocity[offset..offset + parameters.len()];
        for ((p, v), g) in parameters.iter_mut().zip(velocity).zip(gradient) {
            *v = self.momentum * *v + *g;
            *p -= self.learning_rate * *v;
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, *Decoupled weight decay regularization*, 2019;
/// Kingma and Ba, *Adam*, 2015). With no decay, the default, it is Adam.
///
/// Decay pulls every parameter towards zero, biases too.
#[derive(Debug, Clone)]
pub struct AdamW<T> {
    learning_rate: T,
    beta1: T,
    beta2: T,
    epsilon: T,
    decay: T,
    steps: u64,
    /// First and second moments.
    m: Vec<T>,
    v: Vec<T>,
    /// `1 / (1 - beta^steps)` of either moment, for the current step.
    correction: (T, T),
}

impl<T: Element> AdamW<T> {
    /// Adam with the usual constants: beta 0.9 and 0.999, epsilon 1e-8, no decay.
    ///
    /// # Panics
    /// When `learning_rate` is not a positive finite number.
    #[must_use]
    pub fn new(learning_rate: T) -> Self {
        assert_positive("learning rate", learning_rate);
        Self {
            learning_rate,
            beta1: T::from_f64(0.9),
            beta2: T::from_f64(0.999),
            epsilon: T::from_f64(1e-8),
            decay: T::ZERO,
            steps: 0,
            m: Vec::new(),
            v: Vec::new(),
            correction: (T::ONE, T::ONE),
        }
    }

    /// Sets how fast the moments forget.
    ///
    /// # Panics
    /// When either is not in `[0, 1)`.
    #[must_use]
    pub fn with_betas(mut self, beta1: T, beta2: T) -> Self {
        assert_fraction("beta1", beta1);
        assert_fraction("beta2", beta2);
        (self.beta1, self.beta2) = (beta1, beta2);
        self
    }

    /// Sets the decoupled weight decay: each step also takes `learning_rate * decay * p` off every parameter.
    ///
    /// # Panics
    /// When `decay` is not in `[0, 1)`.
    #[must_use]
    pub fn with_decay(mut self, decay: T) -> Self {
        assert_fraction("weight decay", decay);
        self.decay = decay;
        self
    }
}

impl<T: Element> Optimizer<T> for AdamW<T> {
    fn begin(&mut self, parameters: usize) -> Result<(), ShapeMismatch> {
        reserve_state(&mut self.m, parameters)?;
        reserve_state(&mut self.v, parameters)?;
        self.steps += 1;
        let correct = |beta: T| T::from_f64(1.0 / (1.0 - beta.into().powf(self.steps as f64)));
        self.correction = (correct(self.beta1), correct(self.beta2));
        Ok(())
    }

    fn update(&mut self, offset: usize, gradient: &[T], parameters: &mut [T]) {
        let own = offset..offset + parameters.len();
        let moments = self.m[own.clone()].iter_mut().zip(&mut self.v[own]);
        for ((p, (m, v)), g) in parameters.iter_mut().zip(moments).zip(gradient) {
            *m = self.beta1 * *m + (T::ONE - self.beta1) * *g;
            *v = self.beta2 * *v + (T::ONE - self.beta2) * *g * *g;
            let direction = (*m * self.correction.0) / ((*v * self.correction.1).sqrt() + self.epsilon);
            *p -= self.learning_rate * (direction + self.decay * *p);
        }
    }
}

fn reserve_state<T: Element>(state: &mut Vec<T>, parameters: usize) -> Result<(), ShapeMismatch> {
    if state.is_empty() {
        state.resize(parameters, T::ZERO);
    }
    if state.len() != parameters {
        return Err(ShapeMismatch::Optimizer { expected: state.len(), found: parameters });
    }
    Ok(())
}

fn assert_positive<T: Element>(what: &str, value: T) {
    let value: f64 = value.into();
    assert!(value > 0.0 && value.is_finite(), "the {what} is {value}; it must be positive and finite");
}

fn assert_fraction<T: Element>(what: &str, value: T) {
    let value: f64 = value.into();
    assert!((0.0..1.0).contains(&value), "the {what} is {value}; it must be at least 0 and below 1");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulator::{GradientAccumulator, StepError};

    fn run<O: Optimizer<f64>>(optimizer: &mut O, gradients: &[[f64; 2]], start: [f64; 2]) -> [f64; 2] {
        let [mut a, mut b] = start.map(|p| [p]);
        let mut accumulator = GradientAccumulator::new(&[1, 1]);
        for g in gradients {
            accumulator.add(&[&g[..1], &g[1..]]).unwrap();
            accumulator.step(optimizer, &mut [&mut a, &mut b]).unwrap();
        }
        [a[0], b[0]]
    }

    #[test]
    fn one_sgd_step_is_the_analytic_update_in_every_group() {
        assert_eq!(run(&mut Sgd::new(0.25), &[[2.0, -4.0]], [1.0, 1.0]), [0.5, 2.0]);
    }

    #[test]
    fn momentum_is_kept_per_parameter_across_groups() {
        let got =
            run(&mut Sgd::new(0.5).with_momentum(0.5), &[[1.0, 2.0], [0.0, 2.0], [0.0, 0.0]], [0.0, 0.0]);
        // velocities: 1, 0.5, 0.25 and 2, 3, 1.5
        assert_eq!(got, [-0.5 * 1.75, -0.5 * 6.5]);
    }

    #[test]
    fn the_first_adam_step_is_the_learning_rate_times_the_sign() {
        let got = run(&mut AdamW::new(0.1), &[[1e-3, -250.0]], [0.0, 0.0]);
        assert!((got[0] + 0.1).abs() < 1e-5 && (got[1] - 0.1).abs() < 1e-9, "{got:?}");
    }

    /// Two steps worked out by hand from the paper's formulas: betas 0.5, gradient 1 then 3, rate 0.1.
    #[test]
    fn adam_corrects_its_moments_for_their_start() {
        let got = run(&mut AdamW::new(0.1).with_betas(0.5, 0.5), &[[1.0, 0.0], [3.0, 0.0]], [0.0, 0.0]);
        let (m, v) = (0.5 * 0.5 + 0.5 * 3.0, 0.5 * 0.5 + 0.5 * 9.0);
        let second = (m / 0.75) / (f64::sqrt(v / 0.75) + 1e-8);
        assert!((got[0] + 0.1 / (1.0 + 1e-8) + 0.1 * second).abs() < 1e-12, "{got:?}");
        assert_eq!(got[1], 0.0);
    }

    #[test]
    fn decay_is_decoupled_from_the_gradient() {
        let got = run(&mut AdamW::new(0.1).with_decay(0.5), &[[0.0, 0.0]], [2.0, -4.0]);
        assert!((got[0] - 1.9).abs() < 1e-15 && (got[1] + 3.8).abs() < 1e-15, "{got:?}");
    }

    #[test]
    fn state_of_another_size_is_an_error() {
        let mut adam = AdamW::new(0.1);
        run(&mut adam, &[[1.0, 1.0]], [0.0, 0.0]);
        let mut accumulator = GradientAccumulator::new(&[3]);
        accumulator.add(&[&[1.0; 3]]).unwrap();
        let mut p = [0.0; 3];
        let error = accumulator.step(&mut adam, &mut [&mut p]).unwrap_err();
        assert_eq!(error, StepError::Shape(ShapeMismatch::Optimizer { expected: 2, found: 3 }));
        assert_eq!(p, [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "learning rate")]
    fn a_learning_rate_of_nan_panics() {
        let _ = Sgd::new(f32::NAN);
    }
}
