//! One pass over the rows of a comma-separated file of numbers.
//!
//! Digits are taken eight bytes at a time in a 64-bit word (SIMD within a register): market data is
//! almost all digits, and a byte-wise loop pays a multiplication in sequence for each. Where a field starts is known
//! when the one before has ended, so what costs time is the way from a field's first byte to its end: one look at 16
//! bytes, a branch that is nearly always guessed, and a count of zeros. What the digits are worth is worked out beside it.

use super::{DecodeError, DecodeReason};

/// 10^n for the n a number of at most [`DIGITS_MAX`] digits can need.
const POWERS_OF_TEN: [u64; DIGITS_MAX + 1] = {
    let mut powers = [1; DIGITS_MAX + 1];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// The most digits a number may have, so that every number fits `u64`.
const DIGITS_MAX: usize = 19;

/// Decimals of the 1e-9 unit.
const DECIMALS: usize = 9;

/// Reads the fields of a file one after another.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

/// The start of a row, to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowStart {
    at: usize,
    line: u64,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    /// Whether no byte is left.
    #[inline]
    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// An error at the present byte.
    #[cold]
    pub(super) const fn error(&self, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError { line: self.line, offset: self.at as u64, field, reason }
    }

    /// Where the row starts that is to be read next.
    #[inline]
    pub(super) const fn row_start(&self) -> RowStart {
        RowStart { at: self.at, line: self.line }
    }

    /// Goes to the row after `row`, wherever the cursor stands.
    #[cold]
    pub(super) fn skip_row(&mut self, row: RowStart) {
        let length = self.bytes[row.at..].iter().position(|&byte| byte == b'\n');
        self.at = length.map_or(self.bytes.len(), |length| row.at + length + 1);
        self.line = row.line + 1;
    }

    /// Takes the first line, which must be `header`.
    pub(super) fn header(&mut self, header: &[u8]) -> Result<(), DecodeError> {
        if !self.rest().starts_with(header) {
            return Err(self.error("header", DecodeReason::Header));
        }
        self.at += header.len();
        self.end_row("header")
    }

    /// Takes the comma between the fields `last` and `next`.
    #[inline]
    pub(super) fn comma(&mut self, last: &'static str, next: &'static str) -> Result<(), DecodeError> {
        if self.peek() != Some(b',') {
            return Err(self.not_a_comma(last, next));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes the end of the row after the field `last`.
    #[inline]
    pub(super) fn end_row(&mut self, last: &'static str) -> Result<(), DecodeError> {
        if self.peek() == Some(b'\r') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'\n') => {
                self.at += 1;
                self.line += 1;
                Ok(())
            }
            Some(b',') => Err(self.error(last, DecodeReason::TrailingField)),
            other => Err(self.unexpected(last, other)),
        }
    }

    /// Reads digits.
    #[inline]
    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let (value, digits) = leading_digits(self.rest());
        if digits == 0 {
            return Err(self.no_digits(field));
        }
        if digits > DIGITS_MAX {
            return Err(self.error(field, DecodeReason::Overflow));
        }
        self.at += digits;
        Ok(value)
    }

    /// Passes over digits that would be a number.
    #[inline]
    pub(super) fn skip_unsigned(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let digits = digits_at_the_start(self.rest());
        if digits == 0 {
            return Err(self.no_digits(field));
        }
        if digits > DIGITS_MAX {
            return Err(self.error(field, DecodeReason::Overflow));
        }
        self.at += digits;
        Ok(())
    }

    /// Passes over digits, or nothing where the field is empty.
    #[inline]
    pub(super) fn skip_optional_unsigned(&mut self, field: &'static str) -> Result<(), DecodeError> {
        if self.peek() == Some(b',') { Ok(()) } else { self.skip_unsigned(field) }
    }

    /// Reads digits with an optional minus sign.
    #[inline]
    pub(super) fn signed(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let magnitude = self.unsigned(field)?;
        let Ok(value) = i64::try_from(magnitude) else {
            return Err(self.error(field, DecodeReason::Overflow));
        };
        Ok(if negative { -value } else { value })
    }

    /// Reads a decimal number with an optional minus sign, exactly, in units of 1e-9.
    #[inline]
    pub(super) fn signed_decimal(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let magnitude = self.decimal(field)?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// Whether the field that starts here is empty.
    #[inline]
    pub(super) fn is_empty_field(&self) -> bool {
        matches!(self.peek(), Some(b',' | b'\n' | b'\r'))
    }

    /// Takes `expected`, or nothing if the row does not go on with it.
    #[inline]
    pub(super) fn take(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// Takes two fields of text with the commas after them, and gives them with the commas.
    pub(super) fn prefix(
        &mut self,
        fields: [&'static str; 2],
        next: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        self.text(fields[0])?;
        self.comma(fields[0], fields[1])?;
        self.text(fields[1])?;
        self.comma(fields[1], next)?;
        Ok(&self.bytes[start..self.at])
    }

    /// Reads a time in units of so many nanoseconds.
    #[inline]
    pub(super) fn time(&mut self, field: &'static str, unit_ns: u64) -> Result<u64, DecodeError> {
        let time = self.unsigned(field)?;
        time.checked_mul(unit_ns).ok_or_else(|| self.error(field, DecodeReason::Overflow))
    }

    /// Reads text: all bytes up to the next comma or the end of the row, at least one.
    #[inline]
    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let length = text_length(rest);
        if length == 0 || length == rest.len() {
            return Err(self.no_text(field));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// Reads a decimal number that is not negative, exactly, in units of 1e-9.
    #[inline]
    pub(super) fn decimal(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        if let Some((value, length)) = self.rest().first_chunk().and_then(decimal_of_16) {
            self.at += length;
            return Ok(value);
        }
        self.any_decimal(field)
    }

    /// The same for numbers that are long, or short of a fraction, or wrong.
    fn any_decimal(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        let (whole, whole_digits) = leading_digits(self.rest());
        if whole_digits == 0 {
            return Err(self.no_digits(field));
        }
        let mut fraction = 0;
        let mut length = whole_digits;
        if self.bytes.get(self.at + whole_digits) == Some(&b'.') {
            let (digits, count) = leading_digits(&self.bytes[self.at + whole_digits + 1..]);
            if count == 0 || count > DECIMALS {
                self.at += whole_digits + 1 + count.min(DECIMALS);
                return Err(self.bad_fraction(field, count));
            }
            fraction = digits * POWERS_OF_TEN[DECIMALS - count];
            length += 1 + count;
        }
        let Some(value) = nano(whole, whole_digits, fraction) else {
            return Err(self.error(field, DecodeReason::Overflow));
        };
        self.at += length;
        Ok(value)
    }

    /// The error for a number without a digit.
    #[cold]
    fn no_digits(&self, field: &'static str) -> DecodeError {
        match self.peek() {
            Some(b',' | b'\n' | b'\r') => self.error(field, DecodeReason::Missing),
            Some(b'-') => self.error(field, DecodeReason::Negative),
            other => self.unexpected(field, other),
        }
    }

    /// The error for text that is empty or does not end.
    #[cold]
    fn no_text(&self, field: &'static str) -> DecodeError {
        let reason = if self.is_empty_field() { DecodeReason::Missing } else { DecodeReason::Truncated };
        self.error(field, reason)
    }

    #[cold]
    fn bad_fraction(&self, field: &'static str, digits: usize) -> DecodeError {
        match digits {
            0 => self.unexpected(field, self.peek()),
            _ => self.error(field, DecodeReason::TooManyDecimals),
        }
    }

    #[cold]
    fn not_a_comma(&self, last: &'static str, next: &'static str) -> DecodeError {
        match self.peek() {
            Some(b'\n' | b'\r') => self.error(next, DecodeReason::Missing),
            other => self.unexpected(last, other),
        }
    }

    #[cold]
    fn unexpected(&self, field: &'static str, byte: Option<u8>) -> DecodeError {
        self.error(field, byte.map_or(DecodeReason::Truncated, DecodeReason::Unexpected))
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// How many bytes stand before the first comma, carriage return or line feed.
#[inline]
fn text_length(bytes: &[u8]) -> usize {
    // The high bit of each byte of `word` that equals `byte`, and perhaps of bytes after the first such.
    let equal = |word: u64, byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero & (ONES << 7)
    };
    let mut length = 0;
    while let Some(chunk) = bytes[length..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let end = equal(word, b',') | equal(word, b'\n') | equal(word, b'\r');
        if end != 0 {
            return length + (end.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let is_end = |byte: &u8| matches!(byte, b',' | b'\n' | b'\r');
    length + bytes[length..].iter().position(is_end).unwrap_or(bytes.len() - length)
}

/// `whole` units and `fraction` billionths in billionths.
#[inline]
fn nano(whole: u64, whole_digits: usize, fraction: u64) -> Option<i64> {
    if whole_digits > DIGITS_MAX {
        return None;
    }
    let value = whole.checked_mul(POWERS_OF_TEN[DECIMALS])?.checked_add(fraction)?;
    i64::try_from(value).ok()
}

/// The number made by the digits `bytes` starts with, and how many they are. The number has wrapped
/// if they are more than [`DIGITS_MAX`].
#[inline]
fn leading_digits(bytes: &[u8]) -> (u64, usize) {
    let Some([lower, upper]) = words(bytes) else { return more_digits(bytes, 0, 0) };
    let (first, count) = leading_digits_of_8(lower);
    if count < 8 {
        return (first, count);
    }
    let (second, count) = leading_digits_of_8(upper);
    if count < 8 {
        return (first * POWERS_OF_TEN[count] + second, 8 + count);
    }
    more_digits(bytes, first * POWERS_OF_TEN[8] + second, 16)
}

/// Goes on where `count` digits were read already, making `value`.
fn more_digits(bytes: &[u8], mut value: u64, mut count: usize) -> (u64, usize) {
    while let Some(chunk) = bytes[count..].first_chunk::<8>() {
        let (digits, n) = leading_digits_of_8(u64::from_le_bytes(*chunk));
        value = value.wrapping_mul(POWERS_OF_TEN[n]).wrapping_add(digits);
        if n < 8 {
            return (value, count + n);
        }
        // Not `n`: the next bytes are read without waiting for it.
        count += 8;
    }
    while let Some(digit @ b'0'..=b'9') = bytes.get(count) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        count += 1;
    }
    (value, count)
}

/// How many digits `bytes` starts with.
#[inline]
fn digits_at_the_start(bytes: &[u8]) -> usize {
    let ends = words(bytes).map(|words| words.map(|word| not_digits(digits_of(word))));
    match ends {
        Some([end, _]) if end != 0 => bytes_before(end),
        Some([_, end]) if end != 0 => 8 + bytes_before(end),
        _ => leading_digits(bytes).1,
    }
}

/// A decimal number of up to seven digits, a point and up to nine digits, which with the byte after it are the first
/// of 16 bytes: the number in billionths, and its length. `None` for anything else.
#[inline]
fn decimal_of_16(bytes: &[u8; 16]) -> Option<(i64, usize)> {
    let [lower, upper] = words(bytes)?;
    let digits = [lower, upper].map(digits_of);
    let ends = digits.map(not_digits);
    // The end of the whole digits, and that of the fraction, which is in the same word or in the next.
    let point = bytes_before(ends[0]);
    let after = ends[0] & ends[0].wrapping_sub(1);
    let end = if after != 0 { bytes_before(after) } else { 8 + bytes_before(ends[1]) };
    if point == 0 || point == 8 || bytes[point] != b'.' || end == 16 {
        return None;
    }
    let count = end - point - 1;
    if count == 0 || count > DECIMALS {
        return None;
    }
    let whole = number_of_8((digits[0] << (32 - 4 * point)) << (32 - 4 * point));
    // The bytes after the point, those of them that are digits, and zeros: always nine decimals.
    let first = ((digits[0] >> (8 * point)) >> 8) | (digits[1] << (56 - 8 * point));
    let eight = number_of_8(first & (u64::MAX >> (64 - 8 * count.min(8))));
    let ninth = if count == DECIMALS { u64::from(bytes[end - 1] - b'0') } else { 0 };
    Some(((whole * POWERS_OF_TEN[DECIMALS] + eight * 10 + ninth) as i64, end))
}

/// The first 16 bytes as two little-endian words.
#[inline]
fn words(bytes: &[u8]) -> Option<[u64; 2]> {
    let all = u128::from_le_bytes(*bytes.first_chunk()?);
    Some([all as u64, (all >> 64) as u64])
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Bytes with `'0'` taken off by exclusive or: digits become their values.
#[inline]
const fn digits_of(word: u64) -> u64 {
    word ^ (ONES * b'0' as u64)
}

/// The high bit of each byte that is no digit: that is above 9, so that adding 0x76 to its low seven bits reaches
/// bit 7, or has bit 7 itself.
#[inline]
const fn not_digits(digits: u64) -> u64 {
    (((digits & (ONES * 0x7f)) + ONES * 0x76) | digits) & (ONES * 0x80)
}

/// How many bytes stand before the first that has its high bit.
#[inline]
const fn bytes_before(high_bits: u64) -> usize {
    (high_bits.trailing_zeros() / 8) as usize
}

/// The number at the start of eight bytes in a little-endian word, and how many digits it has.
///
/// Shifting the word up by the bytes that are not digits (in two halves, as by all 64 bits it would not shift) puts
/// zeros before the digits, so that eight digits are left.
#[inline]
const fn leading_digits_of_8(word: u64) -> (u64, usize) {
    let digits = digits_of(word);
    let count = bytes_before(not_digits(digits));
    let half = 32 - 4 * count;
    (number_of_8((digits << half) << half), count)
}

/// Combines eight digits: pairs, then fours, then all, each by one multiplication whose upper part is
/// `10^k * left + right`.
#[inline]
const fn number_of_8(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul((10_000 << 32) + 1) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Result<i64, DecodeReason> {
        Cursor::new(text.as_bytes()).decimal("x").map_err(|error| error.reason)
    }

    #[test]
    fn decimals_are_exact_to_the_ninth() {
        for (text, nano) in [
            ("0,", 0),
            ("1\n", 1_000_000_000),
            ("61837.63000000,", 61_837_630_000_000),
            ("0.000000001,", 1),
            ("00012.5,", 12_500_000_000),
            ("9223372036.854775807,", i64::MAX),
            ("34200.1", 34_200_100_000_000),
        ] {
            assert_eq!(decimal(text), Ok(nano), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_has_a_reason() {
        for (text, reason) in [
            ("", DecodeReason::Truncated),
            (",1", DecodeReason::Missing),
            ("\n", DecodeReason::Missing),
            ("-1", DecodeReason::Negative),
            ("x", DecodeReason::Unexpected(b'x')),
            ("1.", DecodeReason::Truncated),
            ("1.,", DecodeReason::Unexpected(b',')),
            (".5", DecodeReason::Unexpected(b'.')),
            ("1.0000000000,", DecodeReason::TooManyDecimals),
            ("9223372036.854775808", DecodeReason::Overflow),
            ("99999999999999999999999999", DecodeReason::Overflow),
            ("18446744074,", DecodeReason::Overflow),
        ] {
            assert_eq!(decimal(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn signed_numbers_take_a_minus_only() {
        let signed = |text: &str| Cursor::new(text.as_bytes()).signed("x").map_err(|error| error.reason);
        assert_eq!(signed("-9999999999,"), Ok(-9_999_999_999));
        assert_eq!(signed("9223372036854775807,"), Ok(i64::MAX));
        assert_eq!(signed("9223372036854775808,"), Err(DecodeReason::Overflow));
        assert_eq!(signed("--1,"), Err(DecodeReason::Negative));
        assert_eq!(signed("+1,"), Err(DecodeReason::Unexpected(b'+')));
        assert_eq!(signed("-,"), Err(DecodeReason::Missing));
    }

    /// The digits one by one: the plain loop the words stand for.
    fn digits_one_by_one(bytes: &[u8]) -> (u64, usize) {
        let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = bytes[..count]
            .iter()
            .fold(0_u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        (value, count)
    }

    proptest! {
        #[test]
        fn text_ends_at_the_first_comma_or_line_end(bytes in prop::collection::vec(prop::sample::select(b"ab,\n\r\x2b\x2d\xac\x8a\0".to_vec()), 0..40)) {
            let expected = bytes.iter().position(|byte| b",\n\r".contains(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(text_length(&bytes), expected);
        }

        #[test]
        fn words_of_digits_equal_digits_one_by_one(bytes in "[0-9]{0,24}[^0-9]?[0-9]{0,9}") {
            prop_assert_eq!(leading_digits(bytes.as_bytes()), digits_one_by_one(bytes.as_bytes()));
        }

        #[test]
        fn any_eight_bytes_equal_digits_one_by_one(bytes: [u8; 8]) {
            prop_assert_eq!(leading_digits_of_8(u64::from_le_bytes(bytes)), digits_one_by_one(&bytes));
        }

        /// Short and long, with and without a fraction, right and wrong.
        #[test]
        fn sixteen_bytes_give_the_decimal_that_any_number_of_bytes_gives(text in "[0-9]{0,10}[.,]?[0-9]{0,11}[,x.\\n][0-9,]{0,16}") {
            let (mut short, mut long) = (Cursor::new(text.as_bytes()), Cursor::new(text.as_bytes()));
            prop_assert_eq!(short.decimal("x"), long.any_decimal("x"));
            prop_assert_eq!(short.at, long.at);
        }

        #[test]
        fn passing_over_digits_ends_where_reading_them_ends(text in "[0-9]{0,22}[,x]?[0-9]{0,16}") {
            let (mut over, mut read) = (Cursor::new(text.as_bytes()), Cursor::new(text.as_bytes()));
            prop_assert_eq!(over.skip_unsigned("x"), read.unsigned("x").map(drop));
            prop_assert_eq!(over.at, read.at);
        }

        #[test]
        fn printed_decimals_come_back(nano in 0..=i64::MAX) {
            let text = format!("{}.{:09},", nano / 1_000_000_000, nano % 1_000_000_000);
            prop_assert_eq!(decimal(&text), Ok(nano));
        }
    }
}
