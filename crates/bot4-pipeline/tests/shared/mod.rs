//! Recordings that are not part of the repository.
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;

/// A file beside the workspace, unpacked, or `None` (and a word about it) where it is absent.
pub(crate) fn shared(path: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: {} is not here", path.display());
        return None;
    };
    // A legacy DBN file starts with a frame that zstd skips.
    let packed = path.extension().is_some_and(|extension| extension == "zst" || extension == "dbz");
    Some(if packed { zstd::decode_all(&bytes[..]).expect("valid zstd") } else { bytes })
}
