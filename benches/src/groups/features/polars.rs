//! Polars' rolling functions, on one thread. They have no interface but Python's and take whole columns, so they run in a program of their
//! own, over a column so long that calling them and asking for it do not count.

use super::{VALUES, WINDOW, mids};
use crate::case::{Case, Lane};
use crate::program::Program;
use std::hint::black_box;
use std::process::{Command, Stdio};

const NAME: &str = "polars, a column";

/// The values come round so many times in the column.
const ROUNDS: usize = 16;
const COLUMN: u64 = (ROUNDS * VALUES) as u64;

/// Of each count calls the function so many times and answers the last value.
const SCRIPT: &str = r#"
import sys
import polars
function, window, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
column = polars.Series([float(value) for value in sys.stdin.readline().split()] * rounds)
call = getattr(column, function)
print(len(column), flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        result = call(window)
    print(result[-1], flush=True)
"#;

/// Adds the row of a case, if Python has polars.
pub(super) fn join(case: Case) -> Case {
    if !["rolling_min", "rolling_max", "rolling_sum", "rolling_std"].contains(&case.name) {
        return case;
    }
    match lane(case.name) {
        Ok(lane) => case.unaudited_peer(NAME, [lane]).in_runs_of(COLUMN),
        Err(why) => {
            println!("SKIP {}, {NAME}: {why}", case.name);
            case
        }
    }
}

fn lane(function: &str) -> Result<Lane, String> {
    let mids = mids();
    let mut program = Program::start(
        Command::new("python3")
            .args(["-c", SCRIPT, function])
            .args([WINDOW.to_string(), ROUNDS.to_string()])
            .env("POLARS_MAX_THREADS", "1")
            .stderr(Stdio::null()),
    )?;
    let values: Vec<String> = mids.iter().map(f64::to_string).collect();
    let length = program.ask(values.join(" ")).map_err(|_| "python3 has no polars")?;
    let (found, expected) = (program.ask(1)?, of_window(function, &mids[VALUES - WINDOW..]));
    // Of equal values a deviation is what rounding leaves of it.
    if length != COLUMN as f64 || (found - expected).abs() > 1e-6 * expected.max(1e-3) {
        return Err(format!("its result is {found}, and not {expected}"));
    }
    Ok(Box::new(move |operations| {
        black_box(program.ask(operations / COLUMN).expect("it answered before"));
    }))
}

/// The same of one window, in the plainest way.
fn of_window(function: &str, window: &[f64]) -> f64 {
    let sum = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>();
    let total = sum(&mut window.iter().copied());
    let mean = total / window.len() as f64;
    match function {
        "rolling_min" => window.iter().copied().fold(f64::INFINITY, f64::min),
        "rolling_max" => window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "rolling_sum" => total,
        _ => (sum(&mut window.iter().map(|x| (x - mean).powi(2))) / (window.len() - 1) as f64).sqrt(),
    }
}
