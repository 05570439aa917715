//! What does a message cost between two threads, one at a time, in batches, there and back, and shown to several readers?

#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane, lane_of_some};
use bot4_lockfree::broadcast::{self, Reader};
use bot4_lockfree::{mpmc, spsc};
use std::hint::{black_box, spin_loop};

const CAPACITY: usize = 1_024;
const BATCH: usize = 64;
/// A message of a cache line.
type Line = [u64; 8];

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        one_by_one::<u64>("spsc_u64"),
        one_by_one::<Line>("spsc_64b"),
        round_trip(),
        batches::<u64>("spsc_batch64"),
        batches::<Line>("spsc_batch64_64b"),
        many_to_many(),
        graph::<u64, 1>("broadcast_unicast", [&[]]),
        graph::<Line, 1>("broadcast_unicast_64b", [&[]]),
        graph::<u64, 3>("broadcast_pipeline3", [&[], &[0], &[1]]),
        graph::<u64, 3>("broadcast_diamond", [&[], &[], &[0, 1]]),
        graph::<u64, 3>("broadcast_1p3c", [&[], &[], &[]]),
        graph::<Line, 3>("broadcast_1p3c_64b", [&[], &[], &[]]),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

/// What is sent.
trait Message: Copy + Default + Send + Sync + 'static {
    fn numbered(number: u64) -> Self;
    /// Something that needs the whole message.
    fn digest(&self) -> u64;
}

impl Message for u64 {
    fn numbered(number: u64) -> Self {
        number
    }

    fn digest(&self) -> u64 {
        *self
    }
}

impl Message for Line {
    fn numbered(number: u64) -> Self {
        [number; 8]
    }

    fn digest(&self) -> u64 {
        self.iter().fold(0, |all, word| all ^ word)
    }
}

/// Numbers messages on one side.
#[derive(Default)]
struct Numbers(u64);

impl Numbers {
    fn next<T: Message>(&mut self) -> T {
        self.0 += 1;
        T::numbered(self.0)
    }

    /// Fills a batch and says how many it has.
    fn fill<'a, T: Message>(&mut self, batch: impl IntoIterator<Item = &'a mut T>) -> usize {
        batch.into_iter().map(|message| *message = self.next()).count()
    }
}

/// Looks at messages and says how many there were.
fn look<'a, T: Message>(messages: impl IntoIterator<Item = &'a T>) -> u64 {
    let mut count = 0;
    let digest = messages.into_iter().fold(0_u64, |all, message| {
        count += 1;
        all.wrapping_add(message.digest())
    });
    black_box(digest);
    count
}

/// Tries until `attempt` succeeds.
fn until(mut attempt: impl FnMut() -> bool) {
    while !attempt() {
        spin_loop();
    }
}

/// One thread sends, the other receives.
fn stream<T: Message>(
    mut push: impl FnMut(T) -> bool + Send + 'static,
    mut pop: impl FnMut() -> Option<T> + Send + 'static,
) -> [Lane; 2] {
    let mut numbers = Numbers::default();
    let send = move || {
        let message = numbers.next();
        until(|| push(message));
    };
    let receive = move || {
        until(|| pop().is_some_and(|message| look([&message]) == 1));
    };
    [lane(send), lane(receive)]
}

/// One thread sends and waits for the answer, the other answers.
fn there_and_back(
    (mut ask, mut get): (
        impl FnMut(u64) -> bool + Send + 'static,
        impl FnMut() -> Option<u64> + Send + 'static,
    ),
    (mut hear, mut answer): (
        impl FnMut() -> Option<u64> + Send + 'static,
        impl FnMut(u64) -> bool + Send + 'static,
    ),
) -> [Lane; 2] {
    let mut numbers = Numbers::default();
    let asking = move || {
        let message = numbers.next();
        until(|| ask(message));
        until(|| get() == Some(message));
    };
    let answering = move || {
        until(|| hear().is_some_and(&mut answer));
    };
    [lane(asking), lane(answering)]
}

/// A writer that publishes one at a time, and readers of a ring in which each sees everything. `read` looks at all that waits
/// for all of them and says how much the last one saw.
fn shown(
    publish: impl FnMut() -> bool + Send + 'static,
    read: impl FnMut() -> u64 + Send + 'static,
) -> [Lane; 2] {
    let mut publish = publish;
    [lane(move || until(&mut publish)), polled(read)]
}

/// A lane that takes all there is at a time.
fn polled(mut read: impl FnMut() -> u64 + Send + 'static) -> Lane {
    lane_of_some(move || {
        let read = read();
        if read == 0 {
            spin_loop();
        }
        read
    })
}

fn one_by_one<T: Message>(name: &'static str) -> Case {
    let (mut producer, mut consumer) = spsc::ring::<T>(CAPACITY);
    let lanes = stream(move |message| producer.push(message).is_ok(), move || consumer.pop().ok());
    Case::chain(name).ours("bot4 spsc", lanes)
}

fn round_trip() -> Case {
    let (mut ask, mut hear) = spsc::ring::<u64>(CAPACITY);
    let (mut answer, mut get) = spsc::ring::<u64>(CAPACITY);
    let lanes = there_and_back(
        (move |message| ask.push(message).is_ok(), move || get.pop().ok()),
        (move || hear.pop().ok(), move |message| answer.push(message).is_ok()),
    );
    // All of them have several paces, and which comes more often differs from start to start.
    Case::chain("spsc_roundtrip").with_patience(5).ours("bot4 spsc", lanes)
}

fn batches<T: Message>(name: &'static str) -> Case {
    let (mut producer, mut consumer) = spsc::ring::<T>(CAPACITY);
    let mut numbers = Numbers::default();
    let push = move || producer.push_each((0..BATCH).map(|_| numbers.next::<T>())) as u64;
    let pop = move || consumer.pop_each(BATCH, |message| _ = look([&message])) as u64;
    let (mut writer, [mut stage]) = broadcast::pipeline(CAPACITY, T::default);
    let mut numbers = Numbers::default();
    let publish = move || writer.publish_batch(BATCH, |batch| numbers.fill(batch)).unwrap_or(0) as u64;
    let read = move || stage.read(BATCH, |batch| look(&*batch)).unwrap_or(0);
    Case::chain(name)
        .ours("bot4 pipeline of one", [polled(publish), polled(read)])
        .ours("bot4 spsc push_each", [polled(push), polled(pop)])
}

fn many_to_many() -> Case {
    let (producer, consumer) = mpmc::queue(CAPACITY);
    let lanes = through(move |message| producer.push(message).is_ok(), move || consumer.pop().ok());
    // Ours, ArrayQueue and omango have two paces, one twice the other, and which comes more often differs from start to start: their
    // means can be compared.
    Case::new("mpmc_2t").with_patience(10).ours("bot4 mpmc", lanes)
}

/// Two threads that each push a message and pop one.
fn through<Push, Pop>(push: Push, pop: Pop) -> Vec<Lane>
where
    Push: FnMut(u64) -> bool + Clone + Send + 'static,
    Pop: FnMut() -> Option<u64> + Clone + Send + 'static,
{
    let both = || {
        let (mut push, mut pop, mut numbers) = (push.clone(), pop.clone(), Numbers::default());
        lane(move || {
            let message = numbers.next();
            until(|| push(message));
            until(|| black_box(pop()).is_some());
        })
    };
    vec![both(), both()]
}

fn graph<T: Message, const N: usize>(name: &'static str, after: [&[usize]; N]) -> Case {
    let (mut writer, mut readers) = broadcast::graph(CAPACITY, T::default, after);
    let mut numbers = Numbers::default();
    let read = |reader: &mut Reader<T>| reader.read(CAPACITY, |batch| look(batch)).unwrap_or(0);
    let lanes = shown(
        move || writer.publish(|message| *message = numbers.next()).is_ok(),
        move || readers.iter_mut().map(read).last().unwrap_or(0),
    );
    Case::chain(name).ours("bot4 broadcast", lanes)
}
