//! The reproducible mode gives the same bits on every instruction set, and today's bits for good.

use crate::inputs::{assert_same, mixed, numbers};
use bot4_simd::{Element, Isa, Kernels, Program, reproducible};

/// What every kernel makes of two slices.
struct Everything<'a, T> {
    a: &'a [T],
    b: &'a [T],
}

/// The name of a kernel, and all it gave.
type Results<T> = Vec<(&'static str, Vec<T>)>;

impl<T: Element> Program for Everything<'_, T> {
    type Output = Results<T>;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> Results<T> {
        let k = k.reproducible();
        let mut results = self.reductions(k);
        results.extend(self.in_place(k));
        results.extend(self.products(k));
        results
    }
}

impl<T: Element> Everything<'_, T> {
    fn reductions<K: Kernels>(&self, k: K) -> Results<T> {
        let &Self { a, b } = self;
        let moments = k.mean_var(a).map_or(Vec::new(), |(mean, var)| vec![mean, var]);
        let index = |at: Option<usize>| at.map_or(Vec::new(), |at| vec![T::from_f64(at as f64)]);
        vec![
            ("sum", vec![k.sum(a)]),
            ("squared_norm", vec![k.squared_norm(a)]),
            ("dot", vec![k.dot(a, b)]),
            ("dot8", vec![k.dot8(a, b)]),
            ("mean_var", moments),
            ("min", k.min(a).into_iter().collect()),
            ("max", k.max(a).into_iter().collect()),
            ("argmin", index(k.argmin(a))),
            ("argmax", index(k.argmax(a))),
            ("log_sum_exp", vec![k.log_sum_exp(a)]),
        ]
    }

    fn in_place<K: Kernels>(&self, k: K) -> Results<T> {
        let &Self { a, b } = self;
        let (alpha, third) = (T::from_f64(0.3), b);
        let mut results = Vec::new();
        let mut on = |name, kernel: &dyn Fn(&mut [T])| {
            let mut x = a.to_vec();
            kernel(&mut x);
            results.push((name, x));
        };
        on("scale", &|x| k.scale(x, alpha));
        on("add", &|x| k.add(x, b));
        on("sub", &|x| k.sub(x, b));
        on("mul", &|x| k.mul(x, b));
        on("fma", &|x| k.fma(b, third, x));
        on("axpy", &|x| k.axpy(alpha, b, x));
        on("clamp", &|x| k.clamp(x, -alpha, alpha));
        on("standardize", &|x| k.standardize(x, alpha, alpha));
        on("standardize_each", &|x| k.standardize_each(x, b, third));
        on("zscore", &|x| k.zscore(x));
        on("exp", &|x| k.exp(x));
        on("ln", &|x| k.ln(x));
        on("tanh", &|x| k.tanh(x));
        on("sigmoid", &|x| k.sigmoid(x));
        on("erf", &|x| k.erf(x));
        on("softmax", &|x| k.softmax(x));
        on("ema", &|x| {
            k.ema(x, alpha, T::ONE);
        });
        on("rolling_sum", &|x| k.rolling_sum(a, 7, x));
        on("rolling_min", &|x| k.rolling_min(x, 5));
        on("rolling_max", &|x| k.rolling_max(x, 5));
        on("rolling_mean", &|x| k.rolling_mean_var(a, 6, x, &mut vec![T::ZERO; a.len()]));
        on("rolling_var", &|x| k.rolling_mean_var(a, 6, &mut vec![T::ZERO; a.len()], x));
        results
    }

    /// The slices as matrices of seven columns.
    fn products<K: Kernels>(&self, k: K) -> Results<T> {
        let cols = 7;
        let rows = self.a.len() / cols;
        let (a, b) = (&self.a[..rows * cols], &self.b[..rows * cols]);
        let mut weighted = vec![T::ZERO; cols];
        let mut gemv = vec![T::ZERO; rows];
        let mut gemv_t = vec![T::ZERO; cols];
        let mut gemm = vec![T::ZERO; rows * rows];
        let mut ger = a.to_vec();
        if rows > 0 {
            k.weighted_sum(a, cols, &b[..rows], &mut weighted);
            k.gemv(a, rows, cols, &b[..cols], &mut gemv);
            k.gemv_t(a, rows, cols, &b[..rows], &mut gemv_t);
            k.gemm(a, b, &mut gemm, rows, cols, rows);
            k.ger(T::from_f64(0.7), &b[..rows], &b[..cols], &mut ger);
        }
        vec![("weighted_sum", weighted), ("gemv", gemv), ("gemv_t", gemv_t), ("gemm", gemm), ("ger", ger)]
    }
}

fn same_everywhere<T: Element>(fill: fn(u64, usize) -> Vec<T>) {
    for len in (0..=4 * 16 + 1).chain([127, 128, 130, 1023, 1025, 2500]) {
        for start in [0, 1, 3] {
            let (a, b) = (fill(len as u64, len + start), fill(7, len + start));
            let (a, b) = (&a[start..], &b[start..]);
            let portable = Isa::Portable.run(Everything { a, b });
            for isa in Isa::available() {
                for ((name, got), (_, want)) in isa.run(Everything { a, b }).iter().zip(&portable) {
                    assert_same(got, want, &format!("{name} of {len} numbers on {isa}"));
                }
            }
        }
    }
}

#[test]
fn every_kernel_gives_the_same_bits_on_every_instruction_set() {
    same_everywhere::<f64>(numbers);
    same_everywhere::<f32>(numbers);
}

#[test]
fn special_values_do_not_tell_instruction_sets_apart() {
    same_everywhere::<f64>(mixed);
    same_everywhere::<f32>(mixed);
}

/// The order of additions in the documentation: four chains of 64 bytes of lanes, folded by halving.
fn dot_by_definition<T: Element>(a: &[T], b: &[T]) -> T {
    let lanes = 64 / size_of::<T>();
    let mut sums = vec![T::ZERO; 4 * lanes];
    let whole = a.len() - a.len() % (4 * lanes);
    let full = a.len() - a.len() % lanes;
    for j in 0..a.len() {
        // A partial register goes to the last chain.
        let at = if j < whole || j < full { j % (4 * lanes) } else { 3 * lanes + j % lanes };
        sums[at] = a[j].mul_add(b[j], sums[at]);
    }
    let mut chains: Vec<T> = (0..lanes)
        .map(|l| (sums[l] + sums[lanes + l]) + (sums[2 * lanes + l] + sums[3 * lanes + l]))
        .collect();
    while chains.len() > 1 {
        let (low, high) = chains.split_at(chains.len() / 2);
        chains = low.iter().zip(high).map(|(&low, &high)| low + high).collect();
    }
    chains[0]
}

#[test]
fn dot_adds_in_the_documented_order() {
    for len in 0..300 {
        let (a, b): (Vec<f64>, Vec<f64>) = (numbers(1, len), numbers(2, len));
        assert_same(&[reproducible::dot(&a, &b)], &[dot_by_definition(&a, &b)], "dot");
        let (a, b): (Vec<f32>, Vec<f32>) = (numbers(1, len), numbers(2, len));
        assert_same(&[reproducible::dot(&a, &b)], &[dot_by_definition(&a, &b)], "dot");
    }
}

/// A hash of all bits that all kernels give (FNV-1a). It changes when a polynomial, an order of additions or a tail
/// does: then recorded decisions can no longer be replayed bit by bit, which the changelog must say.
#[test]
fn bits_stay_as_they_are() {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for len in [1, 8, 100, 1000] {
        let (a, b): (Vec<f64>, Vec<f64>) = (numbers(11, len), numbers(12, len));
        let results = Isa::detect().run(Everything { a: &a, b: &b });
        for x in results.iter().flat_map(|(_, x)| x).filter(|x| !x.is_nan()) {
            hash = (hash ^ x.to_bits()).wrapping_mul(0x0100_0000_01b3);
        }
    }
    assert_eq!(hash, 0x4552_989d_ff88_ace9, "{hash:#x}");
}
