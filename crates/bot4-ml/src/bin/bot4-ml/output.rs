//! Writing results: stdout that tolerates a closed pipe, files that are whole or absent.

use crate::failure::Failure;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

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
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| through(file, write))
            .map_err(failed);
    }
    let name = path.file_name().ok_or_else(|| Failure::at(path, "is not the name of a file"))?;
    let mut beside = name.to_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(beside);
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
