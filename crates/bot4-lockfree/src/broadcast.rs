//! A ring whose items stay in place: one writer, any number of readers, each of which sees every item.
//!
//! The items are made once, when the ring is made. The writer changes them where they are, readers look at them where
//! they are, and nothing is moved, copied or allocated in between. A reader can stand after other readers: it sees an
//! item when all of them have finished with it. The writer comes round to an item when everybody has. This is the
//! arrangement of the LMAX Disruptor (Thompson et al., "Disruptor: High performance alternative to bounded queues for
//! exchanging data between concurrent threads", 2011).
//!
//! * [`graph`]: readers that share the items (`&[T]`), in any order that has no circle.
//! * [`pipeline`]: stages in a line, each of which has the items to itself (`&mut [T]`) before the next one gets them.
//!   With one stage it is the SPSC ring for batches: slices in place on both sides.
//!
//! Items lie side by side, so that a batch is a slice. An item that is published alone is numbered, in an array beside the
//! items: a reader that lags behind looks at numbers that the writer has left, eight to a cache line. A batch moves a
//! cursor instead, once. A reader looks at its next number, then at the cursor; the one of the two that the writer does not
//! use stays in the reader's cache. Every eight items that the writer publishes alone it asks for the lines that it comes to
//! soon. docs/adr/0007 has the measurements.
//!
//! A reader that is dropped holds nobody up: the writer no longer waits for it. Readers after it see what it had
//! finished with and then [`ReadError::Closed`], never an item that it had not seen.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `items` | writer; in a pipeline also stages | readers | plain | ordered by `numbers` and `cursor` one way, `positions` the other |
//! | `numbers` | writer, per item published alone | readers that stand after the writer | Release / Acquire | publishes the item and all before it; one of an earlier lap is smaller |
//! | `cursor` | writer, per batch | the same | Release / Acquire | publishes everything before it |
//! | `positions` | the reader it belongs to; its drop sets the top bit | writer, readers after it | Release / Acquire | its uses of the items come before the next one's |
//! | `ended` | the writer's drop | readers that find nothing | Release / Acquire | every item was published before it |
//! | `tail`, `limit`, `stop`; `head`, `seen` | writer; reader | the same | plain | private to the handle |

mod reader;
mod shared;
mod writer;

pub use reader::{ReadError, Reader, Stage};
pub use writer::{PublishError, Writer};

use reader::Side;
use shared::Shared;

/// Makes a ring of `capacity` items, each by `make`, and the handles of its writer and its readers. All memory is
/// allocated here.
///
/// `after[i]` lists the readers that reader `i` stands after, by their numbers; with none it stands after the writer.
/// Some graphs for a start:
///
/// | graph | `after` |
/// | --- | --- |
/// | one reader | `[&[]]` |
/// | three independent readers | `[&[], &[], &[]]` |
/// | three in a line | `[&[], &[0], &[1]]` |
/// | diamond | `[&[], &[], &[0, 1]]` |
///
/// Graphs that are known at run time only: the `disruptor` crate builds them step by step.
///
/// # Panics
/// When `capacity` is 0, there is no reader, or a reader stands after itself or a later one.
///
/// ```
/// use bot4_lockfree::broadcast::{self, ReadError};
///
/// #[derive(Default)]
/// struct Event { price: i64, quantity: i64 }
///
/// // The third reader sees what the first two have finished with.
/// let (mut writer, [mut journal, mut risk, mut send]) = broadcast::graph(1_024, Event::default, [&[], &[], &[0, 1]]);
/// writer.publish(|event| (event.price, event.quantity) = (100, 3))?;
/// writer.publish(|event| (event.price, event.quantity) = (101, 4))?;
///
/// assert_eq!(journal.read(64, |events| events.len()), Ok(2));
/// assert_eq!(send.read(64, |events| events.len()), Err(ReadError::Empty)); // `risk` has not seen them
/// assert_eq!(risk.read(1, |events| events[0].price * events[0].quantity), Ok(300));
/// assert_eq!(send.read(64, |events| events.len()), Ok(1));
/// # Ok::<(), broadcast::PublishError>(())
/// ```
#[must_use]
pub fn graph<T, const N: usize>(
    capacity: usize,
    make: impl FnMut() -> T,
    after: [&[usize]; N],
) -> (Writer<T>, [Reader<T>; N]) {
    for (reader, after) in after.iter().enumerate() {
        if let Some(later) = after.iter().find(|&&other| other >= reader) {
            panic!("reader {reader} cannot stand after reader {later}: only after earlier ones");
        }
    }
    let (writer, sides) = handles(capacity, make, after);
    (writer, sides.map(Reader))
}

/// Makes a ring of `capacity` items, each by `make`, a writer, and `N` stages in a line: each has the items to itself
/// and may change them before the next one gets them. All memory is allocated here.
///
/// With one stage this is a queue between two threads whose batches are slices in place. When the capacity is a power
/// of two and a multiple of the batch, and all batches are of that size, none is ever cut in two by the ring's end.
///
/// # Panics
/// When `capacity` is 0 or there is no stage.
///
/// ```
/// use bot4_lockfree::broadcast;
///
/// let (mut writer, [mut normalise, mut score]) = broadcast::pipeline(256, || [0.0_f64; 2]);
/// writer.publish_batch(64, |rows| {
///     rows[0] = [100.5, 0.0];
///     rows[1] = [99.5, 0.0];
///     2
/// })?;
/// let centred = normalise.read(64, |rows| rows.iter_mut().for_each(|row| row[1] = row[0] - 100.0));
/// assert_eq!(centred, Ok(()));
/// assert_eq!(score.read(64, |rows| rows[0][1] + rows[1][1]), Ok(0.0));
/// # Ok::<(), broadcast::PublishError>(())
/// ```
#[must_use]
pub fn pipeline<T, const N: usize>(capacity: usize, make: impl FnMut() -> T) -> (Writer<T>, [Stage<T>; N]) {
    let before: [usize; N] = std::array::from_fn(|stage| stage.saturating_sub(1));
    let after =
        std::array::from_fn(|stage| if stage == 0 { &[][..] } else { std::slice::from_ref(&before[stage]) });
    let (writer, sides) = handles(capacity, make, after);
    (writer, sides.map(Stage))
}

fn handles<T, const N: usize>(
    capacity: usize,
    make: impl FnMut() -> T,
    after: [&[usize]; N],
) -> (Writer<T>, [Side<T>; N]) {
    assert!(capacity > 0, "a ring needs room for at least one item");
    assert!(N > 0, "a ring needs at least one reader");
    let shared = Shared::new(capacity, make, &after);
    let mut number = 0..N;
    let sides = after.map(|after| Side::new(&shared, number.next().unwrap_or(0), after));
    (Writer::new(shared), sides)
}

#[cfg(all(test, not(bot4_loom)))]
mod tests;
