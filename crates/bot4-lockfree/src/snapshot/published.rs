//! A whole structure behind one pointer, replaced by publishers, borrowed by readers that never wait.
//!
//! Every reader has a *mark*: the version it holds, or [`ACQUIRING`] while it changes to a newer one. A publisher swaps
//! the pointer and then looks at every mark: an old version is freed, or filled again, when no mark holds it and no reader is acquiring.
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
use std::mem::MaybeUninit;
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
    /// What the marks said when they were last looked at.
    held: Vec<u64>,
    retired: Vec<NonNull<Node<T>>>,
}

// SAFETY: the pointers own their nodes, and nodes are only shared and dropped where T allows both.
unsafe impl<T: Send + Sync> Send for Keeper<T> {}

impl<T> Keeper<T> {
    fn new() -> Self {
        Self { version: 0, marks: Vec::new(), held: Vec::new(), retired: Vec::new() }
    }

    /// Looks at every mark; false when a reader may be about to hold any version.
    fn look(&mut self) -> bool {
        let held = &mut self.held;
        held.clear();
        // ORDERING: AcqRel: the Release half hands the new pointer to a reader whose `ACQUIRING` comes later; the
        // Acquire half orders a reader's last use of its old version before whatever becomes of it next.
        self.marks.retain(|mark| match mark.fetch_add(0, AcqRel) {
            GONE => false,
            version => {
                held.push(version);
                true
            }
        });
        !held.contains(&ACQUIRING)
    }

    /// Whether a reader held this retired version at the last look.
    fn is_held(&self, node: NonNull<Node<T>>) -> bool {
        // SAFETY: retired nodes are freed and taken under the lock only, and leave the list when they are.
        self.held.contains(&unsafe { node.as_ref() }.version)
    }

    /// Takes a retired version out of the list that no reader held at the last look, at which none was acquiring.
    fn take_unheld(&mut self) -> Option<Box<Node<T>>> {
        let at = self.retired.iter().position(|&node| !self.is_held(node))?;
        let node = self.retired.swap_remove(at);
        // SAFETY: made by `Box::into_raw`; no mark holds it and it is not current, so this is the last pointer.
        Some(unsafe { Box::from_raw(node.as_ptr()) })
    }

    /// Takes one that no reader holds or may be about to hold, and leaves no more than readers can hold.
    fn take_unread(&mut self) -> Option<Box<Node<T>>> {
        if !self.look() {
            return None;
        }
        let unread = self.take_unheld();
        while self.retired.len() > self.marks.len() && self.take_unheld().is_some() {}
        unread
    }

    /// Frees all of them.
    fn free_unread(&mut self) {
        if self.look() {
            while self.take_unheld().is_some() {}
        }
    }

    /// Makes `node` the newest version, whose number it bears.
    fn make_current(&mut self, current: &AtomicPtr<Node<T>>, node: Box<Node<T>>) {
        self.version = node.version;
        // ORDERING: Relaxed: only lock holders store it.
        let old = current.load(Relaxed);
        // ORDERING: Release: publishes the node; pairs with the Acquire loads in `Reader`.
        current.store(Box::into_raw(node), Release);
        self.retired.extend(NonNull::new(old));
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
                keeper: Mutex::new(Keeper::new()),
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
        let node = Box::new(Node { version: keeper.version + 1, value });
        keeper.make_current(&self.shared.current, node);
        keeper.free_unread();
        keeper.version
    }

    /// As [`publish`](Self::publish), but an old version that nobody reads any more goes to `make` instead of being
    /// freed: to be filled again, or dropped there. `make` runs under the lock.
    ///
    /// Allocates only when there is no such version: the first time, when readers hold more of them than ever before, and when
    /// one is just taking up a newer version. No more stay in memory for long than the newest, one per reader and one to
    /// be filled, so the memory of long runs stays where it is. Publishing from within `make` deadlocks.
    ///
    /// ```
    /// use bot4_lockfree::snapshot::Published;
    ///
    /// let weights = Published::new(vec![0.5, 0.5]);
    /// for step in 1..=3 {
    ///     weights.publish_reusing(|old| {
    ///         let mut new = old.unwrap_or_else(|| vec![0.0; 2]);
    ///         new.fill(0.5 / f64::from(step));
    ///         new
    ///     });
    /// }
    /// assert_eq!(weights.reader().get(), &[0.5 / 3.0; 2]);
    /// ```
    pub fn publish_reusing(&self, make: impl FnOnce(Option<T>) -> T) -> u64 {
        let mut keeper = lock(&self.shared.keeper);
        let version = keeper.version + 1;
        let node = match keeper.take_unread() {
            Some(node) => {
                // SAFETY: the same memory, which need not hold a node from here on.
                let empty: Box<MaybeUninit<Node<T>>> = unsafe { Box::from_raw(Box::into_raw(node).cast()) };
                // SAFETY: it holds the node, which is taken out once, here.
                let old = unsafe { empty.assume_init_read() };
                Box::write(empty, Node { version, value: make(Some(old.value)) })
            }
            None => Box::new(Node { version, value: make(None) }),
        };
        keeper.make_current(&self.shared.current, node);
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
    fn reuses_what_nobody_reads_and_nothing_else() {
        let published = Published::new(vec![0; 8]);
        let mut places = vec![];
        let mut idle = published.reader();
        for i in 1..100 {
            published.publish_reusing(|old| {
                assert_ne!(old.as_deref(), Some(&[0; 8][..]), "the idle reader holds it");
                let mut new = old.unwrap_or_else(|| vec![0; 8]);
                new.fill(i);
                places.push(new.as_ptr());
                new
            });
            assert_eq!(published.reader().get(), &[i; 8]);
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 2, "one current, one to be filled again");
        assert_eq!(idle.get(), &[99; 8]);
        assert_eq!(published.collect(), 1);
    }

    #[test]
    fn readers_met_while_they_acquire_leave_nothing_behind() {
        let published = Published::new(0);
        let mut reader = published.reader();
        for i in 1..100 {
            let held = reader.mark.swap(ACQUIRING, AcqRel);
            published.publish_reusing(|old| {
                assert_eq!(old, None, "the reader may be about to hold any");
                i
            });
            reader.mark.swap(held, AcqRel);
            published.publish_reusing(|old| old.map_or(i, |_| i));
            reader.get();
        }
        assert!(lock(&published.shared.keeper).retired.len() <= 2);
    }

    #[test]
    fn what_makes_a_version_may_panic() {
        let published = Published::new(Box::new(1));
        published.publish(Box::new(2));
        let make = |_| panic!("of the user");
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| published.publish_reusing(make)))
                .is_err()
        );
        assert_eq!(**published.reader().get(), 2);
        assert_eq!(published.publish_reusing(|_| Box::new(3)), 2);
        assert_eq!(**published.reader().get(), 3);
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
