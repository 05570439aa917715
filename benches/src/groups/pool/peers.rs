//! The field: each crate in its fastest configuration for the case.

use super::{Buffer, CAPACITY, HELD, MATRIX, SLICES, across, buffer, each, touch, touch_pages, until_some};
use crate::case::{Case, lane, lane_of};
use allocator_api2::vec::Vec as VecIn;
use bumpalo::Bump;
use crossbeam_queue::ArrayQueue;
use lockfree_object_pool::{LinearObjectPool, SpinLockObjectPool};
use object_pool::Pool as MutexPool;
use opool::{Pool as Opool, PoolAllocator};
use sharded_slab::{Clear, Pool as Sharded};
use std::alloc::System;
use std::array;
use std::cell::RefCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "get_put_1t" => get_put(case, 1),
        "get_put_2t" => get_put(case, 2),
        "handoff" => handoff(case),
        "hold_32" => hold_32(case),
        "arena_alloc" => arena_alloc(case),
        "arena_zeroed" => arena_zeroed(case),
        "matrix_8mib" => matrix_8mib(case),
        _ => case,
    }
}

struct Buffers;

impl PoolAllocator<Buffer> for Buffers {
    fn allocate(&self) -> Buffer {
        buffer()
    }
}

struct Matrices;

impl PoolAllocator<Vec<f64>> for Matrices {
    fn allocate(&self) -> Vec<f64> {
        vec![0.0; MATRIX]
    }
}

fn opool() -> Arc<Opool<Buffers, Buffer>> {
    Arc::new(Opool::new_prefilled(CAPACITY, Buffers))
}

fn object_pool() -> Arc<MutexPool<Buffer>> {
    Arc::new(MutexPool::new(CAPACITY, buffer))
}

fn linear() -> Arc<LinearObjectPool<Buffer>> {
    Arc::new(LinearObjectPool::new(buffer, |_| ()))
}

fn spin_lock() -> Arc<SpinLockObjectPool<Buffer>> {
    Arc::new(SpinLockObjectPool::new(buffer, |_| ()))
}

/// A buffer that `sharded-slab` makes and keeps.
struct Slabbed(Buffer);

impl Default for Slabbed {
    fn default() -> Self {
        Self(buffer())
    }
}

impl Clear for Slabbed {
    fn clear(&mut self) {}
}

fn sharded() -> Arc<Sharded<Slabbed>> {
    Arc::new(Sharded::new())
}

/// Makes a buffer one's own and touches it; the key gives it back.
fn create(pool: &Sharded<Slabbed>) -> Option<usize> {
    let mut buffer = pool.create()?;
    touch(&mut *buffer.0);
    Some(buffer.key())
}

/// A stack of buffers for each thread, which no other can reach.
fn thread_local_stack() {
    thread_local!(static STACK: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) });
    let mut mine = STACK.with_borrow_mut(Vec::pop).unwrap_or_else(buffer);
    touch(&mut *mine);
    STACK.with_borrow_mut(|stack| stack.push(mine));
}

fn queue() -> Arc<ArrayQueue<Buffer>> {
    let queue = ArrayQueue::new(CAPACITY);
    (0..CAPACITY).for_each(|_| drop(queue.push(buffer())));
    Arc::new(queue)
}

/// Uninitialised room from the global allocator, which is mimalloc.
fn global() -> Vec<u64> {
    Vec::with_capacity(512)
}

/// The same from the system's allocator.
fn system() -> VecIn<u64, System> {
    VecIn::with_capacity_in(512, System)
}

/// The way back of whatever a thread is sent.
fn gone<T>(value: T) {
    drop(black_box(value));
}

fn get_put(case: Case, threads: usize) -> Case {
    let (opools, mutexes, linears, spins, queues) = (opool(), object_pool(), linear(), spin_lock(), queue());
    let opools = each(threads, || {
        let pool = opools.clone();
        lane(move || touch(&mut **pool.get()))
    });
    let mutexes = each(threads, || {
        let pool = mutexes.clone();
        lane(move || touch(&mut **pool.pull(buffer)))
    });
    let linears = each(threads, || {
        let pool = linears.clone();
        lane(move || touch(&mut **pool.pull()))
    });
    let spins = each(threads, || {
        let pool = spins.clone();
        lane(move || touch(&mut **pool.pull()))
    });
    let queues = each(threads, || {
        let queue = queues.clone();
        lane(move || {
            let mut buffer = until_some(|| queue.pop());
            touch(&mut *buffer);
            drop(queue.push(buffer));
        })
    });
    let slabs = sharded();
    let slabs = each(threads, || {
        let pool = slabs.clone();
        lane(move || assert!(create(&pool).is_some_and(|key| pool.clear(key))))
    });
    let globals = each(threads, || {
        lane(|| {
            let mut block = global();
            block.push(1);
            black_box(&mut block);
        })
    });
    let systems = each(threads, || {
        lane(|| {
            let mut block = system();
            block.push(1);
            black_box(&mut block);
        })
    });
    case.peer("opool get", opools)
        .peer("object-pool pull", mutexes)
        .peer("lockfree-object-pool Linear", linears)
        .peer("lockfree-object-pool SpinLock", spins)
        .peer("sharded-slab create and clear", slabs)
        .peer("ArrayQueue<Box>", queues)
        .peer("thread-local Vec", each(threads, || lane(thread_local_stack)))
        .peer("mimalloc (uninit)", globals)
        .unaudited_peer("system malloc (uninit)", systems)
}

fn handoff(case: Case) -> Case {
    let (opool, mutex, linear, queue) = (opool(), object_pool(), linear(), queue());
    let (free, slab) = (queue.clone(), sharded());
    let clear = slab.clone();
    case.peer(
        "sharded-slab, by key",
        across(move || until_some(|| create(&slab)), move |key| assert!(clear.clear(key))),
    )
    .peer(
        "opool get_rc",
        across(
            move || {
                let mut buffer = opool.clone().get_rc();
                touch(&mut **buffer);
                buffer
            },
            gone,
        ),
    )
    .peer(
        "object-pool pull_owned",
        across(
            move || {
                let mut buffer = mutex.pull_owned(buffer);
                touch(&mut **buffer);
                buffer
            },
            gone,
        ),
    )
    .peer(
        "lockfree-object-pool Linear owned",
        across(
            move || {
                let mut buffer = linear.pull_owned();
                touch(&mut **buffer);
                buffer
            },
            gone,
        ),
    )
    .peer(
        "ArrayQueue<Box>",
        across(
            move || {
                let mut buffer = until_some(|| queue.pop());
                touch(&mut *buffer);
                buffer
            },
            move |buffer| drop(free.push(black_box(buffer))),
        ),
    )
    .peer(
        "mimalloc (uninit)",
        across(
            || {
                let mut block = global();
                block.push(1);
                block
            },
            gone,
        ),
    )
    .unaudited_peer(
        "system malloc (uninit)",
        across(
            || {
                let mut block = system();
                block.push(1);
                block
            },
            gone,
        ),
    )
}

fn hold_32(case: Case) -> Case {
    let size = HELD as u64;
    let (opool, mutex, linear, queue) = (opool(), object_pool(), linear(), queue());
    case.peer(
        "opool get",
        [lane_of(size, move || {
            let mut held: [_; HELD] = array::from_fn(|_| opool.get());
            held.iter_mut().for_each(|buffer| touch(&mut ***buffer));
        })],
    )
    .peer(
        "object-pool pull",
        [lane_of(size, move || {
            let mut held: [_; HELD] = array::from_fn(|_| mutex.pull(buffer));
            held.iter_mut().for_each(|buffer| touch(&mut ***buffer));
        })],
    )
    .peer(
        "lockfree-object-pool Linear",
        [lane_of(size, move || {
            let mut held: [_; HELD] = array::from_fn(|_| linear.pull());
            held.iter_mut().for_each(|buffer| touch(&mut ***buffer));
        })],
    )
    .peer(
        "ArrayQueue<Box>",
        [lane_of(size, move || {
            let mut held: [_; HELD] = array::from_fn(|_| until_some(|| queue.pop()));
            held.iter_mut().for_each(|buffer| touch(&mut **buffer));
            held.into_iter().for_each(|buffer| drop(queue.push(buffer)));
        })],
    )
    .peer(
        "mimalloc (uninit)",
        [lane_of(size, || {
            let mut held: [_; HELD] = array::from_fn(|_| global());
            held.iter_mut().for_each(|block| block.push(1));
            black_box(&mut held);
        })],
    )
    .unaudited_peer(
        "system malloc (uninit)",
        [lane_of(size, || {
            let mut held: [_; HELD] = array::from_fn(|_| system());
            held.iter_mut().for_each(|block| block.push(1));
            black_box(&mut held);
        })],
    )
}

fn arena_alloc(case: Case) -> Case {
    let mut bump = Bump::with_capacity(1 << 17);
    let slices = lane_of(SLICES as u64, move || {
        for _ in 0..SLICES {
            let slice = bump.alloc_slice_fill_with(black_box(512), |_| MaybeUninit::<u64>::uninit());
            slice[0].write(1);
            black_box(slice);
        }
        bump.reset();
    });
    case.peer("bumpalo 4 KiB, 8-byte aligned", [slices])
}

fn arena_zeroed(case: Case) -> Case {
    let mut bump = Bump::with_capacity(1 << 17);
    let slices = lane_of(SLICES as u64, move || {
        for _ in 0..SLICES {
            touch(bump.alloc_slice_fill_copy(black_box(512), 0_u64));
        }
        bump.reset();
    });
    case.peer("bumpalo 4 KiB, 8-byte aligned", [slices])
}

fn matrix_8mib(case: Case) -> Case {
    let opool = Opool::new_prefilled(4, Matrices);
    let zeros = || {
        let mut matrix = vec![0.0; MATRIX];
        touch_pages(&mut matrix);
    };
    let system_zeros = || {
        let mut matrix: VecIn<f64, System> = VecIn::with_capacity_in(MATRIX, System);
        matrix.resize(MATRIX, 0.0);
        touch_pages(&mut matrix);
    };
    case.peer("opool get", [lane(move || touch_pages(&mut opool.get()))])
        .peer("vec![0.0; n] on mimalloc", [lane(zeros)])
        .unaudited_peer("malloc and fill on the system's", [lane(system_zeros)])
}
