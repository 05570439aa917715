//! The training and its memory: nothing is trained again that nothing has changed.
//!
//! The builds have cargo for that; a training is kept under a name made from the instrumented binary (which stands for the
//! sources and the flags), the workloads with the files they read, and the tool.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::build::{Binary, Instrumented, Subject};
use super::profdata::Profdata;
use super::profile::MergedProfile;
use super::workload::{self, Observation, Workload};
use crate::failure::{Failure, Result};
use crate::store;

/// A merged profile and where it comes from.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) profile: MergedProfile,
    /// Files that the instrumented binary wrote.
    pub(crate) raw_files: usize,
    /// What it put out, workload by workload.
    pub(crate) seen: Vec<Observation>,
    /// Whether an earlier run has trained it.
    pub(crate) reused: bool,
}

/// What is kept of a training.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    profile: PathBuf,
    raw_files: usize,
    seen: Vec<Observation>,
}

/// The profile of the same training, if there was one and its file is whole; otherwise trains and merges.
pub(crate) fn train(
    subject: &Subject,
    binary: &Binary<Instrumented>,
    workloads: &[Workload],
    tool: &Profdata,
) -> Result<Trained> {
    let profiles = subject.out.join("profiles");
    let memory = profiles.join(format!("{}.json", key(subject, &binary.path, workloads, tool)?));
    if let Some(kept) = recall(&memory) {
        println!("  nothing has changed since {} was trained", kept.profile.display());
        let profile = MergedProfile::open(&kept.profile, tool)?;
        return Ok(Trained { profile, raw_files: kept.raw_files, seen: kept.seen, reused: true });
    }
    let (raw, seen) = workload::train(subject, binary, workloads)?;
    let profile = raw.merge(tool, &profiles)?;
    let kept = Kept { profile: profile.path.clone(), raw_files: raw.len(), seen };
    let json = serde_json::to_vec(&kept).map_err(|e| Failure::new(e.to_string()))?;
    store::write(&memory, &json)?;
    Ok(Trained { profile, raw_files: kept.raw_files, seen: kept.seen, reused: false })
}

/// A kept training whose profile still is what its name says.
fn recall(memory: &Path) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(memory).ok()?).ok()?;
    let name = store::content_name(&std::fs::read(&kept.profile).ok()?);
    (kept.profile.file_stem()?.to_str()? == name).then_some(kept)
}

/// A name for all that decides what a training gives.
fn key(subject: &Subject, binary: &Path, workloads: &[Workload], tool: &Profdata) -> Result<String> {
    let mut content = std::fs::read(binary).map_err(|e| Failure::io("read", binary, &e))?;
    content.extend_from_slice(tool.program().as_os_str().as_encoded_bytes());
    for workload in workloads {
        content.extend_from_slice(workload.shown(&subject.binary).as_bytes());
        content.extend_from_slice(&workload.weight.to_le_bytes());
        for file in workload.args.iter().map(Path::new).filter(|arg| arg.is_file()) {
            content.extend(std::fs::read(file).map_err(|e| Failure::io("read", file, &e))?);
        }
    }
    Ok(store::content_name(&content))
}
