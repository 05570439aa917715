//! Numbers that a row can be made of, and how they travel through atomic words.

use crate::sync::AtomicU64;
use std::{array, fmt::Debug, sync::atomic::Ordering::Relaxed};

/// Words that are copied without a test between them.
const BLOCK: usize = 8;

/// A number that a cached row is made of: `f64`, `f32`, `u64`, `i64`, `u32` or `i32`.
///
/// Two 32-bit numbers share one word. Every bit pattern travels unchanged, NaN payloads included.
pub trait Word: Copy + Debug + Default + Send + Sync + sealed::Row + 'static {}

pub(crate) mod sealed {
    use super::AtomicU64;

    /// How a row of numbers is stored in words.
    pub trait Row: Sized {
        /// Words that a row of `width` numbers takes.
        fn words(width: usize) -> usize;
        /// Copies a row out. Relaxed: the sequence counter around the call orders the words.
        fn load(words: &[AtomicU64], row: &mut [Self]);
        /// Copies a row in. Relaxed: the sequence counter around the call orders the words.
        fn store(words: &[AtomicU64], row: &[Self]);
    }
}

// ORDERING: every access in this file is Relaxed. A row is published by the Release store of its set's sequence
// counter and validated by the Acquire fence before the reader's second look at it (see `slab`).

macro_rules! one_per_word {
    ($($number:ty => $to:expr, $from:expr);*) => {$(
        impl Word for $number {}
        impl sealed::Row for $number {
            #[inline]
            fn words(width: usize) -> usize {
                width
            }
            #[inline]
            fn load(words: &[AtomicU64], row: &mut [Self]) {
                let (rows, row) = row.as_chunks_mut::<BLOCK>();
                let (blocks, words) = words.as_chunks::<BLOCK>();
                for (numbers, block) in rows.iter_mut().zip(blocks) {
                    *numbers = array::from_fn(|i| $from(block[i].load(Relaxed)));
                }
                for (number, word) in row.iter_mut().zip(words) {
                    *number = $from(word.load(Relaxed));
                }
            }
            #[inline]
            fn store(words: &[AtomicU64], row: &[Self]) {
                for (number, word) in row.iter().zip(words) {
                    word.store($to(*number), Relaxed);
                }
            }
        }
    )*};
}

macro_rules! two_per_word {
    ($($number:ty => $to:expr, $from:expr);*) => {$(
        impl Word for $number {}
        impl sealed::Row for $number {
            #[inline]
            fn words(width: usize) -> usize {
                width.div_ceil(2)
            }
            #[inline]
            fn load(words: &[AtomicU64], row: &mut [Self]) {
                let (pairs, last) = row.as_chunks_mut::<2>();
                let (runs, rest) = pairs.as_chunks_mut::<BLOCK>();
                let (blocks, _) = words.as_chunks::<BLOCK>();
                for (run, block) in runs.iter_mut().zip(blocks) {
                    *run = array::from_fn(|i| {
                        let both = block[i].load(Relaxed);
                        [$from(both as u32), $from((both >> 32) as u32)]
                    });
                }
                let copied = BLOCK * runs.len();
                for (pair, word) in rest.iter_mut().zip(&words[copied..]) {
                    let both = word.load(Relaxed);
                    *pair = [$from(both as u32), $from((both >> 32) as u32)];
                }
                if let ([number], Some(word)) = (last, words.get(pairs.len())) {
                    *number = $from(word.load(Relaxed) as u32);
                }
            }
            #[inline]
            fn store(words: &[AtomicU64], row: &[Self]) {
                let (pairs, last) = row.as_chunks::<2>();
                for (&[low, high], word) in pairs.iter().zip(words) {
                    word.store(u64::from($to(low)) | u64::from($to(high)) << 32, Relaxed);
                }
                if let ([number], Some(word)) = (last, words.get(pairs.len())) {
                    word.store(u64::from($to(*number)), Relaxed);
                }
            }
        }
    )*};
}

one_per_word!(
    f64 => f64::to_bits, f64::from_bits;
    u64 => u64::from, u64::from;
    i64 => i64::cast_unsigned, u64::cast_signed
);
two_per_word!(
    f32 => f32::to_bits, f32::from_bits;
    u32 => u32::from, u32::from;
    i32 => i32::cast_unsigned, u32::cast_signed
);

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::sealed::Row;
    use crate::sync::AtomicU64;

    fn through_words<T: Row + Clone + Default>(row: &[T]) -> Vec<T> {
        let words: Vec<AtomicU64> = (0..T::words(row.len())).map(|_| AtomicU64::new(u64::MAX)).collect();
        T::store(&words, row);
        let mut back = vec![T::default(); row.len()];
        T::load(&words, &mut back);
        back
    }

    #[test]
    fn rows_of_every_length_come_back_bit_for_bit() {
        for width in 0..9 {
            let doubles: Vec<f64> = (0..width).map(|i| -0.0 - f64::from(i)).collect();
            assert_eq!(through_words(&doubles), doubles);
            let singles: Vec<f32> = (0..width).map(|i| 0.5 - i as f32).collect();
            assert_eq!(through_words(&singles), singles);
            let signed: Vec<i32> = (0..width).map(|i| -i - 1).collect();
            assert_eq!(through_words(&signed), signed);
            let signed: Vec<i64> = (0..width).map(|i| i64::from(-i) - 1).collect();
            assert_eq!(through_words(&signed), signed);
        }
    }

    #[test]
    fn a_signalling_nan_keeps_its_payload() {
        let nan = f64::from_bits(0x7ff0_0000_0000_0abc);
        assert_eq!(through_words(&[nan])[0].to_bits(), nan.to_bits());
        let nan = f32::from_bits(0x7f80_0abc);
        assert_eq!(through_words(&[nan, nan, nan])[2].to_bits(), nan.to_bits());
    }
}
