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
            Self::Softmax => values.chunks_exact_mut(width.max(1)).for_each(|row| k.softmax(row)),
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
