//! The one place that knows about loom: everything else imports its atomics, cells and locks from here.
//!
//! Under `--cfg bot4_loom` the types come from loom, whose scheduler then runs every interleaving of a model.

use crate::lines::{Lines, fetch_ahead};
use crate::numbers::Numbers;

#[cfg(not(bot4_loom))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64, fence},
};

#[cfg(bot4_loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64, fence},
};

#[cfg(not(bot4_loom))]
pub(crate) use std::{hint::spin_loop, thread::yield_now};

#[cfg(bot4_loom)]
pub(crate) use loom::{cell::UnsafeCell, hint::spin_loop, thread::yield_now};

/// A static that loom makes anew for every execution of a model.
#[cfg(not(bot4_loom))]
macro_rules! global {
    ($name:ident: $type:ty = $init:expr) => {
        static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $init);
    };
}

/// A static that loom makes anew for every execution of a model.
#[cfg(bot4_loom)]
macro_rules! global {
    ($name:ident: $type:ty = $init:expr) => {
        loom::lazy_static! { static ref $name: $type = $init; }
    };
}

/// Thread-locals whose initial values are constants.
#[cfg(not(bot4_loom))]
macro_rules! per_thread {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $init:expr;)*) => {
        std::thread_local! { $($(#[$doc])* static $name: $type = const { $init };)* }
    };
}

/// Thread-locals whose initial values are constants.
#[cfg(bot4_loom)]
macro_rules! per_thread {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $init:expr;)*) => {
        loom::thread_local! { $($(#[$doc])* static $name: $type = $init;)* }
    };
}

pub(crate) use {global, per_thread};

/// `std::cell::UnsafeCell` with loom's closure interface, so that a model sees each access begin and end.
#[cfg(not(bot4_loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(bot4_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Items side by side that threads reach in turn, so that a batch is a slice. A model watches every access to each.
pub(crate) struct Cells<T> {
    items: Lines<std::cell::UnsafeCell<T>>,
    #[cfg(bot4_loom)]
    watched: Box<[UnsafeCell<()>]>,
}

impl<T> Cells<T> {
    pub(crate) fn new(len: usize, mut make: impl FnMut() -> T) -> Self {
        let items = Lines::new(len, || std::cell::UnsafeCell::new(make()));
        Self {
            #[cfg(bot4_loom)]
            watched: items.iter().map(|_| UnsafeCell::new(())).collect(),
            items,
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// See [`fetch_ahead`].
    #[inline(always)]
    pub(crate) fn fetch_ahead(&self, numbers: &Numbers, position: u64, end: u64) -> u64 {
        fetch_ahead(&self.items, numbers, position, end)
    }

    /// Hands the first of the `n` items from `index` to `read`; all of them can be reached from it.
    #[inline(always)]
    pub(crate) fn with<R>(&self, index: usize, n: usize, read: impl FnOnce(*const T) -> R) -> R {
        #[cfg(bot4_loom)]
        let _reading: Vec<_> = self.watched[index..index + n].iter().map(UnsafeCell::get).collect();
        read(self.items[index..index + n].as_ptr().cast())
    }

    /// As `with`, for changing the items.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, index: usize, n: usize, write: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(bot4_loom)]
        let _writing: Vec<_> = self.watched[index..index + n].iter().map(UnsafeCell::get_mut).collect();
        write(std::cell::UnsafeCell::raw_get(self.items[index..index + n].as_ptr()))
    }
}

/// Locks; a panic of another holder does not matter because no critical section here can leave a half-made state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
