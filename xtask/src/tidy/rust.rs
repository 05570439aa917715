//! Rules for Rust sources: notes beside unsafe code and atomics, no disabled tests.
use std::path::Path;

use super::text::{Line, split};
use super::{Finding, layers};

const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// How far above an atomic access its note may stand: one note may cover a short group.
const NOTE_ABOVE_MAX: usize = 12;

/// All findings of one file.
pub(super) fn check(relative: &Path, text: &str) -> Vec<Finding> {
    let lines = split(text);
    let library = relative.components().any(|c| c.as_os_str() == "src") && relative.starts_with("crates");
    let accesses = if library { atomic_accesses(&lines) } else { Vec::new() };
    let mut findings = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut report = |text: &str| findings.push(Finding::new(relative, at + 1, text));
        if line.code.contains("#[ignore") {
            report("a disabled test: mend or remove it");
        }
        if allows_unsafe(&line.code) && !layers::may_be_unsafe(relative) {
            report("no unsafe code in this package: move it into bot4-simd, bot4-pool or bot4-lockfree");
        }
        if opens_unsafe(&line.code) && !noted(&lines, at, "SAFETY:") {
            report("unsafe without a note: say above it `// SAFETY: ...` which obligations hold and why");
        }
        if accesses.contains(&at) && !noted_near(&lines, at, "ORDERING:") {
            report(
                "an atomic access without a note: say above it `// ORDERING: ...` what it publishes or observes",
            );
        }
    }
    findings
}

/// A file that does not begin with what it is for.
pub(super) fn unexplained(relative: &Path, text: &str) -> Option<Finding> {
    let explained = text.starts_with("//! ");
    (!explained).then(|| Finding::new(relative, 1, "say in a first line `//! ...` what the file is for"))
}

fn allows_unsafe(code: &str) -> bool {
    code.contains("(unsafe_code)") && (code.contains("allow") || code.contains("expect"))
}

/// A block or an implementation; `unsafe fn` has its contract in the documentation.
fn opens_unsafe(code: &str) -> bool {
    words(code)
        .zip(words(code).skip(1))
        .any(|(word, next)| word == "unsafe" && (next == "impl" || next == "{"))
}

/// Identifiers and opening braces, in order.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_')).flat_map(|part| {
        let word = part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
        let brace = part.ends_with('{').then_some("{");
        (!word.is_empty()).then_some(word).into_iter().chain(brace)
    })
}

/// The lines that name an ordering, outside of imports and tests; none when one note speaks for the whole file.
fn atomic_accesses(lines: &[Line]) -> Vec<usize> {
    let speaks_for_all = |l: &Line| l.comment.contains("ORDERING:") && l.comment.contains("in this file");
    if lines.iter().any(speaks_for_all) {
        return Vec::new();
    }
    let mut importing = false;
    let mut found = Vec::new();
    for (at, line) in lines.iter().take(tests_from(lines)).enumerate() {
        importing |= words(&line.code).take(2).any(|word| word == "use");
        if !importing && words(&line.code).any(|word| ORDERINGS.contains(&word)) {
            found.push(at);
        }
        importing &= !line.code.contains(';');
    }
    found
}

/// Where the tests at the end of a file begin.
fn tests_from(lines: &[Line]) -> usize {
    let is_tests = |pair: &[Line]| {
        let attribute =
            pair[0].code.trim_start().starts_with("#[cfg(") && words(&pair[0].code).any(|w| w == "test");
        attribute && words(&pair[1].code).next() == Some("mod") && pair[1].code.contains('{')
    };
    lines.windows(2).position(is_tests).unwrap_or(lines.len())
}

/// A note on the line itself or in the comments directly above its statement.
fn noted(lines: &[Line], at: usize, note: &str) -> bool {
    if lines[at].comment.contains(note) {
        return true;
    }
    for above in lines[..at].iter().rev() {
        if above.comment.contains(note) {
            return true;
        }
        let code = above.code.trim();
        let attribute = code.starts_with("#[");
        let ends_before = code.ends_with([';', '{', '}']) || (code.is_empty() && above.comment.is_empty());
        if ends_before && !attribute {
            return false;
        }
    }
    false
}

/// A note on one of the few lines above, as far as the function reaches.
fn noted_near(lines: &[Line], at: usize, note: &str) -> bool {
    let from = at.saturating_sub(NOTE_ABOVE_MAX);
    noted(lines, at, note)
        || lines[from..=at]
            .iter()
            .rev()
            .take_while(|l| l.code.trim_end() != "}")
            .any(|l| l.comment.contains(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(Path::new(path), text).iter().map(|f| f.line).collect()
    }

    const POOL: &str = "crates/bot4-pool/src/a.rs";

    #[test]
    fn unsafe_without_a_note_is_found() {
        assert_eq!(found(POOL, "fn f() {\n    unsafe { g() }\n}\n"), [2]);
        assert_eq!(found(POOL, "unsafe impl Send for A {}\n"), [1]);
        assert_eq!(found(POOL, "// SAFETY: of another line\nh();\nunsafe { g() }\n"), [3]);
    }

    #[test]
    fn a_note_above_the_statement_counts() {
        assert!(
            found(POOL, "// SAFETY: in bounds,\n// as checked.\nlet x =\n    unsafe { g() };\n").is_empty()
        );
        assert!(found(POOL, "// SAFETY: no state\n#[cfg(unix)]\nunsafe impl Send for A {}\n").is_empty());
        assert!(found(POOL, "let x = unsafe { g() }; // SAFETY: checked\n").is_empty());
        assert!(found(POOL, "unsafe fn f() {}\nlet s = \"unsafe { }\";\n").is_empty());
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        assert!(unexplained(Path::new("a.rs"), "use b;\n").is_some());
        assert!(unexplained(Path::new("a.rs"), "//! Rules.\nuse b;\n").is_none());
    }

    #[test]
    fn an_atomic_without_a_note_is_found() {
        assert_eq!(found(POOL, "fn f() {\n    a.load(Ordering::Acquire);\n}\n"), [2]);
        assert_eq!(found(POOL, "// ORDERING: of f\nfn f() {\n}\nfn g() {\n    a.load(Relaxed);\n}\n"), [5]);
    }

    #[test]
    fn one_ordering_note_covers_a_short_group() {
        let text = "fn f() {\n    // ORDERING: only this thread writes\n    a.load(Relaxed);\n    b.load(Relaxed);\n}\n";
        assert!(found(POOL, text).is_empty());
        assert!(found(POOL, "use std::sync::atomic::Ordering::{Acquire, Release};\n").is_empty());
        assert!(found(POOL, "match a.cmp(&b) { Ordering::Less => {} _ => {} }\n").is_empty());
        assert!(found(POOL, "use std::{\n    sync::atomic::Ordering::Relaxed,\n};\n").is_empty());
        let test = "mod tests {\n    fn f() { a.load(Relaxed); }\n}\n";
        assert!(found(POOL, &format!("#[cfg(test)]\n{test}")).is_empty());
        assert!(found(POOL, &format!("#[cfg(all(test, not(bot4_loom)))]\n{test}")).is_empty());
        assert_eq!(found(POOL, &format!("#[cfg(unix)]\n{test}")), [3]);
    }

    #[test]
    fn one_ordering_note_may_speak_for_a_file() {
        let access = "fn f() { a.load(Relaxed); }\n";
        assert!(
            found(POOL, &format!("// ORDERING: every access in this file is Relaxed.\n{access}")).is_empty()
        );
    }

    #[test]
    fn a_disabled_test_is_found() {
        assert_eq!(found("crates/bot4-ml/tests/a.rs", "#[test]\n#[ignore]\nfn f() {}\n"), [2]);
        assert_eq!(found("crates/bot4-ml/tests/a.rs", "#[ignore = \"slow\"]\nfn f() {}\n"), [1]);
    }

    #[test]
    fn unsafe_is_opened_in_the_lowest_crates_only() {
        assert_eq!(found("crates/bot4-ml/src/a.rs", "#![allow(unsafe_code)]\n"), [1]);
        assert!(found(POOL, "#![allow(unsafe_code)]\n").is_empty());
    }
}
