//! The primitives of the concurrent parts: the standard library's, or loom's when a model is checked.

#[cfg(not(bot4_loom))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU64, fence},
};

#[cfg(bot4_loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU64, fence},
};

use std::sync::PoisonError;

/// Locks, also after a panic: no code of a user runs under these locks, and what they guard is valid between
/// any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parks until the condition is signalled. May wake early.
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(bot4_loom))]
std::thread_local! {
    static HERE: u8 = const { 0 };
}

#[cfg(bot4_loom)]
loom::thread_local! {
    static HERE: Box<u8> = Box::new(0);
}

/// A number that no other living thread has: the address of a variable of its own.
pub(crate) fn this_thread() -> usize {
    #[cfg(not(bot4_loom))]
    return HERE.with(|here| std::ptr::from_ref(here).addr());
    #[cfg(bot4_loom)]
    return HERE.with(|here| std::ptr::from_ref(&**here).addr());
}
