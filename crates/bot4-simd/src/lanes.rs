//! Element-wise steps of one's own: written once for the lanes of a register, compiled for every instruction set.

use crate::algorithm::math;
use crate::element::Element;
use crate::vector::Vector;
use core::fmt::Debug;
use core::ops::{Add, Div, Mul, Sub};

/// What [`map`](crate::map()) does to each number: any chain of operations, in one pass over memory.
///
/// `apply` gets the numbers of a slice in order, as many at a time as suits the instruction set. Mark it
/// `#[inline(always)]`, so that it is compiled for that set.
pub trait Step<T: Element> {
    /// Whether `apply` is a chain of thirty operations or more that wait for one another, such as the hyperbolic tangent of `f64`. Then
    /// more registers go side by side, which hides the waiting and costs room.
    const LONG: bool = false;

    /// What takes the place of `x`.
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L;
}

impl<T: Element, S: Step<T>> Step<T> for &mut S {
    const LONG: bool = S::LONG;

    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        S::apply(self, x)
    }
}

/// The functions of the crate as steps, to be used with others.
pub mod step {
    use super::{Element, Lanes, Step};

    macro_rules! steps {
        ($($step:ident $name:ident $long:expr;)*) => {$(
            #[doc = concat!("[`", stringify!($name), "`](crate::", stringify!($name), "()) of each number.")]
            #[derive(Clone, Copy, Debug, Default)]
            pub struct $step;

            impl<T: Element> Step<T> for $step {
                const LONG: bool = $long;

                #[inline(always)]
                fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
                    x.$name()
                }
            }
        )*};
    }

    steps! {
        Exp exp false;
        Ln ln false;
        Tanh tanh size_of::<T>() == 8;
        Sigmoid sigmoid false;
        Erf erf false;
    }
}

/// Neighbouring numbers of a slice, one per lane. All operations work lane by lane, as IEEE 754 says or as the functions of their names,
/// so an element gets the same bits whatever the instruction set and its position. Sealed: only this crate makes registers.
pub trait Lanes<T: Element>:
    Copy
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + sealed::Sealed
{
    /// `value` in all lanes.
    #[must_use]
    fn splat(self, value: T) -> Self;
    /// `self * factor + term`, rounded once; a library call per lane where the hardware has no FMA.
    #[must_use]
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The magnitude.
    #[must_use]
    fn abs(self) -> Self;
    /// In each lane `yes` where it is less than `than`, else (and where one of them is NaN) `no`.
    #[must_use]
    fn if_less(self, than: Self, yes: Self, no: Self) -> Self;
    /// Limited to `lo..=hi`; a NaN stays. `lo` must not be above `hi`.
    #[must_use]
    fn clamp(self, lo: T, hi: T) -> Self;
    /// As [`exp`](crate::exp()).
    #[must_use]
    fn exp(self) -> Self;
    /// As [`ln`](crate::ln()).
    #[must_use]
    fn ln(self) -> Self;
    /// As [`tanh`](crate::tanh()).
    #[must_use]
    fn tanh(self) -> Self;
    /// As [`sigmoid`](crate::sigmoid()).
    #[must_use]
    fn sigmoid(self) -> Self;
    /// As [`erf`](crate::erf()).
    #[must_use]
    fn erf(self) -> Self;
    /// In each lane the number before it in the slice; before the first one stands `before`, which becomes the last one, for
    /// the numbers that come next.
    #[must_use]
    fn delayed(self, before: &mut T) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

/// A register on its way through a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register<V: Vector> {
    token: V::Token,
    lanes: V,
    /// How many of them hold numbers of the slice.
    used: usize,
}

impl<V: Vector> Register<V> {
    /// What the step makes of the first `used` lanes.
    #[inline(always)]
    pub(crate) fn through(token: V::Token, lanes: V, used: usize, step: &mut impl Step<V::Elem>) -> V {
        step.apply(Self { token, lanes, used }).lanes
    }

    #[inline(always)]
    fn with(self, lanes: V) -> Self {
        Self { lanes, ..self }
    }
}

impl<V: Vector> sealed::Sealed for Register<V> {}

macro_rules! operators {
    ($($operator:ident $name:ident)*) => {$(
        impl<V: Vector> $operator for Register<V> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                self.with(self.lanes.$name(other.lanes))
            }
        }
    )*};
}

operators!(Add add Sub sub Mul mul Div div);

macro_rules! functions {
    ($($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self) -> Self {
            self.with(math::$name(self.token, self.lanes))
        }
    )*};
}

impl<V: Vector> Lanes<V::Elem> for Register<V> {
    functions!(exp ln tanh sigmoid erf);

    #[inline(always)]
    fn splat(self, value: V::Elem) -> Self {
        self.with(V::splat(self.token, value))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.with(self.lanes.mul_add(factor.lanes, term.lanes))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.with(self.lanes.abs())
    }

    #[inline(always)]
    fn if_less(self, than: Self, yes: Self, no: Self) -> Self {
        self.with(V::select(self.lanes.lt(than.lanes), yes.lanes, no.lanes))
    }

    #[inline(always)]
    fn clamp(self, lo: V::Elem, hi: V::Elem) -> Self {
        let (lo, hi) = (V::splat(self.token, lo), V::splat(self.token, hi));
        self.with(math::clamp(self.lanes, lo, hi))
    }

    #[inline(always)]
    fn delayed(self, before: &mut V::Elem) -> Self {
        let delayed = self.lanes.delayed(self.token, *before);
        *before = self.lanes.lane(self.used - 1);
        self.with(delayed)
    }
}
