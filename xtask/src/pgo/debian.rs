//! Fetching `llvm-profdata` from the archive of a Debian-like system without touching the system.
use std::path::Path;

use super::profdata::Candidate;
use super::store;
use crate::apt::{Apt, library_folders};
use crate::failure::{Failure, Result};

/// The tool of an earlier download.
pub(crate) fn unpacked(major: u32, tools: &Path) -> Option<Candidate> {
    let root = tools.join(format!("llvm-{major}"));
    let program = root.join(format!("usr/lib/llvm-{major}/bin/llvm-profdata")).canonicalize().ok()?;
    Some(Candidate { program, libraries: library_folders(&root) })
}

/// Downloads the newest `llvm-N`, `oldest <= N <= newest`, and unpacks it under `tools`.
pub(crate) fn fetch(newest: u32, oldest: u32, tools: &Path) -> Result<Candidate> {
    println!(
        "  fetching llvm-profdata with apt into {} (about 60 MB; the system is not changed)",
        tools.display()
    );
    let apt = Apt::prepare(&tools.join("apt"))?;
    let major = (oldest..=newest).rev().find(|n| apt.knows(&format!("llvm-{n}")));
    let major =
        major.ok_or_else(|| Failure::new(format!("no download: the archive has no llvm-{newest}")))?;
    let staging = tools.join("staging");
    store::empty_dir(&staging)?;
    let wanted = vec![format!("llvm-{major}"), format!("libllvm{major}")];
    apt.unpack_with_libraries(wanted, &staging, "llvm-profdata")?;
    let root = tools.join(format!("llvm-{major}"));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::rename(&staging, &root).map_err(|e| Failure::io("rename", &staging, &e))?;
    unpacked(major, tools).ok_or_else(|| Failure::new(format!("package llvm-{major} has no llvm-profdata")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unpacked_is_no_candidate() {
        assert_eq!(unpacked(22, Path::new("/nonexistent")), None);
    }
}
