//! AVX2 registers with FMA: 4 x f64, 8 x f32.
#![allow(unsafe_code)] // Intrinsics are unsafe outside functions with the target feature.

use super::Avx512;
use crate::algorithm::trees::Decided;
use crate::element::{Element, Registers};
use crate::isa::Isa;
use crate::trees::Splits;
use crate::vector::{Bytes, Reproducible, Simd, Vector};
use core::arch::asm;
use core::arch::x86_64::*;

/// The token of AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// Whether this CPU and its operating system have the set.
    pub fn is_available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
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
impl From<Avx512> for Avx2 {
    /// The AVX-512 token is made only where AVX2 and FMA are there too.
    #[inline(always)]
    fn from(_: Avx512) -> Self {
        Self(())
    }
}

impl Simd for Avx2 {
    const ISA: Isa = Isa::Avx2;
    type Wide<T: Element> = T::Avx2;
    type Octet<T: Element> = T::Avx2Octet;
    type Reproducible = Reproducible<Self>;
    type Ways<'a> = Decided<Bytes256>;

    #[inline(always)]
    fn ways<'a>(self, trees: &'a [Splits], ranks: &'a [[u8; 16]]) -> Self::Ways<'a> {
        Decided::new(self, trees, ranks)
    }

    #[inline(always)]
    fn enter<A, B, C, R>(self, f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
        #[target_feature(enable = "avx2,fma")]
        #[inline]
        fn inside<A, B, C, R>(f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
            f(a, b, c)
        }
        // SAFETY: a token is made only where both features are.
        unsafe { inside(f, a, b, c) }
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

/// 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes256(__m256i);

impl Bytes for Bytes256 {
    type Token = Avx2;
    const LANES: usize = 32;

    #[inline(always)]
    fn splat(_: Avx2, byte: u8) -> Self {
        Self(op!(_mm256_set1_epi8(byte as i8)))
    }
    #[inline(always)]
    fn load(_: Avx2, from: &[u8]) -> Self {
        let from = &from[..32];
        // SAFETY: `from` is as long as the register; the token proves the feature.
        Self(unsafe { _mm256_loadu_si256(from.as_ptr().cast()) })
    }
    #[inline(always)]
    fn repeat(_: Avx2, row: &[u8; 16]) -> Self {
        // SAFETY: the row has 16 bytes; the token proves the feature.
        let row = unsafe { _mm_loadu_si128(row.as_ptr().cast()) };
        Self(op!(_mm256_broadcastsi128_si256(row)))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(op!(_mm256_or_si256(self.0, other.0)))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(op!(_mm256_xor_si256(self.0, other.0)))
    }
    #[inline(always)]
    fn without(self, other: Self) -> Self {
        Self(op!(_mm256_andnot_si256(other.0, self.0)))
    }
    #[inline(always)]
    fn add_saturating(self, other: Self) -> Self {
        Self(op!(_mm256_adds_epu8(self.0, other.0)))
    }
    #[inline(always)]
    fn entry(self, index: Self) -> Self {
        Self(op!(_mm256_shuffle_epi8(self.0, index.0)))
    }
    #[inline(always)]
    fn at_least(self, least: Self) -> u64 {
        let reached = op!(_mm256_cmpeq_epi8(_mm256_max_epu8(self.0, least.0), self.0));
        (op!(_mm256_movemask_epi8(reached)) as u32).into()
    }
    #[inline(always)]
    fn follow(_: Avx2, bits: &[u64; 8], mut at: [u64; 8]) -> [u64; 8] {
        for (bits, at) in bits.as_chunks::<4>().0.iter().zip(at.as_chunks_mut::<4>().0) {
            // SAFETY: the array is as long as the register; the token proves the feature.
            let bits = unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) };
            // SAFETY: as above.
            let node = unsafe { _mm256_loadu_si256(at.as_ptr().cast()) };
            let bit = op!(_mm256_and_si256(_mm256_srlv_epi64(bits, node), _mm256_set1_epi64x(1)));
            let child = op!(_mm256_add_epi64(_mm256_add_epi64(node, node), bit));
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(at.as_mut_ptr().cast(), child) };
        }
        at
    }
}

/// Four lanes to one by halving.
macro_rules! fold_pd {
    ($x:expr, $op:ident) => {{
        let (low, high) = (op!(_mm256_castpd256_pd128($x)), op!(_mm256_extractf128_pd::<1>($x)));
        let two = op!($op(low, high));
        let other = op!(_mm_unpackhi_pd(two, two));
        let one = op!($op(two, other));
        op!(_mm_cvtsd_f64(one))
    }};
}

/// Eight lanes to one by halving.
macro_rules! fold_ps {
    ($x:expr, $op:ident) => {{
        let (low, high) = (op!(_mm256_castps256_ps128($x)), op!(_mm256_extractf128_ps::<1>($x)));
        let four = op!($op(low, high));
        let other = op!(_mm_movehl_ps(four, four));
        let two = op!($op(four, other));
        let other = op!(_mm_shuffle_ps::<1>(two, two));
        let one = op!($op(two, other));
        op!(_mm_cvtss_f32(one))
    }};
}

/// Parts of two registers chosen by one constant, and added to those chosen by the other.
macro_rules! fold {
    ($shuffle:ident, $add:ident, $low:literal, $high:literal, $a:expr, $b:expr) => {{
        let low = op!($shuffle::<$low>($a, $b));
        let high = op!($shuffle::<$high>($a, $b));
        op!($add(low, high))
    }};
}

/// Four registers to four numbers, into `$to`.
macro_rules! sums_of_four_pd {
    ($to:expr, $a:expr, $b:expr, $c:expr, $d:expr) => {{
        let even = fold!(_mm256_permute2f128_pd, _mm256_add_pd, 0x20, 0x31, $a, $c);
        let odd = fold!(_mm256_permute2f128_pd, _mm256_add_pd, 0x20, 0x31, $b, $d);
        let low = op!(_mm256_unpacklo_pd(even, odd));
        let high = op!(_mm256_unpackhi_pd(even, odd));
        let sums = op!(_mm256_add_pd(low, high));
        let to: &mut [f64; 4] = $to;
        // SAFETY: the array is as long as the register; the registers prove the feature.
        unsafe { _mm256_storeu_pd(to.as_mut_ptr(), sums) };
    }};
}

/// Eight registers to eight numbers.
macro_rules! sums_pd {
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr) => {{
        let mut halves = [[0.0; 4]; 2];
        sums_of_four_pd!(&mut halves[0], $a, $b, $c, $d);
        sums_of_four_pd!(&mut halves[1], $e, $f, $g, $h);
        let [[a, b, c, d], [e, f, g, h]] = halves;
        [a, b, c, d, e, f, g, h]
    }};
}

/// Eight registers to eight numbers: halves, then pairs, then one.
macro_rules! sums_ps {
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr) => {{
        let (ae, bf) = (
            fold!(_mm256_permute2f128_ps, _mm256_add_ps, 0x20, 0x31, $a, $e),
            fold!(_mm256_permute2f128_ps, _mm256_add_ps, 0x20, 0x31, $b, $f),
        );
        let (cg, dh) = (
            fold!(_mm256_permute2f128_ps, _mm256_add_ps, 0x20, 0x31, $c, $g),
            fold!(_mm256_permute2f128_ps, _mm256_add_ps, 0x20, 0x31, $d, $h),
        );
        let first = fold!(_mm256_shuffle_ps, _mm256_add_ps, 0x44, 0xee, ae, bf);
        let second = fold!(_mm256_shuffle_ps, _mm256_add_ps, 0x44, 0xee, cg, dh);
        let sums = fold!(_mm256_shuffle_ps, _mm256_add_ps, 0x88, 0xdd, first, second);
        let mut out = [0.0; 8];
        // SAFETY: the array is as long as the register; the registers prove the feature.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sums) };
        out
    }};
}

/// The entry of a table of 16 by the low four bits of each lane: of four lanes one after the other, of eight by two halves of the
/// table, between which the highest of the four bits chooses.
macro_rules! entry_pd {
    ($token:expr, $table:expr, $index:expr) => {{
        let mut lanes = [0.0; 4];
        $index.store(&mut lanes);
        let entries = lanes.map(
            #[inline(always)]
            |lane: f64| lane.entry($table),
        );
        Self::load($token, &entries)
    }};
}

macro_rules! entry_ps {
    ($token:expr, $table:expr, $index:expr) => {{
        let index = op!(_mm256_castps_si256($index.0));
        let (low, high) = (Self::load($token, $table), Self::load($token, &$table[8..]));
        let low = op!(_mm256_permutevar8x32_ps(low.0, index));
        let high = op!(_mm256_permutevar8x32_ps(high.0, index));
        let choice = op!(_mm256_slli_epi32::<28>(index));
        let choice = op!(_mm256_castsi256_ps(choice));
        Self(op!(_mm256_blendv_ps(low, high, choice)))
    }};
}

/// Four numbers as often as they fit.
macro_rules! repeat_pd {
    ($four:expr) => {
        $four
    };
}

macro_rules! repeat_ps {
    ($four:expr) => {
        op!(_mm256_set_m128($four, $four))
    };
}

macro_rules! vector {
    (
        $name:ident, $elem:ty, $register:ty, $lanes:literal, $int:ty, $shift:literal,
        $splat:ident, $load:ident, $mask_load:ident, $store:ident, $mask_store:ident,
        $load_half:ident, $insert_half:ident, $cast_half:ident, $store_half:ident,
        $add:ident, $sub:ident, $mul:ident, $div:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident,
        $min:ident, $max:ident, $or:ident, $and:ident, $andnot:ident,
        $to_bits:ident, $from_bits:ident, $shl:ident, $shr:ident,
        $cmp:ident, $blend:ident, $movemask:ident, $swap:ident, $spread:ident, $last:literal, $sums:ident, $entry:ident, $fold:ident, $add_half:ident, $min_half:ident, $max_half:ident,
        $spread_four:ident, $load_four:ident, $repeat_four:ident
    ) => {
        #[derive(Clone, Copy, Debug)]
        pub struct $name($register);

        impl $name {
            /// All bits of the first `len` lanes.
            #[inline(always)]
            fn first(len: usize) -> __m256i {
                const ON_OFF: [$int; 2 * $lanes] = {
                    let mut lanes = [0; 2 * $lanes];
                    let mut l = 0;
                    while l < $lanes {
                        lanes[l] = -1;
                        l += 1;
                    }
                    lanes
                };
                static TABLE: [$int; 2 * $lanes] = ON_OFF;
                assert!(len <= $lanes);
                let from = &TABLE[$lanes - len..][..$lanes];
                // SAFETY: `from` is as long as the register; callers hold the proof of the feature.
                unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Token = Avx2;
            type Mask = $register;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 16;

            #[inline(always)]
            fn splat(_: Avx2, value: $elem) -> Self {
                Self(op!($splat(value)))
            }
            #[inline(always)]
            fn load(_: Avx2, from: &[$elem]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: `from` is as long as the register; the token proves the feature.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_partial(_: Avx2, from: &[$elem], fill: Self) -> Self {
                // See the backend of AVX-512: no mask where a half is read or written.
                if from.len() == $lanes / 2 {
                    // SAFETY: `from` is half a register long; the token proves the feature.
                    let low = unsafe { $load_half(from.as_ptr()) };
                    return Self(op!($insert_half::<0>(fill.0, low)));
                }
                let lanes = Self::first(from.len());
                // SAFETY: lanes past the end of `from` are masked off and not read; the token proves the feature.
                let read = unsafe { $mask_load(from.as_ptr(), lanes) };
                let lanes = op!($from_bits(lanes));
                Self(op!($blend(fill.0, read, lanes)))
            }
            #[inline(always)]
            fn store(self, to: &mut [$elem]) {
                let to = &mut to[..$lanes];
                // SAFETY: `to` is as long as the register; `self` proves the feature.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn store_partial(self, to: &mut [$elem]) {
                if to.len() == $lanes / 2 {
                    let low = op!($cast_half(self.0));
                    // SAFETY: `to` is half a register long; `self` proves the feature.
                    return unsafe { $store_half(to.as_mut_ptr(), low) };
                }
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
                let sign = op!($splat(-0.0));
                Self(op!($andnot(sign, self.0)))
            }
            #[inline(always)]
            fn with_sign(self, sign: Self) -> Self {
                let bit = op!($splat(-0.0));
                let sign = op!($and(sign.0, bit));
                Self(op!($or(self.0, sign)))
            }
            #[inline(always)]
            fn entry(self, token: Avx2, table: &[$elem; 16]) -> Self {
                $entry!(token, table, self)
            }
            #[inline(always)]
            fn hold(self) -> Self {
                #[target_feature(enable = "avx")]
                #[inline]
                fn held(mut register: $register) -> $register {
                    // SAFETY: no instruction is in it; that the register is read and written is declared.
                    unsafe { asm!("/* {0} */", inout(ymm_reg) register, options(nomem, nostack, preserves_flags)) };
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
            fn mantissa(self) -> Self {
                // Infinity has all bits of the exponent and none of the mantissa.
                let exponent = op!($splat(<$elem>::INFINITY));
                let one = op!($splat(1.0));
                let bits = op!($andnot(exponent, self.0));
                Self(op!($or(bits, one)))
            }
            #[inline(always)]
            fn biased_exponent(self) -> Self {
                // The whole number in the low bits of a float whose last place is worth one.
                const UNIT: $elem = (1u64 << $shift) as $elem;
                let unit = op!($splat(UNIT));
                let bits = op!($to_bits(self.0));
                let bits = op!($shr::<$shift>(bits));
                let low = op!($from_bits(bits));
                let number = op!($or(low, unit));
                Self(op!($sub(number, unit)))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $register {
                op!($cmp::<_CMP_LT_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $register {
                op!($cmp::<_CMP_EQ_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn unordered(self, other: Self) -> $register {
                op!($cmp::<_CMP_UNORD_Q>(self.0, other.0))
            }
            #[inline(always)]
            fn select(mask: $register, yes: Self, no: Self) -> Self {
                Self(op!($blend(no.0, yes.0, mask)))
            }
            #[inline(always)]
            fn mask_or(a: $register, b: $register) -> $register {
                op!($or(a, b))
            }
            #[inline(always)]
            fn mask_bits(mask: $register) -> u32 {
                op!($movemask(mask)) as u32
            }
            #[inline(always)]
            fn delayed(self, token: Avx2, before: $elem) -> Self {
                // A shift stays within halves: what comes into each is the half before it.
                let before = Self::splat(token, before);
                let before = op!($swap::<0x21>(before.0, self.0));
                let before = op!($to_bits(before));
                let bits = op!($to_bits(self.0));
                let bits = op!(_mm256_alignr_epi8::<{ 16 - size_of::<$elem>() as i32 }>(bits, before));
                Self(op!($from_bits(bits)))
            }
            #[inline(always)]
            fn splat_last(self, _: Avx2) -> Self {
                // The upper half twice, then the last lane of each half four or two times.
                let upper = op!($swap::<0x11>(self.0, self.0));
                Self(op!($spread::<$last>(upper)))
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                $fold!(self.0, $add_half)
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
            fn repeat_four(_: Avx2, from: &[$elem]) -> Self {
                let from = &from[..4];
                // SAFETY: `from` has four numbers; the token proves the feature.
                let four = unsafe { $load_four(from.as_ptr()) };
                Self($repeat_four!(four))
            }
            #[inline(always)]
            fn sums(of: [Self; 8]) -> [$elem; 8] {
                let [Self(a), Self(b), Self(c), Self(d), Self(e), Self(f), Self(g), Self(h)] = of;
                $sums!(a, b, c, d, e, f, g, h)
            }
            #[inline(always)]
            fn min_lane(self) -> $elem {
                $fold!(self.0, $min_half)
            }
            #[inline(always)]
            fn max_lane(self) -> $elem {
                $fold!(self.0, $max_half)
            }
        }
    };
}

#[rustfmt::skip]
vector!(
    F64x4, f64, __m256d, 4, i64, 52,
    _mm256_set1_pd, _mm256_loadu_pd, _mm256_maskload_pd, _mm256_storeu_pd, _mm256_maskstore_pd,
    _mm_loadu_pd, _mm256_insertf128_pd, _mm256_castpd256_pd128, _mm_storeu_pd,
    _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd, _mm256_fmadd_pd, _mm256_fmsub_pd, _mm256_fnmadd_pd,
    _mm256_min_pd, _mm256_max_pd, _mm256_or_pd, _mm256_and_pd, _mm256_andnot_pd,
    _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_cmp_pd, _mm256_blendv_pd, _mm256_movemask_pd, _mm256_permute2f128_pd, _mm256_permute_pd, 0xf,
    sums_pd, entry_pd, fold_pd, _mm_add_pd, _mm_min_pd, _mm_max_pd,
    _mm256_permute4x64_pd, _mm256_loadu_pd, repeat_pd
);

#[rustfmt::skip]
vector!(
    F32x8, f32, __m256, 8, i32, 23,
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_storeu_ps, _mm256_maskstore_ps,
    _mm_loadu_ps, _mm256_insertf128_ps, _mm256_castps256_ps128, _mm_storeu_ps,
    _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps, _mm256_fmadd_ps, _mm256_fmsub_ps, _mm256_fnmadd_ps,
    _mm256_min_ps, _mm256_max_ps, _mm256_or_ps, _mm256_and_ps, _mm256_andnot_ps,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_cmp_ps, _mm256_blendv_ps, _mm256_movemask_ps, _mm256_permute2f128_ps, _mm256_permute_ps, 0xff,
    sums_ps, entry_ps, fold_ps, _mm_add_ps, _mm_min_ps, _mm_max_ps,
    _mm256_permute_ps, _mm_loadu_ps, repeat_ps
);
