//! One event at a time from another thread at a fixed rate. Latency counts from the moment the event was due, so an event that
//! waited behind a slow one is charged for the wait (coordinated omission corrected).

use super::Run;
use super::event::Path;
use super::measure::{Collected, Percentiles, ns};
use super::new::Desk;
use super::report::{EventFigures, Offered};
use bot4_lockfree::spsc::{self, PopError, PushError};
use bot4_pipeline::Quote;
use bot4_pool::audit;
use std::hint::spin_loop;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Events in flight between the threads.
const CAPACITY: usize = 1024;
/// Events before the percentiles begin.
const WARM_UP: usize = 2048;
/// The feeding thread publishes a fresh model this often.
const EVENTS_PER_MODEL: usize = 16_384;

/// A quote and when it is due, ns after the start; in a soak its number, from which that follows.
pub(super) type Message = (Quote, u64);

pub(crate) fn run(run: &Run<'_>) -> Offered {
    let rounds = (run.events.measured().len() - WARM_UP).div_ceil(events_per_round(run));
    let old = run.variant.has_old().then(|| old(run));
    let new = run.variant.has_new().then(|| new(run));
    Offered { rate_per_s: run.rate_per_s, rounds, old, new }
}

/// The old path behind a channel of the standard library.
fn old(run: &Run<'_>) -> EventFigures {
    let (sender, receiver) = mpsc::sync_channel::<Message>(CAPACITY);
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            for message in Schedule::new(run, start) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        serve(run, &mut run.old_path(), start, || receiver.recv().ok())
    })
}

/// The optimised path behind the ring, with models published while it runs.
fn new(run: &Run<'_>) -> EventFigures {
    let desk = run.desk();
    let (mut producer, mut consumer) = spsc::ring::<Message>(CAPACITY);
    let start = Instant::now();
    thread::scope(|scope| {
        let desk = &desk;
        scope.spawn(move || {
            for (index, message) in Schedule::new(run, start).enumerate() {
                if push(&mut producer, message).is_err() {
                    return;
                }
                publish_now_and_then(desk, index);
            }
        });
        serve(run, &mut desk.path(), start, || pop(&mut consumer))
    })
}

pub(super) fn publish_now_and_then(desk: &Desk, index: usize) {
    if index % EVENTS_PER_MODEL == EVENTS_PER_MODEL - 1 {
        desk.publish_model();
    }
}

/// Waits for room; an error when the other side is gone.
pub(super) fn push(producer: &mut spsc::Producer<Message>, mut message: Message) -> Result<(), ()> {
    loop {
        match producer.push(message) {
            Ok(()) => return Ok(()),
            Err(PushError::Full(back)) => message = back,
            Err(PushError::Closed(_)) => return Err(()),
        }
        spin_loop();
    }
}

/// Waits for a message; `None` when no more will come.
pub(super) fn pop(consumer: &mut spsc::Consumer<Message>) -> Option<Message> {
    loop {
        match consumer.pop() {
            Ok(message) => return Some(message),
            Err(PopError::Empty) => spin_loop(),
            Err(PopError::Closed) => return None,
        }
    }
}

/// Yields each message when it is due, never early.
#[derive(Debug)]
struct Schedule<'a> {
    quotes: std::iter::Enumerate<std::slice::Iter<'a, Quote>>,
    start: Instant,
    rate_per_s: u64,
}

impl<'a> Schedule<'a> {
    fn new(run: &Run<'a>, start: Instant) -> Self {
        Self {
            quotes: run.events.measured().iter().enumerate(),
            start,
            rate_per_s: u64::from(run.rate_per_s),
        }
    }
}

impl Iterator for Schedule<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let (index, quote) = self.quotes.next()?;
        let due_ns = index as u64 * 1_000_000_000 / self.rate_per_s;
        let due = self.start + Duration::from_nanos(due_ns);
        while Instant::now() < due {
            spin_loop();
        }
        Some((*quote, due_ns))
    }
}

/// Decides about every message and records how long after its due time the decision stood.
fn serve(
    run: &Run<'_>,
    path: &mut impl Path,
    start: Instant,
    mut receive: impl FnMut() -> Option<Message>,
) -> EventFigures {
    let mut latencies_ns = Vec::with_capacity(run.events.measured().len());
    let mut events = 0;
    let mut allocated_before = audit::thread_counts();
    while let Some((quote, due_ns)) = receive() {
        std::hint::black_box(path.on_quote(&quote));
        events += 1;
        if events > WARM_UP {
            latencies_ns.push(ns(start.elapsed()).saturating_sub(due_ns));
        } else {
            allocated_before = audit::thread_counts();
        }
    }
    let ns_per_event = ns(start.elapsed()) as f64 / events as f64;
    let allocated = audit::thread_counts().since(allocated_before);
    let (latency, worst_p99_ns) = Percentiles::of_rounds(&latencies_ns, events_per_round(run));
    let events = latencies_ns.len() as u64;
    let collected =
        Collected { events, ns_per_event, cpu_ns_per_event: None, allocated, latency, locks_per_event: None };
    EventFigures { worst_round_p99_ns: Some(worst_p99_ns), ..collected.figures() }
}

/// A tenth of a second, and enough events for a p99.
fn events_per_round(run: &Run<'_>) -> usize {
    (run.rate_per_s as usize / 10).max(1000)
}
