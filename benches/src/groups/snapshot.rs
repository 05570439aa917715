//! What do reading and writing the newest 64-byte value cost, quiet and while a writer never stops?

#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_lockfree::snapshot::{Latest, Published};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Value = [u64; 8];

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![read_quiet(), read_busy(), write(), replaced()];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

/// A reader, and a writer that never stops while it reads. What is measured is the reading: the writer's operations end with
/// the reader's.
fn busy(mut read: impl FnMut() + Send + 'static, mut write: impl FnMut(Value) + Send + 'static) -> [Lane; 2] {
    let read_so_far = Arc::new(AtomicU64::new(0));
    let seen = read_so_far.clone();
    let reading: Lane = Box::new(move |operations| {
        (0..operations).for_each(|_| read());
        read_so_far.fetch_add(operations, Ordering::Relaxed);
    });
    let (mut number, mut until) = (0, 0);
    let writing: Lane = Box::new(move |operations| {
        until += operations;
        while seen.load(Ordering::Relaxed) < until {
            number += 1;
            write([number; 8]);
        }
    });
    [reading, writing]
}

/// A lane that writes values that differ.
fn writes(mut write: impl FnMut(Value) + Send + 'static) -> Lane {
    let mut number = 0;
    lane(move || {
        number += 1;
        write(black_box([number; 8]));
    })
}

fn latest() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let latest = Latest::new([0; 8]);
    let Some(mut writer) = latest.writer() else { panic!("nobody else writes") };
    let mut reader = latest.reader();
    (move |value| writer.write(value), move || _ = black_box(reader.read()))
}

fn read_quiet() -> Case {
    let (_, read) = latest();
    let published = Published::new([0_u64; 8]);
    let mut reader = published.reader();
    Case::new("read_quiet")
        .ours("bot4 Latest", [lane(read)])
        .ours("bot4 Published, borrowed", [lane(move || _ = black_box(reader.get()))])
}

fn read_busy() -> Case {
    let (write, read) = latest();
    Case::chain("read_busy").ours("bot4 Latest", busy(read, write))
}

fn write() -> Case {
    let (write, _) = latest();
    Case::new("write").ours("bot4 Latest", [writes(write)])
}

/// A structure of a page replaced as a whole, and looked at once.
fn replaced() -> Case {
    let published = Published::new([0_u64; 512]);
    let mut reader = published.reader();
    let mut number = 0;
    let replace = move || {
        number += 1;
        published.publish(black_box([number; 512]));
        black_box(reader.get()[511]);
    };
    Case::new("replace_4k").ours("bot4 Published", [lane(replace)])
}
