//! The bytes that memcpy and memmove moved, in a file that DHAT wrote in its mode `copy`.
use serde::Deserialize;

use crate::failure::{Failure, Result};

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    #[serde(rename = "pps")]
    points: Vec<Point>,
    /// `0x1234: name (file:1)` or `0x1234: name (in /a/program)`.
    #[serde(rename = "ftbl")]
    frames: Vec<String>,
}

/// A place that copied.
#[derive(Debug, Deserialize)]
struct Point {
    #[serde(rename = "tb")]
    bytes: u64,
    /// Numbers of its stack's frames.
    #[serde(rename = "fs")]
    stack: Vec<usize>,
}

impl Profile {
    pub(crate) fn of(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|e| Failure::new(format!("what DHAT wrote: {e}")))
    }

    /// The bytes copied under a function that `wanted` names.
    pub(crate) fn bytes(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let under: Vec<bool> = self.frames.iter().map(|frame| wanted(name(frame))).collect();
        let within = |point: &&Point| point.stack.iter().any(|&frame| under.get(frame) == Some(&true));
        self.points.iter().filter(within).map(|point| point.bytes as f64).sum()
    }
}

/// A frame's function, without the address before it and the place behind it.
fn name(frame: &str) -> &str {
    let name = frame.split_once(": ").map_or(frame, |(_, name)| name);
    name.rsplit_once(" (").map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_counts_once_however_deep_the_function_stands() {
        let text = r#"{"dhatFileVersion": 2, "mode": "copy",
            "pps": [{"tb": 100, "tbk": 2, "fs": [1, 2, 3]}, {"tb": 7, "tbk": 1, "fs": [1, 3]}],
            "ftbl": ["[root]", "0x1: memcpy (in /usr/lib/x.so)", "0x2: a::OldPath::on_batch (old.rs:58)", "0x3: main (in /b)"]}"#;
        let profile = Profile::of(text).unwrap();
        assert_eq!(profile.bytes(|name| name == "a::OldPath::on_batch"), 100.0);
        assert_eq!(profile.bytes(|name| name == "main"), 107.0);
        assert_eq!(profile.bytes(|name| name == "old"), 0.0);
    }
}
