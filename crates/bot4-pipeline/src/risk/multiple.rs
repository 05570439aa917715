//! "Is this a multiple of the tick?" without a division.
//!
//! A 64-bit division costs 20 to 90 cycles on many CPUs in use, and a check needs two. For an odd
//! divisor `d`, `n` is a multiple of it exactly when `n * d⁻¹ mod 2^64 <= (2^64 - 1) / d`, where `d⁻¹`
//! is the inverse modulo 2^64; a power of two in the divisor becomes a rotation that sends any set low
//! bit to the top, above that bound (Warren, *Hacker's Delight*, 2nd edition, section 10-17).

/// A divisor prepared for the test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Multiple {
    inverse: u64,
    shift: u32,
    quotient_max: u64,
}

impl Multiple {
    /// Panics if `divisor` is 0.
    pub(super) const fn of(divisor: u64) -> Self {
        assert!(divisor != 0, "nothing is a multiple of 0");
        let shift = divisor.trailing_zeros();
        let inverse = inverse_mod_2_64(divisor >> shift);
        Self { inverse, shift, quotient_max: u64::MAX / divisor }
    }

    pub(super) const fn divides(self, n: u64) -> bool {
        n.wrapping_mul(self.inverse).rotate_right(self.shift) <= self.quotient_max
    }
}

/// Newton's iteration: `x = d` is right in 3 bits and each round doubles them.
const fn inverse_mod_2_64(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 5 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::Multiple;
    use proptest::prelude::*;

    #[test]
    fn edges_agree_with_the_remainder() {
        let values =
            [1, 2, 3, 4, 6, 10, 1 << 32, (1 << 32) + 1, 1 << 63, i64::MAX as u64, u64::MAX - 1, u64::MAX];
        for d in values {
            for n in values.into_iter().chain([0, 12, 15, 100, 5_000_000_000]) {
                assert_eq!(Multiple::of(d).divides(n), n % d == 0, "{n} by {d}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_remainder(d in 1u64.., n: u64, k: u64) {
            prop_assert_eq!(Multiple::of(d).divides(n), n % d == 0);
            prop_assert!(Multiple::of(d).divides(k / d * d));
        }

        #[test]
        fn agrees_with_the_remainder_for_small_divisors(d in 1u64..10_000, n in 0u64..1_000_000) {
            prop_assert_eq!(Multiple::of(d).divides(n), n % d == 0);
        }
    }
}
