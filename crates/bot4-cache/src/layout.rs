//! Where the parts of a set of a slab begin.

use crate::{
    key::Key,
    tags::{GROUP, GROUP_WORDS},
    word::Word,
};

pub(crate) const LINE_WORDS: usize = 8;
/// Words of the tags and uses of a group.
pub(crate) const GROUP_STATE_WORDS: usize = GROUP_WORDS + 1;

/// Where the parts of a set begin, counted in words from the end of its first line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The groups of tags and uses after the first end here; with one group it is 0.
    pub(crate) groups_end: usize,
    pub(crate) keys_at: usize,
    pub(crate) rows_at: usize,
    /// Of keys and rows alike: whole groups, so that every way that a search of the tags can name is there.
    pub(crate) room: usize,
    pub(crate) width: usize,
    /// The words of a set, its first line included.
    pub(crate) stride: usize,
}

impl Layout {
    /// None if a set does not fit the address space.
    pub(crate) fn new<K: Key, T: Word>(ways: usize, width: usize) -> Option<Self> {
        let groups = ways.div_ceil(GROUP);
        let room = groups * GROUP;
        let groups_end = (groups - 1) * GROUP_STATE_WORDS;
        let keys_at = groups_end.next_multiple_of(LINE_WORDS);
        let keys_end = room.checked_mul(K::WORDS)?.checked_add(keys_at)?;
        let rows_at = keys_end.checked_next_multiple_of(LINE_WORDS)?;
        let rows_end = room.checked_mul(T::words(width))?.checked_add(rows_at)?;
        let stride = rows_end.checked_next_multiple_of(LINE_WORDS)?.checked_add(LINE_WORDS)?;
        Some(Self { groups_end, keys_at, rows_at, room, width, stride })
    }

    /// # Panics
    /// When a row of `width` numbers is not one of this layout.
    #[inline(always)]
    pub(crate) fn check_width(&self, width: usize) {
        assert!(width == self.width, "a row of {width} numbers in a cache of width {}", self.width);
    }
}
