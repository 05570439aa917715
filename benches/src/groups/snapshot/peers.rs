//! The field: each crate in its fastest configuration for the case.

use super::{Value, busy, writes};
use crate::case::{Case, lane};
use arc_swap::{ArcSwap, Cache};
use left_right::Absorb;
use seqlock::SeqLock;
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use triple_buffer::TripleBuffer;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    macro_rules! each {
        ($case:expr, $lanes:ident) => {
            $case
                .peer("seqlock", $lanes!(seqlock))
                .peer("triple_buffer", $lanes!(triple_buffer))
                .peer("arc-swap Cache", $lanes!(arc_swap_cache))
                .peer("arc-swap load", $lanes!(arc_swap_load))
                .peer("left-right", $lanes!(left_right))
                .peer("std RwLock", $lanes!(rw_lock))
        };
    }
    macro_rules! quiet {
        ($ends:ident) => {{
            let (_write, read) = $ends();
            [lane(read)]
        }};
    }
    macro_rules! both {
        ($ends:ident) => {{
            let (write, read) = $ends();
            busy(read, write)
        }};
    }
    macro_rules! write {
        ($ends:ident) => {{
            let (write, _read) = $ends();
            [writes(write)]
        }};
    }
    match case.name {
        "read_quiet" => each!(case, quiet),
        "read_busy" => each!(case, both),
        "write" => each!(case, write),
        "replace_4k" => replaced(case),
        _ => case,
    }
}

fn seqlock() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let cell = Arc::new(SeqLock::new([0; 8]));
    let reader = cell.clone();
    (move |value| *cell.lock_write() = value, move || _ = black_box(reader.read()))
}

fn triple_buffer() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let (mut input, mut output) = TripleBuffer::new(&[0; 8]).split();
    (move |value| input.write(value), move || _ = black_box(*output.read()))
}

fn arc_swap_cache() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let cell = Arc::new(ArcSwap::from_pointee([0; 8]));
    let mut reader = Cache::new(cell.clone());
    (move |value| cell.store(Arc::new(value)), move || _ = black_box(**reader.load()))
}

fn arc_swap_load() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let cell = Arc::new(ArcSwap::from_pointee([0; 8]));
    let reader = cell.clone();
    (move |value| cell.store(Arc::new(value)), move || _ = black_box(**reader.load()))
}

fn rw_lock() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let cell = Arc::new(RwLock::new([0; 8]));
    let reader = cell.clone();
    let write = move |value| {
        if let Ok(mut cell) = cell.write() {
            *cell = value;
        }
    };
    (write, move || _ = black_box(reader.read().map(|value| *value).ok()))
}

/// The whole value is replaced.
struct Replace(Value);

impl Absorb<Replace> for Box<Value> {
    fn absorb_first(&mut self, operation: &mut Replace, _: &Self) {
        **self = operation.0;
    }

    fn sync_with(&mut self, first: &Self) {
        **self = **first;
    }
}

fn left_right() -> (impl FnMut(Value) + Send, impl FnMut() + Send) {
    let (mut writer, reader) = left_right::new_from_empty::<Box<Value>, Replace>(Box::new([0; 8]));
    writer.publish();
    let write = move |value| {
        writer.append(Replace(value));
        writer.publish();
    };
    (write, move || _ = black_box(reader.enter().map(|value| **value)))
}

fn replaced(case: Case) -> Case {
    let cell = Arc::new(ArcSwap::from_pointee([0_u64; 512]));
    let mut reader = Cache::new(cell.clone());
    let mut number = 0;
    let cached = move || {
        number += 1;
        cell.store(Arc::new(black_box([number; 512])));
        black_box(reader.load()[511]);
    };
    let lock = RwLock::new(Arc::new([0_u64; 512]));
    let mut number = 0;
    let locked = move || {
        number += 1;
        if let Ok(mut cell) = lock.write() {
            *cell = Arc::new(black_box([number; 512]));
        }
        black_box(lock.read().map(|value| value[511]).ok());
    };
    case.peer("arc-swap Cache", [lane(cached)]).peer("RwLock<Arc>", [lane(locked)])
}
