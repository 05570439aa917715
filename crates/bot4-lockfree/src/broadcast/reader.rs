//! The reading handles.
#![allow(unsafe_code)] // items are reached through a shared reference

use super::shared::Shared;
use crate::sync::Arc;
use crate::wait::Wait;
use std::error::Error;
use std::fmt;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing waits; try again.
    Empty,
    /// Nothing waits and nothing will: the writer is gone, or a reader that this one stands after.
    Closed,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no item waits",
            Self::Closed => "the ring is closed: no item waits, and none will come",
        })
    }
}

impl Error for ReadError {}

/// What a reader and a stage have in common.
#[repr(align(128))] // two handles side by side, in a struct or on a stack, share no pair of cache lines
pub(super) struct Side<T> {
    shared: Arc<Shared<T>>,
    number: usize,
    after: Box<[usize]>,
    /// How many items this reader has finished with.
    head: u64,
    /// How many are known to be there for it.
    seen: u64,
}

impl<T> Side<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>, number: usize, after: &[usize]) -> Self {
        Self { shared: Arc::clone(shared), number, after: after.into(), head: 0, seen: 0 }
    }

    /// Makes sure that an item waits.
    #[inline(always)]
    fn look(&mut self) -> Result<(), ReadError> {
        if self.seen > self.head {
            return Ok(());
        }
        if self.after.is_empty() {
            self.seen = self.shared.published(self.head);
        } else {
            let (reached, cut) = self.shared.reached(&self.after);
            self.seen = reached;
            if reached == self.head && cut {
                return Err(ReadError::Closed);
            }
        }
        if self.seen > self.head { Ok(()) } else { self.look_for_the_end() }
    }

    /// The ring looked empty: says whether more can come, and finds what came in between.
    #[inline(never)]
    fn look_for_the_end(&mut self) -> Result<(), ReadError> {
        match self.shared.ended() {
            Some(end) if end == self.head => Err(ReadError::Closed),
            Some(_) if self.after.is_empty() => {
                self.seen = self.shared.published(self.head);
                Ok(())
            }
            _ => Err(ReadError::Empty),
        }
    }

    /// The place and number of the oldest items that wait, side by side.
    #[inline(always)]
    fn oldest(&mut self, max: usize) -> Result<(usize, usize), ReadError> {
        self.look()?;
        Ok((self.shared.index(self.head), self.shared.adjacent(self.head, self.seen).min(max)))
    }

    /// Lets go of the oldest `n` items.
    #[inline(always)]
    fn release(&mut self, n: usize) {
        self.head += n as u64;
        self.shared.release(self.number, self.head);
    }

    /// Waits until there is an item.
    fn wait(&mut self, wait: Wait) -> bool {
        wait.until(|| match self.look() {
            Ok(()) => Some(true),
            Err(ReadError::Closed) => Some(false),
            Err(ReadError::Empty) => None,
        })
    }
}

impl<T> Drop for Side<T> {
    fn drop(&mut self) {
        self.shared.leave(self.number, self.head);
    }
}

/// A reader of a [`graph`](super::graph). It shares each item with the other readers.
pub struct Reader<T>(pub(super) Side<T>);

// SAFETY: items are shared with readers on other threads (T: Sync), and the last handle drops them (T: Send).
unsafe impl<T: Send + Sync> Send for Reader<T> {}

impl<T> Reader<T> {
    /// Hands the oldest items that wait, up to `max`, to `read`, in place and side by side, and then lets go of them.
    /// Wait-free but for `read`, no allocation.
    ///
    /// There are fewer than wait when they go on at the ring's start, or when hundreds wait that were published one by one.
    /// After a panic of `read` they are as if not read.
    ///
    /// # Errors
    /// [`ReadError`], without calling `read`, when nothing waits.
    ///
    /// ```
    /// use bot4_lockfree::broadcast;
    ///
    /// let (mut writer, [mut first, mut second]) = broadcast::graph(4, String::new, [&[], &[]]);
    /// writer.publish(|item| item.push_str("tick"))?;
    /// drop(writer);
    /// for reader in [&mut first, &mut second] {
    ///     assert_eq!(reader.read(64, |items| items[0].len()), Ok(4));
    ///     assert_eq!(reader.read(64, |_| ()), Err(broadcast::ReadError::Closed));
    /// }
    /// # Ok::<(), broadcast::PublishError>(())
    /// ```
    #[inline]
    pub fn read<R>(&mut self, max: usize, read: impl FnOnce(&[T]) -> R) -> Result<R, ReadError> {
        let (index, n) = self.0.oldest(max)?;
        let result = self.0.shared.items.with(index, n, |first| {
            // SAFETY: `n` items lie side by side from here; they were published to this reader, nobody writes them before
            // the position that lets go of them, and readers beside this one only share them (T: Sync where they can be
            // on other threads).
            read(unsafe { std::slice::from_raw_parts(first, n) })
        });
        self.0.release(n);
        Ok(result)
    }

    /// [Reads](Self::read) as soon as an item waits; `None` when none will come. Blocking, no allocation.
    pub fn read_wait<R>(&mut self, max: usize, wait: Wait, read: impl FnOnce(&[T]) -> R) -> Option<R> {
        if self.0.wait(wait) { self.read(max, read).ok() } else { None }
    }

    /// How many items this reader has finished with. Wait-free, no allocation.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.head
    }
}

/// A stage of a [`pipeline`](super::pipeline). It has each item to itself.
pub struct Stage<T>(pub(super) Side<T>);

// SAFETY: one handle at a time reaches an item, on whichever thread it is (T: Send); the last one drops the items.
unsafe impl<T: Send> Send for Stage<T> {}

impl<T> Stage<T> {
    /// Hands the oldest items that wait, up to `max`, to `work`, in place and side by side, and then passes them on to the
    /// next stage, or back to the writer. Wait-free but for `work`, no allocation.
    ///
    /// There are fewer than wait when they go on at the ring's start, or when hundreds wait that were published one by one.
    /// After a panic of `work` they are not passed on. Something may be taken out of an item
    /// (`std::mem::take`): the writer gets it back as it was left.
    ///
    /// # Errors
    /// [`ReadError`], without calling `work`, when nothing waits.
    ///
    /// ```
    /// use bot4_lockfree::broadcast;
    ///
    /// let (mut writer, [mut stage]) = broadcast::pipeline(4, Vec::new);
    /// writer.publish(|item| item.extend([1, 2, 3]))?;
    /// assert_eq!(stage.read(1, |items| std::mem::take(&mut items[0])), Ok(vec![1, 2, 3]));
    /// # Ok::<(), broadcast::PublishError>(())
    /// ```
    #[inline]
    pub fn read<R>(&mut self, max: usize, work: impl FnOnce(&mut [T]) -> R) -> Result<R, ReadError> {
        let (index, n) = self.0.oldest(max)?;
        let result = self.0.shared.items.with_mut(index, n, |first| {
            // SAFETY: `n` items lie side by side from here; the one before this stage has let go of them, and the next one
            // waits for the position that this stage stores afterwards: the slice is unique.
            work(unsafe { std::slice::from_raw_parts_mut(first, n) })
        });
        self.0.release(n);
        Ok(result)
    }

    /// [Reads](Self::read) as soon as an item waits; `None` when none will come. Blocking, no allocation.
    pub fn read_wait<R>(&mut self, max: usize, wait: Wait, work: impl FnOnce(&mut [T]) -> R) -> Option<R> {
        if self.0.wait(wait) { self.read(max, work).ok() } else { None }
    }

    /// How many items this stage has passed on. Wait-free, no allocation.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.head
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("after", &self.0.after).field("position", &self.0.head).finish()
    }
}

impl<T> fmt::Debug for Stage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("after", &self.0.after).field("position", &self.0.head).finish()
    }
}
