//! Reference values in double-double arithmetic: about 100 bits, far past what a ULP of `f64` needs.
//!
//! Written for plainness: long Taylor series, no tuned constants shared with the kernels.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The unevaluated sum of two numbers, the second below half a ULP of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DoubleDouble(f64, f64);

const LN_2: DoubleDouble = DoubleDouble(std::f64::consts::LN_2, 2.3190468138462996e-17);
const ONE: DoubleDouble = DoubleDouble(1.0, 0.0);

impl DoubleDouble {
    fn two_sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        let b_part = sum - a;
        Self(sum, (a - (sum - b_part)) + (b - b_part))
    }

    fn abs(self) -> Self {
        if self.0 < 0.0 { -self } else { self }
    }

    fn scale(self, factor: f64) -> Self {
        Self(self.0 * factor, self.1 * factor)
    }
}

impl From<f64> for DoubleDouble {
    fn from(x: f64) -> Self {
        Self(x, 0.0)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl Add for DoubleDouble {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let high = Self::two_sum(self.0, other.0);
        let low = Self::two_sum(self.1, other.1);
        let sum = Self::two_sum(high.0, high.1 + low.0);
        Self::two_sum(sum.0, sum.1 + low.1)
    }
}

impl Sub for DoubleDouble {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for DoubleDouble {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let high = self.0 * other.0;
        let low = self.0.mul_add(other.0, -high) + (self.0 * other.1 + self.1 * other.0);
        Self::two_sum(high, low)
    }
}

impl Div for DoubleDouble {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self - other * first.into();
        let second = rest.0 / other.0;
        let rest = rest - other * second.into();
        Self::two_sum(first, second) + (rest.0 / other.0).into()
    }
}

/// A value as `significand * 2^exponent`, so that subnormal results keep all their bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact {
    significand: DoubleDouble,
    exponent: i32,
}

impl Exact {
    fn new(significand: DoubleDouble, exponent: i32) -> Self {
        Self { significand, exponent }
    }

    /// How many units in the last place of a binary format `got` is off, the unit taken at the exact value.
    pub(crate) fn ulps(self, got: f64, mantissa_bits: i32, min_exponent: i32) -> f64 {
        let top = self.significand.0.abs();
        if top == 0.0 {
            return if got == 0.0 { 0.0 } else { f64::INFINITY };
        }
        let binade = top.log2().floor() as i32;
        // log2 may round up to the next binade.
        let binade = if 2f64.powi(binade) > top { binade - 1 } else { binade };
        let unit = (self.exponent + binade - mantissa_bits).max(min_exponent - mantissa_bits);
        let difference = DoubleDouble::from(times_power(got, -self.exponent)) - self.significand;
        times_power(difference.0.abs(), self.exponent - unit)
    }
}

/// `x * 2^n` in steps that neither overflow nor round where the result is normal.
fn times_power(mut x: f64, mut n: i32) -> f64 {
    while n.abs() > 1000 {
        let step = n.signum() * 1000;
        x *= 2f64.powi(step);
        n -= step;
    }
    x * 2f64.powi(n)
}

/// e^x - 1 of a small x.
fn exp_m1_series(x: DoubleDouble) -> DoubleDouble {
    let (mut term, mut sum) = (x, x);
    for n in 2..40 {
        term = term * x / f64::from(n).into();
        sum = sum + term;
        if term.0.abs() < sum.0.abs() * 1e-33 {
            break;
        }
    }
    sum
}

/// `x = n ln 2 + u`.
fn reduce(x: DoubleDouble) -> (i32, DoubleDouble) {
    let n = (x.0 / LN_2.0).round();
    // n has at most 11 bits; the third part of ln 2 is 2^-109 and does not matter.
    (n as i32, x - LN_2 * n.into())
}

/// e^x.
pub(crate) fn exp(x: f64) -> Exact {
    let (n, u) = reduce(x.into());
    Exact::new(ONE + exp_m1_series(u), n)
}

/// tanh x.
pub(crate) fn tanh(x: f64) -> Exact {
    if x.abs() > 40.0 {
        return Exact::new(DoubleDouble(x.signum(), 0.0), 0);
    }
    let twice = DoubleDouble::from(x).abs().scale(2.0);
    // A tiny x is lifted, or the products of the series lose their low parts to underflow.
    if x.abs() < 1e-100 {
        return Exact::new(DoubleDouble(x * 2f64.powi(500), 0.0), -500);
    }
    let (n, u) = reduce(twice);
    let m1 = if n == 0 { exp_m1_series(u) } else { (ONE + exp_m1_series(u)).scale(2f64.powi(n)) - ONE };
    let tanh = m1 / (m1 + 2.0.into());
    Exact::new(if x < 0.0 { -tanh } else { tanh }, 0)
}

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid(x: f64) -> Exact {
    let Exact { significand, exponent } = exp(-x.abs());
    let e = significand.scale(2f64.powi(exponent.max(-1000)));
    let below = ONE + if exponent < -200 { DoubleDouble(0.0, 0.0) } else { e };
    if x < 0.0 { Exact::new(significand / below, exponent) } else { Exact::new(ONE / below, 0) }
}

/// The natural logarithm of a positive number, by one step of Halley's iteration.
pub(crate) fn ln(x: f64) -> Exact {
    let lifted = if x < f64::MIN_POSITIVE { x * 2f64.powi(200) } else { x };
    let lift = if x < f64::MIN_POSITIVE { 200.0 } else { 0.0 };
    let mut y = DoubleDouble::from(lifted.ln());
    for _ in 0..2 {
        let Exact { significand, exponent } = exp_of(y);
        let scaled = DoubleDouble::from(times_power(lifted, -exponent));
        y = y + (scaled - significand).scale(2.0) / (scaled + significand);
    }
    Exact::new(y - LN_2 * lift.into(), 0)
}

fn exp_of(x: DoubleDouble) -> Exact {
    let (n, u) = reduce(x);
    Exact::new(ONE + exp_m1_series(u), n)
}

/// The error function, by the series of positive terms `2 x / sqrt(pi) e^(-x^2) (1 + (2 x^2)/3 + (2 x^2)^2/15 + ...)`.
pub(crate) fn erf(x: f64) -> Exact {
    const TWO_OVER_ROOT_PI: DoubleDouble =
        DoubleDouble(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);
    if x.abs() > 8.0 {
        return Exact::new(DoubleDouble(x.signum(), 0.0), 0);
    }
    // As for tanh; what is left out is x^2 / 3 of the result.
    if x.abs() < 1e-100 {
        return Exact::new(TWO_OVER_ROOT_PI * (x * 2f64.powi(500)).into(), -500);
    }
    let square = DoubleDouble::from(x) * x.into();
    let (mut term, mut sum) = (ONE, ONE);
    for n in 1..400 {
        term = term * square.scale(2.0) / f64::from(2 * n + 1).into();
        sum = sum + term;
        if term.0 < sum.0 * 1e-33 {
            break;
        }
    }
    let Exact { significand, exponent } = exp_of(-square);
    let decay = significand.scale(2f64.powi(exponent));
    Exact::new(TWO_OVER_ROOT_PI * x.into() * sum * decay, 0)
}
