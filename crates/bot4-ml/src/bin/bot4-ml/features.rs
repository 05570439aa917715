//! `bot4-ml features`: the streaming features of a recording as CSV.

use crate::args::FeaturesArgs;
use crate::failure::Failure;
use crate::input::{self, Data};
use crate::output;
use bot4_pipeline::features::QuoteFeatures;
use std::io::{self, Write};

const HEADER: &str = "row,t,mid,wmid,qi,spread,ofi,ofi_ewm,r,ewvar,roll_mean,roll_var";

/// Prints every Nth row; an undefined value (a window not yet full) is an empty field.
pub(crate) fn run(args: &FeaturesArgs) -> Result<(), Failure> {
    let Data::Quotes(recording, format) = input::open(&args.input, &args.input.data)? else {
        return Err(Failure::at(
            &args.input.data,
            "is a table: its first line is the header of no recording; --format overrides",
        ));
    };
    let every = u64::from(args.every.get());
    output::to_stdout(|out| {
        writeln!(out, "{HEADER}")?;
        let mut features = QuoteFeatures::new(format.scale());
        for (row, quote) in (0u64..).zip(&recording.quotes) {
            let values = features.update(quote);
            if row.is_multiple_of(every) {
                write!(out, "{row},{}", seconds(quote.ts - recording.epoch_ns))?;
                values.to_array().iter().try_for_each(|&value| field(out, value))?;
                writeln!(out)?;
            }
        }
        Ok(())
    })
}

/// Seconds with all nine decimals: a float would lose nanoseconds.
fn seconds(ns: u64) -> String {
    format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

/// A comma and a value with 17 significant digits, which read back to the same float.
fn field(out: &mut dyn Write, value: f64) -> io::Result<()> {
    if value.is_nan() { write!(out, ",") } else { write!(out, ",{value:.16e}") }
}
