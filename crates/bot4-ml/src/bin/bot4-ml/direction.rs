//! Rows and labels from quotes: where will the mid stand some quotes later?

use bot4_pipeline::Quote;
use bot4_pipeline::features::{QuoteFeatures, Scale};

/// Features of a row.
pub(crate) const WIDTH: usize = 8;

/// Their names, which model files carry: a model of other names was not trained on these rows.
pub(crate) const NAMES: [&str; WIDTH] =
    ["qi", "ofi", "ofi_ewm_90", "ofi_ewm_99", "spread", "r_1e4", "mid_less_roll_mean", "qi_change"];

pub(crate) const CLASSES: [&str; 3] = ["down", "flat", "up"];

/// Turns quotes into rows, one by one. O(1) a quote, no allocation.
#[derive(Debug)]
pub(crate) struct Rows {
    features: QuoteFeatures,
    ofi_ewm: f64,
    qi: f64,
}

impl Rows {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { features: QuoteFeatures::new(scale), ofi_ewm: 0.0, qi: f64::NAN }
    }

    /// The row of a quote; `None` before there is enough history, and of a book that lacks a side.
    pub(crate) fn update(&mut self, quote: &Quote) -> Option<[f64; WIDTH]> {
        let f = self.features.update(quote);
        if !f.ofi.is_nan() {
            self.ofi_ewm = 0.9 * self.ofi_ewm + f.ofi;
        }
        let qi_change = f.qi - std::mem::replace(&mut self.qi, f.qi);
        let row = [f.qi, f.ofi, self.ofi_ewm, f.ofi_ewm, f.spread, 1e4 * f.r, f.mid - f.roll_mean, qi_change];
        row.iter().all(|value| value.is_finite()).then_some(row)
    }
}

/// The class of each quote by where the mid stands `horizon` quotes later; `None` where the recording ends before.
pub(crate) fn labels(quotes: &[Quote], horizon: usize) -> Vec<Option<usize>> {
    let doubled_mid = |quote: &Quote| i128::from(quote.bid_px) + i128::from(quote.ask_px);
    let ahead = quotes.iter().skip(horizon).map(Some).chain(std::iter::repeat(None));
    let class = |now: &Quote, later: Option<&Quote>| {
        let later = later.filter(|later| later.is_two_sided() && now.is_two_sided())?;
        Some(match doubled_mid(later).cmp(&doubled_mid(now)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => 1,
            std::cmp::Ordering::Greater => 2,
        })
    };
    quotes.iter().zip(ahead).map(|(now, later)| class(now, later)).collect()
}
