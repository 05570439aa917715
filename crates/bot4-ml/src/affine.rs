//! `bias + weights · row` over a table, what the linear models share.

use bot4_simd::{Element, Isa, Kernels, Program};
use ndarray::{ArrayView1, ArrayView2};

pub(crate) fn check<T>(rows: ArrayView2<'_, T>, width: usize, out: &[T]) {
    assert_eq!(rows.ncols(), width, "the table's width is not the model's");
    assert_eq!(rows.nrows(), out.len(), "one output a row");
}

pub(crate) fn predict<T: Element>(weights: &[T], bias: T, rows: ArrayView2<'_, T>, out: &mut [T]) {
    Isa::detect().run(Batch { weights, bias, rows, out });
}

/// The sums of a batch.
pub(crate) struct Batch<'a, T> {
    pub(crate) weights: &'a [T],
    pub(crate) bias: T,
    pub(crate) rows: ArrayView2<'a, T>,
    pub(crate) out: &'a mut [T],
}

impl<T: Element> Program for Batch<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        let Self { weights, bias, rows, out } = self;
        if let Some(columns) = rows.t().to_slice() {
            k.weighted_sum(columns, out.len(), weights, out);
            out.iter_mut().for_each(|sum| *sum = bias + *sum);
            return;
        }
        for (row, out) in rows.rows().into_iter().zip(out.iter_mut()) {
            let dot = match row.to_slice() {
                Some(row) => k.dot8(row, weights),
                None => dot8_strided(row, weights),
            };
            *out = bias + dot;
        }
    }
}

/// `dot8` of a row that is not contiguous: eight lanes, lane `l` takes the elements `l mod 8` in order, and the
/// lanes are added in the same tree, so the bits are the same.
fn dot8_strided<T: Element>(x: ArrayView1<'_, T>, weights: &[T]) -> T {
    let mut l = [T::ZERO; 8];
    for (j, (x, w)) in x.iter().zip(weights).enumerate() {
        l[j % 8] = x.mul_add(*w, l[j % 8]);
    }
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}
