//! A feature of your own beside the crate's: `cargo run -p bot4-pipeline --example own_feature`.
//!
//! A feature is a struct with what it remembers and an `update` that takes the next quote: constant time, no
//! allocation. Copy [`QuoteAge`] and write its number into the row the model sees.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use bot4_pipeline::Quote;
use bot4_pipeline::features::{Ema, QuoteFeatures, Scale};
use bot4_pipeline::sim::Simulator;

/// How long the best prices have stood, in seconds, and the average of that over moves.
#[derive(Debug)]
struct QuoteAge {
    last: Option<Quote>,
    since: u64,
    ema: Ema,
    average: f64,
}

impl QuoteAge {
    fn new(alpha: f64) -> Self {
        Self { last: None, since: 0, ema: Ema::new(alpha), average: 0.0 }
    }

    /// The age at this quote, and its average.
    fn update(&mut self, quote: &Quote) -> [f64; 2] {
        let before = self.last.replace(*quote).unwrap_or(*quote);
        if self.since == 0 {
            self.since = quote.ts;
        }
        let age = quote.ts.saturating_sub(self.since) as f64 * 1e-9; // time may stand still, or go back
        if (before.bid_px, before.ask_px) != (quote.bid_px, quote.ask_px) {
            self.average = self.ema.update(age);
            self.since = quote.ts;
        }
        [age, self.average]
    }
}

fn main() {
    let mut features = QuoteFeatures::new(Scale::WHOLE);
    let mut age = QuoteAge::new(0.1);
    let mut row = [0.0; 12];
    for (index, quote) in Simulator::new(42).take(5_000).enumerate() {
        row[..10].copy_from_slice(&features.update(&quote).to_array());
        row[10..].copy_from_slice(&age.update(&quote));
        if index % 1_000 == 999 {
            println!("imbalance {:6.3}, age {:7.4} s, average {:7.4} s", row[2], row[10], row[11]);
        }
    }
    assert!(row[10] >= 0.0 && row[11] > 0.0, "{row:?}");
}
