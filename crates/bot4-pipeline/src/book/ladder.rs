//! The levels of one side, sorted, the best at the end.

use super::BookError;

/// Levels at the end that a search compares all at once, without a branch per level.
const NEAR: usize = 16;

/// Sorted arrays with room for a fixed number of levels.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    keys: Vec<i64>,
    totals: Vec<Total>,
    prices_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Total {
    qty: i64,
    orders: u32,
}

impl Ladder {
    pub(super) fn new(prices_max: usize) -> Self {
        let (keys, totals) = (Vec::with_capacity(prices_max), Vec::with_capacity(prices_max));
        Self { keys, totals, prices_max }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.totals.clear();
    }

    /// Key, quantity and number of orders of each level.
    #[inline]
    pub(super) fn best_first(&self) -> impl ExactSizeIterator<Item = (i64, i64, u32)> {
        let totals = self.totals.iter().rev();
        self.keys.iter().rev().zip(totals).map(|(&key, total)| (key, total.qty, total.orders))
    }

    /// Where the level with this key stands, or where it would.
    #[inline]
    fn search(&self, key: i64) -> Result<usize, usize> {
        let Some(near) = self.keys.last_chunk::<NEAR>().filter(|near| near[0] <= key) else {
            return self.keys.binary_search(&key);
        };
        let above: usize = near.iter().map(|&other| usize::from(other > key)).sum();
        let at = self.keys.len() - above - 1;
        if self.keys[at] == key { Ok(at) } else { Err(at + 1) }
    }

    /// Adds an order's quantity to a level, which comes into being if need be.
    #[inline]
    pub(super) fn raise(&mut self, key: i64, qty: i64) -> Result<(), BookError> {
        match self.search(key) {
            Ok(at) => {
                let total = &mut self.totals[at];
                total.qty = total.qty.checked_add(qty).ok_or(BookError::Overflow)?;
                total.orders += 1;
            }
            Err(_) if self.keys.len() == self.prices_max => return Err(BookError::PricesFull),
            Err(at) => {
                self.keys.insert(at, key);
                self.totals.insert(at, Total { qty, orders: 1 });
            }
        }
        Ok(())
    }

    /// Takes quantity and `orders` from a level that holds them; it goes with its last order.
    #[inline]
    pub(super) fn lower(&mut self, key: i64, qty: i64, orders: u32) {
        if let Ok(at) = self.search(key) {
            let total = &mut self.totals[at];
            total.qty -= qty;
            total.orders -= orders;
            if total.orders == 0 {
                self.keys.remove(at);
                self.totals.remove(at);
            }
        }
    }

    /// Changes the quantity of an order of a level that holds it.
    #[inline]
    pub(super) fn replace(&mut self, key: i64, old: i64, new: i64) -> Result<(), BookError> {
        if let Ok(at) = self.search(key) {
            let total = &mut self.totals[at];
            total.qty = (total.qty - old).checked_add(new).ok_or(BookError::Overflow)?;
        }
        Ok(())
    }
}
