//! Libraries that are opened while the program runs, and what they leave behind. What is not installed is left out, with a line that
//! says so.
#![allow(unsafe_code)] // Foreign functions cannot be had otherwise.

use libloading::{AsFilename, Library};
use std::sync::OnceLock;

/// The library of this name, opened once; prints a line without it.
pub(crate) fn library(
    place: &'static OnceLock<Option<Library>>,
    name: impl AsFilename,
) -> Option<&'static Library> {
    let open = || {
        // SAFETY: the libraries that are named here have no initialisers that ask anything of us.
        let library = unsafe { Library::new(name) };
        library.inspect_err(|error| println!("SKIP its rows: {error}")).ok()
    };
    place.get_or_init(open).as_ref()
}

/// The function `name`. The caller's type is that of the library's header.
pub(crate) fn function<F: Copy>(library: &'static Library, name: &str) -> Option<F> {
    // SAFETY: every call names the function beside the type that its header gives it.
    let symbol = unsafe { library.get::<F>(name.as_bytes()) };
    symbol.map(|symbol| *symbol).inspect_err(|error| println!("SKIP {name}: {error}")).ok()
}

/// Clears the upper halves of the calling thread's vector registers.
///
/// A thread starts with the registers of the one that spawned it. A peer of the group `ml` leaves their upper halves in use when it is
/// set up, and code of narrow registers then takes up to four times as long, on any thread that comes after.
pub(crate) fn clear_registers() {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the processor has the instruction, and no caller has anything in those halves.
        unsafe { std::arch::x86_64::_mm256_zeroupper() }
    }
}
