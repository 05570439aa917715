//! The number types the kernels work on.

use crate::backend::Pair;
use crate::constants::Constants;
#[cfg(target_arch = "x86_64")]
use crate::vector::Reproducible;
use crate::vector::Vector;
use core::fmt::{Debug, Display};
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// `f32` or `f64`; sealed, so kernels can rely on IEEE 754.
pub trait Element:
    Copy
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
    + Into<f64>
    + From<f32>
    + Registers
    + Constants
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Not a number.
    const NAN: Self;
    /// The largest finite number.
    const MAX: Self;
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// `self * factor + term`, rounded once (slow where the compiler may not assume FMA).
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Not a number.
    fn is_nan(self) -> bool;
}

/// The registers for a number type, and the bit-level facts the algorithms need. Private: this seals [`Element`].
pub trait Registers: Sized {
    type Portable: Vector<Elem = Self, Token = crate::backend::Portable>;
    /// 64 bytes of lanes, as wide as the widest register there is.
    type PortableFixed: Vector<Elem = Self, Token = crate::backend::Portable>;
    #[cfg(target_arch = "x86_64")]
    type Avx2: Vector<Elem = Self, Token = crate::backend::Avx2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2Fixed: Vector<Elem = Self, Token = crate::backend::Avx2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2Octet: Vector<Elem = Self, Token = crate::backend::Avx2>;
    /// 64 bytes too.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Vector<Elem = Self, Token = crate::backend::Avx512>;
    #[cfg(target_arch = "x86_64")]
    type Avx512Octet: Vector<Elem = Self, Token: From<crate::backend::Avx512> + From<Reproducible<crate::backend::Avx512>>>;

    const HALF: Self;
    const TWO_THIRDS: Self;
    const TWO: Self;
    const INFINITY: Self;
    const MIN_POSITIVE: Self;
    const BIAS: Self;
    /// A power of two that lifts every subnormal into the normal numbers, and its exponent.
    const LIFT: Self;
    const LIFT_EXPONENT: Self;
    /// 1.5 * 2^MANTISSA + bias: adding it rounds to a whole number and leaves that number plus the
    /// exponent bias in the low bits.
    const EXPONENT_SHIFT: Self;
    /// 1.5 * 2^MANTISSA: adding it rounds to a whole number and leaves that number in the low bits.
    const WHOLE_SHIFT: Self;

    /// The entry whose number is in the four lowest bits.
    fn entry(self, table: &[Self; 16]) -> Self;
    /// The bits shifted left by the width of the mantissa.
    fn bits_to_exponent(self) -> Self;
    /// The bits of the mantissa with the exponent of one.
    fn mantissa(self) -> Self;
    /// The bits of sign and exponent as a whole number.
    fn biased_exponent(self) -> Self;
    /// The sign bit of `sign` joined to the bits of `self`.
    fn with_sign(self, sign: Self) -> Self;
    /// `self * factor + term`, fused only where that is one instruction of the compilation target.
    fn mul_add_fast(self, factor: Self, term: Self) -> Self;
}

macro_rules! element {
    (
        $t:ident, $bits:ty, $mantissa:literal, $bias:literal, $portable_fixed:ty,
        $avx2:ident, $avx2_octet:ty, $avx512:ident, $avx512_octet:ty
    ) => {
        impl Element for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $t::NAN;
            const MAX: Self = $t::MAX;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                self.mul_add(factor, term)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }

        impl Registers for $t {
            type Portable = crate::backend::Lanes8<$t, false>;
            type PortableFixed = $portable_fixed;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = crate::backend::avx2::$avx2;
            #[cfg(target_arch = "x86_64")]
            type Avx2Fixed = Pair<crate::backend::avx2::$avx2>;
            #[cfg(target_arch = "x86_64")]
            type Avx2Octet = $avx2_octet;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = crate::backend::avx512::$avx512;
            #[cfg(target_arch = "x86_64")]
            type Avx512Octet = $avx512_octet;

            const HALF: Self = 0.5;
            const TWO_THIRDS: Self = 2.0 / 3.0;
            const TWO: Self = 2.0;
            const INFINITY: Self = $t::INFINITY;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            const BIAS: Self = $bias;
            const LIFT: Self = (1u64 << ($mantissa + 1)) as $t;
            const LIFT_EXPONENT: Self = $mantissa as $t + 1.0;
            const EXPONENT_SHIFT: Self = Self::WHOLE_SHIFT + $bias;
            const WHOLE_SHIFT: Self = 1.5 * (1u64 << $mantissa) as $t;

            #[inline(always)]
            fn entry(self, table: &[Self; 16]) -> Self {
                table[(self.to_bits() & 15) as usize]
            }
            #[inline(always)]
            fn bits_to_exponent(self) -> Self {
                Self::from_bits(self.to_bits() << $mantissa)
            }
            #[inline(always)]
            fn mantissa(self) -> Self {
                let one: Self = 1.0;
                Self::from_bits(self.to_bits() & ((1 << $mantissa) - 1) | one.to_bits())
            }
            #[inline(always)]
            fn biased_exponent(self) -> Self {
                (self.to_bits() >> $mantissa) as $t
            }
            #[inline(always)]
            fn with_sign(self, sign: Self) -> Self {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                Self::from_bits(self.to_bits() | sign.to_bits() & SIGN)
            }
            #[inline(always)]
            fn mul_add_fast(self, factor: Self, term: Self) -> Self {
                if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                    self.mul_add(factor, term)
                } else {
                    self * factor + term
                }
            }
        }
    };
}

element!(
    f64,
    u64,
    52,
    1023.0,
    crate::backend::Lanes8<f64, true>,
    F64x4,
    Pair<crate::backend::avx2::F64x4>,
    F64x8,
    crate::backend::avx512::F64x8
);
element!(
    f32,
    u32,
    23,
    127.0,
    Pair<crate::backend::Lanes8<f32, true>>,
    F32x8,
    crate::backend::avx2::F32x8,
    F32x16,
    crate::backend::avx2::F32x8
);
