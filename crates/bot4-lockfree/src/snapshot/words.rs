//! Values as arrays of 64-bit words, without unsafe code and without padding bytes.

/// A type that fits in one 64-bit word and comes back unchanged.
///
/// Implemented for integers up to 64 bits, floats (their bits) and `bool`; implement it for your own enums.
///
/// ```
/// use bot4_lockfree::snapshot::Word;
///
/// assert_eq!(f64::from_word((-0.5_f64).to_word()), -0.5);
/// assert_eq!(i32::from_word((-7_i32).to_word()), -7);
/// ```
pub trait Word: Copy {
    /// The word that holds this value.
    fn to_word(self) -> u64;
    /// The value that `word` holds.
    fn from_word(word: u64) -> Self;
}

macro_rules! integer_words {
    ($($integer:ty),*) => {$(
        impl Word for $integer {
            #[inline(always)]
            fn to_word(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn from_word(word: u64) -> Self {
                word as Self
            }
        }
    )*};
}
integer_words!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl Word for bool {
    #[inline(always)]
    fn to_word(self) -> u64 {
        u64::from(self)
    }
    #[inline(always)]
    fn from_word(word: u64) -> Self {
        word != 0
    }
}

impl Word for f32 {
    #[inline(always)]
    fn to_word(self) -> u64 {
        u64::from(self.to_bits())
    }
    #[inline(always)]
    fn from_word(word: u64) -> Self {
        Self::from_bits(word as u32)
    }
}

impl Word for f64 {
    #[inline(always)]
    fn to_word(self) -> u64 {
        self.to_bits()
    }
    #[inline(always)]
    fn from_word(word: u64) -> Self {
        Self::from_bits(word)
    }
}

/// The arrays of words that [`Words`] speaks: `[u64; N]`, and nothing else.
pub trait WordArray: sealed::Atomics {}

impl<const N: usize> WordArray for [u64; N] {}

pub(super) mod sealed {
    use crate::sync::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    /// An array of words and its twin of atomics.
    #[expect(unnameable_types, reason = "keeps other types out of WordArray")]
    pub trait Atomics: Copy {
        type Cells: Send + Sync;
        fn into_cells(self) -> Self::Cells;
        fn load(cells: &Self::Cells) -> Self;
        fn store(self, cells: &Self::Cells);
    }

    // Loops over indices here and below: iterators and `map` stay calls, with copies, in a build without LTO.
    impl<const N: usize> Atomics for [u64; N] {
        type Cells = [AtomicU64; N];

        fn into_cells(self) -> Self::Cells {
            self.map(AtomicU64::new)
        }

        #[inline(always)]
        fn load(cells: &Self::Cells) -> Self {
            // ORDERING: Relaxed: the slot's number and its fences order the words (see `latest`).
            let mut words = [0; N];
            for i in 0..N {
                words[i] = cells[i].load(Relaxed);
            }
            words
        }

        #[inline(always)]
        fn store(self, cells: &Self::Cells) {
            for i in 0..N {
                // ORDERING: Relaxed: as in `load`.
                cells[i].store(self[i], Relaxed);
            }
        }
    }
}

/// A value that is a fixed number of words, as [`Latest`](super::Latest) carries it.
///
/// Implemented for every [`Word`] and for arrays of them; [`words!`](crate::words) implements it for a struct of words.
/// (Copying an arbitrary `Copy` value word by word would read its padding, which is undefined behaviour.)
pub trait Words: Copy {
    /// `[u64; N]`
    type Array: WordArray;
    /// The words that hold this value.
    fn to_words(self) -> Self::Array;
    /// The value that `words` hold.
    fn from_words(words: Self::Array) -> Self;
}

macro_rules! single_words {
    ($($word:ty),*) => {$(
        impl Words for $word {
            type Array = [u64; 1];
            #[inline(always)]
            fn to_words(self) -> [u64; 1] {
                [self.to_word()]
            }
            #[inline(always)]
            fn from_words([word]: [u64; 1]) -> Self {
                Self::from_word(word)
            }
        }
    )*};
}
single_words!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool, f32, f64);

impl<W: Word, const N: usize> Words for [W; N] {
    type Array = [u64; N];
    #[inline(always)]
    fn to_words(self) -> [u64; N] {
        let mut words = [0; N];
        for i in 0..N {
            words[i] = self[i].to_word();
        }
        words
    }
    #[inline(always)]
    fn from_words(words: [u64; N]) -> Self {
        words.map(W::from_word)
    }
}

/// Implements [`Words`](crate::snapshot::Words) for a `Copy` struct whose fields are each one
/// [`Word`](crate::snapshot::Word), so that [`Latest`](crate::snapshot::Latest) can carry it.
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// struct Quote { ts: u64, bid: i64, ask: i64, crossed: bool }
/// bot4_lockfree::words!(Quote { ts, bid, ask, crossed });
///
/// use bot4_lockfree::snapshot::Words;
/// let quote = Quote { ts: 1, bid: -2, ask: 3, crossed: false };
/// assert_eq!(Quote::from_words(quote.to_words()), quote);
/// ```
///
/// A field that is left out does not compile:
///
/// ```compile_fail
/// #[derive(Clone, Copy)]
/// struct Quote { ts: u64, bid: i64 }
/// bot4_lockfree::words!(Quote { ts });
/// ```
#[macro_export]
macro_rules! words {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::snapshot::Words for $name {
            type Array = [u64; [$(stringify!($field)),+].len()];
            #[inline(always)]
            fn to_words(self) -> Self::Array {
                [$($crate::snapshot::Word::to_word(self.$field)),+]
            }
            #[inline(always)]
            fn from_words([$($field),+]: Self::Array) -> Self {
                Self { $($field: $crate::snapshot::Word::from_word($field)),+ }
            }
        }
    };
}
