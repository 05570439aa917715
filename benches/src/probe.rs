//! How far apart the two cores are right now.

use crate::machine;
use serde::Serialize;
use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Above this round trip the two cores are strangers to each other: observed are 40 to 65 ns near, and 190 to 500 ns far.
const NEAR_MAX: Duration = Duration::from_nanos(120);
const BURSTS: u64 = 20;
const TRIPS: u64 = 100;

/// How close the two cores were during a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Regime {
    /// A line went between them in 120 ns or less, before and after.
    Near,
    /// It took longer.
    Far,
    /// It changed during the sample, which is dropped.
    Changed,
}

impl Regime {
    pub(crate) fn between(before: Duration, after: Duration) -> Self {
        match (before <= NEAR_MAX, after <= NEAR_MAX) {
            (true, true) => Self::Near,
            (false, false) => Self::Far,
            _ => Self::Changed,
        }
    }
}

#[repr(align(128))]
struct Line(AtomicU64);

/// The round trip of one cache line between two cores: the best of a few bursts, as some are disturbed.
pub(crate) fn round_trip(cores: [usize; 2]) -> Result<Duration, String> {
    let line = Line(AtomicU64::new(0));
    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            machine::pin(cores[1])?;
            (0..BURSTS * TRIPS).for_each(|trip| pass(&line, 2 * trip + 1));
            Ok(())
        });
        let asking = scope.spawn(|| {
            machine::pin(cores[0])?;
            let burst = |burst: u64| {
                let start = Instant::now();
                (burst * TRIPS..(burst + 1) * TRIPS).for_each(|trip| pass(&line, 2 * trip));
                start.elapsed() / TRIPS as u32
            };
            Ok((0..BURSTS).map(burst).min().unwrap_or_default())
        });
        let answered = answering.join().map_err(|_| "the probe failed")?;
        let best = asking.join().map_err(|_| "the probe failed")?;
        answered.and(best)
    })
}

/// Waits for the line to hold `turn` and hands it on.
fn pass(line: &Line, turn: u64) {
    while line.0.load(Ordering::Acquire) != turn {
        hint::spin_loop();
    }
    line.0.store(turn + 1, Ordering::Release);
}
