//! Flags that must not be committed, in every file that a build reads.
use std::path::Path;

use super::Finding;

/// Findings in configuration files, scripts and build scripts; other files have none.
pub(super) fn check(relative: &Path, text: &str) -> Vec<Finding> {
    if !steers_a_build(relative) {
        return Vec::new();
    }
    let in_cargo_config = relative.components().any(|c| c.as_os_str() == ".cargo");
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        if line.contains("target-cpu=native") || line.contains("+avx512") {
            let advice = "fixed CPU flags crash elsewhere: kernels are chosen at run time, remove the flag";
            findings.push(Finding::new(relative, number, advice));
        } else if in_cargo_config && line.contains("rustflags") {
            let advice =
                "rustflags here would replace or be replaced by those of `cargo xtask pgo`: remove them";
            findings.push(Finding::new(relative, number, advice));
        }
    }
    findings.extend(lints_not_inherited(relative, text));
    findings
}

fn steers_a_build(relative: &Path) -> bool {
    let extension = relative.extension().and_then(|x| x.to_str()).unwrap_or_default();
    let name = relative.file_name().and_then(|x| x.to_str()).unwrap_or_default();
    let sources = relative.components().any(|c| c.as_os_str() == "src");
    let build_script = name == "build.rs" && !sources;
    matches!(extension, "toml" | "yml" | "yaml" | "sh") || build_script || relative.starts_with(".ci")
}

/// A package that does not take the workspace's lints has none.
fn lints_not_inherited(relative: &Path, text: &str) -> Option<Finding> {
    let is_package = relative.ends_with("Cargo.toml") && text.lines().any(|l| l.trim() == "[package]");
    let mut after = text.lines().skip_while(|l| l.trim() != "[lints]").skip(1);
    let inherits = after.next().is_some_and(|l| l.replace(' ', "") == "workspace=true");
    (is_package && !inherits).then(|| {
        Finding::new(relative, 1, "the workspace's lints are not on: add `[lints]` with `workspace = true`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(Path::new(path), text).iter().map(|f| f.line).collect()
    }

    #[test]
    fn rustflags_in_the_cargo_configuration_are_found() {
        assert_eq!(found(".cargo/config.toml", "# rustflags: none\n[build]\nrustflags = []\n"), [3]);
        assert!(found(".cargo/config.toml", "[alias]\nxtask = \"run\"\n").is_empty());
    }

    #[test]
    fn fixed_cpu_flags_are_found_where_a_build_reads_them() {
        let text = "cargo build\nRUSTFLAGS=-Ctarget-cpu=native cargo build\n";
        assert_eq!(found(".ci/run", text), [2]);
        assert_eq!(found("crates/a/build.rs", text), [2]);
        assert!(found("crates/a/src/build.rs", text).is_empty());
        assert!(found("docs/adr/0001-dispatch.md", text).is_empty());
    }

    #[test]
    fn a_package_without_the_workspace_lints_is_found() {
        assert_eq!(found("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"), [1]);
        assert!(
            found("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n").is_empty()
        );
        assert!(found("Cargo.toml", "[workspace]\n").is_empty());
    }
}
