//! A whole structure behind one pointer, replaced by publishers, borrowed by readers that never wait.
//!
//! Every reader has a *mark*: the version it holds, or [`ACQUIRING`] while it changes to a newer one. A publisher swaps
//! the pointer and then looks at every mark: an old version is freed when no mark holds it and no reader is acquiring.
//!
//! Why a reader cannot get a freed version: it sets `ACQUIRING` by a read-modify-write before it loads the pointer, and
//! the publisher looks at the mark by a read-modify-write after it stored the pointer. One of the two comes first in
//! the mark's modification order. If the reader's does, the publisher sees `ACQUIRING` and frees nothing; if the
//! publisher's does, the reader's acquires it and loads the new pointer, not the old one.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `current` | publisher, under the lock | readers | Release / Acquire | the structure is complete for whoever sees its pointer |
//! | `mark` | its reader; read-modify-write before the load of `current` | publisher, read-modify-write after the store of `current` | AcqRel | see above |
//! | `mark` back to a version, or gone | its reader, read-modify-write | publisher | AcqRel | the reader's last use of the old version comes before its freeing |
//! | `keeper` | publishers, `reader` | the same | a mutex | cold path: the marks and the versions still held |
#![allow(unsafe_code)] // structures are shared by pointer and freed when the marks say that nobody reads them

use crate::sync::{Arc, AtomicPtr, AtomicU64, Mutex, lock};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// The mark of a reader that has been dropped.
const GONE: u64 = u64::MAX;
/// The mark of a reader between asking for the newest version and holding it.
const ACQUIRING: u64 = u64::MAX - 1;

type Mark = Arc<CachePadded<AtomicU64>>;

/// A structure that is replaced as a whole; readers borrow the newest without ever waiting.
///
/// Clones share it. Old versions are freed by the next [`publish`](Self::publish) that finds no reader on them.
///
/// ```
/// use bot4_lockfree::snapshot::Published;
///
/// let weights = Published::new(vec![0.5, 0.5]);
/// let mut reader = weights.reader();
/// assert_eq!(reader.get()[0], 0.5);
/// weights.publish(vec![0.25, 0.75]);
/// assert_eq!(reader.get()[0], 0.25);
/// assert_eq!(reader.version(), 1);
/// ```
pub struct Published<T> {
    shared: Arc<Shared<T>>,
}

struct Node<T> {
    version: u64,
    value: T,
}

struct Shared<T> {
    current: CachePadded<AtomicPtr<Node<T>>>,
    keeper: Mutex<Keeper<T>>,
    /// `T` is dropped by any thread and read by many.
    owns: PhantomData<std::sync::Arc<T>>,
}

struct Keeper<T> {
    version: u64,
    marks: Vec<Mark>,
    retired: Vec<NonNull<Node<T>>>,
}

// SAFETY: the pointers own their nodes, and nodes are only shared and dropped where T allows both.
unsafe impl<T: Send + Sync> Send for Keeper<T> {}

impl<T> Keeper<T> {
    /// Frees every retired version that no reader holds or may be about to hold.
    fn free_unread(&mut self) {
        let mut held = Vec::with_capacity(self.marks.len());
        // ORDERING: AcqRel: the Release half hands the new pointer to a reader whose `ACQUIRING` comes later; the
        // Acquire half orders a reader's last use of its old version before the freeing below.
        self.marks.retain(|mark| match mark.fetch_add(0, AcqRel) {
            GONE => false,
            version => {
                held.push(version);
                true
            }
        });
        if held.contains(&ACQUIRING) {
            return;
        }
        self.retired.retain(|&node| {
            // SAFETY: retired nodes are freed here only, under the lock, and leave the list when they are.
            let version = unsafe { node.as_ref() }.version;
            let keep = held.contains(&version);
            if !keep {
                // SAFETY: made by `Box::into_raw`; no mark holds it and it is not current, so this is the last pointer.
                drop(unsafe { Box::from_raw(node.as_ptr()) });
            }
            keep
        });
    }
}

impl<T> Published<T> {
    /// Publishes `value` as version 0. Allocates.
    #[must_use]
    pub fn new(value: T) -> Self {
        let node = Box::into_raw(Box::new(Node { version: 0, value }));
        Self {
            shared: Arc::new(Shared {
                current: CachePadded::new(AtomicPtr::new(node)),
                keeper: Mutex::new(Keeper { version: 0, marks: Vec::new(), retired: Vec::new() }),
                owns: PhantomData,
            }),
        }
    }

    /// Replaces the structure and frees the old versions that nobody reads any more; returns the new version.
    ///
    /// Blocking towards other publishers and new readers (a mutex), never towards readers. Allocates the new version;
    /// old ones are dropped here, on the publisher's thread.
    pub fn publish(&self, value: T) -> u64 {
        let mut keeper = lock(&self.shared.keeper);
        keeper.version += 1;
        let version = keeper.version;
        let node = Box::into_raw(Box::new(Node { version, value }));
        // ORDERING: Relaxed: only lock holders store it.
        let old = self.shared.current.load(Relaxed);
        // ORDERING: Release: publishes the node; pairs with the Acquire loads in `Reader`.
        self.shared.current.store(node, Release);
        keeper.retired.extend(NonNull::new(old));
        keeper.free_unread();
        version
    }

    /// Frees what has become unread since the last [`publish`](Self::publish), and returns how many versions are still
    /// in memory (1 when every reader has come forward). Blocking towards publishers, never towards readers.
    pub fn collect(&self) -> usize {
        let mut keeper = lock(&self.shared.keeper);
        keeper.free_unread();
        keeper.retired.len() + 1
    }

    /// A new reader, holding the newest version. Blocking towards publishers (a mutex), allocates; make it once.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        let mut keeper = lock(&self.shared.keeper);
        let mark: Mark = Arc::new(CachePadded::new(AtomicU64::new(keeper.version)));
        keeper.marks.push(Arc::clone(&mark));
        // ORDERING: Relaxed: only lock holders store it, and we hold the lock.
        let node = self.shared.current.load(Relaxed);
        Reader { shared: Arc::clone(&self.shared), mark, node }
    }
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").finish_non_exhaustive()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: readers and handles are gone, ordered by the reference count.
        let current = self.current.load(Relaxed);
        // SAFETY: made by `Box::into_raw`, never retired, and no handle is left.
        drop(unsafe { Box::from_raw(current) });
        for node in lock(&self.keeper).retired.drain(..) {
            // SAFETY: made by `Box::into_raw`, no reader is left, and it leaves the list.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}

/// One thread's view of a [`Published`] structure.
///
/// It keeps the version it returned last alive: a reader that is never asked again pins one version.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    mark: Mark,
    node: *const Node<T>,
}

// SAFETY: a reader is a share of T (T: Sync) and may be the last owner (T: Send); the mark is used through &mut self only.
unsafe impl<T: Send + Sync> Send for Reader<T> {}
// SAFETY: `&Reader` gives out the version number only.
unsafe impl<T: Send + Sync> Sync for Reader<T> {}

impl<T> Reader<T> {
    /// Borrows the newest version. Wait-free, no allocation: one load and a compare when nothing was published since the
    /// last call, otherwise also two read-modify-writes and a load.
    #[inline]
    pub fn get(&mut self) -> &T {
        // ORDERING: Acquire: pairs with the Release in `publish`. The held node is not freed, so its address cannot come
        // back as another version: equal pointers are the same version.
        if self.shared.current.load(Acquire).cast_const() != self.node {
            self.change();
        }
        // SAFETY: our mark holds this node's version.
        &unsafe { &*self.node }.value
    }

    /// Lets the held version go and takes the newest.
    #[cold]
    fn change(&mut self) {
        // ORDERING: AcqRel: Acquire, so that if a publisher has looked at this mark, the load below sees its pointer;
        // Release, so that a publisher that sees the mark comes after our uses of the old version.
        self.mark.swap(ACQUIRING, AcqRel);
        // ORDERING: Acquire: pairs with the Release in `publish`.
        self.node = self.shared.current.load(Acquire);
        // ORDERING: AcqRel: a publisher that reads this version comes after our last use of the old one. A store would do;
        // with read-modify-writes only, the mark's modifications are one chain, which the model checker follows exactly.
        self.mark.swap(self.version(), AcqRel);
    }

    /// The version that [`get`](Self::get) returned last; the first one is 0. Wait-free, no allocation.
    #[must_use]
    pub fn version(&self) -> u64 {
        // SAFETY: our mark holds this node's version, or says that we are acquiring it.
        unsafe { &*self.node }.version
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        // ORDERING: AcqRel: our last use of the held version comes before its freeing; pairs with `free_unread`.
        self.mark.swap(GONE, AcqRel);
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("version", &self.version()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    static LIVE: AtomicUsize = AtomicUsize::new(0);

    /// Counts how many of it exist; both halves equal unless torn or freed.
    struct Counted(u64, u64);

    impl Counted {
        fn new(i: u64) -> Self {
            LIVE.fetch_add(1, Relaxed);
            Self(i, !i)
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Relaxed);
            (self.0, self.1) = (0, 0);
        }
    }

    #[test]
    fn memory_returns_to_its_level_after_many_swaps_under_readers() {
        let published = Published::new(Counted::new(0));
        let last = 20_000;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let mut reader = published.reader();
                scope.spawn(move || {
                    let mut seen = 0;
                    while seen < last {
                        let value = reader.get();
                        assert_eq!(value.0, !value.1);
                        assert!(value.0 >= seen);
                        seen = value.0;
                    }
                });
            }
            let idle = published.reader();
            for i in 1..=last {
                assert_eq!(published.publish(Counted::new(i)), i);
            }
            assert_eq!(idle.version(), 0);
        });
        assert_eq!(published.collect(), 1);
        assert_eq!(LIVE.load(Relaxed), 1);
        drop(published);
        assert_eq!(LIVE.load(Relaxed), 0);
    }

    #[test]
    fn idle_reader_pins_one_version_only() {
        let published = Published::new(vec![0]);
        let mut idle = published.reader();
        for i in 1..100 {
            published.publish(vec![i]);
        }
        assert_eq!(published.collect(), 2);
        assert_eq!(idle.get(), &[99]);
        assert_eq!(published.collect(), 1);
    }

    #[test]
    fn reader_outlives_the_handle() {
        let published = Published::new(String::from("a"));
        let mut reader = published.reader();
        published.publish(String::from("b"));
        drop(published);
        assert_eq!(reader.get(), "b");
    }
}
