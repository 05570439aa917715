//! A line on the terminal that says how far a long job is. Nothing where stderr is no terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line changes at most.
const INTERVAL: Duration = Duration::from_millis(100);
const BAR_WIDTH: usize = 30;

#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    start: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let visible = io::stderr().is_terminal() && total > 0;
        Self { what, total, start: Instant::now(), drawn: None, visible }
    }

    /// Shows that `done` of the total is done, and a note.
    pub(crate) fn show(&mut self, done: u64, note: impl FnOnce() -> String) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) || done == self.total;
        if self.visible && due {
            self.drawn = Some(Instant::now());
            let line = self.line(done, self.start.elapsed(), &note());
            // A terminal that went away is no reason to stop.
            drop(write!(io::stderr(), "\r{line}\x1b[K"));
        }
    }

    fn line(&self, done: u64, elapsed: Duration, note: &str) -> String {
        let share = done as f64 / self.total as f64;
        let full = (share * BAR_WIDTH as f64) as usize;
        let left = if done == 0 { 0.0 } else { elapsed.as_secs_f64() * (1.0 - share) / share };
        let bar = "#".repeat(full) + &".".repeat(BAR_WIDTH - full.min(BAR_WIDTH));
        format!("{} [{bar}] {:3.0} %, {left:.0} s left  {note}", self.what, 100.0 * share)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            drop(writeln!(io::stderr()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_done_and_how_long_the_rest_takes() {
        let progress = Progress::new("training", 4);
        let line = progress.line(1, Duration::from_secs(2), "loss 0.5");
        assert_eq!(line, "training [#######.......................]  25 %, 6 s left  loss 0.5");
        assert!(
            progress
                .line(4, Duration::from_secs(8), "")
                .contains("##############################] 100 %, 0 s")
        );
    }

    #[test]
    fn nothing_is_shown_where_there_is_no_terminal() {
        let mut progress = Progress::new("training", 4);
        progress.visible = false;
        progress.show(1, || unreachable!("the note is not even made"));
        assert!(progress.drawn.is_none());
    }
}
