//! Collections in pooled memory: what does a `Vec` of 4 KiB cost, and a map of 64 keys, made and dropped?

use super::each;
use crate::case::{Case, Lane, lane};
use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec as VecIn;
use bot4_pool::PoolAllocator;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hint::black_box;

/// A life of a collection.
trait Life {
    fn live(allocator: impl Allocator);
}

/// Room for 4 KiB, of which the first word is written.
struct Vec4k;

/// 64 keys in a map that grows on the way, one of which is looked up.
struct Map64;

impl Life for Vec4k {
    fn live(allocator: impl Allocator) {
        let mut list = VecIn::with_capacity_in(black_box(512), allocator);
        list.push(1_u64);
        black_box(&mut list);
    }
}

impl Life for Map64 {
    fn live(allocator: impl Allocator) {
        let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), allocator);
        for key in 0..black_box(64_u64) {
            map.insert(key, key);
        }
        black_box(map.get(&black_box(7)));
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![vec_4k("vec_4k_1t", 1), vec_4k("vec_4k_2t", 2), case::<Map64>("map_64_1t", 1)]
}

fn vec_4k(name: &'static str, threads: usize) -> Case {
    let case = case::<Vec4k>(name, threads);
    #[cfg(feature = "peers")]
    let case = case.peer("mimalloc under std's Vec", each(threads, || lane(std_vec)));
    case
}

/// The same in the `Vec` that knows the global allocator only.
#[cfg(feature = "peers")]
fn std_vec() {
    let mut list = Vec::with_capacity(black_box(512));
    list.push(1_u64);
    black_box(&mut list);
}

fn memory() -> PoolAllocator {
    PoolAllocator::with_blocks(&[(256, 256), (1024, 256), (4096, 256)])
}

/// The lanes of a subject, each thread with an allocator that `make` makes for it.
fn lanes<L: Life, A>(threads: usize, mut make: impl FnMut() -> A) -> Vec<Lane>
where
    A: Send + 'static,
    for<'a> &'a A: Allocator,
{
    each(threads, || {
        let allocator = make();
        lane(move || L::live(&allocator))
    })
}

fn case<L: Life>(name: &'static str, threads: usize) -> Case {
    let (handles, shared) = (memory(), memory());
    let case = Case::new(name)
        .ours("bot4 allocator handle", lanes::<L, _>(threads, || handles.handle()))
        .ours("bot4 allocator shared", lanes::<L, _>(threads, || shared.clone()));
    #[cfg(feature = "peers")]
    let case = case
        .peer("mimalloc", lanes::<L, _>(threads, || allocator_api2::alloc::Global))
        .peer("bumpalo, an arena a thread", each(threads, bump::<L>))
        .unaudited_peer("system malloc", lanes::<L, _>(threads, || std::alloc::System));
    case
}

#[cfg(feature = "peers")]
fn bump<L: Life>() -> Lane {
    let mut bump = bumpalo::Bump::with_capacity(1 << 17);
    lane(move || {
        L::live(&bump);
        bump.reset();
    })
}
