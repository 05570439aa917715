//! Wrong usage, a line each: what is run, its exit code, and words that its explanation needs.
#![cfg(unix)]

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

const ROWS: &[(&str, i32, &str)] = &[
    ("", 2, "Usage: cargo xtask <COMMAND>"),
    ("nonsense", 2, "unrecognized subcommand 'nonsense'"),
    ("pgo --rounds 1", 2, "1 is not in 3..=1000"),
    ("pgo --rounds -1", 2, "-1 is not in 3..=1000"),
    ("pgo --data absent", 2, "--format"),
    ("pgo --data absent --format csv", 2, "possible values: lobster"),
    ("pgo --explain --data absent --format lobster", 1, "cannot read absent"),
    ("pgo --explain --data src --format lobster", 1, "src: not a file"),
    ("pgo --explain --data /dev/zero --format lobster", 1, "cannot read /dev/zero: not a file"),
    ("bench --draw /dev/zero --html new", 1, "/dev/zero: neither a record nor rows"),
    ("bench --draw absent --html new", 1, "cannot read absent: "),
    ("bench --draw Cargo.toml", 2, "--html <FILE>"),
    ("bench --draw a --html b --group pool", 2, "cannot be used with"),
    ("tidy extra", 2, "unexpected argument 'extra'"),
    ("pgo --rounds 99999", 2, "99999 is not in 3..=1000"),
    ("bench --group nonsense", 2, "no group \"nonsense\"; there are cache,"),
    ("bench --html src", 1, "cannot write src: it is a folder"),
    ("bench --json src", 1, "cannot write src: it is a folder"),
    ("bench --compare a", 2, "2 values required"),
    ("bench --compare a b", 1, "cannot read a: "),
    ("bench --compare src src", 1, "cannot read src: "),
    ("bench --compare Cargo.toml Cargo.toml", 1, "Cargo.toml: neither a record nor rows"),
    ("bench --record --quick", 2, "cannot be used with"),
    ("ci --only nonsense", 2, "possible values: fmt"),
    ("fuzz --seconds 0", 2, "0 is not in 1.."),
    ("fuzz --seconds -1", 2, "'-1' for '--seconds"),
    ("fuzz --package nonsense", 2, "no package of that name"),
];

fn xtask(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let dir = env!("CARGO_MANIFEST_DIR");
    command.args(line.split_whitespace()).current_dir(dir).env("CARGO_MANIFEST_DIR", dir);
    command.env_remove("RUSTFLAGS").stdin(Stdio::null());
    command
}

fn explains(output: &Output, code: i32, words: &str) -> bool {
    let text = String::from_utf8_lossy(&output.stderr);
    output.status.code() == Some(code) && text.contains(words) && !text.contains("panicked")
}

#[test]
fn each_wrong_use_has_its_exit_code_and_says_what_is_wrong() {
    let outputs = ROWS.iter().map(|row| (row, xtask(row.0).output().unwrap()));
    let wrong: Vec<_> =
        outputs.filter(|((_, code, words), output)| !explains(output, *code, words)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn flags_of_the_environment_and_a_wrong_tool_are_refused_with_what_to_do() {
    let flags = xtask("pgo --explain").env("RUSTFLAGS", "-Copt-level=3").output().unwrap();
    assert!(explains(&flags, 1, "env -u RUSTFLAGS cargo xtask"), "{flags:?}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src"); // has no python3 in it
    let peers = xtask("bench --setup").env("PATH", folder).output().unwrap();
    assert!(explains(&peers, 1, "not every peer could be set up"), "{peers:?}");
    let tool = xtask("setup").env("XTASK_LLVM_PROFDATA", "/absent").output().unwrap();
    assert!(explains(&tool, 1, "what to do: unset XTASK_LLVM_PROFDATA to try others"), "{tool:?}");
}

#[test]
fn a_full_disk_is_a_failure_and_a_closed_pipe_ends_the_program_quietly() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = xtask("pgo --explain").stdout(full).output().unwrap();
    assert!(explains(&output, 1, "cannot write to standard output: No space left"), "{output:?}");
    let piped = |command: &mut Command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = piped(&mut xtask("pgo --explain")).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code() == Some(141) && output.stderr.is_empty(), "{output:?}");
}
