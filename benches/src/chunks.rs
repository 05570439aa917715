//! One sample: lanes on pinned threads, cut into chunks, without the chunks in which a thread lost its core.

use crate::case::Subject;
use crate::machine;
use bot4_pool::audit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a chunk should take: long next to the clock, short next to a time slice.
const CHUNK: Duration = Duration::from_micros(200);

#[derive(Debug, Clone, Copy)]
struct Chunk {
    start: Instant,
    end: Instant,
    clean: bool,
}

impl Chunk {
    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// What the lanes of one subject did.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// Nanoseconds per operation of each good chunk of each lane.
    pub(crate) ns: Vec<f64>,
    pub(crate) allocations: u64,
    pub(crate) operations: u64,
}

struct LaneRun {
    chunks: Vec<Chunk>,
    allocations: u64,
}

/// How many operations of this subject take about one chunk.
pub(crate) fn calibrate(subject: &mut Subject, cores: &[usize]) -> Result<u64, String> {
    let mut operations = 1;
    loop {
        let runs = run(subject, cores, operations, 3)?;
        let chunks = runs.iter().flat_map(|lane| &lane.chunks);
        let shortest = chunks.map(|chunk| chunk.end - chunk.start).min().unwrap_or(CHUNK);
        if shortest * 4 > CHUNK {
            let scale = CHUNK.as_nanos() as f64 / shortest.as_nanos() as f64;
            return Ok((operations as f64 * scale).ceil() as u64);
        }
        operations *= 4;
    }
}

/// Runs every lane for `chunks` chunks of `operations` operations and keeps what was undisturbed.
pub(crate) fn sample(
    subject: &mut Subject,
    cores: &[usize],
    operations: u64,
    chunks: usize,
) -> Result<Sample, String> {
    let runs = run(subject, cores, operations, chunks)?;
    let ns =
        good(&runs).map(|chunk| (chunk.end - chunk.start).as_nanos() as f64 / operations as f64).collect();
    Ok(Sample {
        ns,
        allocations: runs.iter().map(|lane| lane.allocations).sum(),
        operations: operations * chunks as u64,
    })
}

/// The chunks during which every lane was running and none lost its core.
fn good(runs: &[LaneRun]) -> impl Iterator<Item = Chunk> {
    let start = runs.iter().filter_map(|lane| lane.chunks.first()).map(|chunk| chunk.start).max();
    let end = runs.iter().filter_map(|lane| lane.chunks.last()).map(|chunk| chunk.end).min();
    let disturbed = |chunk: &Chunk| {
        let mut all = runs.iter().flat_map(|lane| &lane.chunks);
        all.any(|other| !other.clean && chunk.overlaps(other))
    };
    let together = move |chunk: &Chunk| Some(chunk.start) >= start && Some(chunk.end) <= end;
    runs.iter()
        .flat_map(|lane| &lane.chunks)
        .copied()
        .filter(move |chunk| together(chunk) && !disturbed(chunk))
}

fn run(
    subject: &mut Subject,
    cores: &[usize],
    operations: u64,
    chunks: usize,
) -> Result<Vec<LaneRun>, String> {
    let ready = AtomicUsize::new(0);
    let lanes = subject.lanes.len();
    thread::scope(|scope| {
        let threads: Vec<_> = (subject.lanes.iter_mut().zip(cores))
            .map(|(lane, &core)| {
                let ready = &ready;
                scope.spawn(move || {
                    let pinned = machine::pin(core);
                    lane(operations); // warms caches and magazines, on every core or none
                    meet(ready, lanes);
                    pinned.map(|()| run_lane(&mut **lane, operations, chunks))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a subject panicked".to_owned())?)
            .collect()
    })
}

fn run_lane(lane: &mut dyn FnMut(u64), operations: u64, count: usize) -> LaneRun {
    let mut chunks = Vec::with_capacity(count);
    let before = audit::thread_counts();
    for _ in 0..count {
        let switches = machine::switches();
        let start = Instant::now();
        lane(operations);
        let end = Instant::now();
        chunks.push(Chunk { start, end, clean: machine::switches() == switches });
    }
    LaneRun { chunks, allocations: audit::thread_counts().since(before).allocations }
}

/// Waits until all lanes are here.
fn meet(ready: &AtomicUsize, lanes: usize) {
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < lanes {
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, lane};

    fn chunk(base: Instant, start: u64, end: u64, clean: bool) -> Chunk {
        let at = |us| base + Duration::from_micros(us);
        Chunk { start: at(start), end: at(end), clean }
    }

    fn run_of(chunks: Vec<Chunk>) -> LaneRun {
        LaneRun { chunks, allocations: 0 }
    }

    #[test]
    fn chunks_beside_a_preempted_one_or_alone_are_dropped() {
        let base = Instant::now();
        let one = run_of((0..5).map(|i| chunk(base, 10 * i, 10 * i + 10, true)).collect());
        let other = run_of(vec![
            chunk(base, 2, 12, true),
            chunk(base, 12, 22, true),
            chunk(base, 22, 32, false),
            chunk(base, 32, 38, true),
        ]);
        let kept: Vec<u128> = good(&[one, other]).map(|chunk| (chunk.start - base).as_micros()).collect();
        assert_eq!(
            kept,
            [10, 2, 12, 32],
            "0 and 40 ran alone, 20 and 30 beside the chunk that lost its core"
        );
    }

    #[test]
    fn a_sample_counts_operations_and_allocations() {
        let case = Case::new("boxes").ours("box", [lane(|| drop(std::hint::black_box(Box::new(1_u8))))]);
        let mut subject = case.subjects.into_iter().next().unwrap();
        let sample = sample(&mut subject, &crate::machine::cores(), 100, 7).unwrap();
        assert_eq!((sample.operations, sample.allocations), (700, 700));
    }
}
