//! How good predictions are, and how long one takes.

use crate::dataset::Part;
use crate::failure::Failure;
use crate::output::duration;
use crate::predictor::Predictor;
use crate::progress::Progress;
use bot4_lockfree::metrics::{Distribution, HistogramConfig};
use bot4_ml::metrics::{Confusion, auc, brier};
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

/// Predictions beside what came, and what they say together.
#[derive(Debug)]
pub(crate) struct Scores {
    /// Row by row: the probability of each class, or the predicted number.
    pub(crate) predictions: Vec<f64>,
    pub(crate) labels: Vec<f64>,
    pub(crate) outcome: Outcome,
    pub(crate) latency_ns: Distribution,
    /// Rows by their latency, in steps of half a power of two from 16 ns on.
    pub(crate) latency_steps: [u64; LATENCY_STEPS],
}

pub(crate) const LATENCY_STEPS: usize = 24;

/// Where a step of the histogram begins, in nanoseconds.
pub(crate) fn step_start_ns(step: usize) -> f64 {
    16.0 * (step as f64 / 2.0).exp2()
}

fn step_of(ns: u64) -> usize {
    ((2.0 * (ns.max(16) as f64 / 16.0).log2()) as usize).min(LATENCY_STEPS - 1)
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Classes(Classes),
    Number { rmse: f64, r2: f64 },
}

#[derive(Debug)]
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    pub(crate) confusion: Confusion,
    pub(crate) log_loss: f64,
    /// Mean squared difference of the probabilities and what came, summed over the classes but the first.
    pub(crate) brier: f64,
    /// One class against the others.
    pub(crate) auc: Vec<Option<f64>>,
    /// Of three classes, the last against the first on the rows of neither the middle one.
    pub(crate) auc_moving: Option<f64>,
}

impl Scores {
    /// Predicts every row on its own, as a hot path would, and scores what came out.
    pub(crate) fn of(
        predictor: &mut Predictor,
        part: Part<'_>,
        classes: &[String],
        data: &Path,
    ) -> Result<Self, Failure> {
        check(predictor, part, classes).map_err(|why| Failure::at(data, why))?;
        let outputs = if classes.is_empty() { 1 } else { classes.len() };
        let mut predictions = Vec::with_capacity(part.labels.len() * outputs);
        let mut latency_ns = Distribution::new(HistogramConfig::default());
        let mut latency_steps = [0; LATENCY_STEPS];
        let mut progress = Progress::new("scoring", part.labels.len() as u64);
        for (at, row) in (0u64..).zip(part.rows.rows()) {
            let row = row.to_slice().expect("the rows of a data set lie in order");
            let start = Instant::now();
            let out = black_box(predictor.predict(black_box(row)));
            let ns = start.elapsed().as_nanos() as u64;
            latency_ns.record(ns);
            latency_steps[step_of(ns)] += 1;
            if !out.iter().all(|value| value.is_finite()) {
                return Err(Failure::at(
                    data,
                    format_args!("the model predicts {out:?} for row {at}: it is of no use here"),
                ));
            }
            match out {
                [p] if outputs == 2 => predictions.extend([1.0 - p, *p]),
                out => predictions.extend(out),
            }
            if at.is_multiple_of(4096) {
                progress.show(at, String::new);
            }
        }
        let labels = part.labels.to_vec();
        let outcome = if classes.is_empty() {
            number(&predictions, &labels)
        } else {
            Outcome::Classes(class(&predictions, &labels, classes))
        };
        Ok(Self { predictions, labels, outcome, latency_ns, latency_steps })
    }

    /// The probabilities of one class.
    pub(crate) fn of_class(&self, class: usize) -> Vec<f64> {
        let classes = self.predictions.len() / self.labels.len();
        self.predictions.chunks_exact(classes).map(|row| row[class]).collect()
    }

    /// 1 where a class came, else 0.
    pub(crate) fn is_class(&self, class: usize) -> Vec<f64> {
        self.labels.iter().map(|y| f64::from(u8::from(*y as usize == class))).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let latency = json!({
            "p50_ns": self.latency_ns.percentile(0.5),
            "p99_ns": self.latency_ns.percentile(0.99),
            "p999_ns": self.latency_ns.percentile(0.999),
            "max_ns": self.latency_ns.max(),
        });
        match &self.outcome {
            Outcome::Number { rmse, r2 } => {
                json!({ "rows": self.labels.len(), "rmse": rmse, "r2": r2, "latency": latency })
            }
            Outcome::Classes(c) => {
                let class = |class: usize| {
                    json!({
                        "name": c.names[class], "rows": c.confusion.actual(class), "auc": c.auc[class],
                        "precision": c.confusion.precision(class), "recall": c.confusion.recall(class),
                        "f1": c.confusion.f1(class),
                    })
                };
                let classes: Vec<Value> = (0..c.names.len()).map(class).collect();
                json!({
                    "rows": self.labels.len(), "accuracy": c.confusion.accuracy(),
                    "macro_f1": c.confusion.macro_f1(), "log_loss": c.log_loss, "brier": c.brier,
                    "auc": c.auc.last(), "auc_moving": c.auc_moving, "classes": classes, "latency": latency,
                })
            }
        }
    }

    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "rows       {}", self.labels.len())?;
        match &self.outcome {
            Outcome::Number { rmse, r2 } => writeln!(out, "RMSE       {rmse:.6}\nR2         {r2:.6}")?,
            Outcome::Classes(c) => c.print(out)?,
        }
        let at = |q| self.latency_ns.percentile(q);
        writeln!(
            out,
            "latency    p50 {}, p99 {}, p99.9 {}, max {}\n           (one row, clock included)",
            duration(at(0.5)),
            duration(at(0.99)),
            duration(at(0.999)),
            duration(self.latency_ns.max())
        )
    }
}

impl Classes {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "accuracy   {:.6}", self.confusion.accuracy())?;
        writeln!(out, "macro F1   {:.6}", self.confusion.macro_f1())?;
        writeln!(out, "log loss   {:.6}", self.log_loss)?;
        writeln!(out, "Brier      {:.6}", self.brier)?;
        if let Some(auc) = self.auc_moving {
            writeln!(
                out,
                "AUC        {auc:.6} ({} against {} where it is either)",
                self.names[2], self.names[0]
            )?;
        }
        writeln!(
            out,
            "{:>16} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "class", "rows", "precision", "recall", "F1", "AUC"
        )?;
        for (class, name) in self.names.iter().enumerate() {
            let c = &self.confusion;
            let auc = self.auc[class].unwrap_or(f64::NAN);
            let (precision, recall, f1) = (c.precision(class), c.recall(class), c.f1(class));
            let rows = c.actual(class);
            writeln!(out, "{name:>16} {rows:>9} {precision:>9.4} {recall:>9.4} {f1:>9.4} {auc:>9.4}")?;
        }
        Ok(())
    }
}

/// Whether the model's inputs and outputs are the data's.
fn check(predictor: &Predictor, part: Part<'_>, classes: &[String]) -> Result<(), String> {
    if part.labels.is_empty() {
        return Err("no rows to score: is the share of the last rows too small?".to_owned());
    }
    if predictor.inputs() != part.rows.ncols() {
        return Err(format!(
            "the model takes {} features, the data has {}: is --label the right column?",
            predictor.inputs(),
            part.rows.ncols()
        ));
    }
    if let Some(label) = part.labels.iter().find(|y| !classes.is_empty() && **y as usize >= classes.len()) {
        return Err(format!("label {label} is not one of the {} classes", classes.len()));
    }
    let fits = match (classes.len(), predictor.outputs()) {
        (0, 1) => !predictor.is_probability(),
        (2, 1) => predictor.is_probability(),
        (0 | 1, _) => false,
        (classes, outputs) => classes == outputs,
    };
    if fits {
        return Ok(());
    }
    Err(format!(
        "the model has {} outputs, the labels are {}",
        predictor.outputs(),
        if classes.is_empty() { "numbers".to_owned() } else { format!("{} classes", classes.len()) }
    ))
}

fn number(predictions: &[f64], labels: &[f64]) -> Outcome {
    let rows = labels.len() as f64;
    let squares: f64 = predictions.iter().zip(labels).map(|(p, y)| (p - y) * (p - y)).sum();
    let (_, variance) = bot4_simd::mean_var(labels).unwrap_or_default();
    Outcome::Number { rmse: (squares / rows).sqrt(), r2: 1.0 - squares / rows / variance }
}

fn class(predictions: &[f64], labels: &[f64], names: &[String]) -> Classes {
    let classes = names.len();
    let mut confusion = Confusion::new(classes);
    let mut loss = 0.0;
    for (row, label) in predictions.chunks_exact(classes).zip(labels) {
        let actual = *label as usize;
        confusion.record(actual, bot4_simd::argmax(row).unwrap_or_default());
        loss -= row[actual].max(1e-15).ln();
    }
    let column =
        |class: usize| -> Vec<f64> { predictions.iter().skip(class).step_by(classes).copied().collect() };
    let is = |class: usize| -> Vec<f64> {
        labels.iter().map(|y| f64::from(u8::from(*y as usize == class))).collect()
    };
    let auc_moving = (classes == 3).then(|| {
        let moving = predictions.chunks_exact(3).zip(labels).filter(|(_, y)| **y != 1.0);
        let (scores, up): (Vec<f64>, Vec<f64>) =
            moving.map(|(row, y)| (row[2] - row[0], f64::from(u8::from(*y == 2.0)))).unzip();
        auc(&scores, &up)
    });
    Classes {
        names: names.to_vec(),
        log_loss: loss / labels.len() as f64,
        brier: (1..classes).map(|class| brier(&column(class), &is(class))).sum(),
        auc: (0..classes).map(|class| auc(&column(class), &is(class))).collect(),
        auc_moving: auc_moving.flatten(),
        confusion,
    }
}
