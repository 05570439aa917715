//! Keys that a [`VectorCache`](crate::VectorCache) can keep as words.

use std::hash::Hash;

/// A key of fixed size that can be written down as `u64` words.
///
/// The cache keeps the words, compares all of them, and never relies on the hash alone. An implementation must
/// give equal words to equal keys and different words to different keys; one that does not makes the cache
/// return rows of the wrong key, but is no memory error.
///
/// Implemented for the integers, `bool`, `char`, arrays and tuples (up to four) of keys. Each part takes whole
/// words, so a key of several small numbers is smaller when it packs them itself:
///
/// ```
/// use bot4_cache::Key;
///
/// #[derive(Clone, Copy, PartialEq, Eq, Hash)]
/// struct Slot { instrument: u32, minute: u32 }
///
/// impl Key for Slot {
///     const WORDS: usize = 1;
///     fn word(&self, _index: usize) -> u64 {
///         u64::from(self.instrument) << 32 | u64::from(self.minute)
///     }
/// }
///
/// assert_eq!(Slot { instrument: 1, minute: 2 }.word(0), 0x1_0000_0002);
/// assert_eq!(<(u32, u32)>::WORDS, 2);
/// ```
pub trait Key: Copy + Eq + Hash {
    /// How many words the key takes.
    const WORDS: usize;

    /// The word at `index`, which is below [`WORDS`](Self::WORDS).
    fn word(&self, index: usize) -> u64;
}

macro_rules! one_word_key {
    ($($integer:ty),*) => {$(
        impl Key for $integer {
            const WORDS: usize = 1;
            #[inline]
            fn word(&self, _index: usize) -> u64 {
                *self as u64
            }
        }
    )*};
}

one_word_key!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool, char);

impl Key for u128 {
    const WORDS: usize = 2;
    #[inline]
    fn word(&self, index: usize) -> u64 {
        (self >> (64 * index)) as u64
    }
}

impl<K: Key, const N: usize> Key for [K; N] {
    const WORDS: usize = N * K::WORDS;
    #[inline]
    fn word(&self, index: usize) -> u64 {
        self[index / K::WORDS].word(index % K::WORDS)
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    const WORDS: usize = A::WORDS + B::WORDS;
    #[inline]
    fn word(&self, index: usize) -> u64 {
        if index < A::WORDS { self.0.word(index) } else { self.1.word(index - A::WORDS) }
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    const WORDS: usize = A::WORDS + B::WORDS + C::WORDS;
    #[inline]
    fn word(&self, index: usize) -> u64 {
        if index < A::WORDS { self.0.word(index) } else { (self.1, self.2).word(index - A::WORDS) }
    }
}

impl<A: Key, B: Key, C: Key, D: Key> Key for (A, B, C, D) {
    const WORDS: usize = A::WORDS + B::WORDS + C::WORDS + D::WORDS;
    #[inline]
    fn word(&self, index: usize) -> u64 {
        if index < A::WORDS { self.0.word(index) } else { (self.1, self.2, self.3).word(index - A::WORDS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<K: Key>(key: K) -> Vec<u64> {
        (0..K::WORDS).map(|i| key.word(i)).collect()
    }

    #[test]
    fn every_part_of_a_compound_key_reaches_the_words() {
        assert_eq!(words((1_u32, 2_u64)), [1, 2]);
        assert_eq!(words((1_u8, 2_u8, 3_u8)), [1, 2, 3]);
        assert_eq!(words((1_u8, [2_u16, 3], 4_u8, 5_u8)), [1, 2, 3, 4, 5]);
        assert_eq!(words([(1_u8, 2_u8), (3, 4)]), [1, 2, 3, 4]);
        assert_eq!(words((7_u128 << 64) | 9), [9, 7]);
    }

    #[test]
    fn negative_keys_keep_their_sign() {
        assert_ne!(words(-1_i32), words(u32::MAX));
        assert_ne!(words(-1_i8), words(1_i8));
    }
}
