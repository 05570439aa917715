//! Tables of numbers as text.

use ndarray::Array2;
use std::fmt;

/// Numbers in columns with names.
#[derive(Debug)]
pub(crate) struct Table {
    /// The header's, or the columns' numbers from 0 on.
    pub(crate) names: Vec<String>,
    pub(crate) rows: Array2<f64>,
}

/// What is wrong with a table, and where.
#[derive(Debug)]
pub(crate) struct Malformed {
    line: usize,
    what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl Table {
    /// Reads lines of equally many numbers. The separator is the first of tab, semicolon and comma that the first
    /// line has; the first line is a header if one of its fields is no number.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |line, what: String| Malformed { line, what };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            malformed(line, "not text: is it packed? --compression overrides what was detected".to_owned())
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // a mark that spreadsheets put in front
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).peekable();
        let Some(&(_, first)) = lines.peek() else { return Err(malformed(1, "no rows".to_owned())) };
        let separator = ['\t', ';', ','].into_iter().find(|one| first.contains(*one)).unwrap_or(',');
        let fields =
            |line: &'_ str| line.split(separator).map(|field| field.trim().to_owned()).collect::<Vec<_>>();
        let first = fields(first);
        let width = first.len();
        let is_header = first.iter().any(|field| field.parse::<f64>().is_err());
        let names = if is_header {
            let (line, _) = lines.next().expect("it was peeked at");
            let twice = (1..width).find(|at| !first[*at].is_empty() && first[..*at].contains(&first[*at]));
            if let Some(at) = twice {
                return Err(malformed(line, format!("two columns are called {:?}", first[at])));
            }
            first
        } else {
            (0..width).map(|column| column.to_string()).collect()
        };
        let mut numbers = Vec::new();
        for (at, line) in lines {
            let before = numbers.len();
            for (column, field) in line.split(separator).enumerate() {
                let number = field.trim().parse::<f64>().map_err(|_| {
                    let name = names.get(column).map_or("", String::as_str);
                    malformed(at, format!("column {column} ({name}): {:?} is no number", field.trim()))
                })?;
                numbers.push(number);
            }
            if numbers.len() - before != width {
                return Err(malformed(
                    at,
                    format!("{} columns, the first line has {width}", numbers.len() - before),
                ));
            }
        }
        if numbers.is_empty() {
            return Err(malformed(1, "no rows below the header".to_owned()));
        }
        let rows = Array2::from_shape_vec((numbers.len() / width, width), numbers).expect("whole rows");
        Ok(Self { names, rows })
    }

    /// The number of a column, given its name or number.
    pub(crate) fn column(&self, wanted: &str) -> Result<usize, String> {
        let by_name = self.names.iter().position(|name| name == wanted);
        let by_number = || wanted.parse().ok().filter(|column| *column < self.names.len());
        by_name
            .or_else(by_number)
            .ok_or_else(|| format!("no column {wanted:?}; the columns are {}", self.names.join(", ")))
    }
}
