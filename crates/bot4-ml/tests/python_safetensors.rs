//! Model files and Python's safetensors package understand each other, where Python has it.

#![allow(clippy::print_stdout)] // a skipped test must be seen to be skipped

use std::path::Path;
use std::process::Command;

use bot4_ml::{Activation, LogisticRegression, Mlp, Model, ModelFile, Standardizer};

/// Runs a script with one argument; `None` and a printed line where Python or the package is missing.
fn python(script: &str, path: &Path) -> Option<String> {
    let has_package = Command::new("python3").args(["-c", "import safetensors.numpy"]).output();
    if !has_package.is_ok_and(|output| output.status.success()) {
        println!("SKIP: no python3 with the packages safetensors and numpy");
        return None;
    }
    let output = Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_model_written_by_python_is_read() {
    const WRITE: &str = r#"
import json, sys
import numpy
from safetensors.numpy import save_file
def tensor(*values):
    return numpy.array(values, dtype=numpy.float32)
block = {"version": 1, "model": "logistic_regression", "features": ["a", "b", "größe"]}
tensors = {"weights": tensor(0.5, -1.25, 3e-8), "bias": tensor(0.125)}
save_file(tensors, sys.argv[1], metadata={"bot4": json.dumps(block)})
"#;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("python.safetensors");
    if python(WRITE, &path).is_none() {
        return;
    }
    let read = ModelFile::<LogisticRegression<f32>>::load(&path).unwrap();
    assert_eq!(read.model, LogisticRegression::from_parts(vec![0.5, -1.25, 3e-8], 0.125));
    assert_eq!(read.features, ["a", "b", "größe"]);
}

/// The weights of a network as PyTorch keeps them, and what numpy makes of a row.
#[test]
fn a_network_written_by_python_predicts_what_numpy_predicts() {
    const WRITE: &str = r#"
import json, sys
import numpy
from safetensors.numpy import save_file
rng = numpy.random.default_rng(3)
sizes = [5, 20, 3]
tensors, x = {}, numpy.linspace(-1, 1, 5).astype(numpy.float32)
for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
    w, c = rng.normal(size=(b, a)).astype(numpy.float32), rng.normal(size=b).astype(numpy.float32)
    tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"] = w, c
    x = w.astype(numpy.float64) @ x + c
    x = numpy.maximum(x, 0) if i == 0 else numpy.exp(x - x.max()) / numpy.exp(x - x.max()).sum()
block = {"version": 1, "model": "mlp", "features": [], "classes": ["down", "flat", "up"], "activations": ["relu", "softmax"]}
save_file(tensors, sys.argv[1], metadata={"bot4": json.dumps(block)})
print(*x.tolist())
"#;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("network.safetensors");
    let Some(printed) = python(WRITE, &path) else { return };
    let want: Vec<f64> = printed.split_whitespace().map(|field| field.parse().unwrap()).collect();
    let read = ModelFile::<Mlp<f32>>::load(&path).unwrap();
    assert_eq!(read.model.output_activation(), Activation::Softmax);
    let mut out = [0.0; 3];
    let mut scratch = vec![0.0; read.model.scratch_len()];
    read.model.predict(&[-1.0, -0.5, 0.0, 0.5, 1.0], &mut scratch, &mut out);
    for (got, want) in out.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-6, "{out:?}");
    }
    assert!(matches!(ModelFile::<Model<f64>>::load(&path).unwrap().model, Model::Mlp(_)));
}

#[test]
fn python_reads_what_we_write() {
    const READ: &str = r#"
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as model:
    for name in sorted(model.keys()):
        print(name, *model.get_tensor(name).tolist())
    print(json.loads(model.metadata()["bot4"])["features"])
"#;
    let mut standardizer = Standardizer::new(2);
    standardizer.observe(&[1.0, 5.0]).unwrap();
    standardizer.observe(&[2.0, 5.0]).unwrap();
    let model = LogisticRegression::from_parts(vec![0.1, 2.0], -1.0);
    let saved = ModelFile::new(model).with_standardizer(standardizer).with_features(["qi", "ofi"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ours.safetensors");
    saved.save(&path).unwrap();
    let Some(printed) = python(READ, &path) else { return };
    let want = "bias -1.0\nstandardizer.count 2\nstandardizer.floor 1e-12\nstandardizer.m2 0.5 0.0\n\
                standardizer.mean 1.5 5.0\nweights 0.1 2.0\n['qi', 'ofi']\n";
    assert_eq!(printed.replace('\r', ""), want);
}
