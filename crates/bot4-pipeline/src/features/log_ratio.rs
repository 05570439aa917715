//! Logarithmic returns.

/// ln(now / last), and 0 unless both are positive.
///
/// Most quotes leave the mid where it was, and most others move it by a few hundredths of a percent,
/// where three terms of the series of 2 artanh((now - last) / (now + last)) are exact to the last bit
/// (the first one left out is below 1e-19 of the result) and do not suffer from a rounded quotient.
#[inline]
pub(super) fn log_ratio(now: i64, last: i64) -> f64 {
    if now == last || now <= 0 || last <= 0 {
        return 0.0;
    }
    let (series, is_near) = near(now, last);
    if is_near { series } else { (now as f64 / last as f64).ln() }
}

/// The same of positive numbers by the series, and whether they are close enough for it.
#[inline(always)]
fn near(now: i64, last: i64) -> (f64, bool) {
    /// (1e-3)^6 / 7 is 1.4e-19.
    const SERIES_MAX: f64 = 1e-3;
    let x = now.wrapping_sub(last) as f64 / (now as f64 + last as f64);
    let square = x * x;
    let series = 2.0 * x * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0)));
    (series, x.abs() <= SERIES_MAX)
}

/// The logarithms of each number over the one before it: of `values[i + 1]` over `values[i]`. The bits are those
/// of [`log_ratio`].
#[inline(always)]
pub(super) fn log_ratios(values: &[i64], out: &mut [f64]) {
    let mut all_near = true;
    for (out, (&last, &now)) in out.iter_mut().zip(values.iter().zip(&values[1..])) {
        // No branch: this is done for many at a time.
        let (series, is_near) = near(now, last);
        let trivial = (now == last) | (now <= 0) | (last <= 0);
        all_near &= trivial | is_near;
        *out = if trivial { 0.0 } else { series };
    }
    if !all_near {
        out.iter_mut().zip(values.windows(2)).for_each(|(out, pair)| *out = log_ratio(pair[1], pair[0]));
    }
}

#[cfg(test)]
mod tests {
    use super::log_ratio;

    #[test]
    fn returns_are_logarithms_of_the_ratio_of_mids() {
        for (last, now) in [(1_000_000, 1_000_001), (1_000_000, 999_000), (1_000_000, 1_003_000), (7, 700)] {
            let expected = (now as f64 / last as f64).ln();
            let r = log_ratio(now, last);
            assert!((r - expected).abs() <= 1e-9 * expected.abs(), "{last} {now}: {r} {expected}");
        }
        assert_eq!((log_ratio(5, 5), log_ratio(-5, 5), log_ratio(5, 0)), (0.0, 0.0, 0.0));
    }
}
