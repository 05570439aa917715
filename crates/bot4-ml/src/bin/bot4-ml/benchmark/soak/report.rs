//! What a soak says: a line per window, the verdict, and the same for programs.

use crate::benchmark::measure::median;
use crate::benchmark::report::{Input, Machine};
use crate::failure::Failure;
use crate::output::duration;
use serde::Serialize;
use std::io::{self, Write};

/// Everything one soak measured.
#[derive(Debug, Serialize)]
pub(crate) struct SoakReport {
    pub(crate) schema: u32,
    pub(crate) input: Input,
    pub(crate) machine: Machine,
    pub(crate) soak: Soak,
}

#[derive(Debug, Serialize)]
pub(crate) struct Soak {
    pub(crate) seconds: u32,
    pub(crate) rate_per_s: u32,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Numbers that were left out between two that came.
    pub(crate) missing: u64,
    pub(crate) repeated: u64,
    /// Of the deciding thread.
    pub(crate) allocations: u64,
    /// Absent where the system does not say what is resident.
    pub(crate) memory: Option<Memory>,
    pub(crate) tail: Tail,
    pub(crate) windows: Vec<WindowFigures>,
}

/// One window; latency counts from the moment a quote was due.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WindowFigures {
    pub(crate) until_s: f64,
    pub(crate) resident_kib: Option<u64>,
    pub(crate) received: u64,
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) p999_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) missing: u64,
    pub(crate) repeated: u64,
}

/// Resident memory without the first window, and the line through it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) first_kib: u64,
    pub(crate) last_kib: u64,
    pub(crate) slope_kib_per_min: f64,
    pub(crate) standard_error_kib_per_min: f64,
    /// The slope is more than three standard errors above zero, and the rise more than 128 KiB.
    pub(crate) grows: bool,
}

/// Medians of the last third of the windows over those of the first third, the first window left out.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Tail {
    pub(crate) p50_ratio: f64,
    pub(crate) p99_ratio: f64,
    pub(crate) p999_ratio: f64,
}

impl Tail {
    pub(super) fn of(windows: &[WindowFigures]) -> Self {
        let third = windows.len().div_ceil(3);
        let (first, last) = (&windows[..third], &windows[windows.len() - third..]);
        let ratio = |of: fn(&WindowFigures) -> u64| {
            let middle =
                |windows: &[WindowFigures]| median(windows.iter().map(|window| of(window) as f64).collect());
            middle(last) / middle(first).max(1.0)
        };
        Self {
            p50_ratio: ratio(|window| window.p50_ns),
            p99_ratio: ratio(|window| window.p99_ns),
            p999_ratio: ratio(|window| window.p999_ns),
        }
    }
}

impl Soak {
    /// An error when a quote was lost or came twice, deciding allocated, or memory grows.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let Self { sent, received, missing, repeated, allocations, .. } = *self;
        if sent != received || missing > 0 || repeated > 0 {
            return Err(Failure::new(format_args!(
                "soak: {sent} quotes sent, {received} received, {missing} missing, {repeated} repeated"
            )));
        }
        if allocations > 0 {
            return Err(Failure::new(format_args!(
                "soak: the optimised path allocates ({allocations} times)"
            )));
        }
        match self.memory {
            Some(memory) if memory.grows => Err(Failure::new(format_args!(
                "soak: resident memory grows by {:.1} KiB a minute",
                memory.slope_kib_per_min
            ))),
            _ => Ok(()),
        }
    }

    /// What the windows come to.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "\nEvents   {} sent, {} received, {} missing, {} repeated",
            self.sent, self.received, self.missing, self.repeated
        )?;
        writeln!(out, "Memory   {} allocations by the deciding thread", self.allocations)?;
        match self.memory {
            Some(memory) => writeln!(
                out,
                "         {} to {} KiB resident: {}\n         slope {:+.2} KiB a minute, standard error {:.2}",
                memory.first_kib,
                memory.last_kib,
                if memory.grows { "grows" } else { "constant within noise" },
                memory.slope_kib_per_min,
                memory.standard_error_kib_per_min
            )?,
            None => writeln!(out, "         SKIP the slope: this system does not say what is resident")?,
        }
        writeln!(
            out,
            "Tail     last third of the windows over the first:\n         p50 {:.2}x, p99 {:.2}x, p99.9 {:.2}x",
            self.tail.p50_ratio, self.tail.p99_ratio, self.tail.p999_ratio
        )
    }
}

pub(super) fn print_head(seconds: u32, rate_per_s: u64, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "Soak of {seconds} s, {rate_per_s} events offered per second\n(latency from when each was due)"
    )?;
    writeln!(
        out,
        "{:>9}{:>14}{:>11}{:>9}{:>9}{:>10}{:>11}{:>6}",
        "until s", "resident KiB", "events", "p50", "p99", "p99.9", "max", "lost"
    )?;
    out.flush()
}

pub(super) fn print_window(window: &WindowFigures, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>9.2}{:>14}{:>11}{:>9}{:>9}{:>10}{:>11}{:>6}",
        window.until_s,
        window.resident_kib.map_or_else(|| "unknown".to_owned(), |kib| kib.to_string()),
        window.received,
        duration(window.p50_ns),
        duration(window.p99_ns),
        duration(window.p999_ns),
        duration(window.max_ns),
        window.missing
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(p99_ns: u64) -> WindowFigures {
        WindowFigures {
            until_s: 0.0,
            resident_kib: Some(1),
            received: 1,
            p50_ns: 100,
            p99_ns,
            p999_ns: 2 * p99_ns,
            max_ns: 0,
            missing: 0,
            repeated: 0,
        }
    }

    fn soak(sent: u64, repeated: u64, allocations: u64, grows: bool) -> Soak {
        let memory = Memory {
            first_kib: 1,
            last_kib: 2,
            slope_kib_per_min: 1.0,
            standard_error_kib_per_min: 0.1,
            grows,
        };
        Soak {
            seconds: 1,
            rate_per_s: 1,
            sent,
            received: 10,
            missing: 0,
            repeated,
            allocations,
            memory: Some(memory),
            tail: Tail::of(&[window(1)]),
            windows: vec![],
        }
    }

    #[test]
    fn loss_repetition_allocation_and_growth_fail_and_nothing_else_does() {
        assert!(soak(10, 0, 0, false).verdict().is_ok());
        for (bad, word) in [
            (soak(11, 0, 0, false), "11 quotes sent, 10 received"),
            (soak(10, 1, 0, false), "1 repeated"),
            (soak(10, 0, 1, false), "allocates"),
            (soak(10, 0, 0, true), "grows"),
        ] {
            assert!(bad.verdict().unwrap_err().to_string().contains(word), "{word}");
        }
    }

    #[test]
    fn a_tail_that_worsens_shows_and_one_bad_window_does_not() {
        let worse: Vec<_> = (0..9).map(|i| window(100 + 50 * i)).collect();
        assert!(Tail::of(&worse).p99_ratio > 2.5);
        let mut one = vec![window(100); 9];
        one[8] = window(1_000_000);
        assert_eq!(Tail::of(&one).p99_ratio, 1.0);
        assert!(Tail::of(&[]).p99_ratio.is_finite());
    }
}
