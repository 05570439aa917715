//! Progress of a command made of stages: names before, times after, a table at the end even on failure.
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// Runs stages one after the other and keeps their times.
#[derive(Debug)]
pub(crate) struct Stages {
    total: usize,
    done: Vec<Stage>,
}

/// A stage that has run.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) time: Duration,
    pub(crate) ok: bool,
}

impl Stages {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: Vec::new() }
    }

    /// Runs one stage; its failure carries the stage's name.
    pub(crate) fn run<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("[{}/{}] {name}", self.done.len() + 1, self.total);
        let start = Instant::now();
        let result = work();
        let stage = Stage { name, time: start.elapsed(), ok: result.is_ok() };
        println!("      {} in {:.1} s", if stage.ok { "done" } else { "FAILED" }, stage.time.as_secs_f64());
        self.done.push(stage);
        result.map_err(|f| Failure::new(format!("stage `{name}`: {f}")))
    }

    pub(crate) fn done(&self) -> &[Stage] {
        &self.done
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        println!("time per stage:");
        for stage in &self.done {
            let mark = if stage.ok { "" } else { "  <- failed" };
            println!("  {:>8.1} s  {}{mark}", stage.time.as_secs_f64(), stage.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_name_of_its_stage() {
        let mut stages = Stages::new(2);
        assert_eq!(stages.run("first", || Ok(1)).unwrap(), 1);
        let failure = stages.run::<()>("second", || Err(Failure::new("no luck"))).unwrap_err();
        assert_eq!(failure.to_string(), "stage `second`: no luck");
        assert_eq!(stages.done().iter().map(|s| s.ok).collect::<Vec<_>>(), [true, false]);
    }
}
