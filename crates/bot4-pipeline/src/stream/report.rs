//! What a run says when it is over.

use std::fmt;

/// How many events a run saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Taken from the source and given to the first stage.
    pub accepted: u64,
    /// Taken from the source and left out because the first stage did not keep up.
    pub dropped: u64,
    /// Accepted and gone through to their end. Equal to `accepted` unless the run was broken off.
    pub processed: u64,
    /// Each stage in order, the source first and the sink last.
    pub stages: Vec<StageReport>,
}

impl Report {
    /// Accepted, but neither ended by a stage nor taken by the sink: what a panic left lying.
    #[must_use]
    pub const fn unprocessed(&self) -> u64 {
        self.accepted - self.processed
    }
}

/// How many events one stage saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    /// Its name.
    pub name: &'static str,
    /// Events it began with.
    pub taken: u64,
    /// Events it handed on to the next stage.
    pub passed: u64,
    /// Events that ended here: of the sink those it took, of others those they returned `None` for.
    pub ended: u64,
}

/// Why a run was broken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunReason {
    /// The stage panicked with this message.
    Panic(String),
    /// The stage's thread could not be started or pinned.
    Thread(String),
}

/// A run that was broken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// The stage that failed first.
    pub stage: &'static str,
    /// How it failed.
    pub reason: RunReason,
    /// What had happened until every thread was at rest.
    pub report: Report,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, reason, report } = self;
        match reason {
            RunReason::Panic(message) => write!(f, "stage `{stage}` panicked: {message}")?,
            RunReason::Thread(why) => write!(f, "no thread for stage `{stage}`: {why}")?,
        }
        let Report { accepted, processed, .. } = report;
        write!(
            f,
            " (accepted {accepted} events, processed {processed}, unprocessed {})",
            report.unprocessed()
        )
    }
}

impl std::error::Error for RunError {}
