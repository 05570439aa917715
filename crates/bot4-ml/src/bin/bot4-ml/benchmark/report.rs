//! The figures of one run: the JSON that programs read and the table that people read.

use crate::output::duration;
use serde::Serialize;
use std::io::{self, Write};

/// Everything one run measured; sections that were not asked for are absent.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) input: Input,
    pub(crate) machine: Machine,
    pub(crate) model: Model,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<Batch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offered: Option<Offered>,
    pub(crate) outputs: Outputs,
}

/// Where the events came from.
#[derive(Debug, Serialize)]
pub(crate) struct Input {
    /// `simulator`, or the format of the recording.
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// Events the model was trained on, before the measured ones.
    pub(crate) events_trained: usize,
    pub(crate) events: usize,
}

/// What it ran on and how it was built.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) isa: String,
    pub(crate) os: String,
    pub(crate) build: String,
    pub(crate) timer_overhead_ns: u64,
}

/// The model both paths run.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) kind: &'static str,
    pub(crate) features: usize,
    /// Area under the ROC curve of "the mid will rise" over the measured rows whose mid moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auc: Option<f64>,
    /// Distance of the probability from 1/2 beyond which an order is sent.
    pub(crate) threshold: f64,
}

/// 1,024 rows x 32 features at a time; medians of interleaved rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) features: usize,
    pub(crate) rounds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_us: Option<f64>,
    /// The old arithmetic without its copies: what removing copies alone wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_place_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_cpu_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_cpu_us: Option<f64>,
    /// old / new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// old / in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_place_ratio: Option<f64>,
    /// Largest relative difference of the probabilities, old against new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_rel_diff: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_allocs_per_batch: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_allocs_per_batch: Option<f64>,
}

/// One event at a time, flat out.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<EventFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<EventFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_rel_diff: Option<f64>,
}

/// One event at a time, arriving from another thread at a fixed rate; latency counts from the intended arrival.
#[derive(Debug, Serialize)]
pub(crate) struct Offered {
    pub(crate) rate_per_s: u32,
    pub(crate) rounds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<EventFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<EventFigures>,
}

/// The figures of one path in one section.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EventFigures {
    pub(crate) events_per_s: f64,
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) p999_ns: u64,
    pub(crate) p9999_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) allocs_per_event: f64,
    pub(crate) bytes_per_event: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ns_per_event: Option<f64>,
    /// Mutexes taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) locks_per_event: Option<f64>,
    /// Of a section in rounds: the p99 of the worst round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) worst_round_p99_ns: Option<u64>,
}

/// What was decided, for comparing two builds.
#[derive(Debug, Serialize)]
pub(crate) struct Outputs {
    pub(crate) events: usize,
    pub(crate) orders: usize,
    pub(crate) denied: usize,
    /// First 64 bits of the SHA-256 over every probability and action: equal on the same input and ISA.
    pub(crate) digest: String,
}

/// Prints the report within 80 columns.
pub(crate) fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    print_header(report, out)?;
    if let Some(batch) = &report.batch {
        print_batch(batch, out)?;
    }
    if let Some(event) = &report.event {
        print_event(event, out)?;
    }
    if let Some(offered) = &report.offered {
        writeln!(
            out,
            "\nOne event at a time, {} offered per second from another thread",
            offered.rate_per_s
        )?;
        writeln!(
            out,
            "(latency from the intended arrival, so waiting in the queue counts; up to p99.9\n\
             the median of {} rounds of a tenth of a second, beyond over all events)",
            offered.rounds
        )?;
        print_figures(offered.old.as_ref(), offered.new.as_ref(), out)?;
        let worst = |figures: &Option<EventFigures>| figures.as_ref()?.worst_round_p99_ns;
        for (name, worst) in [("old", worst(&offered.old)), ("optimised", worst(&offered.new))] {
            if let Some(worst) = worst {
                writeln!(out, "  p99 of the worst round, {name}: {}", duration(worst))?;
            }
        }
    }
    let outputs = &report.outputs;
    writeln!(
        out,
        "\nOutputs: {} events, {} orders, {} denied, digest {}",
        outputs.events, outputs.orders, outputs.denied, outputs.digest
    )
}

fn print_header(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (input, machine, model) = (&report.input, &report.machine, &report.model);
    write!(out, "Input    {}", input.kind)?;
    match (&input.file, input.seed) {
        (Some(file), _) => write!(out, " {file}")?,
        (None, Some(seed)) => write!(out, ", seed {seed}")?,
        (None, None) => {}
    }
    writeln!(out, "; {} events measured after {} to train on", input.events, input.events_trained)?;
    writeln!(out, "Machine  {}, {} cores, kernels {}", machine.cpu, machine.cores, machine.isa)?;
    writeln!(out, "Build    {}", machine.build)?;
    writeln!(out, "Timer    {} ns, in every percentile", machine.timer_overhead_ns)?;
    writeln!(out, "Model    {}, {} features", model.kind, model.features)?;
    match model.auc {
        Some(auc) => writeln!(out, "         AUC {auc:.3} on the measured events"),
        None => Ok(()),
    }
}

fn print_batch(batch: &Batch, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nBatch of {} rows x {} features, median of {} rounds",
        batch.rows, batch.features, batch.rounds
    )?;
    let mut line = |name: &str, us: Option<f64>, allocs: Option<f64>, ratio: Option<f64>| -> io::Result<()> {
        let Some(us) = us else { return Ok(()) };
        write!(out, "  {name:<28}{us:>10.1} us")?;
        if let Some(allocs) = allocs {
            write!(out, "{allocs:>8.1} allocations")?;
        }
        match ratio {
            Some(ratio) => writeln!(out, "   {ratio:.2}x"),
            None => writeln!(out),
        }
    };
    line("old", batch.old_us, batch.old_allocs_per_batch, None)?;
    line("old, copies removed", batch.in_place_us, None, batch.in_place_ratio)?;
    line("optimised", batch.new_us, batch.new_allocs_per_batch, batch.ratio)?;
    match batch.max_rel_diff {
        Some(diff) => writeln!(out, "  largest relative difference of the outputs {diff:.1e}"),
        None => Ok(()),
    }
}

fn print_event(event: &Event, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nOne event at a time, flat out")?;
    print_figures(event.old.as_ref(), event.new.as_ref(), out)?;
    let locks = |figures: &Option<EventFigures>| figures.as_ref()?.locks_per_event;
    for (name, locks) in [("old", locks(&event.old)), ("optimised", locks(&event.new))] {
        if let Some(locks) = locks {
            writeln!(out, "  locks taken per event, {name}: {locks:.4}")?;
        }
    }
    if let Some(ratio) = event.ratio {
        writeln!(out, "  throughput {ratio:.1}x")?;
    }
    match event.max_rel_diff {
        Some(diff) => writeln!(out, "  largest relative difference of the outputs {diff:.1e}"),
        None => Ok(()),
    }
}

fn print_figures(
    old: Option<&EventFigures>,
    new: Option<&EventFigures>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "  {:<9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>7}",
        "", "events/s", "p50", "p99", "p99.9", "p99.99", "max", "allocs", "bytes"
    )?;
    for (name, figures) in [("old", old), ("optimised", new)] {
        let Some(f) = figures else { continue };
        writeln!(
            out,
            "  {name:<9}{:>10.0}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7.2}{:>7.0}",
            f.events_per_s,
            duration(f.p50_ns),
            duration(f.p99_ns),
            duration(f.p999_ns),
            duration(f.p9999_ns),
            duration(f.max_ns),
            f.allocs_per_event,
            f.bytes_per_event
        )?;
    }
    Ok(())
}
