//! Inputs and comparisons that the tests of the kernels share.
#![allow(dead_code)] // Each test file is a program of its own and uses some of these.

use bot4_simd::Element;

/// Numbers between -2 and 2, the same for the same seed.
pub(crate) fn numbers<T: Element>(seed: u64, len: usize) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_f64((state >> 11) as f64 / (1u64 << 51) as f64 - 2.0)
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) const SPECIAL: [f64; 12] =
    [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40, -1e-40, 5e-324, 1e38, -1e38, 1.0, -88.0];

/// Ordinary and special numbers mixed.
pub(crate) fn mixed<T: Element>(seed: u64, len: usize) -> Vec<T> {
    let mut x = numbers::<T>(seed, len);
    for (i, x) in x.iter_mut().enumerate() {
        if (i + seed as usize).is_multiple_of(3) {
            *x = T::from_f64(SPECIAL[(i / 3 + seed as usize) % SPECIAL.len()]);
        }
    }
    x
}

/// Equal bits; any NaN equals any NaN.
#[track_caller]
pub(crate) fn assert_same<T: Element>(got: &[T], want: &[T], what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let same = g == w && (g != T::ZERO || T::ONE / g == T::ONE / w) || g.is_nan() && w.is_nan();
        assert!(same, "{what} at {i} of {}: {g:?}, naive {w:?}", got.len());
    }
}

pub(crate) fn epsilon<T: Element>() -> f64 {
    if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON }
}
