//! One event at a time, flat out: throughput in interleaved chunks first, then every event timed.

use super::Run;
use super::compare::Comparison;
use super::measure::{Collected, Percentiles, accumulate, median, ns};
use super::new::{Desk, NewPath};
use super::old::OldPath;
use super::report::Event;
use super::workload::{Decision, Events};
use bot4_lockfree::metrics::{Distribution, HistogramConfig};
use bot4_pipeline::Quote;
use bot4_pool::audit::{self, Counts};
use cpu_time::ThreadTime;
use std::time::Instant;

/// Events between two turns of the paths: long against a clock reading, short against the noise of a shared machine.
const CHUNK: usize = 2048;
/// A fresh model is published after this many chunks.
const CHUNKS_PER_MODEL: usize = 8;

/// A path that decides about one quote at a time.
pub(crate) trait Path {
    fn on_quote(&mut self, quote: &Quote) -> Decision;

    /// Locks taken so far.
    fn locks(&self) -> u64;
}

impl Path for OldPath {
    fn on_quote(&mut self, quote: &Quote) -> Decision {
        Self::on_quote(self, quote)
    }

    fn locks(&self) -> u64 {
        Self::locks(self)
    }
}

impl Path for NewPath<'_> {
    fn on_quote(&mut self, quote: &Quote) -> Decision {
        Self::on_quote(self, quote)
    }

    fn locks(&self) -> u64 {
        Self::locks(self)
    }
}

/// The section's figures, what was decided, and how far the paths agree.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) event: Event,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) comparison: Option<Comparison>,
}

/// Runs the section. The paths take turns on the same chunk, each going first every other time.
pub(crate) fn run(run: &Run<'_>) -> Outcome {
    let desk = run.desk();
    let mut old = run.variant.has_old().then(|| Lane::new(run.old_path(), run.events));
    let mut new = run.variant.has_new().then(|| Lane::new(desk.path(), run.events));
    in_turns(
        run.events,
        &desk,
        |index, chunk| old.iter_mut().for_each(|lane| lane.decide(index, chunk)),
        |index, chunk| new.iter_mut().for_each(|lane| lane.decide(index, chunk)),
    );
    let timed_desk = run.desk();
    let mut old_timed = run.variant.has_old().then(|| TimedLane::new(run.old_path()));
    let mut new_timed = run.variant.has_new().then(|| TimedLane::new(timed_desk.path()));
    in_turns(
        run.events,
        &timed_desk,
        |index, chunk| old_timed.iter_mut().for_each(|lane| lane.time(index, chunk)),
        |index, chunk| new_timed.iter_mut().for_each(|lane| lane.time(index, chunk)),
    );
    let comparison =
        old.as_ref().zip(new.as_ref()).map(|(old, new)| Comparison::of(&old.decisions, &new.decisions));
    let old_figures =
        old.as_ref().zip(old_timed).map(|(lane, timed)| lane.collected(timed.latency_ns).figures());
    let new_figures =
        new.as_ref().zip(new_timed).map(|(lane, timed)| lane.collected(timed.latency_ns).figures());
    let ratio =
        old_figures.as_ref().zip(new_figures.as_ref()).map(|(old, new)| new.events_per_s / old.events_per_s);
    let max_rel_diff = comparison.as_ref().map(|comparison| comparison.max_rel_diff);
    let decisions = new.map(|lane| lane.decisions).or(old.map(|lane| lane.decisions)).unwrap_or_default();
    Outcome {
        event: Event { old: old_figures, new: new_figures, ratio, max_rel_diff },
        decisions,
        comparison,
    }
}

/// Gives every chunk and its index to both paths, each first every other time, and publishes a model now and then.
fn in_turns(
    events: &Events,
    desk: &Desk,
    mut old: impl FnMut(usize, &[Quote]),
    mut new: impl FnMut(usize, &[Quote]),
) {
    for (index, chunk) in events.measured().chunks(CHUNK).enumerate() {
        if index % 2 == 0 {
            old(index, chunk);
            new(index, chunk);
        } else {
            new(index, chunk);
            old(index, chunk);
        }
        if index % CHUNKS_PER_MODEL == CHUNKS_PER_MODEL - 1 {
            desk.publish_model();
        }
    }
}

/// One path on its way through the events, timed by the chunk. The first chunk is warm-up.
#[derive(Debug)]
struct Lane<P> {
    path: P,
    decisions: Vec<Decision>,
    wall_ns: Vec<f64>,
    cpu_ns: Vec<f64>,
    allocated: Counts,
    events: u64,
}

impl<P: Path> Lane<P> {
    fn new(path: P, events: &Events) -> Self {
        let count = events.measured().len();
        Self {
            path,
            decisions: Vec::with_capacity(count),
            wall_ns: Vec::with_capacity(count / CHUNK + 1),
            cpu_ns: Vec::with_capacity(count / CHUNK + 1),
            allocated: Counts::default(),
            events: 0,
        }
    }

    fn decide(&mut self, index: usize, chunk: &[Quote]) {
        let (path, decisions) = (&mut self.path, &mut self.decisions);
        let (cpu, wall) = (ThreadTime::now(), Instant::now());
        let ((), allocated) =
            audit::count(|| decisions.extend(chunk.iter().map(|quote| path.on_quote(quote))));
        let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
        if index == 0 {
            return;
        }
        self.events += chunk.len() as u64;
        accumulate(&mut self.allocated, allocated);
        self.wall_ns.push(ns(wall) as f64 / chunk.len() as f64);
        self.cpu_ns.push(ns(cpu) as f64 / chunk.len() as f64);
    }

    fn collected(&self, latency_ns: Distribution) -> Collected {
        Collected {
            events: self.events,
            ns_per_event: median(self.wall_ns.clone()),
            cpu_ns_per_event: Some(median(self.cpu_ns.clone())),
            allocated: self.allocated,
            latency: Percentiles::of(&latency_ns),
            locks_per_event: Some(self.path.locks() as f64 / self.decisions.len() as f64),
        }
    }
}

/// One path on its way through the events, every event timed. The first chunk is warm-up.
#[derive(Debug)]
struct TimedLane<P> {
    path: P,
    latency_ns: Distribution,
}

impl<P: Path> TimedLane<P> {
    fn new(path: P) -> Self {
        Self { path, latency_ns: Distribution::new(HistogramConfig::default()) }
    }

    fn time(&mut self, index: usize, chunk: &[Quote]) {
        for quote in chunk {
            let start = Instant::now();
            let decision = self.path.on_quote(quote);
            let latency = start.elapsed();
            std::hint::black_box(decision);
            if index > 0 {
                self.latency_ns.record(ns(latency));
            }
        }
    }
}
