//! The address sanitizer over the tests of every package that has unsafe code.
use crate::failure::{Failure, Result};
use crate::pgo::flags::CleanFlags;
use crate::pgo::toolchain::Toolchain;
use crate::process::Cmd;
use crate::tidy::UNSAFE_PACKAGES;
use crate::workspace::Workspace;

/// Tests that are slow by their nature and touch no memory of their own.
const SKIPPED: [&str; 1] = ["million_threads_come_and_go"];

/// The compiler's own target, if it comes with the sanitizer's runtime; otherwise the reason why it cannot be used.
pub(crate) fn target(workspace: &Workspace) -> Result<std::result::Result<String, String>> {
    let Toolchain { sysroot, host, .. } = Toolchain::probe(&workspace.root)?;
    let libraries = sysroot.join("lib/rustlib").join(&host).join("lib");
    let files = std::fs::read_dir(&libraries).map_err(|e| Failure::io("read", &libraries, &e))?;
    let is_runtime = |name: &str| name.starts_with("librustc") && name.contains("asan");
    if files.flatten().any(|file| file.file_name().to_str().is_some_and(is_runtime)) {
        Ok(Ok(host))
    } else {
        Ok(Err(format!("the toolchain has no address sanitizer for {host}")))
    }
}

/// Runs the tests under the sanitizer.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    CleanFlags::check(&workspace.root)?;
    match target(workspace)? {
        Ok(target) => UNSAFE_PACKAGES.iter().try_for_each(|package| test(workspace, &target, package)),
        Err(reason) => {
            println!("SKIP san: {reason}");
            Ok(())
        }
    }
}

fn test(workspace: &Workspace, target: &str, package: &str) -> Result<()> {
    // The flag is unstable, its runtime comes with every toolchain. A named target keeps it from build scripts.
    Cmd::cargo()
        .dir(&workspace.root)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", "-Zsanitizer=address")
        .args(["test", "--package", package, "--lib", "--tests", "--target", target])
        .arg("--target-dir")
        .arg(workspace.target.join("san"))
        .arg("--")
        .args(SKIPPED.iter().flat_map(|test| ["--skip", test]))
        .run()
        .map_err(|f| f.advise("the report above names the access and where its memory came from"))
}
