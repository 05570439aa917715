//! `bot4-ml run`: quotes in, decisions out, one by one as they come.
//!
//! Two threads: one reads and decodes, one decides and writes. A ring between them keeps a slow writer from
//! losing quotes (the reader then waits) and lets a pipe be drained after Ctrl-C.

mod decide;
mod metrics;
mod read;

use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output;
use crate::predictor::Predictor;
use bot4_lockfree::spsc::{self, Consumer, PopError};
use bot4_lockfree::wait::Wait;
use bot4_pipeline::Quote;
use decide::Desk;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Quotes between the threads.
const RING: usize = 1 << 12;
/// An idle run costs nothing; the first quote after silence waits up to this long.
const WAIT: Wait = Wait::Park { interval: Duration::from_micros(200) };

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let predictor = Predictor::load(&args.model)?;
    let mut desk = Desk::new(args, predictor)?;
    if let Some(address) = args.metrics_addr {
        metrics::serve(address, desk.registry())?;
    }
    let source = read::open(&args.data, args.compression)?;
    let stop = on_interrupt()?;
    let (mut to, mut from) = spsc::ring(RING);
    // Not joined: after Ctrl-C it may wait for input that never comes, and it ends with the process.
    let skip = args.skip_bad_rows;
    let (reader_stop, reader_name) = (Arc::clone(&stop), args.data.clone());
    let reader = thread::spawn(move || read::quotes(source, &reader_name, skip, &reader_stop, &mut to));
    let mut ended = false;
    output::to_stdout(|out| {
        desk.header(out)?;
        while let Some(quote) = next(&mut from, &stop, out)? {
            desk.on_quote(&quote, out)?;
        }
        ended = true;
        Ok(())
    })?;
    // ORDERING: Relaxed: the flag is the whole message.
    let interrupted = stop.load(Ordering::Relaxed);
    // A reader that came to the end, or to an error, is done. After Ctrl-C, or when nobody reads the decisions any
    // more, it may wait for a pipe: it is left alone.
    let skipped = if ended && (!interrupted || reader.is_finished()) {
        reader.join().map_err(|_| Failure::new("the reading thread panicked"))??
    } else {
        0
    };
    desk.report(skipped, interrupted);
    Ok(())
}

/// The next quote; `None` at the end, or when Ctrl-C was pressed and everything read is decided. What was decided
/// leaves the buffer before more is waited for: in a pipe an answer must not wait for the next question.
fn next(from: &mut Consumer<Quote>, stop: &AtomicBool, out: &mut dyn Write) -> io::Result<Option<Quote>> {
    if let Ok(quote) = from.pop() {
        return Ok(Some(quote));
    }
    out.flush()?;
    Ok(WAIT.until(|| match from.pop() {
        Ok(quote) => Some(Some(quote)),
        Err(PopError::Closed) => Some(None),
        // ORDERING: Relaxed: the flag is the whole message.
        Err(PopError::Empty) => stop.load(Ordering::Relaxed).then_some(None),
    }))
}

/// A flag that Ctrl-C raises; a second Ctrl-C ends the process as usual.
fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        // ORDERING: Relaxed: the flag is the whole message.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(format_args!("cannot handle Ctrl-C: {error}")))?;
    Ok(stop)
}
