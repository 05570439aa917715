//! The compiler in use: its host, its commit and the LLVM inside it.
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::process::Cmd;

/// What `rustc -vV` says.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) host: String,
    pub(crate) llvm_major: u32,
    pub(crate) sysroot: PathBuf,
    /// Where rustc runs, so that the workspace's toolchain file holds.
    pub(crate) dir: PathBuf,
}

impl Toolchain {
    pub(crate) fn probe(dir: &Path) -> Result<Self> {
        let rustc = |arg: [&str; 2]| rustc(dir).args(arg).silent().read();
        let sysroot = PathBuf::from(rustc(["--print", "sysroot"])?.trim());
        parse(&rustc(["-v", "-V"])?, sysroot, dir.to_owned())
    }

    pub(crate) fn rustc(&self) -> Cmd {
        rustc(&self.dir)
    }
}

fn rustc(dir: &Path) -> Cmd {
    Cmd::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).dir(dir)
}

fn parse(text: &str, sysroot: PathBuf, dir: PathBuf) -> Result<Toolchain> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("`rustc -vV` has no line `{name}`")))
    };
    let llvm = field("LLVM version")?;
    let llvm_major = llvm.split('.').next().and_then(|m| m.parse().ok());
    Ok(Toolchain {
        version: text.lines().next().unwrap_or_default().to_owned(),
        commit: field("commit-hash")?,
        host: field("host")?,
        llvm_major: llvm_major.ok_or_else(|| Failure::new(format!("unreadable LLVM version `{llvm}`")))?,
        sysroot,
        dir,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 59807616e1\n\
                        host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";

    #[test]
    fn the_version_text_is_read() {
        let toolchain = parse(TEXT, "/s".into(), "/d".into()).unwrap();
        assert_eq!(toolchain.host, "x86_64-unknown-linux-gnu");
        assert_eq!(toolchain.llvm_major, 22);
        assert_eq!(toolchain.commit, "59807616e1");
    }

    #[test]
    fn a_missing_line_is_named() {
        let text = parse("rustc 1\n", "/s".into(), "/d".into()).unwrap_err().to_string();
        assert!(text.contains("LLVM version"), "{text}");
    }
}
