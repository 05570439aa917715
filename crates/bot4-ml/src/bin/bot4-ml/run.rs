//! `bot4-ml run`: quotes in, decisions out, one by one as they come.
//!
//! ```text
//! bytes --pipe--> feed --ring--> decide: features, model, risk check --ring--> write, on the main thread
//! ```
//!
//! Feed, decide and write are a [`Stream`]: a slow writer makes the others wait and loses nothing, and what was
//! accepted is decided and written before the run ends. The bytes come from a thread in front of it, which may wait
//! for ever in a pipe that nobody writes to: it is the only one that Ctrl-C leaves behind.

mod decide;
mod metrics;
mod pipe;
mod read;
mod write;

use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output;
use crate::predictor::Predictor;
use bot4_lockfree::wait::Wait;
use bot4_pipeline::stream::{Report, RunError, Settings, Stop, Stream};
use decide::Desk;
use read::Quotes;
use std::io;
use std::time::Duration;
use write::Writer;

/// An idle run costs nothing; the first quote after silence waits up to this long at each ring.
const WAIT: Wait = Wait::Park { interval: Duration::from_micros(200) };

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let predictor = Predictor::load(&args.model)?;
    let mut desk = Desk::new(args, predictor)?;
    if let Some(address) = args.metrics_addr {
        metrics::serve(address, desk.registry())?;
    }
    let settings = Settings { wait: WAIT, latency: Some(desk.latency()), ..Settings::default() };
    let mut quotes = Quotes::open(args, settings.stop.clone())?;
    on_interrupt(settings.stop.clone())?;
    let mut ran = None;
    let written = output::to_stdout(|out| {
        let mut writer = Writer::new(out, args.output);
        writer.header()?;
        let (report, written) = stream(&mut quotes, &mut desk, &mut writer, &settings);
        ran = Some((report, written.is_ok()));
        written
    });
    let Some((report, all_written)) = ran else { return written };
    report.map_err(Failure::new)?;
    written?;
    let skipped = quotes.end()?;
    // A reader that went away asks for a stop, too.
    desk.report(skipped, all_written && settings.stop.is_requested());
    Ok(())
}

/// From the first quote to the last decision: how the threads fared, and whether the decisions could be written.
fn stream(
    quotes: &mut Quotes,
    desk: &mut Desk,
    writer: &mut Writer<'_>,
    settings: &Settings,
) -> (Result<Report, RunError>, io::Result<()>) {
    let mut written = Ok(());
    let report = Stream::from_source("feed", quotes).then("decide", |input| desk.on_input(input)).run(
        "write",
        |output| {
            if written.is_ok() {
                written = writer.write(&output);
                if written.is_err() {
                    settings.stop.request(); // nobody reads the decisions any more
                }
            }
        },
        settings,
    );
    (report, written)
}

/// Ctrl-C asks the stream to end; a second Ctrl-C ends the process as usual.
fn on_interrupt(stop: Stop) -> Result<(), Failure> {
    let handler = move || {
        if stop.is_requested() {
            std::process::exit(130);
        }
        stop.request();
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::new(format_args!("cannot handle Ctrl-C: {error}")))
}
