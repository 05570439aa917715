//! The resting orders by id: a hash table of fixed size.

use bot4_lockfree::hint;

use super::{BookError, Resting};
use crate::quote::Side;

/// An order, or a vacant slot. 32 bytes, so that none straddles two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Slot {
    id: u64,
    px: i64,
    qty: i64,
    /// `None` where the slot is vacant.
    side: Option<Side>,
}

const VACANT: Slot = Slot { id: 0, px: 0, qty: 0, side: None };

/// Open addressing with linear probing. At most two thirds of the slots are taken, so runs are short and the table is
/// not spread over more memory than a near cache holds; a removal shifts the rest of its run back, so no trace of it lengthens later searches.
#[derive(Clone, Debug)]
pub(super) struct OrderTable {
    slots: Box<[Slot]>,
    /// 64 minus the logarithm of the number of slots.
    shift: u32,
    len: usize,
    orders_max: usize,
}

impl OrderTable {
    pub(super) fn new(orders_max: usize) -> Self {
        let slots = (orders_max + orders_max / 2 + 1).next_power_of_two();
        let shift = 64 - slots.trailing_zeros();
        Self { slots: vec![VACANT; slots].into(), shift, len: 0, orders_max }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(VACANT);
        self.len = 0;
    }

    /// Where the search for an id starts: the upper bits of its product with 2^64 divided by the golden
    /// ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4). Ids given out in turn fall far
    /// from each other.
    #[inline]
    const fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline]
    const fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// The slot of the order, or the vacant one that ends its search.
    #[inline]
    fn search(&self, id: u64) -> usize {
        let mut at = self.home(id);
        loop {
            let slot = &self.slots[at];
            if slot.side.is_none() || slot.id == id {
                return at;
            }
            at = self.after(at);
        }
    }

    /// Has the place where the search for an id starts brought near.
    #[inline]
    pub(super) fn prefetch(&self, id: u64) {
        hint::prefetch(&self.slots[self.home(id)]);
    }

    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<usize> {
        let at = self.search(id);
        self.slots[at].side.map(|_| at)
    }

    /// A slot for a new order. The table does not change.
    #[inline]
    pub(super) fn vacancy(&self, id: u64) -> Result<usize, BookError> {
        let at = self.search(id);
        if self.slots[at].side.is_some() {
            return Err(BookError::DuplicateOrder);
        }
        if self.len == self.orders_max {
            return Err(BookError::OrdersFull);
        }
        Ok(at)
    }

    /// Puts an order into the slot that [`vacancy`](Self::vacancy) gave for its id.
    #[inline]
    pub(super) fn fill(&mut self, at: usize, id: u64, order: Resting) {
        let Resting { side, px, qty } = order;
        self.slots[at] = Slot { id, px, qty, side: Some(side) };
        self.len += 1;
    }

    /// The order in a slot that [`find`](Self::find) gave.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Resting {
        let Slot { px, qty, side, .. } = self.slots[at];
        Resting { side: side.unwrap_or(Side::Buy), px, qty }
    }

    /// Replaces the order in a slot that [`find`](Self::find) gave.
    #[inline]
    pub(super) fn set(&mut self, at: usize, order: Resting) {
        let Resting { side, px, qty } = order;
        self.slots[at] = Slot { px, qty, side: Some(side), ..self.slots[at] };
    }

    /// Empties a slot: of the run after it, each order that may stand there moves up.
    #[inline]
    pub(super) fn remove(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = self.after(at);
            let slot = self.slots[at];
            if slot.side.is_none() {
                break;
            }
            // It may move if its home does not lie behind the hole, seen from where it stands.
            let from_home = at.wrapping_sub(self.home(slot.id)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = VACANT;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// An id whose search starts at the given slot of a table of 2^bits slots.
    fn id_at(home: u64, bits: u32, n: u64) -> u64 {
        const INVERSE: u64 = {
            let (mut x, mut round) = (0x9e37_79b9_7f4a_7c15_u64, 0);
            while round < 6 {
                x = x.wrapping_mul(2u64.wrapping_sub(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(x)));
                round += 1;
            }
            x
        };
        ((home << (64 - bits)) | n).wrapping_mul(INVERSE)
    }

    proptest! {
        /// Ids that collide on purpose, at the end of the table, too.
        #[test]
        fn equals_a_map(steps in prop::collection::vec((any::<bool>(), 0..4_u64, 0..6_u64), 0..200)) {
            let mut table = OrderTable::new(8);
            let mut map = HashMap::new();
            for (step, (add, home, n)) in steps.into_iter().enumerate() {
                let id = id_at([0, 13, 14, 15][home as usize], 4, n);
                prop_assert_eq!(table.home(id) as u64, [0, 13, 14, 15][home as usize]);
                let order = Resting { side: Side::Sell, px: step as i64, qty: 1 };
                if add {
                    match table.vacancy(id) {
                        Ok(slot) => {
                            table.fill(slot, id, order);
                            prop_assert_eq!(map.insert(id, order), None);
                        }
                        Err(BookError::OrdersFull) => prop_assert_eq!(map.len(), 8),
                        Err(_) => prop_assert!(map.contains_key(&id)),
                    }
                } else if let Some(slot) = table.find(id) {
                    table.remove(slot);
                    prop_assert!(map.remove(&id).is_some());
                }
                prop_assert_eq!(table.len(), map.len());
                for (&id, &order) in &map {
                    prop_assert_eq!(table.find(id).map(|slot| table.get(slot)), Some(order));
                }
            }
        }
    }
}
