//! Standard output that may go away: `println!` and `print!` of this program.
//!
//! The standard ones panic when a reader leaves (`| head`) or the disk is full. These end the program: as a closed pipe
//! ends any other, or with the reason.
use std::fmt;
use std::io::{self, Write};

/// What a shell says of a program that a closed pipe has ended.
const CLOSED_PIPE: i32 = 128 + 13;

macro_rules! println {
    () => { $crate::terminal::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::terminal::print(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::terminal::print(format_args!($($text)*)) };
}

pub(crate) fn print(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(CLOSED_PIPE);
    }
    eprintln!("error: cannot write to standard output: {error}");
    std::process::exit(1);
}
