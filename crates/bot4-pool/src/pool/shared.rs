//! What the handles and guards of one pool share: the slab, the queues through it, the reference count.
#![allow(unsafe_code)] // builds, drops and frees the slab

use crate::pool::slot::{Slot, SlotPtr};
use crate::pool::{Exhausted, PoolStats};
use crate::sync::{ArrayQueue, AtomicU64, AtomicUsize, Ordering, Witness, fence};
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most objects that cross between a magazine and the shared side together.
pub(crate) const BATCH_MAX: usize = 8;

/// Idle objects that cross together: as many as [`Shared::batch`] says, at the front.
pub(crate) type Batch<T> = [SlotPtr<T>; BATCH_MAX];

pub(crate) type Factory<T> = Box<dyn Fn() -> T + Send + Sync>;
pub(crate) type Reset<T> = Box<dyn Fn(&mut T) + Send + Sync>;

/// A cell on cache lines of its own.
#[repr(align(128))]
struct Padded<T>(T);

/// How many objects are in the magazine of one handle; written by that handle only.
#[repr(align(128))]
pub(crate) struct Kept(AtomicUsize);

impl Kept {
    #[inline]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: the owner reads what it wrote; for `stats` it is a statistic.
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, count: usize) {
        // ORDERING: as above; nothing is published by it.
        self.0.store(count, Ordering::Relaxed);
    }
}

/// Every slot of the slab is in exactly one place: a queue below, a magazine, or a guard.
///
/// | field | written by | read by | ordering | why |
/// | --- | --- | --- | --- | --- |
/// | `vacant`, `singles`, `batches` | any thread | any thread | acquire/release inside `ArrayQueue` | a push hands the slot and its value to the pop |
/// | `references` | any thread | any thread | relaxed up, release down, acquire fence at zero | as in `Arc`: all uses happen before the slab is freed |
/// | `magazines` | the owner of each, plain load and store | `stats` | relaxed | a statistic; the list itself is under a lock, cold |
/// | `misses`, `exhausted`, `high_water` | any thread, cold paths | `stats` | relaxed | statistics |
pub(crate) struct Shared<T> {
    slots: NonNull<[Slot<T>]>,
    factory: Factory<T>,
    pub(crate) reset: Option<Reset<T>>,
    /// Slots without an object.
    vacant: ArrayQueue<SlotPtr<T>>,
    /// Idle objects, one by one.
    singles: ArrayQueue<SlotPtr<T>>,
    /// Idle objects as magazines give and take them.
    batches: ArrayQueue<Batch<T>>,
    /// How many objects a batch has: an eighth of the capacity at most, so that two halves of a magazine are a quarter.
    pub(crate) batch: usize,
    /// How many objects each handle keeps.
    magazines: Mutex<Vec<Arc<Kept>>>,
    references: Padded<AtomicUsize>,
    witness: Witness,
    misses: AtomicU64,
    exhausted: AtomicU64,
    high_water: AtomicUsize,
}

/// A slot in the hands of user code that may panic: gives it back without its object.
struct Vacate<'a, T> {
    pool: &'a Shared<T>,
    slot: SlotPtr<T>,
}

impl<T> Drop for Vacate<'_, T> {
    fn drop(&mut self) {
        enqueue(&self.pool.vacant, self.slot);
    }
}

/// The queues are as long as the slab, and a slot is in one place at a time: there is always room.
fn enqueue<E>(queue: &ArrayQueue<E>, element: E) {
    if queue.push(element).is_err() {
        unreachable!("a queue of the pool is shorter than its slab");
    }
}

impl<T> Shared<T> {
    /// A pool without objects, on the heap, with one reference.
    pub(crate) fn allocate(capacity: usize, factory: Factory<T>, reset: Option<Reset<T>>) -> NonNull<Self> {
        let place = NonNull::from(Box::leak(Box::<Self>::new_uninit())).cast::<Self>();
        let batch = BATCH_MAX.min(capacity / 8);
        let slots: Box<[Slot<T>]> = (0..capacity).map(|_| Slot::vacant()).collect();
        let slots = NonNull::from(Box::leak(slots));
        let shared = Self {
            slots,
            factory,
            reset,
            vacant: ArrayQueue::new(capacity),
            singles: ArrayQueue::new(capacity),
            batches: ArrayQueue::new(capacity.div_ceil(batch.max(1))),
            batch,
            magazines: Mutex::default(),
            references: Padded(AtomicUsize::new(1)),
            witness: Witness::new(),
            misses: AtomicU64::new(0),
            exhausted: AtomicU64::new(0),
            high_water: AtomicUsize::new(0),
        };
        (0..capacity).filter_map(|index| shared.slot(index)).for_each(|slot| enqueue(&shared.vacant, slot));
        // SAFETY: `place` is an allocation of this size and alignment that nobody else has seen.
        unsafe { place.write(shared) };
        place
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The number of a slot in the slab.
    #[inline]
    pub(crate) fn index(&self, slot: SlotPtr<T>) -> usize {
        (slot.0.addr().get() - self.slots.cast::<Slot<T>>().addr().get()) / size_of::<Slot<T>>()
    }

    /// The slot of that number. Only its holder may use it.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> Option<SlotPtr<T>> {
        // SAFETY: the index is inside the slab, which is one allocation.
        (index < self.capacity()).then(|| SlotPtr(unsafe { self.slots.cast::<Slot<T>>().add(index) }))
    }

    /// More references, for a caller that has one.
    pub(crate) fn retain(&self, count: usize) {
        // ORDERING: whoever adds has a reference, so the slab cannot be freed meanwhile; nothing is published.
        self.references.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Gives up `count` references and, if they were the last, drops the idle objects and frees the slab.
    ///
    /// # Safety
    /// The caller owns `count` references and uses `shared` no more.
    pub(crate) unsafe fn release(shared: NonNull<Self>, count: usize) {
        // SAFETY: the references of the caller keep the pool alive up to the subtraction.
        let Self { references: Padded(references), witness, .. } = unsafe { shared.as_ref() };
        witness.used();
        // ORDERING: publishes this holder's last use of the slab to the fence below.
        if references.fetch_sub(count, Ordering::Release) == count {
            // ORDERING: pairs with the subtractions of all other holders: their uses come before the drop.
            fence(Ordering::Acquire);
            // SAFETY: the last reference is gone; `allocate` made the box.
            drop(unsafe { Box::from_raw(shared.as_ptr()) });
        }
    }

    /// An idle object, if the shared side has one. Lock-free.
    pub(crate) fn find(&self) -> Option<SlotPtr<T>> {
        self.singles.pop().or_else(|| {
            let (first, rest) = self.find_batch()?;
            rest.for_each(|slot| enqueue(&self.singles, slot));
            Some(first)
        })
    }

    /// A batch of idle objects, the first by itself, if the shared side has one. Lock-free.
    pub(crate) fn find_batch(&self) -> Option<(SlotPtr<T>, impl Iterator<Item = SlotPtr<T>> + use<T>)> {
        let mut batch = self.batches.pop()?.into_iter().take(self.batch);
        batch.next().map(|first| (first, batch))
    }

    /// An idle object or a new one. Lock-free apart from the factory.
    pub(crate) fn find_or_build(&self) -> Result<SlotPtr<T>, Exhausted> {
        match self.find() {
            Some(slot) => Ok(slot),
            None => self.build_counted(),
        }
    }

    /// A new object, counted as a miss.
    #[cold]
    pub(crate) fn build_counted(&self) -> Result<SlotPtr<T>, Exhausted> {
        let Some(slot) = self.build() else {
            // ORDERING: a statistic.
            self.exhausted.fetch_add(1, Ordering::Relaxed);
            return Err(Exhausted { capacity: self.capacity() });
        };
        // ORDERING: a statistic.
        self.misses.fetch_add(1, Ordering::Relaxed);
        Ok(slot)
    }

    /// A new object in a vacant slot. A factory that panics leaves the slot vacant.
    fn build(&self) -> Option<SlotPtr<T>> {
        let slot = self.vacant.pop()?;
        let unwinding = Vacate { pool: self, slot };
        let value = (self.factory)();
        mem::forget(unwinding);
        // SAFETY: this thread is the slot's only holder and the slot holds no object.
        unsafe { slot.value().write(value) };
        let built = self.capacity() - self.vacant.len();
        // ORDERING: a statistic.
        self.high_water.fetch_max(built, Ordering::Relaxed);
        Some(slot)
    }

    /// Builds `count` idle objects, or fewer when the capacity is reached.
    pub(crate) fn prefill(&self, count: usize) {
        (0..count).map_while(|_| self.build()).for_each(|slot| self.give(slot));
    }

    /// Makes an object that a guard held fit for the next user. If the reset panics, the object is dropped
    /// and its slot becomes vacant.
    #[inline]
    pub(crate) fn clean(&self, slot: SlotPtr<T>) {
        if let Some(reset) = &self.reset {
            self.reset(slot, reset);
        }
    }

    fn reset(&self, slot: SlotPtr<T>, reset: &Reset<T>) {
        struct Discard<'a, T>(Vacate<'a, T>);
        impl<T> Drop for Discard<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the guard that held the object is gone; the slot is vacated after this.
                unsafe { ptr::drop_in_place(self.0.slot.value()) };
            }
        }
        let unwinding = Discard(Vacate { pool: self, slot });
        // SAFETY: this thread is the slot's only holder and the slot holds an object.
        reset(unsafe { &mut *slot.value() });
        mem::forget(unwinding);
    }

    /// Puts a clean object among the idle ones. Lock-free.
    pub(crate) fn give(&self, slot: SlotPtr<T>) {
        enqueue(&self.singles, slot);
    }

    /// Puts a batch of clean objects among the idle ones. Lock-free.
    pub(crate) fn give_batch(&self, slots: Batch<T>) {
        enqueue(&self.batches, slots);
    }

    /// Moves the object out of a slot that a guard held, and vacates the slot.
    pub(crate) fn detach(&self, slot: SlotPtr<T>) -> T {
        // SAFETY: the guard that held the object is gone, and the slot is vacated after this.
        let value = unsafe { slot.value().read() };
        enqueue(&self.vacant, slot);
        value
    }

    /// The count of a new handle, for `stats` to see.
    pub(crate) fn register(&self) -> Arc<Kept> {
        let kept = Arc::new(Kept(AtomicUsize::new(0)));
        self.magazines().push(Arc::clone(&kept));
        kept
    }

    pub(crate) fn unregister(&self, kept: &Arc<Kept>) {
        self.magazines().retain(|other| !Arc::ptr_eq(other, kept));
    }

    /// Nothing can panic under this lock, so there is no poison to heed.
    fn magazines(&self) -> MutexGuard<'_, Vec<Arc<Kept>>> {
        self.magazines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> PoolStats {
        // SAFETY: the slab lives as long as `self`; other threads touch only the atomics and the values inside it.
        let slots = unsafe { self.slots.as_ref() };
        let acquired: u64 = slots.iter().map(Slot::acquired).sum();
        let kept: usize = self.magazines().iter().map(|kept| kept.get()).sum();
        let built = self.capacity() - self.vacant.len();
        let idle = (self.singles.len() + self.batch * self.batches.len() + kept).min(built);
        // ORDERING: statistics, here and below.
        let misses = self.misses.load(Ordering::Relaxed);
        PoolStats {
            capacity: self.capacity(),
            built,
            in_use: built - idle,
            idle,
            high_water: self.high_water.load(Ordering::Relaxed),
            hits: acquired.saturating_sub(misses),
            misses,
            exhausted: self.exhausted.load(Ordering::Relaxed),
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        self.witness.freed();
        while let Some(slot) = self.find() {
            // SAFETY: the last reference is gone, so the queues hold every object, and each once.
            unsafe { ptr::drop_in_place(slot.value()) };
        }
        // SAFETY: `allocate` leaked this box; no slot is used after this.
        drop(unsafe { Box::from_raw(self.slots.as_ptr()) });
    }
}
