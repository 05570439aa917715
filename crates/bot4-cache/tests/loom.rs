//! Every interleaving of the slot protocol and of the list of computations (`cargo xtask loom`).
//!
//! The modules are taken in by path: they are private, and a whole cache has more cells than a model can hold.
#![cfg(bot4_loom)]
#![allow(dead_code, missing_docs, unreachable_pub)] // of what is taken in, a model uses a part

#[path = "../src/flight.rs"]
mod flight;
#[path = "../src/key.rs"]
mod key;
#[path = "../src/layout.rs"]
mod layout;
#[path = "../src/policy.rs"]
mod policy;
#[path = "../src/slab.rs"]
mod slab;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/tags.rs"]
mod tags;
#[path = "../src/word.rs"]
mod word;

use flight::{Answer, Stripe};
use loom::{sync::Arc, thread};
use slab::{Read, Slab};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const TAG: u16 = 7;

fn row_of(key: u8) -> [u64; 2] {
    [u64::from(key) * 10; 2]
}

/// Reads `key`; what is returned must be its own row, whole.
fn read(slab: &Slab<u8, u64>, key: u8) -> Read {
    let mut row = [0; 2];
    let read = slab.set(0).read(TAG, &key, &mut row);
    assert!(read != Read::Hit || row == row_of(key), "key {key} got {row:?}");
    read
}

#[test]
fn a_reader_gets_the_row_of_its_key_while_the_way_is_given_to_another() {
    loom::model(|| {
        let slab = Arc::new(Slab::<u8, u64>::new(1, 1, 2));
        slab.set(0).write(0, TAG, &1, &row_of(1));
        let writer = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || slab.set(0).write(0, TAG, &2, &row_of(2)))
        };
        read(&slab, 1);
        read(&slab, 2);
        writer.join().expect("the writer does not panic");
        assert_eq!(read(&slab, 2), Read::Hit);
        assert_eq!(read(&slab, 1), Read::Miss);
    });
}

#[test]
fn a_reader_never_hits_a_way_that_was_freed_before() {
    loom::model(|| {
        let slab = Arc::new(Slab::<u8, u64>::new(1, 1, 1));
        slab.set(0).write(0, TAG, &1, &[10]);
        let freed = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || slab.set(0).free(0))
        };
        let mut row = [0];
        if slab.set(0).read(TAG, &1, &mut row) == Read::Hit {
            assert_eq!(row, [10]);
        }
        freed.join().expect("the writer does not panic");
        assert_eq!(slab.set(0).read(TAG, &1, &mut row), Read::Miss);
    });
}

/// A value that two threads ask for.
type Cell = Stripe<u8, u8, Option<u8>>;

fn get_or_compute(cell: &Cell, compute: impl FnOnce() -> Option<u8>) -> Option<u8> {
    match cell.find_or_start(&1, |found| *found) {
        Answer::Found(value) | Answer::Delivered(value) => Some(value),
        Answer::Compute(computation) => {
            let value = compute()?;
            computation.finish(&value, |place| *place = Some(value));
            Some(value)
        }
    }
}

#[test]
fn two_threads_that_miss_a_key_compute_it_once() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(None, 2));
        let computed = Arc::new(AtomicUsize::new(0));
        let ask = |cell: &Cell, computed: &AtomicUsize| {
            get_or_compute(cell, || {
                computed.fetch_add(1, Relaxed); // Of the standard library: it observes the model, it is no part of it.
                thread::yield_now();
                Some(5)
            })
        };
        let other = {
            let (cell, computed) = (Arc::clone(&cell), Arc::clone(&computed));
            thread::spawn(move || ask(&cell, &computed))
        };
        assert_eq!(ask(&cell, &computed), Some(5));
        assert_eq!(other.join().expect("no panic"), Some(5));
        assert_eq!(computed.load(Relaxed), 1);
    });
}

#[test]
fn who_waits_for_a_failing_computation_computes() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(None, 2));
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || get_or_compute(&cell, || None))
        };
        assert_eq!(get_or_compute(&cell, || Some(5)), Some(5));
        assert!(matches!(other.join().expect("no panic"), None | Some(5)));
        assert_eq!(cell.lock().data, Some(5));
    });
}

#[test]
fn a_superseded_value_is_delivered_to_those_who_waited_and_not_stored() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(None, 2));
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                let mut state = cell.lock();
                state.supersede(|key| *key == 1);
                state.data = Some(9);
            })
        };
        let got = get_or_compute(&cell, || Some(5));
        other.join().expect("no panic");
        assert!(matches!(got, Some(5 | 9)));
        assert_eq!(cell.lock().data, Some(9), "the later write wins, whatever the order");
    });
}
