//! A stream's promises: exactly once, in order, nothing lost in silence.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bot4_lockfree::metrics::{HistogramConfig, Registry};
use bot4_lockfree::wait::Wait;
use bot4_pipeline::stream::{Overload, RunReason, Settings, StageReport, Stream, TIMED};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Stops for a while now and then, each time for another while.
struct Stalls(u64);

impl Stalls {
    fn maybe(&mut self) {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match self.0 >> 48 {
            0..4 => thread::sleep(Duration::from_micros(self.0 >> 32 & 0xff)),
            4..40 => thread::yield_now(),
            _ => {}
        }
    }
}

/// Sends numbers through two stages, all of which stall, and checks that what arrives is exactly what was not left
/// out on purpose.
fn numbers_arrive_once_in_order(count: u64, settings: &Settings) {
    let mut stalls = [1, 2, 3, 4].map(Stalls);
    let [source, first, second, third] = &mut stalls;
    let mut expected = (0..count).filter(|n| n % 7 != 3).map(|n| (n, !n));
    let report = Stream::from_source("feed", (0..count).inspect(|_| source.maybe()))
        .then("double", |n| {
            first.maybe();
            Some((n, !n))
        })
        .then("filter", |pair: (u64, u64)| {
            second.maybe();
            (pair.0 % 7 != 3).then_some(pair)
        })
        .run(
            "check",
            |pair| {
                third.maybe();
                assert_eq!(Some(pair), expected.next());
            },
            settings,
        )
        .unwrap();
    assert_eq!(expected.next(), None);
    assert_eq!((report.accepted, report.dropped, report.processed), (count, 0, count));
    let left_out = (count + 3) / 7;
    let seen: Vec<_> = report.stages.iter().map(|stage| (stage.name, stage.taken, stage.ended)).collect();
    assert_eq!(
        seen,
        [
            ("feed", count, 0),
            ("double", count, 0),
            ("filter", count, left_out),
            ("check", count - left_out, count - left_out)
        ]
    );
}

#[test]
fn ten_million_numbers_arrive_once_and_in_order() {
    numbers_arrive_once_in_order(10_000_000, &Settings::default());
}

#[test]
fn every_way_to_wait_and_every_capacity_arrives() {
    let park = Wait::Park { interval: Duration::from_micros(50) };
    for (wait, capacity) in [(Wait::Yield, 1), (Wait::Yield, 3), (park, 2), (park, 1_000)] {
        numbers_arrive_once_in_order(20_000, &Settings { wait, capacity, ..Settings::default() });
    }
    // Spinning threads on fewer cores than threads take a time slice each: few events.
    numbers_arrive_once_in_order(50, &Settings { wait: Wait::Spin, ..Settings::default() });
}

#[test]
fn no_event_is_a_clean_end_too() {
    let report = Stream::from_source("feed", 0..0).run("write", |_| {}, &Settings::default()).unwrap();
    let stage = |name| StageReport { name, taken: 0, passed: 0, ended: 0 };
    assert_eq!(report.stages, [stage("feed"), stage("write")]);
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let (count, capacity) = (1_000, 4);
    let source_ended = AtomicBool::new(false);
    let source = (0..count).chain(std::iter::from_fn(|| {
        source_ended.store(true, Ordering::Relaxed);
        None
    }));
    let mut got = Vec::new();
    let settings = Settings { capacity, overload: Overload::Drop, ..Settings::default() };
    let report = Stream::from_source("feed", source)
        .run(
            "write",
            |n| {
                while !source_ended.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                got.push(n);
            },
            &settings,
        )
        .unwrap();
    assert!(got.is_sorted() && (capacity..=2 * capacity).contains(&got.len()), "{got:?}");
    assert_eq!((report.accepted, report.processed), (got.len() as u64, got.len() as u64));
    assert_eq!(report.accepted + report.dropped, count);
}

#[test]
fn a_requested_end_processes_what_was_accepted() {
    let settings = Settings::default();
    let (stop, mut taken) = (settings.stop.clone(), 0);
    let report = Stream::from_source("feed", 0_u64..)
        .then("decide", |n| {
            if n == 10_000 {
                stop.request();
            }
            Some(n)
        })
        .run("write", |n| taken = n + 1, &settings)
        .unwrap();
    assert!(report.accepted > 10_000);
    assert_eq!((report.processed, taken), (report.accepted, report.accepted));
    // An end requested before the start: nothing is taken.
    assert_eq!(Stream::from_source("feed", 0..9).run("write", |_| {}, &settings).unwrap().accepted, 0);
}

/// Counts how many of it exist.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(alive: &'a AtomicU64) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_panic_names_its_stage_and_accounts_for_every_event() {
    const AT: u64 = 5_000;
    for broken in ["feed", "decide", "write"] {
        let break_at = |stage: &str, n: u64| assert!(stage != broken || n != AT, "number {n} in {stage}");
        let alive = AtomicU64::new(0);
        let (mut sunk, settings) = (0, Settings { capacity: 64, ..Settings::default() });
        let source = (0..100_000).map(|n| {
            break_at("feed", n);
            (n, Counted::new(&alive))
        });
        let error = Stream::from_source("feed", source)
            .then("decide", |(n, counted)| {
                break_at("decide", n);
                Some((n, counted))
            })
            .run(
                "write",
                |(n, _)| {
                    break_at("write", n);
                    sunk += 1;
                },
                &settings,
            )
            .unwrap_err();
        assert_eq!(error.stage, broken);
        assert_eq!(error.reason, RunReason::Panic(format!("number {AT} in {broken}")));
        // What came before the broken event was processed; what was accepted after it is accounted for.
        let report = &error.report;
        assert_eq!((sunk, report.processed), (AT, AT), "{broken}");
        assert_eq!(report.accepted, AT + report.unprocessed());
        assert_eq!(report.unprocessed() > 0, broken != "feed");
        assert!(report.unprocessed() <= 200, "{report:?}");
        assert_eq!(alive.load(Ordering::Relaxed), 0, "an event was forgotten");
        let text = format!("stage `{broken}` panicked: number 5000 in {broken} (accepted ");
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}

#[test]
fn one_in_so_many_latencies_is_recorded_wherever_the_event_ends() {
    let histogram = Registry::new().histogram("latency_ns", "Latency.", HistogramConfig::default());
    let settings = Settings { latency: Some(histogram.clone()), ..Settings::default() };
    let pause = |n: u64| (n == 0).then(|| thread::sleep(Duration::from_millis(5)));
    Stream::from_source("feed", 0..10_000)
        .then("decide", |n| {
            pause(n);
            (n % 2 == 0 && n < 5_000).then_some(n)
        })
        .run("write", |_| {}, &settings)
        .unwrap();
    let snapshot = histogram.snapshot();
    assert_eq!(snapshot.count(), 10_000_u64.div_ceil(TIMED));
    assert!(snapshot.max() >= 5_000_000, "{}", snapshot.max());
}

#[test]
fn nothing_is_allocated_per_event() {
    /// Allocations of a thread between its 100th and its last event.
    fn watch(cell: &Cell<(u64, u64, u64)>) {
        let now = audit::thread_counts();
        let (seen, start, _) = cell.get();
        let start = if seen < 100 { now.allocations } else { start };
        cell.set((seen + 1, start, now.allocations));
    }
    let histogram = Registry::new().histogram("latency_ns", "Latency.", HistogramConfig::default());
    let settings = Settings { latency: Some(histogram), ..Settings::default() };
    let [mut source, mut stage, mut sink] = [const { Cell::new((0, 0, 0)) }; 3];
    let (from, through, into) = (&mut source, &mut stage, &mut sink);
    Stream::from_source("feed", (0..20_000).inspect(move |_| watch(from)))
        .then("decide", move |n| {
            watch(through);
            Some(n)
        })
        .run("write", |_| watch(into), &settings)
        .unwrap();
    for cell in [source, stage, sink] {
        let (seen, start, end) = cell.get();
        assert_eq!((seen, end - start), (20_000, 0));
    }
}

#[cfg(all(feature = "pin", target_os = "linux"))]
#[test]
fn threads_are_pinned_or_the_run_fails() {
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::Pid;
    let allowed = || sched_getaffinity(Pid::from_raw(0)).unwrap();
    let core = (0..CpuSet::count()).find(|&core| allowed().is_set(core).unwrap()).unwrap();
    let run = |cores| {
        let settings = Settings { cores, ..Settings::default() };
        let pinned = |n: u32| {
            (0..CpuSet::count()).filter(|&core| allowed().is_set(core).unwrap()).eq([core]).then_some(n)
        };
        Stream::from_source("feed", 0..100).then("decide", pinned).run("write", |_| {}, &settings)
    };
    assert_eq!(run(vec![core, core]).unwrap().stages[2].ended, 100);
    let error = run(vec![core, 1_023]).unwrap_err();
    assert_eq!(error.stage, "decide");
    assert!(matches!(error.reason, RunReason::Thread(reason) if reason.contains("core 1023")));
}
