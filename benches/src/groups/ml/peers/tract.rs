//! tract on the same ONNX bytes as ONNX Runtime: optimised for the fixed shapes, its state of a run kept.

use super::{GRU_INPUTS, GRU_STATE, onnx, same};
use crate::case::{Lane, lane};
use crate::groups::ml::data::Rows;
use bot4_ml::GruCell;
use std::hint::black_box;
use std::io::Cursor;
use tract_onnx::prelude::*;

/// Steps on which states are compared before anything is measured.
const COMPARED: usize = 64;

/// The state goes in as an input and comes back as the output.
pub(super) fn gru(cell: &GruCell<f32>) -> Result<Lane, String> {
    let text = |error: TractError| error.to_string();
    let model = tract_onnx::onnx().model_for_read(&mut Cursor::new(onnx::gru(cell))).map_err(text)?;
    let model = model.into_optimized().and_then(|model| model.into_runnable()).map_err(text)?;
    let mut run = model.spawn().map_err(text)?;
    let mut step = move |x: &[f32], h: TValue| -> TractResult<TValue> {
        let x = Tensor::from_shape(&[1, 1, GRU_INPUTS], x)?;
        Ok(run.run(tvec![x.into(), h])?.remove(0))
    };
    let zeros = || Tensor::from_shape(&[1, 1, GRU_STATE], &[0.0_f32; GRU_STATE]).map(TValue::from);
    let mut rows = Rows::<f32>::new(GRU_INPUTS);
    let (mut state, mut scratch) = ([0.0; GRU_STATE], vec![0.0; cell.scratch_len()]);
    let mut h = zeros().map_err(text)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..COMPARED {
        let x = rows.next();
        cell.step(x, &mut state, &mut scratch);
        ours.extend(state.iter().map(|h| f64::from(*h)));
        h = step(x, h).map_err(text)?;
        theirs.extend(h.to_plain_array_view::<f32>().map_err(text)?.iter().map(|h| f64::from(*h)));
    }
    same(&ours, &theirs, 1e-6)?;
    let mut h = Some(h);
    Ok(lane(move || {
        let next = step(rows.next(), h.take().expect("put back below")).expect("it ran before");
        h = Some(black_box(next));
    }))
}
