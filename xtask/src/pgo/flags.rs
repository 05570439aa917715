//! Flags that come from outside and would replace, or be replaced by, the ones of the stages.
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// Proof that no foreign compiler flag reaches the builds; every stage asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CleanFlags(());

impl CleanFlags {
    /// Looks at the process's environment and at the cargo configuration files above `root`.
    pub(crate) fn check(root: &Path) -> Result<Self> {
        let environment = std::env::vars_os().map(|(k, _)| k.to_string_lossy().into_owned());
        Self::from_sources(environment, &config_files(root))
    }

    /// The check itself, on given names of environment variables and configuration files.
    pub(crate) fn from_sources(names: impl Iterator<Item = String>, configs: &[PathBuf]) -> Result<Self> {
        let mut foreign: Vec<String> = names
            .filter(|name| is_foreign(name))
            .map(|name| format!("environment variable {name}"))
            .collect();
        foreign.extend(configs.iter().flat_map(|file| rustflags_lines(file)));
        if foreign.is_empty() {
            return Ok(Self(()));
        }
        foreign.sort();
        Err(Failure::new(format!("foreign compiler flags: {}", foreign.join(", "))).advise(
            "cargo takes flags from one place only, and this command has its own (a profile fits only a build with \
             the same flags): unset them (`env -u RUSTFLAGS cargo xtask ...`) or remove the line, then run again",
        ))
    }
}

fn is_foreign(name: &str) -> bool {
    matches!(name, "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS" | "CARGO_BUILD_RUSTFLAGS")
        || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
        || name.starts_with("CARGO_PROFILE_RELEASE_")
}

fn config_files(root: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|dir| dir.join(".cargo")));
    let folders = root.ancestors().map(|dir| dir.join(".cargo")).chain(home);
    let mut files: Vec<PathBuf> = folders
        .flat_map(|dir| [dir.join("config.toml"), dir.join("config")])
        .filter(|f| f.is_file())
        .collect();
    files.sort();
    files.dedup();
    files
}

/// The lines of a cargo configuration that set compiler flags, as `file:line`.
pub(crate) fn rustflags_lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let sets_flags = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split('=').next().is_some_and(|key| line.contains('=') && key.contains("rustflags"))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| sets_flags(line))
        .map(|(i, _)| format!("{}:{}", file.display(), i + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str]) -> Result<CleanFlags> {
        CleanFlags::from_sources(names.iter().map(|&n| n.to_owned()), &[])
    }

    #[test]
    fn every_variable_that_carries_flags_is_refused() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
        ] {
            let text = check(&["PATH", name]).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains("what to do"), "{text}");
        }
    }

    #[test]
    fn ordinary_variables_pass() {
        assert!(
            check(&["PATH", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTDOCFLAGS", "CARGO_PROFILE_DEV_LTO"])
                .is_ok()
        );
    }

    #[test]
    fn a_configuration_file_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        std::fs::write(&file, "# rustflags = no\n[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n").unwrap();
        let text = CleanFlags::from_sources(std::iter::empty(), &[file]).unwrap_err().to_string();
        assert!(text.contains("config.toml:3"), "{text}");
        assert!(!text.contains("config.toml:1"), "a comment is no flag: {text}");
    }
}
