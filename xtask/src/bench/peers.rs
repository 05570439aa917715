//! Peers that are no Rust: libraries of the system and Python wheels, set up below `target/tools/peers`.
use std::path::{Path, PathBuf};

use crate::apt::{Apt, find, library_folders};
use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::workspace::Workspace;

/// Wheels that hold a library, compile one, or are asked for results.
const WHEELS: [&str; 9] = [
    "onnxruntime",
    "lightgbm",
    "tl2cgen",
    "treelite",
    "TA-Lib",
    "polars",
    "numpy",
    "scipy",
    // Newer than a distribution's, which may not know this processor and take the kernels of an old one.
    "scipy-openblas32",
];
/// Where wheels keep libraries that are opened by name.
const IN_WHEELS: [&str; 2] = ["ta_lib.libs", "scipy_openblas32/lib"];
/// Packages of Debian and the library wanted of each.
const LIBRARIES: [(&str, &str); 1] = [("libsleef3", "libsleef.so.3")];

/// Installs what is missing; all of it is tried, and what cannot be had is said.
pub(super) fn setup(workspace: &Workspace) -> Result<()> {
    let dir = folder(workspace);
    std::fs::create_dir_all(&dir).map_err(|e| Failure::io("make", &dir, &e))?;
    let pip = Cmd::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"])
        .arg(dir.join("python"))
        .args(WHEELS);
    let mut complete = true;
    if let Err(failure) = pip.run() {
        println!("SKIP the peers in Python wheels: {failure}");
        complete = false;
    }
    let known = Cmd::new("/sbin/ldconfig").arg("-p").silent().read().unwrap_or_default();
    let missing: Vec<_> = LIBRARIES.into_iter().filter(|(_, library)| !known.contains(library)).collect();
    if missing.is_empty() {
        println!("the libraries of the system are there");
    } else if let Err(failure) = fetch(&dir, &missing) {
        println!("SKIP the peers in libraries of the system: {failure}");
        complete = false;
    }
    let advice = "run it again when that is mended; without them the bench leaves their rows out and says so";
    if complete { Ok(()) } else { Err(Failure::new("not every peer could be set up").advise(advice)) }
}

fn fetch(dir: &Path, missing: &[(&str, &str)]) -> Result<()> {
    let apt = Apt::prepare(&dir.join("apt"))?;
    for (package, library) in missing {
        let root = dir.join("libraries").join(package);
        std::fs::create_dir_all(&root).map_err(|e| Failure::io("make", &root, &e))?;
        apt.unpack_with_libraries(vec![(*package).to_owned()], &root, library)?;
    }
    Ok(())
}

/// The command with what was set up on its paths.
pub(super) fn beside(cmd: Cmd, workspace: &Workspace) -> Cmd {
    let dir = folder(workspace);
    let libraries = LIBRARIES.iter().filter_map(|(package, library)| {
        let root = dir.join("libraries").join(package);
        Some([find(&root, library)?.parent()?.to_owned()].into_iter().chain(library_folders(&root)))
    });
    let python = dir.join("python");
    let in_wheels = IN_WHEELS.iter().map(|dir| python.join(dir)).filter(|dir| dir.is_dir());
    let libraries: Vec<PathBuf> = libraries.flatten().chain(in_wheels).collect();
    let cmd = if python.is_dir() { extended(cmd, "PYTHONPATH", vec![python]) } else { cmd };
    if libraries.is_empty() { cmd } else { extended(cmd, "LD_LIBRARY_PATH", libraries) }
}

/// Puts paths before those that a variable holds.
fn extended(cmd: Cmd, variable: &str, mut paths: Vec<PathBuf>) -> Cmd {
    paths.extend(std::env::var_os(variable).iter().flat_map(std::env::split_paths));
    match std::env::join_paths(paths) {
        Ok(joined) => cmd.env(variable, joined),
        Err(_) => cmd,
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("tools/peers")
}
