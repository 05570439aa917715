//! Exponential, hyperbolic tangent, logistic function, logarithm and error function.
//!
//! The exponential and the logistic function start from one reduction, `x = n ln 2 + u` with whole `n` and |u| <= ln 2 / 2, and one
//! polynomial, `Q(u) = (e^u - 1 - u) / u^2`; the hyperbolic tangent reduces by its own addition theorem. The logarithm
//! takes the mantissa `m` and `s = (m - 1) / (m + 1)`, as fdlibm does (Ng, 1993). Every step is one IEEE operation, so the results are the
//! same bits on every instruction set.

use crate::constants::Constants;
use crate::element::{Element, Registers};
use crate::vector::Vector;

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

/// e^x = 2^n (1 + (e^u - 1)).
#[inline(always)]
pub(crate) fn exp<V: Vector>(t: V::Token, x: V) -> V {
    let x = V::splat(t, V::Elem::EXP_MAX).min(x);
    let x = V::splat(t, V::Elem::EXP_MIN).max(x);
    let r = reduce(t, x);
    let mantissa = r.u_high.add(r.rest).add(V::splat(t, V::Elem::ONE));
    mantissa.scale_by_pow2(t, r.n)
}

/// `|x| = n ln 2 / 2 + z` with whole `n` and |z| <= ln 2 / 4; with s = tanh z, a = 1 - 2^-n and b = 1 + 2^-n the addition
/// theorem gives tanh |x| = (a + s b) / (b + s a). An |x| so large that its tanh is one counts as the least such.
///
/// No division, which no other instruction of this chain could run beside: a first quotient from an approximate
/// reciprocal is cut to half of its bits, so that a - q b and b - q a are exact (all but where tanh is nearly one), and the remainder from them
/// corrects it.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(t: V::Token, x: V) -> V {
    let one = V::splat(t, V::Elem::ONE);
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let magnitude = V::splat(t, V::Elem::TANH_MAX).min(x.abs());
    let shifted = magnitude.neg_mul_add(V::splat(t, V::Elem::LOG2_E * V::Elem::TWO), shift);
    let minus_n = shifted.sub(shift);
    let z = minus_n.mul_add(V::splat(t, V::Elem::LN_2 * V::Elem::HALF), magnitude);
    let z2 = z.mul(z);
    let s = horner(t, V::Elem::TANH_P, z2).mul_add(z2.mul(z), z);

    let scale = shifted.bits_to_exponent();
    let (a, b) = (one.sub(scale), one.add(scale));
    let (numerator, denominator) = (s.mul_add(b, a), s.mul_add(a, b));
    let reciprocal = reciprocal(t, denominator);
    let quotient = numerator.mul(reciprocal).upper();
    let remainder = quotient.neg_mul_add(a, b).mul_add(s, quotient.neg_mul_add(b, a));
    remainder.mul_add(reciprocal, quotient).with_sign(x)
}

/// 1 / d to more than half of the bits, for a `d` in the range of the polynomial: with e = 1 - d r its r becomes
/// r (1 + e + e^2).
#[inline(always)]
fn reciprocal<V: Vector>(t: V::Token, d: V) -> V {
    let r = horner(t, V::Elem::RECIPROCAL, d);
    let e = r.neg_mul_add(d, V::splat(t, V::Elem::ONE));
    e.mul_add(e, e).mul_add(r, r)
}

#[inline(always)]
fn horner<V: Vector>(t: V::Token, coefficients: &[V::Elem], x: V) -> V {
    let mut i = coefficients.len() - 1;
    let mut sum = V::splat(t, coefficients[i]);
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(x, V::splat(t, coefficients[i]));
    }
    sum
}

/// With e = e^-|x|: 1 / (1 + e), or e / (1 + e) of a negative x; the quotient is corrected by its
/// remainder, in which 1 + e is not rounded.
#[inline(always)]
pub(crate) fn sigmoid<V: Vector>(t: V::Token, x: V) -> V {
    let (zero, one) = (V::splat(t, V::Elem::ZERO), V::splat(t, V::Elem::ONE));
    let e = exp(t, zero.sub(x.abs()));
    let numerator = V::select(x.lt(zero), e, one);
    let reciprocal = one.div(e.add(one));
    let quotient = numerator.mul(reciprocal);
    let remainder = quotient.neg_mul_add(e, numerator.sub(quotient));
    remainder.mul_add(reciprocal, quotient)
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
    let ln = k.mul_add(V::splat(t, V::Elem::LN_2_HI), V::splat(t, V::Elem::ZERO).sub(small));
    ln_of_special(t, x, ln)
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
    let (zero, one) = (V::splat(t, V::Elem::ZERO), V::splat(t, V::Elem::ONE));
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let shifted = p.neg_mul_add(V::splat(t, V::Elem::LOG2_E), shift);
    let n = shifted.sub(shift);
    let u = zero.sub(n.mul_add(V::splat(t, V::Elem::LN_2), p));
    let u2 = u.mul(u);
    let mantissa = polynomial(t, V::Elem::EXP_Q, u, u2).mul_add(u2, u).add(one);
    mantissa.neg_mul_add(shifted.bits_to_exponent(), one)
}
