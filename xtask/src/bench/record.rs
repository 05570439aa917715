//! What a measurement found, with all that is needed to repeat it: a file of `benches/records`.
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::store;
use crate::validate::Line;
use crate::workspace::Workspace;

/// Where the records are: a folder per processor, a file per day.
pub(crate) const RECORDS: &str = "benches/records";

/// Longest record read: a hundred times what all groups make.
const BYTES_MAX: u64 = 64 << 20;

/// One subject of one case, as the bench writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) subject: String,
    /// `limit`, `ours` or `peer`.
    pub(crate) role: String,
    pub(crate) median_ns: f64,
    pub(crate) min_ns: f64,
    pub(crate) max_ns: f64,
    /// Older records have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean_ns: Option<f64>,
    pub(crate) rounds: usize,
    pub(crate) allocs_per_op: Option<f64>,
    pub(crate) limit_ns: Option<f64>,
    pub(crate) best_peer: Option<String>,
    pub(crate) ratio_vs_best_peer: Option<f64>,
    pub(crate) regime: Option<String>,
    pub(crate) round_trip_ns: Option<f64>,
}

/// The rows of a day on a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) machine: Machine,
    /// Of the compiler, and of every package that was measured.
    pub(crate) versions: BTreeMap<String, String>,
    /// The command that measured each group last.
    pub(crate) commands: BTreeMap<String, String>,
    /// The table of `cargo xtask validate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) validation: Vec<Line>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let cpu = model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cpu, cores, kernel: kernel.trim().to_owned() }
    }
}

impl Record {
    /// Of a machine on which nothing was measured yet.
    pub(crate) fn empty(machine: Machine) -> Self {
        let (versions, commands) = (BTreeMap::new(), BTreeMap::new());
        Self { machine, versions, commands, validation: Vec::new(), rows: Vec::new() }
    }

    /// Reads a record, or the bare rows that `--json` writes.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        let file = fs::File::open(path).map_err(|e| Failure::io("read", path, &e))?;
        file.take(BYTES_MAX).read_to_string(&mut text).map_err(|e| Failure::io("read", path, &e))?;
        let wrong = |e| Failure::new(format!("{}: neither a record nor rows: {e}", path.display()));
        if text.trim_start().starts_with('[') {
            let rows = serde_json::from_str(&text).map_err(wrong)?;
            let machine = Machine { cpu: "not recorded".into(), cores: 0, kernel: String::new() };
            return Ok(Self { rows, ..Self::empty(machine) });
        }
        serde_json::from_str(&text).map_err(wrong)
    }

    /// Puts the rows of the cases just measured in the place of older ones of the same day.
    pub(crate) fn add(&mut self, rows: Vec<Row>, command: &str) {
        let measured = |old: &Row| rows.iter().any(|new| (&new.group, &new.case) == (&old.group, &old.case));
        self.rows.retain(|old| !measured(old));
        for row in &rows {
            self.commands.insert(row.group.clone(), command.to_owned());
        }
        self.rows.extend(rows);
        self.rows.sort_by(|a, b| (&a.group, &a.case).cmp(&(&b.group, &b.case)));
    }

    /// Everything but the rows readable, a row per line.
    pub(crate) fn json(&self) -> Result<String> {
        let text = |value: serde_json::Result<String>| value.map_err(|e| Failure::new(e.to_string()));
        let rows: Vec<String> =
            self.rows.iter().map(|row| text(serde_json::to_string(row))).collect::<Result<_>>()?;
        let head = Self { rows: Vec::new(), ..self.clone() };
        let head = text(serde_json::to_string_pretty(&head))?;
        let head = head.strip_suffix("[]\n}").unwrap_or(&head);
        Ok(format!("{head}[\n    {}\n  ]\n}}\n", rows.join(",\n    ")))
    }
}

/// Adds the rows to today's record of this machine.
pub(crate) fn write(workspace: &Workspace, rows: Vec<Row>, command: &str) -> Result<PathBuf> {
    today(workspace, |record| {
        record.versions = versions(workspace)?;
        record.add(rows, command);
        Ok(())
    })
}

/// Puts the table into today's record of this machine.
pub(crate) fn write_validation(workspace: &Workspace, lines: Vec<Line>) -> Result<PathBuf> {
    today(workspace, |record| {
        record.commands.insert("validation".into(), "cargo xtask validate".into());
        record.validation = lines;
        Ok(())
    })
}

/// Changes today's record of this machine, which may not exist yet.
fn today(workspace: &Workspace, change: impl FnOnce(&mut Record) -> Result<()>) -> Result<PathBuf> {
    let machine = Machine::here();
    let dir = workspace.root.join(RECORDS).join(folder(&machine.cpu));
    fs::create_dir_all(&dir).map_err(|e| Failure::io("create", &dir, &e))?;
    let path = dir.join(format!("{}.json", jiff::Timestamp::now().strftime("%F")));
    let mut record = if path.exists() { Record::read(&path)? } else { Record::empty(machine) };
    change(&mut record)?;
    store::write(&path, record.json()?.as_bytes())?;
    Ok(path)
}

/// A processor's name as a folder's.
fn folder(cpu: &str) -> String {
    let plain = cpu.replace("(R)", "").replace("(TM)", "").to_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn versions(workspace: &Workspace) -> Result<BTreeMap<String, String>> {
    let rustc = Cmd::new("rustc").dir(&workspace.root).arg("--version").silent().read()?;
    let tree = Cmd::cargo()
        .dir(&workspace.root)
        .args(["tree", "--package", "bot4-benches", "--features", "peers", "--edges", "normal"])
        .args(["--depth", "1", "--prefix", "none", "--format", "{p}"])
        .silent()
        .read()?;
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
    };
    let mut versions: BTreeMap<_, _> = tree.lines().filter_map(package).collect();
    versions.insert("rustc".into(), rustc.trim().trim_start_matches("rustc ").to_owned());
    Ok(versions)
}

#[cfg(test)]
pub(crate) fn row(case: &str, subject: &str, role: &str, median_ns: f64) -> Row {
    Row {
        group: "pool".into(),
        case: case.into(),
        subject: subject.into(),
        role: role.into(),
        median_ns,
        min_ns: median_ns,
        max_ns: median_ns,
        mean_ns: Some(median_ns),
        rounds: 5,
        allocs_per_op: Some(0.0),
        limit_ns: Some(1.0),
        best_peer: None,
        ratio_vs_best_peer: None,
        regime: None,
        round_trip_ns: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::empty(Machine { cpu: "a".into(), cores: 2, kernel: "k".into() })
    }

    #[test]
    fn a_case_measured_again_replaces_itself_and_nothing_else() {
        let mut record = record();
        record.add(vec![row("a", "x", "ours", 1.0), row("b", "x", "ours", 2.0)], "first");
        record.add(vec![row("a", "y", "ours", 3.0)], "second");
        let left: Vec<_> = record.rows.iter().map(|row| (&*row.case, &*row.subject)).collect();
        assert_eq!(left, [("a", "y"), ("b", "x")]);
        assert_eq!(record.commands["pool"], "second");
    }

    #[test]
    fn a_record_is_read_back_as_written_with_a_row_per_line() {
        let mut record = record();
        record.add(vec![row("a", "x", "ours", 1.0), row("b", "x", "ours", 2.0)], "cargo");
        let text = record.json().unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("median_ns")).count(), 2);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &text).unwrap();
        assert_eq!(Record::read(file.path()).unwrap().rows, record.rows);
    }

    #[test]
    fn a_processor_becomes_a_folder() {
        assert_eq!(folder("Intel(R) Xeon(R) Processor @ 2.50GHz"), "intel-xeon-processor-2-50ghz");
    }
}
