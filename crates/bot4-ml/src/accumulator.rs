//! Gradients of many samples, summed until a step applies them.
//!
//! A batch too large for memory, or samples that arrive one at a time, are accumulated and applied in one
//! step; the parameters then are what one step on the large batch would have made them.

use std::fmt;

use bot4_simd::{Element, add, scale, squared_norm};

use crate::optimizer::Optimizer;

/// How the accumulated gradients become the one that is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean over the samples: the step does not grow with the batch.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

/// Sums gradients over any number of parameter groups of any sizes.
///
/// [`step`](Self::step) reduces the sums (mean or sum), clips them if asked to, has the optimiser apply them
/// to the parameters and starts again from zero. After [`new`](Self::new) nothing here allocates.
///
/// ```
/// use bot4_ml::{GradientAccumulator, Sgd};
///
/// let (mut weights, mut bias) = ([1.0, 1.0], [0.0]);
/// let mut gradients = GradientAccumulator::new(&[2, 1]);
/// gradients.add(&[&[0.5, 1.0], &[2.0]])?;
/// gradients.add(&[&[1.5, 1.0], &[4.0]])?;
/// gradients.step(&mut Sgd::new(0.1), &mut [&mut weights, &mut bias])?;
/// assert_eq!(weights, [0.9, 0.9]); // 1 - 0.1 * mean(0.5, 1.5), 1 - 0.1 * 1
/// assert!((bias[0] + 0.3_f64).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradientAccumulator<T> {
    /// The sums of all groups, one after the other.
    sums: Vec<T>,
    /// Where each group ends in `sums`.
    ends: Box<[usize]>,
    samples: u64,
    reduction: Reduction,
    clip: Option<f64>,
}

impl<T: Element> GradientAccumulator<T> {
    /// An accumulator for parameter groups of the given sizes, at zero.
    #[must_use]
    pub fn new(sizes: &[usize]) -> Self {
        let ends: Box<[usize]> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        let total = ends.last().copied().unwrap_or(0);
        Self { sums: vec![T::ZERO; total], ends, samples: 0, reduction: Reduction::Mean, clip: None }
    }

    /// Chooses mean (the default) or sum.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// Limits the Euclidean norm of the applied gradient, over all groups together, to `limit`: a longer one
    /// keeps its direction.
    ///
    /// # Panics
    /// When `limit` is not a positive finite number.
    #[must_use]
    pub fn with_clip_norm(mut self, limit: f64) -> Self {
        assert!(
            limit > 0.0 && limit.is_finite(),
            "the clipping norm is {limit}; it must be positive and finite"
        );
        self.clip = Some(limit);
        self
    }

    /// Adds one sample's gradient: one slice for each group.
    ///
    /// # Errors
    /// [`ShapeMismatch`] when the number of groups or a size differs; nothing is added then.
    pub fn add(&mut self, gradient: &[&[T]]) -> Result<(), ShapeMismatch> {
        self.check(gradient.iter().map(|g| g.len()))?;
        let mut groups = self.accumulate(1);
        for (index, part) in gradient.iter().enumerate() {
            add(groups.group(index), part);
        }
        Ok(())
    }

    /// Counts `samples` more samples and lends the sums, so that their gradients can be added in place.
    pub fn accumulate(&mut self, samples: u64) -> Groups<'_, T> {
        self.samples += samples;
        Groups { sums: &mut self.sums, ends: &self.ends }
    }

    /// Samples added since the last step or reset.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The sizes of the groups.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.ends.len()).map(|index| range(&self.ends, index).len())
    }

    /// The sum so far of one group.
    ///
    /// # Panics
    /// When there is no such group.
    #[must_use]
    pub fn sum(&self, group: usize) -> &[T] {
        &self.sums[range(&self.ends, group)]
    }

    /// Forgets everything that was added.
    pub fn reset(&mut self) {
        self.sums.fill(T::ZERO);
        self.samples = 0;
    }

    /// Applies the accumulated gradient to the parameters through the optimiser, then resets.
    ///
    /// # Errors
    /// When nothing was added, the parameters' shapes differ from the accumulator's, the optimiser was used
    /// with another number of parameters before, or the gradient is not finite. Neither parameters nor sums
    /// have changed then; [`reset`](Self::reset) drops a gradient that is not finite.
    pub fn step<O: Optimizer<T>>(
        &mut self,
        optimizer: &mut O,
        parameters: &mut [&mut [T]],
    ) -> Result<Step, StepError> {
        self.check(parameters.iter().map(|p| p.len())).map_err(StepError::Shape)?;
        if self.samples == 0 {
            return Err(StepError::Empty);
        }
        let (norm, factor) = self.norm_and_factor()?;
        optimizer.begin(self.sums.len()).map_err(StepError::Shape)?;
        scale(&mut self.sums, T::from_f64(factor));
        for (index, group) in parameters.iter_mut().enumerate() {
            let range = range(&self.ends, index);
            optimizer.update(range.start, &self.sums[range], group);
        }
        let step = Step { samples: self.samples, norm, clipped: self.clip.is_some_and(|limit| norm > limit) };
        self.reset();
        Ok(step)
    }

    /// The norm of the reduced gradient, and what the sums are to be multiplied with.
    fn norm_and_factor(&self) -> Result<(f64, f64), StepError> {
        let reduce = match self.reduction {
            Reduction::Mean => 1.0 / self.samples as f64,
            Reduction::Sum => 1.0,
        };
        let norm = norm(&self.sums) * reduce;
        if !norm.is_finite() {
            return Err(StepError::NotFinite);
        }
        match self.clip {
            Some(limit) if norm > limit => Ok((norm, reduce * (limit / norm))),
            _ => Ok((norm, reduce)),
        }
    }

    fn check(&self, sizes: impl ExactSizeIterator<Item = usize>) -> Result<(), ShapeMismatch> {
        if sizes.len() != self.ends.len() {
            return Err(ShapeMismatch::Groups { expected: self.ends.len(), found: sizes.len() });
        }
        match self.sizes().zip(sizes).enumerate().find(|(_, (expected, found))| expected != found) {
            Some((group, (expected, found))) => Err(ShapeMismatch::Size { group, expected, found }),
            None => Ok(()),
        }
    }
}

/// The sums of an accumulator, lent to add to: see [`GradientAccumulator::accumulate`].
#[derive(Debug)]
pub struct Groups<'a, T> {
    sums: &'a mut [T],
    ends: &'a [usize],
}

impl<T> Groups<'_, T> {
    /// The sum of one group.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn group(&mut self, index: usize) -> &mut [T] {
        &mut self.sums[range(self.ends, index)]
    }
}

fn range(ends: &[usize], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start..ends[index]
}

/// Euclidean norm that neither overflows nor underflows; NaN or infinite when an element is.
fn norm<T: Element>(values: &[T]) -> f64 {
    let squared: f64 = squared_norm(values).into();
    if squared.is_normal() {
        return squared.sqrt();
    }
    let values = values.iter().map(|v| -> f64 { (*v).into() });
    let largest = values.clone().map(f64::abs).fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * values.map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
}

/// What a [`GradientAccumulator::step`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Samples in the applied gradient.
    pub samples: u64,
    /// Euclidean norm of the reduced gradient before clipping.
    pub norm: f64,
    /// Whether clipping shortened it.
    pub clipped: bool,
}

/// Gradients or parameters of another shape than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeMismatch {
    /// Another number of groups.
    Groups {
        /// Groups of the accumulator.
        expected: usize,
        /// Groups given.
        found: usize,
    },
    /// A group of another size.
    Size {
        /// The group.
        group: usize,
        /// Its size in the accumulator.
        expected: usize,
        /// The size given.
        found: usize,
    },
    /// An optimiser that already keeps state for another number of parameters.
    Optimizer {
        /// Parameters the optimiser keeps state for.
        expected: usize,
        /// Parameters given.
        found: usize,
    },
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups { expected, found } => {
                write!(f, "{found} parameter groups where {expected} were expected")
            }
            Self::Size { group, expected, found } => {
                write!(f, "parameter group {group} has {found} elements where {expected} were expected")
            }
            Self::Optimizer { expected, found } => {
                write!(f, "the optimiser keeps state for {expected} parameters and was given {found}")
            }
        }
    }
}

impl std::error::Error for ShapeMismatch {}

/// Why a step was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepError {
    /// No sample was added since the last step.
    Empty,
    /// The shapes do not fit.
    Shape(ShapeMismatch),
    /// The accumulated gradient holds a NaN or an infinity.
    NotFinite,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no gradient was added since the last step"),
            Self::Shape(mismatch) => mismatch.fmt(f),
            Self::NotFinite => f.write_str("the accumulated gradient is not finite"),
        }
    }
}

impl std::error::Error for StepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Shape(mismatch) => Some(mismatch),
            Self::Empty | Self::NotFinite => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Sgd;

    fn applied(accumulator: &mut GradientAccumulator<f64>) -> (Vec<f64>, Vec<f64>) {
        let (mut a, mut b) = (vec![0.0; 2], vec![0.0; 1]);
        accumulator.step(&mut Sgd::new(1.0), &mut [&mut a, &mut b]).unwrap();
        (a, b)
    }

    #[test]
    fn every_group_is_applied_and_the_mean_is_the_default() {
        let mut g = GradientAccumulator::new(&[2, 1]);
        g.add(&[&[1.0, 2.0], &[3.0]]).unwrap();
        g.add(&[&[3.0, 6.0], &[5.0]]).unwrap();
        assert_eq!(applied(&mut g), (vec![-2.0, -4.0], vec![-4.0]));
    }

    #[test]
    fn sum_is_the_sum() {
        let mut g = GradientAccumulator::new(&[2, 1]).with_reduction(Reduction::Sum);
        g.add(&[&[1.0, 2.0], &[3.0]]).unwrap();
        g.add(&[&[3.0, 6.0], &[5.0]]).unwrap();
        assert_eq!(applied(&mut g), (vec![-4.0, -8.0], vec![-8.0]));
    }

    #[test]
    fn a_step_starts_again_from_zero() {
        let mut g = GradientAccumulator::new(&[2, 1]);
        g.add(&[&[1.0, 2.0], &[3.0]]).unwrap();
        applied(&mut g);
        assert_eq!(g.samples(), 0);
        g.add(&[&[1.0, 1.0], &[1.0]]).unwrap();
        assert_eq!(applied(&mut g), (vec![-1.0, -1.0], vec![-1.0]));
    }

    #[test]
    fn clipping_bounds_the_norm_over_all_groups_and_keeps_the_direction() {
        let mut g = GradientAccumulator::new(&[2, 1]).with_clip_norm(1.0);
        g.add(&[&[2.0, 3.0], &[6.0]]).unwrap(); // norm 7
        let (mut a, mut b) = ([0.0; 2], [0.0; 1]);
        let step = g.step(&mut Sgd::new(1.0), &mut [&mut a, &mut b]).unwrap();
        assert!(step.clipped && (step.norm - 7.0).abs() < 1e-12);
        for (got, want) in a.iter().chain(&b).zip([2.0, 3.0, 6.0]) {
            assert!(f64::abs(got + want / 7.0) < 1e-15);
        }
        g.add(&[&[0.1, 0.0], &[0.0]]).unwrap();
        let step = g.step(&mut Sgd::new(1.0), &mut [&mut a, &mut b]).unwrap();
        assert!(!step.clipped);
    }

    #[test]
    fn the_norm_survives_squares_that_overflow_or_vanish() {
        assert!((norm(&[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-14);
        assert!((norm(&[3e-200, 4e-200]) / 5e-200 - 1.0).abs() < 1e-14);
        assert!((norm(&[3e30_f32, 4e30]) / 5e30 - 1.0).abs() < 1e-6);
        assert_eq!(norm::<f64>(&[]), 0.0);
        assert!(norm(&[1.0, f64::NAN, 2.0]).is_nan());
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors_and_change_nothing() {
        let mut g = GradientAccumulator::<f64>::new(&[2, 1]);
        assert_eq!(g.add(&[&[1.0, 1.0]]), Err(ShapeMismatch::Groups { expected: 2, found: 1 }));
        let error = g.add(&[&[1.0, 1.0], &[1.0, 2.0]]).unwrap_err();
        assert_eq!(error, ShapeMismatch::Size { group: 1, expected: 1, found: 2 });
        assert_eq!((g.samples(), g.sum(0)), (0, &[0.0, 0.0][..]));

        g.add(&[&[1.0, 1.0], &[1.0]]).unwrap();
        let (mut a, mut b) = ([5.0], [5.0]);
        let error = g.step(&mut Sgd::new(1.0), &mut [&mut a, &mut b]).unwrap_err();
        assert_eq!(error, StepError::Shape(ShapeMismatch::Size { group: 0, expected: 2, found: 1 }));
        assert_eq!((a, b, g.samples()), ([5.0], [5.0], 1));
    }

    #[test]
    fn nothing_added_and_nothing_finite_are_errors() {
        let mut g = GradientAccumulator::new(&[1]);
        let mut p = [5.0];
        assert_eq!(g.step(&mut Sgd::new(1.0), &mut [&mut p]), Err(StepError::Empty));
        for bad in [f64::NAN, f64::INFINITY] {
            g.reset();
            g.add(&[&[bad]]).unwrap();
            assert_eq!(g.step(&mut Sgd::new(1.0), &mut [&mut p]), Err(StepError::NotFinite));
            assert_eq!(p, [5.0]);
        }
    }
}
