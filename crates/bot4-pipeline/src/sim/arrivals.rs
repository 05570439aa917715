//! Times between events: a Hawkes process.

use super::random::{Random, exp_minus, ln};

/// Events per second that no other event caused.
const BASE_RATE: f64 = 2.5;

/// Per exponential of the kernel: how fast it fades (per second), and how many events an event causes
/// through it. Together 0.8: one event in five is spontaneous, the rest follow from others.
const KERNEL: [(f64, f64); 2] = [(2_000.0, 0.65), (0.2, 0.25)];

/// The excited part of the intensity, one value per exponential of the kernel (events per second).
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    excited: [f64; KERNEL.len()],
}

impl Arrivals {
    /// Starts at the mean intensity.
    pub(super) fn new() -> Self {
        let caused: f64 = KERNEL.iter().map(|(_, events)| events).sum();
        Self { excited: KERNEL.map(|(_, events)| events * BASE_RATE / (1.0 - caused)) }
    }

    /// Draws the time to the next event, exactly (Dassios, Zhao: Exact simulation of Hawkes process with
    /// exponentially decaying intensity, 2013): the base rate and each exponential are streams of
    /// their own, and the first event of them is the one.
    #[inline]
    pub(super) fn next_interval_ns(&mut self, random: &mut Random) -> u64 {
        let mut seconds = random.exponential() / BASE_RATE;
        for (excited, (fading, _)) in self.excited.iter().zip(KERNEL) {
            // An excitation that fades has a last chance: below 0 it passes without an event.
            let left = 1.0 - fading * random.exponential() / excited;
            if left > 0.0 {
                seconds = seconds.min(-ln(left) / fading);
            }
        }
        for (excited, (fading, events)) in self.excited.iter_mut().zip(KERNEL) {
            *excited = *excited * exp_minus(fading * seconds) + events * fading;
        }
        (seconds * 1e9) as u64
    }
}
