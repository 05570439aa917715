//! Reading a lazy value that is there: one load of its state, one branch. Read off the machine code of this very test.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::print_stdout)] // a skipped test must be seen to be skipped

use std::hint::black_box;
use std::process::Command;

use bot4_ml::LazyComputation;

/// The function that is looked at: the value is four bytes, so reading it is one more load.
#[inline(never)]
fn read_of_a_lazy_value(lazy: &LazyComputation<u32>) -> u32 {
    *lazy.get()
}

/// The instructions of the function up to its first return.
fn instructions() -> Option<Vec<String>> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(program).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("SKIP: no objdump");
        return None;
    };
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let body =
        listing.lines().skip_while(|line| !line.contains("read_of_a_lazy_value") || !line.ends_with(">:"));
    let mut path = Vec::new();
    for line in body.skip(1) {
        let Some((_, instruction)) = line.split_once('\t') else { break };
        path.push(instruction.split('#').next().unwrap().trim().to_owned());
        if instruction.starts_with("ret") {
            break;
        }
    }
    Some(path)
}

#[test]
fn reading_is_one_load_and_one_branch() {
    static LAZY: LazyComputation<u32> = LazyComputation::new(|| 7);
    assert_eq!(read_of_a_lazy_value(black_box(&LAZY)), 7);
    let Some(path) = instructions() else { return };
    let text = path.join("\n");
    assert!(path.last().is_some_and(|last| last.starts_with("ret")), "no such function found: {text}");
    let starts = |prefix: &str| path.iter().filter(|one| one.starts_with(prefix)).count();
    assert_eq!(starts("j") - starts("jmp"), 1, "one branch:\n{text}");
    assert_eq!(
        starts("call") + starts("lock") + starts("xchg") + starts("mfence"),
        0,
        "nothing else:\n{text}"
    );
    // Pushes and pops of a frame touch the stack; of the value there are the state and the number.
    let reads = |one: &&String| one.contains('(') && !one.contains("rsp") && !one.starts_with("lea");
    assert_eq!(path.iter().filter(reads).count(), 2, "the state and the value:\n{text}");
}
