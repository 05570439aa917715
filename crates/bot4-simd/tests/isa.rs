//! Detection, the override and refusal of what the CPU lacks.

use bot4_simd::{Isa, Kernels, Program};
use std::process::{Command, Output};

struct Name;

impl Program for Name {
    type Output = Isa;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> Isa {
        k.isa()
    }
}

/// Runs the test `detection_stays_within_the_environment` in a process of its own with `BOT4_ISA` set.
fn detect_with(word: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["detection_stays_within_the_environment", "--exact", "--nocapture"])
        .env("BOT4_ISA", word)
        .output()
        .unwrap()
}

#[test]
fn detection_stays_within_the_environment() {
    let isa = Isa::detect();
    assert_eq!(isa.run(Name), isa);
    let word = std::env::var("BOT4_ISA").unwrap_or_default();
    assert!(word.is_empty() || isa <= word.parse().unwrap());
}

#[test]
fn the_override_bounds_detection() {
    for word in ["", "portable", "avx2", "avx512"] {
        let output = detect_with(word);
        assert!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_unknown_override_is_refused_by_name() {
    let output = detect_with("sse9");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(message.contains("BOT4_ISA: unknown instruction set \"sse9\""), "{message}");
}

#[test]
fn programs_run_on_the_set_that_was_asked_for() {
    for isa in Isa::available() {
        assert_eq!(isa.run(Name), isa);
        assert_eq!(isa.to_string().parse(), Ok(isa));
    }
    assert_eq!(Isa::available().next(), Some(Isa::Portable));
}

#[test]
fn a_missing_set_panics_instead_of_running() {
    let widest = Isa::available().last().unwrap();
    for isa in [Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa > widest) {
        assert!(std::panic::catch_unwind(|| isa.run(Name)).is_err());
    }
}
