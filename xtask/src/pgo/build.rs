//! The builds of the loop. One function makes every cargo command line: a profile fits only a build that agrees
//! with the instrumented one in everything but the profile flag.
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::bolt;
use super::diagnostics::Diagnostics;
use super::flags::CleanFlags;
use super::profile::MergedProfile;
use crate::failure::{Failure, Result};
use crate::process::Cmd;

/// The program that goes through the loop.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Where cargo runs.
    pub(crate) root: PathBuf,
    pub(crate) package: String,
    pub(crate) binary: String,
    /// The target triple; given where there are flags, so that they do not reach build scripts and macros.
    pub(crate) triple: String,
    /// The target folder of every other build, whose release binary is the baseline: it is built once for all.
    pub(crate) target: PathBuf,
    /// Everything the loop writes is below this folder.
    pub(crate) out: PathBuf,
    /// Whether the builds with counters and with the profile are for this CPU only; the baseline never is.
    pub(crate) native: bool,
    /// Whether the build with the profile keeps what BOLT needs to move its functions.
    pub(crate) movable: bool,
    pub(crate) clean: CleanFlags,
}

/// The release profile without link-time optimisation and with cargo's 16 codegen units.
#[derive(Debug)]
pub(crate) struct Plain;
/// The release profile of the workspace as it stands: the baseline.
#[derive(Debug)]
pub(crate) struct Baseline;
/// The baseline with counters.
#[derive(Debug)]
pub(crate) struct Instrumented;
/// The baseline with a profile.
#[derive(Debug)]
pub(crate) struct Optimised;
/// The optimised build, laid out anew after the linker.
#[derive(Debug)]
pub(crate) struct Reordered;

/// A binary that remembers which build made it.
#[derive(Debug)]
pub(crate) struct Binary<Build> {
    pub(crate) path: PathBuf,
    build: PhantomData<Build>,
}

/// What distinguishes the command lines.
#[derive(Debug, Clone, Copy)]
enum Variant<'a> {
    Plain,
    Baseline,
    Instrumented { raw: &'a Path },
    Optimised { profile: &'a Path },
}

impl Subject {
    /// The folder of the raw profiles.
    pub(crate) fn raw(&self) -> PathBuf {
        self.out.join("raw")
    }

    pub(crate) fn build_plain(&self) -> Result<Binary<Plain>> {
        Ok(self.build(Variant::Plain)?.0)
    }

    pub(crate) fn build_baseline(&self) -> Result<Binary<Baseline>> {
        Ok(self.build(Variant::Baseline)?.0)
    }

    pub(crate) fn build_instrumented(&self) -> Result<Binary<Instrumented>> {
        Ok(self.build(Variant::Instrumented { raw: &self.raw() })?.0)
    }

    /// Builds with the profile; the messages are for the caller to judge.
    pub(crate) fn build_optimised(
        &self,
        profile: &MergedProfile,
    ) -> Result<(Binary<Optimised>, Diagnostics)> {
        self.build(Variant::Optimised { profile: &profile.path })
    }

    /// The command lines of the four builds, for people to read.
    pub(crate) fn explained(&self) -> [String; 4] {
        let raw = self.raw();
        let profile = Path::new("PROFILE");
        [
            Variant::Plain,
            Variant::Baseline,
            Variant::Instrumented { raw: &raw },
            Variant::Optimised { profile },
        ]
        .map(|variant| self.cargo_line(variant).shown())
    }

    fn build<Build>(&self, variant: Variant<'_>) -> Result<(Binary<Build>, Diagnostics)> {
        let mut diagnostics = Diagnostics::default();
        let status = self.cargo_line(variant).lines(|line| diagnostics.read(line))?;
        if !status.success() {
            return Err(Failure::new(format!("cargo build ended with {status}\n{}", diagnostics.errors()))
                .advise(
                    "the same command without the profile flags is `cargo build --release`; mend that first",
                ));
        }
        let built = diagnostics.executable.clone();
        let built = built.ok_or_else(|| Failure::new(format!("cargo built no binary `{}`", self.binary)))?;
        Ok((Binary::made(built), diagnostics))
    }

    /// The one place where command lines are made.
    fn cargo_line(&self, variant: Variant<'_>) -> Cmd {
        let CleanFlags { .. } = self.clean;
        let mut cmd = Cmd::cargo()
            .dir(&self.root)
            .args(["build", "--release", "--package", &self.package, "--bin", &self.binary])
            .args(["--message-format=json", "--target-dir"])
            .env_remove("LLVM_PROFILE_FILE");
        cmd = match variant.folder() {
            None => cmd.arg(&self.target),
            Some(name) => cmd.arg(self.out.join(name)).args(["--target", &self.triple]),
        };
        if matches!(variant, Variant::Plain) {
            cmd = cmd.args(["--config", "profile.release.lto=false"]);
            cmd = cmd.args(["--config", "profile.release.codegen-units=16"]);
        }
        match self.flags(variant) {
            flags if flags.is_empty() => cmd,
            flags => cmd.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")),
        }
    }

    fn flags(&self, variant: Variant<'_>) -> Vec<String> {
        let mut flags = match variant {
            Variant::Plain | Variant::Baseline => return Vec::new(),
            Variant::Instrumented { raw } => vec![format!("-Cprofile-generate={}", raw.display())],
            Variant::Optimised { profile } => vec![
                format!("-Cprofile-use={}", profile.display()),
                "-Cllvm-args=-pgo-warn-missing-function".into(),
            ],
        };
        flags.extend(self.native.then(|| "-Ctarget-cpu=native".to_owned()));
        if self.movable && matches!(variant, Variant::Optimised { .. }) {
            flags.extend(bolt::FLAGS.map(str::to_owned));
        }
        flags
    }
}

impl Variant<'_> {
    /// The folder of its own, below the loop's, for a build with flags.
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Plain => Some("plain"),
            Self::Baseline => None,
            Self::Instrumented { .. } => Some("instrumented"),
            Self::Optimised { .. } => Some("optimised"),
        }
    }
}

impl<Build> Binary<Build> {
    /// A file that this build has made.
    pub(crate) fn made(path: PathBuf) -> Self {
        Self { path, build: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            root: "/w".into(),
            package: "p".into(),
            binary: "b".into(),
            triple: "x86_64-unknown-linux-gnu".into(),
            target: "/w/target".into(),
            out: "/w/target/pgo".into(),
            native: false,
            movable: false,
            clean: CleanFlags::from_sources(std::iter::empty(), &[]).unwrap(),
        }
    }

    fn line(variant: Variant<'_>) -> String {
        subject().cargo_line(variant).shown()
    }

    #[test]
    fn baseline_instrumented_and_optimised_differ_in_flags_and_folder_only() {
        let profile = Path::new("/w/1.profdata");
        let baseline = line(Variant::Baseline);
        let generate = line(Variant::Instrumented { raw: Path::new("/w/raw") });
        let used = line(Variant::Optimised { profile });
        let generate = generate
            .replace("CARGO_ENCODED_RUSTFLAGS=-Cprofile-generate=/w/raw ", "")
            .replace("instrumented", "S");
        let used = used
            .replace(
                "CARGO_ENCODED_RUSTFLAGS=$'-Cprofile-use=/w/1.profdata\\x1f-Cllvm-args=-pgo-warn-missing-function' ",
                "",
            )
            .replace("optimised", "S");
        assert_eq!(generate, used);
        assert_eq!(baseline, used.replace("/w/target/pgo/S --target x86_64-unknown-linux-gnu", "/w/target"));
    }

    #[test]
    fn native_code_is_for_both_builds_of_the_profile_and_not_for_the_baseline() {
        let native = Subject { native: true, ..subject() };
        let profile = Path::new("/w/1.profdata");
        let is_native = |variant| native.cargo_line(variant).shown().contains("target-cpu=native");
        assert!(is_native(Variant::Instrumented { raw: Path::new("/r") }));
        assert!(is_native(Variant::Optimised { profile }));
        assert!(!is_native(Variant::Baseline) && !is_native(Variant::Plain));
    }

    #[test]
    fn relocations_are_kept_in_the_build_that_bolt_reads_only() {
        let movable = Subject { movable: true, ..subject() };
        let profile = Path::new("/w/1.profdata");
        let shown = |variant| movable.cargo_line(variant).shown();
        let used = shown(Variant::Optimised { profile });
        assert!(used.contains("--emit-relocs") && used.contains("strip=none"), "{used}");
        let generate = shown(Variant::Instrumented { raw: Path::new("/w/raw") });
        assert_eq!(generate, line(Variant::Instrumented { raw: Path::new("/w/raw") }));
        assert_eq!(shown(Variant::Baseline), line(Variant::Baseline));
    }

    #[test]
    fn lines_with_flags_name_the_target_so_that_build_scripts_stay_uninstrumented() {
        for variant in [Variant::Plain, Variant::Instrumented { raw: Path::new("/r") }] {
            let line = line(variant);
            assert!(line.contains("--target x86_64-unknown-linux-gnu"), "{line}");
            assert!(line.contains("-u LLVM_PROFILE_FILE"), "{line}");
        }
    }
}
