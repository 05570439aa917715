//! Sets of ways in one run of atomic words, read without a lock.
//!
//! A set is a run of words that starts on a cache line:
//!
//! | words | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | sequence (1) | the set's writer | everybody | writer: Relaxed store of an odd number, Release fence, words, Release store of an even one; reader: Acquire load, words, Acquire fence, Relaxed load | an even number that is the same before and after says that no word between belongs to another write |
//! | tags (4 for each 16 ways) | the set's writer | everybody | Relaxed, between the two looks at the sequence | 16 bits of the hash per way, 0 = free: finds the way without touching the keys |
//! | uses (1 for each 16 ways) | readers that hit and the writer, plain load and store | the writer | Relaxed | a lost update costs a little hit ratio, never a wrong row |
//! | keys (ways x key words) | the set's writer | everybody | Relaxed, as the tags | the whole key is compared |
//! | rows (ways x row words) | the set's writer | everybody | Relaxed, as the tags | |
//!
//! Tags and uses stand in groups of 16 ways: the first in the line of the sequence, where a hit in a set of 16 finds all it
//! needs to find the way; those of larger sets after that line. Then come the keys, then the rows, each from a line's
//! start.
//!
//! Writers of one set must be serialised by the caller (a lock): "the set's writer" above is whoever holds it.
//! Source of the protocol: H. Boehm, "Can seqlocks get along with programming language memory models?", 2012.

#![allow(unsafe_code)] // finds keys and rows of a set without testing what the layout guarantees

use crate::{
    key::Key,
    layout::{GROUP_STATE_WORDS, LINE_WORDS, Layout},
    policy::{USES_MAX, Ways},
    sync::{AtomicU64, fence},
    tags::{self, GROUP, GROUP_WORDS},
    word::Word,
};
use std::{
    array,
    hint::spin_loop,
    marker::PhantomData,
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
};

/// Looks at a set before a reader gives up: a write of a 64-byte row takes some 20 ns.
const ATTEMPTS: usize = if cfg!(bot4_loom) { 2 } else { 64 };

/// Bits of the uses of a way.
const USES_BITS: usize = 2;
const _: () = assert!(USES_MAX == (1 << USES_BITS) - 1 && GROUP * USES_BITS <= 64);

/// The tags of a group of ways, and their uses in the last word.
type Group = [AtomicU64; GROUP_STATE_WORDS];

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
    /// The word at which the first line begins.
    first: usize,
    sets: usize,
    layout: Layout,
    of: PhantomData<fn(K) -> T>,
}

impl<K, T> Slab<K, T> {
    pub(crate) fn sets(&self) -> usize {
        self.sets
    }

    pub(crate) fn width(&self) -> usize {
        self.layout.width
    }

    /// # Panics
    /// When `row` has not the slab's width.
    pub(crate) fn check_width(&self, row: &[T]) {
        self.layout.check_width(row.len());
    }
}

impl<K: Key, T: Word> Slab<K, T> {
    /// # Panics
    /// When the sets do not fit the address space.
    pub(crate) fn new(sets: usize, ways: usize, width: usize) -> Self {
        let layout = Layout::new::<K, T>(ways, width);
        let fitting = layout.and_then(|layout| {
            let len = sets.checked_mul(layout.stride)?.checked_add(LINE_WORDS)?;
            Some((layout, len))
        });
        let (layout, len) = fitting.expect("the cache does not fit the address space");
        let words: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(0)).collect();
        let first = words.as_ptr().align_offset(64).min(LINE_WORDS);
        Self { words, first, sets, layout, of: PhantomData }
    }

    /// Bytes of the words.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// # Panics
    /// When `index` is not below [`sets`](Self::sets).
    #[inline(always)]
    pub(crate) fn set(&self, index: usize) -> Set<'_, K, T> {
        assert!(index < self.sets, "set {index} of {}", self.sets);
        let start = self.first + index * self.layout.stride;
        // SAFETY: `index` is below `sets`, and `new` made room for that many strides after `first`.
        let words = unsafe { self.words.get_unchecked(start..start + self.layout.stride) };
        let (first, rest) = words.split_first_chunk().expect("a set has at least a line");
        Set { first, rest, layout: &self.layout, of: PhantomData }
    }
}

/// One set. Its words are as many as its layout says. Handed around by value: a lookup keeps it in registers.
pub(crate) struct Set<'a, K, T> {
    first: &'a [AtomicU64; LINE_WORDS],
    rest: &'a [AtomicU64],
    layout: &'a Layout,
    of: PhantomData<fn(K) -> T>,
}

impl<K, T> Copy for Set<'_, K, T> {}

impl<K, T> Clone for Set<'_, K, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, K: Key, T: Word> Set<'a, K, T> {
    /// Copies the row of `key` without a lock. Bounded: at most [`ATTEMPTS`] looks.
    ///
    /// The row holds anything unless the answer is a hit.
    ///
    /// # Panics
    /// When `row` has not the slab's width.
    #[inline(always)]
    pub(crate) fn read(self, tag: u16, key: &K, row: &mut [T]) -> Read {
        self.look(tag, key, row).unwrap_or_else(|| self.look_again(tag, key, row))
    }

    #[cold]
    fn look_again(self, tag: u16, key: &K, row: &mut [T]) -> Read {
        let look = |_| {
            spin_loop();
            self.look(tag, key, row)
        };
        (1..ATTEMPTS).find_map(look).unwrap_or(Read::Contended)
    }

    /// One look; nothing if a writer was in the way.
    #[inline(always)]
    fn look(&self, tag: u16, key: &K, row: &mut [T]) -> Option<Read> {
        self.layout.check_width(row.len());
        // ORDERING: Acquire pairs with the Release store in `end_write`: the words of that write are visible.
        let before = self.sequence().load(Acquire);
        if before % 2 == 1 {
            return None;
        }
        let found = self.search(tag, key);
        if let Some((way, _)) = found {
            // SAFETY: `search` names ways that are there, and the width was checked.
            T::load(unsafe { self.row(way, row.len()) }, row);
        }
        // ORDERING: pairs with the Release fence in `begin_write`: whoever read a word of a later write sees
        // its odd number in the load below.
        fence(Acquire);
        // ORDERING: Relaxed, ordered after the words by the fence above.
        if self.sequence().load(Relaxed) != before {
            return None;
        }
        let Some((way, group)) = found else { return Some(Read::Miss) };
        count_use(group, way);
        Some(Read::Hit)
    }

    /// Copies the row of `way`. For the set's writer, so that nobody changes it meanwhile.
    ///
    /// # Panics
    /// When `row` has not the slab's width.
    pub(crate) fn read_locked(self, way: usize, row: &mut [T]) {
        self.check(way, row);
        // SAFETY: just checked.
        T::load(unsafe { self.row(way, row.len()) }, row);
        count_use(self.group(way), way);
    }

    /// The way that holds `key`. Exact for the set's writer.
    pub(crate) fn find(self, tag: u16, key: &K) -> Option<usize> {
        self.search(tag, key).map(|(way, _)| way)
    }

    /// The way that holds `key`, and its group. A reader without the lock must validate the answer, but in any case the
    /// way is below the layout's `room`.
    #[inline(always)]
    fn search(&self, tag: u16, key: &K) -> Option<(usize, &'a Group)> {
        let group = self.first_group();
        match self.search_group(group, 0, tag, key) {
            Some(way) => Some((way, group)),
            None if self.layout.groups_end > 0 => self.search_beyond(tag, key),
            None => None,
        }
    }

    /// Looks through the groups after the first.
    #[inline(never)]
    fn search_beyond(self, tag: u16, key: &K) -> Option<(usize, &'a Group)> {
        self.groups_beyond().iter().zip(1..).find_map(|(group, index)| {
            self.search_group(group, index * GROUP, tag, key).map(|way| (way, group))
        })
    }

    /// The way that holds `key`, if it is one of a group that starts with way number `first`.
    #[inline(always)]
    fn search_group(&self, group: &Group, first: usize, tag: u16, key: &K) -> Option<usize> {
        // ORDERING: Relaxed, see the table above.
        let mut equal = tags::equal(array::from_fn(|i| group[i].load(Relaxed)), tag);
        while equal != 0 {
            let way = first + equal.trailing_zeros() as usize;
            // SAFETY: `first` is that of a group below `room`, and `equal` has a bit for each way of a group.
            if unsafe { self.holds(way, key) } {
                return Some(way);
            }
            equal &= equal - 1;
        }
        None
    }

    /// # Safety
    /// `way` is below the layout's `room`.
    #[inline(always)]
    unsafe fn holds(&self, way: usize, key: &K) -> bool {
        // SAFETY: the caller's.
        let words = unsafe { self.key(way) };
        // ORDERING: Relaxed, see the table above.
        words.iter().enumerate().all(|(i, word)| word.load(Relaxed) == key.word(i))
    }

    /// Writes an entry. Only for the set's writer.
    ///
    /// # Panics
    /// When `row` has not the slab's width.
    pub(crate) fn write(self, way: usize, tag: u16, key: &K, row: &[T]) {
        self.check(way, row);
        // SAFETY: just checked.
        let key_words = unsafe { self.key(way) };
        // SAFETY: just checked.
        let row_words = unsafe { self.row(way, row.len()) };
        let odd = self.begin_write();
        self.store_tag(way, tag);
        for (i, word) in key_words.iter().enumerate() {
            word.store(key.word(i), Relaxed); // ORDERING: Relaxed, see the table above.
        }
        T::store(row_words, row);
        self.end_write(odd);
    }

    /// Marks a way free. Only for the set's writer.
    pub(crate) fn free(self, way: usize) {
        let odd = self.begin_write();
        self.store_tag(way, 0);
        self.end_write(odd);
    }

    /// The tag of `way`, 0 when it is free. Exact for the set's writer.
    pub(crate) fn tag(&self, way: usize) -> u16 {
        let (word, shift) = self.tag_of(way);
        (word.load(Relaxed) >> shift) as u16 // ORDERING: Relaxed, see the table above.
    }

    fn begin_write(self) -> u64 {
        // ORDERING: Relaxed, only the writer changes it. It is odd already if the `word` of a key panicked in a write: what
        // that left is not to be read before somebody has written it anew.
        let odd = self.sequence().load(Relaxed) | 1;
        // ORDERING: Relaxed, ordered before the words by the fence below.
        self.sequence().store(odd, Relaxed);
        // ORDERING: pairs with the Acquire fence in `look`.
        fence(Release);
        odd
    }

    fn end_write(self, odd: u64) {
        // ORDERING: Release publishes the words to the Acquire load in `look`.
        self.sequence().store(odd.wrapping_add(1), Release);
    }

    fn store_tag(&self, way: usize, tag: u16) {
        let (word, shift) = self.tag_of(way);
        // ORDERING: Relaxed, see the table above; the writer is alone, so load and store need not be one step.
        let others = word.load(Relaxed) & !(0xffff << shift);
        word.store(others | u64::from(tag) << shift, Relaxed);
    }

    #[inline(always)]
    fn sequence(&self) -> &AtomicU64 {
        &self.first[0]
    }

    #[inline(always)]
    fn first_group(&self) -> &'a Group {
        self.first[1..].first_chunk().expect("the first line has room for a group")
    }

    fn groups_beyond(&self) -> &'a [Group] {
        self.rest[..self.layout.groups_end].as_chunks().0
    }

    fn group(&self, way: usize) -> &'a Group {
        if way < GROUP { self.first_group() } else { &self.groups_beyond()[way / GROUP - 1] }
    }

    fn tag_of(&self, way: usize) -> (&'a AtomicU64, usize) {
        let (word, shift) = tags::place(way % GROUP);
        (&self.group(way)[word], shift)
    }

    /// # Safety
    /// `way` is below the layout's `room`.
    #[inline(always)]
    unsafe fn key(&self, way: usize) -> &'a [AtomicU64] {
        let first = self.layout.keys_at + way * K::WORDS;
        // SAFETY: the layout has keys for `room` ways from `keys_at` on.
        unsafe { self.rest.get_unchecked(first..first + K::WORDS) }
    }

    /// The words of a row. The width is asked for because a caller's may be a constant: then the row is copied without a
    /// loop.
    ///
    /// # Safety
    /// `way` is below the layout's `room`, and `width` is the layout's.
    #[inline(always)]
    unsafe fn row(&self, way: usize, width: usize) -> &'a [AtomicU64] {
        let words = T::words(width);
        let first = self.layout.rows_at + way * words;
        // SAFETY: the layout has rows of that width for `room` ways from `rows_at` on.
        unsafe { self.rest.get_unchecked(first..first + words) }
    }

    fn check(&self, way: usize, row: &[T]) {
        assert!(way < self.layout.room);
        self.layout.check_width(row.len());
    }
}

impl<K: Key, T: Word> Ways for Set<'_, K, T> {
    fn fingerprint(&self, way: usize) -> u16 {
        self.tag(way)
    }

    fn uses(&self, way: usize) -> u8 {
        let (word, shift) = uses_of(self.group(way), way);
        uses_in(word.load(Relaxed), shift) // ORDERING: Relaxed, see the table above.
    }

    fn set_uses(&mut self, way: usize, uses: u8) {
        let (word, shift) = uses_of(self.group(way), way);
        // ORDERING: Relaxed, see the table above.
        let others = word.load(Relaxed) & !(u64::from(USES_MAX) << shift);
        word.store(others | u64::from(uses) << shift, Relaxed);
    }
}

#[inline(always)]
fn uses_of(group: &Group, way: usize) -> (&AtomicU64, usize) {
    (&group[GROUP_WORDS], way % GROUP * USES_BITS)
}

#[inline(always)]
fn uses_in(word: u64, shift: usize) -> u8 {
    (word >> shift) as u8 & USES_MAX
}

/// Counts a use of `way` in its group.
#[inline(always)]
fn count_use(group: &Group, way: usize) {
    let (word, shift) = uses_of(group, way);
    // ORDERING: Relaxed, see the table above. Not a read-modify-write: that would cost more than the rest of a hit.
    let all = word.load(Relaxed);
    if uses_in(all, shift) < USES_MAX {
        word.store(all + (1 << shift), Relaxed);
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn sets_start_on_cache_lines_and_do_not_overlap() {
        for (ways, width) in [(16, 8), (16, 5), (1, 1), (256, 3)] {
            let slab = Slab::<(u64, u64), f32>::new(3, ways, width);
            let starts: Vec<usize> = (0..3).map(|i| slab.set(i).first.as_ptr().addr()).collect();
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
        let odd = slab.set(0).begin_write();
        let mut row = [0.0];
        assert_eq!(slab.set(0).read(1, &5, &mut row), Read::Contended);
        slab.set(0).end_write(odd);
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
