//! Sets of ways in one run of atomic words, read without a lock.
//!
//! A set is a run of words that starts on a cache line:
//!
//! | words | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | sequence (1) | the set's writer | everybody | writer: Relaxed store of an odd number, Release fence, words, Release store of an even one; reader: Acquire load, words, Acquire fence, Relaxed load | an even number that is the same before and after says that no word between belongs to another write |
//! | tags (ways / 4) | the set's writer | everybody | Relaxed, between the two looks at the sequence | 16 bits of the hash per way, 0 = free: finds the way without touching the keys |
//! | uses (ways / 8) | readers that hit and the writer, plain load and store | the writer | Relaxed | a lost update costs a little hit ratio, never a wrong row |
//! | keys (ways x key words) | the set's writer | everybody | Relaxed, as the tags | the whole key is compared |
//! | rows (ways x row words) | the set's writer | everybody | Relaxed, as the tags | |
//!
//! Writers of one set must be serialised by the caller (a lock): "the set's writer" above is whoever holds it.
//! Source of the protocol: H. Boehm, "Can seqlocks get along with programming language memory models?", 2012.

use crate::{
    key::Key,
    policy::{USES_MAX, Ways},
    sync::{AtomicU64, fence},
    word::Word,
};
use std::{
    hint::spin_loop,
    marker::PhantomData,
    ops::Range,
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
};

/// Looks at a set before a reader gives up: a write of a 64-byte row takes some 20 ns.
const ATTEMPTS: usize = if cfg!(bot4_loom) { 2 } else { 64 };

const LINE_WORDS: usize = 8;
const TAGS_PER_WORD: usize = 4;
const USES_PER_WORD: usize = 8;

/// What a lookup without a lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The row was copied.
    Hit,
    /// The key was not there.
    Miss,
    /// A writer was in the way at every attempt.
    Contended,
}

/// All sets of a cache.
pub(crate) struct Slab<K, T> {
    words: Box<[AtomicU64]>,
    first: usize,
    layout: Layout,
    of: PhantomData<fn(K) -> T>,
}

#[derive(Clone, Copy, Debug)]
struct Layout {
    uses_at: usize,
    keys_at: usize,
    rows_at: usize,
    row_words: usize,
    stride: usize,
}

impl Layout {
    fn new<K: Key, T: Word>(ways: usize, width: usize) -> Self {
        let uses_at = 1 + ways.div_ceil(TAGS_PER_WORD);
        let keys_at = (uses_at + ways.div_ceil(USES_PER_WORD)).next_multiple_of(LINE_WORDS);
        let rows_at = (keys_at + ways * K::WORDS).next_multiple_of(LINE_WORDS);
        let row_words = T::words(width);
        let stride = (rows_at + ways * row_words).next_multiple_of(LINE_WORDS);
        Self { uses_at, keys_at, rows_at, row_words, stride }
    }
}

impl<K: Key, T: Word> Slab<K, T> {
    pub(crate) fn new(sets: usize, ways: usize, width: usize) -> Self {
        let layout = Layout::new::<K, T>(ways, width);
        let len = sets.checked_mul(layout.stride).and_then(|words| words.checked_add(LINE_WORDS));
        let len = len.expect("the cache does not fit the address space");
        let words: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(0)).collect();
        let first = words.as_ptr().align_offset(64).min(LINE_WORDS);
        Self { words, first, layout, of: PhantomData }
    }

    /// Bytes of the words.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    #[inline]
    pub(crate) fn set(&self, index: usize) -> Set<'_, K, T> {
        let first = self.first + index * self.layout.stride;
        let words = &self.words[first..first + self.layout.stride];
        Set { words, layout: &self.layout, of: PhantomData }
    }
}

/// One set.
pub(crate) struct Set<'a, K, T> {
    words: &'a [AtomicU64],
    layout: &'a Layout,
    of: PhantomData<fn(K) -> T>,
}

impl<K: Key, T: Word> Set<'_, K, T> {
    /// Copies the row of `key` without a lock. Bounded: at most [`ATTEMPTS`] looks.
    ///
    /// The row holds anything unless the answer is a hit.
    #[inline]
    pub(crate) fn read(&self, tag: u16, key: &K, row: &mut [T]) -> Read {
        for _ in 0..ATTEMPTS {
            // ORDERING: Acquire pairs with the Release store in `end_write`: the words of that write are visible.
            let before = self.sequence().load(Acquire);
            if before % 2 == 1 {
                spin_loop();
                continue;
            }
            let found = self.find(tag, key);
            if let Some(way) = found {
                T::load(&self.words[self.row(way)], row);
            }
            // ORDERING: pairs with the Release fence in `begin_write`: whoever read a word of a later write sees
            // its odd number in the load below.
            fence(Acquire);
            // ORDERING: Relaxed, ordered after the words by the fence above.
            if self.sequence().load(Relaxed) == before {
                return match found {
                    Some(way) => {
                        self.count_use(way);
                        Read::Hit
                    }
                    None => Read::Miss,
                };
            }
        }
        Read::Contended
    }

    /// Copies the row of `way`. For the set's writer, so that nobody changes it meanwhile.
    pub(crate) fn read_locked(&self, way: usize, row: &mut [T]) {
        T::load(&self.words[self.row(way)], row);
        self.count_use(way);
    }

    /// The way that holds `key`. Exact for the set's writer; readers must validate the answer.
    #[inline]
    pub(crate) fn find(&self, tag: u16, key: &K) -> Option<usize> {
        let wanted = u64::from(tag) * LANES;
        for (index, word) in self.words[1..self.layout.uses_at].iter().enumerate() {
            // ORDERING: Relaxed, see the table above.
            let mut equal = zero_lanes(word.load(Relaxed) ^ wanted);
            while equal != 0 {
                let way = index * TAGS_PER_WORD + equal.trailing_zeros() as usize / 16;
                if self.holds(way, key) {
                    return Some(way);
                }
                equal &= equal - 1;
            }
        }
        None
    }

    #[inline]
    fn holds(&self, way: usize, key: &K) -> bool {
        let first = self.layout.keys_at + way * K::WORDS;
        let words = &self.words[first..first + K::WORDS];
        // ORDERING: Relaxed, see the table above.
        words.iter().enumerate().all(|(i, word)| word.load(Relaxed) == key.word(i))
    }

    #[inline]
    fn count_use(&self, way: usize) {
        let (word, shift) = self.uses_of(way);
        // ORDERING: Relaxed, see the table above. Not a read-modify-write: that would cost more than the rest of a hit.
        let all = word.load(Relaxed);
        if ((all >> shift) as u8) < USES_MAX {
            word.store(all + (1 << shift), Relaxed);
        }
    }

    /// Writes an entry. Only for the set's writer.
    pub(crate) fn write(&self, way: usize, tag: u16, key: &K, row: &[T]) {
        let key_at = self.layout.keys_at + way * K::WORDS;
        let sequence = self.begin_write();
        self.store_tag(way, tag);
        for (i, word) in self.words[key_at..key_at + K::WORDS].iter().enumerate() {
            word.store(key.word(i), Relaxed); // ORDERING: Relaxed, see the table above.
        }
        T::store(&self.words[self.row(way)], row);
        self.end_write(sequence);
    }

    /// Marks a way free. Only for the set's writer.
    pub(crate) fn free(&self, way: usize) {
        let sequence = self.begin_write();
        self.store_tag(way, 0);
        self.end_write(sequence);
    }

    /// The tag of `way`, 0 when it is free. Exact for the set's writer.
    pub(crate) fn tag(&self, way: usize) -> u16 {
        let word = &self.words[1 + way / TAGS_PER_WORD];
        (word.load(Relaxed) >> (way % TAGS_PER_WORD * 16)) as u16 // ORDERING: Relaxed, see the table above.
    }

    fn begin_write(&self) -> u64 {
        // ORDERING: Relaxed, only the writer changes it.
        let sequence = self.sequence().load(Relaxed);
        // ORDERING: Relaxed, ordered before the words by the fence below.
        self.sequence().store(sequence.wrapping_add(1), Relaxed);
        // ORDERING: pairs with the Acquire fence in `read`.
        fence(Release);
        sequence
    }

    fn end_write(&self, sequence: u64) {
        // ORDERING: Release publishes the words to the Acquire load in `read`.
        self.sequence().store(sequence.wrapping_add(2), Release);
    }

    fn store_tag(&self, way: usize, tag: u16) {
        let word = &self.words[1 + way / TAGS_PER_WORD];
        let shift = way % TAGS_PER_WORD * 16;
        // ORDERING: Relaxed, see the table above; the writer is alone, so load and store need not be one step.
        let others = word.load(Relaxed) & !(0xffff << shift);
        word.store(others | u64::from(tag) << shift, Relaxed);
    }

    fn sequence(&self) -> &AtomicU64 {
        &self.words[0]
    }

    fn uses_of(&self, way: usize) -> (&AtomicU64, usize) {
        (&self.words[self.layout.uses_at + way / USES_PER_WORD], way % USES_PER_WORD * 8)
    }

    fn row(&self, way: usize) -> Range<usize> {
        let first = self.layout.rows_at + way * self.layout.row_words;
        first..first + self.layout.row_words
    }
}

impl<K: Key, T: Word> Ways for Set<'_, K, T> {
    fn fingerprint(&self, way: usize) -> u16 {
        self.tag(way)
    }

    fn uses(&self, way: usize) -> u8 {
        let (word, shift) = self.uses_of(way);
        (word.load(Relaxed) >> shift) as u8 // ORDERING: Relaxed, see the table above.
    }

    fn set_uses(&mut self, way: usize, uses: u8) {
        let (word, shift) = self.uses_of(way);
        // ORDERING: Relaxed, see the table above.
        let others = word.load(Relaxed) & !(0xff << shift);
        word.store(others | u64::from(uses) << shift, Relaxed);
    }
}

const LANES: u64 = 0x0001_0001_0001_0001;

/// The top bit of each 16-bit lane that is zero. May also mark a lane above a zero lane (one too many is
/// refuted by the key), never misses one.
#[inline]
fn zero_lanes(word: u64) -> u64 {
    word.wrapping_sub(LANES) & !word & (LANES << 15)
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_zero_lane_is_marked() {
        for pattern in 0_u32..16 {
            let lanes: [u64; 4] = std::array::from_fn(|i| if pattern >> i & 1 == 1 { 0 } else { 0x8001 });
            let word = lanes.iter().rev().fold(0, |word, lane| word << 16 | lane);
            let marks = zero_lanes(word);
            for (i, lane) in lanes.iter().enumerate() {
                assert!(*lane != 0 || marks >> (16 * i + 15) & 1 == 1, "{word:x}");
            }
        }
        assert_eq!(zero_lanes(0x8000_7fff_ffff_0001), 0);
    }

    #[test]
    fn sets_start_on_cache_lines_and_do_not_overlap() {
        for (ways, width) in [(16, 8), (16, 5), (1, 1), (256, 3)] {
            let slab = Slab::<(u64, u64), f32>::new(3, ways, width);
            let starts: Vec<usize> = (0..3).map(|i| slab.set(i).words.as_ptr().addr()).collect();
            assert!(starts.iter().all(|start| start % 64 == 0));
            for index in 0..3 {
                for way in 0..ways {
                    let row = vec![(index * ways + way) as f32; width];
                    slab.set(index).write(way, 7, &(index as u64, way as u64), &row);
                }
            }
            let mut row = vec![0.0; width];
            for index in 0..3 {
                for way in 0..ways {
                    assert_eq!(slab.set(index).read(7, &(index as u64, way as u64), &mut row), Read::Hit);
                    assert_eq!(row, vec![(index * ways + way) as f32; width]);
                }
            }
        }
    }

    #[test]
    fn a_reader_gives_up_while_a_write_is_under_way() {
        let slab = Slab::<u64, f64>::new(1, 8, 1);
        slab.set(0).write(0, 1, &5, &[2.5]);
        let sequence = slab.set(0).begin_write();
        let mut row = [0.0];
        assert_eq!(slab.set(0).read(1, &5, &mut row), Read::Contended);
        slab.set(0).end_write(sequence);
        assert_eq!(slab.set(0).read(1, &5, &mut row), Read::Hit);
        assert_eq!(row, [2.5]);
    }

    #[test]
    fn uses_stop_counting_before_they_spill_into_the_neighbour() {
        let slab = Slab::<u64, f64>::new(1, 8, 1);
        slab.set(0).write(0, 1, &5, &[2.5]);
        for _ in 0..1000 {
            slab.set(0).read(1, &5, &mut [0.0]);
        }
        assert_eq!((slab.set(0).uses(0), slab.set(0).uses(1)), (USES_MAX, 0));
    }
}
