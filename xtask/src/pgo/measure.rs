//! The interleaved measurement: every round runs every build under every workload.
use std::path::Path;

use serde::Serialize;

use super::compare::{Interval, Verdict, median};
use super::workload::{Observation, Workload};
use crate::failure::{Failure, Result};

/// A build that takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contender<'a> {
    pub(crate) name: &'static str,
    pub(crate) path: &'a Path,
}

/// What is measured and how it is called in the report.
#[derive(Debug, Clone, Copy)]
struct Metric {
    name: &'static str,
    of: fn(&Observation) -> Option<f64>,
}

const METRICS: [Metric; 3] = [
    Metric { name: "event, CPU ns", of: |seen| seen.event_cpu_ns },
    Metric { name: "batch, CPU us", of: |seen| seen.batch_cpu_us },
    Metric { name: "whole run, CPU ms", of: |seen| seen.run_cpu_ms },
];

/// One build against another on one metric of one workload.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    pub(crate) build: &'static str,
    pub(crate) against: &'static str,
    pub(crate) workload: String,
    pub(crate) unseen: bool,
    pub(crate) metric: &'static str,
    pub(crate) old_median: f64,
    pub(crate) new_median: f64,
    pub(crate) ratio: Interval,
    pub(crate) verdict: Verdict,
    /// Round by round.
    ratios: Vec<f64>,
}

/// The decision about a build: over all metrics of the workloads it was not trained on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Decision {
    pub(crate) build: &'static str,
    pub(crate) against: &'static str,
    pub(crate) ratio: Interval,
    pub(crate) verdict: Verdict,
}

/// The latencies of one build under the first workload it was not trained on: medians over the rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Latency {
    pub(crate) build: &'static str,
    /// p50, p99, p99.9, p99.99.
    pub(crate) ns: [f64; 4],
}

/// All observations: `[contender][workload][round]`.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    contenders: &'a [Contender<'a>],
    workloads: &'a [(Workload, bool)],
    seen: Vec<Vec<Vec<Observation>>>,
}

impl<'a> Samples<'a> {
    /// Runs all rounds; the first contender of a round changes from round to round.
    /// The flag of a workload says whether it is unseen by the training.
    pub(crate) fn take(
        contenders: &'a [Contender<'a>],
        workloads: &'a [(Workload, bool)],
        rounds: usize,
    ) -> Result<Self> {
        let mut seen = vec![vec![Vec::with_capacity(rounds); workloads.len()]; contenders.len()];
        for round in 0..rounds {
            for (w, (workload, _)) in workloads.iter().enumerate() {
                for turn in 0..contenders.len() {
                    let c = (round + turn) % contenders.len();
                    seen[c][w].push(workload.run_silently(contenders[c].path)?);
                }
            }
            println!("  round {}/{rounds}", round + 1);
        }
        Ok(Self { contenders, workloads, seen })
    }

    /// Each contender against the one before it.
    pub(crate) fn compare(&self) -> Result<Vec<Comparison>> {
        let mut comparisons = Vec::new();
        for new in 1..self.contenders.len() {
            for (w, (workload, unseen)) in self.workloads.iter().enumerate() {
                for metric in METRICS {
                    comparisons.extend(self.comparison(new, w, metric).map(|mut c| {
                        c.workload.clone_from(&workload.name);
                        c.unseen = *unseen;
                        c
                    }));
                }
            }
        }
        if comparisons.is_empty() {
            return Err(Failure::new("the workload reports no CPU times (`event.new.cpu_ns_per_event`)"));
        }
        Ok(comparisons)
    }

    fn comparison(&self, new: usize, workload: usize, metric: Metric) -> Option<Comparison> {
        let values = |contender: usize| -> Option<Vec<f64>> {
            self.seen[contender][workload].iter().map(metric.of).collect()
        };
        let (old_values, new_values) = (values(new - 1)?, values(new)?);
        let ratios: Vec<f64> = new_values.iter().zip(&old_values).map(|(new, old)| new / old).collect();
        let ratio = Interval::of(&ratios)?;
        Some(Comparison {
            build: self.contenders[new].name,
            against: self.contenders[new - 1].name,
            workload: String::new(),
            unseen: false,
            metric: metric.name,
            old_median: median(&old_values),
            new_median: median(&new_values),
            ratio,
            verdict: ratio.verdict(),
            ratios,
        })
    }

    /// The latencies of each build that reports some.
    pub(crate) fn latencies(&self) -> Vec<Latency> {
        let Some(unseen) = self.workloads.iter().position(|(_, unseen)| *unseen) else { return Vec::new() };
        let of = |(contender, seen): (&Contender<'_>, &Vec<Vec<Observation>>)| {
            let rounds: Vec<[f64; 4]> = seen[unseen].iter().filter_map(|one| one.event_ns).collect();
            let ns = std::array::from_fn(|i| median(&rounds.iter().map(|ns| ns[i]).collect::<Vec<_>>()));
            (!rounds.is_empty()).then_some(Latency { build: contender.name, ns })
        };
        self.contenders.iter().zip(&self.seen).filter_map(of).collect()
    }

    /// One decision per build after the first.
    pub(crate) fn decide(&self, comparisons: &[Comparison]) -> Vec<Decision> {
        self.contenders
            .windows(2)
            .filter_map(|pair| decision(pair[1].name, pair[0].name, comparisons))
            .collect()
    }
}

/// The geometric mean over the unseen metrics of each round decides.
fn decision(build: &'static str, against: &'static str, comparisons: &[Comparison]) -> Option<Decision> {
    let unseen: Vec<&Comparison> = comparisons.iter().filter(|c| c.build == build && c.unseen).collect();
    let rounds = unseen.iter().map(|c| c.ratios.len()).min()?;
    let mean = |round: usize| {
        let logs: f64 = unseen.iter().map(|c| c.ratios[round].ln()).sum();
        (logs / unseen.len() as f64).exp()
    };
    let ratios: Vec<f64> = (0..rounds).map(mean).collect();
    let ratio = Interval::of(&ratios)?;
    Some(Decision { build, against, ratio, verdict: ratio.verdict() })
}

#[cfg(test)]
impl Comparison {
    pub(crate) fn example(build: &'static str, ratio: Interval) -> Self {
        Self {
            build,
            against: "LTO",
            workload: "other seed".into(),
            unseen: true,
            metric: "event, CPU ns",
            old_median: 1.0,
            new_median: ratio.mid,
            ratio,
            verdict: ratio.verdict(),
            ratios: vec![ratio.mid],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Output;
    use super::*;

    fn observation(event: f64, batch: f64) -> Observation {
        Observation {
            digest: "0".into(),
            events: 1,
            event_cpu_ns: Some(event),
            batch_cpu_us: Some(batch),
            run_cpu_ms: None,
            event_ns: None,
        }
    }

    fn workload(name: &str) -> Workload {
        Workload { name: name.into(), args: Vec::new(), output: Output::Json, isa: None, weight: 1 }
    }

    #[test]
    fn the_unseen_workload_decides_and_not_the_training() {
        let contenders = [
            Contender { name: "lto", path: Path::new("/a") },
            Contender { name: "pgo", path: Path::new("/b") },
        ];
        let workloads = [(workload("training"), false), (workload("unseen"), true)];
        let rounds = |event, batch| vec![observation(event, batch); 5];
        let seen = vec![
            vec![rounds(100.0, 10.0), rounds(100.0, 10.0)],
            vec![rounds(50.0, 5.0), rounds(120.0, 12.0)],
        ];
        let samples = Samples { contenders: &contenders, workloads: &workloads, seen };
        let comparisons = samples.compare().unwrap();
        assert_eq!(comparisons.len(), 4);
        assert_eq!(comparisons[0].verdict, Verdict::Keep);
        let decisions = samples.decide(&comparisons);
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].verdict, Verdict::Drop);
        assert!((decisions[0].ratio.mid - 1.2).abs() < 1e-12);
    }

    #[test]
    fn a_workload_without_times_is_a_failure() {
        let contenders = [
            Contender { name: "lto", path: Path::new("/a") },
            Contender { name: "pgo", path: Path::new("/b") },
        ];
        let none = Observation { event_cpu_ns: None, batch_cpu_us: None, ..observation(1.0, 1.0) };
        let workloads = [(workload("unseen"), true)];
        let samples =
            Samples { contenders: &contenders, workloads: &workloads, seen: vec![vec![vec![none; 3]]; 2] };
        assert!(samples.compare().unwrap_err().to_string().contains("no CPU times"));
    }
}
