//! Model checking of the concurrent modules: every interleaving of small programs, under the cfg `bot4_loom`.
use crate::failure::{Failure, Result};
use crate::pgo::flags::CleanFlags;
use crate::process::Cmd;
use crate::workspace::{Package, Workspace};

/// The packages that have models (`tests/loom.rs`).
pub(crate) fn packages(workspace: &Workspace) -> Vec<&Package> {
    workspace.packages.iter().filter(|p| p.has_target("test", "loom")).collect()
}

const OPTIMISED: [&str; 5] = [
    "profile.dev.opt-level=2",
    "profile.dev.package.'*'.opt-level=0",
    "profile.dev.package.loom.opt-level=2",
    "profile.dev.package.generator.opt-level=2",
    "profile.dev.debug=false",
];

/// Runs the models of all packages that have some.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    CleanFlags::check(&workspace.root)?;
    let packages = packages(workspace);
    if packages.is_empty() {
        return Err(Failure::new("no package has tests/loom.rs"));
    }
    packages.iter().try_for_each(|package| {
        // A folder of its own, as the cfg reaches every crate. Models run millions of steps, so what they run is optimised, and
        // nothing else: the tests' other dependencies are only compiled.
        Cmd::cargo()
            .dir(&workspace.root)
            .env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}bot4_loom")
            .args(["test", "--package", &package.name, "--test", "loom"])
            .args(OPTIMISED.iter().flat_map(|setting| ["--config", setting]))
            .arg("--target-dir")
            .arg(workspace.target.join("loom"))
            .run()
            .map_err(|f| f.advise("LOOM_LOG=trace LOOM_LOCATION=1 shows the interleaving that failed"))
    })
}
