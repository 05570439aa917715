//! Random numbers, and the two functions drawing them needs, the same on every machine.

/// xoshiro256++ (Blackman, Vigna: Scrambled linear pseudorandom number generators, 2021), seeded by
/// SplitMix64 as its authors advise.
#[derive(Clone, Debug)]
pub(super) struct Random([u64; 4]);

impl Random {
    pub(super) fn new(mut seed: u64) -> Self {
        Self(core::array::from_fn(|_| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = seed;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform on [0, 1).
    #[inline]
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * UNIT_STEP
    }

    /// Exponential with mean 1.
    #[inline]
    pub(super) fn exponential(&mut self) -> f64 {
        -ln(1.0 - self.uniform())
    }
}

/// The step of a uniform number of 53 bits.
const UNIT_STEP: f64 = 1.0 / (1_u64 << 53) as f64;

/// Natural logarithm of a positive normal number, to about 1e-10 of its value.
///
/// The number is 2^k m with m between 1/sqrt 2 and sqrt 2, and ln m = 2 artanh((m - 1) / (m + 1)).
#[inline]
pub(super) fn ln(x: f64) -> f64 {
    /// The upper half of sqrt(1/2): what to take off so that the exponent is rounded to the nearest.
    const SQRT_HALF: u64 = 0x3fe6_a09e << 32;
    const MANTISSA: u64 = (1 << 52) - 1;
    let offset = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (offset as i64) >> 52;
    let m = f64::from_bits((offset & MANTISSA).wrapping_add(SQRT_HALF));
    let t = (m - 1.0) / (m + 1.0);
    let s = t * t;
    let series = 1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0));
    2.0 * t * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * series)))
        + exponent as f64 * core::f64::consts::LN_2
}

/// exp(-x) for x of 0 or above, to about 1e-9.
///
/// With -x / ln 2 = k + f, f within half a unit of 0, it is 2^k times the series of exp(f ln 2).
#[inline]
pub(super) fn exp_minus(x: f64) -> f64 {
    if x > 700.0 {
        return 0.0;
    }
    let binary = -x * core::f64::consts::LOG2_E;
    let k = (binary - 0.5) as i64; // toward zero: the nearest integer of a number below 0
    let f = (binary - k as f64) * core::f64::consts::LN_2;
    let high = 1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0 + f * (1.0 / 5040.0 + f * (1.0 / 40320.0))));
    let series = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * high)));
    series * f64::from_bits(((1023 + k) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // The first outputs for the state 1, 2, 3, 4, worked out by hand from the definition.
        let mut random = Random([1, 2, 3, 4]);
        assert_eq!([random.bits(), random.bits()], [41_943_041, 58_720_359]);
    }

    #[test]
    fn logarithm_and_exponential_are_close() {
        let mut random = Random::new(3);
        for _ in 0..100_000 {
            let x = random.uniform() + 1e-12;
            assert!((ln(x) - x.ln()).abs() <= 1e-9 * x.ln().abs(), "{x}");
            let y = 100.0 * random.uniform();
            assert!((exp_minus(y) - (-y).exp()).abs() <= 2e-9 * (-y).exp(), "{y}");
        }
        assert_eq!((ln(1.0), exp_minus(0.0), exp_minus(1e9)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn uniform_and_exponential_numbers_have_their_means() {
        let mut random = Random::new(4);
        let n = 100_000;
        let uniform = (0..n).map(|_| random.uniform()).sum::<f64>() / f64::from(n);
        let exponential = (0..n).map(|_| random.exponential()).sum::<f64>() / f64::from(n);
        assert!((uniform - 0.5).abs() < 0.005, "{uniform}");
        assert!((exponential - 1.0).abs() < 0.015, "{exponential}");
    }
}
