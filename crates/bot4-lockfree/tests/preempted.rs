//! Threads stopped by a signal at any instruction: between claim and publication, in the middle of a copy, anywhere.
//! While one sleeps in its handler the others go on, as they do when the scheduler takes a thread's core away.
#![cfg(all(target_os = "linux", not(bot4_loom)))]
#![allow(unsafe_code)] // installing a signal handler

use bot4_lockfree::broadcast;
use bot4_lockfree::budget::{Budget, RateLimit};
use bot4_lockfree::metrics::{HistogramConfig, Registry};
use bot4_lockfree::mpmc;
use bot4_lockfree::snapshot::{Latest, Published};
use bot4_lockfree::spsc;
use bot4_lockfree::wait::Wait;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, Once};
use std::thread;
use std::time::Duration;

/// How often threads are stopped in each test, at least.
const STOPS: u64 = 1_500;

static STOPPED: AtomicU64 = AtomicU64::new(0);

extern "C" fn stop_here(_signal: i32) {
    STOPPED.fetch_add(1, Relaxed);
    thread::sleep(Duration::from_micros(20));
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let action = SigAction::new(SigHandler::Handler(stop_here), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler adds to an atomic and sleeps, which a handler may do.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("a handler can be installed");
    });
}

type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs each work on a thread of its own and stops them in turn; `done` is set when they have been stopped often enough.
fn torment(done: &AtomicBool, work: Vec<Work<'_>>) {
    install();
    let (threads, running) = (Mutex::new(Vec::<Pthread>::new()), AtomicU64::new(work.len() as u64));
    let (start, end) = (Barrier::new(work.len() + 1), Barrier::new(work.len() + 1));
    thread::scope(|scope| {
        for work in work {
            let (threads, running, start, end) = (&threads, &running, &start, &end);
            scope.spawn(move || {
                threads.lock().unwrap().push(pthread_self());
                start.wait();
                // A panic is reported at the end; until then the other threads must not hang.
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                if result.is_err() {
                    done.store(true, Relaxed);
                }
                running.fetch_sub(1, Relaxed);
                end.wait();
                result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            });
        }
        start.wait();
        let threads = threads.lock().unwrap();
        for (stops, thread) in threads.iter().cycle().enumerate() {
            if running.load(Relaxed) == 0 {
                break;
            }
            pthread_kill(*thread, Signal::SIGUSR1).expect("the thread waits at the end");
            thread::sleep(Duration::from_micros(10));
            if stops as u64 == STOPS {
                done.store(true, Relaxed);
            }
        }
        end.wait();
    });
    assert!(STOPPED.load(Relaxed) > STOPS / 10, "signals are delivered");
}

/// A message that knows whether it is whole.
fn sealed(number: u64) -> [u64; 8] {
    std::array::from_fn(|i| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(i as u32))
}

#[test]
fn ring_keeps_order_and_content() {
    let done = AtomicBool::new(false);
    let (mut producer, mut consumer) = spsc::ring(8);
    let send = || {
        let mut sent = 0;
        while !done.load(Relaxed) {
            producer.push_wait(sealed(sent), Wait::Yield).unwrap();
            sent += 1;
        }
    };
    let receive = || {
        let mut expected = 0;
        while !done.load(Relaxed) {
            if let Ok(message) = consumer.pop() {
                assert_eq!(message, sealed(expected));
                expected += 1;
            }
        }
        // Room for the message that may be waiting to be pushed.
        while consumer.pop().is_ok() {}
    };
    torment(&done, vec![Box::new(send), Box::new(receive)]);
}

#[test]
fn queue_loses_and_doubles_nothing() {
    let (done, sent, received) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (producer, consumer) = mpmc::queue(8);
    let mut work: Vec<Work<'_>> = Vec::new();
    for id in 0..2_u64 {
        let (producer, consumer) = (producer.clone(), consumer.clone());
        let (done, sent, received) = (&done, &sent, &received);
        work.push(Box::new(move || {
            let mut value = id;
            while !done.load(Relaxed) {
                producer.push_wait(value, Wait::Yield).unwrap();
                sent.fetch_add(value, Relaxed);
                value += 2;
            }
        }));
        work.push(Box::new(move || {
            while let Some(value) = consumer.pop_wait(Wait::Yield) {
                received.fetch_add(value, Relaxed);
            }
        }));
    }
    drop((producer, consumer));
    torment(&done, work);
    assert_eq!(sent.into_inner(), received.into_inner());
}

#[test]
fn broadcast_diamond_shows_whole_items_in_order() {
    let done = AtomicBool::new(false);
    let (mut writer, readers) = broadcast::graph(8, || sealed(0), [&[], &[], &[0, 1]]);
    let done_too = &done;
    let mut work: Vec<Work<'_>> = vec![Box::new(move || {
        let mut next = 0;
        while !done_too.load(Relaxed) {
            if next % 3 == 0 {
                writer.publish_wait(Wait::Yield, |item| *item = sealed(next)).unwrap();
                next += 1;
            } else if let Ok(n) = writer.publish_batch(3, |items| {
                items.iter_mut().zip(next..).for_each(|(item, number)| *item = sealed(number));
                items.len()
            }) {
                next += n as u64;
            }
        }
    })];
    for mut reader in readers {
        work.push(Box::new(move || {
            let mut expected = 0;
            while let Some(n) = reader.read_wait(5, Wait::Yield, |items| {
                items.iter().zip(expected..).for_each(|(item, number)| assert_eq!(*item, sealed(number)));
                items.len() as u64
            }) {
                expected += n;
            }
            assert_eq!(expected, reader.position());
        }));
    }
    torment(&done, work);
}

#[test]
fn budget_and_rate_hold_their_limits() {
    let (done, budget, admitted) = (AtomicBool::new(false), Budget::new(10), AtomicU64::new(0));
    let (rate, clock, events) = (RateLimit::new(5, 1_000), AtomicU64::new(1), Mutex::new(Vec::new()));
    let mut work: Vec<Work<'_>> = Vec::new();
    for id in 0..3_u64 {
        let (done, budget, admitted) = (&done, &budget, &admitted);
        let (rate, clock, events) = (&rate, &clock, &events);
        work.push(Box::new(move || {
            let mut mine = Vec::new();
            while !done.load(Relaxed) {
                let n = 3 + id;
                if budget.try_reserve(n).is_ok() {
                    assert!(admitted.fetch_add(n, Relaxed) + n <= 10);
                    admitted.fetch_sub(n, Relaxed);
                    budget.release(n);
                }
                let now = clock.fetch_add(7, Relaxed);
                mine.extend(rate.try_acquire(now).then_some(now));
            }
            events.lock().unwrap().extend(mine);
        }));
    }
    torment(&done, work);
    assert_eq!(budget.in_use(), 0);
    let mut events = events.into_inner().unwrap();
    events.sort_unstable();
    assert_eq!(events.len() as u64, rate.admitted());
    assert!(events.windows(6).all(|six| six[5] - six[0] >= 1_000));
}

#[test]
fn snapshots_are_whole_and_do_not_go_back() {
    let (done, latest, published) =
        (AtomicBool::new(false), Latest::new(sealed(0)), Published::new(sealed(0)));
    let mut work: Vec<Work<'_>> = Vec::new();
    for _ in 0..2 {
        let (mut latest, mut published, done) = (latest.reader(), published.reader(), &done);
        work.push(Box::new(move || {
            let (mut version, mut replaced) = (0, 0);
            while !done.load(Relaxed) {
                assert_eq!(latest.read(), sealed(latest.version()));
                let value = *published.get();
                assert_eq!(value, sealed(published.version()));
                assert!(latest.version() >= version && published.version() >= replaced);
                (version, replaced) = (latest.version(), published.version());
            }
        }));
    }
    let (mut writer, done_too) = (latest.writer().unwrap(), &done);
    work.push(Box::new(move || {
        for number in (1..).take_while(|_| !done_too.load(Relaxed)) {
            writer.write(sealed(number));
            if number % 64 == 0 {
                published.publish(sealed(number / 64));
            }
        }
    }));
    torment(&done, work);
}

#[test]
fn metrics_lose_nothing() {
    let (done, registry, expected) = (AtomicBool::new(false), Registry::new(), AtomicU64::new(0));
    let counter = registry.counter("a", "");
    let histogram = registry.histogram("b", "", HistogramConfig::new(3, 1_000));
    let mut work: Vec<Work<'_>> = Vec::new();
    for _ in 0..3 {
        let (counter, histogram, done, expected) = (&counter, &histogram, &done, &expected);
        work.push(Box::new(move || {
            let mut mine = 0;
            while !done.load(Relaxed) {
                counter.increment(1);
                histogram.record(mine % 1_000);
                mine += 1;
            }
            expected.fetch_add(mine, Relaxed);
        }));
    }
    torment(&done, work);
    let expected = expected.into_inner();
    assert_eq!((counter.value(), histogram.snapshot().count()), (expected, expected));
}
