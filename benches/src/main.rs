//! Side-by-side measurements of the bot4 crates and their peers.
fn main() {}
