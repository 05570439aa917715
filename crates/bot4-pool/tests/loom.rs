//! Every interleaving of the hand-overs: `RUSTFLAGS="--cfg bot4_loom" cargo test -p bot4-pool --release --test loom`.
//!
//! The queues are replaced by a lock (their own project models them), so what is explored here is what this crate adds:
//! the reference count, the references that travel with owned guards, and the drop of the slab.
#![cfg(bot4_loom)]
#![allow(unsafe_code)] // lets threads share a cell that loom watches

use allocator_api2::boxed::Box as BoxIn;
use bot4_pool::{ObjectPool, PoolAllocator};
use loom::cell::Cell;
use loom::sync::mpsc;
use loom::thread;
use std::sync::Arc;

/// An object whose every access loom checks against all others.
struct Object {
    value: Cell<u32>,
    _alive: Arc<()>,
}

impl Object {
    fn get(&self) -> u32 {
        self.value.get()
    }

    fn set(&mut self, new: u32) {
        self.value.set(new);
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.set(u32::MAX);
    }
}

fn pool(capacity: usize, alive: &Arc<()>) -> ObjectPool<Object> {
    let token = Arc::clone(alive);
    ObjectPool::builder(move || Object { value: Cell::new(0), _alive: Arc::clone(&token) })
        .capacity(capacity)
        .reset(|object| object.set(0))
        .build()
        .unwrap()
}

/// Runs `threads` in every interleaving and checks that every object was dropped once.
fn explore(threads: impl Fn(&Arc<()>) + Send + Sync + 'static) {
    loom::model(move || {
        let alive = Arc::new(());
        threads(&alive);
        assert_eq!(Arc::strong_count(&alive), 1, "an object or the pool leaked");
    });
}

#[test]
fn an_object_crosses_from_handle_to_handle_and_is_used_again() {
    explore(|alive| {
        let pool = pool(8, alive);
        let (here, there) = (pool.handle(), pool.handle());
        let (sender, receiver) = mpsc::channel();
        let consumer = thread::spawn(move || {
            let object: bot4_pool::OwnedPooled<Object> = receiver.recv().unwrap();
            assert_eq!(object.get(), 7);
            there.release(object);
            assert_eq!(there.acquire().unwrap().get(), 0);
        });
        let mut object = here.acquire_owned().unwrap();
        object.set(7);
        sender.send(object).unwrap();
        drop(pool);
        assert_eq!(here.acquire().unwrap().get(), 0);
        drop(here);
        consumer.join().unwrap();
    });
}

#[test]
fn the_last_of_pool_handle_and_guard_frees_the_slab_once() {
    explore(|alive| {
        let pool = pool(1, alive);
        let handle = pool.handle();
        let mut object = pool.acquire_owned().unwrap();
        let first = thread::spawn(move || {
            object.set(1);
            drop(object);
        });
        let second = thread::spawn(move || drop(handle));
        drop(pool);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn two_threads_never_hold_the_same_object() {
    explore(|alive| {
        let pool = pool(1, alive);
        let handle = pool.handle();
        let other = thread::spawn(move || {
            if let Ok(mut object) = handle.acquire() {
                assert_eq!(object.get(), 0);
                object.set(1);
            }
        });
        if let Ok(mut object) = pool.acquire() {
            assert_eq!(object.get(), 0);
            object.set(2);
        }
        other.join().unwrap();
        assert_eq!(pool.stats().in_use, 0);
        assert_eq!(pool.acquire().unwrap().get(), 0);
    });
}

#[test]
fn a_handle_that_ends_gives_its_magazine_to_the_others() {
    explore(|alive| {
        let pool = pool(16, alive);
        let handle = pool.handle();
        let ending = thread::spawn(move || {
            handle.acquire().unwrap().set(3);
        });
        let here = pool.handle();
        drop(here.acquire().unwrap());
        ending.join().unwrap();
        drop(here);
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.idle), (0, stats.built));
    });
}

/// Stands for the bytes of a block, which loom cannot watch.
struct Bytes(Cell<u32>);

// SAFETY: that holders of the block are apart is what the model checks; loom reports it if they are not.
unsafe impl Sync for Bytes {}

#[test]
fn a_block_of_the_allocator_has_one_holder_after_the_other() {
    loom::model(|| {
        let memory = PoolAllocator::with_blocks(&[(64, 1)]);
        let bytes = Arc::new(Bytes(Cell::new(0)));
        let (theirs, handle) = (Arc::clone(&bytes), memory.handle());
        let other = thread::spawn(move || {
            if let Ok(block) = BoxIn::try_new_in(1, &handle) {
                theirs.0.set(*block);
            }
        });
        if let Ok(block) = BoxIn::try_new_in(2, memory) {
            bytes.0.set(*block);
        }
        other.join().unwrap();
    });
}
