//! Rows, labels and their names, from a table or from a recording.

use crate::args::{LabelArgs, Task};
use crate::direction;
use crate::failure::Failure;
use crate::input::{Data, Table};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use std::path::Path;

/// The most classes that labels are taken for without being told.
const CLASSES_MAX: usize = 20;

#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) rows: Array2<f64>,
    pub(crate) labels: Array1<f64>,
    pub(crate) features: Vec<String>,
    /// Names of the classes; empty where the label is a number.
    pub(crate) classes: Vec<String>,
    /// Rows between what is learnt from and what is scored, so that no label looks across.
    pub(crate) gap: usize,
}

impl Dataset {
    /// Rows and labels of what was read from `path`.
    pub(crate) fn new(data: Data, args: &LabelArgs, task: Task, path: &Path) -> Result<Self, Failure> {
        let dataset = match data {
            Data::Table(table) => of_table(table, args, task).map_err(|why| Failure::at(path, why))?,
            Data::Quotes(..) if args.label.is_some() => {
                let why = "a recording is labelled by where its mid goes (--horizon): --label is for tables";
                return Err(Failure::at(path, why));
            }
            Data::Quotes(recording, format) => of_quotes(&recording.quotes, format.scale(), args),
        };
        match dataset.rows.nrows() {
            0 => Err(Failure::at(
                path,
                "too few rows: a recording needs history, and quotes as far ahead as --horizon",
            )),
            _ => Ok(dataset),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The first rows, and those after the gap.
    pub(crate) fn split(&self, share: f64) -> (Part<'_>, Part<'_>) {
        let cut = ((self.len() as f64 * share) as usize).min(self.len());
        let after = (cut + self.gap).min(self.len());
        (self.part(0, cut), self.part(after, self.len()))
    }

    /// The last rows.
    pub(crate) fn last(&self, share: f64) -> Part<'_> {
        let rows = ((self.len() as f64 * share).round() as usize).min(self.len());
        self.part(self.len() - rows, self.len())
    }

    fn part(&self, from: usize, to: usize) -> Part<'_> {
        Part { rows: self.rows.slice(s![from..to, ..]), labels: self.labels.slice(s![from..to]) }
    }
}

/// Some of the rows, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) rows: ArrayView2<'a, f64>,
    pub(crate) labels: ArrayView1<'a, f64>,
}

fn of_table(table: Table, args: &LabelArgs, task: Task) -> Result<Dataset, String> {
    let label = match &args.label {
        Some(wanted) => table.column(wanted)?,
        None => table.names.len() - 1,
    };
    if table.names.len() < 2 {
        return Err("one column only: a label needs features".to_owned());
    }
    let labels = table.rows.column(label).to_owned();
    let columns: Vec<usize> = (0..table.names.len()).filter(|column| *column != label).collect();
    if let Some(((row, column), value)) = table.rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(format!("row {row}, column {}: {value} is no finite number", table.names[column]));
    }
    let rows = table.rows.select(Axis(1), &columns).as_standard_layout().into_owned();
    let features = columns.into_iter().map(|column| table.names[column].clone()).collect();
    Ok(Dataset { rows, features, classes: classes(&labels, task)?, labels, gap: 0 })
}

/// The names of the classes, if the labels are classes.
fn classes(labels: &Array1<f64>, task: Task) -> Result<Vec<String>, String> {
    let whole = labels.iter().all(|y| *y >= 0.0 && y.fract() == 0.0 && *y < 1e6);
    let count = labels.iter().copied().fold(0.0, f64::max) as usize + 1;
    match task {
        Task::Number => Ok(Vec::new()),
        Task::Auto if !whole || count > CLASSES_MAX => Ok(Vec::new()),
        Task::Class if !whole => {
            Err("the label is not a class: --task class needs whole numbers from 0 on".to_owned())
        }
        _ => Ok((0..count.max(2)).map(|class| class.to_string()).collect()),
    }
}

fn of_quotes(
    quotes: &[bot4_pipeline::Quote],
    scale: bot4_pipeline::features::Scale,
    args: &LabelArgs,
) -> Dataset {
    let horizon = args.horizon.get() as usize;
    let mut source = direction::Rows::new(scale);
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for (quote, label) in quotes.iter().zip(direction::labels(quotes, horizon)) {
        if let (Some(row), Some(label)) = (source.update(quote), label) {
            values.extend(row);
            labels.push(label as f64);
        }
    }
    let rows = Array2::from_shape_vec((labels.len(), direction::WIDTH), values).expect("whole rows");
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Dataset {
        rows,
        labels: labels.into(),
        features: owned(&direction::NAMES),
        classes: owned(&direction::CLASSES),
        gap: horizon,
    }
}
