//! What does it cost to get a 4 KiB buffer and give it back, on one thread, on two, and from one to the other?

mod collections;
#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane, lane_of};
use bot4_lockfree::spsc;
use bot4_pool::{AlignedVec, Arena, ObjectPool, OwnedPooled};
use std::array;
use std::hint::black_box;
use std::sync::Arc;

/// The object of a pool that keeps its objects in place.
type Inline = [u64; 512];

/// The object of a pool that moves its objects.
type Buffer = Box<Inline>;

const CAPACITY: usize = 256;
const HELD: usize = 32;
const RING: usize = 64;
/// Slices between two resets of an arena.
const SLICES: usize = 16;
/// 1024 x 1024 f64.
const MATRIX: usize = 1 << 20;
/// Elements of a page.
const PAGE: usize = 512;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        get_put("get_put_1t", 1),
        get_put("get_put_2t", 2),
        handoff(),
        hold_32(),
        arena_alloc(),
        arena_zeroed(),
        matrix_8mib(),
    ];
    #[cfg(feature = "peers")]
    {
        cases = cases.into_iter().map(peers::join).collect();
    }
    cases.extend(collections::cases());
    cases
}

fn buffer() -> Buffer {
    Box::new([0; 512])
}

fn pool() -> ObjectPool<Inline> {
    match ObjectPool::builder(|| [0; 512]).capacity(CAPACITY).prefill(CAPACITY).build() {
        Ok(pool) => pool,
        Err(error) => panic!("{error}"),
    }
}

/// What every holder of a buffer does with it.
fn touch(buffer: &mut [u64]) {
    buffer[0] = 1;
    black_box(buffer);
}

/// The lanes of a subject whose threads all do the same, each with what `make` makes for it.
fn each(threads: usize, make: impl FnMut() -> Lane) -> Vec<Lane> {
    std::iter::repeat_with(make).take(threads).collect()
}

fn stack() -> Lane {
    let mut stack: Vec<Buffer> = (0..HELD).map(|_| buffer()).collect();
    lane(move || {
        if let Some(mut buffer) = black_box(&mut stack).pop() {
            touch(&mut *buffer);
            stack.push(buffer);
        }
    })
}

fn get_put(name: &'static str, threads: usize) -> Case {
    let (handles, shared) = (pool(), Arc::new(pool()));
    let handles = each(threads, || {
        let handle = handles.handle();
        lane(move || {
            if let Ok(mut buffer) = handle.acquire() {
                touch(&mut *buffer);
            }
        })
    });
    let shared = each(threads, || {
        let pool = shared.clone();
        lane(move || {
            if let Ok(mut buffer) = pool.acquire() {
                touch(&mut *buffer);
            }
        })
    });
    Case::new(name)
        .limit("Vec pop+push", each(threads, stack))
        .ours("bot4 handle", handles)
        .ours("bot4 shared", shared)
}

/// One thread makes values and sends them, the other takes them: through the same ring for every subject.
fn across<T: Send + 'static>(
    mut make: impl FnMut() -> T + Send + 'static,
    mut take: impl FnMut(T) + Send + 'static,
) -> [Lane; 2] {
    let (mut producer, mut consumer) = spsc::ring(RING);
    let send = move || {
        let mut value = make();
        while let Err(refused) = producer.push(value) {
            value = refused.into_inner();
            std::hint::spin_loop();
        }
    };
    let receive = move || {
        loop {
            match consumer.pop() {
                Ok(value) => break take(value),
                Err(_) => std::hint::spin_loop(),
            }
        }
    };
    [lane(send), lane(receive)]
}

/// Tries until a pool that the other thread refills has something to give.
fn until_some<T>(mut get: impl FnMut() -> Option<T>) -> T {
    loop {
        match get() {
            Some(value) => return value,
            None => std::hint::spin_loop(),
        }
    }
}

fn handoff() -> Case {
    let pool = pool();
    let (here, there) = (pool.handle(), pool.handle());
    let get = move || {
        let mut buffer = until_some(|| here.acquire_owned().ok());
        touch(&mut *buffer);
        buffer
    };
    let put = move |buffer: OwnedPooled<Inline>| there.release(black_box(buffer));
    Case::chain("handoff")
        .limit(
            "transport only",
            across(
                || 1_u64,
                |value| {
                    black_box(value);
                },
            ),
        )
        .ours("bot4 handle to handle", across(get, put))
}

fn hold_32() -> Case {
    let size = HELD as u64;
    let mut stack: Vec<Buffer> = (0..HELD).map(|_| buffer()).collect();
    let limit = lane_of(size, move || {
        let mut held: [_; HELD] = array::from_fn(|_| black_box(&mut stack).pop());
        held.iter_mut().flatten().for_each(|buffer| touch(&mut **buffer));
        stack.extend(held.into_iter().flatten());
    });
    let (handle, shared) = (pool().handle(), pool());
    let local = lane_of(size, move || {
        let mut held: [_; HELD] = array::from_fn(|_| handle.acquire());
        held.iter_mut().flatten().for_each(|buffer| touch(&mut **buffer));
    });
    let shared = lane_of(size, move || {
        let mut held: [_; HELD] = array::from_fn(|_| shared.acquire());
        held.iter_mut().flatten().for_each(|buffer| touch(&mut **buffer));
    });
    Case::new("hold_32")
        .limit("Vec pop+push", [limit])
        .ours("bot4 handle", [local])
        .ours("bot4 shared", [shared])
}

fn arena_alloc() -> Case {
    let mut arena = Arena::with_limit(1 << 17);
    let slices = lane_of(SLICES as u64, move || {
        for _ in 0..SLICES {
            if let Ok(slice) = arena.alloc_slice_uninit::<u64>(black_box(512)) {
                slice[0].write(1);
                black_box(slice);
            }
        }
        arena.reset();
    });
    Case::new("arena_alloc").ours("bot4 arena 4 KiB, 64-byte aligned", [slices])
}

fn arena_zeroed() -> Case {
    let mut arena = Arena::with_limit(1 << 17);
    let slices = lane_of(SLICES as u64, move || {
        for _ in 0..SLICES {
            if let Ok(slice) = arena.alloc_slice_zeroed::<u64>(black_box(512)) {
                touch(slice);
            }
        }
        arena.reset();
    });
    Case::new("arena_zeroed").ours("bot4 arena 4 KiB, 64-byte aligned", [slices])
}

/// Writes a word to every page, as a user of the whole matrix would at least.
fn touch_pages(matrix: &mut [f64]) {
    matrix.iter_mut().step_by(PAGE).for_each(|word| *word = 1.0);
    black_box(matrix);
}

fn matrix_8mib() -> Case {
    let build = ObjectPool::builder(|| AlignedVec::<f64>::zeroed(MATRIX)).capacity(4).prefill(4).build();
    let pool = match build {
        Ok(pool) => pool,
        Err(error) => panic!("{error}"),
    };
    let handle = pool.handle();
    let mut kept = AlignedVec::<f64>::zeroed(MATRIX);
    Case::new("matrix_8mib").limit("one matrix, kept", [lane(move || touch_pages(&mut kept))]).ours(
        "bot4 handle",
        [lane(move || {
            if let Ok(mut matrix) = handle.acquire() {
                touch_pages(&mut matrix);
            }
        })],
    )
}
