//! The rules of the ring: what goes in comes out once, whichever half ends first.
// ORDERING: every access in this file is Relaxed: drops are counted on one thread.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[test]
fn full_ring_returns_the_value_at_any_capacity() {
    for capacity in [1, 2, 3, 5, 8, 100] {
        let (mut producer, mut consumer) = ring(capacity);
        for i in 0..capacity {
            assert_eq!(producer.push(i), Ok(()), "capacity {capacity}");
        }
        assert_eq!(producer.push(7), Err(PushError::Full(7)), "capacity {capacity}");
        assert_eq!(consumer.pop(), Ok(0));
        assert_eq!(producer.push(8), Ok(()));
        assert_eq!(producer.push(9), Err(PushError::Full(9)));
    }
}

#[test]
fn values_left_behind_are_dropped_once() {
    struct Counted(std::sync::Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let drops = std::sync::Arc::new(AtomicUsize::new(0));
    let (mut producer, mut consumer) = ring(4);
    for _ in 0..4 {
        producer.push(Counted(std::sync::Arc::clone(&drops))).unwrap();
    }
    drop(consumer.pop());
    drop(producer);
    assert_eq!(drops.load(Relaxed), 1);
    drop(consumer);
    assert_eq!(drops.load(Relaxed), 4);
}

#[test]
fn push_after_the_consumer_is_gone_returns_the_value() {
    let (mut producer, consumer) = ring(4);
    drop(consumer);
    assert!(producer.is_closed());
    assert_eq!(producer.push(1), Err(PushError::Closed(1)));
}

#[test]
fn messages_cross_threads_in_order() {
    let (mut producer, mut consumer) = ring::<u64>(7);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..200_000 {
                let mut message = i;
                while let Err(error) = producer.push(message) {
                    message = error.into_inner();
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        loop {
            match consumer.pop() {
                Ok(i) => {
                    assert_eq!(i, expected);
                    expected += 1;
                }
                Err(PopError::Empty) => std::thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(expected, 200_000);
    });
}

#[test]
fn large_messages_are_kept_whole() {
    let (mut producer, mut consumer) = ring::<[u64; 20]>(5);
    let mut next = 0_u64;
    for round in 0..100 {
        let pushed = producer.push_each((next..next + round % 7).map(|number| [number; 20])) as u64;
        assert_eq!(pushed, (round % 7).min(5));
        assert_eq!(consumer.peek().map(|message| message[19]), (pushed > 0).then_some(next));
        for number in next..next + pushed {
            assert_eq!(consumer.pop(), Ok([number; 20]));
        }
        assert_eq!(consumer.pop(), Err(PopError::Empty));
        next += pushed;
    }
}
