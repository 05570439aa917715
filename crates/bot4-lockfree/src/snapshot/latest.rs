//! One writer, many readers, a small value of plain words.
//!
//! A reader keeps its last copy and takes a new one when `newest` has moved.
//!
//! Four slots, used in turn. The writer puts the new version's number on the next slot, fills it and points `newest` at it. A
//! reader copies the slot `newest` points at and checks afterwards that its number has not moved; it fails only if the writer has
//! come round all four slots in the meantime, and gives up after [`ATTEMPTS`] failures with the value it has. (With one slot
//! the number would have to say as well whether the slot is complete; here `newest` does.) The seqlock is in Boehm, "Can seqlocks get along with programming
//! language memory models?", MSPC 2012; the words are relaxed atomics, as there, so a torn copy that is thrown away is
//! not a data race.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `newest` | writer | readers | Release / Acquire | the words of that version are visible to whoever sees it |
//! | `slot.number` | writer, before the words | readers, after the words | Relaxed + fences | see the notes: an overwritten word implies a changed number |
//! | `slot.words` | writer | readers | Relaxed | ordered by the two above |
//! | `writer_taken` | `writer`, the writer's drop | `writer` | Acquire / Release | the next writer continues after the last one's stores |

use super::words::Words;
use super::words::sealed::Atomics;
use crate::lines::fetch_all;
use crate::sync::{Arc, AtomicBool, AtomicU64, fence};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Two in a model, so that a writer comes round in a few steps.
const SLOTS: u64 = if cfg!(bot4_loom) { 2 } else { 4 };
/// Copies a reader tries before it returns the last good one. Each failure needs four complete writes during one copy.
const ATTEMPTS: usize = if cfg!(bot4_loom) { 2 } else { 8 };

type Cells<T> = <<T as Words>::Array as Atomics>::Cells;

/// The newest value of a small plain type: a writer that never waits, readers that never wait.
///
/// Clones share the value. A struct becomes [`Words`] by [`words!`](crate::words).
///
/// ```
/// use bot4_lockfree::snapshot::Latest;
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// struct Quote { ts: u64, bid: i64, ask: i64 }
/// bot4_lockfree::words!(Quote { ts, bid, ask });
///
/// let latest = Latest::new(Quote { ts: 0, bid: 0, ask: 0 });
/// let mut writer = latest.writer().expect("nobody else writes");
/// let mut reader = latest.reader();
/// writer.write(Quote { ts: 5, bid: 99, ask: 101 });
/// assert_eq!(reader.read().ask, 101);
/// assert!(latest.writer().is_none());
/// ```
pub struct Latest<T: Words> {
    shared: Arc<Shared<T>>,
}

/// Side by side, without padding: a reader that is behind fetches few lines, all at once, and the writer gets few back.
#[repr(C, align(128))]
struct Shared<T: Words> {
    /// Version of the newest complete value; version `v` lies in slot `v % SLOTS`.
    newest: AtomicU64,
    slots: [Slot<T>; SLOTS as usize],
    writer_taken: CachePadded<AtomicBool>,
}

struct Slot<T: Words> {
    /// The version that lies here, or is being written.
    number: AtomicU64,
    words: Cells<T>,
}

impl<T: Words> Shared<T> {
    #[inline(always)]
    fn slot(&self, version: u64) -> &Slot<T> {
        &self.slots[(version % SLOTS) as usize]
    }

    /// One attempt to copy the newest version.
    #[inline(always)]
    fn copy(&self) -> Option<(T, u64)> {
        // ORDERING: Acquire: pairs with the Release in `write`: the words of this version (or later ones) are visible.
        let version = self.newest.load(Acquire);
        let slot = self.slot(version);
        let words = T::Array::load(&slot.words);
        // ORDERING: Acquire fence: if one of the loads above saw a word of a later version, the load below sees the
        // number stored before that word; pairs with the Release fence in `write`.
        fence(Acquire);
        // ORDERING: Relaxed: ordered by the fence.
        (slot.number.load(Relaxed) == version).then(|| (T::from_words(words), version))
    }
}

impl<T: Words> Latest<T> {
    /// A cell that holds `value` as version 0. Allocates.
    #[must_use]
    pub fn new(value: T) -> Self {
        let slot = |_| Slot { number: AtomicU64::new(0), words: value.to_words().into_cells() };
        Self {
            shared: Arc::new(Shared {
                newest: AtomicU64::new(0),
                slots: std::array::from_fn(slot),
                writer_taken: CachePadded::new(AtomicBool::new(false)),
            }),
        }
    }

    /// The writer, unless somebody has it; it is free again when dropped. Wait-free, no allocation.
    #[must_use]
    pub fn writer(&self) -> Option<LatestWriter<T>> {
        // ORDERING: Acquire: pairs with the Release of the last writer's drop, so its stores come before ours.
        if self.shared.writer_taken.swap(true, Acquire) {
            return None;
        }
        // ORDERING: Relaxed: only writers store it, and the last one's stores were just acquired.
        let version = self.shared.newest.load(Relaxed);
        Some(LatestWriter { shared: Arc::clone(&self.shared), version })
    }

    /// A reader; any number may exist. Lock-free (it tries again when four writes overtake its copy), no allocation.
    #[must_use]
    pub fn reader(&self) -> LatestReader<T> {
        loop {
            // Not on a hot path, and an attempt fails only when four writes overtake it.
            if let Some((value, version)) = self.shared.copy() {
                return LatestReader { shared: Arc::clone(&self.shared), value, version };
            }
        }
    }
}

impl<T: Words> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Words> fmt::Debug for Latest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed: for the eye only.
        f.debug_struct("Latest").field("version", &self.shared.newest.load(Relaxed)).finish_non_exhaustive()
    }
}

/// The one writer of a [`Latest`].
pub struct LatestWriter<T: Words> {
    shared: Arc<Shared<T>>,
    version: u64,
}

impl<T: Words> LatestWriter<T> {
    /// Makes `value` the newest. Wait-free, no read-modify-write, no allocation.
    #[inline]
    pub fn write(&mut self, value: T) {
        self.version += 1;
        let slot = self.shared.slot(self.version);
        // ORDERING: Relaxed, then a Release fence: whoever sees one of the words below and passes an Acquire fence sees
        // this number too; pairs with the fence in `copy`.
        slot.number.store(self.version, Relaxed);
        fence(Release);
        value.to_words().store(&slot.words);
        // ORDERING: Release: publishes the words and the number to the Acquire in `copy`.
        self.shared.newest.store(self.version, Release);
    }
}

impl<T: Words> Drop for LatestWriter<T> {
    fn drop(&mut self) {
        // ORDERING: Release: pairs with the Acquire of the next writer's swap.
        self.shared.writer_taken.store(false, Release);
    }
}

impl<T: Words> fmt::Debug for LatestWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestWriter").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A reader of a [`Latest`]; clone it for more.
pub struct LatestReader<T: Words> {
    shared: Arc<Shared<T>>,
    value: T,
    version: u64,
}

impl<T: Words> LatestReader<T> {
    /// Copies the newest value. Wait-free: one load and a compare when nothing was written since the last read,
    /// otherwise at most eight attempts; no allocation.
    ///
    /// An attempt fails when the writer completes four writes during the copy. After eight failures in a row the value
    /// this reader got last is returned again; [`version`](Self::version) then has not moved.
    #[inline]
    pub fn read(&mut self) -> T {
        // ORDERING: Relaxed: equal numbers are the same version, which is here already; otherwise `copy` looks again.
        if self.shared.newest.load(Relaxed) != self.version {
            self.refresh();
        }
        self.value
    }

    #[inline(never)]
    fn refresh(&mut self) {
        // Which slot to copy is known when `newest` has come; by then the slots are on their way too.
        fetch_all(&self.shared.slots);
        if let Some(copy) = (0..ATTEMPTS).find_map(|_| self.shared.copy()) {
            (self.value, self.version) = copy;
        }
    }

    /// How many writes preceded the value returned last. Wait-free, no allocation.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl<T: Words> Clone for LatestReader<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), value: self.value, version: self.version }
    }
}

impl<T: Words> fmt::Debug for LatestReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestReader").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn reader_sees_the_last_write_and_its_version() {
        let latest = Latest::new([0_i64; 8]);
        let (mut writer, mut reader) = (latest.writer().unwrap(), latest.reader());
        for i in 1..50 {
            writer.write([i; 8]);
            assert_eq!(reader.read(), [i; 8]);
            assert_eq!(reader.version(), i as u64);
        }
    }

    #[test]
    fn dropped_writer_is_followed_by_one_that_continues() {
        let latest = Latest::new(1_u64);
        let mut first = latest.writer().unwrap();
        first.write(2);
        assert!(latest.writer().is_none());
        drop(first);
        let mut reader = latest.reader();
        latest.writer().unwrap().write(3);
        assert_eq!((reader.read(), reader.version()), (3, 2));
    }

    #[test]
    fn values_are_never_torn_and_never_go_back() {
        let latest = Latest::new([0_u64; 8]);
        let mut writer = latest.writer().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut reader = latest.reader();
                scope.spawn(move || {
                    let mut last = 0;
                    while last < 300_000 {
                        let words = reader.read();
                        assert!(words.iter().all(|&w| w == words[0]), "torn: {words:?}");
                        assert!(words[0] >= last, "{} after {last}", words[0]);
                        last = words[0];
                    }
                });
            }
            for i in 1..=300_000 {
                writer.write([i; 8]);
            }
        });
    }
}
