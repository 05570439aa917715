//! Where the keys come from: files of three formats, or draws by Zipf's law.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    process::{Command, Stdio},
};

/// The keys of an INPUT of the command line.
pub(crate) fn keys_of(input: &str) -> Result<Vec<u64>, String> {
    match input.split_once(':') {
        Some(("zipf", exponent)) => zipf(exponent, false),
        Some(("scan", exponent)) => zipf(exponent, true),
        Some(("be32", file)) => be32(file),
        Some(("lis", file)) => lines(file, lis),
        _ => lines(input, |line| Ok(number(line)?..number(line)? + 1)),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|error| format!("{text:?}: {error}"))
}

fn lis(line: &str) -> Result<std::ops::Range<u64>, String> {
    let mut fields = line.split_whitespace();
    let (Some(first), Some(count)) = (fields.next(), fields.next()) else {
        return Err(format!("{line:?}: not a first key and a number of keys"));
    };
    let first = number(first)?;
    Ok(first..first + number(count)?)
}

fn lines(
    file: &str,
    keys: impl Fn(&str) -> Result<std::ops::Range<u64>, String>,
) -> Result<Vec<u64>, String> {
    let mut all = Vec::new();
    for (index, line) in BufReader::new(open(file)?).lines().enumerate() {
        let line = line.map_err(|error| format!("{file}: {error}"))?;
        if !line.starts_with('*') && !line.trim().is_empty() {
            all.extend(keys(&line).map_err(|error| format!("{file}:{}: {error}", index + 1))?);
        }
    }
    Ok(all)
}

fn be32(file: &str) -> Result<Vec<u64>, String> {
    let mut bytes = Vec::new();
    open(file)?.read_to_end(&mut bytes).map_err(|error| format!("{file}: {error}"))?;
    match bytes.as_chunks() {
        (keys, []) => Ok(keys.iter().map(|key| u32::from_be_bytes(*key).into()).collect()),
        (_, rest) => Err(format!("{file}: ends within a key, {} bytes after the last whole one", rest.len())),
    }
}

/// The bytes of a file, unpacked.
fn open(file: &str) -> Result<Box<dyn Read>, String> {
    let unpacking = match file.rsplit('.').next() {
        _ if file == "-" => return Ok(Box::new(io::stdin())),
        Some("gz") => "gzip",
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return Ok(Box::new(File::open(file).map_err(|error| format!("{file}: {error}"))?)),
    };
    let output = Command::new(unpacking).args(["-dc", "--", file]).stderr(Stdio::inherit()).output();
    match output.map_err(|error| format!("{unpacking}: {error}"))? {
        unpacked if unpacked.status.success() => Ok(Box::new(io::Cursor::new(unpacked.stdout))),
        _ => Err(format!("{file}: {unpacking} could not unpack it")),
    }
}

fn zipf(exponent: &str, scans: bool) -> Result<Vec<u64>, String> {
    const KEYS: usize = 200_000;
    const DRAWS: usize = 1_000_000;
    let exponent: f64 = exponent.parse().map_err(|error| format!("exponent {exponent:?}: {error}"))?;
    let mut total = 0.0;
    let cumulated: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            total += (rank as f64).powf(-exponent);
            total
        })
        .collect();
    let (mut keys, mut state, mut next_of_scan) = (Vec::with_capacity(2 * DRAWS), 42_u64, 1 << 60);
    for draw in 1..=DRAWS {
        let uniform = (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
        keys.push(cumulated.partition_point(|sum| *sum < uniform * total) as u64);
        if scans && draw % 20_000 == 0 {
            keys.extend(next_of_scan..next_of_scan + 5_000);
            next_of_scan += 5_000;
        }
    }
    Ok(keys)
}

/// The SplitMix64 generator: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
