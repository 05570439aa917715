//! The writers' side of a group of sets: one lock, their queues, and the computations under way.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `Stripe::state` | whoever holds the lock | the same | the lock's | never held while a user's code runs |
//! | `Stripe::done` | whoever ends a computation that somebody waits for | waiting threads | the lock's | a waiting thread parks, it does not spin |

use crate::{
    policy::Queues,
    sync::{Condvar, Mutex, MutexGuard, lock, wait},
};

/// Computations of one stripe that are known to others. Beyond that number a key may be computed twice.
const RUNNING_MAX: usize = 32;

/// A lock and what it guards, on lines of its own.
#[repr(align(128))]
pub(crate) struct Stripe<K> {
    state: Mutex<StripeState<K>>,
    done: Condvar,
}

/// What the lock of a stripe guards.
pub(crate) struct StripeState<K> {
    pub(crate) insertions: u64,
    pub(crate) evictions: u64,
    pub(crate) removals: u64,
    cells: Box<[u16]>,
    running: Vec<Running<K>>,
    waiting: usize,
}

struct Running<K> {
    key: K,
    thread: usize,
    /// The key was inserted or invalidated meanwhile: the result must not replace what that left.
    superseded: bool,
}

impl<K: Copy + Eq> Stripe<K> {
    pub(crate) fn new(sets: usize, ways: usize) -> Self {
        let state = StripeState {
            insertions: 0,
            evictions: 0,
            removals: 0,
            cells: vec![0; sets * Queues::cells(ways)].into(),
            running: Vec::with_capacity(RUNNING_MAX),
            waiting: 0,
        };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, StripeState<K>> {
        lock(&self.state)
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.lock().cells) + RUNNING_MAX * size_of::<Running<K>>()
    }

    /// What `find` (called under the lock) finds, or the duty to compute `key`. Parks while another thread computes it.
    ///
    /// # Panics
    /// When this thread is computing `key` already.
    pub(crate) fn find_or_start<R>(
        &self,
        key: K,
        mut find: impl FnMut() -> Option<R>,
    ) -> Result<R, Computation<'_, K>> {
        let mut state = self.lock();
        loop {
            if let Some(found) = find() {
                return Ok(found);
            }
            let Some(running) = state.running.iter().find(|running| running.key == key) else { break };
            if running.thread == this_thread() {
                drop(state);
                panic!("the computation of a key asks the cache for the same key");
            }
            state.waiting += 1;
            state = wait(&self.done, state);
            state.waiting -= 1;
        }
        let known = state.running.len() < RUNNING_MAX;
        if known {
            state.running.push(Running { key, thread: this_thread(), superseded: false });
        }
        Err(Computation { stripe: self, key, known })
    }
}

impl<K: Copy + Eq> StripeState<K> {
    /// The queues' cells of the stripe's set number `index`.
    pub(crate) fn cells_of(&mut self, index: usize, ways: usize) -> &mut [u16] {
        let len = Queues::cells(ways);
        &mut self.cells[index * len..][..len]
    }

    /// A computation of `key` that is under way must not be stored.
    pub(crate) fn supersede(&mut self, key: &K) {
        if let Some(running) = self.running.iter_mut().find(|running| running.key == *key) {
            running.superseded = true;
        }
    }

    /// No computation that is under way must be stored.
    pub(crate) fn supersede_all(&mut self) {
        self.running.iter_mut().for_each(|running| running.superseded = true);
    }
}

/// The duty to compute a key. Dropped without [`finish`](Self::finish), by an error or a panic, it leaves the key
/// missing; in any case it wakes those who wait.
pub(crate) struct Computation<'a, K: Copy + Eq> {
    stripe: &'a Stripe<K>,
    key: K,
    known: bool,
}

impl<K: Copy + Eq> Computation<'_, K> {
    /// Ends the computation and has `store` keep the result, unless the key was written meanwhile.
    pub(crate) fn finish(mut self, store: impl FnOnce(&mut StripeState<K>)) {
        self.end(store);
        self.known = false;
    }

    fn end(&self, store: impl FnOnce(&mut StripeState<K>)) {
        let mut state = self.stripe.lock();
        let mut superseded = false;
        if self.known {
            let found = state.running.iter().position(|running| running.key == self.key);
            let index = found.expect("a known computation stays in the list until it ends");
            superseded = state.running.swap_remove(index).superseded;
        }
        if !superseded {
            store(&mut state);
        }
        let waiting = state.waiting;
        drop(state);
        if waiting > 0 {
            self.stripe.done.notify_all();
        }
    }
}

impl<K: Copy + Eq> Drop for Computation<'_, K> {
    fn drop(&mut self) {
        if self.known {
            self.end(|_| ());
        }
    }
}

/// A number no other living thread has.
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
