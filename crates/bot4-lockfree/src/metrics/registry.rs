//! Names, help texts and label sets, each with its metric.

use super::counter::{Columns, Counter};
use super::distribution::HistogramConfig;
use super::gauge::{FloatGauge, Gauge};
use super::histogram::Histogram;
use super::text;
use crate::sync::{Arc, Mutex, lock};
use dashmap::DashMap;
use std::collections::BTreeMap;
use std::fmt;

/// All metrics of a program (or of a part of it) by name.
///
/// Clones share the metrics. Asking twice for a name and label set gives handles on the same cells. A name belongs to
/// one kind of metric and one histogram configuration for good.
///
/// Registration and rendering are cold: `DashMap`, a sharded lock, and allocations. Keep the handles.
///
/// ```
/// use bot4_lockfree::metrics::Registry;
///
/// let registry = Registry::new();
/// registry.counter("rejects_total", "Orders refused by the risk gate.").increment(1);
/// registry.counter("rejects_total", "").increment(1);
/// registry.counter_with("orders_total", "Orders sent.", &[("side", "buy")]).increment(3);
///
/// let mut page = String::new();
/// registry.render(&mut page)?;
/// assert_eq!(page, "\
/// ## HELP orders_total Orders sent.
/// ## TYPE orders_total counter
/// orders_total{side=\"buy\"} 3
/// ## HELP rejects_total Orders refused by the risk gate.
/// ## TYPE rejects_total counter
/// rejects_total 2
/// ");
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    families: DashMap<String, Family, ahash::RandomState>,
    columns: Mutex<Columns>,
}

/// The metrics of one name.
pub(super) struct Family {
    pub(super) help: String,
    pub(super) kind: Kind,
    /// By their labels as text.
    pub(super) series: BTreeMap<String, Metric>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    FloatGauge,
    Histogram(HistogramConfig),
}

#[derive(Clone)]
pub(super) enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    FloatGauge(FloatGauge),
    Histogram(Histogram),
}

/// Pairs of a label's name and value.
type Labels<'a> = &'a [(&'a str, &'a str)];

macro_rules! resolve {
    ($self:ident, $name:ident, $help:ident, $labels:expr, $variant:ident, $kind:expr) => {
        match $self.resolve($name, $help, $labels, $kind) {
            Metric::$variant(metric) => metric,
            _ => unreachable!("the family's kind was compared"),
        }
    };
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name. Blocking (a sharded lock), allocates.
    ///
    /// # Panics
    /// When the name is not a Prometheus name (`[a-zA-Z_:][a-zA-Z0-9_:]*`) or belongs to another kind of metric.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.counter_with(name, help, &[])
    }

    /// The counter of this name and these labels; the order of the labels does not matter. See
    /// [`counter`](Self::counter).
    ///
    /// # Panics
    /// As `counter`, and when a label's name is not `[a-zA-Z_][a-zA-Z0-9_]*`, or occurs twice.
    #[must_use]
    pub fn counter_with(&self, name: &str, help: &str, labels: Labels<'_>) -> Counter {
        resolve!(self, name, help, labels, Counter, Kind::Counter)
    }

    /// The integer gauge of this name. See [`counter`](Self::counter).
    ///
    /// # Panics
    /// As `counter`.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.gauge_with(name, help, &[])
    }

    /// The integer gauge of this name and these labels. See [`counter_with`](Self::counter_with).
    ///
    /// # Panics
    /// As `counter_with`.
    #[must_use]
    pub fn gauge_with(&self, name: &str, help: &str, labels: Labels<'_>) -> Gauge {
        resolve!(self, name, help, labels, Gauge, Kind::Gauge)
    }

    /// The float gauge of this name. See [`counter`](Self::counter).
    ///
    /// # Panics
    /// As `counter`.
    #[must_use]
    pub fn float_gauge(&self, name: &str, help: &str) -> FloatGauge {
        self.float_gauge_with(name, help, &[])
    }

    /// The float gauge of this name and these labels. See [`counter_with`](Self::counter_with).
    ///
    /// # Panics
    /// As `counter_with`.
    #[must_use]
    pub fn float_gauge_with(&self, name: &str, help: &str, labels: Labels<'_>) -> FloatGauge {
        resolve!(self, name, help, labels, FloatGauge, Kind::FloatGauge)
    }

    /// The histogram of this name. See [`counter`](Self::counter).
    ///
    /// # Panics
    /// As `counter`, and when the name has a histogram of another configuration.
    #[must_use]
    pub fn histogram(&self, name: &str, help: &str, config: HistogramConfig) -> Histogram {
        self.histogram_with(name, help, config, &[])
    }

    /// The histogram of this name and these labels. See [`counter_with`](Self::counter_with).
    ///
    /// # Panics
    /// As `counter_with`, when the name has a histogram of another configuration, and for a label named `le`.
    #[must_use]
    pub fn histogram_with(
        &self,
        name: &str,
        help: &str,
        config: HistogramConfig,
        labels: Labels<'_>,
    ) -> Histogram {
        assert!(labels.iter().all(|(name, _)| *name != "le"), "{name}: the label le is the histogram's own");
        resolve!(self, name, help, labels, Histogram, Kind::Histogram(config))
    }

    fn resolve(&self, name: &str, help: &str, labels: Labels<'_>, kind: Kind) -> Metric {
        let labels = text::labels(name, labels);
        let new_family = || Family { help: help.to_owned(), kind, series: BTreeMap::new() };
        let mut family = self.shared.families.entry(name.to_owned()).or_insert_with(new_family);
        let registered = family.kind;
        assert!(registered == kind, "{name} is registered as {registered:?} and was asked for as {kind:?}");
        family.series.entry(labels).or_insert_with(|| self.make(kind)).clone()
    }

    fn make(&self, kind: Kind) -> Metric {
        match kind {
            Kind::Counter => Metric::Counter(lock(&self.shared.columns).counter()),
            Kind::Gauge => Metric::Gauge(Gauge::new()),
            Kind::FloatGauge => Metric::FloatGauge(FloatGauge::new()),
            Kind::Histogram(config) => Metric::Histogram(Histogram::new(config)),
        }
    }

    /// Writes all metrics in the Prometheus text format, version 0.0.4, sorted by name. Blocking (one shard at a time),
    /// allocates.
    ///
    /// A histogram has one `le` bucket per power of two: `le="1023"` counts the samples of at most 1023, exactly.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut names: Vec<String> = self.shared.families.iter().map(|family| family.key().clone()).collect();
        names.sort_unstable();
        for name in names {
            if let Some(family) = self.shared.families.get(&name) {
                text::family(out, &name, &family)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.shared.families.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_labels_are_one_metric_in_any_order() {
        let registry = Registry::new();
        registry.counter_with("a", "", &[("x", "1"), ("y", "2")]).increment(1);
        registry.counter_with("a", "", &[("y", "2"), ("x", "1")]).increment(1);
        registry.counter_with("a", "", &[("x", "2"), ("y", "1")]).increment(5);
        assert_eq!(registry.counter_with("a", "", &[("x", "1"), ("y", "2")]).value(), 2);
    }

    #[test]
    fn counters_beyond_one_sheet_have_cells_of_their_own() {
        let registry = Registry::new();
        let counters: Vec<_> = (0..100).map(|i| registry.counter(&format!("c{i}"), "")).collect();
        counters.iter().enumerate().for_each(|(i, counter)| counter.increment(i as u64));
        counters.iter().enumerate().for_each(|(i, counter)| assert_eq!(counter.value(), i as u64));
    }

    #[test]
    #[should_panic(expected = "registered as Counter")]
    fn a_name_of_another_kind_panics() {
        let registry = Registry::new();
        let _ = registry.counter("a", "");
        let _ = registry.gauge("a", "");
    }

    #[test]
    #[should_panic(expected = "not a metric name")]
    fn a_name_prometheus_cannot_read_panics() {
        let _ = Registry::new().counter("a-b", "");
    }
}
