//! A look at the machine code of the shipped binary: whether its vector loops have a call or a panic in them.
mod listing;

use std::collections::BTreeSet;

use listing::Function;

use crate::failure::{Failure, Result};
use crate::process::{Cmd, on_path};
use crate::workspace::Workspace;

const PACKAGE: &str = "bot4-ml";
/// The functions that are compiled for an instruction set: everything vectorised is inlined into them.
const ENTERED: &str = "bot4_simd::vector::Simd>::enter::inside";
/// Of so many the binary has at least some, or the check looks for a name that is gone.
const ENTERED_MIN: usize = 8;

/// Options of `cargo xtask asm`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Print the functions whose names contain this, instead of checking all vector loops
    #[arg(value_name = "FUNCTION")]
    function: Option<String>,
}

/// Why nothing can be disassembled here, if so.
pub(crate) fn missing() -> Option<&'static str> {
    if !cfg!(target_arch = "x86_64") {
        return Some("it reads x86-64 only");
    }
    on_path("objdump").is_none().then_some("objdump is not installed")
}

/// Builds the binary and prints a function or checks the loops.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(reason) = missing() {
        return Err(Failure::new(reason).advise("objdump comes with binutils"));
    }
    Cmd::cargo().dir(&workspace.root).args(["build", "--release", "--package", PACKAGE]).run()?;
    let listing = Cmd::new("objdump")
        .args(["--disassemble", "--demangle", "--no-show-raw-insn"])
        .arg(workspace.target.join("release").join(PACKAGE))
        .read()?;
    let functions = listing::parse(&listing);
    match &options.function {
        Some(name) => print(&functions, name),
        None => check(&functions),
    }
}

fn print(functions: &[Function], name: &str) -> Result<()> {
    let found: Vec<_> = functions.iter().filter(|function| function.name.contains(name)).collect();
    for function in &found {
        println!("{}", function.name);
        let in_loops: BTreeSet<usize> = function.vector_loops().into_iter().flatten().collect();
        for (i, instruction) in function.instructions.iter().enumerate() {
            println!("  {} {}", if in_loops.contains(&i) { '|' } else { ' ' }, instruction.text);
        }
        println!();
    }
    if found.is_empty() {
        let advice = "a function that was inlined everywhere has no code of its own: name the one around it";
        return Err(Failure::new(format!("no function of {PACKAGE} contains {name:?}")).advise(advice));
    }
    let calls = |function: &&Function| function.instructions.iter().filter(|one| one.is_call()).count();
    let (loops, calls): (usize, usize) =
        (found.iter().map(|one| one.vector_loops().len()).sum(), found.iter().map(calls).sum());
    println!("{} functions, {loops} vector loops (marked |), {calls} calls", found.len());
    faults(found.into_iter())
}

fn check(functions: &[Function]) -> Result<()> {
    let entered: Vec<_> = functions.iter().filter(|function| function.name.contains(ENTERED)).collect();
    if entered.len() < ENTERED_MIN {
        let seen = entered.len();
        return Err(Failure::new(format!(
            "only {seen} functions named {ENTERED} in {PACKAGE}: was it renamed?"
        )));
    }
    let loops: usize = entered.iter().map(|function| function.vector_loops().len()).sum();
    println!("{} functions for an instruction set, {loops} vector loops", entered.len());
    faults(entered.into_iter())
}

fn faults<'a>(functions: impl Iterator<Item = &'a Function>) -> Result<()> {
    let faults: Vec<String> = functions
        .flat_map(|function| {
            let loops = function.vector_loops();
            let fault = |body| function.fault(body, ENTERED).map(|text| format!("{}: {text}", function.name));
            loops.iter().filter_map(fault).collect::<Vec<_>>()
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let advice = "a closure or function that stayed a call needs #[inline(always)]; a bounds check a slice of known length";
    Err(Failure::new(format!("vector loops with a call or a panic:\n{}", faults.join("\n"))).advise(advice))
}
