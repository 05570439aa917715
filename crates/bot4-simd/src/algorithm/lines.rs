//! Rows or columns of equal length in one slice, checked once: a check per part would cost more instructions than the
//! arithmetic on it, and keep the sums of a tile out of registers.
#![allow(unsafe_code)] // Parts of lines without a check each.

/// `count` lines of `width` numbers, `stride` apart.
#[derive(Debug)]
pub(crate) struct Lines<'a, T> {
    data: &'a [T],
    stride: usize,
    count: usize,
    width: usize,
}

impl<T> Clone for Lines<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lines<'_, T> {}

impl<'a, T: Copy> Lines<'a, T> {
    /// # Panics
    /// If the last line reaches past the data.
    #[inline(always)]
    pub(crate) fn new(data: &'a [T], stride: usize, count: usize, width: usize) -> Self {
        let needed =
            count.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(width));
        assert!(needed.is_some_and(|needed| needed <= data.len()), "the lines reach past the data");
        Self { data, stride, count, width }
    }

    #[inline(always)]
    pub(crate) fn count(self) -> usize {
        self.count
    }

    #[inline(always)]
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// Numbers `from` to `from + len` of a line.
    ///
    /// # Safety
    /// `line` is below `count`, and `from + len` not above `width`.
    #[inline(always)]
    pub(crate) unsafe fn part(self, line: usize, from: usize, len: usize) -> &'a [T] {
        debug_assert!(line < self.count && from + len <= self.width);
        let start = line * self.stride + from;
        // SAFETY: `new` found that the end of the last line lies in `data`, without overflow on the way, and the
        // caller promises to ask for nothing beyond it.
        unsafe { self.data.get_unchecked(start..start + len) }
    }

    /// `N` lines from line `from` on, each of `width` numbers.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline(always)]
    pub(crate) fn lines<const N: usize>(self, from: usize) -> [&'a [T]; N] {
        assert!(from + N <= self.count);
        let mut lines = [self.data; N];
        for (n, line) in lines.iter_mut().enumerate() {
            // SAFETY: there are so many lines.
            *line = unsafe { self.part(from + n, 0, self.width) };
        }
        lines
    }
}
