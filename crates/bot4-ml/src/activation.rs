//! What follows the weighted sum of a layer.

use std::fmt;
use std::str::FromStr;

use bot4_simd::{Element, Kernels};

/// The function a layer applies to its weighted sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// None: `y = z`.
    Identity,
    /// `max(z, 0)`; a NaN stays.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function, one probability an output.
    Sigmoid,
    /// Probabilities that add up to 1 over the layer's outputs. For the last layer.
    Softmax,
}

impl Activation {
    /// Every activation, in the order of their names.
    pub const ALL: [Self; 5] = [Self::Identity, Self::Relu, Self::Sigmoid, Self::Softmax, Self::Tanh];

    /// The name in model files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    /// Applies itself to rows of `width` values each.
    #[inline(always)]
    pub(crate) fn apply<K: Kernels, T: Element>(self, k: K, values: &mut [T], width: usize) {
        match self {
            Self::Identity => {}
            Self::Relu => {
                for value in values {
                    *value = if *value < T::ZERO { T::ZERO } else { *value };
                }
            }
            Self::Tanh => k.tanh(values),
            Self::Sigmoid => k.sigmoid(values),
            Self::Softmax if width <= NARROW => narrow_softmax(k, values, width),
            Self::Softmax => values.chunks_exact_mut(width).for_each(|row| k.softmax(row)),
        }
    }

    /// Turns the derivative of the loss by the outputs into the one by the sums, given the outputs. Of softmax
    /// never asked: its derivative is taken together with the loss.
    #[inline(always)]
    pub(crate) fn chain<T: Element>(self, outputs: &[T], delta: &mut [T]) {
        for (delta, y) in delta.iter_mut().zip(outputs) {
            match self {
                Self::Identity | Self::Softmax => {}
                Self::Relu if *y > T::ZERO => {}
                Self::Relu => *delta = T::ZERO,
                Self::Tanh => *delta *= T::ONE - *y * *y,
                Self::Sigmoid => *delta *= *y * (T::ONE - *y),
            }
        }
    }
}

/// Rows up to this wide share registers in a softmax.
const NARROW: usize = 8;

/// Softmax of rows of a few values each: the exponentials of all rows at once, what belongs to a row value by value.
#[inline(always)]
fn narrow_softmax<K: Kernels, T: Element>(k: K, values: &mut [T], width: usize) {
    for row in values.chunks_exact_mut(width.max(1)) {
        let max = row.iter().fold(-T::INFINITY, |max, z| if *z > max { *z } else { max });
        row.iter_mut().for_each(|z| *z -= max);
    }
    k.exp(values);
    for row in values.chunks_exact_mut(width.max(1)) {
        let inverse = T::ONE / row.iter().fold(T::ZERO, |sum, e| sum + *e);
        row.iter_mut().for_each(|e| *e *= inverse);
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownActivation(String);

impl fmt::Display for UnknownActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown activation {:?}: expected one of", self.0)?;
        Activation::ALL.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

impl std::error::Error for UnknownActivation {}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(word: &str) -> Result<Self, UnknownActivation> {
        let found = Self::ALL.into_iter().find(|one| one.name() == word);
        found.ok_or_else(|| UnknownActivation(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bot4_simd::{Isa, Program};

    struct Softmax<'a>(&'a mut [f64], usize);

    impl Program for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn run<K: Kernels>(self, k: K) {
            Activation::Softmax.apply(k, self.0, self.1);
        }
    }

    #[test]
    fn a_softmax_of_any_width_is_the_naive_one_far_from_zero_too() {
        for isa in Isa::available() {
            for width in 1..=12 {
                let z: Vec<f64> = (0..5 * width).map(|i| (i as f64 * 1.7).sin() * 3.0).collect();
                // Each row far away in another direction: without its maximum taken off it would overflow, or be 0 / 0.
                let far = |i: usize| if (i / width).is_multiple_of(2) { 4096.0 } else { -4096.0 };
                let mut got: Vec<f64> = z.iter().enumerate().map(|(i, z)| z + far(i)).collect();
                isa.run(Softmax(&mut got, width));
                for (row, got) in z.chunks(width).zip(got.chunks(width)) {
                    let total: f64 = row.iter().map(|z| z.exp()).sum();
                    for (z, got) in row.iter().zip(got) {
                        assert!((got - z.exp() / total).abs() < 1e-12, "{isa}, {width} wide: {got}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_nan_spoils_its_own_row_of_a_softmax_and_no_other() {
        for width in [3, 12] {
            let mut values = vec![0.5; 3 * width];
            values[width + 1] = f64::NAN;
            Isa::detect().run(Softmax(&mut values, width));
            for (row, values) in values.chunks(width).enumerate() {
                assert!(values.iter().all(|y| y.is_nan() == (row == 1)), "{width} wide: {values:?}");
            }
        }
    }
}
