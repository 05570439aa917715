//! Losses from sums, before the activation, so that nothing overflows.

/// Cross-entropy from the logit: `ln(1 + e^z) - y z` without the overflow.
pub(crate) fn cross_entropy(logit: f64, y: f64) -> f64 {
    logit.max(0.0) - y * logit + (-logit.abs()).exp().ln_1p()
}
