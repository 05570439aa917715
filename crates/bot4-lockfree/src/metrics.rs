//! Counters, gauges and histograms that cost a load and a store, and their export as Prometheus text.
//!
//! A handle ([`Counter`], [`Gauge`], [`FloatGauge`], [`Histogram`]) is resolved once by name from a [`Registry`] (a
//! sharded lock, cold) and then recorded through. Counters and histograms keep a row of cells per thread: the owner
//! adds by a plain load and store, with no locked instruction and no line shared with another thread; a reader sums the
//! rows. A thread gets its row at its first record and leaves it to the next new thread when it ends, with the counts
//! in it: threads that come and go neither lose counts nor use up memory. The first 128 live threads have rows of their
//! own; the ones beyond share one row by `fetch_add`.
//!
//! Code that has names only finds its metrics in a [`Frozen`] copy of the registry. Programs that record through the macros
//! of the `metrics` crate install a `Recorder` (feature `metrics`). Take `prometheus-client` for OpenMetrics and typed
//! labels, `hdrhistogram` for logs and corrections of coordinated omission.
//!
//! Recording from a signal handler that interrupts a record of the same thread may lose one of the two.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | a thread's row of cells | the thread that holds the row: load, add, store | any reader | Relaxed | one writer at a time; each cell is a number of its own |
//! | who holds a row | threads at their first record and at their end | the same | a mutex | the next holder starts after the last one's stores |
//! | the shared row | threads without a row: `fetch_add` | any reader | Relaxed | as above |
//! | `Gauge`, `FloatGauge` | any thread: store, read-modify-write | any reader | Relaxed | the number is the whole message |
//! | a histogram's row pointer | the holder at its first record | readers | `OnceLock` | the zeroed row is published with it |
//!
//! ```
//! use bot4_lockfree::metrics::{HistogramConfig, Registry};
//!
//! let registry = Registry::new();
//! let orders = registry.counter("orders_total", "Orders sent.");
//! let latency = registry.histogram("tick_to_order_ns", "Tick to order.", HistogramConfig::default());
//! orders.increment(2);
//! latency.record(850);
//! latency.record(1_200);
//!
//! assert_eq!(orders.value(), 2);
//! assert_eq!(latency.snapshot().max(), 1_200);
//! let mut page = String::new();
//! registry.render(&mut page)?;
//! assert!(page.contains("orders_total 2\n"));
//! # Ok::<(), std::fmt::Error>(())
//! ```

mod counter;
mod distribution;
#[cfg(feature = "metrics")]
mod facade;
mod frozen;
mod gauge;
mod histogram;
mod registry;
mod slot;
mod text;

pub use counter::Counter;
pub use distribution::{Distribution, HistogramConfig};
#[cfg(feature = "metrics")]
pub use facade::Recorder;
pub use frozen::Frozen;
pub use gauge::{FloatGauge, Gauge};
pub use histogram::Histogram;
pub use registry::Registry;
