//! Threads in a row: a source, stages, a sink, joined by rings.
//!
//! ```
//! use bot4_pipeline::sim::Simulator;
//! use bot4_pipeline::stream::{Settings, Stream};
//!
//! let mut rises = 0;
//! let mut last = 0;
//! let report = Stream::from_source("feed", Simulator::new(1).take(10_000))
//!     .then("decide", |quote| {
//!         let before = std::mem::replace(&mut last, quote.bid_px);
//!         (quote.bid_px > before).then_some(quote) // nothing to do for the others
//!     })
//!     .run("write", |_quote| rises += 1, &Settings::default())
//!     .unwrap();
//! assert_eq!((report.accepted, report.processed), (10_000, 10_000));
//! assert_eq!(report.stages[2].ended, rises);
//! ```
//!
//! # What holds
//! - **Exactly once, in order.** Every accepted event goes through the stages one after the other, until a stage
//!   returns `None` for it or the sink took it. What a stage makes of it keeps its place.
//! - **Back pressure.** When a stage is slow, its ring fills, and then the one before it. When that reaches the source,
//!   the source waits, or ([`Overload::Drop`]) leaves out new events and counts them. Nothing is ever left out later.
//! - **A clean end.** When the source ends or [`Stop::request`] was called, everything that was accepted is processed
//!   before [`run`](Stream::run) returns. A source that blocks in `next` notices a request when it returns.
//! - **A panic stops the run**: the source accepts no more, the stages behind the one that panicked process what
//!   they were given, and the error names the stage, has the message, and says how many events were accepted,
//!   processed, and not. (A program built to abort on panic ends at once; threads have the names of their
//!   stages, so that its last words name the stage, too.)
//!
//! # Threads and waiting
//! Source and stages have a thread each, and the sink runs on the caller's; combine steps in one stage where there
//! are fewer cores. An idle thread waits as [`Settings::wait`] says: spinning is for threads with a core of
//! their own.
//!
//! # Latency
//! With a histogram in the settings, the time from the source to the end of an event (at whatever stage) is recorded
//! for the first of every [`TIMED`] events: reading a clock twice for each would cost a third of the event
//! (`cargo xtask bench --group pipeline --case event`).
//!
//! | atomic | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | counts of a stage | its thread | `run`, after the thread ended | Relaxed | the end of the thread publishes them |
//! | `Stop` | whoever requests | source | Relaxed | the flag is the whole message |

mod link;
#[cfg(feature = "pin")]
mod pin;
mod report;

use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bot4_lockfree::metrics::Histogram;
use bot4_lockfree::wait::Wait;

use link::{Run, Start, drain};

pub use link::{Source, Then};
pub use report::{Report, RunError, RunReason, StageReport};

/// One in so many events has its latency recorded.
pub const TIMED: u64 = 64;

/// How a stream runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Events that may wait in front of each stage. All memory for them is taken at the start.
    pub capacity: usize,
    /// What a thread does that has nothing to do.
    pub wait: Wait,
    /// What the source does when the first stage does not keep up.
    pub overload: Overload,
    /// Where latencies are recorded, in nanoseconds, if anywhere.
    pub latency: Option<Histogram>,
    /// Ends the run on request.
    pub stop: Stop,
    /// The cores of the source and of each stage, in order; threads beyond the list are free. (The sink's thread is
    /// the caller's.) Behind the feature `pin`; elsewhere than on Linux a run with cores fails.
    #[cfg(feature = "pin")]
    pub cores: Vec<usize>,
}

impl Default for Settings {
    /// Rings of 4,096, yielding, blocking, no latencies, no pinning.
    fn default() -> Self {
        Self {
            capacity: 4_096,
            wait: Wait::Yield,
            overload: Overload::Block,
            latency: None,
            stop: Stop::default(),
            #[cfg(feature = "pin")]
            cores: Vec::new(),
        }
    }
}

impl Settings {
    /// Keeps the calling thread on the core the settings give it, if any.
    #[cfg(feature = "pin")]
    fn pin(&self, position: usize) -> Result<(), String> {
        self.cores.get(position).map_or(Ok(()), |&core| pin::to_core(core))
    }

    #[cfg(not(feature = "pin"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "with the feature `pin` both are needed"
    )]
    const fn pin(&self, _position: usize) -> Result<(), String> {
        Ok(())
    }
}

/// What the source does when the first stage does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// Waits for room: no event is lost, and the source falls behind.
    Block,
    /// Drops the new event and counts it: what is accepted is fresh.
    Drop,
}

/// Asks a run to end; clones ask the same run.
///
/// ```
/// use bot4_pipeline::stream::{Settings, Stream};
///
/// let settings = Settings::default();
/// let stop = settings.stop.clone(); // for a signal handler, for instance
/// let report = Stream::from_source("feed", 0_u64..)
///     .run("write", |n| if n == 1_000 { stop.request() }, &settings)
///     .unwrap();
/// assert!(report.accepted > 1_000 && report.processed == report.accepted);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Makes the source accept no more; what was accepted is still processed. Wait-free.
    pub fn request(&self) {
        // ORDERING: Relaxed; the flag is the whole message.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether an end was requested. Wait-free.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        // ORDERING: Relaxed; as above.
        self.0.load(Ordering::Relaxed)
    }
}

/// A source, or a source and stages; implemented by [`Source`] and [`Then`]. Starting them is the stream's
/// business.
pub trait Link: Start {}

impl<L: Start> Link for L {}

/// A source and stages that wait for a sink to run into.
#[derive(Debug)]
pub struct Stream<L>(L);

impl<I> Stream<Source<I>>
where
    I: Iterator<Item: Send> + Send,
{
    /// Starts with a thread that takes events from an iterator.
    #[must_use]
    pub const fn from_source(name: &'static str, events: I) -> Self {
        Self(Source { name, events })
    }
}

impl<L: Link> Stream<L> {
    /// Adds a stage with a thread of its own. It returns what it makes of an event, or `None` when the event ends
    /// here.
    #[must_use]
    pub fn then<U, F>(self, name: &'static str, stage: F) -> Stream<Then<L, F, U>>
    where
        F: FnMut(L::Item) -> Option<U> + Send,
        U: Send,
    {
        Stream(Then { before: self.0, name, stage, makes: PhantomData })
    }

    /// Runs until the source has ended or an end was requested and everything that was accepted is processed; the
    /// sink runs on this thread. Allocates rings and threads at the start, and nothing per event.
    ///
    /// # Errors
    /// A stage panicked, or a thread could not be started or pinned; what happened until then is in the error.
    ///
    /// # Panics
    /// If [`Settings::capacity`] is 0.
    pub fn run(
        self,
        name: &'static str,
        mut sink: impl FnMut(L::Item),
        settings: &Settings,
    ) -> Result<Report, RunError> {
        assert!(settings.capacity > 0, "a stream needs room for an event in front of each stage");
        let run = Run::new(settings);
        thread::scope(|scope| {
            let input = self.0.start(scope, &run);
            let counts = run.enter(name);
            let sunk = catch_unwind(AssertUnwindSafe(|| {
                let sink = |item| -> Option<Infallible> {
                    sink(item);
                    None
                };
                drain(&run, &counts, input, sink, |never| match never.item {});
            }));
            if let Err(payload) = sunk {
                run.panicked(name, &*payload);
            }
        });
        run.report()
    }
}
