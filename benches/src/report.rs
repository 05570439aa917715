//! The table for people and the rows for programs.

use crate::case::Role;
use crate::machine;
use crate::probe::Regime;
use serde::Serialize;

/// One subject of one case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) role: Role,
    /// The median of so many rounds, and the range they lie in.
    pub(crate) median_ns: f64,
    pub(crate) min_ns: f64,
    pub(crate) max_ns: f64,
    /// The mean of the rounds: of a subject with two paces the median is one of them, by chance.
    pub(crate) mean_ns: f64,
    pub(crate) rounds: usize,
    /// None for subjects that do not use the global allocator.
    pub(crate) allocs_per_op: Option<f64>,
    pub(crate) limit_ns: Option<f64>,
    pub(crate) best_peer: Option<String>,
    /// Above 1: we are faster. Of our rows only.
    pub(crate) ratio_vs_best_peer: Option<f64>,
    /// None where one thread runs alone.
    pub(crate) regime: Option<Regime>,
    /// Of a cache line between the two cores, around the samples.
    pub(crate) round_trip_ns: Option<f64>,
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Limit => "limit",
            Self::Ours => "ours",
            Self::Peer => "peer",
        })
    }
}

/// An array with one row per line.
pub(crate) fn json(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| serde_json::json!(row).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

pub(crate) fn print_header(group: &str) {
    println!("group {group} on {}", machine::processor());
    println!("ns per operation; x limit and x ours: how many times the limit row and our best row");
    if cfg!(not(feature = "peers")) {
        println!("built without peers: add --features peers");
    }
}

/// One case as a table of 98 columns, fastest first.
pub(crate) fn print_case(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    let regime = match (first.regime, first.round_trip_ns) {
        (Some(regime), Some(ns)) => format!(" ({regime:?}: {ns:.0} ns)").to_lowercase(),
        _ => String::new(),
    };
    let ours =
        rows.iter().filter(|row| row.role == Role::Ours).map(|row| row.median_ns).min_by(f64::total_cmp);
    println!();
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}",
        format!("{}{regime}", first.case),
        "median",
        "min",
        "max",
        "mean",
        "allocs",
        "x limit",
        "x ours"
    );
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| a.median_ns.total_cmp(&b.median_ns));
    for row in sorted {
        println!(
            "{} {:<32} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}",
            mark(row.role),
            row.subject,
            number(Some(row.median_ns)),
            number(Some(row.min_ns)),
            number(Some(row.max_ns)),
            number(Some(row.mean_ns)),
            number(row.allocs_per_op),
            number(row.limit_ns.map(|limit| row.median_ns / limit)),
            number(ours.map(|ours| row.median_ns / ours)),
        );
    }
}

fn mark(role: Role) -> char {
    match role {
        Role::Limit => '-',
        Role::Ours => '*',
        Role::Peer => ' ',
    }
}

/// Three significant digits or so, in at most eight places.
fn number(value: Option<f64>) -> String {
    match value {
        None => "?".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_agreed_keys() {
        let row = Row {
            group: "pool".into(),
            case: "get_put_2t".into(),
            subject: "ours".into(),
            role: Role::Ours,
            median_ns: 2.0,
            min_ns: 1.0,
            max_ns: 3.0,
            mean_ns: 2.25,
            rounds: 5,
            allocs_per_op: Some(0.0),
            limit_ns: Some(1.0),
            best_peer: Some("peer".into()),
            ratio_vs_best_peer: Some(4.0),
            regime: Some(Regime::Near),
            round_trip_ns: Some(60.0),
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json(&[row.clone(), row])).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0],
            serde_json::json!({
                "group": "pool", "case": "get_put_2t", "subject": "ours", "role": "ours", "median_ns": 2.0,
                "min_ns": 1.0, "max_ns": 3.0, "mean_ns": 2.25, "rounds": 5, "allocs_per_op": 0.0, "limit_ns": 1.0,
                "best_peer": "peer", "ratio_vs_best_peer": 4.0, "regime": "near",
                "round_trip_ns": 60.0
            })
        );
    }
}
