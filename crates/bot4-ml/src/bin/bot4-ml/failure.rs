//! What went wrong, in one line for the user.

use std::fmt::{self, Display};
use std::path::Path;

/// The reason a command failed: where, what, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }

    /// A failure that concerns one file.
    pub(crate) fn at(path: &Path, reason: impl Display) -> Self {
        Self(format!("{}: {reason}", path.display()))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
