//! The keys that the threads look up, drawn in advance from fixed seeds.

use super::KEYS;
use std::sync::{Arc, LazyLock};

/// Keys of the cases in which every lookup is a hit.
pub(super) const HOT: u64 = 10_000;
/// Drawn in advance: more than a cache could take for a loop.
const DRAWN: usize = 1 << 20;

/// A thread's keys, over and over.
pub(super) struct Draws {
    keys: Arc<[u32]>,
    at: usize,
}

impl Draws {
    #[inline]
    pub(super) fn draw(&mut self) -> u64 {
        self.at = (self.at + 1) % DRAWN;
        self.keys[self.at].into()
    }
}

/// The same keys for every subject; each thread starts at another place.
fn shared(keys: &Arc<[u32]>, threads: usize) -> Vec<Draws> {
    (0..threads).map(|thread| Draws { keys: Arc::clone(keys), at: thread * DRAWN / threads }).collect()
}

/// Keys below [`HOT`], each as often as any other.
pub(super) fn hot(threads: usize) -> Vec<Draws> {
    static KEYS: LazyLock<Arc<[u32]>> =
        LazyLock::new(|| random(1).map(|bits| ((bits >> 32) % HOT) as u32).take(DRAWN).collect());
    shared(&KEYS, threads)
}

/// Keys below [`KEYS`], with frequencies by Zipf's law with exponent 0.9.
pub(super) fn zipf(threads: usize) -> Vec<Draws> {
    static DRAWS: LazyLock<Arc<[u32]>> = LazyLock::new(|| {
        let mut total = 0.0;
        let mut cumulate = |rank: usize| {
            total += (rank as f64).powf(-0.9);
            total
        };
        let cumulated: Vec<f64> = (1..=KEYS).map(&mut cumulate).collect();
        let uniform = random(2).map(|bits| (bits >> 11) as f64 / (1_u64 << 53) as f64);
        uniform.map(|u| cumulated.partition_point(|sum| *sum < u * total) as u32).take(DRAWN).collect()
    });
    shared(&DRAWS, threads)
}

/// The SplitMix64 generator: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn random(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}
