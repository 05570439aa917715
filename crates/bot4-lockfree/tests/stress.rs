//! Many threads, checksums at the end, and threads that are stopped at the worst moment: more of them than cores, each
//! giving up its core at seeded random points (`BOT4_SEED` repeats a run).
#![cfg(not(bot4_loom))]

use bot4_lockfree::budget::{Budget, RateLimit};
use bot4_lockfree::metrics::{HistogramConfig, Registry};
use bot4_lockfree::snapshot::{Latest, Published};
use bot4_lockfree::spsc::{self, PopError};
use bot4_lockfree::{mpmc, wait::Wait};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

/// A seeded source of preemption: SplitMix64 over a thread's own state.
struct Preempt(u64);

impl Preempt {
    fn new(thread: u64) -> Self {
        let seed = std::env::var("BOT4_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
        Self(seed ^ (thread << 32))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One time in 64 the thread gives up its core.
    fn maybe(&mut self) {
        if self.next().is_multiple_of(64) {
            thread::yield_now();
        }
    }
}

/// A message that knows whether it is whole.
fn sealed(number: u64) -> [u64; 8] {
    std::array::from_fn(|i| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(i as u32))
}

#[test]
fn ring_carries_whole_messages_in_order() {
    // A full ring costs a turn of the scheduler: as many messages as give each size about as many turns.
    for (capacity, total) in [(1, 2_000), (3, 4_000), (64, 60_000)] {
        let (mut producer, mut consumer) = spsc::ring(capacity);
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut preempt, mut sent) = (Preempt::new(1), 0);
                while sent < total {
                    preempt.maybe();
                    let batch = preempt.next() % 5;
                    if batch == 0 {
                        producer.push_wait(sealed(sent), Wait::Yield).unwrap();
                        sent += 1;
                    } else {
                        let pushed = producer.push_each((sent..total.min(sent + batch)).map(sealed));
                        sent += pushed as u64;
                        if pushed == 0 {
                            thread::yield_now();
                        }
                    }
                }
            });
            let (mut preempt, mut expected) = (Preempt::new(2), 0);
            loop {
                preempt.maybe();
                let mut check = |message: [u64; 8]| {
                    assert_eq!(message, sealed(expected));
                    expected += 1;
                };
                if preempt.next().is_multiple_of(2) && consumer.pop_each(7, &mut check) > 0 {
                    continue;
                }
                match consumer.pop() {
                    Ok(message) => check(message),
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => break,
                }
            }
            assert_eq!(expected, total);
        });
    }
}

#[test]
fn queue_delivers_each_message_to_one_consumer() {
    for (capacity, each) in [(2, 500), (16, 4_000_u64)] {
        let (producer, consumer) = mpmc::queue(capacity);
        let (count, sum) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for id in 0..4 {
                let (producer, mut preempt) = (producer.clone(), Preempt::new(id));
                scope.spawn(move || {
                    for i in 0..each {
                        preempt.maybe();
                        producer.push_wait(id * each + i, Wait::Yield).unwrap();
                    }
                });
                let consumer = consumer.clone();
                let (count, sum) = (&count, &sum);
                scope.spawn(move || {
                    while let Some(value) = consumer.pop_wait(Wait::Yield) {
                        count.fetch_add(1, Relaxed);
                        sum.fetch_add(value, Relaxed);
                    }
                });
            }
            drop(producer);
        });
        let n = 4 * each;
        assert_eq!((count.into_inner(), sum.into_inner()), (n, n * (n - 1) / 2));
    }
}

#[test]
fn queue_closed_by_a_consumer_forgets_no_accepted_message() {
    for round in 0..20 {
        let (producer, consumer) = mpmc::queue(8);
        let accepted = AtomicU64::new(0);
        let popped = thread::scope(|scope| {
            for id in 0..3 {
                let (producer, accepted) = (producer.clone(), &accepted);
                let mut preempt = Preempt::new(100 * round + id);
                scope.spawn(move || {
                    while producer.push_wait(1_u64, Wait::Yield).is_ok() {
                        accepted.fetch_add(1, Relaxed);
                        preempt.maybe();
                    }
                });
            }
            drop(producer);
            let mut popped = 0;
            while let Some(one) = consumer.pop_wait(Wait::Yield) {
                popped += one;
                if popped == 200 {
                    consumer.close();
                }
            }
            popped
        });
        assert_eq!(popped, accepted.into_inner(), "round {round}");
    }
}

#[test]
fn budget_holds_its_limit_under_many_threads() {
    let (budget, admitted, limit) = (Budget::new(100), AtomicU64::new(0), 100);
    thread::scope(|scope| {
        for id in 0..6 {
            let (budget, admitted) = (&budget, &admitted);
            scope.spawn(move || {
                let (mut preempt, mut successes) = (Preempt::new(id), 0);
                for _ in 0..20_000 {
                    let n = preempt.next() % 60;
                    if budget.try_reserve(n).is_ok() {
                        let now = admitted.fetch_add(n, Relaxed) + n;
                        assert!(now <= limit, "{now} admitted");
                        preempt.maybe();
                        admitted.fetch_sub(n, Relaxed);
                        budget.release(n);
                        successes += 1;
                    }
                }
                assert!(successes > 0);
            });
        }
    });
    assert_eq!(budget.in_use(), 0);
}

#[test]
fn rate_limit_holds_in_every_window() {
    let (limit, clock, window) = (RateLimit::new(10, 1_000), AtomicU64::new(5_000), 1_000);
    let mut admitted: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|id| {
                let (limit, clock) = (&limit, &clock);
                scope.spawn(move || {
                    let (mut preempt, mut admitted) = (Preempt::new(id), Vec::new());
                    for _ in 0..20_000 {
                        let now = clock.fetch_add(preempt.next() % 20, Relaxed);
                        preempt.maybe();
                        admitted.extend(limit.try_acquire(now).then_some(now));
                    }
                    admitted
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    admitted.sort_unstable();
    assert!(admitted.len() > 1_000, "only {} admitted", admitted.len());
    assert_eq!(admitted.len() as u64, limit.admitted());
    // Events n numbers apart are a window apart, whatever the order in which the threads came: so are the sorted ones.
    for pair in admitted.windows(11) {
        assert!(pair[10] - pair[0] >= window, "{pair:?}");
    }
}

#[test]
fn latest_is_whole_and_its_versions_grow() {
    let latest = Latest::new(sealed(0));
    let last = 100_000;
    thread::scope(|scope| {
        for id in 0..3 {
            let (mut reader, mut preempt) = (latest.reader(), Preempt::new(id));
            scope.spawn(move || {
                let mut version = 0;
                while version < last {
                    let value = reader.read();
                    assert_eq!(value, sealed(reader.version()));
                    assert!(reader.version() >= version);
                    version = reader.version();
                    preempt.maybe();
                }
            });
        }
        // Writers come and go: each continues where the last one stopped.
        let mut number = 0;
        while number < last {
            let mut writer = latest.writer().expect("the last one was dropped");
            for _ in 0..1_000 {
                number += 1;
                writer.write(sealed(number));
            }
        }
    });
}

#[test]
fn published_is_whole_with_readers_that_come_and_go() {
    let published = Published::new(sealed(0).to_vec());
    thread::scope(|scope| {
        for id in 0..4 {
            let (published, mut preempt) = (published.clone(), Preempt::new(id));
            scope.spawn(move || {
                for _ in 0..200 {
                    let mut reader = published.reader();
                    for _ in 0..preempt.next() % 50 {
                        let value = reader.get().to_vec();
                        assert_eq!(value, sealed(value[0].wrapping_mul(0xF1DE_83E1_9937_733D)));
                        preempt.maybe();
                    }
                }
            });
        }
        for publisher in 0..2 {
            let (published, mut preempt) = (published.clone(), Preempt::new(10 + publisher));
            scope.spawn(move || {
                for i in 0..3_000 {
                    let value = sealed(2 * i + publisher);
                    if publisher == 0 {
                        published.publish(value.to_vec());
                    } else {
                        published.publish_reusing(|old| {
                            let mut new = old.unwrap_or_else(|| value.to_vec());
                            new.copy_from_slice(&value);
                            new
                        });
                    }
                    preempt.maybe();
                }
            });
        }
    });
    assert_eq!(published.collect(), 1);
}

/// Far more threads than rows, most of them short: the rows are handed on, with their counts.
#[test]
fn metrics_survive_threads_that_come_and_go() {
    let registry = Registry::new();
    let counter = registry.counter("a", "");
    let histogram = registry.histogram("b", "", HistogramConfig::new(3, 1_000));
    let (rounds, threads) = (20_u64, 150_u64);
    for _ in 0..rounds {
        let record = |i| {
            counter.increment(i);
            histogram.record(i);
        };
        thread::scope(|scope| (0..threads).for_each(|i| drop(scope.spawn(move || record(i)))));
    }
    let sum = rounds * threads * (threads - 1) / 2;
    let samples = histogram.snapshot();
    assert_eq!((counter.value(), samples.sum(), samples.count()), (sum, sum, rounds * threads));
    assert_eq!((samples.min(), samples.max()), (0, threads - 1));
}

#[test]
fn metrics_count_in_destructors_of_thread_locals() {
    use std::cell::RefCell;
    struct AtExit(bot4_lockfree::metrics::Counter);
    impl Drop for AtExit {
        fn drop(&mut self) {
            self.0.increment(1);
        }
    }
    thread_local!(static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) });
    let counter = Registry::new().counter("a", "");
    for early in [true, false] {
        let counter = counter.clone();
        let run = move || {
            // Registered before or after the thread's row: destroyed after or before it.
            if !early {
                counter.increment(10);
            }
            AT_EXIT.with(|at_exit| at_exit.replace(Some(AtExit(counter.clone()))));
            if early {
                counter.increment(10);
            }
        };
        thread::spawn(run).join().unwrap();
    }
    assert_eq!(counter.value(), 22);
}
