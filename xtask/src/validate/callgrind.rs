//! The costs of calls in a file that callgrind wrote.
use std::collections::HashMap;

use crate::failure::{Failure, Result};

/// Every function that was called, with what its calls cost, callees included.
#[derive(Debug)]
pub(crate) struct Profile {
    functions: HashMap<String, Cost>,
}

/// What all calls of a function cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) calls: f64,
    /// Reads and writes that missed the first level.
    pub(crate) data_misses: f64,
    /// Reads and writes that missed the last level.
    pub(crate) last_level_misses: f64,
}

impl Profile {
    /// Reads the text of a file. A name stands in it once, and by its number from then on; the line after `calls=` holds the
    /// position and the inclusive cost, trailing zeros left out.
    pub(crate) fn of(text: &str) -> Result<Self> {
        let events = text.lines().find_map(|line| line.strip_prefix("events: "));
        let columns: Vec<&str> =
            events.ok_or_else(|| Failure::new("callgrind wrote no events"))?.split(' ').collect();
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut functions: HashMap<String, Cost> = HashMap::new();
        let mut callee = "";
        let mut calls: Option<f64> = None;
        for line in text.lines() {
            if let Some(count) = calls.take() {
                let costs: Vec<f64> = line.split(' ').skip(1).map_while(|word| word.parse().ok()).collect();
                let of = |name: &str| {
                    let column = columns.iter().position(|column| *column == name);
                    column.and_then(|at| costs.get(at)).copied().unwrap_or(0.0)
                };
                let cost = functions.entry(callee.to_owned()).or_default();
                cost.calls += count;
                cost.data_misses += of("D1mr") + of("D1mw");
                cost.last_level_misses += of("DLmr") + of("DLmw");
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = resolve(&mut names, name);
            } else if let Some(name) = line.strip_prefix("fn=") {
                resolve(&mut names, name);
            } else if let Some(count) = line.strip_prefix("calls=") {
                calls = count.split(' ').next().and_then(|count| count.parse().ok());
            }
        }
        Ok(Self { functions })
    }

    /// The cost of the calls of every function that `wanted` names; none if there was no call.
    pub(crate) fn cost(&self, wanted: impl Fn(&str) -> bool) -> Option<Cost> {
        let costs = self.functions.iter().filter(|(name, _)| wanted(name)).map(|(_, cost)| *cost);
        costs.reduce(|a, b| Cost {
            calls: a.calls + b.calls,
            data_misses: a.data_misses + b.data_misses,
            last_level_misses: a.last_level_misses + b.last_level_misses,
        })
    }
}

/// `(3) name` defines a number, `(3)` stands for its name.
fn resolve<'t>(names: &mut HashMap<&'t str, &'t str>, text: &'t str) -> &'t str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_from_everywhere_are_added_and_their_names_resolved() {
        let text = "events: Ir D1mr D1mw DLmr DLmw\n\
                    fn=(1) main\n5 10 1\ncfn=(2) NewPath::on_quote\ncalls=2 7\n6 100 8 4 1\n\
                    fn=(2)\n7 90 8 4 1\n\
                    fn=(3) other\ncfn=(2)\ncalls=3 7\n9 10 1 1 0 2\n\
                    totals: 210 10 5 1 2\n";
        let profile = Profile::of(text).unwrap();
        let cost = profile.cost(|name| name == "NewPath::on_quote").unwrap();
        assert_eq!(cost, Cost { calls: 5.0, data_misses: 14.0, last_level_misses: 3.0 });
        assert_eq!(profile.cost(|name| name == "main"), None);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        assert!(Profile::of("hello\n").is_err());
    }
}
