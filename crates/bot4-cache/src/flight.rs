//! One lock, what it guards, and the computations under way: each missing key is computed by one thread, the others
//! park until it is done.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `Stripe::state` | whoever holds the lock | the same | the lock's | never held while a computation runs |
//! | `Stripe::done` | whoever ends a computation that somebody waits for | waiting threads | the lock's | a waiting thread parks, it does not spin |
//!
//! A computation is a record in the list. It has no outcome while it runs; when it ends and somebody waits, the
//! outcome stays in the record until the last of those who waited has taken it.

use crate::sync::{Condvar, Mutex, MutexGuard, lock, this_thread, wait};
use std::borrow::Borrow;

/// A lock and what it guards (`D`), on lines of its own. Computations of `K` have results `R`.
#[repr(align(128))]
pub(crate) struct Stripe<K, R, D> {
    state: Mutex<State<K, R, D>>,
    done: Condvar,
}

type Guard<'a, K, R, D> = MutexGuard<'a, State<K, R, D>>;

/// What the lock of a stripe guards.
pub(crate) struct State<K, R, D> {
    pub(crate) data: D,
    running: Vec<Running<K, R>>,
    delivered: u64,
    started: u64,
}

struct Running<K, R> {
    id: u64,
    key: K,
    thread: usize,
    waiting: usize,
    /// The key was inserted or invalidated meanwhile: the result must not replace what that left.
    superseded: bool,
    outcome: Option<Outcome<R>>,
}

#[derive(Clone)]
enum Outcome<R> {
    Done(R),
    /// The computation failed or panicked.
    Abandoned,
}

/// What became of a lookup that may have to compute.
pub(crate) enum Answer<'a, F, K: Eq, R: Clone, D> {
    /// It was there.
    Found(F),
    /// Another thread computed it meanwhile.
    Delivered(R),
    /// The caller has to.
    Compute(Computation<'a, K, R, D>),
}

impl<K: Eq, R: Clone, D> Stripe<K, R, D> {
    /// `running` computations at a time need no allocation.
    pub(crate) fn new(data: D, running: usize) -> Self {
        let state = State { data, running: Vec::with_capacity(running), delivered: 0, started: 0 };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> Guard<'_, K, R, D> {
        lock(&self.state)
    }

    /// Bytes beside what `D` owns.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.lock().running.capacity() * size_of::<Running<K, R>>()
    }

    /// What `find` finds, or what the thread that is computing `key` delivers, or the duty to compute it.
    ///
    /// # Panics
    /// When this thread is computing `key` already.
    pub(crate) fn find_or_start<Q, F>(
        &self,
        key: &Q,
        mut find: impl FnMut(&mut D) -> Option<F>,
    ) -> Answer<'_, F, K, R, D>
    where
        K: Borrow<Q>,
        Q: Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&mut state.data) {
                return Answer::Found(found);
            }
            let Some(running) = state.running_mut(key) else { break };
            if running.thread == this_thread() {
                drop(state);
                panic!("the computation of a key asks the cache for the same key");
            }
            running.waiting += 1;
            let id = running.id;
            let outcome;
            (state, outcome) = self.outcome(state, id);
            if let Outcome::Done(result) = outcome {
                state.delivered += 1;
                return Answer::Delivered(result);
            }
        }
        let id = state.start(key.to_owned());
        Answer::Compute(Computation { stripe: self, id: Some(id) })
    }

    /// Parks until computation `id` has an outcome.
    fn outcome<'a>(&'a self, mut state: Guard<'a, K, R, D>, id: u64) -> (Guard<'a, K, R, D>, Outcome<R>) {
        loop {
            state = wait(&self.done, state);
            let index = state.index(id);
            if state.running[index].outcome.is_some() {
                let outcome = state.take_outcome(index);
                return (state, outcome);
            }
        }
    }
}

impl<K, R: Clone, D> State<K, R, D> {
    /// The outcome for one of those who wait; the last one gets the record's own.
    fn take_outcome(&mut self, index: usize) -> Outcome<R> {
        let running = &mut self.running[index];
        running.waiting -= 1;
        let outcome = if running.waiting > 0 {
            running.outcome.clone()
        } else {
            self.running.swap_remove(index).outcome
        };
        outcome.expect("the caller saw an outcome")
    }
}

impl<K: Eq, R, D> State<K, R, D> {
    fn start(&mut self, key: K) -> u64 {
        let id = self.started;
        self.started += 1;
        let thread = this_thread();
        self.running.push(Running { id, key, thread, waiting: 0, superseded: false, outcome: None });
        id
    }

    /// The computation of `key` whose result will be valid for whoever asks now.
    fn running_mut<Q>(&mut self, key: &Q) -> Option<&mut Running<K, R>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.running.iter_mut().find(|r| r.outcome.is_none() && !r.superseded && r.key.borrow() == key)
    }

    /// Lookups that were answered by the computation of another thread.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Computations that were started.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    fn index(&self, id: u64) -> usize {
        let found = self.running.iter().position(|running| running.id == id);
        found.expect("a computation stays in the list until it ended and the last waiting thread knows")
    }

    /// Computations of the keys for which `concerns` holds, as far as they are under way, will not be stored.
    pub(crate) fn supersede(&mut self, concerns: impl Fn(&K) -> bool) {
        for running in self.running.iter_mut().filter(|running| concerns(&running.key)) {
            running.superseded = true;
        }
    }

    /// Ends a computation. Says whether its result may be stored and whether anybody waits.
    fn end(&mut self, id: u64, outcome: impl FnOnce() -> Outcome<R>) -> (bool, bool) {
        let index = self.index(id);
        let running = &mut self.running[index];
        let (valid, awaited) = (!running.superseded, running.waiting > 0);
        if awaited {
            running.outcome = Some(outcome());
        } else {
            self.running.swap_remove(index);
        }
        (valid, awaited)
    }
}

/// The duty to compute a key. Dropped without [`finish`](Self::finish), by an error or a panic, it leaves the key
/// missing; in any case it wakes those who wait.
pub(crate) struct Computation<'a, K: Eq, R: Clone, D> {
    stripe: &'a Stripe<K, R, D>,
    /// None once the record has its outcome.
    id: Option<u64>,
}

impl<K: Eq, R: Clone, D> Computation<'_, K, R, D> {
    /// Delivers `result` to those who wait, and has `store` keep it unless the key was written meanwhile.
    pub(crate) fn finish<O>(mut self, result: &R, store: impl FnOnce(&mut D) -> O) -> Option<O> {
        self.end(|| Outcome::Done(result.clone()), |state, valid| valid.then(|| store(&mut state.data)))
            .flatten()
    }

    /// Ends the computation if it has not ended yet. Should `outcome` panic, it has not.
    fn end<O>(
        &mut self,
        outcome: impl FnOnce() -> Outcome<R>,
        then: impl FnOnce(&mut State<K, R, D>, bool) -> O,
    ) -> Option<O> {
        let id = self.id?;
        let mut state = lock(&self.stripe.state);
        let (valid, awaited) = state.end(id, outcome);
        self.id = None;
        let stored = then(&mut state, valid);
        drop(state);
        if awaited {
            self.stripe.done.notify_all();
        }
        Some(stored)
    }
}

impl<K: Eq, R: Clone, D> Drop for Computation<'_, K, R, D> {
    fn drop(&mut self) {
        self.end(|| Outcome::Abandoned, |_, _| ());
    }
}
