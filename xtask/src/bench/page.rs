//! A record as a page of bar charts, a chart per case, with the limit as a line.
use std::fmt::Write as _;

use super::record::{Record, Row};
use crate::html::{drawing, escape, page};

const WIDTH: f64 = 920.0;
/// Where the bars begin, right of the names.
const LEFT: f64 = 300.0;
/// Where the longest bar ends, left of its figure.
const RIGHT: f64 = 760.0;
const STEP: f64 = 24.0;
/// Bars longer than so many times our best are cut, so that ours can be seen.
const LONGEST: f64 = 12.0;

pub(crate) fn of(record: &Record) -> String {
    let machine = &record.machine;
    let mut body = format!(
        "<p class=\"note\">{}, {} cores, kernel {}; time per operation, median of the rounds; bot4's own bars are green; the thin line over a bar is \
         the range of the rounds, the vertical line the limit of the hardware or the transport.</p>\n",
        escape(&machine.cpu),
        machine.cores,
        escape(&machine.kernel)
    );
    for group in in_order(record.rows.iter().map(|row| &row.group)) {
        let _ = writeln!(body, "<h2>{}</h2>", escape(group));
        if let Some(command) = record.commands.get(group) {
            let _ = writeln!(body, "<p class=\"note\"><code>{}</code></p>", escape(command));
        }
        let rows: Vec<&Row> = record.rows.iter().filter(|row| row.group == *group).collect();
        for case in in_order(rows.iter().map(|row| &row.case)) {
            let case_rows: Vec<&Row> = rows.iter().copied().filter(|row| row.case == *case).collect();
            let _ = writeln!(body, "<h3>{}{}</h3>\n{}", escape(case), regime(&case_rows), chart(&case_rows));
        }
    }
    body.push_str(&versions(record));
    page("bot4: side by side", &body)
}

/// Each value once, as they first come.
fn in_order<'a>(values: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut seen = Vec::new();
    values.for_each(|value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
    });
    seen
}

fn regime(rows: &[&Row]) -> String {
    match rows.iter().find_map(|row| Some((row.regime.as_ref()?, row.round_trip_ns?))) {
        Some((regime, ns)) => format!(" <small>({} regime, round trip {ns:.0} ns)</small>", escape(regime)),
        None => String::new(),
    }
}

fn chart(rows: &[&Row]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.median_ns.total_cmp(&b.median_ns));
    let slowest = rows.last().map_or(1.0, |row| row.median_ns);
    let ours = rows.iter().find(|row| row.role == "ours").map_or(slowest, |row| row.median_ns);
    let scale = (RIGHT - LEFT) / slowest.min(LONGEST * ours).max(f64::MIN_POSITIVE);
    let height = STEP * rows.len() as f64 + 6.0;
    let bars = rows.iter().enumerate().map(|(i, row)| bar(row, i as f64 * STEP + 4.0, scale));
    let mut inside: String = bars.collect();
    if let Some(limit) = rows.iter().find_map(|row| row.limit_ns) {
        let x = (LEFT + limit * scale).min(RIGHT);
        let _ = writeln!(
            inside,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\" stroke=\"var(--limit)\" stroke-dasharray=\"3 3\"/>"
        );
    }
    drawing(WIDTH, height, &inside)
}

fn bar(row: &Row, y: f64, scale: f64) -> String {
    let clip = |ns: f64| (LEFT + ns * scale).min(RIGHT);
    let (end, cut) = (clip(row.median_ns), LEFT + row.median_ns * scale > RIGHT + 0.5);
    let (text, middle) = (y + 14.0, y + 9.0);
    let mut svg = format!(
        "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
         <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"18\" rx=\"2\" fill=\"var(--{})\"/>",
        LEFT - 8.0,
        escape(&row.subject),
        (end - LEFT).max(1.0),
        if ["ours", "limit"].contains(&&*row.role) { &*row.role } else { "peer" },
    );
    if !cut {
        let _ = write!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"var(--ink)\"/>",
            clip(row.min_ns),
            clip(row.max_ns)
        );
    }
    let allocations = row.allocs_per_op.filter(|&n| n >= 0.005).map(|n| format!(", {n:.2} allocs"));
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text}\" class=\"soft\">{}{}{}</text>",
        if cut { end } else { clip(row.max_ns).max(end) } + 6.0,
        if cut { "» " } else { "" },
        figure(row.median_ns),
        allocations.unwrap_or_default()
    );
    svg
}

/// Three significant digits in the unit that fits.
fn figure(ns: f64) -> String {
    match ns {
        ns if ns < 10.0 => format!("{ns:.2} ns"),
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10e6 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

fn versions(record: &Record) -> String {
    let list: Vec<String> = record
        .versions
        .iter()
        .map(|(name, version)| format!("{} {}", escape(name), escape(version)))
        .collect();
    if list.is_empty() {
        return String::new();
    }
    format!("<h2>Versions</h2>\n<p class=\"note\">{}</p>\n", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::{Machine, row};

    #[test]
    fn every_subject_has_a_bar_and_a_slow_one_does_not_hide_the_others() {
        let rows = vec![
            row("get", "ours & co", "ours", 10.0),
            row("get", "slow", "peer", 5_000.0),
            row("get", "limit", "limit", 1.0),
        ];
        let machine = Machine { cpu: "cpu".into(), cores: 2, kernel: "k".into() };
        let page = of(&Record { rows, ..Record::empty(machine) });
        assert_eq!(page.matches("<rect").count(), 3);
        assert!(page.contains("ours &amp; co") && page.contains("» 5000 ns"), "{page}");
        let widest = (RIGHT - LEFT) / LONGEST;
        assert!(page.contains(&format!("width=\"{widest:.1}\"")), "ours is a twelfth of the widest\n{page}");
    }
}
