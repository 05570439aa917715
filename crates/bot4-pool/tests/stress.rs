//! Many threads, objects that cross between them, threads that die: nothing is lost, shared or torn.

use bot4_pool::{Handle, LocalPooled, ObjectPool, OwnedPooled};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const ROUNDS: u64 = 20_000;

/// Words that one holder sets to the same value; two holders at once would leave them torn.
struct Object {
    words: [u64; 32],
}

impl Object {
    fn stamp(&mut self, value: u64) {
        for word in &mut self.words {
            *word = value;
        }
    }

    fn verify(&self, value: u64) {
        assert!(self.words.iter().all(|&word| word == value), "{:?} instead of {value}", self.words);
    }
}

fn pool(capacity: usize) -> ObjectPool<Object> {
    ObjectPool::builder(|| Object { words: [0; 32] })
        .capacity(capacity)
        .reset(|object| object.stamp(0))
        .build()
        .unwrap()
}

fn nothing_is_missing(pool: &ObjectPool<Object>) {
    let stats = pool.stats();
    assert_eq!((stats.in_use, stats.idle), (0, stats.built));
    let held: Vec<_> = (0..stats.capacity).map(|_| pool.acquire().unwrap()).collect();
    held.iter().for_each(|object| object.verify(0));
}

#[test]
fn threads_share_a_pool_smaller_than_their_appetite() {
    let pool = pool(100);
    thread::scope(|scope| {
        for thread in 1..=4_u64 {
            let pool = &pool;
            scope.spawn(move || {
                let handle = pool.handle();
                for round in 0..ROUNDS {
                    let mut local: Vec<_> = (0..round % 40).map_while(|_| handle.acquire().ok()).collect();
                    let shared = pool.acquire().ok();
                    local.iter_mut().for_each(|object| {
                        object.verify(0);
                        object.stamp(thread);
                    });
                    local.iter().for_each(|object| object.verify(thread));
                    drop((shared, local));
                }
            });
        }
    });
    assert!(pool.stats().built <= 100);
    nothing_is_missing(&pool);
}

fn produce(handle: &Handle<Object>, sender: &SyncSender<(u64, OwnedPooled<Object>)>) {
    for round in 1..=ROUNDS {
        let mut object = loop {
            match handle.acquire_owned() {
                Ok(object) => break object,
                Err(_) => thread::yield_now(),
            }
        };
        object.verify(0);
        object.stamp(round);
        if sender.send((round, object)).is_err() {
            return;
        }
    }
}

fn consume(handle: &Handle<Object>, receiver: &Receiver<(u64, OwnedPooled<Object>)>) {
    for (round, object) in receiver {
        object.verify(round);
        if round % 7 == 0 {
            drop(object);
        } else {
            handle.release(object);
        }
    }
}

#[test]
fn objects_cross_between_threads_while_the_pool_goes_away() {
    let pool = pool(128);
    let workers: Vec<_> = (0..2)
        .flat_map(|_| {
            let (sender, receiver) = sync_channel(16);
            let (here, there) = (pool.handle(), pool.handle());
            [
                thread::spawn(move || produce(&here, &sender)),
                thread::spawn(move || consume(&there, &receiver)),
            ]
        })
        .collect();
    drop(pool);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn threads_that_die_holding_objects_give_everything_back() {
    let pool = pool(64);
    for round in 0..100 {
        let (handle, owned) = (pool.handle(), pool.acquire_owned().unwrap());
        let died = thread::spawn(move || {
            let mut held: Vec<_> = (0..20).map(|_| handle.acquire().unwrap()).collect();
            held.truncate(round % 20);
            held.iter_mut().for_each(|object| object.stamp(9));
            let _owned = owned;
            resume_unwind(Box::new("died"));
        });
        assert!(died.join().is_err());
        nothing_is_missing(&pool);
    }
}

#[test]
fn factories_and_resets_that_fail_under_load_lose_nothing() {
    let pool = ObjectPool::builder(unreliable)
        .capacity(32)
        .reset(|value| assert!(*value != 3, "unfit"))
        .build()
        .unwrap();
    let failures: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let handle = pool.handle();
                    let attempts = 0..2000;
                    attempts
                        .filter(|number| {
                            catch_unwind(AssertUnwindSafe(|| attempt(&handle, *number))).is_err()
                        })
                        .count()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert!(failures > 0);
    let held: Vec<_> =
        std::iter::repeat_with(|| catch_unwind(AssertUnwindSafe(|| pool.acquire_owned().unwrap())))
            .flatten()
            .take(32)
            .collect();
    assert_eq!(pool.stats().in_use, 32);
    assert!(held.into_iter().map(OwnedPooled::detach).all(|number| number < 7));
    assert_eq!(pool.stats().built, 0);
}

/// Gives an object back, or takes every third out of the pool so that the factory is asked again.
fn attempt(handle: &Handle<usize>, number: usize) {
    let object = handle.acquire();
    if number.is_multiple_of(3) {
        let _number = object.map(LocalPooled::detach);
    }
}

/// A factory that panics one time in eleven and builds an object unfit for reset one time in seven.
fn unreliable() -> usize {
    static CALLS: AtomicUsize = AtomicUsize::new(1);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    assert!(!call.is_multiple_of(11), "no object today");
    call % 7
}
