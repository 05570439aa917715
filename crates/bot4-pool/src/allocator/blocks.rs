//! The memory of a [`PoolAllocator`](super::PoolAllocator), and the arithmetic between slots and addresses.
#![allow(unsafe_code)] // hands out raw memory

use crate::aligned::ALIGNMENT;
use crate::memory::{self, HUGE_PAGE};
use crate::pool::ObjectPool;
use crate::pool::slot::SlotPtr;
use allocator_api2::alloc::AllocError;
use std::alloc::{Layout, dealloc};
use std::num::NonZero;
use std::ptr::NonNull;

/// Where free blocks come from and go to: the pools themselves, or one thread's magazines.
pub(super) trait Source {
    fn blocks(&self) -> &Blocks;
    fn take(&self, class: usize) -> Option<SlotPtr<()>>;
    fn put(&self, class: usize, slot: SlotPtr<()>);
}

/// The blocks of one size: block `i` belongs to whoever has slot `i` of the pool.
pub(super) struct Class {
    pub(super) pool: ObjectPool<()>,
    first: NonNull<u8>,
    /// log2 of the bytes of a block.
    shift: u32,
}

/// One piece of memory, cut into classes of blocks.
pub(super) struct Blocks {
    /// Smallest first.
    classes: Box<[Class]>,
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is owned, and a byte of it is touched only by the holder of its block, whom the pool of slots makes the
// only one; between two holders stands the queue of that pool.
unsafe impl Send for Blocks {}
// SAFETY: as above: `&Blocks` gives out addresses, and blocks only through the pools, which are `Sync`.
unsafe impl Sync for Blocks {}

impl Class {
    pub(super) fn bytes(&self) -> usize {
        1 << self.shift
    }

    fn block(&self, slot: SlotPtr<()>) -> NonNull<[u8]> {
        let offset = self.pool.shared().index(slot) << self.shift;
        // SAFETY: the index is below the number of blocks, so the offset is inside the memory of this class.
        let start = unsafe { self.first.add(offset) };
        NonNull::slice_from_raw_parts(start, self.bytes())
    }

    /// The slot of the block that starts at `start`, if it is one of this class.
    fn slot(&self, start: NonNull<u8>) -> Option<SlotPtr<()>> {
        let offset = start.addr().get().checked_sub(self.first.addr().get())?;
        self.pool.shared().slot(offset >> self.shift)
    }
}

/// `(log2 of the bytes, blocks)` without repetition, smallest first.
fn sizes(blocks: &[(usize, usize)]) -> Vec<(u32, usize)> {
    let shift = |bytes: usize| match bytes.max(ALIGNMENT).checked_next_power_of_two() {
        Some(bytes) => bytes.trailing_zeros(),
        None => panic!("a block of {bytes} bytes is too large"),
    };
    let mut sizes: Vec<(u32, usize)> =
        blocks.iter().filter(|(_, count)| *count > 0).map(|&(bytes, count)| (shift(bytes), count)).collect();
    sizes.sort_unstable();
    sizes.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 = if same { kept.1.saturating_add(next.1) } else { kept.1 };
        same
    });
    sizes
}

impl Blocks {
    pub(super) fn new(blocks: &[(usize, usize)]) -> Self {
        let sizes = sizes(blocks);
        let Some(&(largest, _)) = sizes.last() else { panic!("a pool allocator needs a block") };
        let bytes = |&(shift, count): &(u32, usize)| count.checked_mul(1 << shift);
        let total = sizes.iter().map(bytes).try_fold(0_usize, |sum, bytes| sum.checked_add(bytes?));
        let align = HUGE_PAGE.min(1 << largest);
        let Some(layout) = total.and_then(|total| Layout::from_size_align(total, align).ok()) else {
            panic!("the blocks of a pool allocator exceed isize::MAX bytes: {blocks:?}");
        };
        let start = memory::zeroed(layout);
        let mut first = start;
        // Largest first, so that every block stands on a multiple of its size from the start.
        let mut classes: Vec<Class> = (sizes.into_iter().rev())
            .map(|(shift, count)| {
                let class = Class { pool: slots(count), first, shift };
                // SAFETY: the sum of all classes is the size of the memory.
                first = unsafe { first.add(count << shift) };
                class
            })
            .collect();
        classes.reverse();
        Self { classes: classes.into(), start, layout }
    }

    pub(super) fn classes(&self) -> &[Class] {
        &self.classes
    }

    #[inline]
    pub(super) fn pool(&self, class: usize) -> &ObjectPool<()> {
        &self.classes[class].pool
    }

    pub(super) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// The class and the slot of a block.
    #[inline]
    fn find(&self, start: NonNull<u8>) -> (usize, SlotPtr<()>) {
        let mut classes = self.classes.iter().enumerate();
        match classes.find_map(|(index, class)| Some((index, class.slot(start)?))) {
            Some(found) => found,
            None => unreachable!("the block is not one of this allocator"),
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        // SAFETY: the memory came from `memory::zeroed` with this layout, and the last allocator over it is gone.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

fn slots(count: usize) -> ObjectPool<()> {
    match ObjectPool::builder(|| ()).capacity(count).build() {
        Ok(pool) => pool,
        Err(error) => unreachable!("there are {count} blocks: {error}"),
    }
}

/// A block for `layout`: of the smallest class into which it fits and which has one.
#[inline]
pub(super) fn allocate(source: &impl Source, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    if layout.size() == 0 {
        return Ok(nothing(layout));
    }
    if layout.align() > HUGE_PAGE {
        return Err(AllocError);
    }
    // A block is aligned to its size, up to a huge page.
    let bytes = layout.size().max(layout.align());
    let mut classes = source.blocks().classes.iter().enumerate().filter(|(_, class)| class.bytes() >= bytes);
    classes.find_map(|(index, class)| Some(class.block(source.take(index)?))).ok_or(AllocError)
}

/// Gives back a block.
///
/// # Safety
/// `start` is a block of this source, allocated for `layout`, and the caller uses it no more.
#[inline]
pub(super) unsafe fn deallocate(source: &impl Source, start: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        let (class, slot) = source.blocks().find(start);
        source.put(class, slot);
    }
}

/// Fits a block to another layout: where it is if it can be, elsewhere otherwise.
///
/// # Safety
/// `start` is a block of this source, allocated for `old`. When the result is not an error the caller uses it
/// instead of `start`.
#[inline]
pub(super) unsafe fn resize(
    source: &impl Source,
    start: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<[u8]>, AllocError> {
    if old.size() != 0 && new.size() != 0 {
        let (class, _) = source.blocks().find(start);
        let bytes = source.blocks().classes[class].bytes();
        if new.size() <= bytes && start.addr().get().is_multiple_of(new.align()) {
            return Ok(NonNull::slice_from_raw_parts(start, bytes));
        }
    }
    let block = allocate(source, new)?;
    // SAFETY: the caller's block has `old.size()` bytes, the new one `new.size()`, and no block is part of another.
    unsafe { start.copy_to_nonoverlapping(block.cast(), old.size().min(new.size())) };
    // SAFETY: the caller gives up its block, which was allocated for `old`.
    unsafe { deallocate(source, start, old) };
    Ok(block)
}

/// What stands for an allocation of no bytes.
fn nothing(layout: Layout) -> NonNull<[u8]> {
    let Some(address) = NonZero::new(layout.align()) else { unreachable!("an alignment is not zero") };
    NonNull::slice_from_raw_parts(NonNull::without_provenance(address), 0)
}
