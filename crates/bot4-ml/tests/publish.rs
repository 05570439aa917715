//! A model is swapped ten thousand times while others predict: every prediction is one model's, and memory comes back.

use std::sync::Barrier;

use bot4_lockfree::snapshot::Published;
use bot4_ml::{Activation, LayerParts, Mlp};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator::new();

const SWAPS: u64 = 10_000;
const READERS: usize = 2;

/// Both layers say which network they belong to: of a row of ones the first layer makes `45 * i`, the second adds
/// `10 * i`; a mixture of two networks gives something else.
fn network(i: u64) -> Mlp<f64> {
    let i = i as f64;
    let hidden =
        LayerParts { inputs: 5, weights: vec![i; 45], bias: vec![0.0; 9], activation: Activation::Relu };
    let output = LayerParts {
        inputs: 9,
        weights: vec![1.0; 9],
        bias: vec![10.0 * i],
        activation: Activation::Identity,
    };
    Mlp::from_layers(&[hidden, output]).unwrap()
}

#[test]
fn ten_thousand_swaps_under_load_tear_no_prediction_and_give_their_memory_back() {
    let models = Published::new(network(0));
    let start = Barrier::new(READERS + 1);
    let (before, kept) = std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut reader = models.reader();
                let mut scratch = vec![0.0; reader.get().scratch_len()];
                start.wait();
                let mut last = 0.0;
                while last < 55.0 * SWAPS as f64 {
                    let mut out = [0.0];
                    reader.get().predict(&[1.0; 5], &mut scratch, &mut out);
                    assert!(out[0] % 55.0 == 0.0 && out[0] >= last, "{} after {last}", out[0]);
                    last = out[0];
                }
            });
        }
        // The publisher frees what no reader holds any more, so the account of this thread is the whole account.
        start.wait();
        let before = audit::thread_counts();
        for i in 1..=SWAPS {
            models.publish(network(i));
        }
        let counts = audit::thread_counts().since(before);
        assert!(counts.allocations > SWAPS, "a network is allocated");
        (before, counts.allocations - counts.deallocations)
    });
    // What a version is made of; at most one version a reader, and the one before, may still have been held.
    let ((), one) = audit::count(|| std::mem::forget(network(0)));
    let version = one.allocations - one.deallocations + 1;
    assert!(kept <= (READERS as u64 + 1) * version + 4, "{kept} allocations kept, {version} a version");
    // Nobody reads any more: the next swap frees every version but its own, which stands where the first one stood.
    models.publish(network(SWAPS));
    let settled = audit::thread_counts().since(before);
    let probe = version - 1; // forgotten above
    let left = settled.allocations as i64 - (settled.deallocations + probe) as i64;
    // The list of old versions may be one; the marks of the readers, allocated by them, are freed here.
    assert!((-(READERS as i64)..=1).contains(&left), "{left} allocations more than before the first swap");
}
