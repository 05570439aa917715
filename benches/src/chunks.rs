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
    /// How often the longest chunk of those that were not preempted, good or not, would hold a chunk of the right length.
    pub(crate) too_long: f64,
    pub(crate) allocations: u64,
    pub(crate) operations: u64,
}

struct LaneRun {
    chunks: Vec<Chunk>,
    allocations: u64,
}

/// How long a lane runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// Operations in a chunk.
    pub(crate) operations: u64,
    /// Chunks that every lane completes.
    pub(crate) chunks: usize,
    /// Whether the lanes hand their operations to each other: then each runs exactly so many chunks. Others go on until
    /// all are done, so that on a busy machine they meet at all, but at most so many times as long.
    pub(crate) chain: bool,
}

const LONGER_MAX: usize = 20;

/// How many operations of this subject take about one chunk.
pub(crate) fn calibrate(subject: &mut Subject, cores: &[usize], chain: bool) -> Result<u64, String> {
    let mut operations = 1;
    loop {
        let runs = run(subject, cores, Length { operations, chunks: 3, chain })?;
        let chunks = runs.iter().flat_map(|lane| &lane.chunks);
        let shortest = chunks.map(|chunk| chunk.end - chunk.start).min().unwrap_or(CHUNK);
        if shortest * 4 > CHUNK {
            let scale = CHUNK.as_nanos() as f64 / shortest.as_nanos() as f64;
            return Ok((operations as f64 * scale).ceil() as u64);
        }
        operations *= 4;
    }
}

/// Runs every lane and keeps what was undisturbed.
pub(crate) fn sample(subject: &mut Subject, cores: &[usize], length: Length) -> Result<Sample, String> {
    let runs = run(subject, cores, length)?;
    let ns = |chunk: Chunk| (chunk.end - chunk.start).as_nanos() as f64 / length.operations as f64;
    let clean = runs.iter().flat_map(|lane| &lane.chunks).filter(|chunk| chunk.clean);
    let longest = clean.map(|chunk| chunk.end - chunk.start).max().unwrap_or(CHUNK);
    let chunks: usize = runs.iter().map(|lane| lane.chunks.len()).sum();
    let passes = if length.chain { runs.len() } else { 1 };
    Ok(Sample {
        ns: good(&runs).map(ns).collect(),
        too_long: longest.as_secs_f64() / CHUNK.as_secs_f64(),
        allocations: runs.iter().map(|lane| lane.allocations).sum(),
        operations: length.operations * (chunks / passes) as u64,
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

fn run(subject: &mut Subject, cores: &[usize], length: Length) -> Result<Vec<LaneRun>, String> {
    let (ready, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lanes = subject.lanes.len();
    thread::scope(|scope| {
        let threads: Vec<_> = (subject.lanes.iter_mut().zip(cores))
            .map(|(lane, &core)| {
                let (ready, done) = (&ready, &done);
                scope.spawn(move || {
                    let pinned = machine::pin(core);
                    #[cfg(feature = "peers")]
                    crate::foreign::clear_registers();
                    lane(length.operations); // warms caches and magazines
                    meet(ready, lanes);
                    pinned.map(|()| run_lane(&mut **lane, length, &Progress { done, lanes }))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a subject panicked".to_owned())?)
            .collect()
    })
}

/// Where one chunk ends and the next begins. Chunks leave no gap: a lane that lost its core between two of them would let the
/// others run alone unseen.
struct Edge {
    before: i64,
    time: Instant,
    after: i64,
}

impl Edge {
    /// The time, between two looks at the preemptions so far.
    fn now() -> Self {
        Self { before: machine::switches(), time: Instant::now(), after: machine::switches() }
    }
}

/// How many of the lanes have run their chunks.
struct Progress<'a> {
    done: &'a AtomicUsize,
    lanes: usize,
}

fn run_lane(lane: &mut dyn FnMut(u64), length: Length, progress: &Progress<'_>) -> LaneRun {
    let chunks_max = if length.chain { length.chunks } else { length.chunks * LONGER_MAX };
    let mut chunks = Vec::with_capacity(chunks_max);
    let before = audit::thread_counts();
    let mut edge = Edge::now();
    while chunks.len() < chunks_max && progress.done.load(Ordering::Relaxed) < progress.lanes {
        lane(length.operations);
        let next = Edge::now();
        chunks.push(Chunk { start: edge.time, end: next.time, clean: edge.before == next.after });
        edge = next;
        if chunks.len() == length.chunks {
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
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
        let length = Length { operations: 100, chunks: 7, chain: false };
        let sample = sample(&mut subject, &crate::machine::cores(), length).unwrap();
        assert_eq!((sample.operations, sample.allocations), (700, 700));
    }
}
