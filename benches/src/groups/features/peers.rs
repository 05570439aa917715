//! The indicator crates: `ta`, and `yata` with its methods alone where an indicator would want candles.

use super::{WINDOW, over};
use crate::case::{Case, Lane};
use ta::Next;
use ta::indicators::{
    BollingerBands, ExponentialMovingAverage, Maximum, Minimum, MovingAverageConvergenceDivergence,
    RelativeStrengthIndex, StandardDeviation,
};
use yata::core::Method;
use yata::methods::{EMA, Highest, Lowest, RMA, StDev};

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "ema" => case
            .peer("ta", [of_ta(ExponentialMovingAverage::new(20))])
            .peer("yata", [of_yata(EMA::new(20, &100.0))]),
        "macd" => case
            .peer(
                "ta",
                [over(made(MovingAverageConvergenceDivergence::new(12, 26, 9)), |macd, x| {
                    macd.next(x).histogram
                })],
            )
            .peer("yata EMA", [yata_macd()]),
        "rsi" => case.peer("ta", [of_ta(RelativeStrengthIndex::new(14))]).peer("yata RMA", [yata_rsi()]),
        "rolling_std" => case
            .peer("ta", [of_ta(StandardDeviation::new(WINDOW))])
            .peer("yata", [of_yata(StDev::new(WINDOW as u8, &100.0))]),
        "rolling_min" => case
            .peer("ta", [of_ta(Minimum::new(WINDOW))])
            .peer("yata", [of_yata(Lowest::new(WINDOW as u8, &100.0))]),
        "rolling_max" => case
            .peer("ta", [of_ta(Maximum::new(WINDOW))])
            .peer("yata", [of_yata(Highest::new(WINDOW as u8, &100.0))]),
        "bollinger" => {
            case.peer("ta", [over(made(BollingerBands::new(20, 2.0)), |bands, x| bands.next(x).upper)])
        }
        _ => case,
    }
}

fn made<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(indicator) => indicator,
        Err(error) => panic!("{error:?}"),
    }
}

fn of_ta<I, E: std::fmt::Debug>(indicator: Result<I, E>) -> Lane
where
    I: Next<f64, Output = f64> + Send + 'static,
{
    over(made(indicator), |indicator, x| indicator.next(x))
}

fn of_yata<I, E: std::fmt::Debug>(method: Result<I, E>) -> Lane
where
    I: Method<Input = f64, Output = f64> + Send + 'static,
{
    over(made(method), |method, x| method.next(&x))
}

/// From its averages, as the indicator of that name takes candles.
fn yata_macd() -> Lane {
    let ema = |n| made(EMA::new(n, &100.0));
    over((ema(12), ema(26), made(EMA::new(9, &0.0))), |(fast, slow, signal), x| {
        let line = fast.next(&x) - slow.next(&x);
        line - signal.next(&line)
    })
}

/// Wilder's averages of gains and losses.
fn yata_rsi() -> Lane {
    let average = || made(RMA::new(14, &0.0));
    over((average(), average(), 100.0), |(gains, losses, last), x| {
        let change = x - std::mem::replace(last, x);
        let gain = gains.next(&change.max(0.0));
        let loss = losses.next(&(-change).max(0.0));
        if gain + loss > 0.0 { 100.0 * gain / (gain + loss) } else { 50.0 }
    })
}
