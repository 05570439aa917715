//! AVX-512 registers: 8 x f64, 16 x f32.
#![allow(unsafe_code)] // Intrinsics are unsafe outside functions with the target feature.

use super::Avx2;
use crate::algorithm::trees::Decided;
use crate::element::{Element, Registers};
use crate::isa::Isa;
use crate::trees::Splits;
use crate::vector::{Bytes, Reproducible, Simd, Vector};
use core::arch::asm;
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

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
    type Reproducible = Reproducible<Self>;
    type Ways<'a> = Decided<Bytes512>;

    #[inline(always)]
    fn ways<'a>(self, trees: &'a [Splits], ranks: &'a [[u8; 16]]) -> Self::Ways<'a> {
        Decided::new(self, trees, ranks)
    }

    #[inline(always)]
    fn enter<A, B, C, R>(self, f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
        #[inline]
        fn inside<A, B, C, R>(f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
            f(a, b, c)
        }
        // SAFETY: a token is made only where all these features are.
        unsafe { inside(f, a, b, c) }
    }
}

/// As long and as aligned as a register.
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

/// One intrinsic of the features the token proves.
macro_rules! op {
    ($call:expr) => {{
        // SAFETY: the features of the intrinsic are there: each method takes a token or a vector made
        // with one. Intrinsics with a pointer stand at their own SAFETY note below, not here.
        unsafe { $call }
    }};
}

/// 64 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes512(__m512i);

impl Bytes for Bytes512 {
    type Token = Avx512;
    const LANES: usize = 64;

    #[inline(always)]
    fn splat(_: Avx512, byte: u8) -> Self {
        Self(op!(_mm512_set1_epi8(byte as i8)))
    }
    #[inline(always)]
    fn load(_: Avx512, from: &[u8]) -> Self {
        let from = &from[..64];
        // SAFETY: `from` is as long as the register; the token proves the feature.
        Self(unsafe { _mm512_loadu_epi8(from.as_ptr().cast()) })
    }
    #[inline(always)]
    fn repeat(_: Avx512, row: &[u8; 16]) -> Self {
        // SAFETY: the row has 16 bytes; the token proves the feature.
        let row = unsafe { _mm_loadu_si128(row.as_ptr().cast()) };
        Self(op!(_mm512_broadcast_i32x4(row)))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(op!(_mm512_or_si512(self.0, other.0)))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(op!(_mm512_xor_si512(self.0, other.0)))
    }
    #[inline(always)]
    fn without(self, other: Self) -> Self {
        Self(op!(_mm512_andnot_si512(other.0, self.0)))
    }
    #[inline(always)]
    fn add_saturating(self, other: Self) -> Self {
        Self(op!(_mm512_adds_epu8(self.0, other.0)))
    }
    #[inline(always)]
    fn entry(self, index: Self) -> Self {
        Self(op!(_mm512_shuffle_epi8(self.0, index.0)))
    }
    #[inline(always)]
    fn at_least(self, least: Self) -> u64 {
        op!(_mm512_cmpge_epu8_mask(self.0, least.0))
    }
    #[inline(always)]
    fn follow(_: Avx512, bits: &[u64; 8], mut at: [u64; 8]) -> [u64; 8] {
        // SAFETY: the array is as long as the register; the token proves the feature.
        let bits = unsafe { _mm512_loadu_epi64(bits.as_ptr().cast()) };
        // SAFETY: as above.
        let node = unsafe { _mm512_loadu_epi64(at.as_ptr().cast()) };
        let bit = op!(_mm512_and_si512(_mm512_srlv_epi64(bits, node), _mm512_set1_epi64(1)));
        let child = op!(_mm512_add_epi64(_mm512_add_epi64(node, node), bit));
        // SAFETY: as above.
        unsafe { _mm512_storeu_epi64(at.as_mut_ptr().cast(), child) };
        at
    }
}

/// Parts of two registers chosen by one constant, and added to those chosen by the other.
macro_rules! fold {
    ($shuffle:ident, $add:ident, $low:literal, $high:literal, $a:expr, $b:expr) => {{
        let low = op!($shuffle::<$low>($a, $b));
        let high = op!($shuffle::<$high>($a, $b));
        op!($add(low, high))
    }};
}

/// Eight quarters of two numbers to eight numbers.
macro_rules! sums_pd {
    ($even:expr, $odd:expr) => {{
        let low = op!(_mm512_unpacklo_pd($even, $odd));
        let high = op!(_mm512_unpackhi_pd($even, $odd));
        let sums = op!(_mm512_add_pd(low, high));
        let mut out = [0.0; 8];
        // SAFETY: the array is as long as the register; the registers prove the feature.
        unsafe { _mm512_storeu_pd(out.as_mut_ptr(), sums) };
        out
    }};
}

/// Eight quarters of four numbers to eight numbers.
macro_rules! sums_ps {
    ($even:expr, $odd:expr) => {{
        let pairs = fold!(_mm512_shuffle_ps, _mm512_add_ps, 0x44, 0xee, $even, $odd);
        let swapped = op!(_mm512_permute_ps::<0xb1>(pairs));
        let sums = op!(_mm512_add_ps(pairs, swapped));
        let every_second = op!(_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0));
        let sums = op!(_mm512_permutexvar_ps(every_second, sums));
        let sums = op!(_mm512_castps512_ps256(sums));
        let mut out = [0.0; 8];
        // SAFETY: the array is as long as the register; the registers prove the feature.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sums) };
        out
    }};
}

/// The entry of a table of 16 by the low four bits of each lane.
macro_rules! entry_pd {
    ($token:expr, $table:expr, $index:expr) => {{
        let (low, high) = (Self::load($token, $table), Self::load($token, &$table[8..]));
        op!(_mm512_permutex2var_pd(low.0, $index, high.0))
    }};
}

macro_rules! entry_ps {
    ($token:expr, $table:expr, $index:expr) => {{
        let table = Self::load($token, $table);
        op!(_mm512_permutexvar_ps($index, table.0))
    }};
}

macro_rules! vector {
    (
        $name:ident, $elem:ty, $register:ty, $lanes:literal, $mask:ty, $shift:literal,
        $splat:ident, $load:ident, $mask_load:ident, $store:ident, $mask_store:ident,
        $load_half:ident, $insert_half:ident, $cast_half:ident, $store_half:ident,
        $load_quarter:ident, $insert_quarter:ident, $cast_quarter:ident, $extract_quarter:ident, $store_quarter:ident,
        $add:ident, $sub:ident, $mul:ident, $div:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident,
        $min:ident, $max:ident, $abs:ident, $or:ident, $and:ident,
        $to_bits:ident, $from_bits:ident, $shl:ident, $scalef:ident, $getmant:ident, $getexp:ident,
        $cmp:ident, $first:ident, $blend:ident, $splat_int:ident, $permute:ident, $shuffle:ident, $align:ident, $interleave:ident, $entry:ident, $reduce_add:ident, $reduce_min:ident, $reduce_max:ident,
        $spread_four:ident, $load_four:ident, $repeat_four:ident
    ) => {
        #[derive(Clone, Copy, Debug)]
        pub struct $name($register);

        impl $name {
            /// The first `len` lanes.
            #[inline(always)]
            fn first(len: usize) -> $mask {
                ((1u32 << len) - 1) as $mask
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Token = Avx512;
            type Mask = $mask;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 32;
            const SPLITS_ALL: bool = true;

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
                // A load waits for a store of the same bytes that is still on its way unless that covers all of it, and
                // a masked one never does: where whole quarters are read or written no mask is used.
                // Asked bit by bit: of equalities the compiler makes a jump through a table.
                debug_assert!(from.len() <= $lanes);
                let (half, quarter) = ($lanes / 2, $lanes / 4);
                if from.len() % quarter == 0 {
                    if from.len() & half != 0 {
                        // SAFETY: `from` is at least half a register long; the token proves the feature.
                        let low = unsafe { $load_half(from.as_ptr()) };
                        let low = op!($insert_half::<0>(fill.0, low));
                        if from.len() & quarter == 0 {
                            return Self(low);
                        }
                        // SAFETY: as above, and a quarter of a register follows; the token proves the feature.
                        let third = unsafe { $load_quarter(from.as_ptr().add(half)) };
                        return Self(op!($insert_quarter::<2>(low, third)));
                    }
                    if from.is_empty() {
                        return fill;
                    }
                    if from.len() == $lanes {
                        // SAFETY: `from` is as long as the register; the token proves the feature.
                        return Self(unsafe { $load(from.as_ptr()) });
                    }
                    // SAFETY: `from` is a quarter of a register long; the token proves the feature.
                    let first = unsafe { $load_quarter(from.as_ptr()) };
                    return Self(op!($insert_quarter::<0>(fill.0, first)));
                }
                if let [only] = *from {
                    let only = op!($splat(only));
                    return Self(op!($blend(1, fill.0, only)));
                }
                let lanes = Self::first(from.len());
                // SAFETY: lanes past the end of `from`, however long it is, are masked off and not read; the token proves the feature.
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
                // As in `load_partial`.
                debug_assert!(to.len() <= $lanes);
                let (half, quarter) = ($lanes / 2, $lanes / 4);
                if to.len() % quarter == 0 {
                    if to.len() & half != 0 {
                        let low = op!($cast_half(self.0));
                        // SAFETY: `to` is at least half a register long; `self` proves the feature.
                        unsafe { $store_half(to.as_mut_ptr(), low) };
                        if to.len() & quarter != 0 {
                            let third = op!($extract_quarter::<2>(self.0));
                            // SAFETY: as above, and a quarter of a register follows; `self` proves the feature.
                            unsafe { $store_quarter(to.as_mut_ptr().add(half), third) };
                        }
                    } else if to.len() == $lanes {
                        // SAFETY: `to` is as long as the register; `self` proves the feature.
                        unsafe { $store(to.as_mut_ptr(), self.0) };
                    } else if !to.is_empty() {
                        let first = op!($cast_quarter(self.0));
                        // SAFETY: `to` is a quarter of a register long; `self` proves the feature.
                        unsafe { $store_quarter(to.as_mut_ptr(), first) };
                    }
                    return;
                }
                if let [only] = to {
                    *only = op!($first(self.0));
                    return;
                }
                let lanes = Self::first(to.len());
                // SAFETY: lanes past the end of `to`, however long it is, are masked off and not written; `self` proves the feature.
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
            fn entry(self, token: Avx512, table: &[$elem; 16]) -> Self {
                let index = op!($to_bits(self.0));
                Self($entry!(token, table, index))
            }
            #[inline(always)]
            fn hold(self) -> Self {
                #[target_feature(enable = "avx512f")]
                #[inline]
                fn held(mut register: $register) -> $register {
                    // SAFETY: no instruction is in it; that the register is read and written is declared.
                    unsafe { asm!("/* {0} */", inout(zmm_reg) register, options(nomem, nostack, preserves_flags)) };
                    register
                }
                Self(op!(held(self.0)))
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
                // A negative number gives NaN, and zero, of either sign, a mantissa without one.
                const SIGN: i32 = _MM_MANT_SIGN_NAN | _MM_MANT_SIGN_ZERO;
                let mantissa = Self(op!($getmant::<_MM_MANT_NORM_1_2, SIGN>(self.0)));
                (mantissa, Self(op!($getexp(self.0))))
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
            fn align_stack(_: Avx512) {
                let line = MaybeUninit::<Line>::uninit();
                // SAFETY: no instruction is in it. That something might look at the line keeps it on the stack.
                unsafe { asm!("/* {0} */", in(reg) line.as_ptr(), options(readonly, nostack, preserves_flags)) };
            }
            #[inline(always)]
            fn delayed(self, token: Avx512, before: $elem) -> Self {
                let before = op!($to_bits(Self::splat(token, before).0));
                let bits = op!($to_bits(self.0));
                let bits = op!($align::<{ $lanes - 1 }>(bits, before));
                Self(op!($from_bits(bits)))
            }
            #[inline(always)]
            fn splat_last(self, _: Avx512) -> Self {
                let last = op!($splat_int($lanes - 1));
                Self(op!($permute(last, self.0)))
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                op!($reduce_add(self.0))
            }
            #[inline(always)]
            fn spread_fours(self) -> [Self; 4] {
                [
                    Self(op!($spread_four::<0x00>(self.0))),
                    Self(op!($spread_four::<0x55>(self.0))),
                    Self(op!($spread_four::<0xaa>(self.0))),
                    Self(op!($spread_four::<0xff>(self.0))),
                ]
            }
            #[inline(always)]
            fn repeat_four(_: Avx512, from: &[$elem]) -> Self {
                let from = &from[..4];
                // SAFETY: `from` has four numbers; the token proves the feature.
                let four = unsafe { $load_four(from.as_ptr()) };
                Self(op!($repeat_four(four)))
            }
            #[inline(always)]
            fn sums(of: [Self; 8]) -> [$elem; 8] {
                let [Self(a), Self(b), Self(c), Self(d), Self(e), Self(f), Self(g), Self(h)] = of;
                // Halves, then quarters, each of twice the registers; even registers apart from odd ones, as the
                // last step interleaves them.
                let (ac, eg) =
                    (fold!($shuffle, $add, 0x44, 0xee, a, c), fold!($shuffle, $add, 0x44, 0xee, e, g));
                let (bd, fh) =
                    (fold!($shuffle, $add, 0x44, 0xee, b, d), fold!($shuffle, $add, 0x44, 0xee, f, h));
                let even = fold!($shuffle, $add, 0x88, 0xdd, ac, eg);
                let odd = fold!($shuffle, $add, 0x88, 0xdd, bd, fh);
                $interleave!(even, odd)
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
    _mm256_loadu_pd, _mm512_insertf64x4, _mm512_castpd512_pd256, _mm256_storeu_pd,
    _mm_loadu_pd, _mm512_insertf64x2, _mm512_castpd512_pd128, _mm512_extractf64x2_pd, _mm_storeu_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_fmadd_pd, _mm512_fmsub_pd, _mm512_fnmadd_pd,
    _mm512_min_pd, _mm512_max_pd, _mm512_abs_pd, _mm512_or_pd, _mm512_and_pd,
    _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_slli_epi64, _mm512_scalef_pd, _mm512_getmant_pd, _mm512_getexp_pd,
    _mm512_cmp_pd_mask, _mm512_cvtsd_f64, _mm512_mask_blend_pd, _mm512_set1_epi64, _mm512_permutexvar_pd, _mm512_shuffle_f64x2, _mm512_alignr_epi64, sums_pd, entry_pd,
    _mm512_reduce_add_pd, _mm512_reduce_min_pd, _mm512_reduce_max_pd,
    _mm512_permutex_pd, _mm256_loadu_pd, _mm512_broadcast_f64x4
);

#[rustfmt::skip]
vector!(
    F32x16, f32, __m512, 16, __mmask16, 23,
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_mask_loadu_ps, _mm512_storeu_ps, _mm512_mask_storeu_ps,
    _mm256_loadu_ps, _mm512_insertf32x8, _mm512_castps512_ps256, _mm256_storeu_ps,
    _mm_loadu_ps, _mm512_insertf32x4, _mm512_castps512_ps128, _mm512_extractf32x4_ps, _mm_storeu_ps,
    _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_fmadd_ps, _mm512_fmsub_ps, _mm512_fnmadd_ps,
    _mm512_min_ps, _mm512_max_ps, _mm512_abs_ps, _mm512_or_ps, _mm512_and_ps,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_slli_epi32, _mm512_scalef_ps, _mm512_getmant_ps, _mm512_getexp_ps,
    _mm512_cmp_ps_mask, _mm512_cvtss_f32, _mm512_mask_blend_ps, _mm512_set1_epi32, _mm512_permutexvar_ps, _mm512_shuffle_f32x4, _mm512_alignr_epi32, sums_ps, entry_ps,
    _mm512_reduce_add_ps, _mm512_reduce_min_ps, _mm512_reduce_max_ps,
    _mm512_permute_ps, _mm_loadu_ps, _mm512_broadcast_f32x4
);
