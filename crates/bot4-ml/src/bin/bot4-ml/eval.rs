//! `bot4-ml eval`: how good is a model on data it has not seen?

mod page;

use crate::args::{EvalArgs, Task};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::predictor::Predictor;
use crate::scores::Scores;
use crate::{input, output};

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let data = &args.input.data;
    if let Some(html) = &args.html {
        output::check(html, &[data, &args.model])?;
    }
    let mut predictor = Predictor::load(&args.model)?;
    let task = match (predictor.outputs(), predictor.is_probability()) {
        (1, false) => Task::Number,
        _ => Task::Class,
    };
    let mut dataset = Dataset::new(input::open(&args.input, data)?, &args.label, task, data)?;
    name_classes(&mut dataset, &predictor);
    let scores = Scores::of(&mut predictor, dataset.last(args.last_share), &dataset.classes, data)?;
    if let Some(html) = &args.html {
        output::to_file(html, &page::render(&scores, &args.model, data))?;
    }
    output::to_stdout(|out| match args.json {
        true => writeln!(out, "{:#}", scores.json()),
        false => scores.print(out),
    })
}

/// A class that does not occur in this data is one all the same, and the model may know the names.
fn name_classes(dataset: &mut Dataset, predictor: &Predictor) {
    let wanted = if predictor.outputs() == 1 { 2 } else { predictor.outputs() };
    if dataset.classes.is_empty() || dataset.classes.len() > wanted {
        return;
    }
    let known = predictor.classes();
    dataset.classes =
        if known.is_empty() { (0..wanted).map(|class| class.to_string()).collect() } else { known.to_vec() };
}
