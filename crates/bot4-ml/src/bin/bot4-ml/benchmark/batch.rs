//! Batches of 1,024 rows x 32 features: old, old without its copies, optimised, in turn on the same rows.
//!
//! Each path gets its rows in the layout it works on: row after row for the old ones, column by column for the optimised one,
//! which also copies them into a pooled batch because it works in place. The rows are real feature rows, made beforehand.

use super::Run;
use super::compare::Comparison;
use super::measure::{accumulate, median, ns};
use super::new::NewPath;
use super::old::OldPath;
use super::report::Batch;
use super::training::feature_rows;
use super::workload::{Decision, Events, ROWS, WIDTH};
use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pool::audit::{self, Counts};
use cpu_time::ThreadTime;
use std::time::Instant;

/// Different batches, used in turn: together more than a second-level cache, as in a stream.
const BATCHES: usize = 8;
const ROUNDS: usize = 400;
const ROUNDS_QUICK: usize = 60;
/// First rounds, which are not counted.
const WARM_UP: usize = 8;

/// The section's figures and how far the paths agree.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) batch: Batch,
    pub(crate) comparison: Option<Comparison>,
}

/// Runs the section.
pub(crate) fn run(run: &Run<'_>) -> Outcome {
    let inputs = Input::of(run.events);
    let desk = run.desk();
    let mut old = run.variant.old().then(|| (Lane::default(), run.old_path()));
    let mut in_place = run.variant.old().then(|| (Lane::default(), run.old_path(), vec![0.0; ROWS * WIDTH]));
    let mut new = run.variant.new().then(|| (Lane::default(), desk.path()));
    let rounds = if run.quick { ROUNDS_QUICK } else { ROUNDS };
    for round in 0..rounds + WARM_UP {
        let mut input = inputs[round % inputs.len()].clone();
        input.shift(round / inputs.len());
        for turn in 0..3 {
            match (turn + round) % 3 {
                0 => old.iter_mut().for_each(|(lane, path)| lane.time(round, |out| old_turn(path, &input, out))),
                1 => in_place.iter_mut().for_each(|(lane, path, buffer)| {
                    buffer.copy_from_slice(&input.rows);
                    lane.time(round, |out| *out = path.on_batch_in_place(buffer, &input.quotes));
                }),
                _ => new.iter_mut().for_each(|(lane, path)| lane.time(round, |out| new_turn(path, &input, out))),
            }
        }
    }
    let comparison = old.as_ref().zip(new.as_ref()).map(|((old, _), (new, _))| Comparison::of(&old.decisions, &new.decisions));
    let old = old.map(|(lane, _)| lane);
    let in_place = in_place.map(|(lane, ..)| lane);
    let new = new.map(|(lane, _)| lane);
    Outcome { batch: figures(rounds, old.as_ref(), in_place.as_ref(), new.as_ref(), comparison.as_ref()), comparison }
}

fn old_turn(path: &mut OldPath, input: &Input, out: &mut Vec<Decision>) {
    *out = path.on_batch(&input.rows, &input.quotes);
}

fn new_turn(path: &mut NewPath<'_>, input: &Input, out: &mut Vec<Decision>) {
    path.on_batch(&input.columns, &input.quotes, out);
}

fn figures(
    rounds: usize,
    old: Option<&Lane>,
    in_place: Option<&Lane>,
    new: Option<&Lane>,
    comparison: Option<&Comparison>,
) -> Batch {
    let us = |lane: Option<&Lane>| lane.map(|lane| median(lane.wall_us.clone()));
    let cpu_us = |lane: Option<&Lane>| lane.map(|lane| median(lane.cpu_us.clone()));
    let allocs = |lane: Option<&Lane>| lane.map(|lane| lane.allocated.allocations as f64 / rounds as f64);
    let over = |above: Option<f64>, below: Option<f64>| above.zip(below).map(|(above, below)| above / below);
    Batch {
        rows: ROWS,
        features: WIDTH,
        rounds,
        old_us: us(old),
        in_place_us: us(in_place),
        new_us: us(new),
        old_cpu_us: cpu_us(old),
        new_cpu_us: cpu_us(new),
        ratio: over(us(old), us(new)),
        in_place_ratio: over(us(old), us(in_place)),
        max_rel_diff: comparison.map(|comparison| comparison.max_rel_diff),
        old_allocs_per_batch: allocs(old),
        new_allocs_per_batch: allocs(new),
    }
}

/// The same 1,024 consecutive events in both layouts.
#[derive(Clone, Debug)]
struct Input {
    quotes: Vec<Quote>,
    rows: Vec<f64>,
    columns: Columns<f64>,
    span_ns: u64,
}

impl Input {
    fn of(events: &Events) -> Vec<Self> {
        let batches = BATCHES.min(events.measured().len() / ROWS);
        let quotes = &events.measured()[..batches * ROWS];
        let span_ns = quotes.last().zip(quotes.first()).map_or(0, |(last, first)| last.ts - first.ts + 1);
        let rows = feature_rows(events, quotes);
        quotes.chunks_exact(ROWS).zip(rows.chunks_exact(ROWS)).map(|(quotes, rows)| Self::new(quotes, rows, span_ns)).collect()
    }

    fn new(quotes: &[Quote], rows: &[[f64; WIDTH]], span_ns: u64) -> Self {
        let mut columns = Columns::new(WIDTH, ROWS);
        rows.iter().for_each(|row| columns.push_row(row));
        Self { quotes: quotes.to_vec(), rows: rows.concat(), columns, span_ns }
    }

    /// Moves the quotes on in time, so that a batch that is used again comes after the ones before it.
    fn shift(&mut self, times: usize) {
        self.quotes.iter_mut().for_each(|quote| quote.ts += self.span_ns * times as u64);
    }
}

/// What one path took in its rounds.
#[derive(Debug, Default)]
struct Lane {
    wall_us: Vec<f64>,
    cpu_us: Vec<f64>,
    allocated: Counts,
    decisions: Vec<Decision>,
    last: Vec<Decision>,
}

impl Lane {
    fn time(&mut self, round: usize, batch: impl FnOnce(&mut Vec<Decision>)) {
        let last = &mut self.last;
        last.clear();
        last.reserve(ROWS);
        let (cpu, wall) = (ThreadTime::now(), Instant::now());
        let ((), allocated) = audit::count(|| batch(last));
        let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
        self.decisions.extend_from_slice(&self.last);
        if round < WARM_UP {
            return;
        }
        self.wall_us.push(ns(wall) as f64 / 1e3);
        self.cpu_us.push(ns(cpu) as f64 / 1e3);
        accumulate(&mut self.allocated, allocated);
    }
}
