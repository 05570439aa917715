//! The commands of docs/walkthrough.md, run as they stand there.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::print_stdout)] // a skipped test says so

use std::fs;
use std::path::Path;
use std::process::Command;

/// Of the workspace; a package from a registry has no page.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/walkthrough.md");

/// The blocks of shell commands, less those of cargo, which xtask's tests run.
fn blocks(page: &str) -> Vec<String> {
    let fenced = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let ours =
        |block: &str| block.lines().filter(|line| !line.starts_with("cargo ")).collect::<Vec<_>>().join("\n");
    fenced.map(ours).filter(|block| !block.is_empty()).collect()
}

#[test]
fn every_command_of_the_walk_through_works() {
    let Ok(page) = fs::read_to_string(PAGE) else {
        println!("SKIP every_command_of_the_walk_through_works: no docs/walkthrough.md beside the crates");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let programs = Path::new(env!("CARGO_BIN_EXE_bot4-ml")).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_path_buf()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() >= 5, "{blocks:#?}");
    for block in blocks {
        let shell =
            Command::new("sh").args(["-euc", &block]).current_dir(folder.path()).env("PATH", &path).output();
        let output = shell.unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{block}\n{stdout}{stderr}");
    }
    assert!(fs::read_to_string(at("decisions.csv")).unwrap().lines().count() > 10, "orders were asked for");
    assert!(fs::read_to_string(at("report.html")).unwrap().contains("<h2>ROC</h2>"));
    let header = fs::read_to_string(at("quotes.csv")).unwrap().lines().next().unwrap().to_owned();
    assert!(page.contains(&header), "the page names the columns: {header}");
}
