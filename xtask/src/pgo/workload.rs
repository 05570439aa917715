//! Runs of the program under a declared workload, and what it reports about itself.
use std::path::Path;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build::{Binary, Instrumented, Subject};
use super::profile::RawProfiles;
use crate::failure::{Failure, Result};
use crate::process::{Cmd, tail};
use crate::store;

/// The variable that forces the kernels down to an instruction set.
const ISA: &str = "BOT4_ISA";

/// Arguments under which the program runs; everything in them is fixed, the seed too.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) output: Output,
    /// The instruction set to force the kernels down to; `None` leaves the best one of the CPU.
    pub(crate) isa: Option<&'static str>,
    /// How many times the counts of this workload enter the profile.
    pub(crate) weight: u32,
}

/// Where the outputs are, which two builds must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Their digest is in the file that `--json FILE` writes, with CPU times.
    Json,
    /// They are what the program prints.
    Printed,
}

/// The parts of the program's JSON that the loop needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Observation {
    /// Of all outputs: the same events must give the same digest.
    pub(crate) digest: String,
    pub(crate) events: u64,
    /// CPU time per event of the event-by-event path.
    pub(crate) event_cpu_ns: Option<f64>,
    /// CPU time of one batch.
    pub(crate) batch_cpu_us: Option<f64>,
    /// CPU time of the whole run, of a program that reports none itself.
    pub(crate) run_cpu_ms: Option<f64>,
    /// Latency of an event: p50, p99, p99.9, p99.99.
    pub(crate) event_ns: Option<[f64; 4]>,
}

impl Workload {
    /// The command as a user would type it.
    pub(crate) fn shown(&self, program: &str) -> String {
        let isa = self.isa.map(|isa| format!("{ISA}={isa} ")).unwrap_or_default();
        format!("{isa}{program} {}", self.args.join(" "))
    }

    /// Runs a program of any build, after printing the command, and reads its JSON.
    pub(crate) fn run(&self, program: &Path) -> Result<Observation> {
        self.observe(program, |cmd| cmd)
    }

    /// The same without printing, for the many runs of a measurement.
    pub(crate) fn run_silently(&self, program: &Path) -> Result<Observation> {
        self.observe(program, Cmd::silent)
    }

    fn observe(&self, program: &Path, prepare: impl Fn(Cmd) -> Cmd) -> Result<Observation> {
        let dir =
            tempfile::tempdir().map_err(|e| Failure::new(format!("cannot make a temporary folder: {e}")))?;
        let json = dir.path().join("workload.json");
        let cmd = Cmd::new(program).args(&self.args);
        let cmd = if self.output == Output::Json { cmd.arg("--json").arg(&json) } else { cmd };
        let cmd = match self.isa {
            Some(isa) => cmd.env(ISA, isa),
            None if std::env::var_os(ISA).is_some() => cmd.env_remove(ISA),
            None => cmd,
        };
        let before = children_cpu_ms();
        let out = prepare(cmd).capture()?;
        let run_cpu_ms = children_cpu_ms() - before;
        if !out.status.success() {
            let said = tail(if out.stderr.trim().is_empty() { &out.stdout } else { &out.stderr });
            return Err(Failure::new(format!("workload `{}` ended with {}: {said}", self.name, out.status))
                .advise(format!("run it by hand: {}", self.shown(&program.to_string_lossy()))));
        }
        match self.output {
            Output::Printed => {
                Ok(Observation { run_cpu_ms: Some(run_cpu_ms), ..Observation::of_lines(&out.stdout) })
            }
            Output::Json => {
                let text = std::fs::read_to_string(&json).map_err(|e| Failure::io("read", &json, &e))?;
                Observation::parse(&text)
            }
        }
    }
}

impl Observation {
    fn of_lines(text: &str) -> Self {
        let (digest, events) = (store::content_name(text.as_bytes()), text.lines().count() as u64);
        Self { digest, events, event_cpu_ns: None, batch_cpu_us: None, run_cpu_ms: None, event_ns: None }
    }

    fn parse(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text)
            .map_err(|e| Failure::new(format!("the workload's JSON is damaged: {e}")))?;
        let outputs = &json["outputs"];
        let missing = |key: &str| Failure::new(format!("the workload's JSON has no `outputs.{key}`"));
        Ok(Self {
            digest: outputs["digest"].as_str().ok_or_else(|| missing("digest"))?.to_owned(),
            events: outputs["events"].as_u64().ok_or_else(|| missing("events"))?,
            event_cpu_ns: json["event"]["new"]["cpu_ns_per_event"].as_f64(),
            batch_cpu_us: json["batch"]["new_cpu_us"].as_f64(),
            run_cpu_ms: None,
            event_ns: percentiles(&json["event"]["new"]),
        })
    }
}

/// CPU time of all children that have ended so far. Programs run one at a time, so a difference is one program's.
fn children_cpu_ms() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return 0.0 };
    let ms = |time: TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    ms(usage.user_time()) + ms(usage.system_time())
}

fn percentiles(figures: &Value) -> Option<[f64; 4]> {
    let at = |name: &str| figures[name].as_f64();
    Some([at("p50_ns")?, at("p99_ns")?, at("p999_ns")?, at("p9999_ns")?])
}

/// Trains: runs the instrumented binary under each workload in a cleared folder of its own.
pub(crate) fn train(
    subject: &Subject,
    binary: &Binary<Instrumented>,
    workloads: &[Workload],
) -> Result<(RawProfiles, Vec<Observation>)> {
    let mut raw = RawProfiles::default();
    let mut seen = Vec::with_capacity(workloads.len());
    store::empty_dir(&subject.raw())?;
    for (at, workload) in workloads.iter().enumerate() {
        let dir = subject.raw().join(at.to_string());
        store::empty_dir(&dir)?;
        let pattern = dir.join(format!("{}-%m-%p.profraw", subject.binary));
        seen.push(workload.observe(&binary.path, |cmd| cmd.env("LLVM_PROFILE_FILE", &pattern))?);
        raw.collect(&dir, workload.weight)?;
    }
    Ok((raw, seen))
}

/// Two builds of one program must give the same outputs.
pub(crate) fn equal_outputs(workload: &Workload, baseline: &Observation, other: &Observation) -> Result<()> {
    if baseline.digest == other.digest && baseline.events == other.events {
        return Ok(());
    }
    Err(Failure::new(format!(
        "outputs differ under workload `{}`: baseline {} ({} events), another build {} ({} events)",
        workload.name, baseline.digest, baseline.events, other.digest, other.events
    ))
    .advise("the optimised binary must not be used; look for undefined behaviour or unseeded randomness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"schema":1,"outputs":{"events":10,"orders":2,"digest":"00ff00ff00ff00ff"},
        "event":{"new":{"cpu_ns_per_event":250.5}},"batch":{"new_cpu_us":31.25}}"#;

    #[test]
    fn the_programs_json_is_read() {
        let seen = Observation::parse(JSON).unwrap();
        assert_eq!(seen.digest, "00ff00ff00ff00ff");
        assert_eq!((seen.event_cpu_ns, seen.batch_cpu_us), (Some(250.5), Some(31.25)));
        assert!(Observation::parse("{}").unwrap_err().to_string().contains("outputs.digest"));
        assert!(Observation::parse("{").is_err());
    }

    #[test]
    fn printed_outputs_are_compared_too() {
        let workload = Workload {
            name: "rows".into(),
            args: vec!["1\\n2\\n".into()],
            output: Output::Printed,
            isa: None,
            weight: 1,
        };
        let seen = workload.run_silently(Path::new("/usr/bin/printf")).unwrap();
        assert_eq!(
            (seen.events, Observation { run_cpu_ms: None, ..seen.clone() }),
            (2, Observation::of_lines("1\n2\n"))
        );
        assert!(seen.run_cpu_ms.is_some_and(|ms| ms < 1e4), "{seen:?}");
        assert!(equal_outputs(&workload, &seen, &Observation::of_lines("1\n3\n")).is_err());
    }

    #[test]
    fn another_digest_fails() {
        let workload = Workload {
            name: "training".into(),
            args: Vec::new(),
            output: Output::Json,
            isa: None,
            weight: 1,
        };
        let seen = Observation::parse(JSON).unwrap();
        let other = Observation { digest: "1".into(), ..seen.clone() };
        assert!(equal_outputs(&workload, &seen, &seen).is_ok());
        let text = equal_outputs(&workload, &seen, &other).unwrap_err().to_string();
        assert!(text.contains("outputs differ") && text.contains("training"), "{text}");
    }
}
