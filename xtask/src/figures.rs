//! The tables of figures in the READMEs, written from the committed records.
//!
//! A README asks for a table with `<!-- figures: pool/get_put_1t pool/handoff -->` (cases of the side-by-side bench) or
//! `<!-- figures: validation -->`; what follows up to `<!-- end of figures -->` is written by `cargo xtask figures --update` and
//! checked without it. Outside of these tables a README states no time and no rate: a figure that no record holds has
//! nothing to be checked against.
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::record::{RECORDS, Record};
use crate::failure::{Failure, Result};
use crate::store;
use crate::workspace::Workspace;

const BEGIN: &str = "<!-- figures: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of figures -->";

/// Options of `cargo xtask figures`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Write the tables anew
    #[arg(long)]
    update: bool,
}

/// A committed record and the day it was made.
#[derive(Debug)]
struct Dated {
    day: String,
    record: Record,
}

/// Checks or writes the tables of every README.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let records = records(&workspace.root.join(RECORDS))?;
    let mut wrong = Vec::new();
    let mut tables = 0;
    for path in readmes(workspace) {
        let text = fs::read_to_string(&path).map_err(|e| Failure::io("read", &path, &e))?;
        let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display();
        wrong.extend(
            loose_figures(&text).map(|(line, words)| format!("{shown}:{line}: {words:?} is in no record")),
        );
        tables += text.matches(BEGIN).count();
        let fresh = rewritten(&text, &records).map_err(|f| Failure::new(format!("{shown}: {f}")))?;
        if fresh == text {
            continue;
        }
        if options.update {
            store::write(&path, fresh.as_bytes())?;
            println!("wrote {shown}");
        } else {
            wrong.push(format!("{shown}: a table differs from the records"));
        }
    }
    if wrong.is_empty() {
        println!("{tables} tables agree with the records");
        return Ok(());
    }
    let advice =
        "`cargo xtask figures --update` writes the tables; other figures belong into one, or into an ADR";
    Err(Failure::new(wrong.join("\n")).advise(advice))
}

fn readmes(workspace: &Workspace) -> Vec<PathBuf> {
    let packages = workspace.packages.iter().map(|package| package.dir().join("README.md"));
    std::iter::once(workspace.root.join("README.md")).chain(packages).filter(|path| path.is_file()).collect()
}

/// Every record, the newest first; those of one day by the names of their machines.
fn records(dir: &Path) -> Result<Vec<Dated>> {
    let mut records = Vec::new();
    let mut machines = files(dir)?;
    machines.sort();
    for machine in machines {
        for path in files(&machine)? {
            let day = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            records.push(Dated { day, record: Record::read(&path)? });
        }
    }
    records.sort_by(|a, b| b.day.cmp(&a.day));
    Ok(records)
}

/// What a folder holds; nothing if it does not exist.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).map_err(|e| Failure::io("read", dir, &e))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<std::io::Result<_>>().map_err(|e| Failure::io("read", dir, &e))
}

/// The text with every table written from the records.
fn rewritten(text: &str, records: &[Dated]) -> Result<String> {
    let mut fresh = String::new();
    let mut rest = text;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let unclosed = || Failure::new(format!("a block {BEGIN:?} without {END:?}"));
        let (wanted, block) = block.split_once(BEGIN_END).ok_or_else(unclosed)?;
        let (_, after) = block.split_once(END).ok_or_else(unclosed)?;
        let table = tables::of(wanted, records)?;
        fresh.push_str(&format!("{before}{BEGIN}{wanted}{BEGIN_END}\n{table}{END}"));
        rest = after;
    }
    Ok(fresh + rest)
}

/// Times and rates outside of the tables and of code, with their lines.
fn loose_figures(text: &str) -> impl Iterator<Item = (usize, String)> {
    const UNITS: [&str; 9] = ["ns", "us", "µs", "ms", "GB/s", "MB/s", "GiB/s", "million/s", "cycles"];
    let (mut code, mut table) = (false, false);
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.starts_with("```") {
            code = !code;
        }
        table = (table || line.starts_with(BEGIN)) && !line.starts_with(END);
        if code || table {
            return None;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let words: Vec<&str> = prose.split_whitespace().collect();
        let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let figure = words.windows(2).find(|pair| {
            let number = pair[0].trim_start_matches('(');
            number.starts_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&plain(pair[1]).as_str())
        });
        figure.map(|pair| (index + 1, pair.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::{Machine, row};

    fn records() -> Vec<Dated> {
        let machine = Machine { cpu: "A CPU".into(), cores: 2, kernel: "6".into() };
        let mut old = Record::empty(machine.clone());
        old.add(vec![row("a", "mine", "ours", 9.0)], "cargo xtask bench");
        let mut new = Record::empty(machine);
        new.add(vec![row("a", "mine", "ours", 2.0), row("a", "theirs", "peer", 5.0)], "cargo xtask bench");
        vec![Dated { day: "2026-02-02".into(), record: new }, Dated { day: "2026-01-01".into(), record: old }]
    }

    #[test]
    fn a_table_is_written_from_the_newest_record_and_the_rest_is_kept() {
        let text = "# x\n<!-- figures: pool/a -->\nold\n<!-- end of figures -->\nrest\n";
        let fresh = rewritten(text, &records()).unwrap();
        assert!(fresh.starts_with("# x\n<!-- figures: pool/a -->\n|"), "{fresh}");
        assert!(fresh.contains("| `a` | mine 2.00 |") && fresh.contains("2.50"), "{fresh}");
        assert!(!fresh.contains("9.00") && fresh.ends_with("<!-- end of figures -->\nrest\n"), "{fresh}");
        assert_eq!(rewritten(&fresh, &records()).unwrap(), fresh);
    }

    #[test]
    fn records_of_one_day_stand_by_the_names_of_their_machines() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, day) in [("b", "2026-02-02"), ("a", "2026-02-02"), ("c", "2026-02-03")] {
            let machine = Machine { cpu: folder.into(), cores: 2, kernel: "6".into() };
            let text = serde_json::to_string(&Record::empty(machine)).unwrap();
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(day).with_extension("json"), text).unwrap();
        }
        let cpus: Vec<_> =
            super::records(dir.path()).unwrap().into_iter().map(|r| r.record.machine.cpu).collect();
        assert_eq!(cpus, ["c", "a", "b"]);
    }

    #[test]
    fn a_case_that_no_record_holds_is_an_error() {
        let text = "<!-- figures: pool/b -->\n<!-- end of figures -->\n";
        assert!(rewritten(text, &records()).unwrap_err().to_string().contains("pool/b"));
        assert!(rewritten("<!-- figures: pool/a -->\n", &records()).is_err());
    }

    #[test]
    fn figures_in_prose_are_found_and_those_in_code_and_tables_are_not() {
        let text = "takes 4.0 ns here\n```\n5 ns\n```\n`6 ns`\n<!-- figures: x -->\n7 ns\n<!-- end of figures -->\n\
                    1,024 rows, 3 times (8 us).\n";
        let found: Vec<_> = loose_figures(text).collect();
        assert_eq!(found, [(1, "4.0 ns".to_owned()), (9, "(8 us).".to_owned())]);
    }
}
