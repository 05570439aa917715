//! The page of `eval --html`: no scripts, no fonts, nothing from elsewhere.

use crate::output::duration;
use crate::scores::{Classes, Outcome, Scores, step_start_ns};
use bot4_ml::metrics::{calibration, roc_curve};
use std::fmt::Write;
use std::path::Path;

/// Works on a narrow and a wide window, light and dark.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --line: #d8dde3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14171a; --line: #333a42; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
p.note, figcaption { color: var(--soft); margin: .2rem 0 .8rem; } .legend span { margin-right: 1rem; white-space: nowrap; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem 0 .25rem clamp(.4rem, 2vw, 1.2rem); text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.wide { overflow-x: auto; } .wide svg { min-width: 32rem; } @media (max-width: 30rem) { table { font-size: .78em; } }
.row { display: flex; gap: 1rem 2rem; flex-wrap: wrap; } figure { margin: 0; flex: 1 1 20rem; max-width: 24rem; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
";

/// Colours that people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const SIZE: f64 = 320.0;
const MARGIN: f64 = 48.0;
/// A curve of more points is thinned: no eye sees them.
const POINTS_MAX: usize = 400;

pub(crate) fn render(scores: &Scores, model: &Path, data: &Path) -> String {
    let title = format!("{} on {}", escape(&name(model)), escape(&name(data)));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n<p class=\"note\">{} rows</p>\n",
        scores.labels.len()
    );
    match &scores.outcome {
        Outcome::Number { rmse, r2 } => {
            page += &format!("<h2>Error</h2><table><tr><td>RMSE<td>{rmse:.6}<tr><td>R²<td>{r2:.6}</table>\n");
        }
        Outcome::Classes(classes) => page += &class_sections(scores, classes),
    }
    page += &latency(scores);
    page + "</html>\n"
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn class_sections(scores: &Scores, classes: &Classes) -> String {
    // Of two classes the second says everything.
    let first = usize::from(classes.names.len() == 2);
    let shown: Vec<usize> = (first..classes.names.len()).take(COLOURS.len()).collect();
    let mut roc = Plot::new("False positive rate", "True positive rate");
    let mut reliability = Plot::new("Predicted probability", "Observed share");
    for (class, colour) in shown.iter().zip(COLOURS) {
        let (p, is) = (scores.of_class(*class), scores.is_class(*class));
        if let Some(curve) = roc_curve(&p, &is) {
            let points: Vec<_> =
                curve.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
            roc.line(&thinned(&points), colour);
        }
        let p: Vec<f64> = p.iter().map(|p| p.clamp(0.0, 1.0)).collect();
        let bins: Vec<_> = calibration(&p, &is, 10).iter().map(|bin| (bin.predicted, bin.observed)).collect();
        reliability.line(&bins, colour);
        reliability.dots(&bins, colour);
    }
    let legend: String = shown
        .iter()
        .zip(COLOURS)
        .map(|(class, colour)| {
            let auc = classes.auc[*class].map_or("none".to_owned(), |auc| format!("{auc:.4}"));
            format!(
                "<span><b style=\"color:{colour}\">&#9632;</b> {} (AUC {auc})</span> ",
                escape(&classes.names[*class])
            )
        })
        .collect();
    format!(
        "<p class=\"legend\">{legend}</p>\n<div class=\"row\"><figure><h2>ROC</h2>{}<figcaption>Each class against the others; the diagonal is \
         chance.</figcaption></figure>\n<figure><h2>Calibration</h2>{}<figcaption>Ten bins of probability; the diagonal is \
         perfect.</figcaption></figure></div>\n{}",
        roc.svg(),
        reliability.svg(),
        table(classes)
    )
}

fn table(classes: &Classes) -> String {
    let confusion = &classes.confusion;
    let mut rows = String::new();
    for (class, name) in classes.names.iter().enumerate() {
        let auc = classes.auc[class].unwrap_or(f64::NAN);
        write!(
            rows,
            "<tr><td>{}<td>{}<td>{}<td>{:.4}<td>{:.4}<td>{:.4}<td>{auc:.4}",
            escape(name),
            confusion.actual(class),
            confusion.predicted(class),
            confusion.precision(class),
            confusion.recall(class),
            confusion.f1(class),
        )
        .expect("writing to a string");
    }
    format!(
        "<h2>Classes</h2>\n<div class=\"wide\"><table><tr><th>class<th>rows<th>predicted<th>precision<th>recall<th>F1<th>AUC{rows}</table></div>\n\
         <p>accuracy {:.4}, macro F1 {:.4}, log loss {:.4}, Brier score {:.4}</p>\n",
        confusion.accuracy(),
        confusion.macro_f1(),
        classes.log_loss,
        classes.brier
    )
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    points.iter().step_by(step).chain(points.last()).copied().collect()
}

/// How many rows took how long, in steps of half a power of two.
fn latency(scores: &Scores) -> String {
    let latency = &scores.latency_ns;
    let at = |q| latency.percentile(q);
    let mut bars = String::new();
    let rows = scores.labels.len() as f64;
    let share = |(step, count): (usize, &u64)| (step_start_ns(step) as u64, *count as f64 / rows);
    let shares: Vec<(u64, f64)> = scores.latency_steps.iter().enumerate().map(share).collect();
    let most = shares.iter().map(|(_, share)| *share).fold(1e-9, f64::max);
    let (width, height) = (22.0, 160.0);
    for (at, (low, share)) in shares.iter().enumerate() {
        let tall = share / most * height;
        let x = MARGIN + at as f64 * width;
        write!(
            bars,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{}\"><title>from {}: {:.2} %</title></rect>",
            10.0 + height - tall,
            width - 2.0,
            COLOURS[0],
            duration(*low),
            100.0 * share
        )
        .expect("writing to a string");
        if at % 4 == 0 {
            let start = duration(*low);
            write!(bars, "<text x=\"{x:.1}\" y=\"{:.1}\">{start}</text>", height + 26.0)
                .expect("writing to a string");
        }
    }
    format!(
        "<h2>Latency of one row</h2>\n\
         <div class=\"wide\"><svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"latency histogram\">{bars}</svg></div>\n\
         <p>p50 {}, p99 {}, p99.9 {}, max {}; standardisation and clock included.</p>\n",
        2.0 * MARGIN + shares.len() as f64 * width,
        height + 36.0,
        duration(at(0.5)),
        duration(at(0.99)),
        duration(at(0.999)),
        duration(latency.max())
    )
}

/// A square of 0 to 1 in both directions, with its diagonal.
struct Plot {
    x: &'static str,
    y: &'static str,
    body: String,
}

impl Plot {
    fn new(x: &'static str, y: &'static str) -> Self {
        let mut plot = Self { x, y, body: String::new() };
        plot.line(&[(0.0, 0.0), (1.0, 1.0)], "var(--line)");
        plot
    }

    fn place((x, y): (f64, f64)) -> (f64, f64) {
        (MARGIN + x * SIZE, 10.0 + (1.0 - y) * SIZE)
    }

    fn line(&mut self, points: &[(f64, f64)], colour: &str) {
        let places: Vec<String> = points
            .iter()
            .map(|point| {
                let (x, y) = Self::place(*point);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let places = places.join(" ");
        self.body += &format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{places}\"/>"
        );
    }

    fn dots(&mut self, points: &[(f64, f64)], colour: &str) {
        for point in points {
            let (x, y) = Self::place(*point);
            self.body += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    }

    fn svg(&self) -> String {
        let (bottom, middle) = (10.0 + SIZE, MARGIN + SIZE / 2.0);
        let mut ticks = String::new();
        for tick in [0.0, 0.5, 1.0] {
            let (x, y) = Self::place((tick, tick));
            ticks += &format!(
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{tick}</text>",
                bottom + 16.0,
                MARGIN - 6.0,
                y + 4.0
            );
        }
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{x} and {y}\">\
             <rect x=\"{MARGIN}\" y=\"10\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" stroke=\"var(--line)\"/>{body}{ticks}\
             <text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">{x}</text>\
             <text transform=\"translate(12 {half}) rotate(-90)\" text-anchor=\"middle\">{y}</text></svg>",
            x = self.x,
            y = self.y,
            body = self.body,
            width = MARGIN + SIZE + 12.0,
            height = bottom + 38.0,
            low = bottom + 33.0,
            half = 10.0 + SIZE / 2.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escape("<script>\"&"), "&lt;script&gt;&quot;&amp;");
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_end() {
        let points: Vec<_> = (0..=10_000).map(|i| (f64::from(i) / 1e4, f64::from(i) / 1e4)).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS_MAX + 2 && thin.last() == Some(&(1.0, 1.0)));
    }
}
