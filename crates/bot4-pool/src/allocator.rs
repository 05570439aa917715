//! [`PoolAllocator`]: pooled memory for the collections of `allocator-api2` and `hashbrown`.
//!
//! # How it works
//!
//! All memory is one piece, taken at the start and cut into blocks of a few sizes. The blocks of one size are the objects of
//! an [`ObjectPool`](crate::ObjectPool) whose slots have the same numbers as the blocks: what travels through magazines and queues
//! is the slot, and an address is a shift away from it. So the rules of the pool are those of the allocator: a block
//! has one holder, a full size is refused, [`AllocatorHandle`] is the magazine.
#![allow(unsafe_code)] // implements `Allocator`; owns the memory

mod blocks;

use crate::pool::Handle;
use crate::pool::slot::SlotPtr;
use allocator_api2::alloc::{AllocError, Allocator};
use blocks::{Blocks, Source};
use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// A bounded allocator over memory that is taken once: for `Vec`, `Box` and `HashMap` on a hot path.
///
/// Memory comes in blocks of the sizes and numbers given at the start. An allocation takes one block of the smallest
/// size into which it fits, or of the next larger size when there is none left; the rest of the block is
/// room to grow into without moving. When no block is left the allocation fails: `try_reserve` returns an error, and
/// `push` and the like end the program as they do when memory runs out. It never asks the global allocator.
///
/// A clone is another way to the same memory, which is given back when the last clone, [`AllocatorHandle`] and collection are
/// gone. `Send` and `Sync`: collections may move to other threads and be dropped there. Allocating and freeing
/// are lock-free; a thread that does much of it has an [`AllocatorHandle`].
///
/// ```
/// use allocator_api2::vec::Vec;
/// use bot4_pool::PoolAllocator;
/// use hashbrown::{DefaultHashBuilder, HashMap};
///
/// let memory = PoolAllocator::with_blocks(&[(1 << 10, 64), (1 << 16, 4)]);
/// let mut orders = Vec::new_in(&memory); // lives as long as `memory`
/// orders.extend([3_u64, 1, 2]);
/// let mut by_id = HashMap::with_hasher_in(DefaultHashBuilder::default(), memory.clone()); // lives on its own
/// by_id.extend(orders.iter().map(|&id| (id, 100 * id)));
/// assert_eq!(by_id[&2], 200);
///
/// let mut large = Vec::<u8, _>::new_in(&memory);
/// assert!(large.try_reserve(1 << 17).is_err());
/// assert_eq!(memory.stats().map(|of| of.in_use).sum::<usize>(), 2);
/// ```
///
/// The traits are those of `allocator-api2` 0.2, which `hashbrown` 0.14 to 0.17 and `bumpalo` speak too.
#[derive(Clone)]
pub struct PoolAllocator {
    blocks: Arc<Blocks>,
}

impl PoolAllocator {
    /// An allocator with so many blocks of each size: `(bytes, blocks)`.
    ///
    /// A size is rounded up to a power of two and at least 64 bytes; equal sizes are added up. A block is aligned to its
    /// size, up to 2 MiB. All memory is taken and backed here, in huge pages from 2 MiB on; in front of
    /// the blocks stand about 170 bytes each, which a block of less than that does not earn.
    ///
    /// # Panics
    /// When there is no block, or they exceed `isize::MAX` bytes. Running out of memory aborts, as with `Vec`.
    #[must_use]
    pub fn with_blocks(blocks: &[(usize, usize)]) -> Self {
        Self { blocks: Arc::new(Blocks::new(blocks)) }
    }

    /// A handle for one thread. Takes a lock and allocates: make it before the hot path begins.
    #[must_use]
    pub fn handle(&self) -> AllocatorHandle {
        let magazines = self.blocks.classes().iter().map(|class| class.pool.handle()).collect();
        AllocatorHandle { magazines, blocks: Arc::clone(&self.blocks) }
    }

    /// The bytes of all blocks together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blocks.bytes()
    }

    /// How the blocks of each size are used, smallest first; exact when no other thread uses the allocator meanwhile.
    ///
    /// Takes the lock under which handles are made, and reads a word per block.
    pub fn stats(&self) -> impl Iterator<Item = BlockStats> {
        self.blocks.classes().iter().map(|class| {
            let of = class.pool.stats();
            BlockStats {
                bytes: class.bytes(),
                blocks: of.capacity,
                in_use: of.in_use,
                high_water: of.high_water,
                refused: of.exhausted,
            }
        })
    }
}

/// How the blocks of one size are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockStats {
    /// The bytes of one block.
    pub bytes: usize,
    /// How many there are.
    pub blocks: usize,
    /// Blocks that collections hold.
    pub in_use: usize,
    /// The most blocks that were in use or in magazines at once: what to give next time.
    pub high_water: usize,
    /// Allocations that found no block of this size. A larger one may have served them.
    pub refused: u64,
}

/// One thread's way to a [`PoolAllocator`]: allocating and freeing touch nothing that other threads write.
///
/// For each size the handle keeps up to 16 free blocks (a quarter of them if that is less), and gets and gives them back by
/// eight. A collection is made with `&handle`, stays on this thread, and is gone before the handle is; a collection
/// that moves takes a clone of the [`PoolAllocator`]. Dropping the handle gives back what it keeps. `Send`, not `Sync`.
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
/// use bot4_pool::PoolAllocator;
///
/// let handle = PoolAllocator::with_blocks(&[(4096, 64)]).handle(); // keeps the memory
/// for event in 0..1000_u64 {
///     let mut row = Vec::with_capacity_in(32, &handle); // wait-free but for the first
///     row.extend((0..32).map(|column| event + column));
///     let last = Box::new_in(row[31], &handle);
///     assert_eq!(*last, event + 31);
/// }
/// ```
///
/// What it allocated stays on its thread:
///
/// ```compile_fail,E0277
/// let handle = bot4_pool::PoolAllocator::with_blocks(&[(4096, 64)]).handle();
/// let row = allocator_api2::vec::Vec::<u8, _>::new_in(&handle);
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(row)); // `&AllocatorHandle` is not `Send`
/// });
/// ```
pub struct AllocatorHandle {
    magazines: Box<[Handle<()>]>,
    blocks: Arc<Blocks>,
}

impl Source for PoolAllocator {
    #[inline]
    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    #[inline]
    fn take(&self, class: usize) -> Option<SlotPtr<()>> {
        self.blocks.pool(class).shared().find_or_build().ok()
    }

    #[inline]
    fn put(&self, class: usize, slot: SlotPtr<()>) {
        self.blocks.pool(class).shared().give(slot);
    }
}

impl Source for AllocatorHandle {
    #[inline]
    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    #[inline]
    fn take(&self, class: usize) -> Option<SlotPtr<()>> {
        self.magazines[class].take_uncounted().ok()
    }

    #[inline]
    fn put(&self, class: usize, slot: SlotPtr<()>) {
        self.magazines[class].put(slot);
    }
}

macro_rules! allocator {
    ($($source:ty)*) => { $(
        // SAFETY: a block has one holder from `take` to `put`, as the pool of its slots has it. It lies in memory that `Blocks`
        // frees when it is dropped, and every clone of an allocator holds an `Arc` of that; moving an allocator
        // moves none of it. A clone is the same memory, so any clone may free a block.
        unsafe impl Allocator for $source {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                blocks::allocate(self, layout)
            }

            #[inline]
            unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller keeps the contract of `deallocate`, which is the same.
                unsafe { blocks::deallocate(self, start, layout) }
            }

            #[inline]
            unsafe fn grow(
                &self,
                start: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: the caller keeps the contract of `grow`, which is the same.
                unsafe { blocks::resize(self, start, old, new) }
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                start: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: the caller keeps the contract of `grow_zeroed`, which says what `grow` does.
                let block = unsafe { blocks::resize(self, start, old, new)? };
                let added = block.len() - old.size();
                // SAFETY: the block is at least as long as `new`, and `new` as `old`.
                let tail = unsafe { block.cast::<u8>().add(old.size()) };
                // SAFETY: `added` bytes stand between `tail` and the end of the block, which is the caller's alone.
                unsafe { tail.write_bytes(0, added) };
                Ok(block)
            }

            #[inline]
            unsafe fn shrink(
                &self,
                start: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: the caller keeps the contract of `shrink`, which is the same.
                unsafe { blocks::resize(self, start, old, new) }
            }
        }
    )* };
}
allocator!(PoolAllocator AllocatorHandle);

impl fmt::Debug for PoolAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stats()).finish()
    }
}

impl fmt::Debug for AllocatorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.magazines).finish()
    }
}
