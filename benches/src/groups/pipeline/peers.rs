//! The same two threads joined by the channels people use.

use super::{CAPACITY, RUN, decide, feed, runs};
use crate::case::{Case, Lane};
use bot4_pipeline::Quote;
use std::sync::mpsc;
use std::thread;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "stream" => case
            .peer(
                "crossbeam-channel",
                [joined(|| crossbeam_channel::bounded(CAPACITY), |to, quote| to.send(quote).is_ok())],
            )
            .in_runs_of(RUN)
            .peer(
                "std::sync::mpsc",
                [joined(|| mpsc::sync_channel(CAPACITY), |to, quote| to.send(quote).is_ok())],
            )
            .in_runs_of(RUN),
        _ => case,
    }
}

/// A thread that sends, and the lane's, which receives and decides.
fn joined<To: Send, From: IntoIterator<Item = Quote>>(
    channel: impl Fn() -> (To, From) + Send + 'static,
    send: impl Fn(&To, Quote) -> bool + Copy + Send + 'static,
) -> Lane {
    let mut decide = decide();
    runs(move |quotes, from, n| {
        let (to, received) = channel();
        thread::scope(|scope| {
            scope.spawn(move || assert!(feed(quotes, from, n).all(|quote| send(&to, quote))));
            received.into_iter().for_each(&mut decide);
        });
    })
}
