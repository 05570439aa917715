//! After creation and a thread's first record nothing asks the allocator for memory.
#![cfg(not(bot4_loom))]

use bot4_lockfree::budget::{Budget, RateLimit};
use bot4_lockfree::metrics::{Distribution, HistogramConfig, Registry};
use bot4_lockfree::snapshot::{Latest, Published};
use bot4_lockfree::{broadcast, mpmc, spsc};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn queues() {
    let (mut producer, mut consumer) = spsc::ring(8);
    let (many_in, many_out) = mpmc::queue(8);
    let _quiet = audit::forbid("queues");
    for i in 0..100 {
        producer.push([i; 8]).unwrap();
        producer.push_each((0..9).map(|i| [i; 8]));
        assert!(producer.push([i; 8]).is_err());
        assert!(consumer.peek().is_some() && consumer.pop().is_ok());
        assert_eq!(consumer.pop_each(9, |_| ()), 7);
        assert!(consumer.pop().is_err());
        many_in.push(i).unwrap();
        assert_eq!(many_out.pop_each(9, |_| ()), 1);
    }
    drop((producer, many_in));
    assert_eq!(consumer.pop(), Err(spsc::PopError::Closed));
}

#[test]
fn rings_of_items_in_place() {
    let (mut writer, mut readers) = broadcast::graph(8, || [0; 8], [&[], &[], &[0, 1]]);
    let (mut first, [mut stage]) = broadcast::pipeline(8, || [0; 8]);
    let _quiet = audit::forbid("rings of items in place");
    for i in 0..100 {
        writer.publish(|item| *item = [i; 8]).unwrap();
        first.publish_batch(8, |items| items.len()).unwrap();
        for reader in &mut readers {
            assert_eq!(reader.read(8, |items| items[0][7]), Ok(i));
        }
        assert!(stage.read(8, |items| items[0] = [i; 8]).is_ok());
        assert!(stage.read(8, |_| ()).is_err());
    }
}

#[test]
fn metrics_by_name() {
    let registry = Registry::new();
    let _ = (registry.counter("orders_total", ""), registry.float_gauge("spread", ""));
    let frozen = registry.freeze();
    frozen.counter("orders_total").unwrap().increment(1);
    let _quiet = audit::forbid("metrics by name");
    for _ in 0..100 {
        frozen.counter("orders_total").unwrap().increment(1);
        frozen.float_gauge("spread").unwrap().set(0.5);
        assert!(frozen.counter("absent").is_none());
    }
}

#[test]
#[cfg(feature = "metrics")]
fn metrics_by_macro() {
    let registry = Registry::new();
    let recorder = bot4_lockfree::metrics::Recorder::new(registry.clone());
    ::metrics::with_local_recorder(&recorder, || {
        let say = || {
            ::metrics::counter!("orders").increment(1);
            ::metrics::gauge!("spread").set(0.5);
            ::metrics::histogram!("latency", "stage" => "risk").record(0.001);
        };
        say();
        let _quiet = audit::forbid("metrics by macro");
        (0..100).for_each(|_| say());
    });
    assert_eq!(registry.counter("orders", "").value(), 101);
}

#[test]
fn metrics() {
    let registry = Registry::new();
    let (counter, gauge) = (registry.counter("a", ""), registry.gauge("b", ""));
    let (float, histogram) =
        (registry.float_gauge("c", ""), registry.histogram("d", "", HistogramConfig::default()));
    let mut own = Distribution::new(HistogramConfig::default());
    histogram.warm();
    let _quiet = audit::forbid("metrics");
    for i in 0..1_000 {
        counter.increment(i);
        gauge.set(i as i64);
        gauge.add(-1);
        float.set(0.5);
        float.add(0.5);
        histogram.record(i << (i % 50));
        own.record(i);
    }
    assert_eq!((counter.value(), own.percentile(0.5)), (499_500, 499));
}

#[test]
fn snapshots() {
    let latest = Latest::new([0_u64; 8]);
    let (mut writer, mut reader) = (latest.writer().unwrap(), latest.reader());
    let published = Published::new(vec![0; 100]);
    let mut view = published.reader();
    published.publish(vec![0; 100]);
    view.get();
    for i in 0..100 {
        let _quiet = audit::forbid("snapshots");
        published.publish_reusing(|old| {
            let mut new = old.expect("nobody reads the first version");
            new.fill(i);
            new
        });
        writer.write([i; 8]);
        assert_eq!((reader.read()[7], view.get()[99]), (i, i));
    }
}

#[test]
fn budgets() {
    let (budget, rate) = (Budget::new(10), RateLimit::new(4, 100));
    let _quiet = audit::forbid("budgets");
    for now in 0..1_000 {
        if budget.try_reserve(now % 20).is_ok() {
            budget.release(now % 20);
        }
        rate.try_acquire(now);
    }
    assert_eq!(rate.admitted(), 40);
}
