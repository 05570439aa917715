//! Sixteen tags of 16 bits in four words, compared at once.
//!
//! Which of them is equal is as good as random, so a branch on it would be mispredicted half of the time and cost more than
//! the rest of a lookup. The answer is a bit for each tag, found without one.
#![allow(unsafe_code)] // calls code for SSE2, which every x86-64 has

/// Tags in a group.
pub(crate) const GROUP: usize = 16;
/// Tags in a word; the first one takes the lowest bits.
const TAGS_PER_WORD: usize = 4;
/// Words of a group.
pub(crate) const GROUP_WORDS: usize = GROUP / TAGS_PER_WORD;

/// A bit for each tag of a group that equals `tag`.
#[inline(always)]
pub(crate) fn equal(words: [u64; GROUP_WORDS], tag: u16) -> u16 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64.
    return unsafe { sse2(words, tag) };
    #[cfg(not(target_arch = "x86_64"))]
    return portable(words, tag);
}

/// The word of a group that holds tag number `way`, and how far up.
#[inline]
pub(crate) const fn place(way: usize) -> (usize, usize) {
    (way / TAGS_PER_WORD, way % TAGS_PER_WORD * 16)
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2([a, b, c, d]: [u64; GROUP_WORDS], tag: u16) -> u16 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set_epi64x, _mm_set1_epi16,
    };
    let wanted = _mm_set1_epi16(tag.cast_signed());
    let low = _mm_cmpeq_epi16(_mm_set_epi64x(b.cast_signed(), a.cast_signed()), wanted);
    let high = _mm_cmpeq_epi16(_mm_set_epi64x(d.cast_signed(), c.cast_signed()), wanted);
    _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u16
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable(words: [u64; GROUP_WORDS], tag: u16) -> u16 {
    const ONES: u64 = 0x0001_0001_0001_0001;
    const TOPS: u64 = ONES << 15;
    /// Brings the lowest bits of the four lanes together at the top.
    const GATHER: u64 = 1 << 60 | 1 << 45 | 1 << 30 | 1 << 15;
    words.iter().rev().fold(0, |bits, word| {
        let different = word ^ (u64::from(tag) * ONES);
        // The top bit of a lane is set if any of its bits is; the sum does not carry into the next lane.
        let unequal = ((different & !TOPS) + !TOPS) | different;
        let equal = (!unequal & TOPS) >> 15;
        bits << TAGS_PER_WORD | (equal.wrapping_mul(GATHER) >> 60) as u16
    })
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    fn words(tags: [u16; GROUP]) -> [u64; GROUP_WORDS] {
        let mut words = [0; GROUP_WORDS];
        for (way, tag) in tags.into_iter().enumerate() {
            let (word, shift) = place(way);
            words[word] |= u64::from(tag) << shift;
        }
        words
    }

    #[test]
    fn every_equal_tag_has_its_bit_and_no_other() {
        for wanted in [1_u16, 0x7fff, 0x8000, 0x8001, 0xffff] {
            // Neighbours that differ in one bit, or by a carry, are the ones that arithmetic on lanes gets wrong.
            for other in [0, wanted ^ 1, wanted ^ 0x8000, wanted.wrapping_add(1), !wanted] {
                for pattern in [0, 1, 0x8000, 0xffff, 0x1248, 0x8421, 0xa5c3, 0x00ff] {
                    let tags = std::array::from_fn(|i| if pattern >> i & 1 == 1 { wanted } else { other });
                    assert_eq!(equal(words(tags), wanted), pattern, "{wanted:x} among {other:x}");
                    assert_eq!(portable(words(tags), wanted), pattern, "{wanted:x} among {other:x}");
                }
            }
        }
    }
}
