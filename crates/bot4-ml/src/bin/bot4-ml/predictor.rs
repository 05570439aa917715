//! A model from a file, whichever it is, ready to predict rows.

use crate::failure::Failure;
use crate::input;
use bot4_ml::{BoostedTrees, Model, ModelFile, Saved};
use std::path::Path;

/// Longest model file read: that of trees. Models of ours have a lower limit of their own.
const BYTES_MAX: u64 = 256 << 20;

/// A model and what it predicts with.
#[derive(Debug)]
pub(crate) struct Predictor {
    pub(crate) kind: Kind,
    row: Vec<f64>,
    scratch: Vec<f64>,
    out: Vec<f64>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Ours(ModelFile<Model<f64>>),
    Trees(BoostedTrees),
}

impl Predictor {
    /// Reads a model file of ours, or a text model of LightGBM, which starts with the word `tree`.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        Self::load_with_size(path).map(|(predictor, _)| predictor)
    }

    /// As [`load`](Self::load), with the length of the file in bytes. Reads once: the file may be a pipe.
    pub(crate) fn load_with_size(path: &Path) -> Result<(Self, usize), Failure> {
        let bytes = input::bytes(path, BYTES_MAX)?;
        let kind = if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
            let text = str::from_utf8(&bytes).map_err(|error| Failure::at(path, error))?;
            Kind::Trees(BoostedTrees::from_lightgbm(text).map_err(|error| Failure::at(path, error))?)
        } else {
            Kind::Ours(ModelFile::from_bytes(&bytes).map_err(|error| Failure::at(path, error))?)
        };
        Ok((Self::new(kind), bytes.len()))
    }

    pub(crate) fn new(kind: Kind) -> Self {
        let (inputs, outputs, scratch) = match &kind {
            Kind::Trees(trees) => (trees.inputs(), trees.outputs(), trees.scratch_len()),
            Kind::Ours(file) => {
                let scratch = match &file.model {
                    Model::Mlp(network) => network.scratch_len(),
                    Model::Gru(cell) => cell.scratch_len(),
                    Model::Linear(_) | Model::Logistic(_) => 0,
                };
                (file.model.inputs(), file.model.outputs(), scratch)
            }
        };
        Self { kind, row: vec![0.0; inputs], scratch: vec![0.0; scratch], out: vec![0.0; outputs] }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.row.len()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.out.len()
    }

    /// Names of the features, or none.
    pub(crate) fn features(&self) -> &[String] {
        match &self.kind {
            Kind::Ours(file) => &file.features,
            Kind::Trees(trees) => trees.features(),
        }
    }

    /// Names of the classes, or none.
    pub(crate) fn classes(&self) -> &[String] {
        match &self.kind {
            Kind::Ours(file) => &file.classes,
            Kind::Trees(_) => &[],
        }
    }

    /// Whether the single output is a probability.
    pub(crate) fn is_probability(&self) -> bool {
        match &self.kind {
            Kind::Ours(file) => match &file.model {
                Model::Logistic(_) => true,
                Model::Mlp(network) => network.output_activation() == bot4_ml::Activation::Sigmoid,
                Model::Linear(_) | Model::Gru(_) => false,
            },
            Kind::Trees(trees) => trees.predicts_probabilities(),
        }
    }

    /// Standardises and predicts one row. No allocation. A recurrent cell goes on from the row before.
    #[inline]
    pub(crate) fn predict(&mut self, x: &[f64]) -> &[f64] {
        let Self { kind, row, scratch, out } = self;
        match kind {
            Kind::Trees(trees) => trees.predict(x, scratch, out),
            Kind::Ours(file) => {
                row.copy_from_slice(x);
                if let Some(standardizer) = &file.standardizer {
                    standardizer.standardize(row);
                }
                match &file.model {
                    Model::Linear(model) => out[0] = model.predict(row),
                    Model::Logistic(model) => out[0] = model.predict(row),
                    Model::Mlp(network) => network.predict(row, scratch, out),
                    Model::Gru(cell) => cell.step(row, out, scratch),
                }
            }
        }
        out
    }
}
