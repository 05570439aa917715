//! The relative strength index.

/// Below this an average is 0. A price that stands still halves its averages every few events; after some
/// thousand of them they would be subnormal, and arithmetic with subnormal numbers takes a hundred times as long.
const NEGLIGIBLE: f64 = 1e-290;

/// Relative strength index (Wilder: New concepts in technical trading systems, 1978), from 0 to 100.
///
/// `100 g / (g + l)` of the average gain g and loss l per value: the means of the first `n` changes, then
/// `((n - 1) average + change) / n`. 50 as long as nothing has moved.
///
/// ```
/// use bot4_pipeline::features::Rsi;
///
/// let mut rsi = Rsi::new(2);
/// let values = [10.0, 11.0, 11.0, 10.0].map(|x| rsi.update(x));
/// assert_eq!(values, [None, None, Some(100.0), Some(100.0 / 3.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct Rsi {
    alpha: f64,
    period: u32,
    changes: u32,
    last: f64,
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// Averages over `n` changes; customary is 14.
    ///
    /// # Panics
    /// If `n` is 0.
    #[must_use]
    pub fn new(n: u32) -> Self {
        assert!(n > 0, "an index over no change");
        Self { alpha: 1.0 / f64::from(n), period: n, changes: 0, last: f64::NAN, gain: 0.0, loss: 0.0 }
    }

    /// Takes the next value; `None` before there are `n` changes. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let change = x - core::mem::replace(&mut self.last, x);
        // Of the first value the change is NaN, and both are 0.
        let (up, down) = (if change > 0.0 { change } else { 0.0 }, if change < 0.0 { -change } else { 0.0 });
        if self.changes < self.period {
            return self.warm_up(up, down, change.is_nan());
        }
        let average = |before: f64, now: f64| {
            let mean = (1.0 - self.alpha) * before + self.alpha * now;
            if mean < NEGLIGIBLE { 0.0 } else { mean }
        };
        (self.gain, self.loss) = (average(self.gain, up), average(self.loss, down));
        Some(self.index())
    }

    #[cold]
    fn warm_up(&mut self, up: f64, down: f64, first: bool) -> Option<f64> {
        self.gain += self.alpha * up;
        self.loss += self.alpha * down;
        self.changes += u32::from(!first);
        (self.changes == self.period).then(|| self.index())
    }

    #[inline]
    fn index(&self) -> f64 {
        let sum = self.gain + self.loss;
        if sum > 0.0 { 100.0 * self.gain / sum } else { 50.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_recurrence_written_out() {
        let x: Vec<f64> = (0..200).map(|i| (f64::from(i) * 0.7).sin() * 10.0 + f64::from(i % 7)).collect();
        let (n, mut rsi) = (14, Rsi::new(14));
        let (mut gain, mut loss) = (0.0, 0.0);
        for (i, &value) in x.iter().enumerate() {
            let change = if i == 0 { 0.0 } else { value - x[i - 1] };
            let (up, down) = (change.max(0.0), (-change).max(0.0));
            let keep = if i <= n { 1.0 } else { (n - 1) as f64 / n as f64 };
            gain = keep * gain + up / n as f64;
            loss = keep * loss + down / n as f64;
            match rsi.update(value) {
                None => assert!(i < n),
                Some(index) => {
                    assert!(i >= n && (index - (100.0 - 100.0 / (1.0 + gain / loss))).abs() < 1e-9)
                }
            }
        }
    }

    #[test]
    fn a_price_that_stands_still_for_a_day_keeps_no_subnormal_numbers() {
        let mut rsi = Rsi::new(3);
        let day = [1.0, 2.0, 1.5].into_iter().chain(std::iter::repeat_n(3.0, 100_000));
        let last = day.filter_map(|x| rsi.update(x)).last();
        assert_eq!((last, rsi.gain, rsi.loss), (Some(50.0), 0.0, 0.0));
    }
}
