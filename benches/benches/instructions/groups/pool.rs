//! An object taken and given back, a slice of an arena: 64 times each.

use bot4_pool::{Arena, Handle, ObjectPool};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

type Buffer = [u64; 512];

const TIMES: usize = 64;

fn pool() -> ObjectPool<Buffer> {
    ObjectPool::builder(|| [0; 512]).capacity(64).prefill(64).build().expect("64 buffers fit")
}

/// A handle whose magazine is filled.
fn handle() -> Handle<Buffer> {
    let handle = pool().handle();
    drop(handle.acquire());
    handle
}

fn arena() -> Arena {
    let mut arena = Arena::with_limit(1 << 20);
    fill(&mut arena);
    arena
}

fn fill(arena: &mut Arena) {
    for _ in 0..TIMES {
        black_box(arena.alloc_slice_uninit::<f64>(black_box(32)).expect("within the limit"));
    }
    arena.reset();
}

#[library_benchmark]
#[bench::x64(handle())]
fn handle_acquire_release(handle: Handle<Buffer>) -> Handle<Buffer> {
    for _ in 0..TIMES {
        black_box(handle.acquire().expect("one is free"))[0] = 1;
    }
    handle
}

#[library_benchmark]
#[bench::x64(pool())]
fn shared_acquire_release(pool: ObjectPool<Buffer>) -> ObjectPool<Buffer> {
    for _ in 0..TIMES {
        black_box(pool.acquire().expect("one is free"))[0] = 1;
    }
    pool
}

#[library_benchmark]
#[bench::x64(arena())]
fn arena_slices(mut arena: Arena) -> Arena {
    fill(&mut arena);
    arena
}

library_benchmark_group!(
    name = pool;
    benchmarks = handle_acquire_release, shared_acquire_release, arena_slices
);
