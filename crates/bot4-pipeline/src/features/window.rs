//! Minimum, maximum and sum of the last `N` values, by aggregates that are never taken back.
//!
//! Time is cut into blocks of `N` values. A window that ends in a block is the end of the block before it and the
//! start of this one: the aggregate of the start is carried from value to value, those of all ends are worked out
//! in one pass when a block is full (van Herk: A fast algorithm for local minimum and maximum filters, 1992;
//! Gil, Werman: Computing 2-D min, median, and max filters, 1993). Nothing is ever subtracted, so a sum of
//! floating-point numbers does not drift: it is the sum of `N` numbers each time. There is no branch that depends
//! on the values, which a queue of candidates for the minimum has.

/// A number that a window can hold: `f64` or `i64`.
///
/// NaN is left out of minimum and maximum and makes a sum NaN while it is in the window.
pub trait Sample: Copy + sealed::Ops + core::fmt::Debug {}

impl Sample for f64 {}
impl Sample for i64 {}

mod sealed {
    pub trait Ops {
        const LEAST: Self;
        const GREATEST: Self;
        const ZERO: Self;
        fn smaller(self, other: Self) -> Self;
        fn greater(self, other: Self) -> Self;
        fn plus(self, other: Self) -> Self;
    }

    impl Ops for f64 {
        const LEAST: Self = Self::NEG_INFINITY;
        const GREATEST: Self = Self::INFINITY;
        const ZERO: Self = 0.0;

        // A comparison and a choice, which is one instruction; `self` stays if `other` is NaN.
        #[inline(always)]
        fn smaller(self, other: Self) -> Self {
            if other < self { other } else { self }
        }

        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            if other > self { other } else { self }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self + other
        }
    }

    impl Ops for i64 {
        const LEAST: Self = Self::MIN;
        const GREATEST: Self = Self::MAX;
        const ZERO: Self = 0;

        #[inline(always)]
        fn smaller(self, other: Self) -> Self {
            self.min(other)
        }

        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            self.max(other)
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self.saturating_add(other)
        }
    }
}

/// Blocks of a batch that are worked on side by side.
const ABREAST: usize = 4;

/// Values of the longest blocks for which that is done: it takes room for all of them on the stack.
const ABREAST_MAX: usize = 1_024;

/// One block of values and the aggregates of the ends of the block before.
#[derive(Clone, Debug)]
struct Blocks<T, const N: usize> {
    /// Up to `next` the values of this block; from there on, aggregates: `cells[i]` of the values from `i` to
    /// the end of the block before.
    cells: [T; N],
    next: usize,
    /// Of this block so far.
    start: T,
    full: bool,
}

impl<T: Sample, const N: usize> Blocks<T, N> {
    const NOT_EMPTY: () = assert!(N > 0, "a window of at least one value");

    const fn new(neutral: T) -> Self {
        const { Self::NOT_EMPTY };
        Self { cells: [neutral; N], next: 0, start: neutral, full: false }
    }

    #[inline(always)]
    fn push(&mut self, value: T, neutral: T, join: impl Fn(T, T) -> T) -> Option<T> {
        self.start = join(self.start, value);
        self.cells[self.next] = value;
        self.next += 1;
        if self.next < N {
            let aggregate = join(self.cells[self.next], self.start);
            return self.full.then_some(aggregate);
        }
        let aggregate = self.start;
        self.turn(neutral, join);
        Some(aggregate)
    }

    /// Replaces each value by what [`push`](Self::push) gives for it, and by `none` where that is nothing.
    #[inline]
    fn batch(&mut self, values: &mut [T], none: T, neutral: T, join: impl Fn(T, T) -> T + Copy) {
        let to_turn = if self.next == 0 { 0 } else { N - self.next };
        let (head, whole) = values.split_at_mut(to_turn.min(values.len()));
        let (blocks, tail) = whole.as_chunks_mut::<N>();
        let (groups, blocks) = blocks.as_chunks_mut::<ABREAST>();
        self.each(head, none, neutral, join);
        for group in groups {
            if N <= ABREAST_MAX {
                self.abreast(group, none, neutral, join);
            } else {
                self.each(group.as_flattened_mut(), none, neutral, join);
            }
        }
        self.each(blocks.as_flattened_mut(), none, neutral, join);
        self.each(tail, none, neutral, join);
    }

    #[inline(always)]
    fn each(&mut self, values: &mut [T], none: T, neutral: T, join: impl Fn(T, T) -> T + Copy) {
        for value in values {
            *value = self.push(*value, neutral, join).unwrap_or(none);
        }
    }

    /// [`batch`](Self::batch) of whole blocks, from a turn on: the aggregates of each wait for each other, those of
    /// several do not.
    #[inline(always)]
    fn abreast(
        &mut self,
        blocks: &mut [[T; N]; ABREAST],
        none: T,
        neutral: T,
        join: impl Fn(T, T) -> T + Copy,
    ) {
        // Of the block before the first, and of each of them.
        let mut ends = [self.cells; ABREAST + 1];
        let mut aggregates = [neutral; ABREAST];
        for j in (0..N).rev() {
            for (b, end) in aggregates.iter_mut().enumerate() {
                *end = join(*end, blocks[b][j]);
                ends[b + 1][j] = *end;
            }
        }
        let mut aggregates = [neutral; ABREAST];
        for j in 0..N - 1 {
            for (b, start) in aggregates.iter_mut().enumerate() {
                *start = join(*start, blocks[b][j]);
                blocks[b][j] = join(ends[b][j + 1], *start);
            }
        }
        for (block, start) in blocks.iter_mut().zip(aggregates) {
            block[N - 1] = join(start, block[N - 1]);
        }
        if !self.full {
            blocks[0][..N - 1].fill(none);
        }
        (self.cells, self.start, self.full) = (ends[ABREAST], neutral, true);
    }

    /// Turns the values of a full block into the aggregates of its ends.
    #[inline]
    fn turn(&mut self, neutral: T, join: impl Fn(T, T) -> T) {
        let mut end = neutral;
        for cell in self.cells.iter_mut().rev() {
            end = join(end, *cell);
            *cell = end;
        }
        (self.next, self.start, self.full) = (0, neutral, true);
    }
}

macro_rules! rolling {
    ($(#[$doc:meta])* $name:ident, $neutral:ident, $join:ident, $of_4_2_9_5:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T, const N: usize>(Blocks<T, N>);

        impl<T: Sample, const N: usize> $name<T, N> {
            /// Starts without history. A window of no value does not compile.
            #[must_use]
            pub const fn new() -> Self {
                Self(Blocks::new(T::$neutral))
            }

            /// Takes the next value; `None` before there are `N` of them. O(1), but for every `N`-th value, which
            /// takes one pass over the window. No allocation.
            #[inline]
            pub fn update(&mut self, value: T) -> Option<T> {
                self.0.push(value, T::$neutral, T::$join)
            }
        }

        impl<const N: usize> $name<f64, N> {
            /// Replaces each value by what [`update`](Self::update) gives for one after the other, to the bit, and by
            /// NaN before there are `N`. Both forms can take turns. No allocation.
            ///
            /// Faster than one by one where the batch holds four windows or more.
            ///
            /// ```
            #[doc = concat!("use bot4_pipeline::features::", stringify!($name), ";")]
            ///
            #[doc = concat!("let mut window = ", stringify!($name), "::<f64, 2>::new();")]
            /// let mut values = [4.0, 2.0, 9.0, 5.0];
            /// window.batch(&mut values);
            /// assert!(values[0].is_nan());
            #[doc = concat!("assert_eq!(values[1..], ", $of_4_2_9_5, ");")]
            /// ```
            #[inline]
            pub fn batch(&mut self, values: &mut [f64]) {
                self.0.batch(values, f64::NAN, <f64 as sealed::Ops>::$neutral, <f64 as sealed::Ops>::$join);
            }
        }

        impl<T: Sample, const N: usize> Default for $name<T, N> {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

rolling!(
    /// The smallest of the last `N` values.
    ///
    /// ```
    /// use bot4_pipeline::features::RollingMin;
    ///
    /// let mut low = RollingMin::<i64, 3>::new();
    /// let lows: Vec<_> = [4, 2, 9, 5, 7].map(|px| low.update(px)).into();
    /// assert_eq!(lows, [None, None, Some(2), Some(2), Some(5)]);
    /// ```
    RollingMin, GREATEST, smaller, "[2.0, 2.0, 5.0]"
);

rolling!(
    /// The greatest of the last `N` values.
    ///
    /// ```
    /// use bot4_pipeline::features::RollingMax;
    ///
    /// let mut high = RollingMax::<f64, 2>::new();
    /// assert_eq!([4.0, 2.0, 1.0].map(|px| high.update(px)), [None, Some(4.0), Some(2.0)]);
    /// ```
    RollingMax, LEAST, greater, "[4.0, 9.0, 9.0]"
);

rolling!(
    /// The sum of the last `N` values: of integers exact (held to their range where it would leave it), of
    /// floating-point numbers as exact after a day as after a minute.
    ///
    /// ```
    /// use bot4_pipeline::features::RollingSum;
    ///
    /// let mut sum = RollingSum::<f64, 2>::new();
    /// assert_eq!([1e300, 2.0, 3.0].map(|x| sum.update(x)), [None, Some(1e300), Some(5.0)]);
    /// ```
    RollingSum, ZERO, plus, "[6.0, 11.0, 14.0]"
);

/// Realised variance: the sum of the last `N` squared returns.
///
/// ```
/// use bot4_pipeline::features::RealizedVariance;
///
/// let mut variance = RealizedVariance::<2>::new();
/// assert_eq!([0.5, -0.5, 0.25].map(|r| variance.update(r)), [None, Some(0.5), Some(0.3125)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RealizedVariance<const N: usize>(RollingSum<f64, N>);

impl<const N: usize> RealizedVariance<N> {
    /// Starts without history.
    #[must_use]
    pub const fn new() -> Self {
        Self(RollingSum::new())
    }

    /// Takes the next return, for instance [`Features::r`](super::Features::r); `None` before there are `N` of
    /// them. No allocation.
    #[inline]
    pub fn update(&mut self, r: f64) -> Option<f64> {
        self.0.update(r * r)
    }

    /// Replaces each return by what [`update`](Self::update) gives for one after the other, to the bit, and by NaN
    /// before there are `N`. Both forms can take turns. No allocation.
    ///
    /// ```
    /// use bot4_pipeline::features::RealizedVariance;
    ///
    /// let mut returns = [0.5, -0.5, 0.25];
    /// RealizedVariance::<2>::new().batch(&mut returns);
    /// assert_eq!(returns[1..], [0.5, 0.3125]);
    /// ```
    pub fn batch(&mut self, returns: &mut [f64]) {
        returns.iter_mut().for_each(|r| *r *= *r);
        self.0.batch(returns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn not_a_number_leaves_with_its_window() {
        let (mut low, mut sum) = (RollingMin::<f64, 2>::new(), RollingSum::<f64, 2>::new());
        let values = [1.0, f64::NAN, 3.0, 4.0];
        assert_eq!(values.map(|x| low.update(x)), [None, Some(1.0), Some(3.0), Some(3.0)]);
        let sums = values.map(|x| sum.update(x));
        assert!(sums[1].unwrap().is_nan() && sums[2].unwrap().is_nan() && sums[3] == Some(7.0));
    }

    #[test]
    fn a_sum_is_exact_again_once_a_large_number_has_left() {
        let mut sum = RollingSum::<f64, 64>::new();
        let day = (0..1_000_000).map(|i| if i % 1_000 == 0 { 1e18 } else { 0.1 });
        let last = day.chain([0.25; 64]).filter_map(|x| sum.update(x)).last();
        assert_eq!(last, Some(16.0));
    }

    fn equals_each_window<const N: usize>(values: &[i64]) -> Result<(), TestCaseError> {
        let (mut low, mut high) = (RollingMin::<i64, N>::new(), RollingMax::<i64, N>::new());
        let mut sum = RollingSum::<f64, N>::new();
        for (i, &value) in values.iter().enumerate() {
            let window = (i + 1).checked_sub(N).map(|from| &values[from..=i]);
            prop_assert_eq!(low.update(value), window.map(|window| *window.iter().min().unwrap()));
            prop_assert_eq!(high.update(value), window.map(|window| *window.iter().max().unwrap()));
            prop_assert_eq!(sum.update(value as f64), window.map(|window| window.iter().sum::<i64>() as f64));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn equal_each_window_by_itself(values in prop::collection::vec(-1_000..1_000_i64, 0..100)) {
            equals_each_window::<1>(&values)?;
            equals_each_window::<2>(&values)?;
            equals_each_window::<7>(&values)?;
            equals_each_window::<32>(&values)?;
        }
    }
}
