//! Two records side by side: what became faster, what slower.
use super::record::{Record, Row};

/// Ratios nearer to 1 than this are noise on a shared machine.
const NOISE: f64 = 0.15;

/// A line per row of ours that both have, the largest change first; then what only one has.
pub(crate) fn table(before: &Record, after: &Record) -> String {
    let mut pairs: Vec<(&Row, &Row)> =
        ours(after).filter_map(|new| Some((ours(before).find(|old| same(old, new))?, new))).collect();
    let change = |(old, new): &(&Row, &Row)| (relative(new) / relative(old)).ln().abs();
    pairs.sort_by(|a, b| change(b).total_cmp(&change(a)));
    let mut text = format!(
        "{:<20} {:<22} {:<26} {:>9} {:>9} {:>7} {:>7} {:>7}\n",
        "group", "case", "subject", "A ns", "B ns", "B / A", "A peer", "B peer"
    );
    for (old, new) in &pairs {
        let ratio = new.median_ns / old.median_ns;
        let mark = match ratio {
            r if r < 1.0 - NOISE => " faster",
            r if r > 1.0 + NOISE => " slower",
            _ => "",
        };
        text.push_str(&format!(
            "{:<20} {:<22} {:<26} {:>9.2} {:>9.2} {ratio:>7.2} {:>7} {:>7}{mark}\n",
            new.group,
            new.case,
            new.subject,
            old.median_ns,
            new.median_ns,
            times(old),
            times(new)
        ));
    }
    let only = |one: &Record, other: &Record, name: &str| {
        let alone = ours(one).filter(|row| !ours(other).any(|twin| same(row, twin)));
        alone.map(|row| format!("only in {name}: {}, {}, {}\n", row.group, row.case, row.subject)).collect()
    };
    let alone: [String; 2] = [only(before, after, "A"), only(after, before, "B")];
    text + &alone.concat()
}

fn ours(record: &Record) -> impl Iterator<Item = &Row> {
    record.rows.iter().filter(|row| row.role == "ours")
}

fn same(a: &Row, b: &Row) -> bool {
    (&a.group, &a.case, &a.subject) == (&b.group, &b.case, &b.subject)
}

/// What a slow hour of the machine does not change: the time as a multiple of the best peer's, where there is one.
fn relative(row: &Row) -> f64 {
    row.ratio_vs_best_peer.map_or(row.median_ns, |ratio| 1.0 / ratio)
}

fn times(row: &Row) -> String {
    row.ratio_vs_best_peer.map_or("-".into(), |ratio| format!("{ratio:.2}x"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::{Machine, row};

    fn record(rows: Vec<Row>) -> Record {
        let machine = Machine { cpu: String::new(), cores: 2, kernel: String::new() };
        Record { rows, ..Record::empty(machine) }
    }

    #[test]
    fn the_largest_change_comes_first_and_the_unpaired_last() {
        let before = record(vec![
            row("steady", "x", "ours", 10.0),
            row("slower", "x", "ours", 10.0),
            row("gone", "x", "ours", 1.0),
            row("steady", "peer", "peer", 1.0),
        ]);
        let after = record(vec![row("steady", "x", "ours", 10.5), row("slower", "x", "ours", 20.0)]);
        let table = table(&before, &after);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[1].contains("slower") && lines[1].ends_with("2.00       -       - slower"), "{table}");
        assert!(lines[2].contains("steady") && lines[2].contains("1.05"), "{table}");
        assert_eq!(lines[3], "only in A: pool, gone, x");
        assert_eq!(lines.len(), 4);
    }
}
