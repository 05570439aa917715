//! The Prometheus text format, version 0.0.4.

use super::distribution::Distribution;
use super::registry::{Family, Kind, Metric};
use std::fmt::{self, Write};

/// Checks the names and renders the labels, sorted, without braces: `a="1",b="2"`.
pub(super) fn labels(name: &str, labels: &[(&str, &str)]) -> String {
    assert!(is_name(name, |c| c == b':'), "{name:?} is not a metric name");
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    let mut rendered = String::new();
    for (i, (label, value)) in sorted.iter().enumerate() {
        assert!(is_name(label, |_| false), "{name}: {label:?} is not a label name");
        assert!(i == 0 || sorted[i - 1].0 != *label, "{name}: the label {label} occurs twice");
        let comma = if i == 0 { "" } else { "," };
        write!(rendered, "{comma}{label}=\"{}\"", Escaped(value, true)).expect("writing to a String");
    }
    rendered
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let starts = |c: u8| c.is_ascii_alphabetic() || c == b'_' || also(c);
    name.bytes().next().is_some_and(starts) && name.bytes().all(|c| starts(c) || c.is_ascii_digit())
}

/// Backslash and newline escaped, and in label values the quote as well.
struct Escaped<'a>(&'a str, bool);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.1 => f.write_str("\\\"")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Floats as Prometheus spells them: `+Inf`, `-Inf`, `NaN`.
struct Float(f64);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

/// Writes the help and type lines of a name, and a line or more for each of its label sets.
pub(super) fn family(out: &mut impl Write, name: &str, help: &str, family: &Family) -> fmt::Result {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::FloatGauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    writeln!(out, "# HELP {name} {}", Escaped(help, false))?;
    writeln!(out, "# TYPE {name} {kind}")?;
    for (labels, metric) in &family.series {
        match metric {
            Metric::Counter(counter) => sample(out, name, labels, &counter.value())?,
            Metric::Gauge(gauge) => sample(out, name, labels, &gauge.value())?,
            Metric::FloatGauge(gauge) => sample(out, name, labels, &Float(gauge.value()))?,
            Metric::Histogram(histogram) => distribution(out, name, labels, &histogram.snapshot())?,
        }
    }
    Ok(())
}

/// A name and its rendered labels as a page shows them.
pub(super) fn series(name: &str, labels: &str) -> String {
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") }
}

fn sample(out: &mut impl Write, name: &str, labels: &str, value: &dyn fmt::Display) -> fmt::Result {
    writeln!(out, "{} {value}", series(name, labels))
}

/// An integer of so many decimal places.
struct Decimal(u64, u32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(self.1);
        let (whole, mut fraction) = (self.0 / unit, self.0 % unit);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let mut places = self.1 as usize;
        while fraction.is_multiple_of(10) {
            (fraction, places) = (fraction / 10, places - 1);
        }
        write!(f, "{whole}.{fraction:0places$}")
    }
}

fn distribution(out: &mut impl Write, name: &str, labels: &str, samples: &Distribution) -> fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let decimal = |value| Decimal(value, samples.decimals());
    for bits in samples.powers() {
        let (le, count) = (decimal((1 << bits) - 1), samples.count_below_power(bits));
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{le}\"}} {count}")?;
    }
    writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", samples.count())?;
    sample(out, &format!("{name}_sum"), labels, &decimal(samples.sum()))?;
    sample(out, &format!("{name}_count"), labels, &samples.count())
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_short() {
        let shown = |value, places| Decimal(value, places).to_string();
        assert_eq!(shown(1_234, 0), "1234");
        assert_eq!(
            (shown(1_500_000_000, 9), shown(3_000, 3), shown(70, 4)),
            ("1.5".into(), "3".into(), "0.007".into())
        );
        assert_eq!(shown(u64::MAX, 9), "18446744073.709551615");
    }
}
