//! The threads of a run, and what they share.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};
use std::time::Instant;

use bot4_lockfree::spsc::{self, Consumer, Producer, PushError};

use super::report::{Report, RunError, RunReason, StageReport};
use super::{Overload, Settings, TIMED};

/// Events a stage takes before it gives their places in the ring back.
const BATCH: usize = 64;

/// An event on its way.
#[derive(Debug)]
pub struct Envelope<T> {
    pub(super) item: T,
    /// When it was accepted, in nanoseconds since the run began, plus one; 0 if its latency is not recorded.
    accepted_ns: u64,
}

/// What can be started and then read from.
pub trait Start {
    /// What comes out at the end.
    type Item: Send;

    /// Starts all threads and gives the reading end of the last ring.
    fn start<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        run: &'scope Run<'_>,
    ) -> Consumer<Envelope<Self::Item>>
    where
        Self: 'scope;
}

/// The source of a [`Stream`](super::Stream).
#[derive(Debug)]
pub struct Source<I> {
    pub(super) name: &'static str,
    pub(super) events: I,
}

/// A stage of a [`Stream`](super::Stream), after those before it.
#[derive(Debug)]
pub struct Then<L, F, U> {
    pub(super) before: L,
    pub(super) name: &'static str,
    pub(super) stage: F,
    /// What the stage makes; it lives as long as the stage, says this field to the compiler.
    pub(super) makes: PhantomData<fn() -> U>,
}

impl<I> Start for Source<I>
where
    I: Iterator<Item: Send> + Send,
{
    type Item = I::Item;

    fn start<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        run: &'scope Run<'_>,
    ) -> Consumer<Envelope<I::Item>>
    where
        Self: 'scope,
    {
        let (output, input) = spsc::ring(run.settings.capacity);
        let counts = run.enter(self.name);
        run.spawn(scope, counts.clone(), move || feed(run, &counts, self.events, output));
        input
    }
}

impl<L, F, U> Start for Then<L, F, U>
where
    L: Start,
    F: FnMut(L::Item) -> Option<U> + Send,
    U: Send,
{
    type Item = U;

    fn start<'scope>(self, scope: &'scope Scope<'scope, '_>, run: &'scope Run<'_>) -> Consumer<Envelope<U>>
    where
        Self: 'scope,
    {
        let Self { before, name, stage, .. } = self;
        let events = before.start(scope, run);
        let (mut output, input) = spsc::ring(run.settings.capacity);
        let (counts, wait) = (run.enter(name), run.settings.wait);
        run.spawn(scope, counts.clone(), move || {
            drain(run, &counts, events, stage, |made| output.push_wait(made, wait).is_ok());
        });
        input
    }
}

/// Takes events from the iterator until it ends, an end is requested, or nobody wants them.
fn feed<T>(
    run: &Run<'_>,
    counts: &Counts,
    mut events: impl Iterator<Item = T>,
    mut output: Producer<Envelope<T>>,
) {
    let Settings { wait, overload, ref stop, .. } = *run.settings;
    while !stop.is_requested() {
        let Some(item) = events.next() else { return };
        let number = add(&counts.taken);
        let envelope = Envelope { item, accepted_ns: run.accepted_ns(number) };
        let pushed = match overload {
            Overload::Block => output.push_wait(envelope, wait).map_err(PushError::Closed),
            Overload::Drop => output.push(envelope),
        };
        match pushed {
            Ok(()) => add(&counts.passed),
            Err(PushError::Full(_)) => add(&counts.ended),
            Err(PushError::Closed(_)) => return,
        };
    }
}

/// Takes events from a ring until it is closed, or nobody wants what is made of them.
pub(super) fn drain<T, U>(
    run: &Run<'_>,
    counts: &Counts,
    mut input: Consumer<Envelope<T>>,
    mut stage: impl FnMut(T) -> Option<U>,
    mut pass: impl FnMut(Envelope<U>) -> bool,
) {
    let wanted = Cell::new(true);
    let mut one = |envelope: Envelope<T>| {
        if !wanted.get() {
            return;
        }
        let Envelope { item, accepted_ns } = envelope;
        add(&counts.taken);
        match stage(item) {
            None => {
                run.ended(accepted_ns);
                add(&counts.ended);
            }
            Some(item) => {
                wanted.set(pass(Envelope { item, accepted_ns }));
                if wanted.get() {
                    add(&counts.passed);
                }
            }
        }
    };
    while wanted.get()
        && let Some(first) = input.pop_wait(run.settings.wait)
    {
        one(first);
        input.pop_each(BATCH, &mut one);
    }
}

/// What the threads of a run share.
#[derive(Debug)]
pub struct Run<'a> {
    settings: &'a Settings,
    began: Instant,
    /// In order; each is written by its thread alone.
    stages: Mutex<Vec<Arc<Counts>>>,
    /// The stage that failed first.
    failed: Mutex<Option<(&'static str, RunReason)>>,
}

/// How many events a stage saw; of the source `passed` are the accepted and `ended` the dropped ones. On lines of
/// their own, as every event changes them.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Counts {
    name: &'static str,
    position: usize,
    taken: AtomicU64,
    passed: AtomicU64,
    ended: AtomicU64,
}

/// Adds one, for the only thread that writes the counter, and gives what it was.
#[inline]
fn add(counter: &AtomicU64) -> u64 {
    // ORDERING: Relaxed; read back by the thread that wrote it.
    let before = counter.load(Ordering::Relaxed);
    // ORDERING: Relaxed; `report` reads it after the thread was joined.
    counter.store(before + 1, Ordering::Relaxed);
    before
}

impl<'a> Run<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        if let Some(latency) = &settings.latency {
            latency.warm();
        }
        Self { settings, began: Instant::now(), stages: Mutex::default(), failed: Mutex::default() }
    }

    /// Counts the next stage in.
    pub(super) fn enter(&self, name: &'static str) -> Arc<Counts> {
        let mut stages = lock(&self.stages);
        let [taken, passed, ended] = [const { AtomicU64::new(0) }; 3];
        let counts = Arc::new(Counts { name, position: stages.len(), taken, passed, ended });
        stages.push(Arc::clone(&counts));
        counts
    }

    /// Starts the thread of a stage. If that fails, or if it panics, its ends of the rings are dropped, and the
    /// threads beside it come to their end by that.
    fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        counts: Arc<Counts>,
        body: impl FnOnce() + Send + 'scope,
    ) {
        let (name, position) = (counts.name, counts.position);
        let thread = move || {
            if let Err(reason) = self.settings.pin(position) {
                return self.fail(name, RunReason::Thread(reason));
            }
            if let Some(latency) = &self.settings.latency {
                latency.warm();
            }
            if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
                self.panicked(name, &*payload);
            }
        };
        if let Err(error) = Builder::new().name(name.to_owned()).spawn_scoped(scope, thread) {
            self.fail(name, RunReason::Thread(error.to_string()));
        }
    }

    /// Notes a panic, if it is the first failure.
    pub(super) fn panicked(&self, name: &'static str, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        self.fail(name, RunReason::Panic(message.unwrap_or("no message").to_owned()));
    }

    fn fail(&self, name: &'static str, reason: RunReason) {
        lock(&self.failed).get_or_insert((name, reason));
    }

    #[inline]
    fn accepted_ns(&self, number: u64) -> u64 {
        if self.settings.latency.is_some() && number.is_multiple_of(TIMED) { self.now_ns() + 1 } else { 0 }
    }

    #[inline]
    fn ended(&self, accepted_ns: u64) {
        if accepted_ns > 0
            && let Some(latency) = &self.settings.latency
        {
            latency.record(self.now_ns() + 1 - accepted_ns);
        }
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// What happened, once all threads are at rest.
    pub(super) fn report(self) -> Result<Report, RunError> {
        // ORDERING: Relaxed; the threads that wrote them were joined.
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let of = |counts: &Arc<Counts>| StageReport {
            name: counts.name,
            taken: get(&counts.taken),
            passed: get(&counts.passed),
            ended: get(&counts.ended),
        };
        let stages: Vec<_> = lock(&self.stages).iter().map(of).collect();
        let (accepted, dropped) = (stages[0].passed, stages[0].ended);
        let processed = stages[1..].iter().map(|stage| stage.ended).sum();
        let report = Report { accepted, dropped, processed, stages };
        match lock(&self.failed).take() {
            None => Ok(report),
            Some((stage, reason)) => Err(RunError { stage, reason, report }),
        }
    }
}

/// No holder can leave a half-made state, so a poisoned lock is as good as a whole one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
