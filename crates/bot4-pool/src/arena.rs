//! [`Arena`]: scratch memory for one batch, taken once and given back all at once.
#![allow(unsafe_code)] // turns the raw bytes of `bumpalo` into aligned slices

use crate::aligned::{ALIGNMENT, Plain};
use crate::memory;
use bumpalo::Bump;
use std::alloc::Layout;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

/// A bump allocator with a fixed budget: one block, taken when the arena is made.
///
/// Allocation moves a pointer; [`reset`](Self::reset) moves it back and keeps the block, so a thread that
/// resets after each batch never asks the global allocator again. Every slice starts on a 64-byte boundary.
/// Values are plain numbers: nothing is dropped. One thread at a time uses an arena (`Send`, not `Sync`).
///
/// ```
/// use bot4_pool::Arena;
///
/// let mut arena = Arena::with_limit(1 << 16);
/// for batch in 0..1000_u64 {
///     let scratch = arena.alloc_slice_zeroed::<u64>(256)?;
///     scratch.fill(batch);
///     let column = arena.alloc_slice_copy(&scratch[..16])?;
///     assert_eq!(column.iter().sum::<u64>(), 16 * batch);
///     arena.reset();
/// }
/// # Ok::<(), bot4_pool::ArenaError>(())
/// ```
///
/// A slice cannot outlive the reset:
///
/// ```compile_fail,E0502
/// let mut arena = bot4_pool::Arena::with_limit(1024);
/// let scratch = arena.alloc_slice_zeroed::<f64>(8).unwrap();
/// arena.reset();
/// scratch[0] = 1.0; // `scratch` still borrows the arena
/// ```
///
/// nor the arena:
///
/// ```compile_fail,E0597
/// let scratch;
/// {
///     let arena = bot4_pool::Arena::with_limit(1024);
///     scratch = arena.alloc_slice_zeroed::<f64>(8).unwrap();
/// }
/// scratch[0] = 1.0;
/// ```
///
/// A pool of arenas resets each as it comes back, and again no slice is left behind:
///
/// ```
/// use bot4_pool::{Arena, ObjectPool};
///
/// let pool = ObjectPool::builder(|| Arena::with_limit(1 << 20)).reset(Arena::reset).capacity(8).build()?;
/// let arena = pool.acquire()?;
/// let scratch = arena.alloc_slice_zeroed::<f64>(1000)?;
/// scratch[0] = 1.0;
/// drop(arena);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0505
/// use bot4_pool::{Arena, ObjectPool};
///
/// let pool = ObjectPool::builder(|| Arena::with_limit(1 << 20)).reset(Arena::reset).capacity(8).build()?;
/// let arena = pool.acquire()?;
/// let scratch = arena.alloc_slice_zeroed::<f64>(1000)?;
/// drop(arena);
/// scratch[0] = 1.0; // `scratch` still borrows the arena
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Arena {
    bump: Bump,
}

impl Arena {
    /// An arena of at least `bytes` bytes: the block is rounded up to what the allocator gives anyway, and
    /// [`limit`](Self::limit) says how much that is.
    ///
    /// Allocates once, and every page is backed when this returns: the first batch does not fault. Choose what a batch
    /// needs, not what it must never exceed. From 2 MiB on the block asks for huge pages.
    ///
    /// # Panics
    /// When `bytes` cannot be allocated.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        let mut bump = Bump::with_capacity(bytes.max(1));
        bump.set_allocation_limit(Some(bump.allocated_bytes()));
        let all = bump.alloc_slice_fill_with(bump.chunk_capacity(), |_| MaybeUninit::<u8>::uninit());
        memory::advise(NonNull::from(&mut *all).cast::<u8>(), all.len());
        all.fill(MaybeUninit::new(0));
        bump.reset();
        Self { bump }
    }

    /// The bytes of this arena, used and free. Padding between slices counts.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.bump.allocated_bytes()
    }

    /// The bytes that are still free. A slice may need up to 63 more than its size, for its alignment.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bump.chunk_capacity()
    }

    /// `len` zeros on a 64-byte boundary. Wait-free apart from the zeroing; never asks the global allocator.
    ///
    /// # Errors
    /// [`ArenaError`] when the slice does not fit.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "each call returns memory that no other reference covers")]
    pub fn alloc_slice_zeroed<T: Plain>(&self, len: usize) -> Result<&mut [T], ArenaError> {
        let start = self.block::<T>(len)?;
        // SAFETY: `block` returned room for `len` elements that nobody else uses.
        unsafe { start.as_ptr().write_bytes(0, len) };
        // SAFETY: the `len` elements were just zeroed, which is valid for `T: Plain`; `reset` and drop need
        // `&mut self`, so the memory lives as long as the borrow of `self`.
        Ok(unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) })
    }

    /// A copy of `values` on a 64-byte boundary. Wait-free apart from the copy; never asks the global allocator.
    ///
    /// # Errors
    /// [`ArenaError`] when the slice does not fit.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "each call returns memory that no other reference covers")]
    pub fn alloc_slice_copy<T: Plain>(&self, values: &[T]) -> Result<&mut [T], ArenaError> {
        let start = self.block::<T>(values.len())?;
        // SAFETY: `block` returned room for `values.len()` elements that nobody else uses, so the two do not overlap.
        unsafe { start.as_ptr().copy_from_nonoverlapping(values.as_ptr(), values.len()) };
        // SAFETY: the elements were just written; for the lifetime see `alloc_slice_zeroed`.
        Ok(unsafe { slice::from_raw_parts_mut(start.as_ptr(), values.len()) })
    }

    /// Room for `len` elements on a 64-byte boundary, for a caller that writes before it reads.
    ///
    /// Wait-free; costs the same for any length; never asks the global allocator.
    ///
    /// # Errors
    /// [`ArenaError`] when the slice does not fit.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "each call returns memory that no other reference covers")]
    pub fn alloc_slice_uninit<T: Plain>(&self, len: usize) -> Result<&mut [MaybeUninit<T>], ArenaError> {
        let start = self.block::<MaybeUninit<T>>(len)?;
        // SAFETY: `MaybeUninit` needs no initialisation; for the lifetime see `alloc_slice_zeroed`.
        Ok(unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) })
    }

    /// Takes back everything at once and keeps the memory. Constant time.
    pub fn reset(&mut self) {
        self.bump.reset();
    }

    /// Uninitialised room for `len` elements, aligned to a cache line.
    #[inline]
    fn block<T>(&self, len: usize) -> Result<NonNull<T>, ArenaError> {
        let room = Layout::array::<T>(len)
            .and_then(|layout| layout.align_to(ALIGNMENT))
            .ok()
            .and_then(|layout| self.bump.try_alloc_layout(layout).ok());
        match room {
            Some(start) => Ok(start.cast()),
            None => Err(self.exceeded::<T>(len)),
        }
    }

    #[cold]
    fn exceeded<T>(&self, len: usize) -> ArenaError {
        ArenaError {
            requested: len.saturating_mul(size_of::<T>()),
            remaining: self.remaining(),
            limit: self.limit(),
        }
    }
}

/// A slice does not fit into what is left of an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaError {
    /// Bytes asked for.
    pub requested: usize,
    /// Bytes that were free.
    pub remaining: usize,
    /// Bytes of the whole arena.
    pub limit: usize,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, remaining, limit } = self;
        write!(f, "{requested} bytes do not fit into an arena with {remaining} of {limit} bytes free")
    }
}

impl std::error::Error for ArenaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_aligned_zeroed_and_apart() {
        let mut arena = Arena::with_limit(1 << 16);
        for round in 0..3 {
            let slices: Vec<&mut [u8]> =
                (1..100).map(|len| arena.alloc_slice_zeroed::<u8>(len).unwrap()).collect();
            for (tag, slice) in slices.into_iter().enumerate() {
                assert_eq!(slice.as_ptr().addr() % ALIGNMENT, 0);
                assert!(
                    slice.iter().all(|&byte| byte == 0),
                    "round {round}: memory of another slice or batch"
                );
                slice.fill(tag as u8 + 1);
            }
            arena.reset();
        }
    }

    #[test]
    fn a_full_arena_is_an_error_and_reset_makes_room_again() {
        let mut arena = Arena::with_limit(1 << 12);
        let limit = arena.limit();
        assert!(limit >= 1 << 12);
        for _ in 0..3 {
            arena.alloc_slice_zeroed::<u8>(1 << 11).unwrap();
            let error = arena.alloc_slice_zeroed::<u8>(limit).unwrap_err();
            assert_eq!((error.requested, error.limit), (limit, limit));
            assert!(error.remaining < limit);
            arena.reset();
            assert_eq!(arena.limit(), limit);
        }
    }

    #[test]
    fn the_whole_limit_can_be_taken_as_one_slice() {
        for bytes in [64, 100, 4096, 100_000, 1 << 20] {
            let arena = Arena::with_limit(bytes + 64);
            assert_eq!(arena.alloc_slice_zeroed::<u8>(bytes).map(|slice| slice.len()), Ok(bytes));
        }
    }

    #[test]
    fn impossible_lengths_are_errors() {
        let arena = Arena::with_limit(1024);
        for len in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 8, 1 << 40] {
            assert!(arena.alloc_slice_zeroed::<f64>(len).is_err());
            assert!(arena.alloc_slice_zeroed::<u8>(len).is_err());
        }
        assert_eq!(arena.alloc_slice_zeroed::<f64>(0).unwrap().len(), 0);
    }

    #[test]
    fn uninitialised_slices_are_aligned_and_within_the_limit() {
        let arena = Arena::with_limit(4096);
        let slice = arena.alloc_slice_uninit::<u32>(10).unwrap();
        assert_eq!((slice.len(), slice.as_ptr().addr() % ALIGNMENT), (10, 0));
        assert!(slice.iter_mut().all(|element| *element.write(7) == 7));
        assert!(arena.alloc_slice_uninit::<u32>(arena.limit()).is_err());
    }
}
