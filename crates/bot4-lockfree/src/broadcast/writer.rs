//! The writing handle.
#![allow(unsafe_code)] // items are reached through a shared reference

use super::shared::Shared;
use crate::sync::Arc;
use crate::wait::Wait;
use std::error::Error;
use std::fmt;

/// Why nothing was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishError {
    /// The slowest reader is a whole ring behind; try again.
    Full,
    /// Every reader is gone: nothing will ever be read.
    Closed,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring is full: the slowest reader holds it up",
            Self::Closed => "the ring is closed: every reader is gone",
        })
    }
}

impl Error for PublishError {}

/// The one writer of a [`graph`](super::graph) or a [`pipeline`](super::pipeline). Dropping it closes the ring: readers
/// still get what was published.
#[repr(align(128))] // two handles side by side, in a struct or on a stack, share no pair of cache lines
pub struct Writer<T> {
    shared: Arc<Shared<T>>,
    /// How many items were published.
    tail: u64,
    /// How many may be, as far as the readers' positions were last seen.
    limit: u64,
    /// Up to here there is nothing to look after: at most `limit`.
    stop: u64,
}

// SAFETY: the writer reaches an item only while no reader does, as the module's table orders it (T: Send); it may be
// the last handle, which drops the items (T: Send).
unsafe impl<T: Send> Send for Writer<T> {}

impl<T> Writer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let limit = shared.capacity();
        Self { shared, tail: 0, limit, stop: 0 }
    }

    /// Changes the next item by `fill` and publishes it. Wait-free but for `fill`, no allocation.
    ///
    /// The item is as it was left a lap ago: its allocations can be used again. After a panic of `fill` it is not
    /// published.
    ///
    /// # Errors
    /// [`PublishError`], without calling `fill`, when the ring is full, or found full with every reader gone.
    #[inline]
    pub fn publish(&mut self, fill: impl FnOnce(&mut T)) -> Result<(), PublishError> {
        if self.tail == self.stop {
            self.advance()?;
        }
        self.write(fill);
        Ok(())
    }

    /// Changes the next item by `fill` and publishes it, as soon as there is room. Blocking, no allocation.
    ///
    /// # Errors
    /// [`PublishError::Closed`] when the ring is full and every reader is gone; never [`PublishError::Full`].
    pub fn publish_wait(&mut self, wait: Wait, fill: impl FnOnce(&mut T)) -> Result<(), PublishError> {
        if self.tail == self.stop {
            wait.until(|| match self.advance() {
                Err(PublishError::Full) => None,
                room => Some(room),
            })?;
        }
        self.write(fill);
        Ok(())
    }

    /// Hands up to `max` items in place to `fill`, publishes as many from the front as it returns, together, and returns
    /// that number. Wait-free but for `fill`, no allocation.
    ///
    /// There are fewer than `max` when there is no room for more, or at the ring's end. After a panic of `fill` none is
    /// published.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Panics
    /// When `fill` returns more than it was given.
    ///
    /// ```
    /// use bot4_lockfree::broadcast;
    ///
    /// let (mut writer, [mut reader]) = broadcast::graph(8, || 0, [&[]]);
    /// let published = writer.publish_batch(64, |items| {
    ///     items[..3].copy_from_slice(&[7, 8, 9]);
    ///     3
    /// });
    /// assert_eq!(published, Ok(3));
    /// assert_eq!(reader.read(64, |items| items.to_vec()), Ok(vec![7, 8, 9]));
    /// ```
    #[inline]
    pub fn publish_batch(
        &mut self,
        max: usize,
        fill: impl FnOnce(&mut [T]) -> usize,
    ) -> Result<usize, PublishError> {
        if self.limit - self.tail < max as u64 {
            match self.look_for_room() {
                Err(refused) if self.tail == self.limit => return Err(refused),
                _ => {}
            }
        }
        let n = self.shared.adjacent(self.tail, self.limit).min(max);
        let published = self.shared.items.with_mut(self.shared.index(self.tail), n, |first| {
            // SAFETY: `n` items lie side by side from here, and every reader has finished with them (`limit`); readers
            // come back to them only after the publication below.
            fill(unsafe { std::slice::from_raw_parts_mut(first, n) })
        });
        assert!(published <= n, "{published} items cannot be published of {n}");
        if published > 0 {
            self.tail += published as u64;
            self.stop = self.tail;
            self.shared.publish_batch(self.tail);
        }
        Ok(published)
    }

    /// Changes the item at the tail, which must be free, and publishes it.
    #[inline(always)]
    fn write(&mut self, fill: impl FnOnce(&mut T)) {
        self.shared.items.with_mut(self.shared.index(self.tail), 1, |item| {
            // SAFETY: callers checked that the tail is below `limit`: every reader has finished with this item and comes
            // back to it only after the publication below.
            fill(unsafe { &mut *item });
        });
        self.shared.publish_one(self.tail);
        self.tail += 1;
    }

    /// Moves `stop` on and asks for the lines that come next.
    #[inline(never)]
    fn advance(&mut self) -> Result<(), PublishError> {
        if self.tail == self.limit {
            self.look_for_room()?;
        }
        self.stop = self.shared.fetch_ahead(self.tail, self.limit);
        Ok(())
    }

    /// Looks where the readers are.
    fn look_for_room(&mut self) -> Result<(), PublishError> {
        let slowest = self.shared.slowest().ok_or(PublishError::Closed)?;
        self.limit = slowest + self.shared.capacity();
        if self.tail == self.limit { Err(PublishError::Full) } else { Ok(()) }
    }

    /// How many items can be published now. Wait-free, no allocation.
    #[must_use]
    pub fn vacant(&mut self) -> usize {
        let _ = self.look_for_room();
        (self.limit - self.tail) as usize
    }

    /// How many items were published. Wait-free, no allocation.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.tail
    }

    /// How far the slowest reader can be behind. Wait-free, no allocation.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.shared.end(self.tail);
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("capacity", &self.capacity()).field("published", &self.tail).finish()
    }
}
