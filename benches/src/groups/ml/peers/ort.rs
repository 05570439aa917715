//! ONNX Runtime from the Python package's shared library: one thread, inputs and outputs bound once, the input written
//! in place before each run.

use super::{GRU_INPUTS, GRU_STATE, onnx, python, same};
use crate::case::{Lane, lane};
use crate::groups::ml::data::Rows;
use bot4_ml::{GruCell, Mlp};
use ndarray::ArrayView2;
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;
use std::hint::black_box;
use std::sync::OnceLock;

/// Rows on which outputs are compared before anything is measured.
const COMPARED: usize = 64;

/// Where the library is: `ORT_DYLIB_PATH`, or beside Python's package.
fn library() -> Result<String, String> {
    const FIND: &str = "import glob, os, onnxruntime as o; print(glob.glob(os.path.join(os.path.dirname(o.__file__), 'capi', 'libonnxruntime.so*'))[0])";
    std::env::var("ORT_DYLIB_PATH").or_else(|_| python(FIND, ""))
}

/// The library, loaded once: there is one environment a process.
fn environment() -> Result<&'static Environment, String> {
    static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
    let load = || {
        let builder = ort::init_from(library()?).map_err(|error| error.to_string())?;
        builder.build().map_err(|error| error.to_string())
    };
    LOADED.get_or_init(load).as_ref().map_err(String::clone)
}

/// A session with its buffers.
struct Bound {
    session: Session,
    binding: IoBinding,
    x: Tensor<f32>,
}

impl Bound {
    fn new(environment: &Environment, model: &[u8], x: &[usize], y: &[usize]) -> Result<Self, ort::Error> {
        let mut builder = Session::builder(environment)?.with_intra_threads(1)?.with_inter_threads(1)?;
        let session = builder.commit_from_memory(model)?;
        let mut binding = session.create_binding()?;
        let x = Tensor::<f32>::new(&Allocator::default(), x.to_vec())?;
        binding.bind_input("x", &x)?;
        binding.bind_output("y", Tensor::<f32>::new(&Allocator::default(), y.to_vec())?)?;
        Ok(Self { session, binding, x })
    }

    /// Runs on `row` and hands the output on.
    fn run<R>(&mut self, row: &[f32], then: impl FnOnce(&[f32]) -> R) -> R {
        self.x.extract_tensor_mut().1.copy_from_slice(row);
        let outputs = self.session.run_binding(&self.binding).expect("it ran before");
        let (_, y) = outputs["y"].try_extract_tensor::<f32>().expect("floats");
        then(y)
    }
}

pub(super) fn network(network: &Mlp<f32>, batch: usize) -> Result<Lane, String> {
    let environment = environment()?;
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let model = onnx::network(network, batch);
    let mut bound = Bound::new(environment, &model, &[batch, inputs], &[batch, outputs])
        .map_err(|error| error.to_string())?;
    let mut rows = Rows::<f32>::new(inputs);
    let next = move |rows: &mut Rows<f32>| {
        if batch == 1 { rows.next().to_vec() } else { rows.next_batch().to_vec() }
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut scratch = vec![0.0; network.batch_scratch_len()];
    for _ in 0..COMPARED {
        let x = next(&mut rows);
        let mut y = vec![0.0; batch * outputs];
        let table = ArrayView2::from_shape((batch, inputs), &x).expect("whole rows");
        network.predict_batch(table, &mut scratch, &mut y);
        ours.extend(y.iter().map(|y| f64::from(*y)));
        bound.run(&x, |y| theirs.extend(y.iter().map(|y| f64::from(*y))));
    }
    same(&ours, &theirs, 1e-6)?;
    Ok(lane(move || {
        let x = if batch == 1 { rows.next() } else { rows.next_batch() };
        bound.run(x, |y| black_box(y[0]));
    }))
}

/// The state is bound as an input and written back after each step, as a stream needs it.
pub(super) fn gru(cell: &GruCell<f32>) -> Result<Lane, String> {
    let environment = environment()?;
    let bound = || -> Result<(Bound, Tensor<f32>), ort::Error> {
        let mut bound = Bound::new(environment, &onnx::gru(cell), &[1, 1, GRU_INPUTS], &[1, 1, GRU_STATE])?;
        let h = Tensor::<f32>::new(&Allocator::default(), vec![1, 1, GRU_STATE])?;
        bound.binding.bind_input("h", &h)?;
        Ok((bound, h))
    };
    let (mut bound, mut h) = bound().map_err(|error| error.to_string())?;
    let mut rows = Rows::<f32>::new(GRU_INPUTS);
    h.extract_tensor_mut().1.fill(0.0);
    let (mut state, mut scratch) = ([0.0; GRU_STATE], vec![0.0; cell.scratch_len()]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..COMPARED {
        let x = rows.next();
        cell.step(x, &mut state, &mut scratch);
        ours.extend(state.iter().map(|h| f64::from(*h)));
        bound.run(x, |y| {
            theirs.extend(y.iter().map(|h| f64::from(*h)));
            h.extract_tensor_mut().1.copy_from_slice(y);
        });
    }
    same(&ours, &theirs, 1e-6)?;
    Ok(lane(move || {
        bound.run(rows.next(), |y| h.extract_tensor_mut().1.copy_from_slice(y));
    }))
}
