//! What does one record cost, through a handle and by name, with one thread and with two on the same metric?

#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_lockfree::metrics::{HistogramConfig, Registry};
use std::hint::black_box;
use std::sync::Arc;

/// The names that are counted under in turn.
const NAMES: [&str; 8] = [
    "quotes_received_total",
    "orders_sent_total",
    "orders_filled_total",
    "orders_rejected_total",
    "risk_checks_total",
    "cache_hits_total",
    "cache_misses_total",
    "gaps_detected_total",
];

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        counter_handle("counter_handle_1t", 1),
        counter_handle("counter_handle_2t", 2),
        counter_name("counter_name_1t", 1),
        counter_name("counter_name_2t", 2),
        histogram("histogram_1t", 1),
        histogram("histogram_2t", 2),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

/// The lanes of a subject whose threads all do the same, each with what `make` makes for it.
fn each(threads: usize, make: impl FnMut() -> Lane) -> Vec<Lane> {
    std::iter::repeat_with(make).take(threads).collect()
}

/// Calls `record` with one name after the other, which the optimiser does not know.
fn by_name(mut record: impl FnMut(&str) + Send + 'static) -> Lane {
    let names = NAMES.map(str::to_owned);
    let mut next = 0;
    lane(move || {
        next = (next + 1) % NAMES.len();
        record(&names[next]);
    })
}

/// Calls `record` with latencies between one and sixty thousand, most of them small.
fn with_samples(mut record: impl FnMut(u64) + Send + 'static) -> Lane {
    let mut state = 1_u64;
    lane(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        record(1 + ((state >> 48) >> (state >> 45 & 7)));
    })
}

fn counter_handle(name: &'static str, threads: usize) -> Case {
    let counter = Registry::new().counter("a", "");
    let lanes = each(threads, || {
        let counter = counter.clone();
        lane(move || counter.increment(1))
    });
    let own = each(threads, || {
        let mut cell = 0_u64;
        lane(move || *black_box(&mut cell) += 1)
    });
    Case::new(name).limit("a word of one's own, += 1", own).ours("bot4 Counter", lanes)
}

fn counter_name(name: &'static str, threads: usize) -> Case {
    let registry = Registry::new();
    NAMES.iter().for_each(|name| drop(registry.counter(name, "")));
    let frozen = Arc::new(registry.freeze());
    let lanes = each(threads, || {
        let frozen = frozen.clone();
        by_name(move |name| {
            if let Some(counter) = frozen.counter(name) {
                counter.increment(1);
            }
        })
    });
    Case::new(name).ours("bot4 Frozen", lanes)
}

fn histogram(name: &'static str, threads: usize) -> Case {
    let histogram = Registry::new().histogram("a", "", HistogramConfig::default());
    let lanes = each(threads, || {
        let histogram = histogram.clone();
        with_samples(move |sample| histogram.record(sample))
    });
    Case::new(name).ours("bot4 Histogram", lanes)
}
