//! Writing results: stdout that tolerates a closed pipe, files that are whole or absent.

use crate::failure::Failure;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Runs `write` on a buffered stdout. A reader that went away (`| head`) ends the output, not the program.
pub(crate) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format_args!("stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a file beside its final name and renames it, so that nobody ever reads half of it.
///
/// Special files such as `/dev/null` or a named pipe are written to directly.
pub(crate) fn to_file(path: &Path, contents: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::at(path, format_args!("cannot write: {error}"));
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return fs::write(path, contents).map_err(failed);
    }
    let name = path.file_name().ok_or_else(|| Failure::at(path, "is not the name of a file"))?;
    let mut beside = name.to_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = fs::write(&beside, contents).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        failed(error)
    })
}
