//! Limits as people write them.

use core::fmt;
use core::ops::Range;

use toml_edit::{Document, Item, Value};

use super::limits::{Limits, LimitsError};

/// Every field, in the order of [`Limits`].
const FIELDS: [&str; 12] = [
    "instrument",
    "tick",
    "lot",
    "order_qty_max",
    "order_notional_max",
    "collar_bps",
    "quote_age_ns_max",
    "position_max",
    "open_notional_max",
    "loss_max",
    "rate_orders_max",
    "rate_window_ns",
];

/// Those that are no amounts.
const WHOLE: [&str; 5] =
    ["instrument", "collar_bps", "quote_age_ns_max", "rate_orders_max", "rate_window_ns"];

/// Decimals of the 1e-9 unit.
const DECIMALS: usize = 9;

/// What is wrong with a file of limits. `Display` makes one line of it, to which the caller adds the name of the
/// file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlError {
    /// Line in the file, from 1; of a field that is missing, the last.
    pub line: usize,
    /// The name that stands there, or that should.
    pub field: String,
    /// What is wrong.
    pub reason: TomlReason,
}

/// The reason of a [`TomlError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TomlReason {
    /// The file is no TOML; what the parser says.
    Syntax(String),
    /// There is no limit of this name.
    Unknown,
    /// This limit does not stand in the file; none has a default.
    Missing,
    /// Not a number, or a number that is not whole where only whole ones make sense.
    Type(&'static str),
    /// More than nine decimals: finer than the 1e-9 unit.
    TooManyDecimals,
    /// Too large for its unit, or negative where no negative number fits.
    Overflow,
    /// A number that no gate can enforce.
    Range(LimitsError),
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, field, reason } = self;
        match reason {
            TomlReason::Syntax(message) => write!(f, "line {line}: {message}"),
            TomlReason::Unknown => {
                write!(f, "line {line}: no limit `{field}`; there are {}", FIELDS.join(", "))
            }
            TomlReason::Missing => write!(f, "limit `{field}` is missing"),
            TomlReason::Type(wanted) => write!(f, "line {line}, limit `{field}`: wants {wanted}"),
            TomlReason::TooManyDecimals => write!(f, "line {line}, limit `{field}`: more than nine decimals"),
            TomlReason::Overflow => write!(f, "line {line}, limit `{field}`: does not fit"),
            TomlReason::Range(LimitsError { value, low, high, .. }) => {
                let shown = |number: i64| match WHOLE.contains(&field.as_str()) {
                    true => number.to_string(),
                    false => decimal(number),
                };
                let (value, low, high) = (shown(*value), shown(*low), shown(*high));
                write!(f, "line {line}, limit `{field}`: is {value}, allowed is {low} to {high}")
            }
        }
    }
}

impl core::error::Error for TomlError {}

impl Limits {
    /// Reads limits from TOML: each field of [`Limits`] by its name, no other, none left out.
    ///
    /// Prices, quantities and amounts of money are in whole units with up to nine decimals (`tick = 0.05`), exact
    /// to the last; as strings too, for what a reader of TOML may not keep exact. The others are whole numbers.
    ///
    /// # Errors
    /// The first that is wrong, with its line.
    ///
    /// ```
    /// use bot4_pipeline::risk::Limits;
    ///
    /// let text = "
    /// instrument = 7
    /// tick = 0.05
    /// lot = 1
    /// order_qty_max = 100
    /// order_notional_max = 50_000
    /// collar_bps = 50
    /// quote_age_ns_max = 1_000_000_000
    /// position_max = 150
    /// open_notional_max = 100_000
    /// loss_max = 1_000.50
    /// rate_orders_max = 10
    /// rate_window_ns = 1_000_000_000
    /// ";
    /// let limits = Limits::from_toml(text)?;
    /// assert_eq!((limits.tick, limits.loss_max), (50_000_000, 1_000_500_000_000));
    /// let error = Limits::from_toml(&text.replace("0.05", "0")).unwrap_err();
    /// assert!(error.to_string().starts_with("line 3, limit `tick`: is 0, allowed is 0.000000001 to "));
    /// # Ok::<(), bot4_pipeline::risk::TomlError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, TomlError> {
        let document = Document::parse(text).map_err(|error| syntax(text, &error))?;
        let table = document.as_table();
        for (name, item) in table {
            if !FIELDS.contains(&name) {
                let place = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
                return Err(TomlError {
                    line: line_of(text, place),
                    field: name.to_owned(),
                    reason: TomlReason::Unknown,
                });
            }
        }
        let file = File { text, document: &document };
        let limits = Self {
            instrument: file.whole("instrument")?,
            tick: file.amount("tick")?,
            lot: file.amount("lot")?,
            order_qty_max: file.amount("order_qty_max")?,
            order_notional_max: file.amount("order_notional_max")?,
            collar_bps: file.whole("collar_bps")?,
            quote_age_ns_max: file.whole("quote_age_ns_max")?,
            position_max: file.amount("position_max")?,
            open_notional_max: file.amount("open_notional_max")?,
            loss_max: file.amount("loss_max")?,
            rate_orders_max: file.whole("rate_orders_max")?,
            rate_window_ns: file.whole("rate_window_ns")?,
        };
        limits.validate().map_err(|error| file.error(error.field, TomlReason::Range(error)))?;
        Ok(limits)
    }
}

struct File<'a> {
    text: &'a str,
    document: &'a Document<&'a str>,
}

impl File<'_> {
    fn error(&self, field: &str, reason: TomlReason) -> TomlError {
        let place = self.document.as_table().get(field).and_then(Item::span);
        TomlError { line: line_of(self.text, place), field: field.to_owned(), reason }
    }

    fn value(&self, field: &str) -> Result<&Value, TomlError> {
        let item = self.document.as_table().get(field);
        let item = item.ok_or_else(|| self.error(field, TomlReason::Missing))?;
        item.as_value().ok_or_else(|| self.error(field, TomlReason::Type("a number")))
    }

    fn whole<T: TryFrom<i64>>(&self, field: &str) -> Result<T, TomlError> {
        let number = self.value(field)?.as_integer();
        let number = number.ok_or_else(|| self.error(field, TomlReason::Type("a whole number")))?;
        T::try_from(number).map_err(|_| self.error(field, TomlReason::Overflow))
    }

    /// A number in 1e-9, from the digits as they stand in the file: a binary fraction would not be exact.
    fn amount(&self, field: &str) -> Result<i64, TomlError> {
        let value = self.value(field)?;
        let digits = match value {
            Value::String(text) => text.value().clone(),
            Value::Integer(number) => number.value().to_string(),
            Value::Float(_) => {
                value.span().and_then(|span| self.text.get(span)).unwrap_or_default().to_owned()
            }
            _ => return Err(self.error(field, TomlReason::Type("a number"))),
        };
        nano(&digits.replace('_', "")).map_err(|reason| self.error(field, reason))
    }
}

/// A number of 1e-9 units as it would stand in a file.
fn decimal(units: i64) -> String {
    let (sign, magnitude) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let digits = format!("{sign}{}.{:0DECIMALS$}", magnitude / 1_000_000_000, magnitude % 1_000_000_000);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal number in units of 1e-9.
fn nano(text: &str) -> Result<i64, TomlReason> {
    const TYPE: TomlReason = TomlReason::Type("a decimal number such as 12.5, without exponent");
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(TYPE);
    }
    if fraction.len() > DECIMALS {
        return Err(TomlReason::TooManyDecimals);
    }
    let magnitude =
        format!("{whole}{fraction:0<DECIMALS$}").parse::<i64>().map_err(|_| TomlReason::Overflow)?;
    Ok(if negative { -magnitude } else { magnitude })
}

fn syntax(text: &str, error: &toml_edit::TomlError) -> TomlError {
    let reason = TomlReason::Syntax(error.message().to_owned());
    TomlError { line: line_of(text, error.span()), field: String::new(), reason }
}

/// The line a place is in; the last where there is no place.
fn line_of(text: &str, place: Option<Range<usize>>) -> usize {
    let before = place.map_or(text, |place| text.get(..place.start).unwrap_or(text));
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# limits of one instrument\ninstrument = 7\ntick = 0.1\nlot = \"0.001\"\n\
        order_qty_max = 5\norder_notional_max = 1e5\ncollar_bps = 50\nquote_age_ns_max = 1\nposition_max = 9\n\
        open_notional_max = 9_000.000_000_001\nloss_max = 1\nrate_orders_max = 3\nrate_window_ns = 10\n";

    fn text() -> String {
        TEXT.replace("1e5", "100_000.0")
    }

    #[test]
    fn amounts_are_exact_to_the_ninth_decimal() {
        let limits = Limits::from_toml(&text()).unwrap();
        assert_eq!((limits.tick, limits.lot), (100_000_000, 1_000_000));
        assert_eq!(
            (limits.order_notional_max, limits.open_notional_max),
            (100_000_000_000_000, 9_000_000_000_001)
        );
        let exact =
            Limits::from_toml(&text().replace("loss_max = 1", "loss_max = 9223372036.854775807")).unwrap();
        assert_eq!(exact.loss_max, i64::MAX);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (from, to, message) in [
            ("tick = 0.1", "tik = 0.1", "line 3: no limit `tik`; there are instrument, tick, lot"),
            ("tick = 0.1\n", "", "limit `tick` is missing"),
            ("tick = 0.1", "tick = true", "line 3, limit `tick`: wants a number"),
            ("tick = 0.1", "tick = 0.1234567891", "line 3, limit `tick`: more than nine decimals"),
            (
                "tick = 0.1",
                "tick = 1e-3",
                "line 3, limit `tick`: wants a decimal number such as 12.5, without exponent",
            ),
            ("tick = 0.1", "tick = inf", "line 3, limit `tick`: wants a decimal number"),
            ("tick = 0.1", "tick = \"0,1\"", "line 3, limit `tick`: wants a decimal number"),
            ("tick = 0.1", "tick = 9223372037", "line 3, limit `tick`: does not fit"),
            ("tick = 0.1", "tick = -0.1", "line 3, limit `tick`: is -0.1, allowed is 0.000000001 to"),
            ("tick = 0.1", "tick = ", "line 3: "),
            ("tick = 0.1", "tick = 0.1\ntick = 0.2", "line 4: duplicate key"),
            ("collar_bps = 50", "collar_bps = 0.5", "line 7, limit `collar_bps`: wants a whole number"),
            ("collar_bps = 50", "collar_bps = -5", "line 7, limit `collar_bps`: does not fit"),
            (
                "rate_orders_max = 3",
                "rate_orders_max = 0",
                "line 12, limit `rate_orders_max`: is 0, allowed is 1 to",
            ),
        ] {
            let error = Limits::from_toml(&text().replace(from, to)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{to}: {error}");
        }
        assert!(Limits::from_toml("").unwrap_err().to_string().contains("`instrument` is missing"));
    }
}
