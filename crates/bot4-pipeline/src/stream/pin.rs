//! Keeping a thread on one core.

/// Keeps the calling thread on `core`.
#[cfg(target_os = "linux")]
pub(super) fn to_core(core: usize) -> Result<(), String> {
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::unistd::Pid;
    let mut only = CpuSet::new();
    only.set(core)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &only))
        .map_err(|error| format!("cannot pin it to core {core}: {error}"))
}

/// Not possible here.
#[cfg(not(target_os = "linux"))]
pub(super) fn to_core(core: usize) -> Result<(), String> {
    Err(format!("cannot pin it to core {core}: not possible on this system"))
}
