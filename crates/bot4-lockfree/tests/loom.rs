//! Every interleaving of small programs, and every value a weak memory may return:
//! `RUSTFLAGS='--cfg bot4_loom' cargo test -p bot4-lockfree --release --test loom`
#![cfg(bot4_loom)]
#![allow(unsafe_code)] // loom's cells are read and written through raw pointers

use bot4_lockfree::broadcast::{self, PublishError, ReadError};
use bot4_lockfree::budget::{Budget, RateLimit};
use bot4_lockfree::metrics::Registry;
use bot4_lockfree::snapshot::{Latest, Published};
use bot4_lockfree::spsc::{self, PopError, PushError};
use bot4_lockfree::{mpmc, wait::Wait};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;

/// Explores all executions with at most `preemptions` involuntary switches.
fn model(preemptions: usize, program: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(program);
}

fn join<R, const N: usize>(threads: [thread::JoinHandle<R>; N]) -> Vec<R> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn ring_delivers_each_message_once_in_order() {
    for capacity in [1, 2] {
        model(3, move || {
            let (mut producer, mut consumer) = spsc::ring(capacity);
            let pushing = thread::spawn(move || {
                for i in 0..3 {
                    producer.push_wait(Box::new(i), Wait::Yield).unwrap();
                }
            });
            for i in 0..3 {
                assert_eq!(consumer.pop_wait(Wait::Yield), Some(Box::new(i)));
            }
            assert_eq!(consumer.pop_wait(Wait::Yield), None);
            pushing.join().unwrap();
        });
    }
}

#[test]
fn ring_batches_keep_order_and_closing() {
    model(3, || {
        let (mut producer, mut consumer) = spsc::ring(2);
        let pushing = thread::spawn(move || {
            let mut values = (0..3).map(Arc::new);
            let mut pushed = 0;
            while pushed < 3 {
                pushed += producer.push_each(&mut values);
                thread::yield_now();
            }
        });
        let mut next = 0;
        while next < 3 {
            consumer.pop_each(2, |value| {
                assert_eq!(*value, next);
                next += 1;
            });
            thread::yield_now();
        }
        pushing.join().unwrap();
        assert_eq!(consumer.pop().err(), Some(PopError::Closed));
    });
}

/// loom reports an `Arc` that is never dropped, and one dropped twice.
#[test]
fn ring_drops_what_is_left_once() {
    model(3, || {
        let (mut producer, mut consumer) = spsc::ring(2);
        let pushing = thread::spawn(move || {
            for i in 0..2 {
                if let Err(error) = producer.push(Arc::new(i)) {
                    assert!(matches!(error, PushError::Closed(_)));
                }
            }
        });
        drop(consumer.pop());
        drop(consumer);
        pushing.join().unwrap();
    });
}

/// Reads `n` items one by one, checks that they are the numbers from 0, and that nothing follows.
fn reads_in_order(mut reader: broadcast::Reader<u64>, n: u64) -> impl FnOnce() {
    move || {
        for expected in 0..n {
            assert_eq!(reader.read_wait(1, Wait::Yield, |items| items[0]), Some(expected));
        }
        assert_eq!(reader.read_wait(1, Wait::Yield, |items| items[0]), None);
    }
}

fn publishes(mut writer: broadcast::Writer<u64>, n: u64) {
    for value in 0..n {
        writer.publish_wait(Wait::Yield, |item| *item = value).unwrap();
    }
}

#[test]
fn broadcast_shows_each_item_once_in_order() {
    for capacity in [1, 2] {
        model(3, move || {
            let (writer, [reader]) = broadcast::graph(capacity, || 9, [&[]]);
            let reading = thread::spawn(reads_in_order(reader, 3));
            publishes(writer, 3);
            reading.join().unwrap();
        });
    }
}

/// Reads one item at a time, at most `tries` times and without waiting, checks their order, and says how many there were.
fn tries_in_order(reader: &mut broadcast::Reader<u64>, tries: u64) -> u64 {
    for _ in 0..tries {
        let expected = reader.position();
        let _ = reader.read(1, |items| assert_eq!(items[0], expected));
    }
    reader.position()
}

/// The slower of the two gates the writer, which would otherwise overwrite what is being read: a data race in loom's eyes.
#[test]
fn broadcast_waits_for_the_slowest_reader() {
    model(2, || {
        let (mut writer, readers) = broadcast::graph(1, || 9, [&[], &[]]);
        writer.publish(|item| *item = 0).unwrap();
        let reading = readers.map(|mut reader| {
            thread::spawn(move || {
                tries_in_order(&mut reader, 2);
                reader
            })
        });
        let mut published = 1;
        for _ in 0..2 {
            published += u64::from(writer.publish(|item| *item = published).is_ok());
        }
        for mut reader in join(reading) {
            assert_eq!(tries_in_order(&mut reader, 2), published);
        }
    });
}

#[test]
fn broadcast_diamond_joins_behind_both() {
    model(2, || {
        let (mut writer, [left, right, mut last]) = broadcast::graph(1, || 9, [&[], &[], &[0, 1]]);
        writer.publish(|item| *item = 0).unwrap();
        let reading = [left, right].map(|mut reader| {
            thread::spawn(move || {
                tries_in_order(&mut reader, 1);
                reader
            })
        });
        let joining = thread::spawn(move || {
            tries_in_order(&mut last, 1);
            last
        });
        let published = 1 + u64::from(writer.publish(|item| *item = 1).is_ok());
        for mut reader in join(reading) {
            assert_eq!(tries_in_order(&mut reader, 1), published);
        }
        assert_eq!(tries_in_order(&mut joining.join().unwrap(), 2), published);
    });
}

/// A batch, then one alone, read as they come: all before the cursor is there, a number of the last lap is never taken for a
/// new one.
#[test]
fn broadcast_batches_are_followed_through_laps() {
    model(3, || {
        let (mut writer, [mut reader]) = broadcast::graph(2, || 0, [&[]]);
        let reading = thread::spawn(move || {
            let mut next = 0;
            while let Some(n) = reader.read_wait(2, Wait::Yield, |items| {
                items.iter().zip(next..).for_each(|(item, expected)| assert_eq!(*item, expected));
                items.len() as u64
            }) {
                next += n;
            }
            assert_eq!(next, 4);
        });
        let mut next = 0;
        while next < 4 {
            let published = if next == 2 {
                writer.publish(|item| *item = next).map(|()| 1)
            } else {
                writer.publish_batch(2, |items| {
                    items.iter_mut().zip(next..).for_each(|(item, value)| *item = value);
                    items.len()
                })
            };
            match published {
                Ok(n) => next += n as u64,
                Err(error) => {
                    assert_eq!(error, PublishError::Full);
                    thread::yield_now();
                }
            }
        }
        drop(writer);
        reading.join().unwrap();
    });
}

/// Each stage writes the item: loom reports two that do so without an order between them.
#[test]
fn stages_have_each_item_to_themselves() {
    model(2, || {
        let (mut writer, [mut double, mut add]) = broadcast::pipeline(1, || 0);
        writer.publish(|item| *item = 10).unwrap();
        let doubling = thread::spawn(move || {
            for _ in 0..2 {
                let _ = double.read(1, |items| items[0] *= 2);
            }
            double
        });
        let adding = thread::spawn(move || {
            for _ in 0..2 {
                let _ = add.read(1, |items| items[0] += 1);
            }
            add
        });
        let mut again = writer.publish(|item| *item *= 100).is_ok();
        let (mut double, mut add) = (doubling.join().unwrap(), adding.join().unwrap());
        let _ = double.read(1, |items| items[0] *= 2);
        let _ = add.read(1, |items| items[0] += 1);
        if !again {
            writer.publish(|item| *item *= 100).unwrap();
            again =
                double.read(1, |items| items[0] *= 2).is_ok() && add.read(1, |items| items[0] += 1).is_ok();
        }
        assert!(again);
        writer.publish(|item| assert_eq!(*item, 21 * 100 * 2 + 1)).unwrap();
    });
}

#[test]
fn dropped_reader_lets_the_writer_go_on() {
    model(2, || {
        let (mut writer, [mut leaves, mut stays]) = broadcast::graph(1, || 9, [&[], &[]]);
        writer.publish(|item| *item = 0).unwrap();
        let leaving = thread::spawn(move || {
            tries_in_order(&mut leaves, 1);
        });
        let staying = thread::spawn(move || {
            tries_in_order(&mut stays, 2);
            stays
        });
        let mut published = 1;
        for _ in 0..2 {
            published += u64::from(writer.publish(|item| *item = published).is_ok());
        }
        leaving.join().unwrap();
        let mut stays = staying.join().unwrap();
        assert_eq!(tries_in_order(&mut stays, 2), published);
        assert_eq!(writer.publish(|item| *item = published), Ok(()), "nobody else holds it up");
    });
}

#[test]
fn reader_behind_a_dropped_one_ends_where_it_ended() {
    model(3, || {
        let (mut writer, [mut first, mut second]) = broadcast::graph(2, || 9, [&[], &[0]]);
        for value in 0..2 {
            writer.publish(|item| *item = value).unwrap();
        }
        let leaving = thread::spawn(move || assert_eq!(tries_in_order(&mut first, 1), 1));
        let mut closed = false;
        for _ in 0..3 {
            closed |= second.read(2, |items| assert_eq!(items, [0])) == Err(ReadError::Closed);
        }
        leaving.join().unwrap();
        assert!(!closed || second.position() == 1, "closed before its only item");
        let _ = second.read(2, |items| assert_eq!(items, [0]));
        assert_eq!((second.read(2, |_| ()), second.position()), (Err(ReadError::Closed), 1));
    });
}

#[test]
fn queue_closes_after_the_last_message() {
    model(3, || {
        let (producer, consumer) = mpmc::queue(4);
        let pushing =
            [producer.clone(), producer].map(|producer| thread::spawn(move || producer.push(1_u64).unwrap()));
        let mut sum = 0;
        loop {
            match consumer.pop() {
                Ok(i) => sum += i,
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(sum, 2);
        join(pushing);
    });
}

#[test]
fn budget_never_admits_above_its_limit() {
    model(2, || {
        let budget = Arc::new(Budget::new(3));
        let admitted = Arc::new(AtomicU64::new(0));
        let reserve = |n: u64| {
            let (budget, admitted) = (Arc::clone(&budget), Arc::clone(&admitted));
            thread::spawn(move || {
                if budget.try_reserve(n).is_ok() {
                    assert!(admitted.fetch_add(n, Relaxed) + n <= 3);
                    admitted.fetch_sub(n, Relaxed);
                    budget.release(n);
                }
            })
        };
        let threads = [reserve(2), reserve(2), reserve(1)];
        join(threads);
        assert_eq!(budget.in_use(), 0);
    });
}

/// What a holder wrote before its release is there for whoever gets the room: loom would report a data race.
#[test]
fn released_room_comes_with_the_holders_writes() {
    model(3, || {
        let budget = Arc::new(Budget::new(1));
        let guarded = Arc::new(UnsafeCell::new(0));
        let threads = [0; 2].map(|_| {
            let (budget, guarded) = (Arc::clone(&budget), Arc::clone(&guarded));
            thread::spawn(move || {
                if budget.try_reserve(1).is_ok() {
                    // SAFETY: the only room of the budget is ours.
                    guarded.with_mut(|value| unsafe { *value += 1 });
                    budget.release(1);
                }
            })
        });
        join(threads);
    });
}

#[test]
fn rate_limit_admits_exactly_its_number() {
    model(3, || {
        let limit = Arc::new(RateLimit::new(2, 100));
        let threads = [0; 3].map(|_| {
            let limit = Arc::clone(&limit);
            thread::spawn(move || u64::from(limit.try_acquire(1_000)))
        });
        assert_eq!(join(threads).iter().sum::<u64>(), 2);
        assert!(limit.try_acquire(1_100), "a window later there is room");
    });
}

/// Both have room whatever the other does in between: losing a number to another thread is no reason to be refused.
#[test]
fn rate_limit_refuses_nobody_for_whom_there_is_room() {
    model(3, || {
        let limit = Arc::new(RateLimit::new(2, 100));
        assert!(limit.try_acquire(0) && limit.try_acquire(0));
        let threads = [0; 2].map(|_| {
            let limit = Arc::clone(&limit);
            thread::spawn(move || limit.try_acquire(200))
        });
        assert_eq!(join(threads), [true, true]);
    });
}

/// Two threads that come a window later than the first event share one free place, whoever notes it when.
#[test]
fn rate_limit_gives_a_freed_place_to_one() {
    model(3, || {
        let limit = Arc::new(RateLimit::new(1, 100));
        assert!(limit.try_acquire(0));
        let threads = [100, 120].map(|now| {
            let limit = Arc::clone(&limit);
            thread::spawn(move || u64::from(limit.try_acquire(now)))
        });
        assert_eq!(join(threads).iter().sum::<u64>(), 1);
    });
}

fn latest_is_written_and_read(writes: u64, reads: usize) {
    model(2, move || {
        let latest = Latest::new([0_u64, 0]);
        let mut writer = latest.writer().unwrap();
        let mut reader = latest.reader();
        let reading = thread::spawn(move || {
            let mut last = 0;
            for _ in 0..reads {
                let [a, b] = reader.read();
                assert_eq!(a, b, "torn");
                assert!(a >= last && a == reader.version());
                last = a;
            }
        });
        (1..=writes).for_each(|i| writer.write([i, i]));
        reading.join().unwrap();
        assert_eq!(latest.reader().read(), [writes, writes]);
    });
}

#[test]
fn latest_never_goes_back() {
    latest_is_written_and_read(1, 2);
}

/// A model has two slots: the writer comes round to the one that is being read.
#[test]
fn latest_is_never_torn() {
    latest_is_written_and_read(3, 1);
}

#[test]
fn latest_is_continued_by_the_next_writer() {
    model(3, || {
        let latest = Latest::new(0_u64);
        let writing = [1_u64, 2].map(|value| {
            let latest = latest.clone();
            thread::spawn(move || {
                latest.writer().map(|mut writer| writer.write(value));
            })
        });
        join(writing);
        let mut reader = latest.reader();
        assert!((1..=2).contains(&reader.read()));
        assert!((1..=2).contains(&reader.version()));
    });
}

/// Reading is an access, dropping is a write: loom reports a reader that still reads what is being freed.
struct Tracked(UnsafeCell<u64>);

// SAFETY: written only by drop; loom checks that no read runs beside it.
unsafe impl Sync for Tracked {}

impl Tracked {
    fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }
    fn read(&self) -> u64 {
        // SAFETY: written only by drop.
        self.0.with(|value| unsafe { *value })
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        // SAFETY: `&mut self`; what loom is to confirm.
        self.0.with_mut(|value| unsafe { *value = u64::MAX });
    }
}

#[test]
fn published_is_freed_only_when_nobody_reads_it() {
    model(3, || {
        let published = Published::new(Tracked::new(0));
        let mut reader = published.reader();
        let reading = thread::spawn(move || {
            let mut last = 0;
            for _ in 0..2 {
                let value = reader.get().read();
                assert!(value >= last && value < 3);
                last = value;
            }
        });
        published.publish(Tracked::new(1));
        published.publish_reusing(|old| {
            drop(old);
            Tracked::new(2)
        });
        reading.join().unwrap();
        assert_eq!(published.collect(), 1, "the reader is gone");
    });
}

#[test]
fn published_by_two_and_read_by_two() {
    model(2, || {
        let published = Published::new(Tracked::new(0));
        let reading = [published.reader(), published.reader()].map(|mut reader| {
            thread::spawn(move || {
                assert!(reader.get().read() < 3);
            })
        });
        let other = published.clone();
        let publishing = thread::spawn(move || other.publish_reusing(|_| Tracked::new(1)));
        published.publish(Tracked::new(2));
        publishing.join().unwrap();
        join(reading);
        assert_eq!(published.collect(), 1);
    });
}

/// One thread has the row, the other shares (a model has one row only): nothing is lost in either.
#[test]
fn counter_loses_nothing() {
    model(3, || {
        let counter = Registry::new().counter("a", "");
        let threads = [0; 2].map(|_| {
            let counter = counter.clone();
            thread::spawn(move || {
                counter.increment(1);
                counter.increment(1);
            })
        });
        join(threads);
        assert_eq!(counter.value(), 4);
    });
}

/// The row of a thread that ended goes on with the next one, which is not joined to it in any other way.
#[test]
fn counter_row_is_handed_on_with_its_counts() {
    model(3, || {
        let counter = Registry::new().counter("a", "");
        let chain = |n: u64| {
            let counter = counter.clone();
            thread::spawn(move || counter.increment(n))
        };
        let (first, second, third) = (chain(1), chain(10), chain(100));
        first.join().unwrap();
        second.join().unwrap();
        third.join().unwrap();
        assert_eq!(counter.value(), 111);
    });
}
