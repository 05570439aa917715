//! Random operations against the obvious structure: a deque, a plain sum, sorted samples.
#![cfg(not(bot4_loom))]

use bot4_lockfree::broadcast::{self, PublishError, ReadError};
use bot4_lockfree::budget::Budget;
use bot4_lockfree::metrics::{Distribution, HistogramConfig};
use bot4_lockfree::mpmc;
use bot4_lockfree::snapshot::{Latest, Published};
use bot4_lockfree::spsc::{self, PopError, PushError};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::rc::Rc;

#[derive(Debug, Clone)]
enum Step {
    Push,
    PushEach(usize),
    Pop,
    PopEach(usize),
    Peek,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Push),
        1 => (0_usize..9).prop_map(Step::PushEach),
        3 => Just(Step::Pop),
        1 => (0_usize..9).prop_map(Step::PopEach),
        1 => Just(Step::Peek),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// The values are counted references: what the ring leaks or drops twice shows at the end.
    #[test]
    fn ring_is_a_bounded_deque(capacity in 1_usize..9, steps in steps(), consumer_first in any::<bool>()) {
        let (mut producer, mut consumer) = spsc::ring::<Rc<u64>>(capacity);
        let mut model = VecDeque::new();
        let mut made = Vec::new();
        let mut make = |i: usize| {
            let value = Rc::new(i as u64);
            made.push(Rc::downgrade(&value));
            value
        };
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push => match producer.push(make(i)) {
                    Ok(()) => model.push_back(i as u64),
                    Err(error) => {
                        prop_assert_eq!(model.len(), capacity);
                        prop_assert_eq!(error, PushError::Full(Rc::new(i as u64)));
                    }
                },
                Step::PushEach(n) => {
                    let pushed = producer.push_each((0..n).map(|_| make(i)));
                    prop_assert_eq!(pushed, n.min(capacity - model.len()));
                    model.extend(std::iter::repeat_n(i as u64, pushed));
                }
                Step::Pop => {
                    prop_assert_eq!(consumer.pop().map(|value| *value), model.pop_front().ok_or(PopError::Empty));
                }
                Step::PopEach(n) => {
                    let expected: Vec<u64> = model.drain(..n.min(model.len())).collect();
                    let mut popped = Vec::new();
                    prop_assert_eq!(consumer.pop_each(n, |value| popped.push(*value)), expected.len());
                    prop_assert_eq!(popped, expected);
                }
                Step::Peek => prop_assert_eq!(consumer.peek().map(|value| **value), model.front().copied()),
            }
            prop_assert_eq!(producer.vacant(), capacity - model.len());
        }
        if consumer_first {
            drop(consumer);
            prop_assert!(matches!(producer.push(Rc::new(0)), Err(PushError::Closed(_))));
            drop(producer);
        } else {
            drop(producer);
            if let Some(expected) = model.pop_front() {
                prop_assert_eq!(consumer.pop().map(|value| *value), Ok(expected));
            }
            prop_assert_eq!(consumer.pop().is_ok(), !model.is_empty());
            drop(consumer);
        }
        prop_assert!(made.iter().all(|value| value.strong_count() == 0));
    }

    /// The obvious structure: a list of all items ever published, and how far each reader is.
    #[test]
    fn broadcast_is_a_list_and_positions(
        capacity in 1_usize..9,
        graph in 0_usize..4,
        steps in proptest::collection::vec((0_usize..5, 0_usize..9), 0..200),
    ) {
        const GRAPHS: [[&[usize]; 3]; 4] =
            [[&[], &[], &[]], [&[], &[0], &[1]], [&[], &[], &[0, 1]], [&[], &[0], &[0]]];
        let after = GRAPHS[graph];
        let (mut writer, mut readers) = broadcast::graph(capacity, || 0_u64, after);
        let (mut published, mut positions) = (0_u64, [0_u64; 3]);
        for (who, n) in steps {
            let room = capacity as u64 - (published - positions.into_iter().min().unwrap());
            match who {
                0 => {
                    let done = writer.publish(|item| *item = published);
                    prop_assert_eq!(done, if room > 0 { Ok(()) } else { Err(PublishError::Full) });
                    published += u64::from(room > 0);
                }
                1 => {
                    let done = writer.publish_batch(n, |items| {
                        items.iter_mut().zip(published..).for_each(|(item, value)| *item = value);
                        items.len()
                    });
                    let fits = room.min(n as u64) as usize;
                    match done {
                        Ok(done) => prop_assert!(done <= fits && (done > 0 || n == 0), "{} of {}", done, fits),
                        Err(error) => prop_assert_eq!((error, room), (PublishError::Full, 0)),
                    }
                    published += done.unwrap_or(0) as u64;
                }
                _ => {
                    let (reader, from) = (who - 2, positions[who - 2]);
                    let end = after[reader].iter().map(|&other| positions[other]).min().unwrap_or(published);
                    let read = readers[reader].read(n, <[u64]>::to_vec);
                    match read {
                        Ok(items) => {
                            let expected: Vec<u64> = (from..from + items.len() as u64).collect();
                            prop_assert_eq!(&items, &expected);
                            prop_assert!(items.len() <= n && from + items.len() as u64 <= end);
                            prop_assert!(n == 0 || !items.is_empty());
                            positions[reader] += items.len() as u64;
                        }
                        Err(error) => prop_assert_eq!((error, end), (ReadError::Empty, from)),
                    }
                }
            }
        }
        prop_assert_eq!(readers.each_ref().map(broadcast::Reader::position), positions);
    }

    #[test]
    fn queue_is_a_bounded_deque(capacity in 1_usize..9, steps in steps()) {
        let (producer, consumer) = mpmc::queue(capacity);
        let mut model = VecDeque::new();
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push | Step::PushEach(_) | Step::Peek => match producer.push(i) {
                    Ok(()) => model.push_back(i),
                    Err(error) => prop_assert_eq!((error, model.len()), (PushError::Full(i), capacity)),
                },
                Step::Pop => prop_assert_eq!(consumer.pop(), model.pop_front().ok_or(PopError::Empty)),
                Step::PopEach(n) => {
                    let expected: Vec<_> = model.drain(..n.min(model.len())).collect();
                    let mut popped = Vec::new();
                    consumer.pop_each(n, |value| popped.push(value));
                    prop_assert_eq!(popped, expected);
                }
            }
            prop_assert_eq!(consumer.len(), model.len());
        }
    }

    #[test]
    fn budget_is_a_checked_sum(limit in 0_u64..50, steps in proptest::collection::vec((any::<bool>(), 0_u64..30), 0..100)) {
        let budget = Budget::new(limit);
        let mut held: Vec<u64> = Vec::new();
        for (reserve, n) in steps {
            let sum: u64 = held.iter().sum();
            if reserve {
                let fits = sum + n <= limit;
                prop_assert_eq!(budget.try_reserve(n).is_ok(), fits);
                held.extend(fits.then_some(n));
            } else if let Some(n) = held.pop() {
                budget.release(n);
            }
            prop_assert_eq!(budget.in_use(), held.iter().sum::<u64>());
        }
    }

    #[test]
    fn percentiles_are_the_sorted_samples_within_the_stated_error(
        precision in 0_u32..13,
        samples in proptest::collection::vec(prop_oneof![0_u64..300, any::<u32>().prop_map(u64::from), any::<u64>()], 1..200),
        split in any::<prop::sample::Index>(),
        q in 0.0_f64..=1.0,
    ) {
        let config = HistogramConfig::new(precision, u64::MAX);
        let (mut all, mut part) = (Distribution::new(config), Distribution::new(config));
        let (first, second) = samples.split_at(split.index(samples.len()));
        first.iter().for_each(|&sample| all.record(sample));
        second.iter().for_each(|&sample| part.record(sample));
        all.merge(&part);

        let mut sorted = samples.clone();
        sorted.sort_unstable();
        prop_assert_eq!(all.count(), sorted.len() as u64);
        prop_assert_eq!((all.min(), all.max()), (sorted[0], sorted[sorted.len() - 1]));
        prop_assert_eq!(all.sum(), samples.iter().fold(0_u64, |sum, &sample| sum.wrapping_add(sample)));
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        let (exact, stated) = (sorted[rank - 1], all.percentile(q));
        if q > 0.0 {
            prop_assert!(stated >= exact, "{stated} is below {exact}");
        }
        let error = stated.saturating_sub(exact) as f64;
        prop_assert!(error <= exact as f64 * config.relative_error(), "{stated} for {exact}");
    }

    #[test]
    fn latest_returns_what_was_written(values in proptest::collection::vec(any::<[i64; 5]>(), 1..30)) {
        let latest = Latest::new(values[0]);
        let (mut writer, mut reader) = (latest.writer().unwrap(), latest.reader());
        for value in values {
            writer.write(value);
            prop_assert_eq!(reader.read(), value);
            prop_assert_eq!(latest.reader().read(), value);
        }
    }

    /// Readers that look at random times: each sees the newest, and no more versions live than readers hold.
    #[test]
    fn published_keeps_one_version_a_reader(looks in proptest::collection::vec(0_usize..5, 0..100)) {
        let published = Published::new(0);
        let mut newest = 0;
        let mut readers: Vec<_> = (0..4).map(|_| published.reader()).collect();
        for (i, look) in looks.into_iter().enumerate() {
            match readers.get_mut(look) {
                Some(reader) => prop_assert_eq!(*reader.get(), newest),
                None => {
                    newest = i;
                    published.publish(i);
                }
            }
            let held: std::collections::BTreeSet<u64> = readers.iter().map(|reader| reader.version()).collect();
            prop_assert!(published.collect() <= held.len() + 1);
        }
    }
}
