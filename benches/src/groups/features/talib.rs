//! TA-Lib's C functions, from the library in its Python wheel. They work on whole arrays and know no state between two, so each batch begins
//! anew; the rows are those of batches.
#![allow(unsafe_code)] // Foreign functions cannot be called otherwise.

use super::{BATCH, VALUES, WINDOW, mids};
use crate::case::{Case, Lane, lane_of};
use crate::foreign::{function, library};
use libloading::Library;
use std::ffi::c_int;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::OnceLock;

const NAME: &str = "TA-Lib, batches of 1,024";

type OfPeriod =
    unsafe extern "C" fn(c_int, c_int, *const f64, c_int, *mut c_int, *mut c_int, *mut f64) -> c_int;
type Deviation =
    unsafe extern "C" fn(c_int, c_int, *const f64, c_int, f64, *mut c_int, *mut c_int, *mut f64) -> c_int;
type Bands = unsafe extern "C" fn(
    c_int,
    c_int,
    *const f64,
    c_int,
    f64,
    f64,
    c_int,
    *mut c_int,
    *mut c_int,
    *mut f64,
    *mut f64,
    *mut f64,
) -> c_int;
type MacdLines = unsafe extern "C" fn(
    c_int,
    c_int,
    *const f64,
    c_int,
    c_int,
    c_int,
    *mut c_int,
    *mut c_int,
    *mut f64,
    *mut f64,
    *mut f64,
) -> c_int;

/// Adds the rows of a case, if the library is there.
pub(super) fn join(case: Case) -> Case {
    let lane = match case.name {
        "ema" => of_period("TA_EMA", 20),
        "rsi" => of_period("TA_RSI", 14),
        "rolling_min" => of_period("TA_MIN", WINDOW),
        "rolling_max" => of_period("TA_MAX", WINDOW),
        "rolling_std" => deviation(),
        "bollinger" => bands(),
        "macd" => macd(),
        _ => None,
    };
    match lane {
        Some(lane) => case.peer(NAME, [lane]),
        None => case,
    }
}

/// Batch after batch; the call gets the batch and says how many values it wrote.
fn batches(mut call: impl FnMut(&[f64; BATCH]) -> c_int + Send + 'static) -> Lane {
    let (mids, mut next) = (mids(), 0);
    lane_of(BATCH as u64, move || {
        let (batch, _) = mids[next..].split_first_chunk().expect("the values are a multiple of a batch");
        let written = call(batch);
        assert!(written > 0, "TA-Lib refused its arguments");
        next = (next + BATCH) % VALUES;
    })
}

const LAST: c_int = BATCH as c_int - 1;

fn of_period(name: &str, period: usize) -> Option<Lane> {
    let call: OfPeriod = function(opened()?, name)?;
    let mut out = [0.0; BATCH];
    Some(batches(move |batch| {
        let (mut begin, mut written) = (0, 0);
        let (begins, count) = (&raw mut begin, &raw mut written);
        // SAFETY: the last index is within the batch, and no more than a batch is written.
        unsafe { call(0, LAST, batch.as_ptr(), period as c_int, begins, count, out.as_mut_ptr()) };
        black_box(&out);
        written
    }))
}

fn deviation() -> Option<Lane> {
    let call: Deviation = function(opened()?, "TA_STDDEV")?;
    let mut out = [0.0; BATCH];
    Some(batches(move |batch| {
        let (mut begin, mut written) = (0, 0);
        let (begins, count) = (&raw mut begin, &raw mut written);
        // SAFETY: the last index is within the batch, and no more than a batch is written.
        unsafe { call(0, LAST, batch.as_ptr(), WINDOW as c_int, 1.0, begins, count, out.as_mut_ptr()) };
        black_box(&out);
        written
    }))
}

fn bands() -> Option<Lane> {
    let call: Bands = function(opened()?, "TA_BBANDS")?;
    let mut out = [[0.0; BATCH]; 3];
    Some(batches(move |batch| {
        let (mut begin, mut written) = (0, 0);
        let (begins, count) = (&raw mut begin, &raw mut written);
        let [upper, middle, lower] = out.each_mut().map(|line| line.as_mut_ptr());
        let from = batch.as_ptr();
        // SAFETY: the last index is within the batch, and no more than a batch is written to each line. Zero is the simple average.
        unsafe { call(0, LAST, from, 20, 2.0, 2.0, 0, begins, count, upper, middle, lower) };
        black_box(&out);
        written
    }))
}

fn macd() -> Option<Lane> {
    let call: MacdLines = function(opened()?, "TA_MACD")?;
    let mut out = [[0.0; BATCH]; 3];
    Some(batches(move |batch| {
        let (mut begin, mut written) = (0, 0);
        let (begins, count) = (&raw mut begin, &raw mut written);
        let [line, signal, histogram] = out.each_mut().map(|line| line.as_mut_ptr());
        // SAFETY: the last index is within the batch, and no more than a batch is written to each line.
        unsafe { call(0, LAST, batch.as_ptr(), 12, 26, 9, begins, count, line, signal, histogram) };
        black_box(&out);
        written
    }))
}

/// The library, ready to be called.
fn opened() -> Option<&'static Library> {
    static TA_LIB: OnceLock<Option<Library>> = OnceLock::new();
    let is_new = TA_LIB.get().is_none();
    let library = library(&TA_LIB, file())?;
    if is_new {
        let initialize: unsafe extern "C" fn() -> c_int = function(library, "TA_Initialize")?;
        // SAFETY: no function of the library runs yet.
        unsafe { initialize() };
    }
    Some(library)
}

/// The wheel has a number in the library's name.
fn file() -> PathBuf {
    let paths = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let entries =
        std::env::split_paths(&paths).filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let mut files = entries.map(|entry| entry.path());
    let is_it =
        |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libta-lib"));
    files.find(is_it).unwrap_or_else(|| "libta-lib.so.0".into())
}
