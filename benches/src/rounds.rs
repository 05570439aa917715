//! Rounds over all subjects of a case, and what they say together.

use crate::case::{Case, Role, Subject};
use crate::chunks::{self, Length};
use crate::machine;
use crate::probe::{self, Regime};
use crate::report::Row;
use std::mem;
use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    rounds: usize,
    chunks: usize,
}

pub(crate) const FULL: Effort = Effort { rounds: 11, chunks: 60 };
pub(crate) const QUICK: Effort = Effort { rounds: 3, chunks: 25 };

/// Samples are added up until there are so many good chunks, at most so many times.
const GOOD_CHUNKS_MIN: usize = 9;
const ATTEMPTS: usize = 20;

/// One sample of one subject: the median chunk.
#[derive(Debug, Clone, Copy)]
struct Measured {
    ns: f64,
    regime: Regime,
    /// Of a cache line between the cores, around the sample; 0 where one thread runs alone.
    trip_ns: f64,
}

struct Contender {
    subject: Subject,
    chain: bool,
    operations: u64,
    rounds: Vec<Measured>,
    allocations: u64,
    counted: u64,
}

/// Measures one case. What cannot be measured here has no row and says so: a case that needs more cores than there are, a
/// subject whose every sample was disturbed.
pub(crate) fn measure(group: &str, case: Case, effort: Effort) -> Result<Vec<Row>, String> {
    let cores = machine::cores();
    if case.lanes() > cores.len() {
        println!("SKIP {}: needs {} cores, {} here", case.name, case.lanes(), cores.len());
        return Ok(Vec::new());
    }
    let mut contenders = Vec::new();
    for mut subject in case.subjects {
        let operations = match subject.run {
            Some(operations) => operations,
            None => chunks::calibrate(&mut subject, &cores, case.chain)?,
        };
        let chain = case.chain;
        contenders.push(Contender {
            subject,
            chain,
            operations,
            rounds: Vec::new(),
            allocations: 0,
            counted: 0,
        });
    }
    for _ in 0..effort.rounds * case.patience {
        for contender in &mut contenders {
            contender.round(&cores, effort.chunks)?;
        }
    }
    Ok(rows(group, case.name, &contenders))
}

impl Contender {
    /// Takes samples until one regime has enough good chunks; gives up on a machine that is too busy.
    fn round(&mut self, cores: &[usize], chunks: usize) -> Result<(), String> {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..ATTEMPTS {
            let before = self.round_trip(cores)?;
            let length = Length { operations: self.operations, chunks, chain: self.chain };
            let sample = chunks::sample(&mut self.subject, cores, length)?;
            let after = self.round_trip(cores)?;
            self.allocations += sample.allocations;
            self.counted += sample.operations;
            if self.subject.run.is_none() && sample.ns.len() < GOOD_CHUNKS_MIN && sample.too_long > 2.0 {
                // Calibrated while the lanes did not meet: against each other they are slower.
                self.operations = (self.operations as f64 / sample.too_long.min(4.0)).ceil() as u64;
            }
            let regime = Regime::between(before, after);
            let good = match regime {
                Regime::Near => &mut near,
                Regime::Far => &mut far,
                Regime::Changed => continue,
            };
            good.extend(sample.ns);
            if good.len() >= GOOD_CHUNKS_MIN {
                let trip_ns = f64::midpoint(before.as_nanos() as f64, after.as_nanos() as f64);
                self.rounds.push(Measured { ns: median(mem::take(good)), regime, trip_ns });
                break;
            }
        }
        Ok(())
    }

    /// Between the two cores that the subject runs on; nothing where one thread runs alone.
    fn round_trip(&self, cores: &[usize]) -> Result<Duration, String> {
        match cores {
            &[first, second, ..] if self.subject.lanes.len() > 1 => probe::round_trip([first, second]),
            _ => Ok(Duration::ZERO),
        }
    }

    fn rounds_in(&self, regime: Regime) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().filter(move |round| round.regime == regime)
    }
}

/// The regime in which the worst-served subject has the most rounds; near if both serve alike.
fn common_regime(contenders: &[Contender]) -> Regime {
    let measured = || contenders.iter().filter(|one| !one.rounds.is_empty());
    let least = |regime| measured().map(|one| one.rounds_in(regime).count()).min().unwrap_or(0);
    if least(Regime::Far) > least(Regime::Near) { Regime::Far } else { Regime::Near }
}

fn rows(group: &str, case: &str, contenders: &[Contender]) -> Vec<Row> {
    let regime = common_regime(contenders);
    let mut rows = Vec::new();
    for contender in contenders {
        let mut ns: Vec<f64> = contender.rounds_in(regime).map(|round| round.ns).collect();
        ns.sort_by(f64::total_cmp);
        let subject = &contender.subject;
        let (Some(&min_ns), Some(&max_ns)) = (ns.first(), ns.last()) else {
            println!(
                "SKIP {case}, {}: every sample was disturbed; an idle machine or `chrt -f 10` helps",
                subject.name
            );
            continue;
        };
        rows.push(Row {
            group: group.to_owned(),
            case: case.to_owned(),
            subject: subject.name.to_owned(),
            role: subject.role,
            rounds: ns.len(),
            mean_ns: ns.iter().sum::<f64>() / ns.len() as f64,
            median_ns: median(ns),
            min_ns,
            max_ns,
            allocs_per_op: subject.audited.then(|| contender.allocations as f64 / contender.counted as f64),
            limit_ns: None,
            best_peer: None,
            ratio_vs_best_peer: None,
            regime: (subject.lanes.len() > 1).then_some(regime),
            round_trip_ns: (subject.lanes.len() > 1)
                .then(|| median(contender.rounds_in(regime).map(|round| round.trip_ns).collect())),
        });
    }
    compare(&mut rows);
    rows
}

/// Fills in what a row says about the others of its case.
fn compare(rows: &mut [Row]) {
    let best = |role: Role| {
        let rows = rows.iter().filter(|row| row.role == role);
        rows.min_by(|a, b| a.median_ns.total_cmp(&b.median_ns))
            .map(|row| (row.subject.clone(), row.median_ns))
    };
    let (limit, peer) = (best(Role::Limit), best(Role::Peer));
    for row in rows {
        row.limit_ns = limit.as_ref().map(|(_, ns)| *ns);
        row.best_peer = peer.as_ref().map(|(name, _)| name.clone());
        if row.role == Role::Ours {
            row.ratio_vs_best_peer = peer.as_ref().map(|(_, ns)| ns / row.median_ns);
        }
    }
}

/// The middle value; the mean of the two middle ones when there are two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::lane;

    fn contender(name: &'static str, role: Role, rounds: &[(f64, Regime)]) -> Contender {
        let subject = Subject { name, role, lanes: vec![lane(|| ()), lane(|| ())], audited: true, run: None };
        let rounds = rounds.iter().map(|&(ns, regime)| Measured { ns, regime, trip_ns: 50.0 }).collect();
        Contender { subject, chain: true, operations: 1, rounds, allocations: 3, counted: 6 }
    }

    #[test]
    fn only_rounds_of_one_regime_are_compared() {
        use Regime::{Far, Near};
        let contenders = [
            contender("limit", Role::Limit, &[(1.0, Near), (9.0, Far), (2.0, Near), (6.0, Near)]),
            contender("ours", Role::Ours, &[(4.0, Near), (4.0, Near), (90.0, Far), (90.0, Far)]),
            contender("slow", Role::Peer, &[(40.0, Near), (50.0, Near), (30.0, Near)]),
            contender("best", Role::Peer, &[(20.0, Near), (10.0, Near), (1.0, Far)]),
        ];
        let rows = rows("pool", "case", &contenders);
        let ours = &rows[1];
        assert_eq!((ours.median_ns, ours.min_ns, ours.max_ns, ours.rounds), (4.0, 4.0, 4.0, 2));
        assert_eq!((rows[0].median_ns, rows[0].mean_ns), (2.0, 3.0));
        assert_eq!((ours.limit_ns, ours.best_peer.as_deref()), (Some(2.0), Some("best")));
        assert_eq!(ours.ratio_vs_best_peer, Some(15.0 / 4.0));
        assert_eq!((ours.allocs_per_op, ours.regime), (Some(0.5), Some(Near)));
        assert_eq!(ours.round_trip_ns, Some(50.0));
        assert_eq!(rows[2].ratio_vs_best_peer, None);
    }

    #[test]
    fn a_subject_without_a_clean_sample_has_no_row_and_spoils_no_other() {
        let alone = contender("ours", Role::Ours, &[(3.0, Regime::Far)]);
        let rows = rows("pool", "case", &[contender("peer", Role::Peer, &[]), alone]);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].median_ns, rows[0].regime, rows[0].ratio_vs_best_peer),
            (3.0, Some(Regime::Far), None)
        );
    }
}
