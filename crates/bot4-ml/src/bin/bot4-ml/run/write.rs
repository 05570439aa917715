//! The last thread: decisions as CSV or as JSON lines.

use super::decide::{Decision, Output};
use crate::args::OutputFormat;
use crate::output::Decimal;
use bot4_pipeline::Side;
use bot4_pipeline::risk::Order;
use std::io::{self, Write};

/// Writes decisions, and lets go of them when the input is idle.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Write,
    format: OutputFormat,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, format: OutputFormat) -> Self {
        Self { out, format }
    }

    pub(super) fn header(&mut self) -> io::Result<()> {
        match self.format {
            OutputFormat::Csv => writeln!(self.out, "ts,p_down,p_flat,p_up,action,id,px,qty,reason"),
            OutputFormat::Jsonl => Ok(()),
        }
    }

    pub(super) fn write(&mut self, output: &Output) -> io::Result<()> {
        match output {
            Output::Idle => self.out.flush(),
            Output::Decided { ts, p, decision } => self.row(*ts, *p, decision),
        }
    }

    fn row(&mut self, ts: u64, [down, flat, up]: [f64; 3], decision: &Decision) -> io::Result<()> {
        let (action, order, reason) = match decision {
            Decision::Hold => ("hold", None, None),
            Decision::Sent(order) => (side(order), Some(order), None),
            Decision::Denied(order, reason) => ("denied", Some(order), Some(reason.text())),
        };
        let out = &mut *self.out;
        match self.format {
            OutputFormat::Csv => {
                write!(out, "{ts},{down:.6},{flat:.6},{up:.6},{action}")?;
                match order {
                    Some(order) => write!(out, ",{},{},{}", order.id, Decimal(order.px), Decimal(order.qty))?,
                    None => write!(out, ",,,")?,
                }
                writeln!(out, ",{}", reason.unwrap_or_default())
            }
            OutputFormat::Jsonl => {
                write!(
                    out,
                    r#"{{"ts":{ts},"p_down":{down:.6},"p_flat":{flat:.6},"p_up":{up:.6},"action":"{action}""#
                )?;
                if let Some(order) = order {
                    let (px, qty) = (Decimal(order.px), Decimal(order.qty));
                    write!(out, r#","id":{},"px":"{px}","qty":"{qty}""#, order.id)?;
                }
                match reason {
                    Some(reason) => writeln!(out, r#","reason":"{reason}"}}"#),
                    None => writeln!(out, "}}"),
                }
            }
        }
    }
}

fn side(order: &Order) -> &'static str {
    match order.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}
