//! The groups of cases, a file each. A new one is a file with `cases` and a line in `ALL`.

mod cache;
mod features;
mod feed;
mod metrics;
mod ml;
mod pipeline;
mod pool;
mod queue;
mod risk;
mod simd;
mod snapshot;

use crate::case::Case;

/// A name and what makes its cases.
type Group = (&'static str, fn() -> Vec<Case>);

const ALL: &[Group] = &[
    ("cache", cache::cases),
    ("features", features::cases),
    ("feed", feed::cases),
    ("metrics", metrics::cases),
    ("ml", ml::cases),
    ("pipeline", pipeline::cases),
    ("pool", pool::cases),
    ("queue", queue::cases),
    ("risk", risk::cases),
    ("simd", simd::cases),
    ("snapshot", snapshot::cases),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// The cases of a group that `names` names.
pub(crate) fn cases(group: &str) -> Vec<Case> {
    ALL.iter().filter(|(name, _)| *name == group).flat_map(|(_, cases)| cases()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_cases_and_every_case_our_row_and_distinct_subjects() {
        for group in names() {
            let cases = cases(group);
            assert!(!cases.is_empty(), "{group}");
            for case in cases {
                assert!(case.subjects.iter().any(|one| one.role == crate::case::Role::Ours), "{}", case.name);
                let mut names: Vec<_> = case.subjects.iter().map(|one| one.name).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), case.subjects.len(), "{}", case.name);
            }
        }
    }
}
