//! The field: each crate in its fastest configuration for the case.

use super::{BATCH, CAPACITY, Line, Message, Numbers, look, polled, shown, stream, there_and_back, through};
use crate::case::Case;
use crossbeam_queue::ArrayQueue;
use disruptor::{BusySpin, Producer as _, build_single_producer};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split};
use rtrb::RingBuffer;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "spsc_u64" => one_by_one::<u64>(case),
        "spsc_64b" => one_by_one::<Line>(case),
        "spsc_roundtrip" => round_trip(case),
        "spsc_batch64" => batches::<u64>(case),
        "spsc_batch64_64b" => batches::<Line>(case),
        "mpmc_2t" => many_to_many(case),
        "broadcast_unicast" => unicast::<u64>(case),
        "broadcast_unicast_64b" => unicast::<Line>(case),
        "broadcast_pipeline3" => pipeline(case),
        "broadcast_diamond" => diamond(case),
        "broadcast_1p3c" => multicast::<u64>(case),
        "broadcast_1p3c_64b" => multicast::<Line>(case),
        _ => case,
    }
}

const ROOM: NonZeroUsize = NonZeroUsize::new(CAPACITY).unwrap();

fn rtrb<T: Message>() -> (impl FnMut(T) -> bool + Send + 'static, impl FnMut() -> Option<T> + Send + 'static)
{
    let (mut push, mut pop) = RingBuffer::new(CAPACITY);
    (move |message| push.push(message).is_ok(), move || pop.pop().ok())
}

fn ringbuf<T: Message>()
-> (impl FnMut(T) -> bool + Send + 'static, impl FnMut() -> Option<T> + Send + 'static) {
    let (mut push, mut pop) = HeapRb::new(CAPACITY).split();
    (move |message| push.try_push(message).is_ok(), move || pop.try_pop())
}

fn gil_spsc<T: Message>()
-> (impl FnMut(T) -> bool + Send + 'static, impl FnMut() -> Option<T> + Send + 'static) {
    let (mut push, mut pop) = gil::spsc::channel(ROOM);
    (move |message| push.try_send(message).is_ok(), move || pop.try_recv())
}

fn omango_spsc<T: Message>()
-> (impl FnMut(T) -> bool + Send + 'static, impl FnMut() -> Option<T> + Send + 'static) {
    let (push, pop) = omango::queue::spsc::bounded(CAPACITY as u32);
    (move |message| push.try_send(message).is_ok(), move || pop.try_recv().ok())
}

fn gil_mpmc<T: Message>()
-> (impl FnMut(T) -> bool + Clone + Send + 'static, impl FnMut() -> Option<T> + Clone + Send + 'static) {
    let (mut push, mut pop) = gil::mpmc::channel(ROOM);
    (move |message| push.try_send(message).is_ok(), move || pop.try_recv())
}

fn omango_mpmc<T: Message>()
-> (impl FnMut(T) -> bool + Clone + Send + 'static, impl FnMut() -> Option<T> + Clone + Send + 'static) {
    let (push, pop) = omango::queue::mpmc::bounded(CAPACITY as u32);
    (move |message| push.try_send(message).is_ok(), move || pop.try_recv().ok())
}

fn channel<T: Message>()
-> (impl FnMut(T) -> bool + Clone + Send + 'static, impl FnMut() -> Option<T> + Clone + Send + 'static) {
    let (push, pop) = crossbeam_channel::bounded(CAPACITY);
    (move |message| push.try_send(message).is_ok(), move || pop.try_recv().ok())
}

fn array_queue<T: Message>()
-> (impl FnMut(T) -> bool + Clone + Send + 'static, impl FnMut() -> Option<T> + Clone + Send + 'static) {
    let push = Arc::new(ArrayQueue::new(CAPACITY));
    let pop = push.clone();
    (move |message| push.push(message).is_ok(), move || pop.pop())
}

fn disruptor_one<T: Message>()
-> (impl FnMut(T) -> bool + Send + 'static, impl FnMut() -> Option<T> + Send + 'static) {
    let (mut poller, builder) = build_single_producer(CAPACITY, T::default, BusySpin).new_event_poller();
    let mut writer = builder.build();
    let pop = move || {
        let mut events = poller.take(1).ok()?;
        (&mut events).next().copied()
    };
    (move |message| writer.try_publish(|event| *event = message).is_ok(), pop)
}

fn one_by_one<T: Message>(case: Case) -> Case {
    macro_rules! lanes {
        ($ends:expr) => {{
            let (push, pop) = $ends;
            stream::<T>(push, pop)
        }};
    }
    let case = case
        .peer("rtrb", lanes!(rtrb()))
        .peer("ringbuf", lanes!(ringbuf()))
        .peer("gil", lanes!(gil_spsc()))
        .peer("omango", lanes!(omango_spsc()))
        .peer("crossbeam-channel", lanes!(channel()))
        .peer("ArrayQueue", lanes!(array_queue()));
    unicast::<T>(case)
}

fn round_trip(case: Case) -> Case {
    macro_rules! lanes {
        ($make:ident) => {{
            let ((ask, hear), (answer, get)) = ($make(), $make());
            there_and_back((ask, get), (hear, answer))
        }};
    }
    case.peer("rtrb", lanes!(rtrb))
        .peer("ringbuf", lanes!(ringbuf))
        .peer("gil", lanes!(gil_spsc))
        .peer("omango", lanes!(omango_spsc))
        .peer("disruptor poller", lanes!(disruptor_one))
        .peer("ArrayQueue", lanes!(array_queue))
}

fn batches<T: Message>(case: Case) -> Case {
    let (mut push, mut pop) = RingBuffer::<T>::new(CAPACITY);
    let mut numbers = Numbers::default();
    let send = move || {
        let Ok(mut chunk) = push.write_chunk(BATCH) else { return 0 };
        let (first, second) = chunk.as_mut_slices();
        let filled = numbers.fill(first) + numbers.fill(second);
        chunk.commit_all();
        filled as u64
    };
    let receive = move || {
        let Ok(chunk) = pop.read_chunk(BATCH) else { return 0 };
        let (first, second) = chunk.as_slices();
        let seen = look(first) + look(second);
        chunk.commit_all();
        seen
    };
    let case = case.peer("rtrb chunks", [polled(send), polled(receive)]);
    let (mut push, mut pop) = HeapRb::<T>::new(CAPACITY).split();
    let mut numbers = Numbers::default();
    let send = move || push.push_iter((0..BATCH).map(|_| numbers.next::<T>())) as u64;
    let receive = move || pop.pop_iter().take(BATCH).map(|message| look([&message])).sum();
    let case = case.peer("ringbuf push_iter", [polled(send), polled(receive)]);
    let (mut poller, builder) = build_single_producer(CAPACITY, T::default, BusySpin).new_event_poller();
    let mut writer = builder.build();
    let mut numbers = Numbers::default();
    let send = move || {
        let sent = writer.try_batch_publish(BATCH, |batch| _ = numbers.fill(batch));
        if sent.is_ok() { BATCH as u64 } else { 0 }
    };
    let receive = move || poller.take(BATCH as u64).map_or(0, |mut events| look(&mut events));
    case.peer("disruptor batch_publish", [polled(send), polled(receive)])
}

fn many_to_many(case: Case) -> Case {
    macro_rules! lanes {
        ($ends:expr) => {{
            let (push, pop) = $ends;
            through(push, pop)
        }};
    }
    case.peer("ArrayQueue", lanes!(array_queue()))
        .peer("omango", lanes!(omango_mpmc()))
        .peer("gil", lanes!(gil_mpmc()))
        .peer("crossbeam-channel", lanes!(channel()))
}

/// Takes all events that wait for a poller.
macro_rules! take {
    ($poller:ident) => {
        $poller.poll().map_or(0, |mut events| look(&mut events))
    };
}

fn unicast<T: Message>(case: Case) -> Case {
    let (mut poller, builder) = build_single_producer(CAPACITY, T::default, BusySpin).new_event_poller();
    let (mut writer, mut numbers) = (builder.build(), Numbers::default());
    let publish = move || writer.try_publish(|event| *event = numbers.next()).is_ok();
    case.peer("disruptor poller", shown(publish, move || take!(poller)))
}

fn pipeline(case: Case) -> Case {
    let builder = build_single_producer(CAPACITY, u64::default, BusySpin);
    let (mut first, builder) = builder.new_event_poller();
    let (mut second, builder) = builder.and_then().new_event_poller();
    let (mut third, builder) = builder.and_then().new_event_poller();
    let (mut writer, mut numbers) = (builder.build(), Numbers::default());
    let publish = move || writer.try_publish(|event| *event = numbers.next()).is_ok();
    let read = move || {
        let _ = take!(first);
        let _ = take!(second);
        take!(third)
    };
    case.peer("disruptor pollers", shown(publish, read))
}

fn diamond(case: Case) -> Case {
    let builder = build_single_producer(CAPACITY, u64::default, BusySpin);
    let (mut left, builder) = builder.new_event_poller();
    let (mut right, builder) = builder.new_event_poller();
    let (mut last, builder) = builder.and_then().new_event_poller();
    let (mut writer, mut numbers) = (builder.build(), Numbers::default());
    let publish = move || writer.try_publish(|event| *event = numbers.next()).is_ok();
    let read = move || {
        let _ = take!(left);
        let _ = take!(right);
        take!(last)
    };
    case.peer("disruptor pollers", shown(publish, read))
}

fn multicast<T: Message>(case: Case) -> Case {
    let builder = build_single_producer(CAPACITY, T::default, BusySpin);
    let (mut first, builder) = builder.new_event_poller();
    let (mut second, builder) = builder.new_event_poller();
    let (mut third, builder) = builder.new_event_poller();
    let (mut writer, mut numbers) = (builder.build(), Numbers::default());
    let publish = move || writer.try_publish(|event| *event = numbers.next()).is_ok();
    let read = move || {
        let _ = take!(first);
        let _ = take!(second);
        take!(third)
    };
    case.peer("disruptor pollers", shown(publish, read))
}
