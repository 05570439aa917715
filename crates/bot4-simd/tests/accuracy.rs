//! The documented error bounds hold against double-double arithmetic, near the points where the
//! functions change method as well as everywhere else.

mod oracle;

use bot4_simd::{erf, exp, ln, sigmoid, tanh};
use oracle::Exact;

/// Numbers of both signs over all magnitudes, around the multiples of ln 2 / 4, where the reduction of the exponential steps,
/// and within a few units of `f32` around those of half a step of the table of tanh.
fn inputs() -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut all = Vec::new();
    for i in 0..60_000 {
        let bits = random();
        let unit = (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        all.push(match i % 6 {
            0 => f64::from_bits(bits),
            1 => unit * 745.0,
            2 => unit * 22.0,
            3 => unit * 0.5,
            4 => {
                let step = if bits % 2 == 0 { 0.3309345245361328 } else { 0.30470848 };
                let near = 1.0 + ((bits >> 1) % 7) as f64 * 2.0_f64.powi(-24) - 3.0 * 2.0_f64.powi(-24);
                ((bits >> 8) % 40) as f64 * (step / 2.0) * near
            }
            _ => (bits % 120) as f64 * (std::f64::consts::LN_2 / 4.0) * (1.0 + unit * 1e-3),
        });
    }
    all
}

#[track_caller]
fn holds_f64(bound: f64, function: fn(&mut [f64]), exact: fn(f64) -> Exact, domain: fn(f64) -> bool) {
    let x: Vec<f64> = inputs().into_iter().filter(|&x| domain(x)).collect();
    assert!(x.len() > 10_000, "only {} inputs", x.len());
    let mut got = x.clone();
    function(&mut got);
    for (x, got) in x.into_iter().zip(got) {
        let ulps = exact(x).ulps(got, 52, -1022);
        assert!(ulps <= bound, "{x:e}: {got:e} is {ulps} ULP off");
    }
}

#[track_caller]
fn holds_f32(bound: f64, function: fn(&mut [f32]), exact: fn(f64) -> Exact, domain: fn(f64) -> bool) {
    let x: Vec<f32> = inputs().into_iter().map(|x| x as f32).filter(|&x| domain(x.into())).collect();
    assert!(x.len() > 10_000, "only {} inputs", x.len());
    let mut got = x.clone();
    function(&mut got);
    for (x, got) in x.into_iter().zip(got) {
        let ulps = exact(x.into()).ulps(got.into(), 23, -126);
        assert!(ulps <= bound, "{x:e}: {got:e} is {ulps} ULP off");
    }
}

#[test]
fn exp_is_within_one_ulp() {
    holds_f64(1.0, exp, oracle::exp, |x| x.abs() < 709.7 || x < 0.0 && x > -745.0);
    holds_f32(1.0, exp, oracle::exp, |x| x.abs() < 88.7 || x < 0.0 && x > -103.0);
}

#[test]
fn ln_is_within_one_ulp() {
    holds_f64(1.0, ln, oracle::ln, |x| x > 0.0 && x.is_finite());
    holds_f32(1.0, ln, oracle::ln, |x| x > 0.0 && x.is_finite());
}

#[test]
fn tanh_is_within_two_ulp() {
    holds_f64(2.0, tanh, oracle::tanh, f64::is_finite);
    holds_f32(2.0, tanh, oracle::tanh, f64::is_finite);
}

#[test]
fn sigmoid_is_within_two_ulp() {
    holds_f64(2.0, sigmoid, oracle::sigmoid, |x| x.is_finite() && x > -745.0);
    holds_f32(2.0, sigmoid, oracle::sigmoid, |x| x.is_finite() && x > -103.0);
}

#[test]
fn erf_is_within_two_and_a_half_ulp() {
    holds_f64(2.5, erf, oracle::erf, f64::is_finite);
    holds_f32(2.5, erf, oracle::erf, f64::is_finite);
}

#[test]
fn tanh_and_erf_are_odd_to_the_bit_and_never_beyond_one() {
    odd_and_bounded(tanh);
    odd_and_bounded(erf);
}

fn odd_and_bounded(function: fn(&mut [f64])) {
    let x: Vec<f64> = inputs().into_iter().filter(|x| !x.is_nan()).collect();
    let (mut plus, mut minus) = (x.clone(), x.iter().map(|x| -x).collect::<Vec<_>>());
    function(&mut plus);
    function(&mut minus);
    for (plus, minus) in plus.into_iter().zip(minus) {
        assert_eq!(plus.to_bits(), (-minus).to_bits());
        assert!(plus.abs() <= 1.0);
    }
}
