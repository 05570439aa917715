//! The bot4-ml command.
fn main() {}
