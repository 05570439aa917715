//! Layers in panels against a naive loop, on every instruction set, around every width at which the code changes.

use bot4_simd::{Element, Isa, Kernels, Panels, Program};

struct Layer<'a, T> {
    a: &'a [T],
    bias: &'a [T],
    x: &'a [T],
    rows: usize,
    inner: usize,
    cols: usize,
    y: &'a mut [T],
    one: &'a mut [T],
}

impl<T: Element> Program for Layer<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        k.panel_gemm(self.a, self.bias, self.x, self.rows, self.inner, self.y, self.cols);
        for r in 0..self.rows {
            let x = &self.x[r * self.inner..][..self.inner];
            k.panel_gemv(self.a, self.bias, x, &mut self.one[r * self.cols..][..self.cols]);
        }
    }
}

fn value(i: usize) -> f64 {
    ((i * 37 % 101) as f64 - 50.0) / 25.0
}

fn check<T: Element + PartialEq>(tolerance: f64) {
    for isa in Isa::available() {
        for inner in [0, 1, 2, 3, 7, 8, 9, 17, 32] {
            for cols in [0, 1, 3, 8, 9, 16, 17, 24, 31, 32, 33, 48, 57, 64, 65, 80, 131] {
                for rows in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13] {
                    layer::<T>(isa, rows, inner, cols, tolerance);
                }
            }
        }
    }
}

/// The few outputs of a long row: up to a certain length its column is copied to one piece.
fn check_long<T: Element + PartialEq>(tolerance: f64) {
    for isa in Isa::available() {
        for inner in [511, 512, 513, 600] {
            for cols in [1, 4, 65] {
                for rows in [1, 7, 8, 9] {
                    layer::<T>(isa, rows, inner, cols, tolerance);
                }
            }
        }
    }
}

fn layer<T: Element>(isa: Isa, rows: usize, inner: usize, cols: usize, tolerance: f64) {
    let layout = Panels::<T>::new(inner, cols);
    let mut a = vec![T::from_f64(1e3); layout.len()]; // padding that must not show
    let mut bias = vec![T::from_f64(1e3); layout.padded_outputs()];
    for j in 0..cols {
        bias[j] = T::from_f64(value(j + 5));
        (0..inner).for_each(|k| a[layout.index(k, j)] = T::from_f64(value(k * cols + j)));
    }
    let x: Vec<T> = (0..rows * inner).map(|i| T::from_f64(value(3 * i + 1))).collect();
    let mut y = vec![T::NAN; rows * cols];
    let mut one = y.clone();
    isa.run(Layer { a: &a, bias: &bias, x: &x, rows, inner, cols, y: &mut y, one: &mut one });
    assert_eq!(y, one, "a row alone and in a batch: {isa} {rows} x {inner} x {cols}");
    for r in 0..rows {
        for j in 0..cols {
            let sum: f64 = (0..inner).map(|k| value(3 * (r * inner + k) + 1) * value(k * cols + j)).sum();
            let (got, want): (f64, f64) = (y[r * cols + j].into(), value(j + 5) + sum);
            assert!((got - want).abs() <= tolerance, "{isa} {rows} x {inner} x {cols}: {got}, naive {want}");
        }
    }
}

#[test]
fn f64_layers_are_the_naive_ones_and_a_batch_has_the_bits_of_its_rows() {
    check::<f64>(1e-12);
}

#[test]
fn f32_layers_are_the_naive_ones_and_a_batch_has_the_bits_of_its_rows() {
    check::<f32>(1e-4);
}

#[test]
fn instruction_sets_with_fma_give_the_same_bits() {
    let of = |isa: Isa, inner: usize, cols: usize| {
        let layout = Panels::<f32>::new(inner, cols);
        let a: Vec<f32> = (0..layout.len()).map(|i| (i as f32 * 0.7).sin()).collect();
        let bias = vec![0.1; layout.padded_outputs()];
        let x: Vec<f32> = (0..inner).map(|i| (i as f32).cos()).collect();
        let (mut y, mut one) = (vec![0.0; cols], vec![0.0; cols]);
        isa.run(Layer { a: &a, bias: &bias, x: &x, rows: 1, inner, cols, y: &mut y, one: &mut one });
        y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    let fused: Vec<Isa> = Isa::available().filter(|isa| *isa != Isa::Portable).collect();
    for pair in fused.windows(2) {
        for (inner, cols) in [(33, 3), (40, 30), (64, 64), (17, 130)] {
            assert_eq!(of(pair[0], inner, cols), of(pair[1], inner, cols), "{} and {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn the_layout_has_a_place_of_its_own_for_every_weight() {
    for (inputs, outputs) in [(1, 1), (3, 16), (5, 17), (7, 64), (4, 65), (2, 200)] {
        let layout = Panels::<f32>::new(inputs, outputs);
        let mut places: Vec<usize> =
            (0..inputs).flat_map(|k| (0..layout.padded_outputs()).map(move |j| layout.index(k, j))).collect();
        places.sort_unstable();
        assert!(places.iter().copied().eq(0..layout.len()), "{inputs} x {outputs}");
        for (first, width, begin) in layout.panels() {
            assert_eq!(layout.index(0, first), begin);
            assert_eq!(layout.index(inputs - 1, first + width - 1), begin + inputs * width - 1);
        }
    }
}

#[test]
fn a_few_outputs_of_a_long_row_are_the_naive_ones_and_a_batch_has_the_bits_of_its_rows() {
    check_long::<f64>(1e-11);
    check_long::<f32>(1e-2);
}

#[test]
#[should_panic(expected = "are not 2 x 16")]
fn weights_of_another_shape_panic() {
    bot4_simd::panel_gemv(&[0.0_f32; 16], &[0.0; 16], &[1.0, 2.0], &mut [0.0; 3]);
}
