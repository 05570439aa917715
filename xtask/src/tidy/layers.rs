//! The picture of ARCHITECTURE.md as a table: which package may depend on what.
use std::path::Path;

use super::Finding;
use crate::workspace::{Dependency, Package, Workspace};

/// What a package may depend on, of ours and of others.
struct Layer {
    package: &'static str,
    ours: &'static [&'static str],
    others: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer { package: "bot4-simd", ours: &[], others: &[] },
    Layer {
        package: "bot4-pool",
        ours: &[],
        others: &["allocator-api2", "bumpalo", "crossbeam-queue", "crossbeam-utils", "libc", "ndarray"],
    },
    Layer {
        package: "bot4-lockfree",
        ours: &[],
        others: &["ahash", "crossbeam-queue", "crossbeam-utils", "dashmap", "metrics"],
    },
    Layer { package: "bot4-cache", ours: &["bot4-lockfree"], others: &["ahash", "foldhash", "lru"] },
    Layer {
        package: "bot4-pipeline",
        ours: &["bot4-lockfree", "bot4-pool", "bot4-simd"],
        others: &["dbn", "nix", "toml_edit"],
    },
    Layer {
        package: "bot4-ml",
        ours: &["bot4-cache", "bot4-lockfree", "bot4-pipeline", "bot4-pool", "bot4-simd"],
        others: &[
            "clap",
            "clap_complete",
            "cpu-time",
            "ctrlc",
            "flate2",
            "jiff",
            "ndarray",
            "safetensors",
            "serde",
            "serde_json",
            "sha2",
            "zstd",
        ],
    },
    Layer {
        package: "xtask",
        ours: &[],
        others: &["clap", "jiff", "nix", "serde", "serde_json", "tempfile"],
    },
];

/// Measures everything, peers included, and is depended on by nobody.
const BENCHES: &str = "bot4-benches";
/// Of packages that cost a user nothing: tests and benches only.
const DEV: &[&str] = &[
    "criterion",
    "flate2",
    "hashbrown",
    "jiff",
    "libm",
    "loom",
    "ndarray",
    "nix",
    "prometheus-parse",
    "proptest",
    "serde_json",
    "tempfile",
    "zstd",
];
/// Counts allocations in the tests of every crate.
const AUDIT: &str = "bot4-pool";
/// What the binary needs and a library user must not get (model files need serde_json: docs/adr/0001).
const CLI: &[&str] =
    &["clap", "clap_complete", "cpu-time", "ctrlc", "flate2", "jiff", "serde", "sha2", "zstd"];

/// All findings about packages and their dependencies.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.packages.iter().flat_map(|package| check_package(workspace, package)).collect()
}

fn check_package(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    if package.is_published() {
        findings.extend(lacks(package).map(|text| Finding::new(&package.manifest, 1, text)));
    }
    if package.name == BENCHES {
        return findings;
    }
    let Some(layer) = LAYERS.iter().find(|l| l.package == package.name) else {
        let text = format!("{} is in no layer: add it to xtask/src/tidy/layers.rs", package.name);
        findings.push(Finding::new(&package.manifest, 1, text));
        return findings;
    };
    let manifest = std::fs::read_to_string(&package.manifest).unwrap_or_default();
    for dependency in &package.dependencies {
        if let Some(text) = objection(workspace, layer, dependency) {
            findings.push(Finding::new(&package.manifest, line_of(&manifest, &dependency.name), text));
        }
    }
    findings
}

/// What somebody who gets the package alone would miss.
fn lacks(package: &Package) -> impl Iterator<Item = String> {
    let absent = |name: &&str| !package.dir().join(name).is_file();
    let files = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"].into_iter().filter(absent);
    let missing =
        files.map(|name| format!("no {name} beside the manifest: a package holds its own folder only"));
    let fields = [
        ("description", package.description.is_some()),
        ("license", package.license.is_some()),
        ("readme", package.readme.is_some()),
        ("categories", !package.categories.is_empty()),
        ("keywords, one to five,", (1..=5).contains(&package.keywords.len())),
    ];
    let unset = fields.into_iter().filter(|(_, set)| !set);
    missing.chain(unset.map(|(name, _)| format!("no {name} in the manifest: a registry shows them")))
}

/// Why a dependency does not belong, if it does not.
fn objection(workspace: &Workspace, layer: &Layer, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let ours = workspace.package(name).is_some();
    let dev = dependency.kind.as_deref() == Some("dev") || is_loom_only(dependency);
    let allowed = if ours { layer.ours } else { layer.others }.contains(&name);
    let allowed_in_tests = dev && (DEV.contains(&name) || name == AUDIT || name == layer.package);
    if !allowed && !allowed_in_tests {
        return Some(format!(
            "{} may not depend on {name}: the layers allow {}; a new edge needs an ADR and a line in \
             xtask/src/tidy/layers.rs",
            layer.package,
            [layer.ours, layer.others].concat().join(", ")
        ));
    }
    let leaks = layer.package == "bot4-ml" && CLI.contains(&name) && !dev && !dependency.optional;
    leaks.then(|| format!("{name} serves the command only: make it optional, behind the feature `cli`"))
}

fn is_loom_only(dependency: &Dependency) -> bool {
    dependency.name == "loom" && dependency.target.as_deref() == Some("cfg(bot4_loom)")
}

/// The line of a manifest that declares a dependency.
fn line_of(manifest: &str, name: &str) -> usize {
    let declares = |line: &str| {
        line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
    };
    manifest.lines().position(declares).map_or(1, |at| at + 1)
}

/// Where unsafe code may stand; everywhere else the workspace lint must hold.
pub(crate) const UNSAFE_PACKAGES: [&str; 4] = ["bot4-simd", "bot4-pool", "bot4-lockfree", "bot4-cache"];

/// Calls the libraries that cannot be measured otherwise.
const FOREIGN: [&str; 3] =
    ["benches/src/foreign.rs", "benches/src/groups/features/talib.rs", "benches/src/groups/simd/foreign.rs"];

pub(super) fn may_be_unsafe(relative: &Path) -> bool {
    let of_package = |name: &&str| relative.starts_with(Path::new("crates").join(name));
    FOREIGN.iter().any(|file| relative == Path::new(file)) || UNSAFE_PACKAGES.iter().any(of_package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(packages: &str) -> Workspace {
        serde_json::from_str(&format!(
            r#"{{"workspace_root":"/w","target_directory":"/w/target","packages":[{packages}]}}"#
        ))
        .unwrap()
    }

    fn package(name: &str, dependencies: &str) -> String {
        format!(
            r#"{{"name":"{name}","manifest_path":"/w/{name}/Cargo.toml","dependencies":[{dependencies}],
               "features":{{}},"targets":[],"publish":[]}}"#
        )
    }

    fn findings(name: &str, dependencies: &str) -> Vec<Finding> {
        let others = ["bot4-pool", "bot4-simd", "bot4-lockfree"].into_iter().filter(|&n| n != name);
        let all: Vec<String> = others.map(|n| package(n, "")).chain([package(name, dependencies)]).collect();
        check(&workspace(&all.join(",")))
    }

    fn dependency(name: &str, kind: &str, optional: bool) -> String {
        format!(r#"{{"name":"{name}","kind":{kind},"target":null,"optional":{optional}}}"#)
    }

    #[test]
    fn an_edge_within_the_lowest_layer_is_found() {
        let found = findings("bot4-simd", &dependency("bot4-pool", "null", false));
        assert_eq!(found.len(), 1);
        assert!(found[0].text.contains("may not depend on bot4-pool"), "{}", found[0]);
    }

    #[test]
    fn the_audit_and_the_test_tools_are_allowed_in_tests_only() {
        assert!(findings("bot4-simd", &dependency("bot4-pool", "\"dev\"", false)).is_empty());
        assert!(findings("bot4-simd", &dependency("criterion", "\"dev\"", false)).is_empty());
        assert_eq!(findings("bot4-simd", &dependency("criterion", "null", false)).len(), 1);
    }

    #[test]
    fn a_foreign_package_needs_a_place_in_the_table() {
        assert!(findings("bot4-lockfree", &dependency("dashmap", "null", false)).is_empty());
        assert_eq!(findings("bot4-lockfree", &dependency("tokio", "null", false)).len(), 1);
    }

    #[test]
    fn the_commands_dependencies_stay_optional() {
        assert!(findings("bot4-ml", &dependency("clap", "null", true)).is_empty());
        assert!(findings("bot4-ml", &dependency("clap", "null", false))[0].text.contains("feature `cli`"));
    }

    #[test]
    fn what_a_published_package_lacks_is_found() {
        let package =
            package("bot4-simd", "").replace(r#""publish":[]"#, r#""publish":null,"license":"MIT""#);
        let found: Vec<String> = check(&workspace(&package)).into_iter().map(|f| f.text).collect();
        assert_eq!(found.len(), 7, "{found:?}");
        assert!(found[1].contains("LICENSE-APACHE") && found[6].contains("keywords"), "{found:?}");
    }

    #[test]
    fn an_unknown_package_is_found() {
        assert!(findings("bot4-new", "")[0].text.contains("is in no layer"));
    }

    #[test]
    fn the_line_of_a_declaration_is_found() {
        let manifest = "[dependencies]\nlru-cache = \"1\"\nlru.workspace = true\n";
        assert_eq!(line_of(manifest, "lru"), 3);
        assert_eq!(line_of(manifest, "absent"), 1);
    }
}
