//! The private layer between algorithms and instruction sets.
//!
//! [`Simd`] is a zero-size token, the proof that this CPU has an instruction set; [`Vector`] is one
//! register of it. A vector can only be made with a token, so its safe methods are sound: whoever
//! holds a vector holds the proof. [`Reproducible`] is the token of the same set with registers of a fixed
//! number of lanes, and with them every algorithm gives the same bits on every set.

use crate::backend::Portable;
#[cfg(target_arch = "x86_64")]
use crate::backend::{Avx2, Avx512};
use crate::element::{Element, Registers};
use crate::isa::Isa;
use crate::trees::Splits;
use core::fmt::Debug;

/// The proof that an instruction set is there, and the registers it offers for each element type.
pub trait Simd: Copy + Debug + Send + Sync + 'static {
    /// The instruction set this token proves.
    const ISA: Isa;
    /// The register that the kernels run on.
    type Wide<T: Element>: Vector<Elem = T, Token: From<Self>>;
    /// Exactly eight lanes.
    type Octet<T: Element>: Vector<Elem = T, Token: From<Self>>;
    /// The token of this set in the reproducible mode.
    type Reproducible: Simd + From<Self>;
    /// What the splits of up to [`BLOCK`](crate::trees::BLOCK) trees say to ranked numbers.
    type Ways<'a>: Ways;

    /// What the splits say to these ranks, 16 in each row; to an input beyond them, anything.
    fn ways<'a>(self, trees: &'a [Splits], ranks: &'a [[u8; 16]]) -> Self::Ways<'a>;

    /// Runs `f` inside a function compiled for this instruction set.
    ///
    /// What `f` captures goes there through memory; up to three slices or numbers, and in registers, as arguments.
    fn enter<A, B, C, R>(self, f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R;
}

/// An instruction set in the reproducible mode: 64 bytes of lanes and every product fused, on all sets.
#[derive(Clone, Copy, Debug)]
pub struct Reproducible<S>(S);

macro_rules! reproducible {
    ($($set:ident $register:ident $octet:ident,)*) => {$(
        impl From<$set> for Reproducible<$set> {
            #[inline(always)]
            fn from(set: $set) -> Self {
                Self(set)
            }
        }

        impl From<Reproducible<$set>> for $set {
            #[inline(always)]
            fn from(mode: Reproducible<$set>) -> Self {
                mode.0
            }
        }

        impl Simd for Reproducible<$set> {
            const ISA: Isa = $set::ISA;
            type Wide<T: Element> = T::$register;
            type Octet<T: Element> = T::$octet;
            type Reproducible = Self;
            type Ways<'a> = <$set as Simd>::Ways<'a>;

            #[inline(always)]
            fn ways<'a>(self, trees: &'a [Splits], ranks: &'a [[u8; 16]]) -> Self::Ways<'a> {
                self.0.ways(trees, ranks)
            }

            #[inline(always)]
            fn enter<A, B, C, R>(self, f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
                self.0.enter(f, a, b, c)
            }
        }
    )*};
}

reproducible!(Portable PortableFixed Portable,);
#[cfg(target_arch = "x86_64")]
reproducible!(Avx2 Avx2Fixed Avx2Octet, Avx512 Avx512 Avx512Octet,);

#[cfg(target_arch = "x86_64")]
impl From<Reproducible<Avx512>> for Avx2 {
    #[inline(always)]
    fn from(mode: Reproducible<Avx512>) -> Self {
        mode.0.into()
    }
}

/// One register of `LANES` numbers. All methods are single IEEE operations per lane.
pub trait Vector: Copy + Debug {
    /// The number type of a lane.
    type Elem: Element;
    /// The proof needed to make a vector.
    type Token: Simd;
    /// One truth value per lane.
    type Mask: Copy;
    /// Lanes per register.
    const LANES: usize;
    /// Whether the sums of several rows at once stay in registers. Not where a register is an array: there they would
    /// only be more code.
    const TILES: bool = true;
    /// Registers of this width that the instruction set has.
    const REGISTERS: usize;

    fn splat(token: Self::Token, value: Self::Elem) -> Self;
    /// The first `LANES` numbers of `from`.
    fn load(token: Self::Token, from: &[Self::Elem]) -> Self;
    /// All numbers of `from` (at most `LANES`), `fill` in the lanes past its end.
    fn load_partial(token: Self::Token, from: &[Self::Elem], fill: Self) -> Self;
    /// Writes the first `LANES` numbers of `to`.
    fn store(self, to: &mut [Self::Elem]);
    /// Writes all of `to` (at most `LANES`), nothing past its end.
    fn store_partial(self, to: &mut [Self::Elem]);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self * factor + term`, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self * factor - term`, rounded once.
    fn mul_sub(self, factor: Self, term: Self) -> Self;
    /// `term - self * factor`, rounded once.
    fn neg_mul_add(self, factor: Self, term: Self) -> Self;
    /// `self * factor + term`, fused only where the hardware does it.
    #[inline(always)]
    fn mul_add_fast(self, factor: Self, term: Self) -> Self {
        self.mul_add(factor, term)
    }
    /// `if self < other { self } else { other }`: `other` when either is NaN or both are zero.
    fn min(self, other: Self) -> Self;
    /// `if self > other { self } else { other }`: `other` when either is NaN or both are zero.
    fn max(self, other: Self) -> Self;
    fn abs(self) -> Self;
    /// The magnitude of `self` (which must not be negative) with the sign of `sign`.
    fn with_sign(self, sign: Self) -> Self;
    /// In each lane the entry of `table` whose number is in the four lowest bits.
    fn entry(self, token: Self::Token, table: &[Self::Elem; 16]) -> Self;
    /// The bits shifted left by the width of the mantissa: small integer to power of two.
    fn bits_to_exponent(self) -> Self;
    /// `self * 2^n` for a whole `n` with |n| <= 2 * (MAX_EXP - 2), rounded once, also into subnormals.
    /// Precondition: `self * 2^(n/2)` is a normal number.
    #[inline(always)]
    fn scale_by_pow2(self, token: Self::Token, n: Self) -> Self {
        let round = Self::splat(token, Self::Elem::EXPONENT_SHIFT);
        let half = n.mul_add(Self::splat(token, Self::Elem::HALF), round);
        let rest = n.sub(half.sub(round)).add(round);
        self.mul(half.bits_to_exponent()).mul(rest.bits_to_exponent())
    }
    /// The mantissa of a positive normal number, in 1..2.
    fn mantissa(self) -> Self;
    /// The biased exponent of a positive normal number, as a number.
    fn biased_exponent(self) -> Self;
    /// Whether [`split`](Self::split) takes any number: of zero the exponent is minus infinity and of infinity it is infinity, both with
    /// mantissa 1; of a negative number and of NaN the mantissa is NaN.
    const SPLITS_ALL: bool = false;
    /// Mantissa in 1..2 and exponent of a positive finite number, also a subnormal one.
    #[inline(always)]
    fn split(self, token: Self::Token) -> (Self, Self) {
        let lift = Self::splat(token, Self::Elem::LIFT);
        let small = self.lt(Self::splat(token, Self::Elem::MIN_POSITIVE));
        let normal = Self::select(small, self.mul(lift), self);
        let bias = Self::splat(token, Self::Elem::BIAS);
        let bias = Self::select(small, bias.add(Self::splat(token, Self::Elem::LIFT_EXPONENT)), bias);
        (normal.mantissa(), normal.biased_exponent().sub(bias))
    }

    fn lt(self, other: Self) -> Self::Mask;
    fn eq(self, other: Self) -> Self::Mask;
    /// Lanes where `self` or `other` is NaN.
    fn unordered(self, other: Self) -> Self::Mask;
    /// Whether the mask is true of a lane.
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        Self::mask_bits(mask) != 0
    }
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// In the lanes of the mask `rare` of `self`, in the others `usual`; of several registers, only those that have such a lane take
    /// the way through `rare`.
    #[inline(always)]
    fn patch<R: Rare<Self::Elem>>(self, token: Self::Token, mask: Self::Mask, usual: Self, rare: R) -> Self {
        if Self::any(mask) { Self::select(mask, rare.of(token, self), usual) } else { usual }
    }
    fn mask_or(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Lane `l` is bit `l`.
    fn mask_bits(mask: Self::Mask) -> u32;

    /// The same numbers. The compiler takes them for others, and so has what came before in front of what
    /// comes after; that is all, no instruction.
    #[inline(always)]
    fn hold(self) -> Self {
        self
    }
    /// Has the function that this is inlined into keep its registers on the stack, where it has more than the processor, in cache
    /// lines of their own. Compilers do not by themselves, and one that straddles two lines costs twice.
    #[inline(always)]
    fn align_stack(_: Self::Token) {}
    /// In each lane the one before it, in the first `before`.
    fn delayed(self, token: Self::Token, before: Self::Elem) -> Self;
    /// Of every four lanes the first in all four, the second, the third, the fourth.
    fn spread_fours(self) -> [Self; 4];
    /// The first four numbers of `from` again and again.
    fn repeat_four(token: Self::Token, from: &[Self::Elem]) -> Self;
    /// The lane of this index.
    #[inline(always)]
    fn lane(self, index: usize) -> Self::Elem {
        let mut lanes = [Self::Elem::ZERO; 16]; // the most that one register has
        self.store(&mut lanes);
        lanes[index]
    }
    /// The last lane in all lanes.
    fn splat_last(self, token: Self::Token) -> Self;
    /// The sum by halving: of eight lanes `((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7))`.
    fn sum(self) -> Self::Elem;
    /// The sum of each register, to the bit that of [`Vector::sum`]; together they take a third of the operations.
    fn sums(of: [Self; 8]) -> [Self::Elem; 8];
    /// The least lane by halving with [`Vector::min`].
    fn min_lane(self) -> Self::Elem;
    /// The greatest lane by halving with [`Vector::max`].
    fn max_lane(self) -> Self::Elem;
}

/// The slow way of few numbers; a trait, as a closure cannot be of registers of any width.
pub trait Rare<T: Element>: Copy {
    /// What takes the place of `x`.
    fn of<V: Vector<Elem = T>>(self, token: V::Token, x: V) -> V;
}

/// The ways that the splits of some trees send something.
pub trait Ways {
    /// From the nodes at which the eight trees from number `8 group` on are, to the child that each one's split sends it to: `2 n` to the
    /// left, `2 n + 1` to the right. Of trees that are not there, any number.
    fn follow(&self, group: usize, at: [u64; 8]) -> [u64; 8];
}

/// One register of `LANES` bytes.
pub trait Bytes: Copy {
    /// The proof needed to make one.
    type Token: Copy;
    /// Bytes per register.
    const LANES: usize;

    fn splat(token: Self::Token, byte: u8) -> Self;
    /// The first `LANES` bytes of `from`.
    fn load(token: Self::Token, from: &[u8]) -> Self;
    /// The row again and again.
    fn repeat(token: Self::Token, row: &[u8; 16]) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    /// The bits that `other` has not.
    fn without(self, other: Self) -> Self;
    /// The sum, and 255 where it is more.
    fn add_saturating(self, other: Self) -> Self;
    /// In each lane the byte of a repeated row whose number is in the four lowest bits of `index`; 0 where its top bit is set.
    fn entry(self, index: Self) -> Self;
    /// Bit `l` says whether lane `l` is at least that of `least`.
    fn at_least(self, least: Self) -> u64;
    /// Twice each number of `at`, plus the bit of that number of the word in `bits`.
    fn follow(token: Self::Token, bits: &[u64; 8], at: [u64; 8]) -> [u64; 8];
}
