//! What the macros of the `metrics` crate record into.

use super::registry::Labels;
use super::{Counter, FloatGauge, Histogram, HistogramConfig, Registry};
use crate::sync::{Mutex, lock};
use ::metrics::{
    CounterFn, GaugeFn, HistogramFn, Key, KeyName, Label, Metadata, SetRecorderError, SharedString, Unit,
};
use dashmap::DashMap;
use std::fmt;
use std::sync::Arc;

/// Decimal places of the samples of the facade's histograms: seconds are kept to the nanosecond.
const DECIMALS: u32 = 9;
/// Buckets for everything that fits, from 10^-9 to 1.8 x 10^10, to 0.8 %: 58 KB per recording thread.
const HISTOGRAM: HistogramConfig = HistogramConfig::new(7, u64::MAX).decimals(DECIMALS);
/// Metrics that were asked for under a name that belongs to another kind.
const CONFLICTS: &str = "metric_name_conflicts_total";

/// Records what a program's `metrics::counter!`, `gauge!` and `histogram!` say into a [`Registry`]; with the feature
/// `metrics`.
///
/// A macro call looks its metric up under a sharded lock, and records without one. Names and labels become Prometheus
/// names: other characters turn into `_`. Gauges are [`FloatGauge`]s. A histogram keeps samples as multiples of 10^-9
/// and exports them in the unit they came in; negative samples and NaN count as 0, and its sum wraps at 1.8 x 10^10.
/// A name that belongs to another kind of metric, which a macro could not report, is not recorded but counted
/// in `metric_name_conflicts_total`.
///
/// ```
/// use bot4_lockfree::metrics::{Recorder, Registry};
///
/// let registry = Registry::new();
/// Recorder::new(registry.clone()).install().expect("no other recorder is installed");
///
/// // Anywhere in the program, without a word of this crate:
/// metrics::counter!("http.requests", "code" => "200").increment(3);
///
/// assert_eq!(registry.counter_with("http_requests", "", &[("code", "200")]).value(), 3);
/// ```
pub struct Recorder {
    inner: Box<Inner>,
}

struct Inner {
    registry: Registry,
    counters: Handles<::metrics::Counter>,
    gauges: Handles<::metrics::Gauge>,
    histograms: Handles<::metrics::Histogram>,
    conflicts: Counter,
}

type Handles<H> = DashMap<Key, H, ahash::RandomState>;

impl Recorder {
    /// A recorder into `registry`. Allocates.
    ///
    /// # Panics
    /// When `registry` has a metric of another kind named `metric_name_conflicts_total`.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let conflicts = registry.counter(CONFLICTS, "Metrics asked for under a name of another kind.");
        let (counters, gauges, histograms) = (Handles::default(), Handles::default(), Handles::default());
        Self { inner: Box::new(Inner { registry, counters, gauges, histograms, conflicts }) }
    }

    /// Makes it the recorder of the whole program.
    ///
    /// # Errors
    /// When the program has one already; this recorder is in the error.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        ::metrics::set_global_recorder(self)
    }

    /// The handle of `key`: made once by `make`, or a silent one when the name is another kind's.
    fn handle<H: Clone>(
        &self,
        handles: &Handles<H>,
        key: &Key,
        make: impl FnOnce(&str, Labels<'_>) -> Option<H>,
        silent: fn() -> H,
    ) -> H {
        if let Some(handle) = handles.get(key) {
            return handle.clone();
        }
        let made = handles.entry(key.clone()).or_insert_with(|| {
            let labels = labels(key);
            let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            make(&name(key.name(), ':'), &labels).unwrap_or_else(|| {
                self.inner.conflicts.increment(1);
                silent()
            })
        });
        made.clone()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("registry", &self.inner.registry).finish_non_exhaustive()
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.inner.registry.describe(&name(key.as_str(), ':'), &help);
    }

    fn describe_gauge(&self, key: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.inner.registry.describe(&name(key.as_str(), ':'), &help);
    }

    fn describe_histogram(&self, key: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.inner.registry.describe(&name(key.as_str(), ':'), &help);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> ::metrics::Counter {
        let make = |name: &str, labels: Labels<'_>| {
            let counter = self.inner.registry.try_counter(name, labels)?;
            Some(::metrics::Counter::from_arc(Arc::new(Total { counter, absolute: Mutex::new(()) })))
        };
        self.handle(&self.inner.counters, key, make, ::metrics::Counter::noop)
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> ::metrics::Gauge {
        let make = |name: &str, labels: Labels<'_>| {
            Some(::metrics::Gauge::from_arc(Arc::new(Level(
                self.inner.registry.try_float_gauge(name, labels)?,
            ))))
        };
        self.handle(&self.inner.gauges, key, make, ::metrics::Gauge::noop)
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> ::metrics::Histogram {
        let make = |name: &str, labels: Labels<'_>| {
            let histogram = self.inner.registry.try_histogram(name, HISTOGRAM, labels)?;
            Some(::metrics::Histogram::from_arc(Arc::new(Samples(histogram))))
        };
        self.handle(&self.inner.histograms, key, make, ::metrics::Histogram::noop)
    }
}

struct Total {
    counter: Counter,
    absolute: Mutex<()>,
}

impl CounterFn for Total {
    fn increment(&self, value: u64) {
        self.counter.increment(value);
    }

    /// Adds what is missing to `value`. Blocking towards other calls of it.
    fn absolute(&self, value: u64) {
        let _one_at_a_time = lock(&self.absolute);
        self.counter.increment(value.saturating_sub(self.counter.value()));
    }
}

struct Level(FloatGauge);

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    fn decrement(&self, value: f64) {
        self.0.add(-value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

struct Samples(Histogram);

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        // The cast saturates, and makes 0 of NaN.
        self.0.record((value * 10_f64.powi(DECIMALS as i32)).round() as u64);
    }
}

/// A Prometheus name; `also` is a further character that may stand in it.
fn name(name: &str, also: char) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == also;
    let mut sane: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if !sane.starts_with(|c: char| !c.is_ascii_digit()) {
        sane.insert(0, '_');
    }
    sane
}

/// The labels of a key as Prometheus takes them: each name once, and none that belongs to histograms.
fn labels(key: &Key) -> Vec<(String, String)> {
    let label = |label: &Label| match name(label.key(), '_') {
        name if name == "le" => ("exported_le".to_owned(), label.value().to_owned()),
        name => (name, label.value().to_owned()),
    };
    let mut labels: Vec<_> = key.labels().map(label).collect();
    labels.sort();
    labels.dedup_by(|later, earlier| later.0 == earlier.0);
    labels
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_become_prometheus_ones() {
        assert_eq!(name("http.request-duration", ':'), "http_request_duration");
        assert_eq!(
            (name("5xx", ':'), name("", ':'), name("a:b", ':')),
            ("_5xx".into(), "_".into(), "a:b".into())
        );
        let key =
            Key::from_parts("a", vec![Label::new("x:y", "1"), Label::new("le", "2"), Label::new("x_y", "3")]);
        let expected = [("exported_le", "2"), ("x_y", "1")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(labels(&key), expected);
    }
}
