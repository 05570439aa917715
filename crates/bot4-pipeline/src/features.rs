//! Streaming features of quotes and trades: O(1) per event, bounded memory, no allocation.
//!
//! - [`QuoteFeatures`]: the ten basic ones, defined at [`Features`].
//! - [`FeatureRow`]: a row of [`ROW_WIDTH`] numbers for a model, made of those ten and their history.
//! - [`MinuteProfile`]: three slow ones, from whole minutes that are over.
//! - [`TradeFeatures`] and [`Vwap`]: signs, flow and the average price of trades.
//! - [`MicroPrice`]: the mid corrected for imbalance and spread, by a table fitted to a recording.
//! - Of any series: [`RollingMin`], [`RollingMax`], [`RollingSum`], [`RollingMeanVar`], [`RollingStd`],
//!   [`RealizedVariance`], [`Bollinger`], [`Ema`], [`Macd`], [`Rsi`].
//!
//! All but the row and the profile also take many events at a time (`batch`) and give the same bits as one by one; only
//! [`Ema`] differs in rounding.
//!
//! ```
//! use bot4_pipeline::Quote;
//! use bot4_pipeline::features::{QuoteFeatures, Scale};
//!
//! let mut features = QuoteFeatures::new(Scale::WHOLE);
//! let (bid_px, ask_px) = (100_000_000_000, 100_020_000_000); // 100.00 and 100.02
//! let quote = Quote { ts: 0, bid_px, bid_qty: 3_000_000_000, ask_px, ask_qty: 1_000_000_000 };
//! let now = features.update(&quote);
//! assert_eq!((now.mid, now.qi), (100.01, 0.5)); // three bid for, one offered
//! ```
//!
//! None drifts: windows are exact sums of integers, or are added up anew once per window; averages forget.
//!
//! # Defined results of the quote features
//! | input | result |
//! | --- | --- |
//! | first quote | `ofi`, `ofi_ewm`, `r`, `ewvar` are 0 |
//! | fewer than [`WINDOW`] quotes | `roll_mean` and `roll_var` are NaN (0 in a [`FeatureRow`]) |
//! | no quantity on either side | `qi` is 0 and `wmid` the mid |
//! | locked or crossed book | nothing special: the spread is 0 or negative |
//! | a side without orders | counts as the last two-sided quote, seen again; before the first one all ten are NaN (a `FeatureRow` is all 0) |
//! | repeated timestamps | nothing special: time enters only `FeatureRow`'s intervals, as 0 |
//! | time going back | an interval of 0 |
//! | a gap in time | nothing special: windows and averages count quotes, not seconds |
//! | a mid of 0 or below | `r` is 0 where the logarithm is not defined |

mod average;
mod batch;
mod bollinger;
mod level1;
mod log_ratio;
mod micro;
mod minute;
mod rolling;
mod row;
mod rsi;
mod series;
mod trades;
mod window;

pub use average::{Ema, Macd, MacdLines};
pub use bollinger::{Bands, Bollinger, RollingMeanVar, RollingStd};
pub use level1::{Features, QuoteFeatures, Scale, WINDOW};
pub use micro::{MicroPrice, MicroPriceFit};
pub use minute::{MINUTE_NS, MinuteProfile};
pub use row::{FeatureRow, ROW_NAMES, ROW_WIDTH};
pub use rsi::Rsi;
pub use trades::{TRADE_NAMES, TradeFeatures, Vwap};
pub use window::{RealizedVariance, RollingMax, RollingMin, RollingSum, Sample};
