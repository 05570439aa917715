//! Clocks, percentiles and the description of the machine.

use super::report::{EventFigures, Machine};
use bot4_lockfree::metrics::{Distribution, HistogramConfig};
use bot4_pool::audit::Counts;
use bot4_simd::Isa;
use std::fs;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// What a section collected about one path.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) events: u64,
    pub(crate) ns_per_event: f64,
    pub(crate) cpu_ns_per_event: Option<f64>,
    pub(crate) allocated: Counts,
    pub(crate) latency: Percentiles,
    pub(crate) locks_per_event: Option<f64>,
}

/// Percentiles of latency, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) p9999: u64,
    pub(crate) max: u64,
}

impl Percentiles {
    pub(crate) fn of(latency_ns: &Distribution) -> Self {
        let percentile = |q| latency_ns.percentile(q);
        Self {
            p50: percentile(0.5),
            p99: percentile(0.99),
            p999: percentile(0.999),
            p9999: percentile(0.9999),
            max: latency_ns.max(),
        }
    }

    /// Up to p99.9 the median of rounds of `round` events each; beyond, over all events. A host that stops a virtual core for
    /// milliseconds spoils the rounds it hits, which the second value shows: the p99 of the worst one.
    pub(crate) fn of_rounds(latencies_ns: &[u64], round: usize) -> (Self, u64) {
        let rounds: Vec<Self> =
            latencies_ns.chunks(round).map(|round| Self::of(&distribution(round))).collect();
        let middle =
            |of: fn(&Self) -> u64| median(rounds.iter().map(|round| of(round) as f64).collect()) as u64;
        let all = Self::of(&distribution(latencies_ns));
        let typical = Self {
            p50: middle(|round| round.p50),
            p99: middle(|round| round.p99),
            p999: middle(|round| round.p999),
            ..all
        };
        (typical, rounds.iter().map(|round| round.p99).max().unwrap_or_default())
    }
}

fn distribution(values: &[u64]) -> Distribution {
    let mut distribution = Distribution::new(HistogramConfig::default());
    values.iter().for_each(|&value| distribution.record(value));
    distribution
}

impl Collected {
    pub(crate) fn figures(&self) -> EventFigures {
        let per_event = |count: u64| count as f64 / self.events as f64;
        EventFigures {
            events_per_s: 1e9 / self.ns_per_event,
            p50_ns: self.latency.p50,
            p99_ns: self.latency.p99,
            p999_ns: self.latency.p999,
            p9999_ns: self.latency.p9999,
            max_ns: self.latency.max,
            worst_round_p99_ns: None,
            allocs_per_event: per_event(self.allocated.allocations),
            bytes_per_event: per_event(self.allocated.bytes),
            cpu_ns_per_event: self.cpu_ns_per_event,
            locks_per_event: self.locks_per_event,
        }
    }
}

/// Adds what a region allocated to a running total.
pub(crate) fn accumulate(total: &mut Counts, region: Counts) {
    total.allocations += region.allocations;
    total.deallocations += region.deallocations;
    total.bytes += region.bytes;
}

/// The middle value; of an even number of values, the lower middle one. Zero of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// Whole nanoseconds; saturates after five centuries.
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Median distance of two readings of the clock, which every latency below includes once.
fn timer_overhead_ns() -> u64 {
    let readings = (0..10_001).map(|_| {
        let start = Instant::now();
        start.elapsed().as_nanos() as f64
    });
    median(readings.collect()) as u64
}

pub(crate) fn machine(isa: Isa) -> Machine {
    Machine {
        cpu: cpu_name(),
        cores: available_parallelism().map_or(1, usize::from),
        isa: isa.to_string(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        build: build(),
        timer_overhead_ns: timer_overhead_ns(),
    }
}

fn cpu_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| String::from("unknown CPU"), |(_, name)| name.trim().to_owned())
}

/// What the compiler was told, as far as a program can see it.
fn build() -> String {
    let optimised = if cfg!(debug_assertions) { "debug, not a measurement" } else { "release" };
    let panics = if cfg!(panic = "abort") { "panic abort" } else { "panic unwind" };
    let level = if cfg!(target_feature = "avx512f") {
        "compiled for AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "compiled for AVX2"
    } else {
        "compiled for the baseline CPU"
    };
    format!("{optimised}, {panics}, {level}")
}

#[cfg(test)]
mod tests {
    use super::Percentiles;

    #[test]
    fn one_disturbed_round_moves_the_tail_and_the_worst_round_only() {
        let mut latencies = vec![100; 10_000];
        latencies[2_000..2_500].fill(3_000_000);
        let (typical, worst_p99) = Percentiles::of_rounds(&latencies, 1_000);
        assert_eq!((typical.p50, typical.p99, typical.p999), (100, 100, 100));
        assert!(typical.p9999 >= 3_000_000 && typical.max == 3_000_000, "{typical:?}");
        assert!(worst_p99 >= 3_000_000);
    }

    #[test]
    fn a_slow_path_is_slow_in_every_round() {
        let latencies: Vec<u64> = (0..10_000).map(|i| if i % 50 == 0 { 3_000_000 } else { 100 }).collect();
        assert!(Percentiles::of_rounds(&latencies, 1_000).0.p99 >= 3_000_000);
    }
}
