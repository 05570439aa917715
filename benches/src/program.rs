//! Peers in a program of their own, which answers a line with a number.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A program that runs, and the pipes to it. It ends with this.
pub(crate) struct Program {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { child, to, from: BufReader::new(from) }),
            _ => Err("no pipe".to_owned()),
        }
    }

    /// Sends a line and waits for the answer.
    pub(crate) fn ask(&mut self, line: impl Display) -> Result<f64, String> {
        writeln!(self.to, "{line}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|error| error.to_string())?;
        line.trim().parse().map_err(|_| format!("answered {line:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_answers_each_line_or_it_is_an_error() {
        let mut echo = Program::start(&mut Command::new("cat")).unwrap();
        assert_eq!([echo.ask(1), echo.ask("2.5")], [Ok(1.0), Ok(2.5)]);
        assert_eq!(echo.ask("none"), Err("answered \"none\\n\"".to_owned()));
        assert!(Program::start(&mut Command::new("no-such-program")).is_err());
    }
}
