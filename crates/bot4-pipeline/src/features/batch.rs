//! The ten basic features of many quotes at once, column by column.

use bot4_simd::{Isa, Kernels, Program};

use super::Features;
use super::level1::{FLOW_DECAY, QuoteFeatures, VARIANCE_DECAY, imbalance, order_flow};
use super::log_ratio::log_ratios;
use crate::columns::Columns;
use crate::quote::Quote;

/// Quotes that are worked on together: their columns of integers (20 KiB) fit the nearest cache.
const TILE: usize = 512;

impl QuoteFeatures {
    /// Takes the next quotes and writes their features, a column for each of [`Features::NAMES`], giving the bits
    /// that [`update`](Self::update) gives quote after quote. What does not depend on the quote before is computed
    /// with the best instruction set of this CPU. No allocation.
    ///
    /// # Panics
    /// If the batch has less than ten columns or no room for that many rows.
    ///
    /// ```
    /// use bot4_pipeline::columns::Columns;
    /// use bot4_pipeline::features::{Features, QuoteFeatures, Scale};
    /// use bot4_pipeline::sim::Simulator;
    ///
    /// let quotes: Vec<_> = Simulator::new(1).take(100).collect();
    /// let mut columns = Columns::new(Features::NAMES.len(), 100);
    /// QuoteFeatures::new(Scale::WHOLE).batch(&quotes, &mut columns);
    /// let mut one_by_one = QuoteFeatures::new(Scale::WHOLE);
    /// let mids = quotes.iter().map(|quote| one_by_one.update(quote).mid);
    /// assert!(mids.eq(columns.column(0).iter().copied()));
    /// ```
    pub fn batch(&mut self, quotes: &[Quote], out: &mut Columns<f64>) {
        out.clear();
        out.set_width(Features::NAMES.len());
        out.set_len(quotes.len());
        let mut done = 0;
        // Before the first quote with both sides there is nothing to work with; before the window is full, no moments.
        while done < quotes.len() && (self.last.is_none() || !self.mids.is_full()) {
            let row = self.update(&quotes[done]).to_array();
            out.iter_mut().zip(row).for_each(|(column, value)| column[done] = value);
            done += 1;
        }
        for quotes in quotes[done..].chunks(TILE) {
            let Some(last) = self.last else { return };
            Isa::detect().run(Tile { features: self, last, quotes, out, first: done });
            done += quotes.len();
        }
    }
}

/// Some quotes, after a quote with both sides.
struct Tile<'a> {
    features: &'a mut QuoteFeatures,
    last: Quote,
    quotes: &'a [Quote],
    out: &'a mut Columns<f64>,
    /// The row of the first quote.
    first: usize,
}

/// A number of the quote before the tile and of each quote in it.
type Series = [i64; TILE + 1];

impl Program for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) {
        let Self { features, mut last, quotes, out, first } = self;
        let n = quotes.len();
        let [mut bid_px, mut bid_qty, mut ask_px, mut ask_qty]: [Series; 4] = [[0; TILE + 1]; 4];
        let mut put = |i: usize, quote: &Quote| {
            (bid_px[i], bid_qty[i]) = (quote.bid_px, quote.bid_qty);
            (ask_px[i], ask_qty[i]) = (quote.ask_px, quote.ask_qty);
        };
        put(0, &last);
        for (i, quote) in quotes.iter().enumerate() {
            last = if quote.is_two_sided() { *quote } else { last };
            put(i + 1, &last);
        }
        features.last = Some(last);
        let twice_mid: Series = core::array::from_fn(|i| bid_px[i].saturating_add(ask_px[i]));

        let [mid, wmid, qi, spread, ofi, ofi_ewm, r, ewvar, roll_mean, roll_var] =
            out.disjoint_mut([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).map(|column| &mut column[first..first + n]);
        let (price, half_unit) = (features.scale.price, 2.0 * features.scale.price);
        for i in 0..n {
            mid[i] = twice_mid[i + 1] as f64 / half_unit;
            spread[i] = ask_px[i + 1].saturating_sub(bid_px[i + 1]) as f64 / price;
            qi[i] = imbalance(bid_qty[i + 1], ask_qty[i + 1]);
            wmid[i] = mid[i] + 0.5 * spread[i] * qi[i];
        }
        let quote = |i: usize| Quote {
            ts: 0,
            bid_px: bid_px[i],
            bid_qty: bid_qty[i],
            ask_px: ask_px[i],
            ask_qty: ask_qty[i],
        };
        for (i, ofi) in ofi.iter_mut().enumerate() {
            *ofi = order_flow(&quote(i), &quote(i + 1)) as f64 / features.scale.qty;
        }
        log_ratios(&twice_mid[..=n], r);

        let (mut sums, mut upper, mut lower) = ([0; TILE], [0; TILE], [0; TILE]);
        let QuoteFeatures { ofi_ewm: last_flow, ewvar: last_var, mids, .. } = features;
        let (mut flow, mut var) = (*last_flow, *last_var);
        let places = sums[..n].iter_mut().zip(&mut upper[..n]).zip(&mut lower[..n]);
        let averages = ofi.iter().zip(r.iter()).zip(ofi_ewm.iter_mut().zip(ewvar.iter_mut()));
        mids.push_each(
            &twice_mid[1..=n],
            places.zip(averages),
            |(((to, upper), lower), ((ofi, r), (ofi_ewm, ewvar))), sum, spread| {
                flow = FLOW_DECAY * flow + ofi;
                var = VARIANCE_DECAY * var + (1.0 - VARIANCE_DECAY) * r * r;
                (*ofi_ewm, *ewvar) = (flow, var);
                (*to, (*upper, *lower)) = (sum, spread);
            },
        );
        (*last_flow, *last_var) = (flow, var);
        for i in 0..n {
            roll_mean[i] = mids.mean_of(sums[i]);
            roll_var[i] = mids.var_of((upper[i], lower[i]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Scale;
    use crate::sim::Simulator;
    use proptest::prelude::*;

    fn assert_same_bits(quotes: &[Quote], split: usize) {
        let (mut streaming, mut batch) = (QuoteFeatures::new(Scale::WHOLE), QuoteFeatures::new(Scale::WHOLE));
        let expected: Vec<_> = quotes.iter().map(|quote| streaming.update(quote).to_array()).collect();
        let mut columns = Columns::new(12, quotes.len());
        let mut row = 0;
        for part in [&quotes[..split], &quotes[split..]] {
            batch.batch(part, &mut columns);
            assert_eq!((columns.len(), columns.width()), (part.len(), 10));
            for i in 0..part.len() {
                let found: Vec<_> = columns.row(i).map(f64::to_bits).collect();
                assert_eq!(found, expected[row].map(f64::to_bits), "row {row}");
                row += 1;
            }
        }
    }

    #[test]
    fn a_simulated_market_has_the_bits_of_quote_after_quote() {
        let quotes: Vec<_> = Simulator::new(5).take(5_000).collect();
        assert_same_bits(&quotes, 1_234);
    }

    proptest! {
        /// Missing sides, huge moves and hostile numbers, at the front and in the middle.
        #[test]
        fn any_quotes_have_the_bits_of_quote_after_quote(
            numbers in prop::collection::vec((0..8_u8, any::<[i64; 4]>(), 1..1_000_000_i64), 0..700),
            split: prop::sample::Index,
        ) {
            let quotes: Vec<_> = numbers.into_iter().map(|(kind, [bid_px, bid_qty, ask_px, ask_qty], px)| {
                let (bid_qty, ask_qty) = (bid_qty & i64::MAX, ask_qty & i64::MAX);
                match kind {
                    0 => Quote { ts: 0, bid_px, bid_qty, ask_px, ask_qty },
                    1 => Quote { ts: 0, bid_px: Quote::UNDEFINED_PX, bid_qty: 0, ask_px: px, ask_qty: 1 },
                    2 => Quote { ts: 0, bid_px: px, bid_qty: 1, ask_px: Quote::UNDEFINED_PX, ask_qty: 0 },
                    _ => Quote { ts: 0, bid_px: 50_000_000 + px, bid_qty: px, ask_px: 50_000_100 + px, ask_qty: 7 },
                }
            }).collect();
            assert_same_bits(&quotes, split.index(quotes.len() + 1));
        }
    }
}
