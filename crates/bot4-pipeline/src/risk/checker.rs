//! The per-thread half of the gate.

use std::sync::Arc;

use bot4_lockfree::snapshot::Reader;

use super::gate::{Shared, State};
use super::limits::{Denied, Rules};
use super::order::{Order, Reservation};
use super::reason::Reason;
use crate::quote::Quote;

/// Checks orders for one thread; from [`RiskGate::checker`](super::RiskGate::checker).
#[derive(Debug)]
pub struct Checker {
    shared: Arc<Shared>,
    rules: Reader<Rules>,
    /// This checker's cell of the totals.
    cell: usize,
}

impl Checker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let cell = shared.enter();
        let rules = shared.reader();
        Self { shared, rules, cell }
    }

    /// Admits the order with a reservation, or denies it. `quote` is the latest of the instrument.
    ///
    /// Wait-free, never allocates and never panics, whatever stands in order and quote.
    ///
    /// # Errors
    ///
    /// The first [`Reason`] in the order of the [module's list](super).
    #[inline]
    pub fn check(&mut self, order: &Order, quote: &Quote) -> Result<Reservation, Reason> {
        let state = self.shared.state();
        if state == State::Halted {
            return Err(Reason::Halted);
        }
        let rules = self.rules.get();
        let Ok(units) = rules.bounds::<Denied>(order, quote) else {
            return Err(rules.fault(order, quote));
        };
        self.shared.reserve(self.cell, order, units, rules, state)
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.shared.leave(self.cell);
    }
}
