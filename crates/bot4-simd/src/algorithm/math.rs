//! Exponential, hyperbolic tangent, logistic function and logarithm.
//!
//! The first three start from one reduction, `x = n ln 2 + u` with whole `n` and |u| <= ln 2 / 2, and one
//! polynomial, `Q(u) = (e^u - 1 - u) / u^2`. The logarithm
//! takes the mantissa `m` and `s = (m - 1) / (m + 1)`, as fdlibm does (Ng, 1993). Every step is one IEEE operation, so the results are the
//! same bits on every instruction set.

use crate::constants::Constants;
use crate::element::{Element, Registers};
use crate::vector::Vector;

/// `x = n ln 2 + u` and `p = e^u - 1`.
struct Reduced<V> {
    /// `n` plus the shift that leaves `n + bias` in the low bits.
    shifted: V,
    n: V,
    p: V,
}

#[inline(always)]
fn reduce<V: Vector>(t: V::Token, x: V) -> Reduced<V> {
    let shift = V::splat(t, V::Elem::EXPONENT_SHIFT);
    let shifted = x.mul_add(V::splat(t, V::Elem::LOG2_E), shift);
    let n = shifted.sub(shift);
    let u = n.neg_mul_add(V::splat(t, V::Elem::LN_2_HI), x);
    let u = n.neg_mul_add(V::splat(t, V::Elem::LN_2_LO), u);
    let u2 = u.mul(u);
    let p = polynomial(t, V::Elem::EXP_Q, u, u2).mul_add(u2, u);
    Reduced { shifted, n, p }
}

/// Even and odd powers in two Horner chains: half the latency of one for one more multiplication.
#[inline(always)]
fn polynomial<V: Vector>(t: V::Token, coefficients: &[V::Elem], u: V, u2: V) -> V {
    let chain = |top: usize| {
        let mut i = top;
        let mut sum = V::splat(t, coefficients[i]);
        while i >= 2 {
            i -= 2;
            sum = sum.mul_add(u2, V::splat(t, coefficients[i]));
        }
        sum
    };
    let (last, before) = (chain(coefficients.len() - 1), chain(coefficients.len() - 2));
    let (odd, even) = if coefficients.len() % 2 == 0 { (last, before) } else { (before, last) };
    odd.mul_add(u, even)
}

/// e^x.
#[inline(always)]
pub(crate) fn exp<V: Vector>(t: V::Token, x: V) -> V {
    let x = V::splat(t, V::Elem::EXP_MAX).min(x);
    let x = V::splat(t, V::Elem::EXP_MIN).max(x);
    let r = reduce(t, x);
    r.p.add(V::splat(t, V::Elem::ONE)).scale_by_pow2(t, r.n)
}

/// tanh |x| = E / (E + 2) with E = e^(2|x|) - 1, which keeps small arguments exact.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(t: V::Token, x: V) -> V {
    let one = V::splat(t, V::Elem::ONE);
    let magnitude = V::splat(t, V::Elem::TANH_MAX).min(x.abs());
    let r = reduce(t, magnitude.add(magnitude));
    let scale = r.shifted.bits_to_exponent();
    let e = r.p.mul_add(scale, scale.sub(one));
    e.div(e.add(one.add(one))).with_sign(x)
}

/// 1 / (1 + e^-|x|), or e^-|x| / (1 + e^-|x|) of a negative x.
#[inline(always)]
pub(crate) fn sigmoid<V: Vector>(t: V::Token, x: V) -> V {
    let (zero, one) = (V::splat(t, V::Elem::ZERO), V::splat(t, V::Elem::ONE));
    let e = exp(t, zero.sub(x.abs()));
    V::select(x.lt(zero), e, one).div(e.add(one))
}

/// `k ln 2 + ln m` with m in sqrt(1/2)..sqrt(2); with f = m - 1 and s = f / (2 + f),
/// ln m = f - (f^2/2 - s (f^2/2 + s^2 R(s^2))).
#[inline(always)]
pub(crate) fn ln<V: Vector>(t: V::Token, x: V) -> V {
    let constant = |c| V::splat(t, c);
    let one = constant(V::Elem::ONE);
    let (m, k) = x.split(t);
    let low = m.lt(constant(V::Elem::SQRT_2));
    let m = V::select(low, m, m.mul(constant(V::Elem::HALF)));
    let k = V::select(low, k, k.add(one));

    let f = m.sub(one);
    let s = f.div(f.add(one.add(one)));
    let s2 = s.mul(s);
    let r = polynomial(t, V::Elem::LN_R, s2, s2.mul(s2)).mul(s2);
    let half_f2 = f.mul(constant(V::Elem::HALF)).mul(f);
    let low = s.mul_add(half_f2.add(r), k.mul(constant(V::Elem::LN_2_LO)));
    let small = half_f2.sub(low).sub(f);
    let ln = k.mul_add(constant(V::Elem::LN_2_HI), constant(V::Elem::ZERO).sub(small));
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
