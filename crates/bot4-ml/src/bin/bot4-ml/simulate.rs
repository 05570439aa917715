//! `bot4-ml simulate`: a recording of a simulated market.

use crate::args::SimulateArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use bot4_pipeline::Quote;
use bot4_pipeline::feed::binance::BOOK_TICKER_HEADER;
use bot4_pipeline::sim::Simulator;
use std::io::{self, Write};

pub(crate) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    match &args.out {
        None => output::to_stdout(|out| write(args, out)),
        Some(path) => {
            output::check(path, &[])?;
            output::stream_to_file(path, |out| write(args, out))
        }
    }
}

fn write(args: &SimulateArgs, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{BOOK_TICKER_HEADER}")?;
    let mut progress = Progress::new("simulating", args.events);
    for (id, quote) in (1..=args.events).zip(Simulator::new(args.seed)) {
        row(out, id, &quote)?;
        if id.is_multiple_of(1 << 16) {
            progress.show(id, String::new);
        }
    }
    Ok(())
}

fn row(out: &mut dyn Write, id: u64, quote: &Quote) -> io::Result<()> {
    write!(out, "{},,,{id}", quote.ts)?;
    for value in [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty] {
        write!(out, ",{}", output::Decimal(value))?;
    }
    writeln!(out)
}
