//! Wrong usage, a line each: what is run, its exit code, and words that its one line of explanation needs.
//!
//! Of each line holds: the exit code is 1 for a failure and 2 for a wrong argument, nothing panics, and no file is made,
//! changed, or left half-written.
#![cfg(all(unix, feature = "cli"))]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const LIMITS: &str = "instrument = 0
tick = 0.01
lot = 1
order_qty_max = 1
order_notional_max = 50_000
collar_bps = 100
position_max = 10
open_notional_max = 1_000_000
loss_max = 1_000.50
rate_orders_max = 1_000
rate_window_ns = 1_000_000_000
quote_age_ns_max = 1_000_000_000
";

/// A failing command: its arguments, and what stderr has to contain. Files are those of [`made`].
type Row = (&'static str, &'static str);

const WRONG_ARGUMENTS: &[Row] = &[
    ("", "--benchmark"),
    ("benchmark", "unrecognized subcommand"),
    ("--benchmark --seed -1", "-1' for '--seed <N>': must be a whole number"),
    ("--benchmark --seed 99999999999999999999", "whole number from 0 to 18446744073709551615"),
    ("--benchmark --events 99999999999", "4096..=100000000"),
    ("--benchmark --events -5", "4096..=100000000"),
    ("--benchmark --data quotes.csv", "--format"),
    ("--benchmark --rate 99999999", "1..=10000000"),
    ("train --data quotes.csv", "--out"),
    ("train --data quotes.csv --out new --seed -1", "'--seed <N>': must be a whole number"),
    ("train --data quotes.csv --out new --epochs 0", "'--epochs <N>': must be a whole number from 1"),
    ("train --data quotes.csv --out new --batch -64", "'--batch <N>': must be a whole number from 1"),
    ("train --data quotes.csv --out new --hidden 0", "'--hidden <N,...>': must be a whole number from 1"),
    ("train --data quotes.csv --out new --hidden 32,x", "'x' for '--hidden"),
    ("train --data quotes.csv --out new --hidden 4000000000", "to 1000000"),
    ("train --data quotes.csv --out new --learning-rate nan", "not a number"),
    ("train --data quotes.csv --out new --l2 -1", "must not be negative"),
    ("train --data quotes.csv --out new --train-share 1.5", "at most 1"),
    ("train --data quotes.csv --out new --model forest", "possible values: auto, linear, logistic, mlp"),
    ("eval --data quotes.csv --model model --last-share 0", "must be above 0"),
    ("eval --data quotes.csv", "--model"),
    ("inspect", "<MODEL>"),
    ("completions tcsh", "possible values: bash"),
    ("simulate --events 0", "1.."),
    ("simulate --events -5", "'--events <N>'"),
    ("features --data quotes.csv --every -3", "'--every <N>': must be a whole number from 1"),
    ("features --data quotes.csv --out new", "unexpected argument '--out'"),
    ("features --data quotes.csv --format csv", "possible values: lobster"),
    ("run --data quotes.csv --model model --threshold nan", "not a number"),
    ("run --data quotes.csv --model model --metrics-addr 99999", "expected PORT or ADDRESS:PORT"),
];

const FAILURES: &[Row] = &[
    // Inputs that are not what they should be.
    ("--benchmark --data header.csv --format binance-quotes", "header.csv: holds no quotes"),
    ("--benchmark --data quotes.csv --format table", "quotes.csv: a table has no quotes"),
    ("--benchmark --data quotes.csv --format lobster", "neither `_message_` nor `_orderbook_`"),
    ("train --data absent.csv --out new", "absent.csv: cannot read: No such file"),
    ("train --data . --out new", ".: cannot read: Is a directory"),
    ("train --data quotes.csv/x --out new", "quotes.csv/x: cannot read: Not a directory"),
    ("train --data /dev/zero --out new", "/dev/zero: cannot read: is a device"),
    ("train --data empty --out new", "empty: line 1: no rows"),
    ("train --data header.csv --out new", "header.csv: holds no quotes"),
    ("train --data ragged.csv --out new", "ragged.csv: line 3: 1 columns, the first line has 2"),
    ("train --data words.csv --out new", "words.csv: line 2: column 1 (b): \"x\" is no number"),
    ("train --data twice.csv --out new", "twice.csv: line 1: two columns are called \"a\""),
    ("train --data column.csv --out new", "column.csv: one column only"),
    ("train --data nan.csv --out new", "nan.csv: row 1, column a: NaN is no finite number"),
    ("train --data infinite.csv --out new", "infinite.csv: row 1, column b: inf is no finite number"),
    ("train --data bytes --out new", "bytes: line 1: not text"),
    ("train --data cut.csv.gz --out new", "cut.csv.gz: cannot read: broken gzip data"),
    ("train --data quotes.csv --compression zstd --out new", "quotes.csv: cannot read: broken zstd data"),
    ("train --data quotes.csv --label up --out new", "--label is for tables"),
    ("train --data table.csv --label up --out new", "no column \"up\"; the columns are a, b"),
    ("train --data quotes.csv --horizon 1000000 --out new", "quotes.csv: too few rows"),
    ("train --data quotes.csv --train-share 1e-9 --out new", "raise --train-share"),
    ("train --data quotes.csv --model linear --out new", "--task number overrides"),
    ("train --data quotes.csv --model mlp --hidden 1000000,1000000 --out new", "give smaller --hidden"),
    (
        "train --data quotes.csv --model mlp --learning-rate 1e300 --epochs 2 --out new",
        "lower the learning rate",
    ),
    ("train --data quotes.csv --test column.csv --out new", "column.csv: one column only"),
    ("features --data table.csv", "table.csv: is a table"),
    ("features --data table.csv --format binance-quotes", "line 1, byte 0, field header"),
    ("features --data quotes.csv --format dbn", "quotes.csv: byte 0, field metadata"),
    ("features --data cut.csv", "cut.csv: line 3, byte"),
    // Models that are none, or of something else.
    ("eval --data quotes.csv --model absent", "absent: cannot read: No such file"),
    ("eval --data quotes.csv --model .", ".: cannot read: Is a directory"),
    ("eval --data quotes.csv --model empty", "empty: not a well-formed model file"),
    ("eval --data quotes.csv --model quotes.csv", "quotes.csv: not a well-formed model file"),
    ("eval --data quotes.csv --model cut.model", "cut.model: not a well-formed model file"),
    ("eval --data quotes.csv --model nan.model", "not finite"),
    ("eval --data quotes.csv --model trees.cut", "trees.cut: line 3: the file ends before `end of trees`"),
    ("eval --data table.csv --model model", "table.csv: the model takes 8 features, the data has 1"),
    ("eval --data quotes.csv --model model --last-share 1e-9", "quotes.csv: no rows to score"),
    ("inspect /dev/zero", "/dev/zero: cannot read: is a device"),
    ("inspect absent", "absent: cannot read"),
    ("inspect table.csv", "table.csv: not a well-formed model file"),
    // Streams and their limits.
    ("run --data absent.csv --model model", "absent.csv: cannot read"),
    ("run --data . --model model", ".: cannot read"),
    ("run --data /dev/zero --model model", "/dev/zero: cannot read: is a device"),
    ("run --data quotes.csv --model model --limits /dev/zero", "/dev/zero: cannot read: is a device"),
    ("run --data empty --model model", "empty: is empty"),
    ("run --data - --model model", "stdin: is empty"),
    ("run --data table.csv --model model", "line 1: not the header of a book ticker"),
    ("run --data cut.csv --model model", "cut.csv: line 3, byte"),
    ("run --data cut.csv.gz --model model", "cut.csv.gz: cannot read"),
    ("run --data quotes.csv --model table.model", "train on a recording"),
    ("run --data quotes.csv --model model --limits absent.toml", "absent.toml: cannot read"),
    ("run --data quotes.csv --model model --limits unknown.toml", "line 13: no limit `leverage`; there are"),
    ("run --data quotes.csv --model model --limits missing.toml", "limit `loss_max` is missing"),
    (
        "run --data quotes.csv --model model --limits zero.toml",
        "limit `tick`: is 0, allowed is 0.000000001 to",
    ),
    ("run --data quotes.csv --model model --limits negative.toml", "`order_qty_max`: is -1, allowed is"),
    ("run --data quotes.csv --model model --limits word.toml", "line 2, limit `tick`: wants a decimal"),
    ("run --data quotes.csv --model model --limits bytes", "bytes: cannot read"),
    ("run --data quotes.csv --model model --metrics-addr PORT", "give another --metrics-addr"),
    // Outputs that cannot be written.
    ("train --data quotes.csv --out absent/new", "absent/new: cannot write: there is no such folder"),
    ("train --data quotes.csv --out .", ".: cannot write: is a folder"),
    ("train --data quotes.csv --out quotes.csv", "quotes.csv: is an input and would be overwritten"),
    ("train --data quotes.csv --test table.csv --out table.csv", "table.csv: is an input"),
    ("train --data table.csv --out full", "full: cannot write: No space left"),
    ("eval --data quotes.csv --model model --html model", "model: is an input and would be overwritten"),
    ("eval --data quotes.csv --model model --html absent/page", "absent/page: cannot write"),
    ("eval --data quotes.csv --model model --html full", "full: cannot write: No space left"),
    ("simulate --out absent/new", "absent/new: cannot write"),
    ("simulate --out full", "full: cannot write: No space left"),
    ("--benchmark --quick --sections batch --events 4096 --json absent/new", "absent/new: cannot write"),
];

/// Commands whose reader goes away, or whose disk is full.
const PRINTING: &[&str] = &[
    "simulate --events 20000",
    "features --data quotes.csv",
    "run --all --data quotes.csv --model model",
    "eval --data quotes.csv --model model",
    "inspect model",
    "completions bash",
];

fn bot4_ml(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bot4-ml"));
    command.args(line.split_whitespace()).current_dir(folder).stdin(Stdio::null()).env_remove("BOT4_ISA");
    command
}

fn stdout(folder: &Path, line: &str) -> Vec<u8> {
    let output = bot4_ml(folder, line).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    output.stdout
}

/// A folder with good and bad files.
fn made() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    stdout(at, "simulate --seed 7 --events 2000 --out quotes.csv");
    fs::write(at.join("table.csv"), "a,b\n1,0\n2,1\n3,0\n4,1\n").unwrap();
    stdout(at, "train --data quotes.csv --epochs 1 --out model");
    stdout(at, "train --data table.csv --epochs 1 --out table.model");
    let (quotes, model) = (fs::read(at.join("quotes.csv")).unwrap(), fs::read(at.join("model")).unwrap());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&quotes).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut nan = model.clone();
    let last = nan.len() - 8;
    nan[last..].copy_from_slice(&f64::NAN.to_le_bytes());
    let header = quotes.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let second_row = quotes.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>();
    let files: [(&str, &[u8]); 14] = [
        ("empty", b""),
        ("header.csv", header),
        ("ragged.csv", b"a,b\n1,2\n3\n"),
        ("words.csv", b"a,b\n1,x\n"),
        ("column.csv", b"a\n1\n2\n"),
        ("twice.csv", b"a,b,a\n1,2,3\n"),
        ("nan.csv", b"a,b\n1,0\nnan,1\n"),
        ("infinite.csv", b"a,b\n1,0.5\n2,inf\n"),
        ("bytes", &[0xff, 0xfe, 0]),
        ("cut.csv", &quotes[..second_row + 24]),
        ("cut.csv.gz", &gzip[..gzip.len() / 2]),
        ("cut.model", &model[..model.len() / 2]),
        ("nan.model", &nan),
        ("trees.cut", b"tree\nversion=v4\nnum_class=1\n"),
    ];
    for (name, contents) in files {
        fs::write(at.join(name), contents).unwrap();
    }
    for (name, limit, instead) in [
        (
            "unknown.toml",
            "quote_age_ns_max = 1_000_000_000\n",
            "quote_age_ns_max = 1_000_000_000\nleverage = 3\n",
        ),
        ("missing.toml", "loss_max = 1_000.50\n", ""),
        ("zero.toml", "tick = 0.01", "tick = 0"),
        ("word.toml", "tick = 0.01", "tick = \"x\""),
        ("negative.toml", "order_qty_max = 1\n", "order_qty_max = -1\n"),
    ] {
        fs::write(at.join(name), LIMITS.replace(limit, instead)).unwrap();
    }
    // Through a link: a command that replaced the device would replace the link only.
    std::os::unix::fs::symlink("/dev/full", at.join("full")).unwrap();
    folder
}

/// Every file, with what it holds.
fn state(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let contents = |path: &Path| if path.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    files.map(|file| (file.file_name().into_string().unwrap(), contents(&file.path()))).collect()
}

/// What is wrong with how a command failed, if anything.
fn complaint(output: &Output, code: i32, words: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    // One line of ours; the parser of arguments adds how the command is used.
    let own_lines = text.lines().filter(|line| !line.starts_with("metrics on ")).count();
    let right = output.status.code() == Some(code)
        && text.contains(words)
        && !text.contains("panicked")
        && (code == 2 || own_lines == 1 && text.contains("bot4-ml: "));
    (!right).then(|| format!("wanted {code} and {words:?}, got {}: {text}", output.status))
}

#[test]
fn each_wrong_use_has_its_exit_code_one_line_that_explains_and_leaves_no_trace() {
    let folder = made();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let before = state(folder.path());
    let mut wrong = Vec::new();
    for (rows, code) in [(WRONG_ARGUMENTS, 2), (FAILURES, 1)] {
        for (line, words) in rows {
            let output = bot4_ml(folder.path(), &line.replace("PORT", &port)).output().unwrap();
            wrong.extend(complaint(&output, code, words).map(|why| format!("bot4-ml {line}\n  {why}")));
            if state(folder.path()) != before {
                wrong
                    .push(format!("bot4-ml {line}\n  changed the folder: {:?}", state(folder.path()).keys()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unknown_instruction_set_is_refused_before_any_kernel_runs() {
    let folder = made();
    let mut eval = bot4_ml(folder.path(), "eval --data quotes.csv --model model");
    let output = eval.env("BOT4_ISA", "sse9").output().unwrap();
    let words = "bot4-ml: BOT4_ISA: unknown instruction set \"sse9\": expected portable";
    assert_eq!(complaint(&output, 2, words), None);
}

#[test]
fn a_full_disk_is_a_failure_and_a_closed_pipe_is_none() {
    let folder = made();
    for line in PRINTING {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = bot4_ml(folder.path(), line).stdout(full).output().unwrap();
        assert_eq!(complaint(&output, 1, "stdout: No space left"), None, "{line}");
        let mut child =
            bot4_ml(folder.path(), line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !text.contains("bot4-ml:"), "{line}: {text}");
    }
}
