//! What a disassembler printed, as functions with instructions and loops.
use std::collections::{BTreeMap, BTreeSet};

/// A function of the binary.
#[derive(Debug)]
pub(crate) struct Function {
    /// As the disassembler demangled it.
    pub(crate) name: String,
    pub(crate) instructions: Vec<Instruction>,
}

/// A line of it.
#[derive(Debug)]
pub(crate) struct Instruction {
    address: u64,
    /// Mnemonic and operands.
    pub(crate) text: String,
}

/// The places of the instructions of a loop within its function.
pub(crate) type Loop = BTreeSet<usize>;

/// The functions of `objdump --disassemble --demangle --no-show-raw-insn`.
pub(crate) fn parse(listing: &str) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    for line in listing.lines() {
        if let Some(name) = heading(line) {
            functions.push(Function { name: name.to_owned(), instructions: Vec::new() });
        } else if let (Some(function), Some(instruction)) = (functions.last_mut(), instruction(line)) {
            function.instructions.push(instruction);
        }
    }
    functions
}

/// `0000000000045580 <name>:`
fn heading(line: &str) -> Option<&str> {
    let (address, rest) = line.split_once(" <")?;
    u64::from_str_radix(address, 16).ok()?;
    rest.strip_suffix(">:")
}

/// `   45580:\tmov    0x8(%rdi),%rdx`
fn instruction(line: &str) -> Option<Instruction> {
    let (address, text) = line.split_once(":\t")?;
    let address = u64::from_str_radix(address.trim(), 16).ok()?;
    Some(Instruction { address, text: text.trim_end().to_owned() })
}

impl Instruction {
    pub(crate) fn mnemonic(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    pub(crate) fn is_call(&self) -> bool {
        self.mnemonic().starts_with("call")
    }

    /// Works on a register of 32 or 64 bytes.
    pub(crate) fn is_wide(&self) -> bool {
        self.text.contains("%ymm") || self.text.contains("%zmm")
    }

    /// Where a jump goes, if it says so.
    fn jump(&self) -> Option<u64> {
        if !self.text.starts_with('j') {
            return None;
        }
        u64::from_str_radix(self.text.split_whitespace().nth(1)?, 16).ok()
    }

    /// The next instruction may run after it.
    fn falls_through(&self) -> bool {
        !matches!(self.mnemonic(), "jmp" | "ret" | "ud2") && !self.panics()
    }

    /// A call of something that panics.
    fn panics(&self) -> bool {
        self.is_call() && ["panic", "_fail", "lengths_differ"].iter().any(|word| self.text.contains(word))
    }
}

impl Function {
    fn index(&self, address: u64) -> Option<usize> {
        self.instructions.binary_search_by_key(&address, |one| one.address).ok()
    }

    /// The instructions that may run right before each.
    fn predecessors(&self) -> Vec<Vec<usize>> {
        let mut before = vec![Vec::new(); self.instructions.len()];
        for (i, one) in self.instructions.iter().enumerate() {
            if let Some(target) = one.jump().and_then(|address| self.index(address)) {
                before[target].push(i);
            }
            if one.falls_through() && i + 1 < before.len() {
                before[i + 1].push(i);
            }
        }
        before
    }

    /// The natural loops by their heads: a jump backwards to a head that every way to the jump goes through, and all
    /// that lies on the ways between.
    fn loops(&self) -> BTreeMap<usize, Loop> {
        let before = self.predecessors();
        let mut loops = BTreeMap::<usize, Loop>::new();
        for (end, one) in self.instructions.iter().enumerate() {
            let Some(head) = one.jump().and_then(|to| self.index(to)).filter(|&head| head <= end) else {
                continue;
            };
            if let Some(body) = between(head, end, &before) {
                loops.entry(head).or_default().extend(body);
            }
        }
        loops
    }

    /// The loops that do the work: with no other inside, on vectors wider than the baseline has.
    pub(crate) fn vector_loops(&self) -> Vec<Loop> {
        let loops = self.loops();
        let holds_another =
            |head: usize, body: &Loop| loops.keys().any(|other| *other != head && body.contains(other));
        let wide = |body: &Loop| body.iter().any(|&i| self.instructions[i].is_wide());
        let innermost = loops.iter().filter(|&(&head, body)| !holds_another(head, body) && wide(body));
        innermost.map(|(_, body)| body.clone()).collect()
    }

    /// What a vector loop must not have: a call, or a way out that panics. A loop that calls one of the `kernels`, whole, goes
    /// over columns and not over registers.
    pub(crate) fn fault(&self, body: &Loop, kernels: &str) -> Option<&str> {
        let body = || body.iter().map(|&i| &self.instructions[i]);
        let call = body().find(|one| one.is_call());
        if call.is_some_and(|call| call.text.contains(kernels)) {
            return None;
        }
        let panic = || body().filter_map(Instruction::jump).find_map(|target| self.panic_at(target));
        call.or_else(panic).map(|one| one.text.as_str())
    }

    /// The panicking call of the cold block at an address, if that is what stands there.
    fn panic_at(&self, address: u64) -> Option<&Instruction> {
        const LONGEST_BLOCK: usize = 8;
        let block = self.instructions.get(self.index(address)?..)?.iter().take(LONGEST_BLOCK);
        let ends = |one: &&Instruction| one.is_call() || one.mnemonic().starts_with("ret");
        block.into_iter().find(ends).filter(|one| one.panics())
    }
}

/// All on the ways from `head` to `end`; `None` if one of them does not begin at `head`.
fn between(head: usize, end: usize, before: &[Vec<usize>]) -> Option<Loop> {
    let mut body = Loop::from([head]);
    let mut open = vec![end];
    while let Some(i) = open.pop() {
        if body.insert(i) {
            if i == 0 {
                return None;
            }
            open.extend(&before[i]);
        }
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "
0000000000001000 <kernel>:
    1000:\txor    %eax,%eax
    1002:\tvaddpd (%rdi,%rax,8),%zmm0,%zmm0
    1008:\tadd    $0x8,%rax
    100c:\tcmp    %rsi,%rax
    100f:\tjb     1002 <kernel+0x2>
    1011:\tdec    %rdx
    1014:\tjne    1000 <kernel>
    1016:\tret

0000000000002000 <closure stayed a call>:
    2000:\tvmovups (%rdi),%zmm0
    2006:\tcall   3000 <inner::{{closure}}>
    200b:\tjne    2000 <closure stayed a call>
    200d:\tret

0000000000002800 <checked>:
    2800:\tcmp    %rcx,%rax
    2803:\tjae    2820 <checked+0x20>
    2805:\tvaddpd (%rdi,%rax,8),%ymm0,%ymm0
    280b:\tinc    %rax
    280e:\tjne    2800 <checked>
    2810:\tret
    2820:\tmov    %rax,%rdi
    2823:\tcall   4000 <core::panicking::panic_bounds_check>
";

    fn faults() -> Vec<(String, Option<String>)> {
        let fault = |function: &Function| {
            let loops = function.vector_loops();
            assert_eq!(loops.len(), 1, "{}", function.name);
            (function.name.clone(), function.fault(&loops[0], "enter::inside").map(str::to_owned))
        };
        parse(LISTING).iter().map(fault).collect()
    }

    #[test]
    fn a_call_in_a_vector_loop_is_found_and_so_is_a_bounds_check() {
        let faults = faults();
        assert_eq!(faults[0], ("kernel".to_owned(), None));
        assert!(faults[1].1.as_ref().is_some_and(|text| text.contains("closure")), "{faults:?}");
        assert!(faults[2].1.as_ref().is_some_and(|text| text.contains("panic_bounds_check")), "{faults:?}");
    }

    #[test]
    fn the_outer_loop_is_not_innermost() {
        let kernel = &parse(LISTING)[0];
        assert_eq!(kernel.loops().into_keys().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(kernel.vector_loops(), [Loop::from([1, 2, 3, 4])]);
    }

    #[test]
    fn a_jump_back_into_the_middle_of_straight_code_is_no_loop() {
        let listing = "
0000000000001000 <cold part at the end>:
    1000:\tje     1020 <cold part at the end+0x20>
    1004:\tvaddpd %zmm1,%zmm0,%zmm0
    100a:\tcall   3000 <next>
    100f:\tret
    1020:\txor    %eax,%eax
    1022:\tjmp    1004 <cold part at the end+0x4>
";
        assert!(parse(listing)[0].loops().is_empty());
    }
}
