//! Exponential moving averages, and their convergence and divergence.

/// Exponential moving average `m_n = (1 - alpha) m_n-1 + alpha x_n`, starting from the first value.
///
/// ```
/// use bot4_pipeline::features::Ema;
///
/// let mut ema = Ema::of_span(3); // alpha is 2 / (3 + 1)
/// assert_eq!([8.0, 4.0, 4.0].map(|x| ema.update(x)), [8.0, 6.0, 5.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Ema {
    alpha: f64,
    mean: Option<f64>,
}

impl Ema {
    /// An average in which the newest value has this weight.
    ///
    /// # Panics
    /// If the weight is not above 0 and at most 1.
    #[must_use]
    pub fn new(alpha: f64) -> Self {
        assert!(alpha > 0.0 && alpha <= 1.0, "a weight of {alpha}, not above 0 and at most 1");
        Self { alpha, mean: None }
    }

    /// An average over about `n` values: a weight of 2 / (n + 1).
    ///
    /// # Panics
    /// If `n` is 0.
    #[must_use]
    pub fn of_span(n: u32) -> Self {
        Self::new(2.0 / (f64::from(n) + 1.0))
    }

    /// Takes the next value and gives the average. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, x: f64) -> f64 {
        let before = self.mean.unwrap_or(x);
        // Not `before + alpha (x - before)`: so the next value waits for one product and one sum, not for three steps.
        let mean = (1.0 - self.alpha) * before + self.alpha * x;
        self.mean = Some(mean);
        mean
    }

    pub(super) const fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The average so far, if there was a value.
    pub(super) const fn mean(&self) -> Option<f64> {
        self.mean
    }

    pub(super) const fn go_on_from(&mut self, mean: f64) {
        self.mean = Some(mean);
    }
}

/// Moving average convergence and divergence (Appel, 1979).
///
/// ```
/// use bot4_pipeline::features::Macd;
///
/// let mut macd = Macd::new(12, 26, 9);
/// let first = macd.update(100.0);
/// assert_eq!((first.line, first.signal, first.histogram), (0.0, 0.0, 0.0));
/// assert!(macd.update(101.0).histogram > 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

/// What [`Macd`] gives for one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdLines {
    /// The fast average minus the slow one.
    pub line: f64,
    /// The average of the line.
    pub signal: f64,
    /// The line minus its signal.
    pub histogram: f64,
}

impl Macd {
    /// Averages over about so many values; customary are 12, 26 and 9.
    ///
    /// # Panics
    /// If one of the spans is 0.
    #[must_use]
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self { fast: Ema::of_span(fast), slow: Ema::of_span(slow), signal: Ema::of_span(signal) }
    }

    /// Takes the next value. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, x: f64) -> MacdLines {
        let line = self.fast.update(x) - self.slow.update(x);
        let signal = self.signal.update(line);
        MacdLines { line, signal, histogram: line - signal }
    }

    /// The lines after each value: the bits that [`update`](Self::update) of one after the other gives. Both forms can
    /// take turns. No allocation.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::Macd;
    ///
    /// let values = [100.0, 101.0, 103.0];
    /// let [mut line, mut signal, mut histogram] = [[0.0; 3]; 3];
    /// Macd::new(12, 26, 9).batch(&values, &mut line, &mut signal, &mut histogram);
    /// assert_eq!((line[0], signal[0]), (0.0, 0.0));
    /// assert!(histogram[2] > histogram[1] && histogram[1] > 0.0);
    /// ```
    pub fn batch(&mut self, values: &[f64], line: &mut [f64], signal: &mut [f64], histogram: &mut [f64]) {
        for column in [&*line, &*signal, &*histogram] {
            assert!(column.len() == values.len(), "{} values, room for {}", values.len(), column.len());
        }
        // A copy of its own stays in registers.
        let mut macd = self.clone();
        let columns = line.iter_mut().zip(signal).zip(histogram);
        for (&x, ((line, signal), histogram)) in values.iter().zip(columns) {
            let lines = macd.update(x);
            (*line, *signal, *histogram) = (lines.line, lines.signal, lines.histogram);
        }
        *self = macd;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macd_equals_its_definition_written_out() {
        let x = [10.0, 11.0, 9.5];
        let ema = |alpha: f64, series: [f64; 3]| {
            let second = alpha * series[1] + (1.0 - alpha) * series[0];
            [series[0], second, alpha * series[2] + (1.0 - alpha) * second]
        };
        let (fast, slow) = (ema(0.5, x), ema(0.2, x));
        let line = [0, 1, 2].map(|i| fast[i] - slow[i]);
        let signal = ema(2.0 / 3.0, line);
        let mut macd = Macd::new(3, 9, 2);
        for (i, x) in x.into_iter().enumerate() {
            let lines = macd.update(x);
            assert!((lines.line - line[i]).abs() < 1e-15 && (lines.signal - signal[i]).abs() < 1e-15);
            assert_eq!(lines.histogram, lines.line - lines.signal);
        }
    }

    #[test]
    #[should_panic(expected = "a weight of 0")]
    fn a_weight_of_nothing_is_refused() {
        let _ = Ema::new(0.0);
    }
}
