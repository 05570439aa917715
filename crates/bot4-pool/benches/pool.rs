//! What does it cost to get an object and give it back, one by one and 32 at a time, next to a plain `Vec` stack?

use bot4_pool::ObjectPool;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

type Object = Vec<u8>;

fn pool() -> ObjectPool<Object> {
    ObjectPool::builder(|| vec![0; 4096]).capacity(256).prefill(256).build().unwrap()
}

fn get_and_put(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("get_put");
    let mut stack: Vec<Box<Object>> = vec![Box::new(vec![0; 4096])];
    group.bench_function("vec_limit", |b| {
        b.iter(|| {
            let object = black_box(&mut stack).pop().unwrap();
            stack.push(object);
        });
    });
    let pool = pool();
    let handle = pool.handle();
    group.bench_function("handle", |b| b.iter(|| black_box(handle.acquire().unwrap())[0] = 1));
    group.bench_function("handle_owned", |b| {
        b.iter(|| handle.release(black_box(handle.acquire_owned().unwrap())))
    });
    group.bench_function("shared", |b| b.iter(|| black_box(pool.acquire().unwrap())[0] = 1));
    group.bench_function("shared_owned", |b| b.iter(|| black_box(pool.acquire_owned().unwrap())[0] = 1));
}

fn hold_32(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold_32");
    let pool = pool();
    let handle = pool.handle();
    group.bench_function("handle", |b| {
        b.iter(|| black_box(std::array::from_fn::<_, 32, _>(|_| handle.acquire().unwrap())));
    });
    group.bench_function("shared", |b| {
        b.iter(|| black_box(std::array::from_fn::<_, 32, _>(|_| pool.acquire().unwrap())));
    });
}

criterion_group!(benches, get_and_put, hold_32);
criterion_main!(benches);
