//! AVX-512 registers: 8 x f64, 16 x f32.
#![allow(unsafe_code)] // Intrinsics are unsafe outside functions with the target feature.

use super::Avx2;
use crate::element::{Element, Registers};
use crate::isa::Isa;
use crate::vector::{Simd, Vector};
use core::arch::x86_64::*;

/// The token of AVX-512 F, DQ, BW and VL (with AVX2 and FMA).
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// Whether this CPU and its operating system have the set.
    pub fn is_available() -> bool {
        Avx2::is_available()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
    }

    /// A token without a check.
    ///
    /// # Safety
    /// [`is_available`](Self::is_available) has been true.
    #[inline(always)]
    pub unsafe fn assume() -> Self {
        Self(())
    }
}
impl Simd for Avx512 {
    const ISA: Isa = Isa::Avx512;
    type Wide<T: Element> = T::Avx512;
    type Octet<T: Element> = T::Avx512Octet;

    #[inline(always)]
    fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
        #[inline]
        fn inside<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: a token is made only where all these features are.
        unsafe { inside(f) }
    }
}

/// One intrinsic of the features the token proves.
macro_rules! op {
    ($call:expr) => {{
        // SAFETY: the features of the intrinsic are there: each method takes a token or a vector made
        // with one. Intrinsics with a pointer stand at their own SAFETY note below, not here.
        unsafe { $call }
    }};
}

macro_rules! vector {
    (
        $name:ident, $elem:ty, $register:ty, $lanes:literal, $mask:ty, $shift:literal,
        $splat:ident, $load:ident, $mask_load:ident, $store:ident, $mask_store:ident,
        $add:ident, $sub:ident, $mul:ident, $div:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident,
        $min:ident, $max:ident, $abs:ident, $or:ident, $and:ident,
        $to_bits:ident, $from_bits:ident, $shl:ident, $scalef:ident, $getmant:ident, $getexp:ident,
        $cmp:ident, $blend:ident, $reduce_add:ident, $reduce_min:ident, $reduce_max:ident
    ) => {
        #[derive(Clone, Copy, Debug)]
        pub struct $name($register);

        impl $name {
            /// The first `len` lanes.
            #[inline(always)]
            fn first(len: usize) -> $mask {
                assert!(len <= $lanes);
                ((1u32 << len) - 1) as $mask
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Token = Avx512;
            type Mask = $mask;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(_: Avx512, value: $elem) -> Self {
                Self(op!($splat(value)))
            }
            #[inline(always)]
            fn load(_: Avx512, from: &[$elem]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: `from` is as long as the register; the token proves the feature.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_partial(_: Avx512, from: &[$elem], fill: Self) -> Self {
                let lanes = Self::first(from.len());
                // SAFETY: lanes past the end of `from` are masked off and not read; the token proves the feature.
                Self(unsafe { $mask_load(fill.0, lanes, from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$elem]) {
                let to = &mut to[..$lanes];
                // SAFETY: `to` is as long as the register; `self` proves the feature.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn store_partial(self, to: &mut [$elem]) {
                let lanes = Self::first(to.len());
                // SAFETY: lanes past the end of `to` are masked off and not written; `self` proves the feature.
                unsafe { $mask_store(to.as_mut_ptr(), lanes, self.0) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(op!($add(self.0, other.0)))
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(op!($sub(self.0, other.0)))
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Self(op!($mul(self.0, other.0)))
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(op!($div(self.0, other.0)))
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(op!($fmadd(self.0, factor.0, term.0)))
            }
            #[inline(always)]
            fn mul_sub(self, factor: Self, term: Self) -> Self {
                Self(op!($fmsub(self.0, factor.0, term.0)))
            }
            #[inline(always)]
            fn neg_mul_add(self, factor: Self, term: Self) -> Self {
                Self(op!($fnmadd(self.0, factor.0, term.0)))
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self(op!($min(self.0, other.0)))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self(op!($max(self.0, other.0)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Self(op!($abs(self.0)))
            }
            #[inline(always)]
            fn with_sign(self, sign: Self) -> Self {
                let bit = op!($splat(-0.0));
                let sign = op!($and(sign.0, bit));
                Self(op!($or(self.0, sign)))
            }
            #[inline(always)]
            fn bits_to_exponent(self) -> Self {
                let bits = op!($to_bits(self.0));
                let bits = op!($shl::<$shift>(bits));
                Self(op!($from_bits(bits)))
            }
            #[inline(always)]
            fn scale_by_pow2(self, _: Avx512, n: Self) -> Self {
                Self(op!($scalef(self.0, n.0)))
            }
            #[inline(always)]
            fn mantissa(self) -> Self {
                Self(op!($getmant::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_ZERO>(self.0)))
            }
            #[inline(always)]
            fn biased_exponent(self) -> Self {
                let bias = op!($splat(<$elem>::BIAS));
                let exponent = op!($getexp(self.0));
                Self(op!($add(exponent, bias)))
            }
            #[inline(always)]
            fn split(self, _: Avx512) -> (Self, Self) {
                (self.mantissa(), Self(op!($getexp(self.0))))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                op!($cmp::<_CMP_LT_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                op!($cmp::<_CMP_EQ_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn unordered(self, other: Self) -> $mask {
                op!($cmp::<_CMP_UNORD_Q>(self.0, other.0))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                Self(op!($blend(mask, no.0, yes.0)))
            }
            #[inline(always)]
            fn mask_or(a: $mask, b: $mask) -> $mask {
                a | b
            }
            #[inline(always)]
            fn mask_bits(mask: $mask) -> u32 {
                u32::from(mask)
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                op!($reduce_add(self.0))
            }
            #[inline(always)]
            fn min_lane(self) -> $elem {
                op!($reduce_min(self.0))
            }
            #[inline(always)]
            fn max_lane(self) -> $elem {
                op!($reduce_max(self.0))
            }
        }
    };
}

#[rustfmt::skip]
vector!(
    F64x8, f64, __m512d, 8, __mmask8, 52,
    _mm512_set1_pd, _mm512_loadu_pd, _mm512_mask_loadu_pd, _mm512_storeu_pd, _mm512_mask_storeu_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_fmadd_pd, _mm512_fmsub_pd, _mm512_fnmadd_pd,
    _mm512_min_pd, _mm512_max_pd, _mm512_abs_pd, _mm512_or_pd, _mm512_and_pd,
    _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_slli_epi64, _mm512_scalef_pd, _mm512_getmant_pd, _mm512_getexp_pd,
    _mm512_cmp_pd_mask, _mm512_mask_blend_pd, _mm512_reduce_add_pd, _mm512_reduce_min_pd, _mm512_reduce_max_pd
);

#[rustfmt::skip]
vector!(
    F32x16, f32, __m512, 16, __mmask16, 23,
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_mask_loadu_ps, _mm512_storeu_ps, _mm512_mask_storeu_ps,
    _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_fmadd_ps, _mm512_fmsub_ps, _mm512_fnmadd_ps,
    _mm512_min_ps, _mm512_max_ps, _mm512_abs_ps, _mm512_or_ps, _mm512_and_ps,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_slli_epi32, _mm512_scalef_ps, _mm512_getmant_ps, _mm512_getexp_ps,
    _mm512_cmp_ps_mask, _mm512_mask_blend_ps, _mm512_reduce_add_ps, _mm512_reduce_min_ps, _mm512_reduce_max_ps
);
