//! No kernel allocates.

use bot4_pool::audit::{self, CountingAllocator};
use bot4_simd::{Isa, Matrix};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn no_kernel_allocates() {
    assert!(audit::installed());
    // The first detection reads an environment variable, which allocates.
    Isa::detect();
    let mut x = vec![0.5f64; 3000];
    let mut y = vec![0.25f64; 3000];
    let mut small = vec![0.0f64; 100];
    let mut product = vec![0.0f64; 900];
    let a = Matrix::from_rows([[1.0f32; 4]; 4]);
    let (sink, counts) = audit::count(|| {
        bot4_simd::scale(&mut x, 1.5);
        bot4_simd::axpy(0.5, &x, &mut y);
        bot4_simd::standardize(&mut x, 0.1, 0.2);
        bot4_simd::zscore(&mut x);
        bot4_simd::exp(&mut x);
        bot4_simd::ln(&mut x);
        bot4_simd::tanh(&mut x);
        bot4_simd::sigmoid(&mut x);
        bot4_simd::softmax(&mut x);
        bot4_simd::weighted_sum(&y, 100, &[0.5; 30], &mut small);
        bot4_simd::gemv(&y, 100, 30, &[0.5; 30], &mut small);
        bot4_simd::gemm(&y[..900], &x[..900], &mut product, 30, 30, 30);
        bot4_simd::ger(0.5, &[1.0; 30], &[1.0; 30], &mut product);
        let found = bot4_simd::argmax(&x).unwrap_or(0) + bot4_simd::argmin(&y).unwrap_or(0);
        let (mean, _) = bot4_simd::mean_var(&x).unwrap_or((0.0, 0.0));
        let sums = bot4_simd::sum(&x) + bot4_simd::dot(&x, &y) + bot4_simd::dot8(&x, &y) + mean;
        sums + found as f64 + f64::from(a.multiply(&a)[(3, 3)])
    });
    assert!(sink.is_finite(), "{sink}");
    assert_eq!((counts.allocations, counts.bytes), (0, 0));
}
