//! What `cargo metadata` knows about the workspace.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::{Failure, Result};
use crate::process::Cmd;

/// The workspace and its own packages (dependencies appear by name only).
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(rename = "manifest_path")]
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<PathBuf>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    /// The registries it may go to; `None` for any, an empty list for none.
    publish: Option<Vec<String>>,
}

/// An edge from a package to another one, of this workspace or from a registry.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal dependency, otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// The platform or cfg that switches it on.
    pub(crate) target: Option<String>,
    pub(crate) optional: bool,
}

/// A library, binary, test, bench or example.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace around `dir`.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let json = Cmd::cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .dir(dir)
            .silent()
            .read()
            .map_err(|f| f.advise("run xtask as `cargo xtask ...` inside the workspace"))?;
        serde_json::from_str(&json).map_err(|e| Failure::new(format!("cargo metadata: {e}")))
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|p| p.name == name)
    }
}

impl Package {
    pub(crate) fn dir(&self) -> &Path {
        self.manifest.parent().unwrap_or(&self.manifest)
    }

    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    pub(crate) fn has_target(&self, kind: &str, name: &str) -> bool {
        self.targets.iter().any(|t| t.name == name && t.kind.iter().any(|k| k == kind))
    }
}
