//! Fetching `llvm-profdata` from the archive of a Debian-like system without touching the system.
//!
//! apt works in a folder of its own (package lists, cache), so no root is needed; the packages are unpacked beside
//! it and run with `LD_LIBRARY_PATH`. Libraries the system lacks are fetched too.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::profdata::Candidate;
use super::store;
use crate::failure::{Failure, Result};
use crate::process::{Cmd, on_path};

/// A bound on the dependencies that are followed; a bare Debian needs about thirty.
const PACKAGES_MAX: usize = 80;

/// Whatever has apt and a compiler has these; a second libc beside the system's loader would crash.
const PRESENT: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// The tool of an earlier download.
pub(crate) fn unpacked(major: u32, tools: &Path) -> Option<Candidate> {
    let root = tools.join(format!("llvm-{major}"));
    let program = root.join(format!("usr/lib/llvm-{major}/bin/llvm-profdata")).canonicalize().ok()?;
    Some(Candidate { program, libraries: library_folders(&root) })
}

/// Downloads the newest `llvm-N`, `oldest <= N <= newest`, and unpacks it under `tools`.
pub(crate) fn fetch(newest: u32, oldest: u32, tools: &Path) -> Result<Candidate> {
    if let Some(missing) =
        ["apt-get", "apt-cache", "dpkg-deb"].into_iter().find(|name| on_path(name).is_none())
    {
        return Err(Failure::new(format!(
            "no download: this is no Debian-like system ({missing} is missing)"
        )));
    }
    println!(
        "  fetching llvm-profdata with apt into {} (about 60 MB; the system is not changed)",
        tools.display()
    );
    let apt = Apt::prepare(&tools.join("apt"))?;
    apt.update()?;
    let major = (oldest..=newest).rev().find(|n| apt.knows(&format!("llvm-{n}")));
    let major =
        major.ok_or_else(|| Failure::new(format!("no download: the archive has no llvm-{newest}")))?;
    let staging = tools.join("staging");
    store::empty_dir(&staging)?;
    let wanted = vec![format!("llvm-{major}"), format!("libllvm{major}")];
    apt.unpack_with_libraries(wanted, &staging, &format!("usr/lib/llvm-{major}/bin/llvm-profdata"))?;
    let root = tools.join(format!("llvm-{major}"));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::rename(&staging, &root).map_err(|e| Failure::io("rename", &staging, &e))?;
    let _ = std::fs::remove_dir_all(tools.join("apt"));
    unpacked(major, tools).ok_or_else(|| Failure::new(format!("package llvm-{major} has no llvm-profdata")))
}

fn library_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for lib in ["usr/lib", "lib"] {
        let dir = root.join(lib);
        let multiarch = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|e| e.path());
        folders.extend(multiarch.filter(|d| d.to_string_lossy().contains("-linux-gnu")));
        folders.extend(dir.is_dir().then_some(dir));
    }
    folders.iter().filter_map(|f| f.canonicalize().ok()).collect()
}

/// apt with lists, cache and configuration in a folder of ours.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn prepare(dir: &Path) -> Result<Self> {
        for sub in ["lists/partial", "cache/archives/partial"] {
            let sub = dir.join(sub);
            std::fs::create_dir_all(&sub).map_err(|e| Failure::io("make", &sub, &e))?;
        }
        let dir = dir.canonicalize().map_err(|e| Failure::io("find", dir, &e))?;
        // Hooks of the system act on the system's own cache; downloads as the user _apt cannot enter our folder.
        let shown = dir.display();
        let conf = format!(
            "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
             #clear APT::Update::Post-Invoke-Success;\n\
             Dir::State::Lists \"{shown}/lists\";\nDir::Cache \"{shown}/cache\";\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
        );
        store::write(&dir.join("apt.conf"), conf.as_bytes())?;
        Ok(Self { dir })
    }

    fn command(&self, program: &str) -> Cmd {
        Cmd::new(program).arg("-c").arg(self.dir.join("apt.conf")).arg("-q").dir(&self.dir)
    }

    fn update(&self) -> Result<()> {
        self.command("apt-get")
            .arg("update")
            .run()
            .map_err(|f| f.advise("is the network reachable? `--no-install` goes without a download"))
    }

    fn knows(&self, package: &str) -> bool {
        let shown = self.command("apt-cache").args(["show", package]).silent().capture();
        shown.is_ok_and(|out| out.status.success() && out.stdout.contains("Package: "))
    }

    /// Unpacks the packages, then the packages they depend on as long as `tool` lacks a shared library.
    fn unpack_with_libraries(&self, mut wanted: Vec<String>, root: &Path, tool: &str) -> Result<()> {
        let mut seen: BTreeSet<String> = wanted.iter().cloned().collect();
        while !wanted.is_empty() && seen.len() <= PACKAGES_MAX {
            let depends = self.unpack(&wanted, root)?;
            if missing_libraries(root, tool)?.is_empty() {
                return Ok(());
            }
            let is_new = |name: &String| name.starts_with("lib") && !PRESENT.contains(&name.as_str());
            wanted = depends.into_iter().filter(|name| is_new(name) && seen.insert(name.clone())).collect();
        }
        let missing = missing_libraries(root, tool)?;
        Err(Failure::new(format!(
            "the unpacked llvm-profdata lacks shared libraries: {}",
            missing.join(", ")
        )))
    }

    /// Downloads and unpacks packages; gives the names they depend on.
    fn unpack(&self, packages: &[String], root: &Path) -> Result<Vec<String>> {
        self.command("apt-get").arg("download").args(packages).run()?;
        let mut depends = Vec::new();
        for deb in self.downloaded()? {
            Cmd::new("dpkg-deb").arg("-x").arg(&deb).arg(root).silent().read()?;
            let fields = Cmd::new("dpkg-deb").arg("-f").arg(&deb).arg("Depends").silent().read()?;
            depends.extend(parse_depends(&fields));
            let _ = std::fs::remove_file(&deb);
        }
        Ok(depends)
    }

    fn downloaded(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.dir).map_err(|e| Failure::io("list", &self.dir, &e))?;
        Ok(entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|x| x == "deb"))
            .collect())
    }
}

/// The names of a `Depends` field, the first one of each group of alternatives.
fn parse_depends(field: &str) -> Vec<String> {
    let name = |item: &str| {
        let item = item.trim();
        let end =
            item.find(|c: char| c.is_whitespace() || c == ':' || c == '(' || c == '|').unwrap_or(item.len());
        (end > 0).then(|| item[..end].to_owned())
    };
    field.split(',').filter_map(name).collect()
}

/// The shared libraries that the loader does not find for a tool under `root`.
fn missing_libraries(root: &Path, tool: &str) -> Result<Vec<String>> {
    let path = std::env::join_paths(library_folders(root)).unwrap_or_default();
    let listed = Cmd::new("ldd").arg(root.join(tool)).env("LD_LIBRARY_PATH", path).silent().read()?;
    let name = |line: &str| {
        line.contains("not found").then(|| line.split_whitespace().next()).flatten().map(str::to_owned)
    };
    Ok(listed.lines().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_and_versions_are_stripped() {
        let field =
            "libc6 (>= 2.36), libcurl4 (>= 7.16.2) | libcurl3, libz3-4:amd64, llvm-22-runtime (= 1)\n";
        assert_eq!(parse_depends(field), ["libc6", "libcurl4", "libz3-4", "llvm-22-runtime"]);
        assert!(parse_depends("\n").is_empty());
    }

    #[test]
    fn nothing_unpacked_is_no_candidate() {
        assert_eq!(unpacked(22, Path::new("/nonexistent")), None);
    }
}
