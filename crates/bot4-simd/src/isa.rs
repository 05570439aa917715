//! Which instruction set to use: detection, the override, and running a program inside one.
#![allow(unsafe_code)] // Turns a remembered detection into a token.

use crate::backend::Portable;
#[cfg(target_arch = "x86_64")]
use crate::backend::{Avx2, Avx512};
use crate::kernels::Kernels;
use crate::vector::Simd;
use core::fmt;
use core::str::FromStr;
use core::sync::atomic::{AtomicU8, Ordering};

/// An instruction set, ordered by width.
///
/// ```
/// use bot4_simd::Isa;
///
/// let isa = Isa::detect();
/// assert!(Isa::available().any(|each| each == isa));
/// println!("kernels run on {isa}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Isa {
    /// Plain Rust, on every CPU. Fused multiply-add is exact but slow where the hardware lacks it.
    Portable = 1,
    /// AVX2 and FMA: x86-64 from 2013 on.
    Avx2 = 2,
    /// AVX-512 F, DQ, BW and VL: x86-64 servers from 2017 on, Zen 4 and later.
    Avx512 = 3,
}

/// A word that names no instruction set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIsa(String);

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown instruction set {:?}: expected portable, avx2 or avx512", self.0)
    }
}

impl core::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(word: &str) -> Result<Self, UnknownIsa> {
        match word {
            "portable" => Ok(Isa::Portable),
            "avx2" => Ok(Isa::Avx2),
            "avx512" => Ok(Isa::Avx512),
            _ => Err(UnknownIsa(word.to_owned())),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        })
    }
}

/// What this CPU has, and that bounded by `BOT4_ISA`.
static WIDEST: Remembered = Remembered(AtomicU8::new(0));
static DETECTED: Remembered = Remembered(AtomicU8::new(0));

/// A set found once: `Isa as u8`, 0 before.
struct Remembered(AtomicU8);

impl Remembered {
    #[inline(always)]
    fn get(&self, find: fn() -> Isa) -> Isa {
        self.known().unwrap_or_else(|| self.fill(find))
    }

    #[inline(always)]
    fn known(&self) -> Option<Isa> {
        // ORDERING: Relaxed: the byte is the whole message, and every thread would store the same one.
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Isa::Portable),
            2 => Some(Isa::Avx2),
            3 => Some(Isa::Avx512),
            _ => None,
        }
    }

    #[cold]
    fn fill(&self, find: fn() -> Isa) -> Isa {
        let isa = find();
        // ORDERING: Relaxed: see `known`.
        self.0.store(isa as u8, Ordering::Relaxed);
        isa
    }
}

/// The token of a set, chosen at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// The widest set this CPU has, but none wider than the environment variable `BOT4_ISA`
    /// (`portable`, `avx2` or `avx512`; unset or empty: no bound). Read once, then a single load; wait-free.
    ///
    /// # Panics
    /// The first call panics when `BOT4_ISA` holds another word: a replay that asks for one set must
    /// not silently run on another.
    #[inline]
    pub fn detect() -> Isa {
        DETECTED.get(widest_allowed)
    }

    /// The sets this CPU has, narrowest first, whatever `BOT4_ISA` says.
    pub fn available() -> impl Iterator<Item = Isa> {
        let widest = WIDEST.get(widest);
        [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(move |&isa| isa <= widest)
    }

    /// Runs `program` inside a function compiled for this set, so that its kernels and its own loops
    /// use it, and dispatch happens once.
    ///
    /// # Panics
    /// If this CPU lacks the set.
    #[inline]
    pub fn run<P: Program>(self, program: P) -> P::Output {
        match self.token() {
            Token::Portable(k) => inside(k, program),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(k) => inside(k, program),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(k) => inside(k, program),
        }
    }

    /// The token of this set.
    ///
    /// # Panics
    /// If this CPU lacks the set.
    #[inline(always)]
    fn token(self) -> Token {
        if self > WIDEST.get(widest) {
            missing(self);
        }
        // SAFETY: `widest` found this set or a wider one.
        unsafe { self.assume() }
    }

    /// # Safety
    /// This CPU has the set.
    #[inline(always)]
    unsafe fn assume(self) -> Token {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the caller's promise.
            Isa::Avx512 => Token::Avx512(unsafe { Avx512::assume() }),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the caller's promise.
            Isa::Avx2 => Token::Avx2(unsafe { Avx2::assume() }),
            _ => Token::Portable(Portable),
        }
    }
}

/// The token of [`Isa::detect`].
#[inline(always)]
pub(crate) fn detected() -> Token {
    // SAFETY: `widest_allowed` returns only what this CPU has.
    unsafe { DETECTED.get(widest_allowed).assume() }
}

/// The same, if it was asked for before: one load and no call.
#[inline(always)]
pub(crate) fn remembered() -> Option<Token> {
    let isa = DETECTED.known()?;
    // SAFETY: `widest_allowed` returns only what this CPU has.
    Some(unsafe { isa.assume() })
}

#[inline(always)]
fn inside<K: Kernels, P: Program>(k: K, program: P) -> P::Output {
    Simd::enter(
        k,
        #[inline(always)]
        |program: P, (), ()| program.run(k),
        program,
        (),
        (),
    )
}

#[cold]
fn missing(isa: Isa) -> ! {
    panic!("this CPU lacks {isa}")
}

/// What this CPU has. Each set contains the narrower ones.
fn widest() -> Isa {
    #[cfg(target_arch = "x86_64")]
    if Avx512::is_available() {
        return Isa::Avx512;
    } else if Avx2::is_available() {
        return Isa::Avx2;
    }
    Isa::Portable
}

fn widest_allowed() -> Isa {
    let limit = match std::env::var_os("BOT4_ISA") {
        Some(word) if !word.is_empty() => {
            word.to_string_lossy().parse().unwrap_or_else(|error| panic!("BOT4_ISA: {error}"))
        }
        _ => Isa::Avx512,
    };
    WIDEST.get(widest).min(limit)
}

/// Code that runs on whatever instruction set it is given: many kernels for one dispatch.
///
/// Mark `run` `#[inline(always)]`: then loops of its own are compiled for that set too. (Kernels
/// called through `k` always are.)
///
/// ```
/// use bot4_simd::{Isa, Kernels, Program};
///
/// struct Score<'a> { row: &'a mut [f64], weights: &'a [f64] }
///
/// impl Program for Score<'_> {
///     type Output = f64;
///     #[inline(always)]
///     fn run<K: Kernels>(self, k: K) -> f64 {
///         k.tanh(self.row);
///         k.dot8(self.row, self.weights)
///     }
/// }
///
/// let score = Isa::detect().run(Score { row: &mut [0.0, 50.0], weights: &[3.0, 2.0] });
/// assert_eq!(score, 2.0);
/// ```
pub trait Program {
    /// What the program returns.
    type Output;
    /// The code, given the kernels of one instruction set.
    fn run<K: Kernels>(self, k: K) -> Self::Output;
}
