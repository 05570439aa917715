//! [`AlignedVec`]: a zeroed buffer on cache-line boundaries.
#![allow(unsafe_code)] // owns a raw allocation: `Vec` cannot be given an alignment above that of its element

use crate::memory;
use std::alloc::{Layout, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

/// The alignment of every [`AlignedVec`] and of every slice of an [`Arena`](crate::Arena): one cache line, one AVX-512 register.
pub const ALIGNMENT: usize = 64;

mod sealed {
    pub trait Sealed {}
}

/// Plain numbers: `Copy`, no padding, and all bits zero is a valid value.
///
/// Sealed: implemented for the integers, the floats and arrays of them.
pub trait Plain: Copy + Send + Sync + 'static + sealed::Sealed {}

macro_rules! plain {
    ($($number:ty)*) => { $(impl sealed::Sealed for $number {} impl Plain for $number {})* };
}
plain!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);
impl<T: Plain, const N: usize> sealed::Sealed for [T; N] {}
impl<T: Plain, const N: usize> Plain for [T; N] {}

/// A slice on the heap that starts on a 64-byte boundary, is zeroed in one step and never grows.
///
/// The capacity is rounded up to whole cache lines, so that a kernel may work on full registers to
/// the end of [`as_padded`](Self::as_padded). Dereferences to `[T]`.
///
/// ```
/// use bot4_pool::AlignedVec;
///
/// let mut prices = AlignedVec::<f64>::zeroed(10);
/// prices[3] = 101.25;
/// assert_eq!(prices.iter().sum::<f64>(), 101.25);
/// assert_eq!(prices.as_ptr() as usize % 64, 0);
/// assert_eq!(prices.capacity(), 16);
/// ```
pub struct AlignedVec<T: Plain> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the buffer is owned, like that of a `Vec<T>`; `T: Plain` is `Send`.
unsafe impl<T: Plain> Send for AlignedVec<T> {}
// SAFETY: `&AlignedVec<T>` gives out `&[T]` only; `T: Plain` is `Sync`.
unsafe impl<T: Plain> Sync for AlignedVec<T> {}

impl<T: Plain> AlignedVec<T> {
    /// A buffer of `len` zeros. Allocates once, and nothing when `len` is 0.
    ///
    /// Every page is backed when this returns: the first user does not fault. A buffer of 2 MiB or more starts on
    /// a boundary of 2 MiB and asks for huge pages.
    ///
    /// # Panics
    /// When `len` elements exceed `isize::MAX` bytes. Running out of memory aborts, as with `Vec`.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            return Self { start: NonNull::without_provenance(ALIGN_NONZERO), len };
        }
        Self { start: memory::zeroed(layout).cast(), len }
    }

    /// A buffer with a copy of `values`. Allocates once; panics as [`zeroed`](Self::zeroed) does.
    #[must_use]
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Self::zeroed(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// How many elements fit into the cache lines of this buffer: at least `len()`.
    #[must_use]
    pub fn capacity(&self) -> usize {
        padded(self.len * size_of::<T>()).checked_div(size_of::<T>()).unwrap_or(self.len)
    }

    /// All elements up to the end of the last cache line. Those past `len()` start as zeros.
    #[must_use]
    pub fn as_padded(&self) -> &[T] {
        // SAFETY: `capacity()` elements were allocated and zeroed, and zeros are valid for `T: Plain`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.capacity()) }
    }

    /// All elements up to the end of the last cache line, to be written.
    #[must_use]
    pub fn as_padded_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `as_padded`; `&mut self` makes the borrow unique.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.capacity()) }
    }

    fn layout(len: usize) -> Layout {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        match len.checked_mul(size_of::<T>()).and_then(memory::layout) {
            Some(layout) => layout,
            None => panic!("an AlignedVec of {len} elements of {} bytes is too large", size_of::<T>()),
        }
    }
}

const ALIGN_NONZERO: std::num::NonZeroUsize = std::num::NonZeroUsize::new(ALIGNMENT).unwrap();

/// `bytes` rounded up to whole cache lines; the sum cannot overflow for the size of an allocation that exists.
fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

impl<T: Plain> Drop for AlignedVec<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        if layout.size() != 0 {
            // SAFETY: `zeroed` allocated this buffer with the same layout, as `len` never changes.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

impl<T: Plain> Deref for AlignedVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `len <= capacity()` elements were allocated and zeroed; zeros are valid for `T: Plain`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for AlignedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes the borrow unique.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> Default for AlignedVec<T> {
    /// An empty buffer; allocates nothing.
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<T: Plain> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.len);
        copy.as_padded_mut().copy_from_slice(self.as_padded());
        copy
    }

    /// Allocates only if the lengths differ.
    fn clone_from(&mut self, source: &Self) {
        if self.len == source.len {
            self.as_padded_mut().copy_from_slice(source.as_padded());
        } else {
            *self = source.clone();
        }
    }
}

impl<T: Plain + PartialEq> PartialEq for AlignedVec<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for AlignedVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_aligned_zeroed_and_padded_to_a_line() {
        for len in 0..200 {
            let buffer = AlignedVec::<f32>::zeroed(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr().addr() % ALIGNMENT, 0);
            assert_eq!(buffer.capacity(), len.next_multiple_of(16));
            assert!(buffer.as_padded().iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn odd_element_sizes_never_claim_more_than_was_allocated() {
        for len in 0..50 {
            let mut buffer = AlignedVec::<[u8; 24]>::zeroed(len);
            assert!(buffer.capacity() >= len);
            assert!(buffer.capacity() * 24 <= (len * 24).next_multiple_of(ALIGNMENT));
            buffer.as_padded_mut().fill([7; 24]);
            assert!(buffer.iter().all(|element| *element == [7; 24]));
        }
    }

    #[test]
    fn clone_and_equality_look_at_the_values() {
        let mut first = AlignedVec::from_slice(&[1_i64, 2, 3]);
        let copy = first.clone();
        assert_eq!(first, copy);
        first[0] = 9;
        assert_ne!(first, copy);
        assert_eq!(format!("{first:?}"), "[9, 2, 3]");
    }

    #[test]
    #[should_panic(expected = "too large")]
    fn an_impossible_length_panics_before_it_allocates() {
        drop(AlignedVec::<f64>::zeroed(usize::MAX / 4));
    }
}
