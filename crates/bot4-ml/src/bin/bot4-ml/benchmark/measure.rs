//! Clocks, percentiles and the description of the machine.

use super::report::{EventFigures, Machine};
use bot4_lockfree::metrics::Distribution;
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
    pub(crate) latency_ns: Distribution,
}

impl Collected {
    pub(crate) fn figures(&self) -> EventFigures {
        let per_event = |count: u64| count as f64 / self.events as f64;
        let percentile = |q| self.latency_ns.percentile(q);
        EventFigures {
            events_per_s: 1e9 / self.ns_per_event,
            p50_ns: percentile(0.5),
            p99_ns: percentile(0.99),
            p999_ns: percentile(0.999),
            p9999_ns: percentile(0.9999),
            max_ns: self.latency_ns.max(),
            allocs_per_event: per_event(self.allocated.allocations),
            bytes_per_event: per_event(self.allocated.bytes),
            cpu_ns_per_event: self.cpu_ns_per_event,
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
    let optimised =
        if cfg!(debug_assertions) { "debug assertions on (not a measurement)" } else { "release" };
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
