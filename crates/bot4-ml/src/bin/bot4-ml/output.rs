//! Writing results: stdout that tolerates a closed pipe, files that are whole or absent.

use crate::failure::Failure;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Runs `write` on a buffered stdout. A reader that went away (`| head`) ends the output, not the program.
pub(crate) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    to_stdout_giving(write).map(|_| ())
}

/// As [`to_stdout`], with what `write` returns; `None` when the reader went away before.
pub(crate) fn to_stdout_giving<R>(
    write: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> Result<Option<R>, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|given| out.flush().map(|()| given)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(Failure::new(format_args!("stdout: {error}"))),
        Ok(given) => Ok(Some(given)),
    }
}

/// Refuses, before any work is done for it, a file that could not be written, or that is an input and would be lost.
pub(crate) fn check(path: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::at(path, "cannot write: is a folder, give the name of a file"));
    }
    let same =
        |input: &&Path| matches!((path.canonicalize(), input.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if !is_special(path) && inputs.iter().any(same) {
        return Err(Failure::at(path, "is an input and would be overwritten: give another name"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_some_and(|folder| !folder.is_dir()) {
        true => Err(Failure::at(path, "cannot write: there is no such folder")),
        false if is_special(path) => Ok(()),
        false => {
            let beside = beside(path)?;
            let tried = File::create(&beside).and_then(|_| fs::remove_file(&beside));
            tried.map_err(|error| Failure::at(path, format_args!("cannot write: {error}")))
        }
    }
}

/// A device or a pipe: nothing that a rename may replace.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// A name in the same folder.
fn beside(path: &Path) -> Result<PathBuf, Failure> {
    let name = path.file_name().ok_or_else(|| Failure::at(path, "is not the name of a file"))?;
    let mut beside = name.to_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(beside))
}

/// Writes a file beside its final name and renames it, so that nobody ever reads half of it.
pub(crate) fn to_file(path: &Path, contents: &str) -> Result<(), Failure> {
    stream_to_file(path, |out| out.write_all(contents.as_bytes()))
}

/// As [`to_file`], piece by piece.
///
/// Special files such as `/dev/null` or a named pipe are written to directly.
pub(crate) fn stream_to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::at(path, format_args!("cannot write: {error}"));
    if is_special(path) {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| through(file, write))
            .map_err(failed);
    }
    let beside = beside(path)?;
    let written =
        File::create(&beside).and_then(|file| through(file, write)).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        failed(error)
    })
}

fn through(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()
}

/// A time that keeps its column: four digits at most, in the unit that they fit.
pub(crate) fn duration(ns: u64) -> String {
    match ns as f64 {
        ns if ns < 9_999.5 => format!("{ns} ns"),
        ns if ns < 999_950.0 => format!("{:.1} us", ns / 1e3),
        ns if ns < 999.95e6 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.1} s", ns / 1e9),
    }
}

/// A number of 1e-9 units as a decimal without needless zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal(pub(crate) i64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) =
            (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_four_digits_and_their_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (9_999, "9999 ns"),
            (10_000, "10.0 us"),
            (999_949, "999.9 us"),
            (999_950, "1.0 ms"),
            (84_046_076, "84.0 ms"),
            (1_175_578_444, "1.2 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn decimals_have_no_needless_zeros_and_every_digit_needed() {
        for (value, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (-1_500_000_000, "-1.5"),
            (61_837_630_000_000, "61837.63"),
            (100_000_000_000, "100"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Decimal(value).to_string(), text);
        }
    }
}
