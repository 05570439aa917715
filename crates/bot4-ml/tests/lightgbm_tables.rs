//! LightGBM's own models of public tables, trained by Python where it is there: the same predictions to 1e-12, and
//! the scores as published. The tables are not part of the repository; without them, or without LightGBM, each test says so.
#![cfg(feature = "cli")]
#![allow(clippy::print_stdout)] // a skipped test must be seen to be skipped

use bot4_ml::BoostedTrees;
use bot4_ml::metrics::auc;
use ndarray::Array2;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unpacks a table into the folder; `None` and a printed line where it, or LightGBM, is absent.
fn unpacked(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    let Ok(bytes) = fs::read(&path) else {
        println!("SKIP {name}: not on this machine");
        return None;
    };
    let has = Command::new("python3").args(["-c", "import lightgbm"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("SKIP {name}: no python3 with the package lightgbm");
        return None;
    }
    let plain = folder.join(path.file_stem().unwrap());
    fs::write(&plain, zstd::decode_all(&bytes[..]).unwrap()).unwrap();
    Some(plain)
}

fn python(script: &str, folder: &Path) {
    let output = Command::new("python3").args(["-c", script]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn numbers(path: &Path, separator: char) -> Array2<f64> {
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| line.split(separator).map(|field| field.parse().unwrap()).collect())
        .collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn bot4_ml(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_bot4-ml")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The parameters are those of LightGBM's example for this table.
#[test]
fn higgs_is_predicted_as_lightgbm_predicts_it() {
    const TRAIN: &str = r#"
import sys, numpy as np, lightgbm as lgb
folder = sys.argv[1]
train, test = (np.loadtxt(f"{folder}/binary.{part}.tsv") for part in ("train", "test"))
parameters = dict(objective="binary", num_leaves=63, learning_rate=0.1, feature_fraction=0.8, bagging_freq=5,
    bagging_fraction=0.8, min_data_in_leaf=50, min_sum_hessian_in_leaf=5.0, verbose=-1, num_threads=1, seed=1)
model = lgb.train(parameters, lgb.Dataset(train[:, 1:], train[:, 0]), 100)
model.save_model(f"{folder}/model.txt")
np.savetxt(f"{folder}/predictions", model.predict(test[:, 1:]), fmt="%.17g")
"#;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(_) = unpacked("ml-higgs7k/binary.train.tsv.zst", folder) else { return };
    let Some(test) = unpacked("ml-higgs7k/binary.test.tsv.zst", folder) else { return };
    python(TRAIN, folder);
    let (table, want) = (numbers(&test, '\t'), numbers(&folder.join("predictions"), ' '));
    let trees = BoostedTrees::load(folder.join("model.txt")).unwrap();
    assert_eq!((trees.trees(), trees.inputs()), (100, 28));
    let mut scratch = vec![0.0; trees.scratch_len()];
    let mut got = vec![0.0; table.nrows()];
    for (row, got) in table.rows().into_iter().zip(&mut got) {
        trees.predict(&row.to_slice().unwrap()[1..], &mut scratch, std::slice::from_mut(got));
    }
    let worst = got.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
    assert!(worst <= 1e-12, "the predictions differ by {worst:e}");
    let area = auc(&got, table.column(0).to_vec().as_slice()).unwrap();
    println!("HIGGS-7k AUC of LightGBM's model: {area:.4} (published 0.823), predictions within {worst:e}");
    assert!(area >= 0.823 - 0.005, "{area}");

    let (test, model) = (test.to_str().unwrap(), folder.join("model.txt"));
    let scored =
        bot4_ml(&["eval", "--data", test, "--label", "0", "--model", model.to_str().unwrap(), "--json"]);
    let scored: Value = serde_json::from_slice(&scored).unwrap();
    assert_eq!(scored["rows"], 500);
    let accuracy =
        got.iter().zip(table.column(0)).filter(|(p, y)| f64::from(u8::from(**p > 0.5)) == **y).count();
    assert_eq!(scored["accuracy"], accuracy as f64 / 500.0, "the command scores the same predictions");
}

/// The command's own features, learnt by LightGBM, scored by the command.
#[test]
fn the_recorded_perpetual_is_predicted_as_lightgbm_predicts_it() {
    const TRAIN: &str = r#"
import json, sys, numpy as np, lightgbm as lgb
folder, horizon = sys.argv[1], 50
f = np.genfromtxt(f"{folder}/features.csv", delimiter=",", names=True)
ewm = lambda x, a: np.array([s := 0.0] + [s := a * s + e for e in x[1:]])
rows = np.column_stack([f["qi"], f["ofi"], ewm(f["ofi"], 0.9), f["ofi_ewm"], f["spread"], 1e4 * f["r"],
    f["mid"] - f["roll_mean"], np.concatenate([[np.nan], np.diff(f["qi"])])])
label = 1 + np.sign(f["mid"][horizon:] - f["mid"][:-horizon])
rows = rows[:-horizon]
good = np.isfinite(rows).all(axis=1)
rows, label = rows[good], label[good]
cut = int(len(rows) * 0.7)
model = lgb.train(dict(objective="multiclass", num_class=3, num_leaves=15, learning_rate=0.05, min_data_in_leaf=200,
    verbose=-1, num_threads=1, seed=1), lgb.Dataset(rows[:cut], label[:cut]), 100)
model.save_model(f"{folder}/model.txt")
rows, label = rows[cut + horizon:], label[cut + horizon:]
p = model.predict(rows)
said = p.argmax(axis=1)
f1 = [2 * ((said == c) & (label == c)).sum() / ((said == c).sum() + (label == c).sum()) for c in range(3)]
json.dump(dict(share=len(rows) / good.sum(), macro_f1=np.mean(f1), accuracy=(said == label).mean()),
    open(f"{folder}/scores.json", "w"))
"#;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let name = "binance-btcusdt-20240808/usdm_btcusdt_20240808.bookticker.csv.zst";
    let Some(quotes) = unpacked(name, folder) else { return };
    let quotes = quotes.to_str().unwrap();
    fs::write(folder.join("features.csv"), bot4_ml(&["features", "--data", quotes])).unwrap();
    python(TRAIN, folder);
    let theirs: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("scores.json")).unwrap()).unwrap();
    let (model, share) = (folder.join("model.txt"), theirs["share"].to_string());
    let model = model.to_str().unwrap();
    let scored = bot4_ml(&["eval", "--data", quotes, "--model", model, "--last-share", &share, "--json"]);
    let ours: Value = serde_json::from_slice(&scored).unwrap();
    let score = |of: &Value, key: &str| of[key].as_f64().unwrap();
    println!(
        "BTC direction, LightGBM's model: macro F1 {:.4} (published 0.563), AUC {:.4} (published 0.870)",
        score(&ours, "macro_f1"),
        score(&ours, "auc_moving")
    );
    for key in ["macro_f1", "accuracy"] {
        // Features that differ in the last bit may send a row or two the other way.
        assert!((score(&ours, key) - score(&theirs, key)).abs() < 1e-3, "{key}: {ours} and {theirs}");
    }
    assert!(score(&ours, "macro_f1") >= 0.563 - 0.01, "{ours}");
    assert!(score(&ours, "auc_moving") >= 0.870 - 0.005, "{ours}");
}
