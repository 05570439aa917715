//! The report as a page: the interval of every comparison, latencies by build, the time of every stage.
use std::fmt::Write as _;

use super::measure::{Comparison, Latency};
use super::report::{Report, StageTime};
use crate::html::{drawing, escape, page};

const WIDTH: f64 = 920.0;
/// Where plots begin, right of the names, and end, left of the figures.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 740.0;
const STEP: f64 = 26.0;

pub(crate) fn of(report: &Report) -> String {
    let mut body = format!(
        "<p class=\"note\">{}; {}; {}</p>\n",
        escape(&report.cpu),
        escape(&report.rustc),
        escape(&report.llvm_profdata)
    );
    for decision in &report.decisions {
        let class = match decision.verdict.to_string().as_str() {
            "keep" => "good",
            "drop" => "bad",
            _ => "",
        };
        let _ = writeln!(
            body,
            "<p><b>{}</b> against {}: {} of its CPU time on the unseen workloads: <b class=\"{class}\">{}</b></p>",
            escape(decision.build),
            escape(decision.against),
            decision.ratio,
            decision.verdict
        );
    }
    let _ = writeln!(body, "<p>The binary is that of: <b>{}</b></p>", escape(report.chosen));
    if !report.comparisons.is_empty() {
        let _ = writeln!(
            body,
            "<h2>CPU time, new over old</h2>\n<p class=\"note\">The median of {} interleaved rounds with its 95 % \
             bootstrap interval; left of the line is faster. Workloads marked * were trained on and decide nothing.</p>\n{}",
            report.rounds,
            intervals(&report.comparisons)
        );
    }
    if !report.latencies.is_empty() {
        let _ =
            writeln!(body, "<h2>Latency of an event, unseen workload</h2>\n{}", latencies(&report.latencies));
    }
    let _ = writeln!(body, "<h2>Time of the stages</h2>\n{}", stages(&report.stages));
    let _ = writeln!(body, "<h2>Gates</h2>\n{}", gates(report));
    page("bot4: profile-guided optimisation", &body)
}

fn svg(rows: usize, inside: &str) -> String {
    drawing(WIDTH, STEP * rows as f64 + 22.0, inside)
}

fn name(y: f64, text: &str) -> String {
    format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 10.0, y + 4.0, escape(text))
}

fn figure(y: f64, text: &str) -> String {
    format!("<text x=\"{}\" y=\"{:.1}\" class=\"soft\">{}</text>\n", RIGHT + 10.0, y + 4.0, escape(text))
}

/// A drawing per build, all on one scale that holds 1.
fn intervals(comparisons: &[Comparison]) -> String {
    let lows = comparisons.iter().map(|c| c.ratio.low).fold(0.95, f64::min);
    let highs = comparisons.iter().map(|c| c.ratio.high).fold(1.05, f64::max);
    let x = |ratio: f64| LEFT + (ratio - lows) / (highs - lows) * (RIGHT - LEFT);
    let of_one_build = comparisons.chunk_by(|a, b| a.build == b.build);
    let title = |c: &Comparison| escape(&format!("{} against {}", c.build, c.against));
    of_one_build.map(|list| format!("<h3>{}</h3>\n{}\n", title(&list[0]), points(list, x))).collect()
}

/// A point with its interval per comparison, and the line of no difference.
fn points(comparisons: &[Comparison], x: impl Fn(f64) -> f64) -> String {
    let bottom = STEP * comparisons.len() as f64;
    let mut inside = format!(
        "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{bottom}\" stroke=\"var(--limit)\" stroke-dasharray=\"3 3\"/>\n\
         <text x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\" class=\"soft\">1</text>\n",
        x(1.0),
        bottom + 14.0
    );
    for (i, c) in comparisons.iter().enumerate() {
        let y = STEP * (i as f64 + 0.5);
        let mark = if c.unseen { "" } else { "*" };
        let colour = if c.unseen { "ours" } else { "peer" };
        inside += &name(y, &format!("{}{mark}, {}", c.workload, c.metric));
        let _ = write!(
            inside,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"var(--{colour})\" stroke-width=\"3\"/>\
             <circle cx=\"{:.1}\" cy=\"{y}\" r=\"5\" fill=\"var(--{colour})\"/>",
            x(c.ratio.low),
            x(c.ratio.high),
            x(c.ratio.mid)
        );
        inside += &figure(y, &c.ratio.to_string());
    }
    svg(comparisons.len(), &inside)
}

fn latencies(list: &[Latency]) -> String {
    let head = "<table><tr><th>build</th><th class=\"n\">p50 ns</th><th class=\"n\">p99 ns</th>\
                <th class=\"n\">p99.9 ns</th><th class=\"n\">p99.99 ns</th></tr>\n";
    let row = |latency: &Latency| {
        let cells: String = latency.ns.iter().map(|ns| format!("<td class=\"n\">{ns:.0}</td>")).collect();
        format!("<tr><td>{}</td>{cells}</tr>\n", escape(latency.build))
    };
    let rows: String = list.iter().map(row).collect();
    format!("{head}{rows}</table>")
}

fn stages(stages: &[StageTime]) -> String {
    let longest = stages.iter().map(|stage| stage.seconds).fold(1e-9, f64::max);
    let mut inside = String::new();
    for (i, stage) in stages.iter().enumerate() {
        let y = STEP * (i as f64 + 0.5);
        let width = (RIGHT - LEFT) * stage.seconds / longest;
        inside += &name(y, stage.name);
        let _ = write!(
            inside,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" height=\"16\" rx=\"2\" fill=\"var(--ours)\"/>",
            y - 8.0,
            width.max(1.0)
        );
        inside += &figure(y, &format!("{:.1} s", stage.seconds));
    }
    svg(stages.len(), &inside)
}

fn gates(report: &Report) -> String {
    let profile = &report.profile;
    let mut list = format!(
        "<ul><li>profile: {} functions, {} counts from {} raw files</li>\n<li>stale: {} counts discarded</li>\n\
         <li>without data: {} functions</li>\n",
        profile.functions,
        profile.total_count,
        profile.raw_files,
        profile.discarded_count,
        profile.functions_without_data
    );
    for covered in &profile.covered {
        let _ = writeln!(
            list,
            "<li>covered: <code>{}</code>, {} counts</li>",
            escape(covered.path),
            covered.count
        );
    }
    if let Some(fit) = &profile.bolt {
        let (counts, stale) = (fit.with_counts, fit.stale);
        let _ = writeln!(list, "<li>BOLT: counts in {counts} functions, {stale} of them stale</li>");
    }
    for output in &report.outputs {
        let role =
            if output.unseen { "unseen".into() } else { format!("training, weight {}", output.weight) };
        let _ = writeln!(
            list,
            "<li>equal outputs: {} ({role}), {} events, digest {}<br><code>{}</code></li>",
            escape(&output.workload),
            output.events,
            escape(&output.digest),
            escape(&output.command)
        );
    }
    list + "</ul>"
}

#[cfg(test)]
mod tests {
    use super::super::compare::Interval;
    use super::*;

    #[test]
    fn the_interval_of_a_faster_build_lies_left_of_the_line() {
        let ratio = Interval { low: 0.8, mid: 0.9, high: 0.95 };
        let comparison = Comparison::example("LTO & PGO", ratio);
        let plot = intervals(&[comparison]);
        let x = |from: &str| -> f64 {
            let rest = plot.split_once(from).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        assert!(x("<circle cx=\"") < x("<line x1=\""), "{plot}");
        assert!(plot.contains("LTO &amp; PGO"));
    }
}
