//! The field: ONNX Runtime with bound buffers and one thread, tract, LightGBM's single-row fast call, trees compiled by
//! tl2cgen. What is not on this machine is skipped, aloud; what is there must give the same outputs first.
//!
//! The two tree libraries are called by a C program of a few lines, since calling C from here takes unsafe code: it
//! is compiled when the case is made, and asked over a pipe for a chunk of predictions at a time: the pipe takes a few
//! microseconds of two hundred, which count against those two.

mod onnx;
mod ort;
mod tract;
mod trees;

use super::{GRU_INPUTS, GRU_STATE, LARGE, SMALL, cell, network};
use crate::case::{Case, Lane};
use bot4_ml::Activation;
use std::process::Command;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    let small = || network(&SMALL, Activation::Softmax);
    let large = || network(&LARGE, Activation::Sigmoid);
    match case.name {
        "mlp_small_b1" => with(case, "ONNX Runtime, bound buffers", || ort::network(&small(), 1)),
        "mlp_small_b64" => with(case, "ONNX Runtime, bound buffers", || ort::network(&small(), super::BATCH)),
        "mlp_large_b1" => with(case, "ONNX Runtime, bound buffers", || ort::network(&large(), 1)),
        "mlp_large_b64" => with(case, "ONNX Runtime, bound buffers", || ort::network(&large(), super::BATCH)),
        "gru_b1" => {
            let case = with(case, "ONNX Runtime, bound buffers", || ort::gru(&cell()));
            with_audited(case, "tract", || tract::gru(&cell()))
        }
        "gbdt_b1" => {
            let case = with(case, "LightGBM single-row fast", trees::lightgbm);
            with(case, "tl2cgen, gcc -O3", trees::tl2cgen)
        }
        _ => case,
    }
}

/// Adds a peer that may not be there.
fn with(case: Case, name: &'static str, make: impl FnOnce() -> Result<Lane, String>) -> Case {
    match make() {
        Ok(lane) => case.unaudited_peer(name, [lane]),
        Err(why) => skipped(case, name, &why),
    }
}

/// As [`with`], of a peer in Rust, which allocates where it is counted.
fn with_audited(case: Case, name: &'static str, make: impl FnOnce() -> Result<Lane, String>) -> Case {
    match make() {
        Ok(lane) => case.peer(name, [lane]),
        Err(why) => skipped(case, name, &why),
    }
}

fn skipped(case: Case, name: &'static str, why: &str) -> Case {
    println!("SKIP {}, {name}: {why}", case.name);
    case
}

/// The last line that a script of Python prints: libraries print lines of their own before it.
fn python(script: &str, argument: &str) -> Result<String, String> {
    let output = Command::new("python3")
        .args(["-c", script, argument])
        .output()
        .map_err(|e| format!("python3: {e}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(error.lines().last().unwrap_or("python3 failed").to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().lines().next_back().unwrap_or_default().to_owned())
}

/// Refuses a peer whose outputs are not ours.
fn same(ours: &[f64], theirs: &[f64], tolerance: f64) -> Result<(), String> {
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if ours.len() == theirs.len() && worst <= tolerance {
        return Ok(());
    }
    Err(format!("its outputs differ from ours by {worst:e}"))
}
