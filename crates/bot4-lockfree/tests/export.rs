//! The exported page read by somebody else's parser, and a program's macros that land in it.
#![cfg(not(bot4_loom))]

use bot4_lockfree::metrics::{HistogramConfig, Recorder, Registry};
use prometheus_parse::{HistogramCount, Sample, Scrape, Value};
use std::collections::BTreeMap;

fn scrape(registry: &Registry) -> Scrape {
    let mut page = String::new();
    registry.render(&mut page).unwrap();
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).unwrap_or_else(|error| panic!("{error}\n{page}"))
}

fn find<'a>(scrape: &'a Scrape, name: &str, labels: &[(&str, &str)]) -> &'a Sample {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    let is = |sample: &&Sample| {
        let found: BTreeMap<_, _> = sample.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        sample.metric == name && found == labels
    };
    scrape.samples.iter().find(is).unwrap_or_else(|| panic!("no {name} {labels:?} in {scrape:#?}"))
}

/// The buckets, without the one of everything, and the number in all of them.
fn buckets(sample: &Sample) -> (Vec<&HistogramCount>, f64) {
    let Value::Histogram(buckets) = &sample.value else { panic!("{sample:?}") };
    let (all, rest): (Vec<_>, Vec<_>) = buckets.iter().partition(|bucket| bucket.less_than == f64::INFINITY);
    assert_eq!(all.len(), 1, "one bucket holds everything");
    (rest, all[0].count)
}

#[test]
fn page_is_read_back_by_an_independent_parser() {
    let registry = Registry::new();
    registry.counter_with("orders_total", "Orders \\ sent.", &[("side", "buy")]).increment(3);
    registry
        .counter_with("orders_total", "", &[("side", "sell"), ("venue", "a \"b\" \\ c\nd")])
        .increment(1 << 40);
    registry.gauge("position_lots", "Net position.").set(-15);
    registry.float_gauge("spread_bps", "").set(1.25);
    registry.float_gauge("undefined", "").set(f64::NAN);
    registry.float_gauge("endless", "").set(f64::NEG_INFINITY);

    let page = scrape(&registry);
    assert_eq!(page.samples.len(), 6);
    assert_eq!(page.docs["orders_total"], "Orders \\\\ sent.");
    assert_eq!(find(&page, "orders_total", &[("side", "buy")]).value, Value::Counter(3.0));
    let strange = page.samples.iter().find(|sample| sample.labels.get("venue").is_some()).unwrap();
    assert_eq!(strange.value, Value::Counter((1_u64 << 40) as f64));
    assert_eq!(find(&page, "position_lots", &[]).value, Value::Gauge(-15.0));
    assert_eq!(find(&page, "spread_bps", &[]).value, Value::Gauge(1.25));
    assert!(matches!(find(&page, "undefined", &[]).value, Value::Gauge(value) if value.is_nan()));
    assert_eq!(find(&page, "endless", &[]).value, Value::Gauge(f64::NEG_INFINITY));
}

#[test]
fn histogram_is_cumulative_and_complete() {
    let registry = Registry::new();
    let config = HistogramConfig::new(7, 1 << 20);
    let latency = registry.histogram_with("latency_ns", "Latency.", config, &[("stage", "risk")]);
    let samples: Vec<u64> = (0..1_000).map(|i| i * i).chain([1 << 40]).collect();
    samples.iter().for_each(|&sample| latency.record(sample));

    let page = scrape(&registry);
    let (buckets, all) = buckets(find(&page, "latency_ns", &[("stage", "risk")]));
    assert_eq!(all, samples.len() as f64);
    assert!(buckets.len() > 15);
    for bucket in buckets {
        let expected = samples.iter().filter(|&&sample| sample as f64 <= bucket.less_than).count();
        assert_eq!(bucket.count, expected as f64, "le {}", bucket.less_than);
    }
    let value = |name| &find(&page, name, &[("stage", "risk")]).value;
    assert_eq!(*value("latency_ns_count"), Value::Untyped(samples.len() as f64));
    assert_eq!(*value("latency_ns_sum"), Value::Untyped(samples.iter().sum::<u64>() as f64));
}

#[test]
fn nanoseconds_are_exported_as_seconds() {
    let registry = Registry::new();
    let config = HistogramConfig::default().decimals(9);
    let latency = registry.histogram("latency_seconds", "", config);
    latency.record(1_500_000_000);
    latency.record(20);
    let page = scrape(&registry);
    assert_eq!(find(&page, "latency_seconds_sum", &[]).value, Value::Untyped(1.500_000_02));
    let (buckets, _) = buckets(find(&page, "latency_seconds", &[]));
    let below_a_second = buckets.iter().filter(|bucket| bucket.less_than < 1.0);
    assert_eq!(below_a_second.map(|bucket| bucket.count).fold(0.0, f64::max), 1.0);
}

/// A program that has never heard of this crate.
mod stranger {
    use metrics::{counter, describe_counter, gauge, histogram};

    pub(crate) fn serve(requests: u64) {
        describe_counter!("http.requests", "Requests served.");
        for i in 0..requests {
            let code = if i % 10 == 0 { "500" } else { "200" };
            counter!("http.requests", "code" => code).increment(1);
            histogram!("http.duration").record(0.001 * i as f64);
        }
        let connections = gauge!("http.connections");
        connections.set(7.5);
        connections.increment(1.0);
        connections.decrement(0.25);
        counter!("http.bytes").absolute(1_000);
        counter!("http.bytes").absolute(900);
        gauge!("http.requests").set(1.0);
    }
}

#[test]
fn macros_of_a_program_that_knows_nothing_of_this_crate_land_in_the_registry() {
    let registry = Registry::new();
    Recorder::new(registry.clone()).install().expect("the first recorder of this process");
    assert!(Recorder::new(Registry::new()).install().is_err(), "a second one is refused");
    std::thread::scope(|scope| [0; 3].map(|_| drop(scope.spawn(|| stranger::serve(100)))));

    assert_eq!(registry.counter_with("http_requests", "", &[("code", "500")]).value(), 30);
    let page = scrape(&registry);
    assert_eq!(page.docs["http_requests"], "Requests served.");
    assert_eq!(find(&page, "http_requests", &[("code", "200")]).value, Value::Counter(270.0));
    assert_eq!(find(&page, "http_bytes", &[]).value, Value::Counter(1_000.0));
    let (buckets, all) = buckets(find(&page, "http_duration", &[]));
    assert_eq!(all, 300.0);
    assert!(buckets.iter().any(|bucket| (0.03..0.1).contains(&bucket.less_than) && bucket.count > 90.0));
    assert_eq!(find(&page, "http_duration_sum", &[]).value, Value::Untyped(14.85));
    let Value::Gauge(connections) = find(&page, "http_connections", &[]).value else { panic!("a gauge") };
    assert!((7.5..9.75).contains(&connections), "{connections}");
    let conflicts = find(&page, "metric_name_conflicts_total", &[]);
    assert_eq!(conflicts.value, Value::Counter(1.0), "a gauge was asked for under a counter's name");
}
