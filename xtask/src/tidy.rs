//! Checks of the source tree that no compiler makes: layers, notes beside unsafe code and atomics, committed flags, links.
mod layers;
mod links;
mod manifests;
mod rust;
mod text;

pub(crate) use layers::UNSAFE_PACKAGES;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// Something to mend: where it is, what it is, what to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: PathBuf,
    line: usize,
    text: String,
}

impl Finding {
    fn new(file: &Path, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// Prints every finding; any finding is a failure.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = layers::check(workspace);
    let files = files(&workspace.root, &workspace.target)?;
    println!("  {} packages, {} files", workspace.packages.len(), files.len());
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        findings.extend(check_file(&workspace.root, file, &text));
    }
    findings.sort();
    for finding in &mut findings {
        if let Ok(short) = finding.file.strip_prefix(&workspace.root) {
            finding.file = short.to_owned();
        }
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        n => Err(Failure::new(format!("{n} tidy findings")).advise("each line above says what to do")),
    }
}

fn check_file(root: &Path, file: &Path, text: &str) -> Vec<Finding> {
    let relative = file.strip_prefix(root).unwrap_or(file);
    let mut findings = manifests::check(relative, text);
    if file.extension().is_some_and(|x| x == "rs") {
        findings.extend(rust::check(relative, text));
        findings.extend(rust::unexplained(relative, text));
    }
    if file.extension().is_some_and(|x| x == "md") {
        findings.extend(links::check(file, text));
    }
    for finding in &mut findings {
        finding.file = file.to_owned();
    }
    findings
}

/// All files of the tree, without the version control's and the builds' folders.
fn files(root: &Path, target: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(dir) = folders.pop() {
        let entries = std::fs::read_dir(&dir).map_err(|e| Failure::io("list", &dir, &e))?;
        for path in entries.flatten().map(|e| e.path()) {
            let skipped = path == target || path.file_name().is_some_and(|n| n == ".git" || n == "target");
            match path.is_dir() {
                true if !skipped && !path.is_symlink() => folders.push(path),
                true => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_found_without_its_build_folder() {
        let workspace = Workspace::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let files = files(&workspace.root, &workspace.target).unwrap();
        assert!(files.iter().any(|f| f.ends_with("xtask/src/tidy.rs")));
        assert!(!files.iter().any(|f| f.starts_with(&workspace.target)));
    }
}
