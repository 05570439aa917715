//! The relative strength index.

/// Below this an average becomes 0 at the next look. A price that stands still halves its averages every few events;
/// after some thousand of them they would be subnormal, and arithmetic with subnormal numbers takes a hundred times as
/// long.
const NEGLIGIBLE: f64 = 1e-280;

/// Events from one look to the next: an average at least halves, so it comes to 5e-300 until then and no lower.
const LOOKS: u32 = 64;

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
    /// 1 - alpha.
    kept: f64,
    /// Changes until the averages are there.
    missing: u32,
    /// Events until one needs more than the recurrence; 1 until the averages are there.
    seldom_in: u32,
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
        let alpha = 1.0 / f64::from(n);
        Self { alpha, kept: 1.0 - alpha, missing: n, seldom_in: 1, last: f64::NAN, gain: 0.0, loss: 0.0 }
    }

    /// Takes the next value; `None` before there are `n` changes. O(1), no allocation.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.seldom_in -= 1;
        if self.seldom_in == 0 { self.seldom(x) } else { Some(self.often(x)) }
    }

    /// Replaces each value by the index, as [`update`](Self::update) of one after the other gives it, to the bit, and
    /// by NaN before there are `n` changes. Both forms can take turns. No allocation.
    ///
    /// ```
    /// use bot4_pipeline::features::Rsi;
    ///
    /// let mut values = [10.0, 11.0, 11.0, 10.0];
    /// Rsi::new(2).batch(&mut values);
    /// assert!(values[0].is_nan() && values[1].is_nan());
    /// assert_eq!(values[2..], [100.0, 100.0 / 3.0]);
    /// ```
    pub fn batch(&mut self, values: &mut [f64]) {
        // A copy of its own stays in registers.
        let mut rsi = self.clone();
        let mut rest = values;
        while !rest.is_empty() {
            let often = rest.len().min(rsi.seldom_in as usize - 1);
            let (now, later) = rest.split_at_mut(often);
            now.iter_mut().for_each(|x| *x = rsi.often(*x));
            rsi.seldom_in -= often as u32;
            let Some((x, later)) = later.split_first_mut() else { break };
            *x = rsi.update(*x).unwrap_or(f64::NAN);
            rest = later;
        }
        *self = rsi;
    }

    /// An event like most: the recurrence alone.
    #[inline(always)]
    fn often(&mut self, x: f64) -> f64 {
        let (up, down) = self.step_to(x);
        self.average(up, down);
        self.index()
    }

    /// How far the value rose, and how far it fell; of the first value neither.
    #[inline(always)]
    fn step_to(&mut self, x: f64) -> (f64, f64) {
        let last = core::mem::replace(&mut self.last, x);
        let (rise, fall) = (x - last, last - x);
        (if rise > 0.0 { rise } else { 0.0 }, if fall > 0.0 { fall } else { 0.0 })
    }

    #[inline(always)]
    fn average(&mut self, up: f64, down: f64) {
        let average = |before: f64, now: f64| self.kept * before + self.alpha * now;
        (self.gain, self.loss) = (average(self.gain, up), average(self.loss, down));
    }

    /// Not a call: it would keep the averages in memory, which each event would wait for.
    #[inline(always)]
    fn seldom(&mut self, x: f64) -> Option<f64> {
        // Without a value before it there is no change.
        let is_change = !(x - self.last).is_nan();
        let (up, down) = self.step_to(x);
        if self.missing > 0 {
            return self.warm_up(up, down, is_change);
        }
        self.average(up, down);
        let unless_negligible = |mean: f64| if mean < NEGLIGIBLE { 0.0 } else { mean };
        (self.gain, self.loss) = (unless_negligible(self.gain), unless_negligible(self.loss));
        self.seldom_in = LOOKS;
        Some(self.index())
    }

    #[inline(always)]
    fn warm_up(&mut self, up: f64, down: f64, is_change: bool) -> Option<f64> {
        self.gain += self.alpha * up;
        self.loss += self.alpha * down;
        self.missing -= u32::from(is_change);
        self.seldom_in = if self.missing == 0 { LOOKS } else { 1 };
        (self.missing == 0).then(|| self.index())
    }

    #[inline(always)]
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
