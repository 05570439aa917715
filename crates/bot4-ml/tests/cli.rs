//! The command as its user meets it: exit codes, messages, JSON, CSV.
#![cfg(feature = "cli")]
#![allow(clippy::print_stderr)] // a skipped test says so

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const HEADER: &str = "local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n";

fn bot4_ml(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bot4-ml"))
        .args(args)
        .env_remove("BOT4_ISA")
        .output()
        .expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the workload on few events and returns its JSON.
fn benchmark(extra: &[&str]) -> Value {
    let dir = TempDir::new().unwrap();
    let json = dir.path().join("result.json");
    let mut args = vec!["--benchmark", "--quick", "--events", "8192", "--json", json.to_str().unwrap()];
    args.extend(extra);
    let output = bot4_ml(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "no colours where there is no terminal: {text}");
    serde_json::from_slice(&fs::read(json).unwrap()).unwrap()
}

/// Writes `contents` to a file of that name and returns the folder, which lives as long as the file shall.
fn recording(name: &str, contents: &[u8]) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, contents).unwrap();
    (dir, path)
}

fn features(path: &Path, format: &str) -> Output {
    bot4_ml(&["features", "--data", path.to_str().unwrap(), "--format", format])
}

#[test]
fn benchmark_writes_every_figure_and_the_optimised_path_allocates_nothing() {
    let report = benchmark(&["--rate", "50000"]);
    for pointer in [
        "/schema",
        "/input/kind",
        "/machine/cpu",
        "/machine/isa",
        "/batch/rows",
        "/batch/old_us",
        "/batch/new_us",
        "/batch/ratio",
        "/batch/in_place_us",
        "/batch/max_rel_diff",
        "/event/ratio",
        "/offered/rate_per_s",
        "/outputs/digest",
    ] {
        assert!(report.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer} in {report}");
    }
    for section in ["event", "offered"] {
        for path in ["old", "new"] {
            for key in [
                "events_per_s",
                "p50_ns",
                "p99_ns",
                "p999_ns",
                "p9999_ns",
                "max_ns",
                "allocs_per_event",
                "bytes_per_event",
            ] {
                assert!(report[section][path][key].is_number(), "{section}.{path}.{key} in {report}");
            }
        }
        assert_eq!(report[section]["new"]["allocs_per_event"], 0.0, "{section}");
        assert!(
            report[section]["old"]["allocs_per_event"].as_f64().unwrap() > 1.0,
            "{section}: the counter counts"
        );
    }
    assert_eq!(report["batch"]["new_allocs_per_batch"], 0.0);
    assert!(
        report["outputs"]["orders"].as_u64().unwrap() > 0,
        "a workload without orders checks no risk: {report}"
    );
}

#[test]
fn a_seed_gives_the_same_decisions_every_time_and_another_seed_others() {
    let digest = |args: &[&str]| benchmark(args)["outputs"]["digest"].clone();
    let first = digest(&["--sections", "event"]);
    assert_eq!(first, digest(&["--sections", "event", "--variant", "new"]));
    assert_ne!(first, digest(&["--sections", "event", "--seed", "2"]));
}

#[test]
fn a_soak_loses_nothing_and_says_how_memory_and_tail_did() {
    let dir = TempDir::new().unwrap();
    let json = dir.path().join("soak.json");
    let args = ["--benchmark", "--soak", "2", "--rate", "5000", "--events", "8192", "--json"];
    let output = bot4_ml(&[&args[..], &[json.to_str().unwrap()]].concat());
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let soak = &report["soak"];
    // Whether two seconds on a busy machine show a rise is not this test's business, so the counts come first.
    for (key, want) in
        [("sent", 10_000), ("received", 10_000), ("missing", 0), ("repeated", 0), ("allocations", 0)]
    {
        assert_eq!(soak[key], want, "{key} in {report}\n{}", stderr(&output));
    }
    let windows = soak["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 8);
    assert!(windows.iter().all(|window| window["p99_ns"].as_u64() >= window["p50_ns"].as_u64()));
    assert_eq!(windows.iter().map(|window| window["received"].as_u64().unwrap()).sum::<u64>(), 10_000);
    assert!(soak["tail"]["p99_ratio"].is_number());
    if cfg!(target_os = "linux") {
        assert!(soak["memory"]["slope_kib_per_min"].is_number(), "{report}");
        assert!(windows.iter().all(|window| window["resident_kib"].as_u64() > Some(1000)));
        assert_eq!(output.status.success(), soak["memory"]["grows"] == false, "{}", stderr(&output));
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("10000 sent, 10000 received, 0 missing"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn wrong_usage_exits_with_2_and_names_the_argument() {
    for (args, named) in [
        (&["--benchmark", "--no-such"][..], "--no-such"),
        (&["--benchmark", "--data", "x.csv"], "--format"),
        (&["--benchmark", "--format", "lobster"], "--data"),
        (&["--benchmark", "--seed", "-1"], "-1"),
        (&["--benchmark", "--events", "0"], "--events"),
        (&["--benchmark", "--rate", "0"], "--rate"),
        (&["--benchmark", "--soak", "0"], "--soak"),
        (&["--benchmark", "--soak", "1", "--quick"], "--quick"),
        (&["--benchmark", "--sections", "batch,nothing"], "nothing"),
        (&["features", "--data", "x", "--format", "csv"], "csv"),
        (&["features", "--data", "x", "--format", "lobster", "--every", "0"], "--every"),
        (&[], "--benchmark"),
        (&["nonsense"], "nonsense"),
    ] {
        let output = bot4_ml(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_malformed_row_is_an_error_with_file_line_and_field() {
    let row = "1723161255088169167,1,1,1,61800.20,2.507,61800.30,2.510\n";
    for (bad, field) in [
        ("1723161255088169168,1,1,1,6x800.20,2.507,61800.30,2.510\n", "bid_px"),
        ("1723161255088169168,1,1,1,61800.20,2.507,61800.30\n", "ask_qty"),
        ("1723161255088169168,1,1,1,61800.20,99999999999.0,61800.30,2.5\n", "bid_qty"),
        ("1723161255088169168,1,1,1,61800.20", ""),
    ] {
        let (_dir, path) = recording("quotes.csv", format!("{HEADER}{row}{bad}").as_bytes());
        let output = features(&path, "binance-quotes");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{bad}: {message}");
        assert!(
            message.contains("quotes.csv") && message.contains("line 3") && message.contains(field),
            "{bad}: {message}"
        );
        assert!(output.stdout.is_empty(), "nothing half-written");
    }
}

#[test]
fn unreadable_recordings_are_errors_that_name_the_file() {
    let truncated_zstd = &zstd::encode_all(HEADER.repeat(1000).as_bytes(), 1).unwrap()[..30];
    let cases: [(&str, &[u8], &str); 5] = [
        ("broken.csv.zst", truncated_zstd, "zstd"),
        ("broken.csv.gz", &[0x1f, 0x8b, 8, 0, 0, 0], "gzip"),
        ("empty.csv", b"", "header"),
        ("header.csv", HEADER.as_bytes(), "no quotes"),
        ("other.csv", b"a,b,c\n1,2,3\n", "header"),
    ];
    for (name, contents, reason) in cases {
        let (_dir, path) = recording(name, contents);
        let output = features(&path, "binance-quotes");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {message}");
        assert!(message.contains(name) && message.contains(reason), "{name}: {message}");
    }
    let dir = TempDir::new().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("absent.csv")] {
        let output = features(&path, "binance-quotes");
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("cannot read"), "{}", stderr(&output));
    }
}

#[test]
fn a_lobster_pair_must_be_named_and_whole() {
    let (_dir, path) = recording("book.csv", b"1,2,3,4\n");
    assert!(stderr(&features(&path, "lobster")).contains("_orderbook_"));
    let (dir, path) = recording("X_2020-01-02_1_2_orderbook_1.csv", b"2239500,100,2231800,100\n");
    assert!(stderr(&features(&path, "lobster")).contains("_message_1.csv"), "the absent partner is named");
    let messages = "34200.01,5,0,1,2238200,-1\n34200.02,5,0,1,2238200,-1\n";
    fs::write(dir.path().join("X_2020-01-02_1_2_message_1.csv"), messages).unwrap();
    let output = features(&path, "lobster");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("line 2"), "{}", stderr(&output));
}

#[test]
fn features_of_a_packed_recording_come_out_as_csv() {
    let rows =
        "1723161255088169167,1,1,1,61800.20,3,61800.40,1\n1723161255088181667,1,1,1,61800.40,1,61800.60,1\n";
    let packed = zstd::encode_all(format!("{HEADER}{rows}").as_bytes(), 1).unwrap();
    let (_dir, path) = recording("quotes.csv.zst", &packed);
    let output = features(&path, "binance-quotes");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "row,t,mid,wmid,qi,spread,ofi,ofi_ewm,r,ewvar,roll_mean,roll_var");
    assert_eq!(lines.len(), 3, "{text}");
    let first: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(first[..2], ["0", "1723161255.088169167"]);
    assert_eq!(first[2].parse::<f64>().unwrap(), 61800.3);
    assert_eq!(first[4].parse::<f64>().unwrap(), 0.5);
    assert_eq!(first[10..], ["", ""], "the window is not full");
    // The bid rose to a new price with quantity 1; the ask rose, so its old quantity left.
    assert_eq!(lines[2].split(',').nth(6).unwrap().parse::<f64>().unwrap(), 2.0);
}

#[test]
fn a_closed_pipe_ends_the_output_quietly() {
    let rows: String = (0..50_000)
        .map(|i| format!("{},1,1,1,61800.20,3,61800.40,1\n", 1_723_161_255_088_169_167u64 + i))
        .collect();
    let (_dir, path) = recording("quotes.csv", format!("{HEADER}{rows}").as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_bot4-ml"))
        .args(["features", "--format", "binance-quotes", "--data", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn features_of_the_amzn_day_equal_the_reference() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let day =
        shared.join("data/lobster-amzn-20120621-l1/AMZN_2012-06-21_34200000_57600000_orderbook_1.csv.zst");
    let Ok(reference) = fs::read_to_string(shared.join("reference/features_lobster_amzn.csv")) else {
        eprintln!("SKIP features_of_the_amzn_day_equal_the_reference: no recorded data on this machine");
        return;
    };
    let output =
        bot4_ml(&["features", "--data", day.to_str().unwrap(), "--format", "lobster", "--every", "50"]);
    let ours = String::from_utf8(output.stdout).unwrap();
    assert_eq!(ours.lines().count(), reference.lines().count());
    let names: Vec<&str> = reference.lines().next().unwrap().split(',').collect();
    assert_eq!(ours.lines().next().unwrap(), names.join(","));
    for (ours, theirs) in ours.lines().zip(reference.lines()).skip(1) {
        for ((ours, theirs), name) in ours.split(',').zip(theirs.split(',')).zip(&names) {
            let tolerance = if *name == "roll_var" { 1e-6 } else { 1e-9 };
            assert!(close(ours, theirs, tolerance), "{name}: {ours} is not {theirs}");
        }
    }
}

/// The day opens with a snapshot and a crossed book; later the spread is a few ticks of a quarter.
#[test]
fn order_events_go_through_the_book() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/databento-es-mbo-20231225/esh4-glbx-mdp3-20231225.mbo.dbn.zst");
    if !day.exists() {
        eprintln!("SKIP order_events_go_through_the_book: no recorded data on this machine");
        return;
    }
    let output = bot4_ml(&["features", "--data", day.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let last: Vec<f64> =
        text.lines().last().unwrap().split(',').map(|field| field.parse().unwrap()).collect();
    let (mid, spread) = (last[2], last[5]);
    assert!((4_700.0..5_000.0).contains(&mid) && (0.25..2.0).contains(&spread), "{last:?}");
    assert_eq!((spread / 0.25).fract(), 0.0, "whole ticks");
    assert!(text.lines().count() > 10_000, "a quote for every complete change");
}

#[test]
fn a_broken_databento_file_is_an_error_that_says_where() {
    let (_dir, path) = recording("x.dbn", b"DBN\x03 and nothing more");
    let output = bot4_ml(&["features", "--data", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("x.dbn") && stderr(&output).contains("metadata"), "{}", stderr(&output));
}

/// Equal text, or numbers within the relative tolerance.
fn close(ours: &str, theirs: &str, tolerance: f64) -> bool {
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() <= tolerance * theirs.abs().max(1e-6),
        _ => ours == theirs,
    }
}
