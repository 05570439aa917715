//! What the operating system knows: cores, preemptions, the name of the processor.

/// The cores that this process may use.
#[cfg(target_os = "linux")]
pub(crate) fn cores() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::Pid;
    let Ok(allowed) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect()
}

/// Keeps the calling thread on `core`.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> Result<(), String> {
    allow(&[core]).map_err(|error| format!("cannot pin a thread to core {core}: {error}"))
}

/// Keeps the calling thread, and those that it starts, on these cores.
#[cfg(target_os = "linux")]
pub(crate) fn allow(cores: &[usize]) -> Result<(), nix::Error> {
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::unistd::Pid;
    let mut allowed = CpuSet::new();
    cores.iter().try_for_each(|&core| allowed.set(core))?;
    sched_setaffinity(Pid::from_raw(0), &allowed)
}

/// How often the calling thread has been preempted so far. Waiting for a lock is not counted: it is a cost of the subject.
#[cfg(target_os = "linux")]
pub(crate) fn switches() -> i64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.involuntary_context_switches())
}

/// Elsewhere threads are neither pinned nor watched: the spread tells how far to trust a row.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(crate) fn cores() -> Vec<usize> {
        (0..std::thread::available_parallelism().map_or(1, usize::from)).collect()
    }

    pub(crate) fn pin(_core: usize) -> Result<(), String> {
        Ok(())
    }

    pub(crate) fn allow(_cores: &[usize]) -> Result<(), String> {
        Ok(())
    }

    pub(crate) fn switches() -> i64 {
        0
    }
}
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{allow, cores, pin, switches};

/// The processor as it calls itself.
pub(crate) fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}
