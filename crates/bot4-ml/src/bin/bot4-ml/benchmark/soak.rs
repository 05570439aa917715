//! `--soak SECONDS`: does the optimised path stay as it began?
//!
//! One thread offers quotes at a fixed rate, numbered, for as long as was asked for; one decides about them and checks
//! the numbers; this one reads the resident memory and prints a line per window. Latency counts from the moment a
//! quote was due. The run fails when a quote is lost or comes twice, when the deciding thread allocates, or when
//! memory grows beyond its noise.

mod report;
mod trend;

use super::Run;
use super::measure::{Percentiles, ns};
use super::new::{Desk, NewPath};
use super::offered::{Message, pop, publish_now_and_then, push};
use crate::failure::Failure;
use crate::output;
use bot4_lockfree::metrics::{Distribution, HistogramConfig};
use bot4_lockfree::spsc::{self, Consumer, Producer};
use bot4_lockfree::wait::Wait;
use bot4_pipeline::Quote;
use bot4_pool::audit::{self, Counts};
use report::{Memory, Soak, Tail, WindowFigures};
use std::fs;
use std::hint::spin_loop;
use std::io;
use std::thread;
use std::time::{Duration, Instant};
use trend::Trend;

pub(crate) use report::SoakReport;

/// Quotes in flight: a tenth of a second of them at the default rate. When the ring is full, the feeding thread waits.
const CAPACITY: usize = 1 << 13;
/// A window lasts this long, or an eighth of a short run.
const WINDOW_NS_MAX: u64 = 10_000_000_000;
const WINDOWS_MIN: u64 = 8;
/// Histograms that go round between the deciding thread and this one.
const SPARES: usize = 4;
const WAIT: Wait = Wait::Park { interval: Duration::from_millis(1) };

/// When each quote is due and where windows end.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rate_per_s: u64,
    events: u64,
    window_ns: u64,
}

impl Plan {
    fn new(rate_per_s: u32, seconds: u32) -> Self {
        let (rate_per_s, seconds) = (u64::from(rate_per_s), u64::from(seconds));
        let window_ns = WINDOW_NS_MAX.min(seconds * 1_000_000_000 / WINDOWS_MIN);
        Self { rate_per_s, events: rate_per_s * seconds, window_ns }
    }

    fn due_ns(&self, number: u64) -> u64 {
        number / self.rate_per_s * 1_000_000_000 + number % self.rate_per_s * 1_000_000_000 / self.rate_per_s
    }

    fn windows(&self) -> usize {
        (self.due_ns(self.events) / self.window_ns) as usize
    }
}

/// What the deciding thread saw in one window.
#[derive(Debug)]
struct Window {
    latency_ns: Distribution,
    received: u64,
    /// Numbers that were left out.
    missing: u64,
    /// Numbers that came again, or late.
    repeated: u64,
}

impl Window {
    fn new(latency_ns: Distribution) -> Self {
        Self { latency_ns, received: 0, missing: 0, repeated: 0 }
    }
}

/// Runs, prints as it goes, and says what came of it.
pub(super) fn run(run: &Run<'_>, seconds: u32) -> Result<Soak, Failure> {
    let plan = Plan::new(run.rate_per_s, seconds);
    let desk = run.desk();
    desk.fill_cache();
    let mut figures = Vec::with_capacity(plan.windows() + 1);
    let (sent, allocated) = output::to_stdout_giving(|out| {
        report::print_head(seconds, plan.rate_per_s, out)?;
        threads(run, plan, &desk, |window| {
            figures.push(window);
            report::print_window(&window, out)
        })
    })?
    .ok_or_else(|| Failure::new("nobody reads the figures: the soak was not finished"))?;
    Ok(summary(run, seconds, sent, allocated, figures))
}

/// Feeds and decides on threads of their own and hands every window on. Quotes sent, and what deciding allocated.
fn threads(
    run: &Run<'_>,
    plan: Plan,
    desk: &Desk,
    mut on_window: impl FnMut(WindowFigures) -> io::Result<()>,
) -> io::Result<(u64, Counts)> {
    let (to_decide, mut from_feed) = spsc::ring(CAPACITY);
    let (mut full, windows) = spsc::ring(SPARES);
    let (mut spares, mut empty) = spsc::ring(SPARES);
    for _ in 0..SPARES {
        spares.push(Distribution::new(HistogramConfig::default())).expect("room for all");
    }
    let start = Instant::now();
    thread::scope(|scope| {
        // They end with this closure, and with them the threads, when nobody reads the figures.
        let (mut windows, mut spares) = (windows, spares);
        let feeding = scope.spawn(move || feed(run, plan, desk, start, to_decide));
        let deciding =
            scope.spawn(move || decide(&mut desk.path(), plan, start, &mut from_feed, &mut full, &mut empty));
        let mut at_ns = 0;
        while let Some(mut window) = windows.pop_wait(WAIT) {
            at_ns += plan.window_ns;
            on_window(figures(at_ns.min(plan.due_ns(plan.events)), &window))?;
            window.latency_ns.clear();
            // Given back or, at the end, not wanted any more.
            drop(spares.push(window.latency_ns));
        }
        let sent = feeding.join().expect("the feeding thread does not panic");
        Ok((sent, deciding.join().expect("the deciding thread does not panic")))
    })
}

/// Offers the measured quotes over and over, later each time round, none before it is due. Returns how many.
fn feed(run: &Run<'_>, plan: Plan, desk: &Desk, start: Instant, mut to: Producer<Message>) -> u64 {
    let quotes = run.events.measured();
    let span_ns = quotes.last().zip(quotes.first()).map_or(0, |(last, first)| last.ts - first.ts + 1);
    for number in 0..plan.events {
        let (round, place) = (number / quotes.len() as u64, number % quotes.len() as u64);
        let quote = quotes[place as usize];
        let quote = Quote { ts: quote.ts + round * span_ns, ..quote };
        let due = start + Duration::from_nanos(plan.due_ns(number));
        while Instant::now() < due {
            spin_loop();
        }
        if push(&mut to, (quote, number)).is_err() {
            return number;
        }
        publish_now_and_then(desk, number as usize);
    }
    plan.events
}

/// Decides about every quote and gives each window away when it is over. Returns what that allocated.
fn decide(
    path: &mut NewPath<'_>,
    plan: Plan,
    start: Instant,
    from: &mut Consumer<Message>,
    full: &mut Producer<Window>,
    spares: &mut Consumer<Distribution>,
) -> Counts {
    let Ok(first) = spares.pop() else { return Counts::default() };
    let (mut window, mut end_ns, mut expected) = (Window::new(first), plan.window_ns, 0);
    let mut before = audit::thread_counts();
    while let Some((quote, number)) = pop(from) {
        let due_ns = plan.due_ns(number);
        if due_ns >= end_ns {
            let Some(spare) = spares.pop_wait(WAIT) else { break };
            if full.push_wait(std::mem::replace(&mut window, Window::new(spare)), WAIT).is_err() {
                break;
            }
            if end_ns == plan.window_ns {
                before = audit::thread_counts(); // the first window warms up
            }
            end_ns += plan.window_ns;
        }
        std::hint::black_box(path.on_quote(&quote));
        window.latency_ns.record(ns(start.elapsed()).saturating_sub(due_ns));
        window.received += 1;
        window.missing += number.saturating_sub(expected);
        window.repeated += u64::from(number < expected);
        expected = expected.max(number + 1);
    }
    let allocated = audit::thread_counts().since(before);
    // Nobody may be left to want it.
    drop(full.push_wait(window, WAIT));
    allocated
}

fn figures(until_ns: u64, window: &Window) -> WindowFigures {
    let latency = Percentiles::of(&window.latency_ns);
    WindowFigures {
        until_s: until_ns as f64 / 1e9,
        resident_kib: resident_kib(),
        received: window.received,
        p50_ns: latency.p50,
        p99_ns: latency.p99,
        p999_ns: latency.p999,
        max_ns: latency.max,
        missing: window.missing,
        repeated: window.repeated,
    }
}

/// Resident memory of this process; `None` where the system does not say.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn summary(run: &Run<'_>, seconds: u32, sent: u64, allocated: Counts, windows: Vec<WindowFigures>) -> Soak {
    let sum = |of: fn(&WindowFigures) -> u64| windows.iter().map(of).sum::<u64>();
    // The first window warms up: caches, lazily mapped pages, the clock of the processor.
    let settled = windows.get(1..).unwrap_or_default();
    let samples: Vec<(f64, f64)> =
        settled.iter().filter_map(|window| Some((window.until_s, window.resident_kib? as f64))).collect();
    let memory = Trend::of(&samples).map(|trend| Memory {
        first_kib: samples.first().map_or(0.0, |(_, kib)| *kib) as u64,
        last_kib: samples.last().map_or(0.0, |(_, kib)| *kib) as u64,
        slope_kib_per_min: 60.0 * trend.slope,
        standard_error_kib_per_min: 60.0 * trend.standard_error,
        grows: trend.rises(),
    });
    Soak {
        seconds,
        rate_per_s: run.rate_per_s,
        sent,
        received: sum(|window| window.received),
        missing: sum(|window| window.missing),
        repeated: sum(|window| window.repeated),
        allocations: allocated.allocations,
        memory,
        tail: Tail::of(settled),
        windows,
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn quotes_are_due_evenly_and_windows_end_with_the_run() {
        let plan = Plan::new(100_000, 600);
        assert_eq!((plan.events, plan.windows()), (60_000_000, 60));
        assert_eq!(plan.due_ns(0), 0);
        assert_eq!(plan.due_ns(1), 10_000);
        assert_eq!(plan.due_ns(plan.events), 600_000_000_000);
        let short = Plan::new(30_000, 2);
        assert_eq!((short.windows(), short.window_ns), (8, 250_000_000));
        assert_eq!(short.due_ns(30_001), 1_000_033_333, "no rounding adds up");
        let long = Plan::new(10_000_000, 86_400);
        assert_eq!(
            long.due_ns(long.events),
            86_400_000_000_000,
            "a day at the highest rate does not overflow"
        );
    }
}
