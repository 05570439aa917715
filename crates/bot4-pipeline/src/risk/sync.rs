//! The one place here that knows about loom: under `--cfg bot4_loom` its scheduler runs every interleaving of a
//! model.

#[cfg(not(bot4_loom))]
pub(super) use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize},
};

#[cfg(bot4_loom)]
pub(super) use loom::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize},
};
