//! `bot4-ml --benchmark`: the representative workload, old path against optimised path, in one run on the same events.
//!
//! Both paths do the same arithmetic: streaming features, normalise, extract, transform, predict, postprocess, threshold, risk
//! check, metrics. The run fails when they decide differently or when the optimised path allocates. With `--soak` the
//! optimised path alone runs for a long time.

mod batch;
mod compare;
mod event;
mod measure;
mod new;
mod offered;
mod old;
mod report;
mod soak;
mod training;
mod workload;

use crate::args::{BenchmarkArgs, Section, Variant};
use crate::failure::Failure;
use crate::input::hex;
use crate::output;
use bot4_ml::{LazyComputation, metrics};
use bot4_simd::Isa;
use new::Desk;
use old::OldPath;
use report::{Input, Model, Outputs, Report};
use serde::Serialize;
use sha2::{Digest, Sha256};
use soak::SoakReport;
use workload::{Action, Decision, Events, Parameters, Source};

/// Runs the sections asked for, prints the table, writes the JSON, and fails if the paths disagree.
pub(crate) fn run(args: &BenchmarkArgs) -> Result<(), Failure> {
    if let Some(json) = &args.json {
        output::check(json, args.data.as_deref().as_slice())?;
    }
    let events = Events::load(args)?;
    let parameters = LazyComputation::new(|| Parameters::train(&events));
    let run = Run {
        events: &events,
        parameters: parameters.get(),
        variant: args.variant,
        rate_per_s: args.rate,
        quick: args.quick,
        isa: Isa::detect(),
    };
    if let Some(seconds) = args.soak {
        let soak = soak::run(&run, seconds)?;
        output::to_stdout(|out| soak.print(out))?;
        let verdict = soak.verdict();
        let machine = measure::machine(run.isa);
        write_json(args, &SoakReport { schema: 1, input: run.input(), machine, soak })?;
        return verdict;
    }
    let (report, verdict) = run.sections(&args.sections);
    output::to_stdout(|out| report::print(&report, out))?;
    write_json(args, &report)?;
    verdict
}

fn write_json(args: &BenchmarkArgs, report: &impl Serialize) -> Result<(), Failure> {
    let Some(path) = &args.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(report).map_err(Failure::new)?;
    output::to_file(path, &(json + "\n"))
}

/// What the sections share.
#[derive(Debug)]
struct Run<'a> {
    events: &'a Events,
    parameters: &'a Parameters,
    variant: Variant,
    rate_per_s: u32,
    quick: bool,
    isa: Isa,
}

impl Run<'_> {
    /// A fresh old path.
    fn old_path(&self) -> OldPath {
        OldPath::new(self.parameters, self.events)
    }

    /// A fresh desk for optimised paths.
    fn desk(&self) -> Desk {
        Desk::new(self.parameters, self.events)
    }

    /// Runs the sections; the verdict is the first reason to distrust the figures.
    fn sections(&self, sections: &[Section]) -> (Report, Result<(), Failure>) {
        let batch = sections.contains(&Section::Batch).then(|| batch::run(self));
        let event = sections.contains(&Section::Event).then(|| event::run(self));
        let offered = sections.contains(&Section::Offered).then(|| offered::run(self));
        let comparisons = [
            ("batch", batch.as_ref().and_then(|outcome| outcome.comparison.as_ref())),
            ("event", event.as_ref().and_then(|outcome| outcome.comparison.as_ref())),
        ];
        let differs =
            comparisons.iter().find_map(|(name, comparison)| comparison.as_ref()?.verdict(name).err());
        let decisions = event.as_ref().map_or(&[][..], |outcome| &outcome.decisions);
        let report = Report {
            schema: 1,
            input: self.input(),
            machine: measure::machine(self.isa),
            model: self.model(decisions),
            outputs: outputs(decisions),
            batch: batch.map(|outcome| outcome.batch),
            event: event.map(|outcome| outcome.event),
            offered,
        };
        let verdict = match differs {
            Some(failure) => Err(failure),
            None => no_allocation(&report),
        };
        (report, verdict)
    }
}

impl Run<'_> {
    fn input(&self) -> Input {
        let (events_trained, events) = (self.events.training().len(), self.events.measured().len());
        match &self.events.source {
            Source::Simulator { seed } => Input {
                kind: "simulator",
                seed: Some(*seed),
                file: None,
                sha256: None,
                events_trained,
                events,
            },
            Source::File { format, path, sha256 } => Input {
                kind: format,
                seed: None,
                file: Some(path.clone()),
                sha256: Some(sha256.clone()),
                events_trained,
                events,
            },
        }
    }

    fn model(&self, decisions: &[Decision]) -> Model {
        let labels = training::labels(self.events.measured());
        let known = decisions
            .iter()
            .zip(&labels)
            .filter_map(|(decision, label)| Some((decision.probability, (*label)?)));
        let (scores, labels): (Vec<f64>, Vec<f64>) =
            known.map(|(score, rises)| (score, f64::from(u8::from(rises)))).unzip();
        Model {
            kind: "logistic regression on tanh of standardised features",
            features: workload::WIDTH,
            auc: metrics::auc(&scores, &labels),
            threshold: self.parameters.threshold,
        }
    }
}

fn outputs(decisions: &[Decision]) -> Outputs {
    let mut hasher = Sha256::new();
    for decision in decisions {
        hasher.update(decision.probability.to_bits().to_le_bytes());
        hasher.update([decision.action.code()]);
    }
    let count =
        |wanted: fn(Action) -> bool| decisions.iter().filter(|decision| wanted(decision.action)).count();
    Outputs {
        events: decisions.len(),
        orders: count(|action| matches!(action, Action::Buy | Action::Sell)),
        denied: count(|action| matches!(action, Action::Denied(_))),
        digest: hex(&hasher.finalize()[..8]),
    }
}

/// An error if the optimised path allocated anywhere.
fn no_allocation(report: &Report) -> Result<(), Failure> {
    let allocations = [
        ("batch", report.batch.as_ref().and_then(|batch| batch.new_allocs_per_batch)),
        ("event", report.event.as_ref().and_then(|event| Some(event.new.as_ref()?.allocs_per_event))),
        ("offered", report.offered.as_ref().and_then(|offered| Some(offered.new.as_ref()?.allocs_per_event))),
    ];
    match allocations.iter().find(|(_, count)| count.is_some_and(|count| count > 0.0)) {
        Some((section, _)) => Err(Failure::new(format_args!("{section}: the optimised path allocates"))),
        None => Ok(()),
    }
}
