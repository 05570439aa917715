//! Mean and variance of the last values, and the bands round the mean.

use super::rolling::{Rolling, to_f64};

/// Mean and variance (divisor `N` - 1) of the last `N` prices or quantities.
///
/// Values are integers of 1e-9, so that the sums are exact and nothing drifts however long the day.
///
/// ```
/// use bot4_pipeline::features::RollingMeanVar;
///
/// let mut moments = RollingMeanVar::<3>::new(1e9);
/// let unit = 1_000_000_000;
/// assert_eq!([1, 2, 6].map(|x| moments.update(x * unit)), [None, None, Some((3.0, 7.0))]);
/// ```
#[derive(Clone, Debug)]
pub struct RollingMeanVar<const N: usize> {
    pub(super) window: Rolling<N>,
}

impl<const N: usize> RollingMeanVar<N> {
    /// Starts without history; `unit` is how many 1e-9 make 1.0 of output, as in [`Scale`](super::Scale). A
    /// window of less than 2 or more than 65,536 values does not compile.
    ///
    /// # Panics
    /// If `unit` is not positive and finite.
    #[must_use]
    pub fn new(unit: f64) -> Self {
        Self { window: Rolling::new(checked(unit)) }
    }

    /// Takes the next value; `None` before there are `N` of them. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, value: i64) -> Option<(f64, f64)> {
        self.window.push(value).then(|| self.window.mean_var())
    }
}

/// Standard deviation (divisor `N` - 1) of the last `N` prices or quantities, from the same exact sums as
/// [`RollingMeanVar`], without its divisions.
///
/// ```
/// use bot4_pipeline::features::RollingStd;
///
/// let mut std = RollingStd::<2>::new(1e9);
/// let unit = 1_000_000_000;
/// assert_eq!([0, 2, 2].map(|x| std.update(x * unit)), [None, Some(f64::sqrt(2.0)), Some(0.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct RollingStd<const N: usize> {
    pub(super) window: Rolling<N>,
    /// What makes a variance of N (N - 1) times the variance.
    pub(super) var_per_spread: f64,
}

impl<const N: usize> RollingStd<N> {
    /// Starts without history; `unit` as for [`RollingMeanVar::new`]. A window of less than 2 or more than 65,536
    /// values does not compile.
    ///
    /// # Panics
    /// If `unit` is not positive and finite.
    #[must_use]
    pub fn new(unit: f64) -> Self {
        let window = Rolling::new(checked(unit));
        Self { window, var_per_spread: 1.0 / ((N * (N - 1)) as f64 * (unit * unit)) }
    }

    /// Takes the next value; `None` before there are `N` of them. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, value: i64) -> Option<f64> {
        self.window.push(value).then(|| (to_f64(self.window.spread()) * self.var_per_spread).sqrt())
    }
}

fn checked(unit: f64) -> f64 {
    assert!(unit.is_finite() && unit > 0.0, "a unit of {unit}, not positive and finite");
    unit
}

/// Bollinger bands: the mean of the last `N` prices, and lines so many standard deviations (divisor `N`, as
/// Bollinger has it) above and below.
///
/// ```
/// use bot4_pipeline::features::Bollinger;
///
/// let mut bollinger = Bollinger::<2>::new(1e9, 2.0);
/// assert_eq!(bollinger.update(10_000_000_000), None);
/// let bands = bollinger.update(12_000_000_000).unwrap();
/// assert_eq!((bands.lower, bands.middle, bands.upper), (9.0, 11.0, 13.0));
/// ```
#[derive(Clone, Debug)]
pub struct Bollinger<const N: usize> {
    pub(super) window: Rolling<N>,
    /// What makes the squared distance of the lines from the mean of N (N - 1) times the variance.
    pub(super) distance_squared: f64,
}

/// What [`Bollinger`] gives for one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// The lower line.
    pub lower: f64,
    /// The mean.
    pub middle: f64,
    /// The upper line.
    pub upper: f64,
}

impl<const N: usize> Bollinger<N> {
    /// Lines `width` standard deviations from the mean (customary are 2, over 20 prices); `unit` as for
    /// [`RollingMeanVar::new`].
    ///
    /// # Panics
    /// If `unit` or `width` is not positive and finite.
    #[must_use]
    pub fn new(unit: f64, width: f64) -> Self {
        assert!(width.is_finite() && width > 0.0, "a width of {width}, not positive and finite");
        let spread_per_population_var = (N * N) as f64 * (unit * unit);
        Self {
            window: Rolling::new(checked(unit)),
            distance_squared: width * width / spread_per_population_var,
        }
    }

    /// Takes the next price; `None` before there are `N` of them. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, px: i64) -> Option<Bands> {
        let Self { window, distance_squared } = self;
        window.push(px).then(|| bands(window, *distance_squared, window.sum(), window.spread()))
    }
}

#[inline(always)]
pub(super) fn bands<const N: usize>(
    window: &Rolling<N>,
    distance_squared: f64,
    sum: i64,
    spread: (i64, u64),
) -> Bands {
    let middle = window.mean_of(sum);
    let distance = (to_f64(spread) * distance_squared).sqrt();
    Bands { lower: middle - distance, middle, upper: middle + distance }
}
