//! Streaming features of level-1 quotes: O(1) per quote, bounded memory, no allocation.
//!
//! - [`QuoteFeatures`]: the ten basic ones, defined at [`Features`].
//! - [`FeatureRow`]: a row of [`ROW_WIDTH`] numbers for a model, made of those ten and their history.
//! - [`MinuteProfile`]: three slow ones, from whole minutes that are over.
//!
//! # Defined results
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

mod level1;
mod minute;
mod rolling;
mod row;

pub use level1::{Features, QuoteFeatures, Scale, WINDOW};
pub use minute::{MINUTE_NS, MinuteProfile};
pub use row::{FeatureRow, ROW_NAMES, ROW_WIDTH};
