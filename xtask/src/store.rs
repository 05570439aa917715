//! Files that appear complete or not at all, and names made from content.
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::path::Path;

use crate::failure::{Failure, Result};

/// Writes through a temporary file in the same folder and renames it. Devices and pipes are written to directly.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return std::fs::write(path, bytes).map_err(|e| Failure::io("write", path, &e));
    }
    let dir = folder(path)?;
    let mut file = beside(dir).map_err(|e| Failure::io("write in", dir, &e))?;
    file.write_all(bytes).map_err(|e| Failure::io("write", path, &e))?;
    file.persist(path).map_err(|e| Failure::io("write", path, &e.error))?;
    Ok(())
}

/// A temporary file that everybody may read once it has its name, as far as the umask lets them.
fn beside(dir: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

/// Refuses, before any work is done for it, a file that could not be written.
pub(crate) fn check(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Failure::new(format!("cannot write {}: it is a folder", path.display())));
    }
    let dir = folder(path)?;
    tempfile::NamedTempFile::new_in(dir).map(drop).map_err(|e| Failure::io("write", path, &e))
}

/// Copies a file, permissions included, through a temporary file and a rename.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let dir = folder(to)?;
    let temporary = tempfile::NamedTempFile::new_in(dir).map_err(|e| Failure::io("write in", dir, &e))?;
    std::fs::copy(from, temporary.path()).map_err(|e| Failure::io("copy", from, &e))?;
    temporary.persist(to).map_err(|e| Failure::io("write", to, &e.error))?;
    Ok(())
}

/// An empty folder, whatever was there before.
pub(crate) fn empty_dir(dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(|e| Failure::io("clear", dir, &e))?;
    }
    std::fs::create_dir_all(dir).map_err(|e| Failure::io("make", dir, &e))
}

/// A name for content: 16 hex digits.
pub(crate) fn content_name(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}

fn folder(path: &Path) -> Result<&Path> {
    let dir = path.parent().ok_or_else(|| Failure::new(format!("{} has no folder", path.display())))?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    std::fs::create_dir_all(dir).map_err(|e| Failure::io("make", dir, &e))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/report.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_may_be_read_by_whom_any_new_file_may() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (ours, plain) = (dir.path().join("ours"), dir.path().join("plain"));
        write(&ours, b"").unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn one_changed_byte_changes_the_name() {
        assert_ne!(content_name(b"abc"), content_name(b"abd"));
        assert_eq!(content_name(b"abc"), content_name(b"abc"));
    }
}
