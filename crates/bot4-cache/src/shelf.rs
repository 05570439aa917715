//! A set of entries of any type, under a lock of the caller's.

use crate::{
    policy::{Queues, USES_MAX, Ways},
    stats::Stats,
    tags::{self, GROUP, GROUP_WORDS},
};
use std::borrow::Borrow;

/// Groups of tags that a search compares before it looks at a key: those of a whole shelf of a large cache, so that
/// where a key stands there decides no branch.
const BLOCK: usize = 4;

type Block = [[u64; GROUP_WORDS]; BLOCK];

/// A fixed number of places for entries.
pub(crate) struct Shelf<K, V> {
    /// What happened here.
    pub(crate) stats: Stats,
    slots: Slots,
    entries: Box<[Option<(K, V)>]>,
    /// One per entry, or none at all in a cache without age and weight.
    tickets: Box<[Ticket]>,
    cells: Box<[u16]>,
}

/// What the policy and the search need to know of each place.
struct Slots {
    /// 16 bits of the hash, 0 for a free place, and for those beyond the last.
    tags: Box<[Block]>,
    uses: Box<[u8]>,
}

/// Age and weight of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) expires: u64,
    pub(crate) weight: u64,
}

/// An entry that left, to be dropped when the lock is free.
pub(crate) struct Displaced<K, V> {
    pub(crate) weight: u64,
    _entry: (K, V),
}

impl Ways for Slots {
    fn fingerprint(&self, way: usize) -> u16 {
        let (word, shift) = tags::place(way % GROUP);
        (self.tags[way / (BLOCK * GROUP)][way / GROUP % BLOCK][word] >> shift) as u16
    }

    fn uses(&self, way: usize) -> u8 {
        self.uses[way]
    }

    fn set_uses(&mut self, way: usize, uses: u8) {
        self.uses[way] = uses;
    }
}

impl<K: Eq, V> Shelf<K, V> {
    pub(crate) fn new(ways: usize, tickets: bool) -> Self {
        let none = Ticket { expires: u64::MAX, weight: 0 };
        Self {
            stats: Stats::default(),
            slots: Slots::new(ways),
            entries: (0..ways).map(|_| None).collect(),
            tickets: vec![none; if tickets { ways } else { 0 }].into(),
            cells: vec![0; Queues::cells(ways)].into(),
        }
    }

    /// A clone of the value of `key`, unless it has expired. A value counts as a hit.
    #[inline]
    pub(crate) fn get<Q>(&mut self, tag: u16, key: &Q, now: u64) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
        V: Clone,
    {
        let way = self.find(tag, key)?;
        if self.tickets.get(way).is_some_and(|ticket| ticket.expires <= now) {
            return None;
        }
        let uses = &mut self.slots.uses[way];
        if *uses < USES_MAX {
            *uses += 1;
        }
        self.stats.hits += 1;
        self.entries[way].as_ref().map(|(_, value)| value.clone())
    }

    #[inline]
    fn find<Q>(&self, tag: u16, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        for (index, block) in self.slots.tags.iter().enumerate() {
            let mut equal = equal_tags(block, tag);
            while equal != 0 {
                let way = index * BLOCK * GROUP + equal.trailing_zeros() as usize;
                if self.entries[way].as_ref().is_some_and(|(found, _)| found.borrow() == key) {
                    return Some(way);
                }
                equal &= equal - 1;
            }
        }
        None
    }

    /// Stores an entry and returns the one that had its place.
    pub(crate) fn store(&mut self, tag: u16, entry: (K, V), ticket: Ticket) -> Option<Displaced<K, V>> {
        if let Some(way) = self.find(tag, &entry.0) {
            return self.exchange(way, Some(entry), ticket);
        }
        let ways = self.entries.len();
        let mut queues = Queues::over(&mut self.cells, ways);
        let had_room = queues.len() < ways;
        let way = if had_room { self.slots.free() } else { queues.evict(&mut self.slots) };
        queues.admit(way, tag, had_room);
        self.slots.set_tag(way, tag);
        self.slots.uses[way] = 0;
        self.stats.insertions += 1;
        self.stats.evictions += u64::from(!had_room);
        self.exchange(way, Some(entry), ticket)
    }

    /// Removes the entry of `key`.
    pub(crate) fn remove<Q>(&mut self, tag: u16, key: &Q) -> Option<Displaced<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let way = self.find(tag, key)?;
        Queues::over(&mut self.cells, self.entries.len()).remove(way);
        self.stats.removals += 1;
        self.vacate(way)
    }

    /// Removes the entry that the policy gives up, if there is any.
    pub(crate) fn evict(&mut self) -> Option<Displaced<K, V>> {
        let mut queues = Queues::over(&mut self.cells, self.entries.len());
        if queues.len() == 0 {
            return None;
        }
        let way = queues.evict(&mut self.slots);
        self.stats.evictions += 1;
        self.vacate(way)
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) -> Vec<Displaced<K, V>> {
        self.cells.fill(0);
        let removed: Vec<_> = (0..self.entries.len()).filter_map(|way| self.vacate(way)).collect();
        self.stats.removals += removed.len() as u64;
        removed
    }

    fn vacate(&mut self, way: usize) -> Option<Displaced<K, V>> {
        self.slots.set_tag(way, 0);
        self.exchange(way, None, Ticket { expires: u64::MAX, weight: 0 })
    }

    fn exchange(&mut self, way: usize, entry: Option<(K, V)>, ticket: Ticket) -> Option<Displaced<K, V>> {
        let old = self.tickets.get_mut(way).map(|place| std::mem::replace(place, ticket));
        let weight = old.map_or(0, |ticket| ticket.weight);
        std::mem::replace(&mut self.entries[way], entry).map(|entry| Displaced { weight, _entry: entry })
    }
}

impl Slots {
    fn new(ways: usize) -> Self {
        Self { tags: vec![Block::default(); ways.div_ceil(BLOCK * GROUP)].into(), uses: vec![0; ways].into() }
    }

    fn set_tag(&mut self, way: usize, tag: u16) {
        let (word, shift) = tags::place(way % GROUP);
        let word = &mut self.tags[way / (BLOCK * GROUP)][way / GROUP % BLOCK][word];
        *word = *word & !(0xffff << shift) | u64::from(tag) << shift;
    }

    fn free(&self) -> usize {
        let free = (0..self.uses.len()).find(|&way| self.fingerprint(way) == 0);
        free.expect("a shelf that is not full has a free place")
    }
}

/// A bit for each tag of a block that equals `tag`.
#[inline]
fn equal_tags(block: &Block, tag: u16) -> u64 {
    let groups = block.iter().enumerate();
    groups.fold(0, |bits, (i, group)| bits | u64::from(tags::equal(*group, tag)) << (i * GROUP))
}
