//! The commands of cargo on the page docs/walkthrough.md, explained instead of run.

use std::process::Command;

const PAGE: &str = include_str!("../../docs/walkthrough.md");

#[test]
fn every_task_of_the_walk_through_is_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("quotes.csv"), "").unwrap();
    let lines: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("cargo xtask ")).collect();
    assert!(lines.len() >= 2, "{lines:?}");
    for line in lines {
        assert!(line.contains("--explain"), "a page whose commands are tests builds nothing: {line}");
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.args(line.split_whitespace()).current_dir(folder.path()).env_remove("RUSTFLAGS");
        let output = xtask.env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("build with counters"), "{line}");
    }
}
