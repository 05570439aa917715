//! S3-FIFO over the ways of one set: who is thrown out.
//!
//! A new entry waits in a *small* queue (a tenth of the set). When it leaves that queue it moves to the *main*
//! queue if it was used meanwhile; otherwise it is evicted and its fingerprint is remembered in a *ghost* queue.
//! An entry that returns while its ghost is known goes to main at once. Main is a FIFO that gives used entries
//! another round. While a set still has room, new entries fill main, as long as that leaves the small queue its tenth:
//! the first entries stay when the keys turn out to be a loop too long for the cache. Source of the rest: Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction",
//! SOSP 2023.
//!
//! All state of a set is one run of `u16` cells, so that any number of sets lie side by side in one allocation:
//!
//! | cells | content |
//! | --- | --- |
//! | 0..6 | first and length of small, main, ghost |
//! | ways | small: ring of ways |
//! | ways | main: ring of ways |
//! | ways | ghost: ring of fingerprints |

/// Uses of an entry are counted up to this number.
pub(crate) const USES_MAX: u8 = 3;

const HEADER: usize = 6;

/// What the policy asks of the ways of a set.
pub(crate) trait Ways {
    /// A nonzero part of the hash of the key in `way`.
    fn fingerprint(&self, way: usize) -> u16;
    /// How often the entry in `way` was used (up to [`USES_MAX`]) since this was last set.
    fn uses(&self, way: usize) -> u8;
    /// Replaces that count.
    fn set_uses(&mut self, way: usize, uses: u8);
}

/// The queues of one set, borrowed from the cells of many.
pub(crate) struct Queues<'a> {
    ways: usize,
    small: Ring<'a>,
    main: Ring<'a>,
    ghost: Ring<'a>,
}

impl<'a> Queues<'a> {
    /// Cells that a set of `ways` takes.
    pub(crate) const fn cells(ways: usize) -> usize {
        HEADER + 3 * ways
    }

    /// The queues in `cells`, which are all zero for an empty set.
    pub(crate) fn over(cells: &'a mut [u16], ways: usize) -> Self {
        let (header, rings) = cells.split_at_mut(HEADER);
        let (small, rings) = rings.split_at_mut(ways);
        let (main, ghost) = rings.split_at_mut(ways);
        let [small_first, small_len, main_first, main_len, ghost_first, ghost_len] = header else {
            unreachable!("the header has six cells")
        };
        Self {
            ways,
            small: Ring { first: small_first, len: small_len, items: small },
            main: Ring { first: main_first, len: main_len, items: main },
            ghost: Ring { first: ghost_first, len: ghost_len, items: ghost },
        }
    }

    /// Entries in the set.
    pub(crate) fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    /// Takes in an entry for a free `way`. `had_room` says that nobody had to leave for it.
    pub(crate) fn admit(&mut self, way: usize, fingerprint: u16, had_room: bool) {
        let fills_main = had_room && self.main.len() + self.small_target() < self.ways;
        if self.ghost.remove(fingerprint) || fills_main {
            self.main.push(way as u16);
        } else {
            self.small.push(way as u16);
        }
    }

    /// Chooses the way to throw out and forgets it. The set must not be empty.
    ///
    /// Ends: each turn moves an entry from small to main or takes a use from an entry of main.
    pub(crate) fn evict(&mut self, set: &mut impl Ways) -> usize {
        loop {
            let small_is_due = self.small.len() >= self.small_target() || self.main.len() == 0;
            if small_is_due {
                let way = self.small.pop().into();
                if set.uses(way) == 0 {
                    self.remember(set.fingerprint(way));
                    return way;
                }
                set.set_uses(way, 0);
                self.main.push(way as u16);
            } else {
                let way = self.main.pop().into();
                let uses = set.uses(way);
                if uses == 0 {
                    return way;
                }
                set.set_uses(way, uses - 1);
                self.main.push(way as u16);
            }
        }
    }

    /// Forgets an entry that was removed for another reason than want of room.
    pub(crate) fn remove(&mut self, way: usize) {
        let found = self.small.remove(way as u16) || self.main.remove(way as u16);
        debug_assert!(found, "way {way} was in no queue");
    }

    fn small_target(&self) -> usize {
        ((self.ways + 5) / 10).max(1)
    }

    fn remember(&mut self, fingerprint: u16) {
        if self.ghost.len() == self.ghost.items.len() {
            self.ghost.pop();
        }
        self.ghost.push(fingerprint);
    }
}

/// A FIFO of bounded length in borrowed cells.
struct Ring<'a> {
    first: &'a mut u16,
    len: &'a mut u16,
    items: &'a mut [u16],
}

impl Ring<'_> {
    fn len(&self) -> usize {
        usize::from(*self.len)
    }

    fn place(&self, position: usize) -> usize {
        let place = usize::from(*self.first) + position;
        if place < self.items.len() { place } else { place - self.items.len() }
    }

    fn push(&mut self, item: u16) {
        debug_assert!(self.len() < self.items.len());
        let place = self.place(self.len());
        self.items[place] = item;
        *self.len += 1;
    }

    fn pop(&mut self) -> u16 {
        debug_assert!(self.len() > 0);
        let item = self.items[self.place(0)];
        *self.first = self.place(1) as u16;
        *self.len -= 1;
        item
    }

    /// Takes `item` out of the middle, if it is there.
    fn remove(&mut self, item: u16) -> bool {
        let Some(found) = (0..self.len()).find(|&i| self.items[self.place(i)] == item) else {
            return false;
        };
        for i in found + 1..self.len() {
            self.items[self.place(i - 1)] = self.items[self.place(i)];
        }
        *self.len -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counts(Vec<u8>);

    impl Ways for Counts {
        fn fingerprint(&self, way: usize) -> u16 {
            way as u16 + 1
        }
        fn uses(&self, way: usize) -> u8 {
            self.0[way]
        }
        fn set_uses(&mut self, way: usize, uses: u8) {
            self.0[way] = uses;
        }
    }

    /// A set whose entries all came in through the small queue.
    fn full_set(ways: usize) -> (Vec<u16>, Counts) {
        let mut cells = vec![0; Queues::cells(ways)];
        let mut queues = Queues::over(&mut cells, ways);
        for way in 0..ways {
            queues.admit(way, way as u16 + 1, false);
        }
        (cells, Counts(vec![0; ways]))
    }

    fn evict(cells: &mut [u16], set: &mut Counts, times: usize) -> Vec<usize> {
        let ways = set.0.len();
        (0..times).map(|_| Queues::over(cells, ways).evict(set)).collect()
    }

    #[test]
    fn unused_entries_leave_in_the_order_they_came() {
        let (mut cells, mut set) = full_set(16);
        assert_eq!(evict(&mut cells, &mut set, 16), (0..16).collect::<Vec<_>>());
        assert_eq!(Queues::over(&mut cells, 16).len(), 0);
    }

    #[test]
    fn a_used_entry_outlives_those_that_were_not() {
        let (mut cells, mut set) = full_set(16);
        set.0[0] = 1;
        assert_eq!(evict(&mut cells, &mut set, 13), (1..14).collect::<Vec<_>>());
        assert_eq!(set.0[0], 0, "main starts a new count");
    }

    #[test]
    fn an_entry_whose_ghost_is_known_returns_to_main() {
        let (mut cells, mut set) = full_set(16);
        assert_eq!(evict(&mut cells, &mut set, 1), [0]);
        Queues::over(&mut cells, 16).admit(0, 1, false);
        let gone = evict(&mut cells, &mut set, 13);
        assert!(!gone.contains(&0), "{gone:?}");
    }

    #[test]
    fn the_first_entries_fill_main_and_outlive_a_loop() {
        let mut cells = vec![0; Queues::cells(20)];
        for way in 0..20 {
            Queues::over(&mut cells, 20).admit(way, way as u16 + 1, true);
        }
        let mut set = Counts(vec![0; 20]);
        for new in 100..200 {
            let way = evict(&mut cells, &mut set, 1)[0];
            assert!(way >= 18, "{way} was in main");
            Queues::over(&mut cells, 20).admit(way, new, false);
        }
    }

    #[test]
    fn eviction_ends_when_every_entry_is_used_to_the_full() {
        for ways in [1, 2, 3, 16, 256] {
            let (mut cells, mut set) = full_set(ways);
            set.0.fill(USES_MAX);
            evict(&mut cells, &mut set, 1);
            assert_eq!(Queues::over(&mut cells, ways).len(), ways - 1);
        }
    }

    #[test]
    fn a_removed_entry_is_never_chosen() {
        let (mut cells, mut set) = full_set(8);
        set.0[5] = 1;
        assert_eq!(evict(&mut cells, &mut set, 1), [0]);
        Queues::over(&mut cells, 8).remove(3);
        Queues::over(&mut cells, 8).remove(5);
        assert_eq!(evict(&mut cells, &mut set, 5), [1, 2, 4, 6, 7]);
    }

    #[test]
    fn ring_wraps_and_removes_across_the_end() {
        let (mut first, mut len, mut items) = (3, 0, [0; 4]);
        let mut ring = Ring { first: &mut first, len: &mut len, items: &mut items };
        for item in [10, 11, 12, 13] {
            ring.push(item);
        }
        assert!(ring.remove(11));
        assert!(!ring.remove(11));
        assert_eq!([ring.pop(), ring.pop(), ring.pop()], [10, 12, 13]);
        assert_eq!(ring.len(), 0);
    }
}
