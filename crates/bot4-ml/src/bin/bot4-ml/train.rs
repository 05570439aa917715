//! `bot4-ml train`: from a table or a recording to a model file.

use crate::args::{ModelKind, TrainArgs};
use crate::dataset::{Dataset, Part};
use crate::failure::Failure;
use crate::predictor::{Kind, Predictor};
use crate::progress::Progress;
use crate::scores::Scores;
use crate::{input, output};
use bot4_ml::{
    Activation, AdamW, LinearRegression, LogisticRegression, Mlp, Model, ModelFile, Standardizer, Trainable,
    Training,
};
use ndarray::Array2;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let data = &args.input.data;
    let inputs: Vec<&Path> =
        [Some(data), args.test.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
    output::check(&args.out, &inputs)?;
    let dataset = Dataset::new(input::open(&args.input, data)?, &args.label, args.task, data)?;
    let other = match &args.test {
        Some(path) => {
            let task = if dataset.classes.is_empty() { crate::args::Task::Number } else { args.task };
            Some(Dataset::new(input::open(&args.input, path)?, &args.label, task, path)?)
        }
        None => None,
    };
    let (learnt, scored) = match &other {
        Some(other) => (dataset.last(1.0), other.last(1.0)),
        None => dataset.split(args.train_share),
    };
    if learnt.labels.is_empty() {
        return Err(Failure::at(data, "no rows to learn from: raise --train-share"));
    }
    let (model, loss) = fit(args, &dataset, learnt)?;
    model.save(&args.out).map_err(|error| Failure::at(&args.out, format_args!("cannot write: {error}")))?;
    let mut predictor = Predictor::new(Kind::Ours(model));
    let scores = match scored.labels.is_empty() {
        true => None,
        false => {
            Some(Scores::of(&mut predictor, scored, &dataset.classes, args.test.as_ref().unwrap_or(data))?)
        }
    };
    if args.json {
        let report = json!({
            "model": args.out, "learnt_rows": learnt.labels.len(), "features": dataset.features,
            "loss": loss, "scores": scores.map(|scores| scores.json()),
        });
        return output::to_stdout(|out| writeln!(out, "{report:#}"));
    }
    output::to_stdout(|out| {
        writeln!(
            out,
            "learnt     {} rows of {} features, loss {loss:.6}",
            learnt.labels.len(),
            dataset.features.len()
        )?;
        match scores {
            Some(scores) => scores.print(out)?,
            None => writeln!(out, "no rows left to score on: see --train-share and --test")?,
        }
        writeln!(out, "model      {}", args.out.display())
    })
}

/// Standardises, trains, and puts together what goes into the file. Also the loss of the last epoch.
fn fit(args: &TrainArgs, dataset: &Dataset, part: Part<'_>) -> Result<(ModelFile<Model<f64>>, f64), Failure> {
    let mut rows = part.rows.to_owned();
    let mut standardizer = Standardizer::new(rows.ncols());
    let standardized = standardizer.observe_rows(rows.view());
    standardized.map_err(|error| Failure::at(&args.input.data, error))?;
    standardizer.standardize_rows(rows.view_mut());
    let (width, classes) = (rows.ncols(), dataset.classes.len());
    let kind = match args.model {
        ModelKind::Auto if classes == 0 => ModelKind::Linear,
        ModelKind::Auto => ModelKind::Logistic,
        given => given,
    };
    let (model, loss) = match (kind, classes) {
        (ModelKind::Linear, 0) => {
            let (model, loss) = train(args, LinearRegression::new(width), &rows, part)?;
            (Model::Linear(model), loss)
        }
        (ModelKind::Logistic, 2) => {
            let (model, loss) = train(args, LogisticRegression::new(width), &rows, part)?;
            (Model::Logistic(model), loss)
        }
        (ModelKind::Linear, _) => {
            return Err(Failure::new(
                "a linear model predicts numbers and the label is a class: --task number overrides",
            ));
        }
        (ModelKind::Logistic, 0) => {
            return Err(Failure::new(
                "a logistic model predicts classes and the label is a number: --task class overrides",
            ));
        }
        _ => {
            let (model, loss) = train(args, network(args, kind, width, classes)?, &rows, part)?;
            (Model::Mlp(model), loss)
        }
    };
    let file = ModelFile::new(model)
        .with_standardizer(standardizer)
        .with_features(dataset.features.iter().map(String::as_str))
        .with_classes(dataset.classes.iter().map(String::as_str));
    Ok((file, loss))
}

/// A network for the label; without hidden layers where only its softmax is wanted.
fn network(args: &TrainArgs, kind: ModelKind, width: usize, classes: usize) -> Result<Mlp<f64>, Failure> {
    let (outputs, last) = match classes {
        0 => (1, Activation::Identity),
        2 => (1, Activation::Sigmoid),
        classes => (classes, Activation::Softmax),
    };
    let hidden = if kind == ModelKind::Mlp { args.hidden.as_slice() } else { &[] };
    let sizes: Vec<usize> = [&[width], hidden, &[outputs]].concat();
    let parameters =
        sizes.windows(2).fold(0u128, |sum, layer| sum + (layer[0] as u128 + 1) * layer[1] as u128);
    let most = u128::from(bot4_ml::MODEL_FILE_BYTES_MAX) / size_of::<f64>() as u128;
    if parameters > most {
        return Err(Failure::new(format_args!(
            "a network of {parameters} parameters fits no model file, which holds {most}: give smaller --hidden"
        )));
    }
    Mlp::new(&sizes, Activation::Relu, last, args.seed).map_err(Failure::new)
}

fn train<M: Trainable<f64>>(
    args: &TrainArgs,
    mut model: M,
    rows: &Array2<f64>,
    part: Part<'_>,
) -> Result<(M, f64), Failure> {
    let training = Training {
        epochs: args.epochs.get() as usize,
        batch: args.batch.get() as usize,
        seed: args.seed,
        l2: args.l2,
        ..Training::default()
    };
    let mut progress = Progress::new("training", u64::from(args.epochs.get()));
    let mut adam = AdamW::new(args.learning_rate);
    let epochs = training.run(&mut model, rows.view(), part.labels, &mut adam, |epoch| {
        progress.show(epoch.index as u64 + 1, || format!("loss {:.5}", epoch.loss));
        ControlFlow::Continue(())
    });
    let epochs = epochs.map_err(|error| Failure::at(&args.input.data, error))?;
    Ok((model, epochs.last().map_or(f64::NAN, |epoch| epoch.loss)))
}
