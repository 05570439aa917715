//! How a forest of decision trees lies in memory: cuts that turn numbers into ranks, and splits that compare ranks.

use crate::element::Element;

/// Trees whose splits are decided before their leaves are found.
pub(crate) const BLOCK: usize = 64;

/// Cuts that a number is compared with at once.
pub(crate) const STEP: usize = 16;

/// The numbers that each input is compared with, its cuts, in rising order: [`ranks`](crate::ranks()) counts those below it.
///
/// A number is compared with 16 cuts at a time: with the first of each 16, then with the 16 that it lies in. For each input there are 2 KiB of
/// `f64`, of which a rank reads four cache lines.
///
/// ```
/// use bot4_simd::Cuts;
///
/// let cuts = Cuts::new([&[0.5, 1.0, 2.0][..], &[100.0]]);
/// let mut ranks = [0; 2];
/// bot4_simd::ranks(&cuts, &[1.5, 7.0], &mut ranks);
/// assert_eq!(ranks, [2, 0]); // 1.5 is above two of its cuts, 7 above none
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cuts<T> {
    /// Of each input, the first cut of each 16.
    pub(crate) firsts: Vec<Line<[T; STEP]>>,
    pub(crate) all: Vec<Line<[[T; STEP]; STEP]>>,
}

/// From the start of a cache line on.
#[derive(Clone, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Line<A>(pub(crate) A);

impl<T: Element> Cuts<T> {
    /// The most cuts of one input: a rank is a byte.
    pub const MAX: usize = u8::MAX as usize;

    /// The cuts of each input.
    ///
    /// # Panics
    /// If an input has more than [`MAX`](Self::MAX) cuts, or one that is not above the one before it.
    #[must_use]
    #[track_caller]
    pub fn new<'a>(inputs: impl IntoIterator<Item = &'a [T]>) -> Self {
        let mut cuts = Self { firsts: Vec::new(), all: Vec::new() };
        for rising in inputs {
            assert!(rising.len() <= Self::MAX, "{} cuts, at most {} fit", rising.len(), Self::MAX);
            assert!(rising.is_sorted_by(|a, b| a < b), "cuts have to rise");
            // No number is above infinity: it counts for none.
            let mut all = [[T::INFINITY; STEP]; STEP];
            all.as_flattened_mut()[..rising.len()].copy_from_slice(rising);
            cuts.firsts.push(Line(all.map(|step| step[0])));
            cuts.all.push(Line(all));
        }
        cuts
    }

    /// How many cuts of one input lie below a number; of a cut, that is its own number. [`ranks`](crate::ranks()) is for rows.
    ///
    /// # Panics
    /// If there is no such input.
    ///
    /// ```
    /// let cuts = bot4_simd::Cuts::new([&[0.5, 1.0][..]]);
    /// assert_eq!((cuts.rank(0, 1.0), cuts.rank(0, 1.1)), (1, 2));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn rank(&self, input: usize, x: T) -> usize {
        self.all[input].0.as_flattened().partition_point(|cut| *cut < x)
    }

    /// The number of inputs.
    #[must_use]
    #[inline]
    pub fn inputs(&self) -> usize {
        self.all.len()
    }
}

/// The splits of one complete tree of depth 6, on ranked inputs: what [`leaf_sum`](crate::leaf_sum()) follows.
///
/// Node 1 is the root, node `n` has the children `2 n` and `2 n + 1`; the children of nodes 32 to 63 are the leaves 0 to 63. A
/// shallower tree has both ways of a node lead to the same.
///
/// ```
/// use bot4_simd::Splits;
///
/// let mut tree = Splits::new();
/// tree.set(1, 3, 0); // right if input 3 is above its cut 0
/// let leaves: [f64; 64] = std::array::from_fn(|leaf| leaf as f64);
/// let mut ranks = [0; 16];
/// assert_eq!(bot4_simd::leaf_sum(&[tree.clone()], &[leaves], &ranks), 31.0);
/// ranks[3] = 1;
/// assert_eq!(bot4_simd::leaf_sum(&[tree], &[leaves], &ranks), 63.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Splits {
    /// The input that each node asks for, and the top bit from 16 on, which saves shuffles an operation.
    pub(crate) inputs: [u8; Self::LEAVES],
    /// The least rank that each node sends right.
    pub(crate) least: [u8; Self::LEAVES],
}

impl Default for Splits {
    fn default() -> Self {
        Self::new()
    }
}

impl Splits {
    /// Splits from the root to a leaf.
    pub const DEPTH: usize = 6;
    /// Leaves of a tree.
    pub const LEAVES: usize = 1 << Self::DEPTH;
    /// The most inputs of a tree.
    pub const INPUTS_MAX: usize = 128;

    /// A tree in which every way leads right, to leaf 63.
    #[must_use]
    pub const fn new() -> Self {
        Self { inputs: [0; Self::LEAVES], least: [0; Self::LEAVES] }
    }

    /// Has node `node` send right what lies above cut number `cut` of `input`.
    ///
    /// # Panics
    /// If there is no such node, input or cut.
    #[track_caller]
    pub fn set(&mut self, node: usize, input: usize, cut: usize) {
        assert!((1..Self::LEAVES).contains(&node), "no node {node}");
        assert!(input < Self::INPUTS_MAX, "input {input}, at most {} fit", Self::INPUTS_MAX);
        assert!(cut < u8::MAX.into(), "cut {cut}, at most {} fit", u8::MAX);
        let top = if input < 16 { 0 } else { 0x80 };
        (self.inputs[node], self.least[node]) = (input as u8 | top, cut as u8 + 1);
    }

    /// The input that a node asks for.
    #[inline(always)]
    pub(crate) fn input(&self, node: usize) -> usize {
        usize::from(self.inputs[node] & 0x7f)
    }
}
