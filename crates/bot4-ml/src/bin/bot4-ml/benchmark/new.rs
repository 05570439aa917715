//! The optimised path: the crates, each for what it is for.
//!
//! | piece | crate |
//! | --- | --- |
//! | features of one quote, written into one aligned row | bot4-pipeline on bot4-pool's `AlignedVec` |
//! | slow features of the minute | bot4-cache's `VectorCache` |
//! | five stages in place, on one row or on a pooled batch of columns | bot4-pipeline on bot4-simd, bot4-pool |
//! | the model, swapped while it runs | bot4-ml behind bot4-lockfree's `Published` |
//! | the risk check | bot4-pipeline's gate on bot4-lockfree's budgets |
//! | metrics by handle | bot4-lockfree |
//! | scratch of one batch | bot4-pool's `Arena` |

use super::workload::{
    Action, Decision, Events, INSTRUMENT, Parameters, ROWS, RowSource, Strategy, WIDTH, executes, minute,
};
use bot4_cache::VectorCache;
use bot4_lockfree::hint::unlikely;
use bot4_lockfree::metrics::{Counter, Histogram, HistogramConfig, Registry};
use bot4_lockfree::snapshot::{Published, Reader};
use bot4_ml::{LogisticRegression, Predict};
use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pipeline::risk::{Checker, Order, Reservation, RiskGate};
use bot4_pipeline::stage::{Difference, Normalize, Pipeline, Sigmoid, Squash};
use bot4_pool::{AlignedVec, Arena, ObjectPool, Pooled};

/// Minutes of slow features kept.
const MINUTES: usize = 4096;
/// Batches in the pool.
const BATCHES: usize = 4;

type Stages = (Normalize<f64>, Difference<f64>, Squash, Predict<Reader<LogisticRegression<f64>>>, Sigmoid);

/// A batch on loan from the pool.
type Batch<'p> = Pooled<'p, Columns<f64>>;

/// What the threads of one run share.
#[derive(Debug)]
pub(crate) struct Desk {
    parameters: Parameters,
    source: RowSource,
    strategy: Strategy,
    gate: RiskGate,
    slow: VectorCache<(u32, u64)>,
    models: Published<LogisticRegression<f64>>,
    batches: ObjectPool<Columns<f64>>,
    metrics: Registry,
}

impl Desk {
    pub(crate) fn new(parameters: &Parameters, events: &Events) -> Self {
        let batches = ObjectPool::builder(|| Columns::new(WIDTH, ROWS))
            .capacity(BATCHES)
            .prefill(BATCHES)
            .reset(Columns::clear);
        Self {
            parameters: parameters.clone(),
            source: events.rows(),
            strategy: Strategy::new(parameters, events.lot),
            // One path at a time checks.
            gate: RiskGate::for_one_checker(events.limits(), 0)
                .expect("the limits of the workload are valid"),
            slow: VectorCache::new(MINUTES, 3),
            models: Published::new(parameters.model.clone()),
            batches: batches.build().expect("a capacity above zero and no budget"),
            metrics: Registry::new(),
        }
    }

    /// A thread's way through the events.
    pub(crate) fn path(&self) -> NewPath<'_> {
        let stages = (
            Normalize::new(&self.parameters.mean, &self.parameters.inv_std),
            Difference::new(&[self.parameters.phi; WIDTH]),
            Squash,
            Predict::new(self.models.reader()),
            Sigmoid,
        );
        NewPath {
            desk: self,
            source: self.source.clone(),
            slow: [0.0; 3],
            row: AlignedVec::zeroed(WIDTH),
            pipeline: Pipeline::new(WIDTH, ROWS, stages).expect("the widths agree"),
            scratch: Arena::with_limit(ROWS * size_of::<u32>()),
            trader: Trader {
                gate: &self.gate,
                strategy: self.strategy,
                checker: self.gate.checker(),
                next_id: 1,
                open: None,
                sent: Vec::with_capacity(ROWS),
                meters: Meters::of(&self.metrics),
            },
        }
    }

    /// A batch from the pool, filled as the thread that makes the rows would fill it.
    pub(crate) fn batch(&self, columns: &Columns<f64>) -> Batch<'_> {
        let mut batch = self.batches.try_acquire().expect("the pool has a batch for every thread");
        batch.set_len(columns.len());
        batch.iter_mut().zip(columns.iter()).for_each(|(to, from)| to.copy_from_slice(from));
        batch
    }

    /// Fills the cache of slow features with minutes long past, so that all its memory is in use from now on.
    pub(crate) fn fill_cache(&self) {
        let mut slow = [0.0; 3];
        for minute in 0..2 * MINUTES as u64 {
            self.slow.get_or_compute(&(INSTRUMENT, minute), &mut slow, |slow| slow.fill(0.0));
        }
    }

    /// Publishes a new model of the same weights, as a trainer would, in the memory of one that is not read any more.
    pub(crate) fn publish_model(&self) {
        let model = &self.parameters.model;
        self.models.publish_reusing(|old| match old {
            Some(mut new) => {
                new.clone_from(model);
                new
            }
            None => model.clone(),
        });
    }
}

/// One thread's state; everything is allocated when it is made.
#[derive(Debug)]
pub(crate) struct NewPath<'d> {
    desk: &'d Desk,
    source: RowSource,
    slow: [f64; 3],
    row: AlignedVec<f64>,
    pipeline: Pipeline<f64, Stages>,
    scratch: Arena,
    trader: Trader<'d>,
}

impl NewPath<'_> {
    /// From quote to decision. No allocation; no lock but the cache's own at the first quote of a minute, when the slow features
    /// are computed.
    #[inline(never)] // its symbol is where a profiler, and `cargo xtask validate`, sets its boundary
    pub(crate) fn on_quote(&mut self, quote: &Quote) -> Decision {
        self.trader.settle(quote);
        let source = &mut self.source;
        self.desk.slow.get_or_compute(&(INSTRUMENT, minute(quote)), &mut self.slow, |slow| {
            slow.copy_from_slice(&source.slow(quote));
        });
        let row: &mut [f64; WIDTH] = (&mut *self.row).try_into().expect("the row is WIDTH wide");
        source.row(quote, &self.slow, row);
        self.pipeline.one(row);
        let probability = row[0];
        self.trader.meters.seen(probability);
        Decision { probability, action: self.trader.act(probability, quote) }
    }

    /// Locks taken so far on this desk: a computed row of slow features takes its set's.
    pub(crate) fn locks(&self) -> u64 {
        self.desk.slow.stats().misses
    }

    /// From a batch of columns and their quotes to decisions, which are appended to `out`.
    ///
    /// No lock, and no allocation if `out` has room.
    #[inline(never)] // its symbol is where a profiler, and `cargo xtask validate`, sets its boundary
    pub(crate) fn on_batch(&mut self, mut batch: Batch<'_>, quotes: &[Quote], out: &mut Vec<Decision>) {
        self.pipeline.batch(&mut batch);
        let probabilities = batch.column(0);
        self.trader.meters.seen_batch(probabilities);
        let first = out.len();
        out.extend(probabilities.iter().map(|&probability| Decision { probability, action: Action::Hold }));
        for &row in signalling(&self.desk.strategy, probabilities, &self.scratch) {
            out[first + row as usize].action =
                self.trader.act(probabilities[row as usize], &quotes[row as usize]);
            self.trader.keep_open();
        }
        self.trader.cancel_kept();
        self.scratch.reset();
    }
}

/// The rows whose probability asks for an order, found without a branch per row.
fn signalling<'a>(strategy: &Strategy, probabilities: &[f64], scratch: &'a Arena) -> &'a [u32] {
    let rows =
        scratch.alloc_slice_zeroed::<u32>(probabilities.len()).expect("the arena holds a batch of indices");
    let mut found = 0;
    for (row, &probability) in (0u32..).zip(probabilities) {
        rows[found] = row;
        found += usize::from(strategy.signals(probability));
    }
    &rows[..found]
}

/// Orders of one thread: checked, open, settled.
#[derive(Debug)]
struct Trader<'d> {
    gate: &'d RiskGate,
    strategy: Strategy,
    checker: Checker,
    next_id: u64,
    open: Option<(Order, Reservation)>,
    /// What a batch has open, until it ends.
    sent: Vec<Reservation>,
    meters: Meters,
}

impl Trader<'_> {
    #[inline]
    fn act(&mut self, probability: f64, quote: &Quote) -> Action {
        match self.strategy.order(probability, self.next_id, quote) {
            None => Action::Hold,
            Some(order) => self.send(&order, quote),
        }
    }

    fn send(&mut self, order: &Order, quote: &Quote) -> Action {
        self.next_id += 1;
        match self.checker.check(order, quote) {
            Ok(reservation) => {
                self.meters.orders.increment(1);
                self.open = Some((*order, reservation));
                Action::sent(order.side)
            }
            Err(reason) => {
                self.meters.denied.increment(1);
                Action::Denied(reason.code())
            }
        }
    }

    /// Executes or cancels what the previous quote left open.
    #[inline]
    fn settle(&mut self, quote: &Quote) {
        if unlikely(self.open.is_some()) {
            let Some((order, reservation)) = self.open.take() else { return };
            let settled = if executes(&order, quote) {
                self.gate.fill(reservation, order.qty).map(drop)
            } else {
                self.gate.release(reservation)
            };
            settled.expect("the gate made the reservation");
        }
    }

    fn keep_open(&mut self) {
        self.sent.extend(self.open.take().map(|(_, reservation)| reservation));
    }

    fn cancel_kept(&mut self) {
        for reservation in self.sent.drain(..) {
            self.gate.release(reservation).expect("the gate made the reservation");
        }
    }
}

/// Handles of the metrics, resolved by name once.
#[derive(Debug)]
struct Meters {
    events: Counter,
    orders: Counter,
    denied: Counter,
    probability_ppm: Histogram,
}

impl Meters {
    fn of(registry: &Registry) -> Self {
        Self {
            events: registry.counter("events_total", "Quotes decided about"),
            orders: registry.counter("orders_total", "Orders that passed the risk check"),
            denied: registry.counter("denied_total", "Orders that the risk check denied"),
            probability_ppm: registry.histogram(
                "probability_ppm",
                "Probability that the mid rises, in millionths; of a batch, its mean",
                HistogramConfig::default(),
            ),
        }
    }

    fn seen(&self, probability: f64) {
        self.events.increment(1);
        self.probability_ppm.record((probability * 1e6) as u64);
    }

    /// Like the old path: one count and one figure for the whole batch.
    fn seen_batch(&self, probabilities: &[f64]) {
        self.events.increment(probabilities.len() as u64);
        let mean = bot4_simd::sum(probabilities) / probabilities.len() as f64;
        self.probability_ppm.record((mean * 1e6) as u64);
    }
}
