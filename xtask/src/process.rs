//! Child processes: every command is printed in a form that can be pasted into a shell before it runs.
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::{Failure, Result};

/// A command under construction.
#[derive(Debug)]
pub(crate) struct Cmd {
    inner: Command,
    removed: Vec<OsString>,
    echo: bool,
}

/// What a finished command wrote.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { inner: Command::new(program), removed: Vec::new(), echo: true }
    }

    /// The cargo that runs us, so that a `+toolchain` override reaches the children.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    #[must_use]
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    #[must_use]
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.inner.args(args);
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(key, value);
        self
    }

    #[must_use]
    pub(crate) fn env_remove(mut self, key: &str) -> Self {
        self.inner.env_remove(key);
        self.removed.push(key.into());
        self
    }

    #[must_use]
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// Keeps quiet about probes that are not steps of their own.
    #[must_use]
    pub(crate) fn silent(mut self) -> Self {
        self.echo = false;
        self
    }

    /// Runs to the end with the terminal's output; an exit code other than 0 is a failure.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.status()?;
        self.check(status)
    }

    /// Runs to the end, whatever the exit code.
    pub(crate) fn status(&mut self) -> Result<ExitStatus> {
        self.announce();
        self.inner.status().map_err(|e| self.cannot_start(&e))
    }

    /// Runs to the end and keeps both outputs, whatever the exit code.
    pub(crate) fn capture(mut self) -> Result<Captured> {
        self.announce();
        let out = self.inner.stdin(Stdio::null()).output().map_err(|e| self.cannot_start(&e))?;
        Ok(Captured {
            status: out.status,
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        })
    }

    /// Runs to the end and keeps standard output; an exit code other than 0 is a failure with the end of stderr.
    pub(crate) fn read(self) -> Result<String> {
        let shown = self.shown();
        let out = self.capture()?;
        if out.status.success() {
            return Ok(out.stdout);
        }
        Err(Failure::new(format!("`{shown}` ended with {}: {}", out.status, tail(&out.stderr))))
    }

    /// Runs to the end and hands over each line of standard output as it comes.
    pub(crate) fn lines(mut self, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
        self.announce();
        let mut child = self.inner.stdout(Stdio::piped()).spawn().map_err(|e| self.cannot_start(&e))?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new("the child has no standard output"))?;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(|e| Failure::new(format!("cannot read from `{}`: {e}", self.shown())))?;
            each(&String::from_utf8_lossy(&line));
        }
        child.wait().map_err(|e| self.cannot_start(&e))
    }

    /// The command as a line for a POSIX shell with `$'..'`.
    pub(crate) fn shown(&self) -> String {
        let mut words: Vec<String> =
            self.removed.iter().map(|key| format!("-u {}", key.to_string_lossy())).collect();
        if !words.is_empty() {
            words.insert(0, "env".into());
        }
        for (key, value) in self.inner.get_envs() {
            if let Some(value) = value {
                words.push(format!("{}={}", key.to_string_lossy(), quoted(value)));
            }
        }
        words.push(quoted(self.inner.get_program()));
        words.extend(self.inner.get_args().map(quoted));
        words.join(" ")
    }

    fn announce(&self) {
        if self.echo {
            println!("  $ {}", self.shown());
        }
    }

    fn check(&self, status: ExitStatus) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("`{}` ended with {status}", self.shown())))
    }

    fn cannot_start(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot run `{}`: {error}", self.inner.get_program().to_string_lossy()))
    }
}

/// The last lines of a longer text, for error messages.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join("\n    ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    if word.contains('\u{1f}') {
        return format!("$'{}'", word.replace('\'', "\\'").replace('\u{1f}', "\\x1f"));
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The first file of that name on `PATH` that can be run.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted() {
        let cmd = Cmd::new("cargo").arg("build").arg("a b").env("FLAGS", "-Ca\u{1f}-Cb").env_remove("X");
        assert_eq!(cmd.shown(), "env -u X FLAGS=$'-Ca\\x1f-Cb' cargo build 'a b'");
    }

    #[test]
    fn a_failing_command_names_itself_and_its_last_words() {
        let failure = Cmd::new("sh").args(["-c", "echo oops >&2; exit 3"]).silent().read().unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("oops") && text.contains('3'), "{text}");
    }

    #[test]
    fn lines_arrive_one_by_one() {
        let mut seen = Vec::new();
        let status = Cmd::new("printf").arg("a\nb\n").silent().lines(|l| seen.push(l.to_owned())).unwrap();
        assert!(status.success());
        assert_eq!(seen, ["a", "b"]);
    }
}
