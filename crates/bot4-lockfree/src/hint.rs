//! Hints: which side of an `if` the hot path takes, and which memory it comes to next.
//!
//! [`likely`] and [`unlikely`] return their argument unchanged. They move the other side's code out of the way (and cost
//! nothing at run time); [`prefetch`] is one instruction. A wrong hint is slow, never wrong.
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

/// Asks for the cache line in which `place` begins, to read and to write it soon: what is done until then hides the time
/// that it takes to arrive. Does nothing where there is no such instruction. Wait-free, no allocation.
///
/// ```
/// let table = vec![7_u64; 1 << 20];
/// bot4_lockfree::hint::prefetch(&table[123_456]);
/// assert_eq!(table[123_456], 7);
/// ```
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    crate::lines::fetch_to_write(std::ptr::from_ref(place).cast());
}
