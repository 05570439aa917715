//! A record's rows as a table in Markdown.
use std::fmt::Write as _;

use super::Dated;
use crate::bench::record::{Machine, Row};
use crate::failure::{Failure, Result};
use crate::validate::number;

/// The table of what a block asks for: `validation`, or cases as `group/case`.
pub(super) fn of(wanted: &str, records: &[Dated]) -> Result<String> {
    let missing = |what: &str| {
        let failure = Failure::new(format!("no record holds {what}"));
        failure.advise("measure it: `cargo xtask bench --record` or `cargo xtask validate --record`")
    };
    if wanted == "validation" {
        let dated = records.iter().find(|dated| !dated.record.validation.is_empty());
        return dated.map(validation).ok_or_else(|| missing(wanted));
    }
    let mut text =
        String::from("| case | bot4 | best of the others | theirs / ours |\n| --- | --- | --- | --- |\n");
    let (mut sources, mut distance) = (Vec::<String>::new(), None);
    for name in wanted.split_whitespace() {
        let (group, case) = name.split_once('/').unwrap_or((name, ""));
        let rows = |dated: &Dated| -> Vec<Row> {
            let of_case = |row: &&Row| row.group == group && row.case == case;
            dated.record.rows.iter().filter(of_case).cloned().collect()
        };
        let found = records.iter().map(|dated| (dated, rows(dated))).find(|(_, rows)| !rows.is_empty());
        let (dated, rows) = found.ok_or_else(|| missing(name))?;
        text.push_str(&line(case, &rows));
        let source = source(dated, group);
        if !sources.contains(&source) {
            sources.push(source);
        }
        distance = rows.iter().find_map(|row| row.regime.clone()).or(distance);
    }
    let _ = write!(text, "\nns per operation, median of the rounds and their range. {}", sources.join("; "));
    let distance = distance.map(|regime| match regime.as_str() {
        "near" => "; cores near each other".to_owned(),
        regime => format!("; cores {regime} from each other"),
    });
    let _ = writeln!(text, "{}.", distance.unwrap_or_default());
    Ok(text)
}

/// Our best and the best of the others.
fn line(case: &str, rows: &[Row]) -> String {
    let best = |role: &str| {
        let of_role = rows.iter().filter(|row| row.role == role);
        of_role.min_by(|a, b| a.median_ns.total_cmp(&b.median_ns))
    };
    let cell = |row: Option<&Row>| match row {
        Some(row) if row.min_ns == row.max_ns => format!("{} {}", row.subject, ns(row.median_ns)),
        Some(row) => {
            format!("{} {} ({} to {})", row.subject, ns(row.median_ns), ns(row.min_ns), ns(row.max_ns))
        }
        None => String::new(),
    };
    let ratio = best("ours").zip(best("peer")).map(|(ours, peer)| peer.median_ns / ours.median_ns);
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    format!("| `{case}` | {} | {} | {ratio} |\n", cell(best("ours")), cell(best("peer")))
}

/// Where the figures come from.
fn source(dated: &Dated, group: &str) -> String {
    let command = dated.record.commands.get(group).map_or("", |command| command);
    format!("`{command}`, {}, {}", dated.day, machine(&dated.record.machine))
}

fn machine(machine: &Machine) -> String {
    format!("{}, {} cores", machine.cpu.replace("(R)", ""), machine.cores)
}

fn ns(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn validation(dated: &Dated) -> String {
    let mut text = String::from("| | old | optimised | better | asked |\n| --- | --- | --- | --- | --- |\n");
    for line in &dated.record.validation {
        let (old, new) = (number(line.old), number(line.new));
        let _ = writeln!(text, "| {} | {old} | {new} | {} | {} |", line.name, line.times(), line.verdict());
    }
    let machine = machine(&dated.record.machine);
    let _ = writeln!(text, "\n`cargo xtask validate`, {}, {machine}.", dated.day);
    text
}
