//! Names, help texts and label sets, each with its metric.

use super::counter::{Columns, Counter};
use super::distribution::HistogramConfig;
use super::frozen::Frozen;
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
    /// Help texts given apart from the metrics.
    described: DashMap<String, String, ahash::RandomState>,
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
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

macro_rules! resolve {
    ($self:ident, $name:ident, $help:ident, $labels:expr, $variant:ident, $kind:expr) => {
        match $self.resolve($name, $help, $labels, $kind) {
            Ok(Metric::$variant(metric)) => metric,
            Ok(_) => unreachable!("the family's kind was compared"),
            Err(registered) => {
                panic!("{} is registered as {registered:?} and was asked for as {:?}", $name, $kind)
            }
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

    /// The metric, made if need be, or the kind that the name belongs to.
    fn resolve(&self, name: &str, help: &str, labels: Labels<'_>, kind: Kind) -> Result<Metric, Kind> {
        let labels = text::labels(name, labels);
        let new_family = || Family { help: help.to_owned(), kind, series: BTreeMap::new() };
        let mut family = self.shared.families.entry(name.to_owned()).or_insert_with(new_family);
        if family.kind != kind {
            return Err(family.kind);
        }
        Ok(family.series.entry(labels).or_insert_with(|| self.make(kind)).clone())
    }

    fn make(&self, kind: Kind) -> Metric {
        match kind {
            Kind::Counter => Metric::Counter(lock(&self.shared.columns).counter()),
            Kind::Gauge => Metric::Gauge(Gauge::new()),
            Kind::FloatGauge => Metric::FloatGauge(FloatGauge::new()),
            Kind::Histogram(config) => Metric::Histogram(Histogram::new(config)),
        }
    }

    /// Replaces the help text of a name, which need not have a metric yet. Blocking (a sharded lock), allocates.
    pub fn describe(&self, name: &str, help: &str) {
        self.shared.described.insert(name.to_owned(), help.to_owned());
    }

    /// The metrics there are now, for finding them by name without a lock. Blocking (one shard at a time), allocates.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        let mut metrics = Vec::new();
        for family in &self.shared.families {
            let full = |labels: &String| text::series(family.key(), labels);
            metrics.extend(family.series.iter().map(|(labels, metric)| (full(labels), metric.clone())));
        }
        Frozen::new(metrics)
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
                let described = self.shared.described.get(&name);
                let help = described.as_deref().unwrap_or(&family.help);
                text::family(out, &name, help, &family)?;
            }
        }
        Ok(())
    }
}

/// For the facade, whose macros cannot report an error: `None` when the name belongs to another kind.
#[cfg(feature = "metrics")]
impl Registry {
    pub(super) fn try_counter(&self, name: &str, labels: Labels<'_>) -> Option<Counter> {
        match self.resolve(name, "", labels, Kind::Counter) {
            Ok(Metric::Counter(counter)) => Some(counter),
            _ => None,
        }
    }

    pub(super) fn try_float_gauge(&self, name: &str, labels: Labels<'_>) -> Option<FloatGauge> {
        match self.resolve(name, "", labels, Kind::FloatGauge) {
            Ok(Metric::FloatGauge(gauge)) => Some(gauge),
            _ => None,
        }
    }

    pub(super) fn try_histogram(
        &self,
        name: &str,
        config: HistogramConfig,
        labels: Labels<'_>,
    ) -> Option<Histogram> {
        match self.resolve(name, "", labels, Kind::Histogram(config)) {
            Ok(Metric::Histogram(histogram)) => Some(histogram),
            _ => None,
        }
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
    fn description_replaces_the_help_text_before_and_after() {
        let registry = Registry::new();
        registry.describe("a", "Described first.");
        let (_, _) = (registry.counter("a", "Given."), registry.counter("b", "Given."));
        registry.describe("b", "Described later.");
        let mut page = String::new();
        registry.render(&mut page).unwrap();
        assert!(page.contains("# HELP a Described first.\n") && page.contains("# HELP b Described later.\n"));
    }

    #[test]
    fn frozen_metrics_are_those_of_the_moment() {
        let registry = Registry::new();
        let early = registry.counter("early", "");
        let (gauge, float) = (registry.gauge("gauge", ""), registry.float_gauge("float", ""));
        let histogram = registry.histogram("histogram", "", HistogramConfig::new(3, 100));
        let frozen = registry.freeze();
        let _ = registry.counter("late", "");
        frozen.counter("early").unwrap().increment(3);
        frozen.gauge("gauge").unwrap().set(-1);
        frozen.float_gauge("float").unwrap().set(0.5);
        frozen.histogram("histogram").unwrap().record(7);
        assert_eq!(
            (early.value(), gauge.value(), float.value(), histogram.snapshot().max()),
            (3, -1, 0.5, 7)
        );
        assert!(frozen.counter("late").is_none() && frozen.counter("gauge").is_none());
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
