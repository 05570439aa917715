//! The coverage gate: hot functions that the training must have run.
//!
//! Code that the training never reaches is laid out as cold, and comes out several times slower than without PGO.
use super::profile::{Function, MergedProfile};
use crate::failure::{Failure, Result};

/// A function (or module) that carries the workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hot {
    /// Path segments that appear in this order in the symbol, e.g. `bot4_pipeline::risk`.
    pub(crate) path: &'static str,
    /// Why it has to be in the profile.
    pub(crate) why: &'static str,
}

/// The hot functions of `bot4-ml --benchmark`.
///
/// What stands here is what is left of the sources after inlining: `llvm-profdata show --all-functions --counts` on
/// the merged profile lists it.
pub(crate) const HOT: &[Hot] = &[
    Hot { path: "bot4_ml::benchmark::new::NewPath::on_quote", why: "from quote to decision" },
    Hot { path: "bot4_ml::benchmark::new::Trader::act", why: "signal, order, risk check" },
    Hot { path: "bot4_pipeline::features::QuoteFeatures::update", why: "streaming features of every quote" },
    Hot { path: "Isa::run", why: "pipeline and training, in the instruction set they were dispatched to" },
    Hot { path: "enter::inside", why: "vector kernels" },
    Hot { path: "bot4_lockfree::metrics::Histogram::record", why: "metrics in the path" },
    Hot { path: "bot4_pipeline::feed::cursor::Cursor::decimal", why: "numbers of every recording" },
    Hot { path: "bot4_pipeline::feed::lobster::level", why: "books of LOBSTER" },
    Hot {
        path: "bot4_ml::benchmark::old::OldStages::normalize",
        why: "the old path that the binary compares with",
    },
];

/// A hot function with what the profile says about it.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Covered {
    pub(crate) path: &'static str,
    pub(crate) count: u64,
}

/// Fails unless every hot function is in the profile with counts.
pub(crate) fn check(profile: &MergedProfile, hot: &[Hot]) -> Result<Vec<Covered>> {
    let covered: Vec<Covered> = hot.iter().map(|h| cover(&profile.functions, h)).collect();
    let wrong: Vec<String> = hot
        .iter()
        .zip(&covered)
        .filter(|(_, c)| c.count == 0)
        .map(|(h, _)| format!("{} ({}): {}", h.path, h.why, absence(&profile.functions, h)))
        .collect();
    if wrong.is_empty() {
        return Ok(covered);
    }
    Err(Failure::new(format!("hot functions without counts:\n    {}", wrong.join("\n    "))).advise(
        "extend the training so that it runs them, or correct the table in xtask/src/pgo/coverage.rs after a rename",
    ))
}

fn cover(functions: &[Function], hot: &Hot) -> Covered {
    let of_path = functions.iter().filter(|f| symbol_has_path(&f.symbol, hot.path));
    Covered { path: hot.path, count: of_path.map(|f| f.count).fold(0, u64::saturating_add) }
}

fn absence(functions: &[Function], hot: &Hot) -> &'static str {
    if functions.iter().any(|f| symbol_has_path(&f.symbol, hot.path)) {
        "in the binary, but the training never ran it"
    } else {
        "no such symbol: renamed, or inlined everywhere"
    }
}

/// Whether the segments of `path` appear in this order in a mangled symbol.
fn symbol_has_path(symbol: &str, path: &str) -> bool {
    match symbol.split_once("_ZN") {
        Some((_, mangled)) => {
            let names = legacy_names(mangled);
            let mut names = names.into_iter();
            path.split("::").all(|segment| names.any(|name| name == segment))
        }
        None => encoded_in_order(symbol, path),
    }
}

/// The identifiers of rustc's legacy mangling: segments with their length before them, in which `..` stands for `::`
/// and `$LT$` and the like for punctuation.
fn legacy_names(mut mangled: &str) -> Vec<&str> {
    let mut names = Vec::new();
    while let Some(digits) = mangled.find(|c: char| !c.is_ascii_digit()).filter(|&n| n > 0) {
        let length: usize = mangled[..digits].parse().unwrap_or(0);
        let Some(segment) = mangled.get(digits..digits + length) else { break };
        let is_name = |part: &&str| !part.is_empty() && !matches!(*part, "LT" | "GT" | "u20" | "RF" | "C");
        names.extend(segment.split(['$', '.']).filter(is_name));
        mangled = &mangled[digits + length..];
    }
    names
}

/// The same in the v0 mangling, which also writes an identifier as its length and its text, among other things.
fn encoded_in_order(symbol: &str, path: &str) -> bool {
    let mut rest = symbol;
    path.split("::").all(|segment| {
        let encoded = format!("{}{segment}", segment.len());
        let after = rest.split_once(&encoded).map(|(_, after)| after);
        rest = after.unwrap_or_default();
        after.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::super::profile::Summary;
    use super::*;

    const SYMBOL: &str =
        "p.c1-cgu.0;_ZN13bot4_pipeline8features6level113QuoteFeatures6update17hda369823a23ae6d8E";

    fn profile(count: u64) -> MergedProfile {
        let summary = Summary { ir_level: true, functions: 1, total_count: 1 };
        let functions = vec![Function { symbol: SYMBOL.into(), count }];
        MergedProfile { path: "/1.profdata".into(), summary, functions }
    }

    #[test]
    fn segments_match_whole_and_in_order() {
        for path in ["bot4_pipeline", "level1::QuoteFeatures", "bot4_pipeline::update"] {
            assert!(symbol_has_path(SYMBOL, path), "{path}");
        }
        for path in ["pipeline", "QuoteFeatures::features", "date", "uote"] {
            assert!(!symbol_has_path(SYMBOL, path), "{path}");
        }
        assert!(symbol_has_path("_RNvNtCs123_13bot4_pipeline8features6update", "bot4_pipeline::update"));
    }

    #[test]
    fn a_method_of_a_trait_is_found_by_its_type() {
        let symbol = "_ZN84_$LT$bot4_ml..benchmark..new..NewPath$u20$as$u20$bot4_ml..benchmark..event..Path$GT$8\
                      on_quote17h0123456789abcdefE";
        assert!(
            symbol_has_path(symbol, "bot4_ml::benchmark::new::NewPath::on_quote"),
            "{:?}",
            legacy_names(symbol)
        );
        assert!(!symbol_has_path(symbol, "bot4_ml::benchmark::old"));
    }

    #[test]
    fn a_hot_function_that_never_ran_fails_the_gate() {
        let hot = [Hot { path: "features::update", why: "every event" }];
        let text = check(&profile(0), &hot).unwrap_err().to_string();
        assert!(text.contains("never ran") && text.contains("every event"), "{text}");
        assert_eq!(check(&profile(7), &hot).unwrap()[0].count, 7);
    }

    #[test]
    fn a_hot_function_that_is_gone_fails_the_gate() {
        let hot = [Hot { path: "features::renamed", why: "every event" }];
        assert!(check(&profile(7), &hot).unwrap_err().to_string().contains("no such symbol"));
    }
}
