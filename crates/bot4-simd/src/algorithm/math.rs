//! Functions of one register: limits, exponential, hyperbolic tangent, logistic function, logarithm and error function.
//!
//! The exponential and the logistic function start from one reduction, `x = n ln 2 + u` with whole `n` and |u| <= ln 2 / 2, and one
//! polynomial, `Q(u) = (e^u - 1 - u) / u^2`; the hyperbolic tangent reduces by its own addition theorem and a table. The logarithm
//! takes the mantissa `m` and `s = (m - 1) / (m + 1)`, as fdlibm does (Ng, 1993). Every step is one IEEE operation, so the results are the
//! same bits on every instruction set.

use crate::constants::Constants;
use crate::element::{Element, Registers};
use crate::vector::{Rare, Vector};

/// `x = n ln 2 + u` with `e^u - 1 = u_high + rest`: `u_high` carries no rounding error.
struct Reduced<V> {
    n: V,
    u_high: V,
    rest: V,
}

#[inline(always)]
fn reduce<V: Vector>(t: V::Token, x: V) -> Reduced<V> {
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let n = x.mul_add(V::splat(t, V::Elem::LOG2_E), shift).sub(shift);
    let u_high = n.neg_mul_add(V::splat(t, V::Elem::LN_2_HI), x);
    let minus_u_low = n.mul(V::splat(t, V::Elem::LN_2_LO));
    let u = u_high.sub(minus_u_low);
    let u2 = u.mul(u);
    let rest = polynomial(t, V::Elem::EXP_Q, u, u2).mul_sub(u2, minus_u_low);
    Reduced { n, u_high, rest }
}

/// Groups of four coefficients by Estrin's scheme, then Horner over the groups: latency is what limits
/// these functions, as a processor cannot hold enough independent registers of numbers in flight.
///
/// The steps are functions and not closures because only a function can be told to be inlined always; one
/// call left in this loop costs more than the arithmetic.
#[inline(always)]
fn polynomial<V: Vector>(t: V::Token, coefficients: &[V::Elem], u: V, u2: V) -> V {
    let u4 = u2.mul(u2);
    let mut i = (coefficients.len() - 1) / 4 * 4;
    let mut sum = group(t, coefficients, i, u, u2);
    while i > 0 {
        i -= 4;
        sum = sum.mul_add(u4, group(t, coefficients, i, u, u2));
    }
    sum
}

/// Up to four coefficients from `i` on.
#[inline(always)]
fn group<V: Vector>(t: V::Token, coefficients: &[V::Elem], i: usize, u: V, u2: V) -> V {
    let low = pair(t, coefficients, i, u);
    if i + 2 < coefficients.len() { pair(t, coefficients, i + 2, u).mul_add(u2, low) } else { low }
}

/// Up to two coefficients from `i` on.
#[inline(always)]
fn pair<V: Vector>(t: V::Token, coefficients: &[V::Elem], i: usize, u: V) -> V {
    let low = V::splat(t, coefficients[i]);
    if i + 1 < coefficients.len() { V::splat(t, coefficients[i + 1]).mul_add(u, low) } else { low }
}

/// The other sign: a difference from zero would not be that of a zero, and an operation of its own.
#[inline(always)]
fn minus<V: Vector>(t: V::Token, x: V) -> V {
    V::splat(t, -V::Elem::ZERO).sub(x)
}

/// Into `lo..=hi`; a NaN stays.
#[inline(always)]
pub(crate) fn clamp<V: Vector>(x: V, lo: V, hi: V) -> V {
    hi.min(lo.max(x))
}

/// e^x = 2^n (1 + (e^u - 1)).
#[inline(always)]
pub(crate) fn exp<V: Vector>(t: V::Token, x: V) -> V {
    let x = V::splat(t, V::Elem::EXP_MAX).min(x);
    let x = V::splat(t, V::Elem::EXP_MIN).max(x);
    let r = reduce(t, x);
    let mantissa = r.u_high.add(r.rest).add(V::splat(t, V::Elem::ONE));
    mantissa.scale_by_pow2(t, r.n)
}

/// Up to TANH_NEAR from a table; beyond, where few numbers lie, by an exponential.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(t: V::Token, x: V) -> V {
    let magnitude = x.abs();
    let near = tanh_near(t, magnitude);
    let is_far = V::splat(t, V::Elem::TANH_NEAR).lt(magnitude);
    magnitude.patch(t, is_far, near, TanhFar).with_sign(x)
}

/// `x = n STEP + z` with whole `n` and |z| <= STEP / 2; with T = tanh(n STEP), s = tanh z and u = s T the addition theorem gives
/// tanh x = T + (s - u T) / (1 + u).
///
/// No division, which no other instruction of this chain could run beside: an approximate reciprocal r of 1 + u, with
/// e = 1 - r (1 + u), gives a quotient, and r (1 + e + e^2) times its remainder corrects it.
///
/// Registers that stand side by side are held after each step. A compiler that is free to do so puts the whole chain of
/// one after that of another, and a processor, which sees no further ahead than three such chains, then waits.
#[inline(always)]
fn tanh_near<V: Vector>(t: V::Token, x: V) -> V {
    let one = V::splat(t, V::Elem::ONE);
    let shift = V::splat(t, V::Elem::WHOLE_SHIFT);
    let shifted = x.mul_add(V::splat(t, V::Elem::TANH_STEPS), shift).hold();
    let table = shifted.entry(t, V::Elem::TANH_TABLE).hold();
    let n = shifted.sub(shift).hold();
    let z = n.neg_mul_add(V::splat(t, V::Elem::TANH_STEP), x).hold();
    let z2 = z.mul(z).hold();
    let s = horner(t, V::Elem::TANH_P, z2).mul_add(z2.mul(z), z).hold();

    let u = s.mul(table).hold();
    let r = horner(t, V::Elem::RECIPROCAL, u);
    let (numerator, denominator) = (u.neg_mul_add(table, s).hold(), u.add(one).hold());
    let e = r.neg_mul_add(denominator, one).hold();
    let quotient = numerator.mul(r).hold();
    let remainder = quotient.neg_mul_add(denominator, numerator).hold();
    let reciprocal = e.mul_add(e, e).hold().mul_add(r, r).hold();
    remainder.mul_add(reciprocal, quotient).hold().add(table)
}

/// With w = e^-2x the result is 1 - 2 w / (1 + w).
#[derive(Clone, Copy)]
struct TanhFar;

impl<T: Element> Rare<T> for TanhFar {
    #[inline(always)]
    fn of<V: Vector<Elem = T>>(self, t: V::Token, x: V) -> V {
        let one = V::splat(t, V::Elem::ONE);
        let w = exp(t, x.mul(V::splat(t, -V::Elem::TWO)));
        one.sub(w.add(w).div(w.add(one)))
    }
}

#[inline(always)]
fn horner<V: Vector>(t: V::Token, coefficients: &[V::Elem], x: V) -> V {
    let mut i = coefficients.len() - 1;
    let mut sum = V::splat(t, coefficients[i]);
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(x, V::splat(t, coefficients[i])).hold();
    }
    sum
}

/// With e = e^-|x|: 1 / (1 + e), or e / (1 + e) of a negative x; the quotient is corrected by its
/// remainder, in which 1 + e is not rounded, times two thirds, which are 1 / (1 + e) to a third.
#[inline(always)]
pub(crate) fn sigmoid<V: Vector>(t: V::Token, x: V) -> V {
    let (zero, one) = (V::splat(t, V::Elem::ZERO), V::splat(t, V::Elem::ONE));
    let e = exp_of_negative(t, minus(t, x.abs()));
    let numerator = V::select(x.lt(zero), e, one);
    let quotient = numerator.div(e.add(one));
    let remainder = quotient.neg_mul_add(e, numerator.sub(quotient));
    remainder.mul_add(V::splat(t, V::Elem::TWO_THIRDS), quotient)
}

/// e^x with x at most 0, as [`exp`] but for the rounding of u: beside that of a sum and a quotient, which follow, it hardly counts.
#[inline(always)]
pub(crate) fn exp_of_negative<V: Vector>(t: V::Token, x: V) -> V {
    let x = V::splat(t, V::Elem::EXP_MIN).max(x);
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let n = x.mul_add(V::splat(t, V::Elem::LOG2_E), shift).sub(shift);
    let u = n.neg_mul_add(V::splat(t, V::Elem::LN_2_HI), x);
    let u = n.neg_mul_add(V::splat(t, V::Elem::LN_2_LO), u);
    let u2 = u.mul(u);
    let mantissa = polynomial(t, V::Elem::EXP_Q, u, u2).mul_add(u2, u).add(V::splat(t, V::Elem::ONE));
    mantissa.scale_by_pow2(t, n)
}

/// `k ln 2 + ln m` with m in sqrt(1/2)..sqrt(2); with f = m - 1 and s = f / (2 + f),
/// ln m = f - (f^2/2 - s (f^2/2 + s^2 R(s^2))).
#[inline(always)]
pub(crate) fn ln<V: Vector>(t: V::Token, x: V) -> V {
    let one = V::splat(t, V::Elem::ONE);
    let (m, k) = x.split(t);
    let low = m.lt(V::splat(t, V::Elem::SQRT_2));
    let m = V::select(low, m, m.mul(V::splat(t, V::Elem::HALF)));
    let k = V::select(low, k, k.add(one));

    let f = m.sub(one);
    let s = f.div(f.add(one.add(one)));
    let s2 = s.mul(s);
    let r = polynomial(t, V::Elem::LN_R, s2, s2.mul(s2)).mul(s2);
    let half_f2 = f.mul(V::splat(t, V::Elem::HALF)).mul(f);
    let low = s.mul_add(half_f2.add(r), k.mul(V::splat(t, V::Elem::LN_2_LO)));
    let small = half_f2.sub(low).sub(f);
    let ln = k.mul_sub(V::splat(t, V::Elem::LN_2_HI), small);
    // With an infinite k all terms have its sign, as LN_2_LO is positive, and a NaN stays.
    if V::SPLITS_ALL { ln } else { ln_of_special(t, x, ln) }
}

/// Infinity and NaN stay, a negative number gives NaN, zero minus infinity.
#[inline(always)]
fn ln_of_special<V: Vector>(t: V::Token, x: V, ln: V) -> V {
    let (zero, infinity) = (V::splat(t, V::Elem::ZERO), V::splat(t, V::Elem::INFINITY));
    let ln = V::select(x.lt(infinity), ln, x);
    let ln = V::select(x.lt(zero), V::splat(t, V::Elem::NAN), ln);
    V::select(x.eq(zero), zero.sub(infinity), ln)
}

/// Below the split `x + x P(x^2)`, above it `1 - e^-p` with a polynomial `p = -ln(1 - erf x)`, as that is
/// nearly a parabola (Juffa gives the two forms in his notes on the error function). Above the split the exponential
/// counts for a sixth at most, so one constant for ln 2 and no correction serve it.
#[inline(always)]
pub(crate) fn erf<V: Vector>(t: V::Token, x: V) -> V {
    let magnitude = V::splat(t, V::Elem::ERF_MAX).min(x.abs());
    let square = magnitude.mul(magnitude);
    let fourth = square.mul(square);
    let small = polynomial(t, V::Elem::ERF_SMALL, square, fourth).mul_add(magnitude, magnitude);
    let p = polynomial(t, V::Elem::ERF_LARGE, magnitude, square);
    let large = one_minus_exp_of_minus(t, p);
    let below = magnitude.lt(V::splat(t, V::Elem::ERF_SPLIT));
    V::select(below, small, large).with_sign(x)
}

/// 1 - e^-p, for a p so large that the error of e^-p hardly counts.
#[inline(always)]
fn one_minus_exp_of_minus<V: Vector>(t: V::Token, p: V) -> V {
    let one = V::splat(t, V::Elem::ONE);
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let shifted = p.neg_mul_add(V::splat(t, V::Elem::LOG2_E), shift);
    let n = shifted.sub(shift);
    let u = minus(t, n.mul_add(V::splat(t, V::Elem::LN_2), p));
    let u2 = u.mul(u);
    let mantissa = polynomial(t, V::Elem::EXP_Q, u, u2).mul_add(u2, u).add(one);
    mantissa.neg_mul_add(shifted.bits_to_exponent(), one)
}
