//! Bounded queues, metrics, snapshots and budgets whose hot paths take no lock.
//!
//! For threads that hand each other events, count what they do, look at a value another thread keeps changing, and share
//! a limit, millions of times a second. Each method says whether it is wait-free, lock-free or blocking; each module has
//! a table of its atomics with their orderings; nothing allocates after creation unless it says so.
//!
//! * [`spsc`]: a ring between two threads. [`mpmc`]: a queue between many. [`wait`]: how to wait for them.
//! * [`broadcast`]: a ring whose items stay in place: many readers, chained readers, stages, batches as slices.
//! * [`metrics`]: counters, gauges, histograms, Prometheus text.
//! * [`snapshot`]: the newest value ([`Latest`](snapshot::Latest)) or structure ([`Published`](snapshot::Published)) for readers that never wait.
//! * [`budget`]: how much may be outstanding, how often something may happen.
//! * [`hint`]: [`likely`](hint::likely), [`unlikely`](hint::unlikely).
//!
//! # When to take something else
//! Threads that should sleep until a message comes, or async: `crossbeam-channel`, `flume`. A large map that many read:
//! `left-right`. Values behind one pointer without a reader handle: `arc-swap`. A ring of plain batches: `rtrb`.
//! Graphs of consumers made at run time: `disruptor`. OpenMetrics: `prometheus-client`.
//!
//! # Example
//! ```
//! use bot4_lockfree::{metrics::Registry, spsc};
//!
//! let registry = Registry::new();
//! let seen = registry.counter("events_total", "Events seen.");
//! let (mut producer, mut consumer) = spsc::ring::<u64>(1_024);
//! std::thread::scope(|scope| {
//!     scope.spawn(move || {
//!         (0..100).for_each(|event| producer.push(event).expect("room for all"));
//!     });
//!     scope.spawn(|| {
//!         loop {
//!             match consumer.pop() {
//!                 Ok(_event) => seen.increment(1),
//!                 Err(spsc::PopError::Empty) => std::thread::yield_now(),
//!                 Err(spsc::PopError::Closed) => break,
//!             }
//!         }
//!     });
//! });
//! assert_eq!(seen.value(), 100);
//! ```

pub mod broadcast;
pub mod budget;
pub mod hint;
mod lines;
pub mod metrics;
pub mod mpmc;
mod numbers;
pub mod snapshot;
pub mod spsc;
mod sync;
pub mod wait;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
