//! The constants of the transcendental functions, per number type.
//!
//! Polynomials are minimax (Remez, 200 bits or more), rounded to the type.

pub trait Constants: Sized + 'static {
    const LOG2_E: Self;
    /// ln 2 in two parts; the first has trailing zeros, so that its product with a whole `n` is exact.
    const LN_2_HI: Self;
    const LN_2_LO: Self;
    const LN_2: Self;
    /// Past these e^x is infinite, or zero, whatever follows.
    const EXP_MAX: Self;
    const EXP_MIN: Self;
    /// tanh is tabled at the multiples of this, which is near 0.3 and chosen so that the first values are hardly rounded, up to 15.
    const TANH_STEP: Self;
    /// 1 / TANH_STEP.
    const TANH_STEPS: Self;
    const TANH_TABLE: &'static [Self; 16];
    /// Below the middle between the last multiple in the table and the next, which would be taken for the first.
    const TANH_NEAR: Self;
    /// (tanh z - z) / z^3 in z^2 for |z| <= TANH_STEP / 2, constant term first.
    const TANH_P: &'static [Self];
    /// 1 / (1 + u) in u for |u| <= tanh(TANH_STEP / 2), constant term first; to its fourth power the error counts no more.
    const RECIPROCAL: &'static [Self];
    /// (e^u - 1 - u) / u^2 for |u| <= ln 2 / 2, constant term first.
    const EXP_Q: &'static [Self];
    const SQRT_2: Self;
    /// (ln((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, for |s| <= 3 - 2 sqrt 2, constant term first.
    const LN_R: &'static [Self];
    /// (erf x - x) / x in x^2, for x < ERF_SPLIT, constant term first.
    const ERF_SMALL: &'static [Self];
    /// -ln(1 - erf x) in x, for ERF_SPLIT <= x <= ERF_MAX, constant term first. The fit weighs errors by
    /// (1 - erf x) / erf x, which is what is left of them in erf x.
    const ERF_LARGE: &'static [Self];
    const ERF_SPLIT: Self;
    /// From here on erf rounds to one.
    const ERF_MAX: Self;
}

impl Constants for f64 {
    const LOG2_E: Self = core::f64::consts::LOG2_E;
    const LN_2_HI: Self = 0.6931471805598903;
    const LN_2_LO: Self = 5.497923018708371e-14;
    const LN_2: Self = core::f64::consts::LN_2;
    const EXP_MAX: Self = 710.0;
    const EXP_MIN: Self = -746.0;
    const TANH_STEP: Self = 0.3309345245361328;
    const TANH_STEPS: Self = 3.0217457710152447;
    const TANH_TABLE: &'static [Self; 16] = &[
        0.0,
        0.31936023867537805,
        0.5796059127058737,
        0.7585552384137639,
        0.8677105334778206,
        0.9294960396724519,
        0.9629964776969012,
        0.9807378627466435,
        0.9900163799378442,
        0.9948371113646888,
        0.9973332041885103,
        0.9986233481482363,
        0.9992895675491463,
        0.9996334346546334,
        0.9998108772101892,
        0.999902429692949,
    ];
    const TANH_NEAR: Self = 5.12;
    const TANH_P: &'static [Self] = &[
        -0.3333333333333285,
        0.1333333333298721,
        -0.0539682531479922,
        0.021869399112316,
        -0.008858299807063793,
        0.003457607820452807,
    ];
    const RECIPROCAL: &'static [Self] =
        &[0.9999071822796337, -0.9999071822796337, 1.0275293372561956, -1.0275293372561956];
    const EXP_Q: &'static [Self] = &[
        0.5000000000000006,
        0.16666666666666688,
        0.041666666666573794,
        0.008333333333313798,
        0.0013888888932377884,
        0.00019841269904603292,
        2.4801504411324858e-05,
        2.755722663503268e-06,
        2.7626349660919387e-07,
        2.5114871265627552e-08,
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
    const ERF_SMALL: &'static [Self] = &[
        0.12837916709551256,
        -0.3761263890318352,
        0.112837916709442,
        -0.026866170643113415,
        0.005223977606130842,
        -0.0008548325929766244,
        0.0001205529358693695,
        -1.4924712439534814e-05,
        1.6447132699786621e-06,
        -1.6206318752969208e-07,
        1.3710988704190523e-08,
        -7.779462971761597e-10,
    ];
    const ERF_LARGE: &'static [Self] = &[
        1.063322371319052e-06,
        1.128368714643411,
        0.6366675685532304,
        0.1026376759621439,
        -0.018865429919942226,
        -0.0005840074085447298,
        0.0020987242323907236,
        -0.0009199103034446759,
        0.00023063270385792446,
        -2.7993079424542075e-05,
        -3.612170045849002e-06,
        2.6732355557609545e-06,
        -6.877953614485552e-07,
        1.0822682300265477e-07,
        -1.090391630665093e-08,
        6.51849511803835e-10,
        -1.7705220116366547e-11,
    ];
    const ERF_SPLIT: Self = 1.0;
    const ERF_MAX: Self = 5.93;
}

impl Constants for f32 {
    const LOG2_E: Self = core::f32::consts::LOG2_E;
    const LN_2_HI: Self = 0.69314575;
    const LN_2_LO: Self = 1.4286068e-6;
    const LN_2: Self = core::f32::consts::LN_2;
    const EXP_MAX: Self = 90.0;
    const EXP_MIN: Self = -105.0;
    const TANH_STEP: Self = 0.30470848;
    const TANH_STEPS: Self = 3.2818253;
    const TANH_TABLE: &'static [Self; 16] = &[
        0.0, 0.29561558, 0.54371655, 0.72310644, 0.8393099, 0.909313, 0.9496547, 0.9723108, 0.9848506,
        0.99173516, 0.9954982, 0.99755, 0.99866724, 0.9992752, 0.9996059, 0.9997857,
    ];
    const TANH_NEAR: Self = 4.72;
    const TANH_P: &'static [Self] = &[-0.33333328, 0.13332045, -0.05300588];
    const RECIPROCAL: &'static [Self] = &[1.0115558, -1.0115558];
    const EXP_Q: &'static [Self] = &[0.5, 0.16666543, 0.041666284, 0.008366594, 0.0013946325];
    const SQRT_2: Self = core::f32::consts::SQRT_2;
    const LN_R: &'static [Self] = &[0.66666776, 0.3997761, 0.2987051];
    const ERF_SMALL: &'static [Self] =
        &[0.12837915, -0.3761255, 0.11282456, -0.026791468, 0.0050321845, -0.00062032515];
    const ERF_LARGE: &'static [Self] =
        &[0.00013357619, 1.1279361, 0.6367372, 0.10432749, -0.022420213, 0.0030922904, -0.000200996];
    const ERF_SPLIT: Self = 0.875;
    const ERF_MAX: Self = 3.94;
}
