//! The constants of the transcendental functions, per number type.
//!
//! Polynomials are minimax (Remez, 300 bits), rounded to the type.

pub trait Constants: Sized + 'static {
    const LOG2_E: Self;
    /// ln 2 in two parts; the first has trailing zeros, so that its product with a whole `n` is exact.
    const LN_2_HI: Self;
    const LN_2_LO: Self;
    /// Past these e^x is infinite, or zero, whatever follows.
    const EXP_MAX: Self;
    const EXP_MIN: Self;
    /// From here on tanh rounds to one.
    const TANH_MAX: Self;
    /// A half less the root of the rounding error.
    const BELOW_HALF: Self;
    /// (e^u - 1 - u) / u^2 for |u| <= ln 2 / 2, constant term first.
    const EXP_Q: &'static [Self];
    const SQRT_2: Self;
    /// (ln((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, for |s| <= 3 - 2 sqrt 2, constant term first.
    const LN_R: &'static [Self];
}

impl Constants for f64 {
    const LOG2_E: Self = core::f64::consts::LOG2_E;
    const LN_2_HI: Self = 0.6931471805598903;
    const LN_2_LO: Self = 5.497923018708371e-14;
    const EXP_MAX: Self = 710.0;
    const EXP_MIN: Self = -746.0;
    const TANH_MAX: Self = 19.1;
    const BELOW_HALF: Self = 0.5 - 1.0 / (1u64 << 27) as f64;
    const EXP_Q: &'static [Self] = &[
        0.5,
        0.16666666666666677,
        0.04166666666666652,
        0.008333333333322226,
        0.0013888888888959315,
        0.00019841269884759508,
        2.4801587175471367e-05,
        2.7557245477275525e-06,
        2.7557401818378406e-07,
        2.5108625679331557e-08,
        2.087523117311362e-09,
    ];
    const SQRT_2: Self = core::f64::consts::SQRT_2;
    const LN_R: &'static [Self] = &[
        0.6666666666666731,
        0.399999999994337,
        0.28571428738963944,
        0.22222198867024684,
        0.18183551312276264,
        0.15314337410967105,
        0.14793461890702916,
    ];
}

impl Constants for f32 {
    const LOG2_E: Self = core::f32::consts::LOG2_E;
    const LN_2_HI: Self = 0.69314575;
    const LN_2_LO: Self = 1.4286068e-6;
    const EXP_MAX: Self = 90.0;
    const EXP_MIN: Self = -105.0;
    const TANH_MAX: Self = 9.05;
    const BELOW_HALF: Self = 0.5 - 1.0 / (1u64 << 13) as f32;
    const EXP_Q: &'static [Self] = &[0.5, 0.16666666, 0.04166637, 0.0083333915, 0.0013939973, 0.00019844137];
    const SQRT_2: Self = core::f32::consts::SQRT_2;
    const LN_R: &'static [Self] = &[0.66666776, 0.3997761, 0.2987051];
}
