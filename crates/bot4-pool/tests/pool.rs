//! The rules of the object pool, one thread at a time.

use bot4_pool::{Arena, BuildError, Exhausted, Handle, ObjectPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn numbers(capacity: usize) -> ObjectPool<u64> {
    ObjectPool::builder(|| 0).capacity(capacity).build().unwrap()
}

fn panics<R>(call: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

#[test]
fn the_capacity_is_a_bound_and_refusals_are_counted() {
    let pool = numbers(3);
    let held: Vec<_> = (0..3).map(|_| pool.acquire().unwrap()).collect();
    assert_eq!(pool.acquire().unwrap_err(), Exhausted { capacity: 3 });
    assert_eq!(pool.handle().acquire().map(|_| ()), Err(Exhausted { capacity: 3 }));
    assert_eq!(pool.stats().exhausted, 2);
    drop(held);
    assert!(pool.acquire().is_ok());
}

#[test]
fn try_acquire_never_builds() {
    let pool = numbers(4);
    let handle = pool.handle();
    assert!(pool.try_acquire().is_none());
    assert!(handle.try_acquire().is_none());
    assert_eq!(pool.stats().built, 0);
    drop(pool.acquire().unwrap());
    assert!(pool.try_acquire().is_some());
    assert!(handle.try_acquire().is_some());
}

#[test]
fn prefill_builds_at_once_and_stops_at_the_capacity() {
    let builds = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&builds);
    let factory = move || counter.fetch_add(1, Ordering::Relaxed);
    let pool = ObjectPool::builder(factory).capacity(5).prefill(9).build().unwrap();
    assert_eq!(builds.load(Ordering::Relaxed), 5);
    drop(pool.try_acquire().unwrap());
    assert_eq!((pool.stats().hits, pool.stats().misses, pool.stats().idle), (1, 0, 5));
}

#[test]
fn stats_tell_what_is_where() {
    let pool = numbers(100);
    let handle = pool.handle();
    let first = pool.acquire().unwrap();
    let second = handle.acquire().unwrap();
    let third = handle.acquire_owned().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.capacity, stats.built, stats.in_use, stats.idle), (100, 3, 3, 0));
    drop((first, second, third));
    drop(handle.acquire().unwrap());
    let stats = pool.stats();
    assert_eq!((stats.built, stats.in_use, stats.idle, stats.high_water), (3, 0, 3, 3));
    assert_eq!((stats.misses, stats.hits), (3, 1));
}

#[test]
fn every_way_back_resets() {
    let pool = ObjectPool::builder(Vec::<u8>::new).capacity(100).reset(Vec::clear).build().unwrap();
    let handle = pool.handle();
    pool.acquire().unwrap().push(1);
    pool.acquire_owned().unwrap().push(2);
    handle.acquire().unwrap().push(3);
    let mut object = handle.acquire_owned().unwrap();
    object.push(4);
    handle.release(object);
    drop(handle);
    while let Some(object) = pool.try_acquire() {
        assert!(object.detach().is_empty());
    }
}

#[test]
fn detach_takes_the_object_and_frees_its_place() {
    let pool = numbers(1);
    let handle = pool.handle();
    for round in 0..5 {
        *pool.acquire().unwrap() = round;
        assert_eq!(pool.acquire().unwrap().detach(), round);
        assert_eq!(handle.acquire().unwrap().detach(), 0);
        assert_eq!(handle.acquire_owned().unwrap().detach(), 0);
        assert_eq!(pool.stats().built, 0);
    }
}

#[test]
fn a_panicking_factory_loses_no_capacity() {
    let fail = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fail);
    let factory = move || assert!(!failing.load(Ordering::Relaxed), "no object today");
    let pool = ObjectPool::builder(factory).capacity(2).build().unwrap();
    let handle = pool.handle();
    for _ in 0..10 {
        assert!(panics(|| pool.acquire().map(drop)));
        assert!(panics(|| handle.acquire_owned().map(drop)));
    }
    fail.store(false, Ordering::Relaxed);
    let held = (pool.acquire().unwrap(), handle.acquire().unwrap());
    assert_eq!(pool.stats().misses, 2);
    drop(held);
}

#[test]
fn a_factory_that_panics_while_the_pool_is_built_takes_the_built_objects_with_it() {
    let alive = Arc::new(());
    let token = Arc::clone(&alive);
    let factory = move || {
        assert!(Arc::strong_count(&token) < 6, "no object today");
        Arc::clone(&token)
    };
    assert!(panics(|| ObjectPool::builder(factory).capacity(10).prefill(10).build().map(drop)));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_panicking_reset_drops_the_object_and_loses_no_capacity() {
    let alive = Arc::new(());
    let token = Arc::clone(&alive);
    let pool = ObjectPool::builder(move || (Arc::clone(&token), false))
        .capacity(2)
        .reset(|(_, poisoned)| assert!(!*poisoned, "unfit for use"))
        .build()
        .unwrap();
    let handle = pool.handle();
    for _ in 0..10 {
        let mut object = pool.acquire().unwrap();
        object.1 = true;
        assert!(panics(|| drop(object)));
        let mut object = handle.acquire().unwrap();
        object.1 = true;
        assert!(panics(|| drop(object)));
        let mut object = handle.acquire_owned().unwrap();
        object.1 = true;
        assert!(panics(|| drop(object)));
        let mut object = pool.acquire_owned().unwrap();
        object.1 = true;
        assert!(panics(|| handle.release(object)));
        assert_eq!((pool.stats().built, pool.stats().in_use), (0, 0));
        assert_eq!(Arc::strong_count(&alive), 2, "the object in the test's hands and the factory's token");
    }
    let held = (pool.acquire().unwrap(), handle.acquire().unwrap());
    drop(held);
    drop((handle, pool));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_handle_keeps_at_most_a_magazine_and_gives_it_back() {
    let pool = numbers(1000);
    let handle = pool.handle();
    drop((0..500).map(|_| handle.acquire().unwrap()).collect::<Vec<_>>());
    let in_pool: Vec<_> = std::iter::from_fn(|| pool.try_acquire()).collect();
    assert!((500 - 16..500).contains(&in_pool.len()), "{} of 500 came back", in_pool.len());
    drop(handle);
    let in_magazine: Vec<_> = std::iter::from_fn(|| pool.try_acquire()).collect();
    assert_eq!(in_pool.len() + in_magazine.len(), 500);
}

#[test]
fn a_thread_that_ends_gives_back_the_magazine_in_its_thread_local() {
    use std::cell::OnceCell;
    thread_local!(static HANDLE: OnceCell<Handle<u64>> = const { OnceCell::new() });
    let pool = Arc::new(numbers(64));
    let theirs = Arc::clone(&pool);
    let working = move || {
        HANDLE.with(|cell| {
            let handle = cell.get_or_init(|| theirs.handle());
            drop((0..64).map(|_| handle.acquire().unwrap()).collect::<Vec<_>>());
        });
        (0..64).map_while(|_| theirs.try_acquire()).collect::<Vec<_>>().len()
    };
    let within_reach = std::thread::spawn(working).join().unwrap();
    assert!(within_reach < 64, "nothing was in the magazine: the test shows nothing");
    let held: Vec<_> = (0..64).map_while(|_| pool.try_acquire()).collect();
    assert_eq!(held.len(), 64);
}

#[test]
fn a_handle_gives_the_object_that_it_took_back_last() {
    for capacity in [4, 5, 7, 8, 11, 100] {
        let builds = AtomicUsize::new(0);
        let pool = ObjectPool::builder(move || builds.fetch_add(1, Ordering::Relaxed))
            .capacity(capacity)
            .prefill(capacity)
            .build()
            .unwrap();
        let handle = pool.handle();
        let warm = *handle.acquire().unwrap();
        assert!((0..50).all(|_| *handle.acquire().unwrap() == warm), "capacity {capacity}: a cold object");
    }
}

#[test]
fn a_handle_keeps_a_quarter_of_a_small_pool_at_most() {
    for capacity in 1..64 {
        let pool = numbers(capacity);
        let handle = pool.handle();
        drop((0..capacity).map(|_| handle.acquire().unwrap()).collect::<Vec<_>>());
        let within_reach: Vec<_> = (0..capacity).map_while(|_| pool.try_acquire()).collect();
        assert!(within_reach.len() >= capacity - capacity / 4, "{} of {capacity}", within_reach.len());
        assert_eq!(pool.stats().idle + within_reach.len(), capacity);
    }
}

#[test]
fn small_pools_are_not_stranded_in_one_magazine() {
    let pool = numbers(4);
    let (one, other) = (pool.handle(), pool.handle());
    drop([one.acquire().unwrap(), one.acquire().unwrap(), one.acquire().unwrap(), one.acquire().unwrap()]);
    let held: Vec<_> = (0..3).map(|_| other.acquire().unwrap()).collect();
    assert_eq!(held.len(), 3);
    let tiny = numbers(1);
    let (one, other) = (tiny.handle(), tiny.handle());
    drop(one.acquire().unwrap());
    assert!(other.acquire().is_ok());
}

#[test]
fn owned_objects_and_handles_outlive_the_pool() {
    let alive = Arc::new(());
    let token = Arc::clone(&alive);
    let pool = ObjectPool::builder(move || Arc::clone(&token)).capacity(100).build().unwrap();
    let handle = pool.handle();
    let owned = pool.acquire_owned().unwrap();
    let from_handle = handle.acquire_owned().unwrap();
    drop(pool);
    drop(handle.acquire().unwrap());
    drop(handle);
    assert_eq!(Arc::strong_count(&alive), 5, "test, factory, idle object, two guards");
    drop(owned);
    drop(from_handle.detach());
    assert_eq!(Arc::strong_count(&alive), 1, "the last guard takes the pool with it");
}

#[test]
fn release_sends_a_stranger_home() {
    let (home, elsewhere) = (numbers(2), numbers(2));
    elsewhere.handle().release(home.acquire_owned().unwrap());
    assert_eq!((home.stats().idle, elsewhere.stats().idle), (1, 0));
}

#[test]
fn references_are_returned_whatever_the_direction_of_the_flow() {
    let alive = Arc::new(());
    let token = Arc::clone(&alive);
    let pool = ObjectPool::builder(move || Arc::clone(&token)).capacity(100).build().unwrap();
    let (from, to) = (pool.handle(), pool.handle());
    for _ in 0..5000 {
        to.release(from.acquire_owned().unwrap());
    }
    assert!(pool.stats().built <= 2 * 16 + 8);
    drop((pool, from, to));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn limits_are_checked_before_anything_is_built() {
    let unreachable = || -> u8 { panic!("built") };
    let builder = ObjectPool::builder(unreachable).capacity(1000).prefill(1000).byte_budget(1 << 30, 8 << 20);
    let error = builder.build().unwrap_err();
    assert_eq!(error, BuildError::OverBudget { capacity: 1000, per_object: 8 << 20, budget: 1 << 30 });
    let overflow = ObjectPool::builder(unreachable).capacity(usize::MAX).byte_budget(usize::MAX, 2).build();
    assert!(matches!(overflow, Err(BuildError::OverBudget { .. })));
    assert_eq!(ObjectPool::builder(unreachable).build().unwrap_err(), BuildError::NoCapacity);
    assert!(ObjectPool::builder(|| 0_u8).capacity(128).byte_budget(1 << 30, 8 << 20).build().is_ok());
}

#[test]
fn a_thousand_big_matrices_are_lazy_without_a_budget() {
    let pool =
        ObjectPool::builder(|| ndarray::Array2::<f64>::zeros((1024, 1024))).capacity(1000).build().unwrap();
    for _ in 0..1000 {
        pool.acquire().unwrap()[[1023, 1023]] += 1.0;
    }
    assert_eq!(pool.stats().built, 1);
    assert_eq!(pool.acquire().unwrap()[[1023, 1023]], 1000.0);
    let pool = ObjectPool::<ndarray::Array2<f64>>::matrices((1024, 1024), 1000, usize::MAX).unwrap();
    drop(pool.acquire().unwrap());
    assert_eq!((pool.capacity(), pool.stats().built), (1000, 1));
}

#[test]
fn arenas_are_pooled_like_anything_else() {
    let pool =
        ObjectPool::builder(|| Arena::with_limit(4096)).capacity(4).reset(Arena::reset).build().unwrap();
    for _ in 0..10 {
        let arena = pool.acquire().unwrap();
        assert!(arena.alloc_slice_zeroed::<u8>(4000).is_ok());
    }
    assert_eq!(pool.stats().built, 1);
}

#[test]
fn objects_without_a_size_and_with_a_large_alignment_work() {
    #[repr(align(1024))]
    struct Wide(u8);
    let empty = ObjectPool::builder(|| ()).capacity(2).build().unwrap();
    drop((empty.acquire().unwrap(), empty.acquire().unwrap()));
    let wide = ObjectPool::builder(|| Wide(7)).capacity(2).build().unwrap();
    let (one, other) = (wide.acquire().unwrap(), wide.acquire().unwrap());
    assert_eq!((&raw const *one).addr() % 1024, 0);
    assert_ne!(&raw const *one, &raw const *other);
    assert_eq!(one.0 + other.0, 14);
}

#[test]
fn pools_guards_and_handles_have_the_right_markers() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    use std::cell::Cell;
    let pool = ObjectPool::builder(|| Cell::new(0)).capacity(4).build().unwrap();
    shared(&pool); // although `Cell` is not `Sync`: the pool never shares an object
    sent(&pool.acquire().unwrap());
    sent(&pool.acquire_owned().unwrap());
    sent(&pool.handle());
}
