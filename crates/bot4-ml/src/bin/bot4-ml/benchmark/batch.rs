//! Batches of 1,024 rows x 32 features: old, old without its copies, optimised, in turn on the same rows.
//!
//! Each path gets its rows in the layout it works on, row after row for the old ones, column by column in a pooled batch for the
//! optimised one. The rows are real feature rows, made beforehand; writing them down is the work of whoever makes them, so it
//! is not timed for the paths that work in place. The old path clones what it gets, as it does between its stages.

use super::Run;
use super::compare::Comparison;
use super::measure::{accumulate, median, ns};
use super::report::Batch;
use super::training::feature_rows;
use super::workload::{Decision, Events, ROWS, WIDTH};
use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pool::audit::{self, Counts};
use cpu_time::ThreadTime;
use std::time::Instant;

/// Different batches, which a path takes one after the other in its turn. Its rows then come from the second-level cache or the
/// third, as they would from the thread that made them; the other paths' buffers do not stand between.
const BATCHES: usize = 4;
const TURNS: usize = 100;
const TURNS_QUICK: usize = 15;
/// First turns, which are not counted.
const WARM_UP: usize = 2;

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
    let mut old = run.variant.has_old().then(|| (Lane::default(), run.old_path()));
    // A comparison of its own, which a run of one path leaves out.
    let compared = run.variant.has_old() && run.variant.has_new();
    let mut in_place = compared.then(|| (Lane::default(), run.old_path()));
    let mut new = run.variant.has_new().then(|| (Lane::default(), desk.path()));
    let turns = if run.quick { TURNS_QUICK } else { TURNS };
    for turn in 0..turns + WARM_UP {
        let inputs: Vec<_> = inputs.iter().map(|input| (input, input.quotes_at(turn))).collect();
        for place in 0..3 {
            match (place + turn) % 3 {
                0 => old.iter_mut().for_each(|(lane, path)| {
                    lane.turn(
                        turn,
                        &inputs,
                        |input| &input.rows,
                        |rows, quotes, out| *out = path.on_batch(rows, quotes),
                    );
                }),
                1 => in_place.iter_mut().for_each(|(lane, path)| {
                    let fill = |input: &Input| input.rows.clone();
                    lane.turn(turn, &inputs, fill, |mut rows, quotes, out| {
                        *out = path.on_batch_in_place(&mut rows, quotes)
                    });
                }),
                _ => new.iter_mut().for_each(|(lane, path)| {
                    let fill = |input: &Input| desk.batch(&input.columns);
                    lane.turn(turn, &inputs, fill, |batch, quotes, out| path.on_batch(batch, quotes, out));
                }),
            }
        }
    }
    let comparison = old
        .as_ref()
        .zip(new.as_ref())
        .map(|((old, _), (new, _))| Comparison::of(&old.decisions, &new.decisions));
    let old = old.map(|(lane, _)| lane);
    let in_place = in_place.map(|(lane, _)| lane);
    let new = new.map(|(lane, _)| lane);
    let rounds = turns * inputs.len();
    Outcome {
        batch: figures(rounds, old.as_ref(), in_place.as_ref(), new.as_ref(), comparison.as_ref()),
        comparison,
    }
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
#[derive(Debug)]
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
        quotes
            .chunks_exact(ROWS)
            .zip(rows.chunks_exact(ROWS))
            .map(|(quotes, rows)| Self::new(quotes, rows, span_ns))
            .collect()
    }

    fn new(quotes: &[Quote], rows: &[[f64; WIDTH]], span_ns: u64) -> Self {
        let mut columns = Columns::new(WIDTH, ROWS);
        rows.iter().for_each(|row| columns.push_row(row));
        Self { quotes: quotes.to_vec(), rows: rows.concat(), columns, span_ns }
    }

    /// The quotes moved on in time, so that a batch that is used again comes after the ones before it.
    fn quotes_at(&self, turn: usize) -> Vec<Quote> {
        self.quotes
            .iter()
            .map(|quote| Quote { ts: quote.ts + self.span_ns * turn as u64, ..*quote })
            .collect()
    }
}

/// What one path took, batch by batch.
#[derive(Debug, Default)]
struct Lane {
    wall_us: Vec<f64>,
    cpu_us: Vec<f64>,
    allocated: Counts,
    decisions: Vec<Decision>,
    last: Vec<Decision>,
}

impl Lane {
    /// Runs `decide` on what `fill` makes of every input, in order.
    fn turn<'i, R>(
        &mut self,
        turn: usize,
        inputs: &'i [(&Input, Vec<Quote>)],
        fill: impl Fn(&'i Input) -> R,
        mut decide: impl FnMut(R, &[Quote], &mut Vec<Decision>),
    ) {
        for (input, quotes) in inputs {
            let rows = fill(input);
            let last = &mut self.last;
            last.clear();
            last.reserve(ROWS);
            let (cpu, wall) = (ThreadTime::now(), Instant::now());
            let ((), allocated) = audit::count(|| decide(rows, quotes, last));
            let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
            self.decisions.extend_from_slice(&self.last);
            if turn >= WARM_UP {
                self.wall_us.push(ns(wall) as f64 / 1e3);
                self.cpu_us.push(ns(cpu) as f64 / 1e3);
                accumulate(&mut self.allocated, allocated);
            }
        }
    }
}
