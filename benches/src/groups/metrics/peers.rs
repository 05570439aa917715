//! The field: each crate in its fastest configuration for the case.

use super::{NAMES, by_name, each, with_samples};
use crate::case::{Case, lane};
use ahash::{AHashMap, RandomState};
use bot4_lockfree::metrics::{Recorder as Bot4Recorder, Registry as Bot4Registry};
use contatori::counters::monotone::Monotone;
use dashmap::DashMap;
use fast_counter::ConcurrentCounter;
use hdrhistogram::Histogram as HdrHistogram;
use histogram::AtomicHistogram;
use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, Registry};
use prometheus::{IntCounter, IntCounterVec, Opts};
use prometheus_client::metrics::counter::Counter as ClientCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram as ClientHistogram, exponential_buckets};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "counter_handle_1t" => counter_handle(case, 1),
        "counter_handle_2t" => counter_handle(case, 2),
        "counter_name_1t" => counter_name(case, 1),
        "counter_name_2t" => counter_name(case, 2),
        "histogram_1t" => histogram(case, 1),
        "histogram_2t" => histogram(case, 2),
        _ => case,
    }
}

/// The recorder of `metrics` with the registry that its exporters use.
struct Facade(Registry<Key, AtomicStorage>);

impl Recorder for Facade {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        self.0.get_or_create_counter(key, |counter| metrics::Counter::from_arc(counter.clone()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        self.0.get_or_create_gauge(key, |gauge| metrics::Gauge::from_arc(gauge.clone()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        self.0.get_or_create_histogram(key, |histogram| metrics::Histogram::from_arc(histogram.clone()))
    }
}

fn facade() -> Facade {
    Facade(Registry::new(AtomicStorage))
}

fn prometheus<T>(made: prometheus::Result<T>) -> T {
    match made {
        Ok(metric) => metric,
        Err(error) => panic!("{error}"),
    }
}

fn counter_handle(case: Case, threads: usize) -> Case {
    let sharded = Arc::new(ConcurrentCounter::new(2 * threads));
    let sharded = each(threads, || {
        let counter = sharded.clone();
        lane(move || counter.add(1))
    });
    let monotone = Arc::new(Monotone::new());
    let monotone = each(threads, || {
        let counter = monotone.clone();
        lane(move || counter.add(1))
    });
    let client = ClientCounter::<u64>::default();
    let client = each(threads, || {
        let counter = client.clone();
        lane(move || _ = counter.inc())
    });
    let int = prometheus(IntCounter::new("a", "a"));
    let int = each(threads, || {
        let counter = int.clone();
        lane(move || counter.inc())
    });
    let key = Key::from_static_name("a");
    let handle =
        facade().0.get_or_create_counter(&key, |counter| metrics::Counter::from_arc(counter.clone()));
    let handle = each(threads, || {
        let counter = handle.clone();
        lane(move || counter.increment(1))
    });
    let atomic = Arc::new(AtomicU64::new(0));
    let atomic = each(threads, || {
        let counter = atomic.clone();
        lane(move || _ = counter.fetch_add(1, Relaxed))
    });
    case.peer("fast-counter ConcurrentCounter", sharded)
        .peer("contatori Monotone", monotone)
        .peer("prometheus-client Counter", client)
        .peer("prometheus IntCounter", int)
        .peer("metrics Counter handle", handle)
        .peer("one AtomicU64", atomic)
}

/// Counts under the name of this number by the macro, whose names must be literals.
fn count_by_macro(number: usize) {
    match number % 8 {
        0 => metrics::counter!("quotes_received_total").increment(1),
        1 => metrics::counter!("orders_sent_total").increment(1),
        2 => metrics::counter!("orders_filled_total").increment(1),
        3 => metrics::counter!("orders_rejected_total").increment(1),
        4 => metrics::counter!("risk_checks_total").increment(1),
        5 => metrics::counter!("cache_hits_total").increment(1),
        6 => metrics::counter!("cache_misses_total").increment(1),
        _ => metrics::counter!("gaps_detected_total").increment(1),
    }
}

/// Lanes that count by the macro into `recorder`.
fn macros(threads: usize, recorder: Arc<impl Recorder + Send + Sync + 'static>) -> Vec<crate::case::Lane> {
    each(threads, || {
        let recorder = recorder.clone();
        let mut next = 0;
        Box::new(move |operations| {
            metrics::with_local_recorder(&*recorder, || {
                for _ in 0..operations {
                    next += 1;
                    count_by_macro(next);
                }
            });
        })
    })
}

fn counter_name(case: Case, threads: usize) -> Case {
    let dash: DashMap<String, AtomicU64, RandomState> =
        NAMES.iter().map(|name| ((*name).to_owned(), AtomicU64::new(0))).collect();
    let dash = Arc::new(dash);
    let dash = each(threads, || {
        let map = dash.clone();
        by_name(move |name| {
            if let Some(counter) = map.get(name) {
                counter.fetch_add(1, Relaxed);
            }
        })
    });
    let locked: AHashMap<String, u64> = NAMES.iter().map(|name| ((*name).to_owned(), 0)).collect();
    let locked = Arc::new(Mutex::new(locked));
    let locked = each(threads, || {
        let map = locked.clone();
        by_name(move |name| {
            if let Ok(mut map) = map.lock()
                && let Some(count) = map.get_mut(name)
            {
                *count += 1;
            }
        })
    });
    let vector = prometheus(IntCounterVec::new(Opts::new("a", "a"), &["name"]));
    let vector = each(threads, || {
        let vector = vector.clone();
        by_name(move |name| vector.with_label_values(&[name]).inc())
    });
    let family = Family::<Vec<(String, String)>, ClientCounter>::default();
    let family = each(threads, || {
        let family = family.clone();
        let sets = NAMES.map(|name| vec![("name".to_owned(), name.to_owned())]);
        let mut next = 0;
        lane(move || {
            next = (next + 1) % sets.len();
            family.get_or_create(&sets[next]).inc();
        })
    });
    let ours = macros(threads, Arc::new(Bot4Recorder::new(Bot4Registry::new())));
    case.ours("bot4 Recorder, counter!", ours)
        .peer("DashMap<_, _, ahash> get", dash)
        .peer("Mutex<AHashMap> get_mut", locked)
        .peer("prometheus with_label_values", vector)
        .peer("prometheus-client Family", family)
        .peer("metrics-util Registry, counter!", macros(threads, Arc::new(facade())))
}

fn histogram(case: Case, threads: usize) -> Case {
    let hdr = || match HdrHistogram::<u64>::new_with_bounds(1, 1 << 42, 2) {
        Ok(histogram) => histogram,
        Err(error) => panic!("{error}"),
    };
    let shared = hdr().into_sync();
    let recorders = each(threads, || {
        let mut recorder = shared.recorder();
        with_samples(move |sample| _ = recorder.record(sample))
    });
    let atomic = match AtomicHistogram::new(7, 64) {
        Ok(histogram) => Arc::new(histogram),
        Err(error) => panic!("{error}"),
    };
    let atomic = each(threads, || {
        let histogram = atomic.clone();
        with_samples(move |sample| _ = histogram.increment(sample))
    });
    let client = ClientHistogram::new(exponential_buckets(1.0, 4.0, 11));
    let client = each(threads, || {
        let histogram = client.clone();
        with_samples(move |sample| histogram.observe(sample as f64))
    });
    let case = case
        .peer("hdrhistogram Recorder", recorders)
        .peer("histogram AtomicHistogram", atomic)
        .peer("prometheus-client (11 buckets)", client);
    if threads > 1 {
        return case;
    }
    let mut plain = hdr();
    case.peer("hdrhistogram, one owner", [with_samples(move |sample| _ = plain.record(sample))])
}
