//! A batch of rows as structure of arrays: one aligned slab, one column per feature.

use bot4_pool::{AlignedVec, BuildError, ObjectPool, Plain};
use bot4_simd::Element;

/// The numbers a batch holds: `f32` or `f64`, which the kernels compute with and the pool stores.
pub trait Number: Element + Plain {}

impl<T: Element + Plain> Number for T {}

const LINE_BYTES: usize = 64;

/// Rows of equal width, stored by column.
///
/// All columns live in one slab. Each starts on a cache line, so a vector load at the head of a column
/// never straddles two, and the distance between columns (the [stride](Columns::stride)) is an *odd*
/// number of cache lines: with 1,024 rows of `f64` the natural distance would be 8 KiB, and one row of
/// all columns would compete for the 8 ways of a single cache set in an L1 of 64 sets. An odd distance
/// spreads them over all sets, for one line per column.
///
/// Creating a batch allocates once; nothing else does. [`clear`](Columns::clear) makes it ready for the
/// next rows, so a [pool](Columns::pool) hands batches out again:
///
/// ```
/// use bot4_pipeline::columns::Columns;
///
/// let pool = Columns::<f64>::pool((32, 1024), 4, 1 << 21)?; // four batches, 2 MiB
/// let mut batch = pool.acquire()?;
/// batch.push_row(&[1.5; 32]);
/// batch.push_row(&[2.5; 32]);
/// assert_eq!(batch.column(31), [1.5, 2.5]);
/// drop(batch);
/// assert!(pool.acquire()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Columns<T: Number> {
    slab: AlignedVec<T>,
    stride: usize,
    width_max: usize,
    capacity: usize,
    width: usize,
    /// The rows in view: all of the batch, or one tile of it while a pipeline runs.
    first: usize,
    len: usize,
}

impl<T: Number> Columns<T> {
    /// An empty batch with room for `rows` rows of `width` numbers, all zero. Allocates once.
    ///
    /// # Panics
    ///
    /// If the slab would be larger than the address space.
    #[must_use]
    pub fn new(width: usize, rows: usize) -> Self {
        let stride = Self::stride_of(rows);
        let slab = AlignedVec::zeroed(stride.saturating_mul(width));
        Self { slab, stride, width_max: width, capacity: rows, width, first: 0, len: 0 }
    }

    /// A pool of up to `capacity` batches with room for `rows` rows of `width` numbers, which together may take
    /// `byte_budget` bytes. A batch is [cleared](Self::clear) when it comes back.
    ///
    /// Batches are allocated when they are first needed, and never again.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the capacity is 0 or the batches exceed the budget; nothing is allocated then.
    pub fn pool(
        (width, rows): (usize, usize),
        capacity: usize,
        byte_budget: usize,
    ) -> Result<ObjectPool<Self>, BuildError> {
        let bytes = Self::stride_of(rows).saturating_mul(width).saturating_mul(size_of::<T>());
        ObjectPool::builder(move || Self::new(width, rows))
            .capacity(capacity)
            .byte_budget(byte_budget, bytes)
            .reset(Self::clear)
            .build()
    }

    /// From one column to the next, in numbers: an odd number of cache lines.
    fn stride_of(rows: usize) -> usize {
        let per_line = LINE_BYTES / size_of::<T>();
        (rows.div_ceil(per_line) | 1).saturating_mul(per_line)
    }

    /// How many columns are in use.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// How many columns there is room for.
    #[must_use]
    pub const fn width_max(&self) -> usize {
        self.width_max
    }

    /// Uses the first `width` columns. Numbers in columns that come into use are whatever was left there.
    ///
    /// # Panics
    ///
    /// If `width` is above [`width_max`](Columns::width_max).
    #[inline]
    pub const fn set_width(&mut self, width: usize) {
        assert!(width <= self.width_max, "a batch has no room for that many columns");
        self.width = width;
    }

    /// How many rows there is room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no room for another row.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// Makes the batch `len` rows long, for a caller who fills whole columns. Rows that come into use
    /// hold whatever was left there (zeros at first).
    ///
    /// # Panics
    ///
    /// If `len` is above [`capacity`](Columns::capacity).
    pub const fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity, "a batch has no room for that many rows");
        self.len = len;
    }

    /// No row, every column in use again. Costs nothing: old numbers are overwritten later, not now.
    pub const fn clear(&mut self) {
        self.width = self.width_max;
        self.first = 0;
        self.len = 0;
    }

    /// The distance from the start of one column to the start of the next in
    /// [`as_slice`](Columns::as_slice).
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The slab: column `j` is `[j * stride .. j * stride + len]` of it. What lies between is padding.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.slab[self.first..]
    }

    /// Column `j`.
    ///
    /// # Panics
    ///
    /// If `j` is not below [`width`](Columns::width).
    #[must_use]
    #[inline]
    pub fn column(&self, j: usize) -> &[T] {
        &self.slab[self.range(j)]
    }

    /// Column `j`, to be written.
    ///
    /// # Panics
    ///
    /// If `j` is not below [`width`](Columns::width).
    #[must_use]
    #[inline]
    pub fn column_mut(&mut self, j: usize) -> &mut [T] {
        let range = self.range(j);
        &mut self.slab[range]
    }

    /// Several columns at once, to be written.
    ///
    /// # Panics
    ///
    /// If two indices are equal or one is not below [`width`](Columns::width).
    ///
    /// ```
    /// let mut batch = bot4_pipeline::columns::Columns::<f32>::new(3, 8);
    /// batch.push_row(&[1.0, 2.0, 0.0]);
    /// let [sum, a, b] = batch.disjoint_mut([2, 0, 1]);
    /// sum[0] = a[0] + b[0];
    /// assert_eq!(batch.row(0).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    /// ```
    #[must_use]
    pub fn disjoint_mut<const N: usize>(&mut self, columns: [usize; N]) -> [&mut [T]; N] {
        let ranges = columns.map(|j| self.range(j));
        match self.slab.get_disjoint_mut(ranges) {
            Ok(slices) => slices,
            // Empty ranges overlap nothing, so an empty batch never comes here.
            Err(_) => panic!("columns {columns:?} are not all different"),
        }
    }

    /// The columns in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[T]> {
        let len = self.len;
        self.slab[self.first..].chunks(self.stride).take(self.width).map(move |chunk| &chunk[..len])
    }

    /// The columns in order, to be written.
    #[inline]
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [T]> {
        let len = self.len;
        self.slab[self.first..].chunks_mut(self.stride).take(self.width).map(move |chunk| &mut chunk[..len])
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If the batch [is full](Columns::is_full) or the row is not [`width`](Columns::width) long.
    #[inline]
    pub fn push_row(&mut self, row: &[T]) {
        assert!(row.len() == self.width, "a row of {} for a batch {} wide", row.len(), self.width);
        self.set_len(self.len + 1);
        self.write_row(self.len - 1, row);
    }

    /// Row `i`, number by number.
    ///
    /// # Panics
    ///
    /// If `i` is not below [`len`](Columns::len).
    pub fn row(&self, i: usize) -> impl ExactSizeIterator<Item = T> {
        assert!(i < self.len, "row {i} of a batch of {}", self.len);
        self.iter().map(move |column| column[i])
    }

    /// Copies row `i` to `row`.
    ///
    /// # Panics
    ///
    /// If `i` is not below [`len`](Columns::len) or `row` is not [`width`](Columns::width) long.
    pub fn copy_row_to(&self, i: usize, row: &mut [T]) {
        assert!(row.len() == self.width, "a row of {} for a batch {} wide", row.len(), self.width);
        row.iter_mut().zip(self.row(i)).for_each(|(to, from)| *to = from);
    }

    #[inline]
    fn write_row(&mut self, i: usize, row: &[T]) {
        let cells = self.slab[self.first + i..].iter_mut().step_by(self.stride);
        cells.zip(row).for_each(|(to, &from)| *to = from);
    }

    #[inline]
    fn range(&self, j: usize) -> std::ops::Range<usize> {
        assert!(j < self.width, "column {j} of a batch {} wide", self.width);
        let start = j * self.stride + self.first;
        start..start + self.len
    }

    /// Shows only these rows until the next call; the pipeline walks tiles with it. `first` keeps the
    /// columns on cache lines if it is a multiple of 16.
    #[inline]
    pub(crate) fn view(&mut self, first: usize, len: usize) {
        assert!(first + len <= self.capacity, "rows beyond the batch");
        self.first = first;
        self.len = len;
    }
}

impl<T: Number> std::fmt::Debug for Columns<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, len, capacity, stride, .. } = self;
        f.debug_struct("Columns")
            .field("width", width)
            .field("len", len)
            .field("capacity", capacity)
            .field("stride", stride)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;
    use proptest::prelude::*;

    #[test]
    fn a_pool_of_batches_counts_all_their_bytes_and_clears_what_comes_back() {
        let padded = size_of_val(&*Columns::<f64>::new(3, 9).slab);
        assert!(padded > 3 * 9 * 8);
        assert!(Columns::<f64>::pool((3, 9), 2, 2 * padded - 1).is_err());
        let pool = Columns::<f64>::pool((3, 9), 2, 2 * padded).unwrap();
        pool.acquire().unwrap().push_row(&[1.0; 3]);
        assert!(pool.acquire().unwrap().is_empty());
        assert_eq!((pool.capacity(), pool.stats().built), (2, 1));
        assert!(Columns::<f32>::pool((usize::MAX, 9), 1, usize::MAX / 2).is_err());
    }

    #[test]
    fn columns_start_on_cache_lines_and_fall_on_different_sets() {
        for rows in [1, 7, 8, 63, 64, 512, 1000, 1024, 4096] {
            let mut batch = Columns::<f64>::new(32, rows);
            batch.set_len(rows);
            let lines: Vec<usize> = batch.iter().map(|column| column.as_ptr() as usize).collect();
            assert!(lines.iter().all(|address| address % 64 == 0));
            let mut sets: Vec<usize> = lines.iter().map(|address| address / 64 % 64).collect();
            sets.sort_unstable();
            sets.dedup();
            assert_eq!(sets.len(), 32, "{rows} rows");
        }
    }

    #[test]
    fn a_cleared_batch_is_empty_and_whole() {
        let mut batch = Columns::<f32>::new(3, 4);
        batch.push_row(&[1.0, 2.0, 3.0]);
        batch.set_width(1);
        batch.view(0, 1);
        batch.clear();
        assert_eq!((batch.width(), batch.len(), batch.is_full()), (3, 0, false));
        assert_eq!(batch.column(2), [0.0; 0]);
    }

    #[test]
    #[should_panic(expected = "no room for that many rows")]
    fn a_full_batch_takes_no_row() {
        let mut batch = Columns::<f64>::new(1, 1);
        batch.push_row(&[1.0]);
        batch.push_row(&[2.0]);
    }

    #[test]
    #[should_panic(expected = "a row of 2 for a batch 3 wide")]
    fn a_short_row_is_refused() {
        Columns::<f64>::new(3, 4).push_row(&[1.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "are not all different")]
    fn one_column_is_not_lent_twice() {
        let mut batch = Columns::<f64>::new(3, 4);
        batch.push_row(&[0.0; 3]);
        let _ = batch.disjoint_mut([1, 2, 1]);
    }

    #[test]
    fn empty_shapes_are_fine() {
        let mut batch = Columns::<f64>::new(0, 0);
        assert_eq!(batch.iter_mut().len(), 0);
        assert!(batch.as_slice().is_empty());
        let narrow = Columns::<f64>::new(5, 0);
        assert!(narrow.iter().all(<[f64]>::is_empty) && narrow.is_full());
    }

    proptest! {
        #[test]
        fn equals_a_vector_of_rows(width in 1usize..40, rows in proptest::collection::vec(any::<u32>(), 0..80)) {
            let mut batch = Columns::<f64>::new(width, 80);
            let number = |seed: u32, j: usize| f64::from(seed) + j as f64 / 64.0;
            let model: Vec<Vec<f64>> = rows.iter().map(|&seed| (0..width).map(|j| number(seed, j)).collect()).collect();
            model.iter().for_each(|row| batch.push_row(row));
            prop_assert_eq!(batch.len(), model.len());
            let mut copy = vec![0.0; width];
            for (i, row) in model.iter().enumerate() {
                batch.copy_row_to(i, &mut copy);
                prop_assert_eq!(&copy, row);
            }
            for (j, column) in batch.iter().enumerate() {
                prop_assert!(column.iter().zip(&model).all(|(&number, row)| number == row[j]));
                prop_assert_eq!(column, batch.column(j));
                prop_assert_eq!(column, &batch.as_slice()[j * batch.stride()..][..batch.len()]);
            }
        }
    }
}
