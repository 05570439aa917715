//! The old path: the idiomatic first version of the same arithmetic.
//!
//! Every stage returns a fresh `Vec`, the caller keeps its input by cloning it, metrics live in a `Mutex<HashMap<String, f64>>`,
//! the cache and the risk book stand behind a mutex, and the maths is the standard library's, one value at a time. Nothing is
//! slowed down on purpose: the features come from the same streaming extractor, the loops are plain iterator chains over flat
//! buffers, no lock is contended, and the hash maps are the standard ones.

use super::workload::{
    Action, Decision, Events, INSTRUMENT, Parameters, RowSource, Strategy, WIDTH, executes, minute,
};
use bot4_pipeline::risk::{Limits, Order, Reason};
use bot4_pipeline::{Quote, Side};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

/// The state of the old path.
#[derive(Debug)]
pub(crate) struct OldPath {
    source: RowSource,
    stages: OldStages,
    slow: Locked<HashMap<(u32, u64), Vec<f64>>>,
    metrics: Metrics,
    book: Locked<RiskBook>,
    strategy: Strategy,
    next_id: u64,
    open: Option<Order>,
}

impl OldPath {
    pub(crate) fn new(parameters: &Parameters, events: &Events) -> Self {
        Self {
            source: events.rows(),
            stages: OldStages::new(parameters),
            slow: Locked::new(HashMap::new()),
            metrics: Metrics(Locked::new(HashMap::new())),
            book: Locked::new(RiskBook::new(events.limits())),
            strategy: Strategy::new(parameters, events.lot),
            next_id: 1,
            open: None,
        }
    }

    /// From quote to decision.
    #[inline(never)] // its symbol is where a profiler, and `cargo xtask validate`, sets its boundary
    pub(crate) fn on_quote(&mut self, quote: &Quote) -> Decision {
        self.settle(quote);
        let features = self.features(quote);
        let normalized = self.stages.normalize(features.clone());
        let extracted = self.stages.extract(normalized.clone());
        let transformed = self.stages.transform(extracted.clone());
        let predicted = self.stages.predict(transformed.clone());
        let probability = self.stages.postprocess(predicted.clone())[0];
        self.metrics.add("events_total", 1.0);
        self.metrics.add("probability_sum", probability);
        Decision { probability, action: self.act(probability, quote) }
    }

    /// From a batch of rows (row after row in one buffer) and their quotes to decisions.
    #[inline(never)] // its symbol is where a profiler, and `cargo xtask validate`, sets its boundary
    pub(crate) fn on_batch(&mut self, rows: &[f64], quotes: &[Quote]) -> Vec<Decision> {
        let normalized = self.stages.normalize(rows.to_vec());
        let extracted = self.stages.extract(normalized.clone());
        let transformed = self.stages.transform(extracted.clone());
        let predicted = self.stages.predict(transformed.clone());
        let probabilities = self.stages.postprocess(predicted.clone());
        self.decide(&probabilities, quotes)
    }

    /// The same arithmetic as [`on_batch`](Self::on_batch) in the caller's buffer: what removing copies alone wins.
    pub(crate) fn on_batch_in_place(&mut self, rows: &mut [f64], quotes: &[Quote]) -> Vec<Decision> {
        self.stages.in_place(rows);
        let probabilities = &rows[..quotes.len()];
        self.decide(probabilities, quotes)
    }

    /// Locks taken so far.
    pub(crate) fn locks(&self) -> u64 {
        self.slow.taken() + self.metrics.0.taken() + self.book.taken()
    }

    fn decide(&mut self, probabilities: &[f64], quotes: &[Quote]) -> Vec<Decision> {
        self.metrics.add("events_total", quotes.len() as f64);
        self.metrics.add("probability_sum", probabilities.iter().sum());
        let mut sent = Vec::new();
        let mut decisions = Vec::new();
        for (&probability, quote) in probabilities.iter().zip(quotes) {
            let action = self.act(probability, quote);
            sent.extend(self.open.take());
            decisions.push(Decision { probability, action });
        }
        let mut book = self.book.lock();
        sent.iter().for_each(|order| book.value.cancel(order.id));
        decisions
    }

    fn features(&mut self, quote: &Quote) -> Vec<f64> {
        let key = (INSTRUMENT, minute(quote));
        let slow = {
            let mut slow = self.slow.lock();
            slow.value.entry(key).or_insert_with(|| self.source.slow(quote).to_vec()).clone()
        };
        let mut row = [0.0; WIDTH];
        self.source.row(quote, &[slow[0], slow[1], slow[2]], &mut row);
        row.to_vec()
    }

    fn act(&mut self, probability: f64, quote: &Quote) -> Action {
        let Some(order) = self.strategy.order(probability, self.next_id, quote) else { return Action::Hold };
        self.next_id += 1;
        let checked = self.book.lock().value.check(&order, quote);
        match checked {
            Ok(()) => {
                self.metrics.add("orders_total", 1.0);
                self.open = Some(order);
                Action::sent(order.side)
            }
            Err(reason) => {
                self.metrics.add("denied_total", 1.0);
                Action::Denied(reason.code())
            }
        }
    }

    fn settle(&mut self, quote: &Quote) {
        let Some(order) = self.open.take() else { return };
        let book = &mut self.book.lock().value;
        if executes(&order, quote) { book.fill(order.id) } else { book.cancel(order.id) }
    }
}

/// The five stages, each from `Vec` to `Vec`; one row and many rows alike.
#[derive(Debug)]
struct OldStages {
    mean: Vec<f64>,
    inv_std: Vec<f64>,
    phi: f64,
    previous: Vec<f64>,
    weights: Vec<f64>,
    bias: f64,
}

impl OldStages {
    fn new(parameters: &Parameters) -> Self {
        Self {
            mean: parameters.mean.clone(),
            inv_std: parameters.inv_std.clone(),
            phi: parameters.phi,
            previous: vec![0.0; WIDTH],
            weights: parameters.model.weights().to_vec(),
            bias: parameters.model.bias(),
        }
    }

    fn normalize(&self, rows: Vec<f64>) -> Vec<f64> {
        let scales = || self.mean.iter().zip(&self.inv_std);
        rows.chunks_exact(WIDTH)
            .flat_map(|row| row.iter().zip(scales()).map(|(value, (mean, inv_std))| (value - mean) * inv_std))
            .collect()
    }

    fn extract(&mut self, rows: Vec<f64>) -> Vec<f64> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(WIDTH) {
            out.extend(row.iter().zip(&self.previous).map(|(value, previous)| value - self.phi * previous));
            self.previous.copy_from_slice(row);
        }
        out
    }

    fn transform(&self, rows: Vec<f64>) -> Vec<f64> {
        rows.iter().map(|value| value.tanh()).collect()
    }

    fn predict(&self, rows: Vec<f64>) -> Vec<f64> {
        rows.chunks_exact(WIDTH).map(|row| self.logit(row)).collect()
    }

    fn postprocess(&self, logits: Vec<f64>) -> Vec<f64> {
        logits.iter().map(|&logit| sigmoid(logit)).collect()
    }

    fn logit(&self, row: &[f64]) -> f64 {
        self.bias + row.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum::<f64>()
    }

    /// All five in one buffer; the probabilities end up at its front.
    fn in_place(&mut self, rows: &mut [f64]) {
        for row in rows.chunks_exact_mut(WIDTH) {
            row.iter_mut().zip(self.mean.iter().zip(&self.inv_std)).for_each(|(value, (mean, inv_std))| {
                *value = (*value - mean) * inv_std;
            });
        }
        for row in rows.chunks_exact_mut(WIDTH) {
            row.iter_mut().zip(&mut self.previous).for_each(|(value, previous)| {
                let now = *value;
                *value = now - self.phi * *previous;
                *previous = now;
            });
        }
        rows.iter_mut().for_each(|value| *value = value.tanh());
        for row in 0..rows.len() / WIDTH {
            rows[row] = self.logit(&rows[row * WIDTH..][..WIDTH]);
        }
        let count = rows.len() / WIDTH;
        rows[..count].iter_mut().for_each(|logit| *logit = sigmoid(*logit));
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A mutex that counts how often it is taken, under its own lock.
#[derive(Debug)]
struct Locked<T>(Mutex<Held<T>>);

#[derive(Debug)]
struct Held<T> {
    taken: u64,
    value: T,
}

impl<T> Locked<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(Held { taken: 0, value }))
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        let mut held = self.0.lock().expect("no holder panics");
        held.taken += 1;
        held
    }

    /// How often others took it so far.
    fn taken(&self) -> u64 {
        self.0.lock().expect("no holder panics").taken
    }
}

/// Named sums behind one lock.
#[derive(Debug)]
struct Metrics(Locked<HashMap<String, f64>>);

impl Metrics {
    fn add(&self, name: &str, value: f64) {
        *self.0.lock().value.entry(name.to_string()).or_insert(0.0) += value;
    }
}

/// The risk rules of the gate, kept the plain way: who is open, what is the position.
#[derive(Debug)]
struct RiskBook {
    limits: Limits,
    position: i64,
    open: HashMap<u64, Order>,
    seen: HashSet<u64>,
    window: (u64, u32),
}

impl RiskBook {
    fn new(limits: Limits) -> Self {
        Self { limits, position: 0, open: HashMap::new(), seen: HashSet::new(), window: (0, 0) }
    }

    fn check(&mut self, order: &Order, quote: &Quote) -> Result<(), Reason> {
        self.check_order(order)?;
        self.check_quote(order, quote)?;
        if self.seen.contains(&order.id) {
            return Err(Reason::DuplicateId);
        }
        self.check_exposure(order)?;
        self.check_rate(order.ts)?;
        self.seen.insert(order.id);
        self.open.insert(order.id, *order);
        Ok(())
    }

    fn check_order(&self, order: &Order) -> Result<(), Reason> {
        let rules = [
            (order.instrument == self.limits.instrument, Reason::Instrument),
            (order.qty > 0, Reason::QuantityNotPositive),
            (order.px > 0, Reason::PriceNotPositive),
            (order.px % self.limits.tick == 0, Reason::Tick),
            (order.qty % self.limits.lot == 0, Reason::Lot),
            (order.qty <= self.limits.order_qty_max, Reason::OrderQuantity),
            (notional(order) <= i128::from(self.limits.order_notional_max), Reason::OrderNotional),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, reason)| Err(*reason))
    }

    fn check_quote(&self, order: &Order, quote: &Quote) -> Result<(), Reason> {
        if !quote.is_two_sided() || quote.is_crossed() || quote.bid_px <= 0 {
            return Err(Reason::NoQuote);
        }
        if order.ts.abs_diff(quote.ts) > self.limits.quote_age_ns_max {
            return Err(Reason::StaleQuote);
        }
        let doubled_mid = i128::from(quote.bid_px) + i128::from(quote.ask_px);
        let distance = (2 * i128::from(order.px) - doubled_mid).abs();
        if distance * 10_000 > doubled_mid * i128::from(self.limits.collar_bps) {
            return Err(Reason::PriceCollar);
        }
        Ok(())
    }

    fn check_exposure(&self, order: &Order) -> Result<(), Reason> {
        let same_side = self.open.values().filter(|open| open.side == order.side);
        let open_qty: i64 = same_side.map(|open| open.qty).sum();
        let signed = if order.side == Side::Buy { self.position } else { -self.position };
        if signed + open_qty + order.qty > self.limits.position_max {
            return Err(Reason::PositionLimit);
        }
        let open_notional: i128 = self.open.values().map(notional).sum();
        if open_notional + notional(order) > i128::from(self.limits.open_notional_max) {
            return Err(Reason::OpenNotional);
        }
        Ok(())
    }

    fn check_rate(&mut self, ts: u64) -> Result<(), Reason> {
        let window = ts / self.limits.rate_window_ns;
        if self.window.0 != window {
            self.window = (window, 0);
        }
        if self.window.1 >= self.limits.rate_orders_max {
            return Err(Reason::RateLimit);
        }
        self.window.1 += 1;
        Ok(())
    }

    fn fill(&mut self, id: u64) {
        let Some(order) = self.open.remove(&id) else { return };
        self.position += if order.side == Side::Buy { order.qty } else { -order.qty };
    }

    fn cancel(&mut self, id: u64) {
        self.open.remove(&id);
    }
}

/// Price times quantity in units of 1e-9.
fn notional(order: &Order) -> i128 {
    i128::from(order.px) * i128::from(order.qty) / 1_000_000_000
}
