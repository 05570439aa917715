//! Packages of a Debian-like system, unpacked into a folder without touching the system.
//!
//! apt works in a folder of its own (package lists, cache), so no root is needed; what is unpacked is found through
//! `LD_LIBRARY_PATH`. Libraries the system lacks are fetched too.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::process::{Cmd, on_path};

/// A bound on the dependencies that are followed; a bare Debian needs about thirty.
const PACKAGES_MAX: usize = 80;

/// Whatever has apt and a compiler has these; a second libc beside the system's loader would crash.
const PRESENT: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// Where a loader finds the libraries that were unpacked below `root`.
pub(crate) fn library_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for lib in ["usr/lib", "lib"] {
        let dir = root.join(lib);
        let multiarch = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|e| e.path());
        folders.extend(multiarch.filter(|d| d.to_string_lossy().contains("-linux-gnu")));
        folders.extend(dir.is_dir().then_some(dir));
    }
    folders.iter().filter_map(|f| f.canonicalize().ok()).collect()
}

/// apt with lists, cache and configuration in a folder of ours, which goes with it.
#[derive(Debug)]
pub(crate) struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Fetches the lists of packages into the folder.
    pub(crate) fn prepare(dir: &Path) -> Result<Self> {
        let programs = ["apt-get", "apt-cache", "dpkg-deb"];
        if let Some(missing) = programs.into_iter().find(|name| on_path(name).is_none()) {
            let reason = format!("no download: this is no Debian-like system ({missing} is missing)");
            return Err(Failure::new(reason));
        }
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
        let file = dir.join("apt.conf");
        std::fs::write(&file, conf).map_err(|e| Failure::io("write", &file, &e))?;
        let apt = Self { dir };
        apt.update()?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Cmd {
        Cmd::new(program).arg("-c").arg(self.dir.join("apt.conf")).arg("-q").dir(&self.dir)
    }

    fn update(&self) -> Result<()> {
        self.command("apt-get").arg("update").run().map_err(|f| f.advise("is the network reachable?"))
    }

    /// Whether the archive has a package.
    pub(crate) fn knows(&self, package: &str) -> bool {
        let shown = self.command("apt-cache").args(["show", package]).silent().capture();
        shown.is_ok_and(|out| out.status.success() && out.stdout.contains("Package: "))
    }

    /// Unpacks the packages, then the packages they depend on as long as the file of this name, which must be in one of
    /// them, lacks a shared library.
    pub(crate) fn unpack_with_libraries(
        &self,
        mut wanted: Vec<String>,
        root: &Path,
        tool: &str,
    ) -> Result<()> {
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
        Err(Failure::new(format!("the unpacked {tool} lacks shared libraries: {}", missing.join(", "))))
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

impl Drop for Apt {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A file of this name at any depth.
pub(crate) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|file| file == name));
    here.cloned().or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
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

/// The shared libraries that the loader does not find for a program or library under `root`.
fn missing_libraries(root: &Path, tool: &str) -> Result<Vec<String>> {
    let file = find(root, tool).ok_or_else(|| Failure::new(format!("no {tool} in the packages")))?;
    let path = std::env::join_paths(library_folders(root)).unwrap_or_default();
    let listed = Cmd::new("ldd").arg(&file).env("LD_LIBRARY_PATH", path).silent().read()?;
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
    fn a_library_is_found_at_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("usr/lib/x/openblas-pthread");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("libopenblas.so.0"), b"").unwrap();
        assert_eq!(find(dir.path(), "libopenblas.so.0"), Some(deep.join("libopenblas.so.0")));
        assert_eq!(find(dir.path(), "libsleef.so.3"), None);
    }
}
