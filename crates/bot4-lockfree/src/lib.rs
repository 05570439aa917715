//! Bounded queues, metrics, snapshots and budgets whose hot paths take no lock.
