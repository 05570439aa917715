//! What the compiler says about a profile while it uses it.
//!
//! An unusable or stale profile is only a warning to rustc, so the messages have to be read and judged here.
use serde_json::Value;

use super::profile::Summary;
use crate::failure::{Failure, Result};

/// Above this share of discarded counts the profile belongs to other sources.
pub(crate) const STALE_MAX: f64 = 0.05;
/// Above this share of functions without data, training and final build differ in a flag or in the sources.
/// A matching pair of builds has none; a few may come and go with inlining.
pub(crate) const MISSING_MAX: f64 = 0.01;

/// The messages of one build.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) executable: Option<std::path::PathBuf>,
    /// Symbols that have no data in the profile.
    pub(crate) missing: Vec<String>,
    /// Symbols whose code changed since the profile was taken.
    pub(crate) stale: Vec<String>,
    /// Counts thrown away with them.
    pub(crate) discarded: u64,
    /// Complaints about the profile file itself.
    pub(crate) unusable: Vec<String>,
    errors: Vec<String>,
}

impl Diagnostics {
    /// Takes one line of `cargo build --message-format=json`.
    pub(crate) fn read(&mut self, line: &str) {
        let Ok(json) = serde_json::from_str::<Value>(line) else { return };
        match json["reason"].as_str() {
            Some("compiler-artifact") => {
                let executable = json["executable"].as_str().map(Into::into);
                self.executable = executable.or(self.executable.take());
            }
            Some("compiler-message") => self.message(&json["message"]),
            _ => {}
        }
    }

    fn message(&mut self, message: &Value) {
        let text = message["message"].as_str().unwrap_or_default();
        let rendered = message["rendered"].as_str().unwrap_or(text);
        if message["level"] == "error" {
            self.errors.push(rendered.to_owned());
        } else if let Some(symbol) = between(text, "no profile data available for function ", " Hash") {
            self.missing.push(symbol.to_owned());
        } else if text.contains("(hash mismatch)") {
            self.stale.push(between(text, "(hash mismatch) ", " Hash").unwrap_or(text).to_owned());
            let sum = between(text, " up to ", " count").and_then(|n| n.parse().ok()).unwrap_or(0);
            self.discarded = self.discarded.saturating_add(sum);
        } else if text.contains(".profdata") {
            self.unusable.push(text.to_owned());
        } else if message["level"] == "warning" && !text.ends_with("emitted") {
            eprint!("{rendered}");
        }
    }

    pub(crate) fn errors(&self) -> String {
        self.errors.concat()
    }

    /// The gates of a build that used a profile.
    pub(crate) fn check(&self, profile: &Summary) -> Result<()> {
        if let Some(first) = self.unusable.first() {
            return Err(Failure::new(format!("rustc cannot use the profile: {first}"))
                .advise("remove target/pgo and run again; if it stays, the llvm-profdata does not fit"));
        }
        let stale = share(self.discarded, profile.total_count);
        if stale > STALE_MAX {
            let functions = first_few(&self.stale);
            return Err(Failure::new(format!(
                "stale profile: {:.1} % of its counts were discarded (limit {:.0} %): {functions}",
                100.0 * stale,
                100.0 * STALE_MAX
            ))
            .advise(
                "the sources changed between training and the final build: run `cargo xtask pgo` again",
            ));
        }
        self.check_missing(profile)
    }

    fn check_missing(&self, profile: &Summary) -> Result<()> {
        let missing = share(self.missing.len() as u64, profile.functions);
        if missing <= MISSING_MAX {
            return Ok(());
        }
        let functions = first_few(&self.missing);
        Err(Failure::new(format!(
            "{} functions have no data, the profile knows {} (limit {:.0} %): {functions}",
            self.missing.len(),
            profile.functions,
            100.0 * MISSING_MAX
        ))
        .advise(
            "training and final build must agree in profile, target, lto, codegen-units, debug and strip",
        ))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { f64::from(u8::from(part > 0)) } else { part as f64 / whole as f64 }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after).map_or(rest, |(found, _)| found))
}

fn first_few(symbols: &[String]) -> String {
    let more = if symbols.len() > 5 { ", ..." } else { "" };
    symbols[..symbols.len().min(5)].join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: Summary = Summary { ir_level: true, functions: 100, total_count: 1000 };

    fn build(messages: &[&str]) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for text in messages {
            let message = serde_json::json!({"reason": "compiler-message",
                "message": {"level": "warning", "message": text, "rendered": ""}});
            diagnostics.read(&message.to_string());
        }
        diagnostics
    }

    fn stale(count: u64) -> String {
        format!(
            "p.c14-cgu.0: function control flow change detected (hash mismatch) _ZN1p1fE Hash = 88 up to {count} count discarded"
        )
    }

    #[test]
    fn discarded_counts_are_summed_and_limited() {
        let few = build(&[&stale(20), &stale(30)]);
        assert_eq!((few.discarded, few.stale.len()), (50, 2));
        assert!(few.check(&PROFILE).is_ok());
        let text = build(&[&stale(51)]).check(&PROFILE).unwrap_err().to_string();
        assert!(text.contains("stale profile") && text.contains("_ZN1p1fE"), "{text}");
    }

    #[test]
    fn functions_without_data_are_counted_and_limited() {
        let missing = "p: no profile data available for function _ZN1p1gE Hash = 7 up to 0 count discarded";
        assert!(build(&[missing; 1]).check(&PROFILE).is_ok());
        let text = build(&[missing; 2]).check(&PROFILE).unwrap_err().to_string();
        assert!(text.contains("2 functions have no data") && text.contains("_ZN1p1gE"), "{text}");
    }

    #[test]
    fn a_complaint_about_the_file_fails_the_build() {
        let text = build(&["/t/1.profdata: invalid instrumentation profile data (bad magic)"]);
        assert!(text.check(&PROFILE).unwrap_err().to_string().contains("bad magic"));
    }

    #[test]
    fn the_executable_is_found_and_other_lines_are_ignored() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.read("not json");
        diagnostics.read(r#"{"reason":"compiler-artifact","executable":"/t/bot4-ml"}"#);
        diagnostics.read(r#"{"reason":"compiler-artifact","executable":null}"#);
        assert_eq!(diagnostics.executable.as_deref(), Some(std::path::Path::new("/t/bot4-ml")));
    }
}
