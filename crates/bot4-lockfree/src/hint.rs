//! Branch hints: tell the compiler which side of an `if` the hot path takes.
//!
//! Both functions return their argument unchanged. They move the other side's code out of the way (and cost nothing
//! at run time); a wrong hint is slow, never wrong.
//!
//! ```
//! use bot4_lockfree::hint::{likely, unlikely};
//!
//! fn notional(price: i64, quantity: i64) -> Option<i64> {
//!     if unlikely(price <= 0) {
//!         return None;
//!     }
//!     price.checked_mul(quantity)
//! }
//! assert!(likely(notional(3, 4) == Some(12)));
//! ```

/// Says that `condition` is nearly always true. Wait-free, no allocation.
///
/// ```
/// assert!(bot4_lockfree::hint::likely(2 > 1));
/// ```
#[inline(always)]
#[must_use]
pub const fn likely(condition: bool) -> bool {
    if !condition {
        core::hint::cold_path();
    }
    condition
}

/// Says that `condition` is nearly always false. Wait-free, no allocation.
///
/// ```
/// assert!(!bot4_lockfree::hint::unlikely(1 > 2));
/// ```
#[inline(always)]
#[must_use]
pub const fn unlikely(condition: bool) -> bool {
    if condition {
        core::hint::cold_path();
    }
    condition
}
