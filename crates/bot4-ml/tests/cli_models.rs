//! From quotes to decisions on the command line: simulate, train, eval, inspect, run.
#![cfg(feature = "cli")]
#![allow(clippy::print_stdout)] // a skipped test says so

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bot4-ml"));
    command.args(args).env_remove("BOT4_ISA");
    command
}

fn bot4_ml(args: &[&str]) -> Output {
    command(args).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A simulated recording and a model trained on it, made once.
struct Made {
    _folder: TempDir,
    quotes: PathBuf,
    model: PathBuf,
    report: Value,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let (quotes, model) = (folder.path().join("quotes.csv"), folder.path().join("model.safetensors"));
    stdout(&bot4_ml(&["simulate", "--seed", "7", "--events", "20000", "--out", quotes.to_str().unwrap()]));
    let report = stdout(&bot4_ml(&[
        "train",
        "--data",
        quotes.to_str().unwrap(),
        "--out",
        model.to_str().unwrap(),
        "--epochs",
        "5",
        "--json",
    ]));
    Made { quotes, model, report: serde_json::from_str(&report).unwrap(), _folder: folder }
});

fn quotes() -> &'static str {
    MADE.quotes.to_str().unwrap()
}

fn model() -> &'static str {
    MADE.model.to_str().unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&bot4_ml(args))).unwrap()
}

#[test]
fn the_same_seed_simulates_the_same_market_and_another_does_not() {
    let of = |seed| stdout(&bot4_ml(&["simulate", "--seed", seed, "--events", "500"]));
    let first = of("3");
    assert_eq!(first.lines().count(), 501);
    assert_eq!(first, of("3"));
    assert_ne!(first, of("4"));
    assert!(fs::read_to_string(&MADE.quotes).unwrap().starts_with("local_ns,event_ms"));
}

#[test]
fn a_trained_model_is_scored_the_same_by_train_and_by_eval() {
    let trained = &MADE.report["scores"];
    assert!(trained["macro_f1"].as_f64().unwrap() > 0.4, "{trained}");
    assert!(trained["auc_moving"].as_f64().unwrap() > 0.6, "{trained}");
    // The last 30 % less the gap of fifty are what train scored.
    let rows = trained["rows"].as_u64().unwrap() as f64;
    let share = format!("{}", rows / (MADE.report["learnt_rows"].as_u64().unwrap() as f64 + rows + 50.0));
    let scored = json(&["eval", "--data", quotes(), "--model", model(), "--last-share", &share, "--json"]);
    for key in ["rows", "accuracy", "macro_f1", "log_loss", "brier", "auc_moving"] {
        assert_eq!(scored[key], trained[key], "{key}");
    }
    assert_eq!(scored["classes"][2]["name"], "up");
    let text = stdout(&bot4_ml(&["eval", "--data", quotes(), "--model", model()]));
    assert!(text.contains("macro F1") && text.contains("latency"), "{text}");
}

#[test]
fn the_same_seed_trains_the_same_file() {
    let folder = TempDir::new().unwrap();
    let train = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        let out = path.to_str().unwrap();
        stdout(&bot4_ml(&[
            "train",
            "--data",
            quotes(),
            "--out",
            out,
            "--model",
            "mlp",
            "--hidden",
            "8,4",
            "--epochs",
            "1",
            "--seed",
            seed,
        ]));
        fs::read(path).unwrap()
    };
    let first = train("a", "1");
    assert_eq!(first, train("b", "1"));
    assert_ne!(first, train("c", "2"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside the files");
}

#[test]
fn the_page_stands_alone_and_shows_every_plot() {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("report.html");
    stdout(&bot4_ml(&["eval", "--data", quotes(), "--model", model(), "--html", page.to_str().unwrap()]));
    let page = fs::read_to_string(page).unwrap();
    for part in [
        "<h2>ROC</h2>",
        "<h2>Calibration</h2>",
        "<h2>Classes</h2>",
        "<h2>Latency of one row</h2>",
        "polyline",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["http:", "https:", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in a page that stands alone");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn inspect_says_what_a_file_holds() {
    let report = json(&["inspect", model(), "--json"]);
    assert_eq!((&report["kind"], &report["outputs"]), (&"mlp".into(), &3.into()));
    assert_eq!(report["features"].as_array().unwrap().len(), 8);
    assert_eq!(report["classes"], serde_json::json!(["down", "flat", "up"]));
    assert_eq!(report["standardizer"]["rows"], MADE.report["learnt_rows"]);
    let text = stdout(&bot4_ml(&["inspect", model()]));
    assert!(text.contains("layer 0    8 -> 3 softmax") && text.contains("feature    qi"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_model_may_come_from_a_pipe() {
    let mut inspect = command(&["inspect", "/dev/stdin"]);
    let mut child = inspect.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(model()).unwrap()).unwrap();
    let text = stdout(&child.wait_with_output().unwrap());
    assert!(text.contains("layer 0    8 -> 3 softmax"), "{text}");
}

#[test]
fn tables_with_and_without_a_header_are_learnt_from() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let wave = |i: i32| (f64::from(i) * 0.37).sin();
    let class: String =
        (0..400).map(|i| format!("{}\t{}\t{i}\n", u8::from(wave(i) > 0.0), wave(i))).collect();
    let number: String = (0..400).map(|i| format!("{},{}\n", wave(i), 3.0 * wave(i) - 1.0)).collect();
    let out = folder.path().join("m");
    let out = out.to_str().unwrap();
    let train = |args: &[&str]| {
        let all =
            [&["train", "--out", out, "--json", "--learning-rate", "0.05", "--epochs", "40"], args].concat();
        json(&all)
    };
    let by_number = train(&["--data", &write("class.tsv", class.clone()), "--label", "0"]);
    assert!(by_number["scores"]["accuracy"].as_f64().unwrap() > 0.95, "{by_number}");
    assert_eq!(json(&["inspect", out, "--json"])["kind"], "logistic_regression");
    // With the byte order mark that spreadsheets write, which is no part of the first name.
    let named = write("class.csv", format!("\u{feff}y;wave;i\n{}", class.replace('\t', ";")));
    let by_name = train(&["--data", &named, "--label", "y"]);
    assert_eq!(by_name["features"], serde_json::json!(["wave", "i"]));
    assert_eq!(by_name["scores"]["accuracy"], by_number["scores"]["accuracy"]);
    let line = train(&["--data", &write("number.csv", number)]);
    assert!(line["scores"]["r2"].as_f64().unwrap() > 0.99, "{line}");
    assert_eq!(json(&["inspect", out, "--json"])["kind"], "linear_regression");
}

#[test]
fn what_does_not_fit_is_an_error_that_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ragged = path("ragged.csv", b"a,b\n1,2\n3\n");
    let words = path("words.csv", b"a,b\n1,2\n3,x\n");
    let infinite = path("infinite.csv", b"a,b\n1,0\ninf,1\n");
    let small = path("small.csv", b"a,b\n1,0\n2,1\n3,0\n");
    let bytes = path("bytes.csv", &[0xff, 0xfe, 0x00]);
    let junk = path("junk.safetensors", b"junk");
    let packed = path("packed.csv", &zstd::encode_all(&b"a,b\n1,0\n2,1\n"[..], 1).unwrap());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for (args, want) in [
        (&["train", "--data", &ragged, "--out", out][..], "line 3: 1 columns, the first line has 2"),
        (&["train", "--data", &words, "--out", out], "line 3: column 1 (b): \"x\" is no number"),
        (&["train", "--data", &infinite, "--out", out], "row 1, column a: inf is no finite number"),
        (&["train", "--data", &bytes, "--out", out], "line 1: not text"),
        (&["train", "--data", &small, "--label", "c", "--out", out], "no column \"c\"; the columns are a, b"),
        (&["train", "--data", &small, "--model", "linear", "--out", out], "--task number overrides"),
        (&["train", "--data", &packed, "--compression", "none", "--out", out], "--compression overrides"),
        (&["train", "--data", &packed, "--compression", "gzip", "--out", out], "broken gzip"),
        (&["train", "--data", &small, "--out", "/no/such/folder/m"], "/no/such/folder/m"),
        (&["eval", "--data", quotes(), "--model", &junk], "too short for a header"),
        (&["eval", "--data", &small, "--model", model()], "the model takes 8 features, the data has 1"),
        (&["eval", "--data", &small, "--model", "absent"], "absent: cannot read"),
        (&["inspect", &junk], "junk.safetensors"),
        (&["features", "--data", &small], "is a table"),
        (&["run", "--data", &small, "--model", model()], "not the header of a book ticker"),
        (&["simulate", "--events", "1", "--out", "/no/such/folder/q"], "cannot write"),
    ] {
        let output = bot4_ml(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(want), "{args:?}: {} should contain {want}", stderr(&output));
    }
    assert!(!Path::new(out).exists(), "a failed command leaves no file");
    for (args, named) in [
        (&["train", "--data", "x"][..], "--out"),
        (&["train", "--data", "x", "--out", "y", "--train-share", "1.5"], "at most 1"),
        (&["train", "--data", "x", "--out", "y", "--learning-rate", "0"], "above 0"),
        (&["eval", "--data", "x"], "--model"),
        (&["run", "--data", "-", "--model", "m", "--metrics-addr", "here"], "PORT"),
        (&["completions", "tcsh"], "tcsh"),
    ] {
        let output = bot4_ml(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn every_command_has_help_with_examples_and_every_shell_its_completions() {
    for name in ["train", "eval", "run", "simulate", "features", "inspect", "completions"] {
        let help = stdout(&bot4_ml(&["help", name]));
        assert!(help.contains("Example") && help.contains(&format!("bot4-ml {name}")), "{help}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&bot4_ml(&["completions", shell]));
        assert!(script.contains("simulate") && script.contains("metrics-addr"), "{shell}");
    }
}

#[test]
fn a_stream_and_a_file_are_decided_alike_as_csv_and_as_json() {
    let args = ["run", "--model", model(), "--threshold", "0.05", "--data"];
    let from_file = bot4_ml(&[&args[..], &[quotes()]].concat());
    let csv = stdout(&from_file);
    let piped = command(&[&args[..], &["-"]].concat()).stdin(fs::File::open(&MADE.quotes).unwrap()).output();
    assert_eq!(csv, stdout(&piped.unwrap()));
    let lines: Vec<Value> = stdout(&bot4_ml(&[&args[..], &[quotes(), "--output", "jsonl"]].concat()))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), lines.len());
    assert!(rows.len() > 100, "orders are wanted: {}", rows.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!((row[0], row[4]), (&*line["ts"].to_string(), line["action"].as_str().unwrap()));
        assert_eq!(row[6], line["px"].as_str().unwrap());
        assert_eq!(row[8], line["reason"].as_str().unwrap_or_default());
    }
    assert!(rows.iter().any(|row| row[4] == "buy") && rows.iter().any(|row| row[4] == "sell"));
    assert!(stderr(&from_file).starts_with("20000 quotes, "), "{}", stderr(&from_file));
    let all = stdout(&bot4_ml(&[&args[..], &[quotes(), "--all"]].concat()));
    assert_eq!(all.lines().count(), 1 + 20_000 - 63, "every quote with a full window");
}

#[test]
fn a_bad_row_stops_the_run_with_its_line_or_is_left_out_and_counted() {
    let mut text = fs::read_to_string(&MADE.quotes).unwrap();
    let third = text.match_indices('\n').nth(2).unwrap().0;
    text.insert_str(third + 1, "1,,,x,1,1,1\n");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bad.csv");
    fs::write(&path, text).unwrap();
    let args = ["run", "--model", model(), "--data", path.to_str().unwrap()];
    let output = bot4_ml(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("bad.csv: line 4, byte"), "{}", stderr(&output));
    let output = bot4_ml(&[&args[..], &["--skip-bad-rows"]].concat());
    assert!(
        output.status.success() && stderr(&output).contains("1 rows could not be read"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_limits_of_a_file_are_those_of_the_risk_check() {
    const LIMITS: &str = "instrument = 3\ntick = 0.01\nlot = 0.5\norder_qty_max = 0.5\norder_notional_max = 1_000_000\n\
                          collar_bps = 100\nquote_age_ns_max = 1_000_000_000\nposition_max = 1\n\
                          open_notional_max = 1_000_000\nloss_max = 1_000_000\nrate_orders_max = 1_000\n\
                          rate_window_ns = 1_000_000_000\n";
    let folder = TempDir::new().unwrap();
    let run = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let limits = path.to_str().unwrap();
        bot4_ml(&["run", "--data", quotes(), "--model", model(), "--threshold", "0.05", "--limits", limits])
    };
    let few = stdout(&run("few.toml", LIMITS));
    let many = stdout(&run("many.toml", &LIMITS.replace("position_max = 1\n", "position_max = 1_000\n")));
    let denied = |text: &str| text.lines().filter(|line| line.split(',').nth(4) == Some("denied")).count();
    assert!(denied(&few) > denied(&many), "{} and {}", denied(&few), denied(&many));
    assert!(few.lines().skip(1).all(|line| line.split(',').nth(7) == Some("0.5")), "half a unit an order");
    for (from, to, want) in [
        ("tick = 0.01", "tick = x", "bad.toml: line 2"),
        ("lot = 0.5\n", "", "bad.toml: limit `lot` is missing"),
        ("lot = 0.5", "lot = 0.5\nlots = 1", "no limit `lots`"),
    ] {
        let output = run("bad.toml", &LIMITS.replace(from, to));
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(want), "{} should contain {want}", stderr(&output));
    }
    let absent = bot4_ml(&["run", "--data", quotes(), "--model", model(), "--limits", "absent.toml"]);
    assert!(stderr(&absent).contains("absent.toml: cannot read"), "{}", stderr(&absent));
}

/// A run on a pipe that stays open, the first quotes already written.
fn running(extra: &[&str]) -> Child {
    let args = [&["run", "--data", "-", "--all", "--model", model()], extra].concat();
    let mut child =
        command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = fs::read_to_string(&MADE.quotes).unwrap();
    let start: String = text.lines().take(1 + 100).map(|line| format!("{line}\n")).collect();
    child.stdin.as_mut().unwrap().write_all(start.as_bytes()).unwrap();
    child
}

#[test]
fn decisions_leave_the_pipe_before_more_input_comes_and_ctrl_c_drains_and_reports() {
    let mut child = running(&[]);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    // 100 quotes, 63 of them for the window: the header and 37 decisions come while the pipe stays open.
    for _ in 0..38 {
        out.next().unwrap().unwrap();
    }
    let pipe = child.stdin.take(); // stays open: only the interrupt can end the run
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let status = child.wait().unwrap();
    drop(pipe);
    let mut report = String::new();
    child.stderr.take().unwrap().read_to_string(&mut report).unwrap();
    assert!(status.success(), "{report}");
    assert!(report.contains("interrupted") && report.contains("100 quotes"), "{report}");
}

/// An interrupt must not turn the half of a line that has come into a quote of other numbers.
#[test]
fn ctrl_c_decides_nothing_about_half_a_line() {
    let mut child = running(&[]);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    (0..38).for_each(|_| drop(out.next().unwrap().unwrap()));
    let text = fs::read_to_string(&MADE.quotes).unwrap();
    let line = text.lines().nth(101).unwrap();
    let pipe = child.stdin.as_mut().unwrap();
    pipe.write_all(&line.as_bytes()[..line.len() - 1]).unwrap();
    pipe.flush().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let pipe = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(pipe);
    assert!(output.status.success() && stderr(&output).contains("100 quotes"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly_while_quotes_still_come() {
    let mut child = running(&[]);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    (0..38).for_each(|_| drop(out.next().unwrap().unwrap()));
    drop(out);
    let text = fs::read_to_string(&MADE.quotes).unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // The run ends at the next decision it cannot write; then this pipe is closed, too.
    let written = text.lines().skip(101).try_for_each(|line| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        writeln!(pipe, "{line}")
    });
    assert!(written.is_err(), "the run ended before its input");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && !stderr(&output).contains("stdout"), "{}", stderr(&output));
}

#[test]
fn packed_streams_and_tardis_quotes_are_detected() {
    let folder = TempDir::new().unwrap();
    let plain = fs::read(&MADE.quotes).unwrap();
    let args = ["run", "--model", model(), "--threshold", "0.05", "--data"];
    let want = stdout(&bot4_ml(&[&args[..], &[quotes()]].concat()));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    for (name, packed) in
        [("q.zst", zstd::encode_all(&plain[..], 1).unwrap()), ("q.gz", gzip.finish().unwrap())]
    {
        let path = folder.path().join(name);
        fs::write(&path, packed).unwrap();
        assert_eq!(want, stdout(&bot4_ml(&[&args[..], &[path.to_str().unwrap()]].concat())), "{name}");
        let piped = command(&[&args[..], &["-"]].concat()).stdin(fs::File::open(&path).unwrap()).output();
        assert_eq!(want, stdout(&piped.unwrap()), "{name} through a pipe");
        let plain = bot4_ml(&[&args[..], &[path.to_str().unwrap(), "--compression", "none"]].concat());
        assert_eq!(plain.status.code(), Some(1), "what is said overrides what is seen");
    }
    // The same quotes as Tardis writes them, whose times are whole microseconds.
    let mut tardis =
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n".to_owned();
    for line in String::from_utf8(plain).unwrap().lines().skip(1) {
        let field: Vec<&str> = line.split(',').collect();
        let us = &field[0][..field[0].len() - 3];
        tardis += &format!("x,y,{us},{us},{},{},{},{}\n", field[7], field[6], field[4], field[5]);
    }
    let path = folder.path().join("tardis.csv");
    fs::write(&path, &tardis).unwrap();
    let got = stdout(&bot4_ml(&[&args[..], &[path.to_str().unwrap()]].concat()));
    let without_time = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once(',').unwrap().1.to_owned()).collect()
    };
    assert_eq!(without_time(&want), without_time(&got));
    let features = stdout(&bot4_ml(&["features", "--data", path.to_str().unwrap()]));
    assert_eq!(features.lines().count(), 20_001, "a file of them is detected, too");
    fs::write(&path, tardis.replacen("\nx,y,", "\nx,z,", 2).replacen("x,z,", "x,y,", 1)).unwrap();
    let other = bot4_ml(&[&args[..], &[path.to_str().unwrap()]].concat());
    assert!(stderr(&other).contains("line 3, field symbol"), "{}", stderr(&other));
}

/// The simulated quotes as a LOBSTER pair, in dollars x 10,000: a market of this tick is the same market.
#[test]
fn a_lobster_pair_is_run_by_its_name_or_when_told() {
    let folder = TempDir::new().unwrap();
    let (mut messages, mut book) = (String::new(), String::new());
    let text = fs::read_to_string(&MADE.quotes).unwrap();
    for (second, line) in text.lines().skip(1).take(500).enumerate() {
        let field: Vec<&str> = line.split(',').collect();
        let price = |at: usize| (field[at].parse::<f64>().unwrap() * 1e4).round();
        messages += &format!("{}.5,1,{second},1,{},1\n", 34_200 + second, price(4));
        book += &format!("{},{},{},{}\n", price(6), field[7], price(4), field[5]);
    }
    let (day, other) = ("X_2020-01-02_1_2", folder.path().join("day.csv"));
    let named = |part: &str| folder.path().join(format!("{day}_{part}_1.csv"));
    fs::write(named("message"), messages).unwrap();
    fs::write(named("orderbook"), &book).unwrap();
    fs::write(&other, book).unwrap();
    let run = |path: &Path, more: &[&str]| {
        bot4_ml(&[&["run", "--all", "--model", model(), "--data", path.to_str().unwrap()], more].concat())
    };
    let rows = stdout(&run(&named("orderbook"), &[]));
    assert_eq!(rows.lines().count(), 1 + 500 - 63, "every quote with a full window");
    assert_eq!(rows, stdout(&run(&named("message"), &["--format", "lobster"])));
    for (path, format, want) in [
        (named("orderbook"), "binance-quotes", "not the header of a book ticker"),
        (other, "lobster", "neither `_message_` nor `_orderbook_`"),
        (MADE.quotes.clone(), "tardis-quotes", "not the header of Tardis quotes"),
        (MADE.quotes.clone(), "table", "a table has no quotes"),
        (MADE.quotes.clone(), "dbn", "metadata"),
        (PathBuf::from("-"), "lobster", "pair of files"),
    ] {
        let output = run(&path, &["--format", format]);
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(stderr(&output).contains(want), "{} should contain {want}", stderr(&output));
    }
}

/// A quote of the simulated recording.
struct Row {
    ts: u64,
    bid: (i64, u32),
    ask: (i64, u32),
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(&MADE.quotes).unwrap();
    let row = |line: &str| {
        let field: Vec<&str> = line.split(',').collect();
        let side = |px: &str, qty: &str| {
            ((px.parse::<f64>().unwrap() * 1e9).round() as i64, qty.parse::<f64>().unwrap() as u32)
        };
        Row { ts: field[0].parse().unwrap(), bid: side(field[4], field[5]), ask: side(field[6], field[7]) }
    };
    text.lines().skip(1).map(row).collect()
}

/// What a file of Databento's starts with, of version 2 and this schema, without symbols.
fn databento_metadata(schema: u16) -> Vec<u8> {
    let mut bytes = b"DBN\x02".to_vec();
    bytes.extend(120_u32.to_le_bytes());
    bytes.extend(b"GLBX.MDP3\0\0\0\0\0\0\0");
    bytes.extend(schema.to_le_bytes());
    bytes.extend([0; 8 + 8 + 8]); // start, end, limit
    bytes.extend([0, 0, 0]); // kinds of symbols, no sending times
    bytes.extend(71_u16.to_le_bytes());
    bytes.resize(8 + 120, 0);
    bytes
}

/// The start of a record: its length, kind, instrument.
fn databento_header(length: u8, kind: u8) -> Vec<u8> {
    let mut bytes = vec![length / 4, kind, 1, 0];
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend([0; 8]); // the time at the venue
    bytes
}

/// The best prices of a row as one record.
fn databento_quote(row: &Row) -> Vec<u8> {
    let mut bytes = databento_header(80, 1);
    bytes.extend([0; 8 + 4]); // of the event: price, size
    bytes.extend(*b"AN\0\0");
    bytes.extend(row.ts.to_le_bytes());
    bytes.extend([0; 4 + 4]); // delay, sequence
    bytes.extend(row.bid.0.to_le_bytes());
    bytes.extend(row.ask.0.to_le_bytes());
    bytes.extend(row.bid.1.to_le_bytes());
    bytes.extend(row.ask.1.to_le_bytes());
    bytes.extend([0; 4 + 4]); // counts of orders
    bytes
}

/// The same as order events: the book is emptied, then each side gets its one order.
fn databento_orders(row: &Row) -> Vec<u8> {
    let event = |id: u64, px: i64, qty: u32, flags: u8, action: u8, side: u8| {
        let mut bytes = databento_header(56, 160);
        bytes.extend(id.to_le_bytes());
        bytes.extend(px.to_le_bytes());
        bytes.extend(qty.to_le_bytes());
        bytes.extend([flags, 0, action, side]);
        bytes.extend(row.ts.to_le_bytes());
        bytes.extend([0; 4 + 4]);
        bytes
    };
    [
        event(0, i64::MAX, 0, 0, b'R', b'N'),
        event(1, row.bid.0, row.bid.1, 0, b'A', b'B'),
        event(2, row.ask.0, row.ask.1, 128, b'A', b'A'),
    ]
    .concat()
}

/// Of each record the first half is written, and the rest only when the decision about the one before has come.
#[test]
fn databento_records_are_decided_about_as_they_come() {
    let want = stdout(&bot4_ml(&["run", "--data", quotes(), "--all", "--model", model()]));
    for (schema, encode) in [(0, databento_orders as fn(&Row) -> Vec<u8>), (1, databento_quote)] {
        let mut child = command(&["run", "--data", "-", "--all", "--model", model()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&databento_metadata(schema)).unwrap();
        let mut want = want.lines();
        for (number, row) in rows().iter().take(80).enumerate() {
            let bytes = encode(row);
            pipe.write_all(&bytes[..30]).unwrap();
            pipe.flush().unwrap();
            if number == 63 {
                assert_eq!(out.next().unwrap().unwrap(), want.next().unwrap(), "the header");
            }
            if number > 63 {
                assert_eq!(out.next().unwrap().unwrap(), want.next().unwrap(), "of quote {number}");
            }
            pipe.write_all(&bytes[30..]).unwrap();
        }
        pipe.write_all(&[20, 1, 0]).unwrap();
        drop(pipe); // in the middle of a record
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let end = 8 + 120 + 80 * encode(&rows()[0]).len() + 3;
        assert!(stderr(&output).contains(&format!("stdin: byte {end}, field record")), "{}", stderr(&output));
    }
}

#[test]
fn a_databento_file_is_run_packed_and_from_a_pipe() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/databento-es-mbo-20231225/esh4-glbx-mdp3-20231225.mbo.dbn.zst");
    if !day.exists() {
        println!("SKIP a_databento_file_is_run_packed_and_from_a_pipe: no recorded data on this machine");
        return;
    }
    let args = ["run", "--all", "--model", model(), "--data"];
    let want = stdout(&bot4_ml(&[&args[..], &[day.to_str().unwrap()]].concat()));
    let features = stdout(&bot4_ml(&["features", "--data", day.to_str().unwrap()]));
    assert!(want.lines().count() > 10_000 && want.lines().count() <= features.lines().count());
    let piped = command(&[&args[..], &["-"]].concat()).stdin(fs::File::open(&day).unwrap()).output();
    assert_eq!(want, stdout(&piped.unwrap()));
}

#[test]
fn help_fits_a_terminal_of_80_columns_and_has_no_colour_where_none_is_wanted() {
    for name in ["", "train", "eval", "run", "simulate", "features", "inspect", "completions"] {
        let help = |columns: &str, flag: &str| {
            let args: Vec<&str> = [name, flag].into_iter().filter(|arg| !arg.is_empty()).collect();
            let mut command = command(&args);
            stdout(&command.env("COLUMNS", columns).env("NO_COLOR", "1").output().unwrap())
        };
        for flag in ["--help", "-h"] {
            let text = help("80", flag);
            let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{name} {flag}: {wide:#?}");
            assert!(!text.contains('\x1b'), "{name} {flag}");
        }
    }
    let mut failing = command(&["run"]);
    let output = failing.env("NO_COLOR", "1").output().unwrap();
    assert!(!stderr(&output).contains('\x1b'), "{}", stderr(&output));
}

#[test]
fn metrics_are_served_on_the_loopback() {
    let mut child = running(&["--metrics-addr", "0"]);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    (0..38).for_each(|_| drop(out.next().unwrap().unwrap()));
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("metrics on http://").unwrap().strip_suffix("/metrics").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let metrics = get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("quotes_total 100"), "{metrics}");
    assert!(get("/").starts_with("HTTP/1.1 404"));
    drop(child.stdin.take()); // the end of the input ends the run
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_model_of_other_features_is_not_run() {
    let folder = TempDir::new().unwrap();
    let (table, out) = (folder.path().join("t.csv"), folder.path().join("m"));
    fs::write(&table, "a,y\n1,0\n2,1\n3,0\n4,1\n").unwrap();
    let (table, out) = (table.to_str().unwrap(), out.to_str().unwrap());
    stdout(&bot4_ml(&["train", "--data", table, "--out", out]));
    let output = bot4_ml(&["run", "--data", quotes(), "--model", out]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("takes other features"), "{}", stderr(&output));
}

/// The recorded perpetual: published scores of a logistic model and of a network of one hidden layer.
#[test]
fn the_recorded_perpetual_is_learnt_as_published() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/binance-btcusdt-20240808/usdm_btcusdt_20240808.bookticker.csv.zst");
    if !recording.exists() {
        println!("SKIP the_recorded_perpetual_is_learnt_as_published: no recorded data on this machine");
        return;
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("m");
    let network = ["--batch", "256", "--l2", "0.001"];
    for (kind, options, macro_f1, auc_moving) in
        [("logistic", &[][..], 0.499, 0.863), ("mlp", &network, 0.544, 0.871)]
    {
        let (data, out) = (recording.to_str().unwrap(), out.to_str().unwrap());
        let train = ["train", "--data", data, "--out", out, "--json", "--model", kind];
        let report = json(&[&train[..], options].concat());
        let score = |key: &str| report["scores"][key].as_f64().unwrap();
        println!(
            "{kind}: macro F1 {:.4} (published {macro_f1}), AUC {:.4} (published {auc_moving})",
            score("macro_f1"),
            score("auc_moving")
        );
        assert!(score("macro_f1") >= macro_f1 - 0.01, "{kind}: {}", score("macro_f1"));
        assert!(score("auc_moving") >= auc_moving - 0.005, "{kind}: {}", score("auc_moving"));
    }
}
