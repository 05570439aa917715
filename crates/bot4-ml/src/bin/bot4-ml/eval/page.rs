//! The page of `eval --html`: no scripts, no fonts, nothing from elsewhere.

use crate::scores::{Classes, Outcome, Scores, step_start_ns};
use bot4_ml::metrics::{calibration, roc_curve};
use std::fmt::Write;
use std::path::Path;

const STYLE: &str = "body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:60em;color:#222}\
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse}\
td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
svg{background:#fafafa;border:1px solid #ddd}.row{display:flex;gap:2em;flex-wrap:wrap}figcaption{font-size:.9em;color:#555}";

/// Colours that people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const SIZE: f64 = 320.0;
const MARGIN: f64 = 40.0;
/// A curve of more points is thinned: no eye sees them.
const POINTS_MAX: usize = 400;

pub(crate) fn render(scores: &Scores, model: &Path, data: &Path) -> String {
    let title = format!("{} on {}", escape(&name(model)), escape(&name(data)));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\n\
         <h1>{title}</h1>\n<p>{} rows</p>\n",
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
                "<span style=\"color:{colour}\">&#9632;</span> {} (AUC {auc}) ",
                escape(&classes.names[*class])
            )
        })
        .collect();
    format!(
        "<p>{legend}</p>\n<div class=\"row\"><figure><h2>ROC</h2>{}<figcaption>Each class against the others; the diagonal is \
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
        "<h2>Classes</h2>\n<table><tr><th>class<th>rows<th>predicted<th>precision<th>recall<th>F1<th>AUC{rows}</table>\n\
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
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{}\"><title>from {low} ns: {:.2} %</title></rect>",
            10.0 + height - tall,
            width - 2.0,
            COLOURS[0],
            100.0 * share
        )
        .expect("writing to a string");
        if at % 4 == 0 {
            write!(bars, "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\">{low}</text>", height + 26.0)
                .expect("writing to a string");
        }
    }
    format!(
        "<h2>Latency of one row</h2>\n<svg width=\"{:.0}\" height=\"{:.0}\" role=\"img\" aria-label=\"latency histogram\">{bars}</svg>\n\
         <p>p50 {} ns, p99 {} ns, p99.9 {} ns, max {} ns; standardisation and clock included.</p>\n",
        2.0 * MARGIN + shares.len() as f64 * width,
        height + 36.0,
        at(0.5),
        at(0.99),
        at(0.999),
        latency.max()
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
        plot.line(&[(0.0, 0.0), (1.0, 1.0)], "#bbb");
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
        let (left, right) = (MARGIN, MARGIN + SIZE);
        let (bottom, size) = (10.0 + SIZE, SIZE + MARGIN + 20.0);
        format!(
            "<svg width=\"{size}\" height=\"{size}\" role=\"img\" aria-label=\"{x} and {y}\">\
             <rect x=\"{left}\" y=\"10\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"#fff\" stroke=\"#ccc\"/>{body}\
             <text x=\"{left}\" y=\"{low}\" font-size=\"12\">0</text><text x=\"{end}\" y=\"{low}\" font-size=\"12\">1</text>\
             <text x=\"{middle}\" y=\"{low}\" font-size=\"12\" text-anchor=\"middle\">{x}</text>\
             <text transform=\"translate(16 {half}) rotate(-90)\" font-size=\"12\" text-anchor=\"middle\">{y}</text></svg>",
            x = self.x,
            y = self.y,
            body = self.body,
            low = bottom + 18.0,
            end = right - 6.0,
            middle = left + SIZE / 2.0,
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
