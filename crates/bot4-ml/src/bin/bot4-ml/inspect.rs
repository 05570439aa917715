//! `bot4-ml inspect`: what a model file holds.

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::output;
use crate::predictor::{Kind, Predictor};
use bot4_ml::{Model, Saved};
use serde_json::{Value, json};
use std::io::{self, Write};

pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let (predictor, bytes) = Predictor::load_with_size(&args.model)?;
    let report = describe(&predictor, bytes);
    output::to_stdout(|out| match args.json {
        true => writeln!(out, "{report:#}"),
        false => print(out, &report),
    })
}

fn describe(predictor: &Predictor, bytes: usize) -> Value {
    let mut report = json!({
        "bytes": bytes, "inputs": predictor.inputs(), "outputs": predictor.outputs(),
        "features": predictor.features(), "classes": predictor.classes(),
    });
    match &predictor.kind {
        Kind::Trees(trees) => {
            report["kind"] = json!("lightgbm");
            report["trees"] = json!(trees.trees());
        }
        Kind::Ours(file) => {
            report["kind"] = json!(file.model.kind());
            if let Model::Mlp(network) = &file.model {
                let layer = |layer: bot4_ml::LayerParts<f64>| json!({ "inputs": layer.inputs, "outputs": layer.bias.len(), "activation": layer.activation.name() });
                report["layers"] = network.layers().map(layer).collect();
            }
            if let Some(standardizer) = &file.standardizer {
                let deviation: Vec<f64> = standardizer
                    .inv_std()
                    .iter()
                    .map(|inv| if *inv == 0.0 { 0.0 } else { 1.0 / inv })
                    .collect();
                report["standardizer"] = json!({
                    "rows": standardizer.count(), "mean": standardizer.mean(), "deviation": deviation,
                });
            }
        }
    }
    report
}

fn print(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    let text = |key: &str| report[key].to_string().trim_matches('"').to_owned();
    writeln!(out, "kind       {}", text("kind"))?;
    writeln!(out, "size       {} bytes", text("bytes"))?;
    writeln!(out, "shape      {} inputs, {} outputs", text("inputs"), text("outputs"))?;
    if let Some(trees) = report["trees"].as_u64() {
        writeln!(out, "trees      {trees}")?;
    }
    for (index, layer) in report["layers"].as_array().into_iter().flatten().enumerate() {
        let activation = layer["activation"].as_str().unwrap_or_default();
        writeln!(out, "layer {index}    {} -> {} {activation}", layer["inputs"], layer["outputs"])?;
    }
    let names = |key: &str| -> Vec<&str> {
        report[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    if !names("classes").is_empty() {
        writeln!(out, "classes    {}", names("classes").join(", "))?;
    }
    let standardizer = &report["standardizer"];
    if standardizer.is_object() {
        writeln!(out, "standardised with the statistics of {} rows", standardizer["rows"])?;
    }
    let features = names("features");
    for (index, name) in features.iter().enumerate() {
        match (&standardizer["mean"][index], &standardizer["deviation"][index]) {
            (Value::Number(mean), Value::Number(deviation)) => {
                writeln!(out, "feature    {name}  mean {mean}, deviation {deviation}")?;
            }
            _ => writeln!(out, "feature    {name}")?,
        }
    }
    Ok(())
}
