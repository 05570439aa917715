//! What the tests of several models share.

use ndarray::Array2;

/// A table without structure.
pub(crate) fn wavy(rows: usize, width: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, width), |(i, j)| ((i * 31 + j * 17) as f64 * 0.37).sin())
}

/// Compares a gradient with central differences of the loss; `loss_with(parameter, change)` gives the loss with one
/// parameter changed.
pub(crate) fn assert_gradient_is_the_difference(
    gradient: &[f64],
    mut loss_with: impl FnMut(usize, f64) -> f64,
) {
    const STEP: f64 = 1e-5;
    assert!(gradient.iter().any(|g| g.abs() > 1e-3), "a gradient of zero checks nothing");
    for (at, got) in gradient.iter().enumerate() {
        let want = (loss_with(at, STEP) - loss_with(at, -STEP)) / (2.0 * STEP);
        assert!((got - want).abs() <= 1e-8 + 1e-6 * want.abs(), "parameter {at}: {got}, difference {want}");
    }
}
