//! Boosted trees as LightGBM trains them.
//!
//! A file is read in three steps: `lightgbm` parses the text into trees with checked indices, `slots` moves what a split does with missing
//! values and categories out of the trees, so that every split is `slot <= threshold`, and `layout` lays the trees
//! out without branches, those that `ranked` can take as bytes.

mod layout;
mod lightgbm;
mod ranked;
mod slots;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bot4_simd::Splits;
use ndarray::ArrayView2;

use layout::Forest;
pub use lightgbm::{TreeFileError, TreeFileReason};
use ranked::Ranking;
use slots::Slots;

/// Files beyond this are refused before they are read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Gradient-boosted decision trees read from LightGBM's text format.
///
/// Numerical and categorical splits, every treatment of missing values, binary, multi-class, regression, ranking
/// and cross-entropy objectives, random forests. Linear trees are refused. Predictions are LightGBM's to within
/// rounding of the sum.
///
/// Prediction takes `&self` and the caller's scratch and allocates nothing. What a row costs does not depend on the row. Trees up to depth 8
/// are stored complete and walked several at a time without branches. Up to depth 6, in a model of at most 128 inputs with at most
/// 255 thresholds each (LightGBM's default), all splits of a tree are decided at once: that is the fast case.
///
/// ```
/// use bot4_ml::BoostedTrees;
///
/// let text = "\
/// tree
/// version=v4
/// num_class=1
/// num_tree_per_iteration=1
/// max_feature_idx=1
/// objective=binary sigmoid:1
/// feature_names=qi spread
///
/// Tree=0
/// num_leaves=2
/// num_cat=0
/// split_feature=0
/// threshold=0.25
/// decision_type=2
/// left_child=-1
/// right_child=-2
/// leaf_value=-1 1
/// is_linear=0
///
/// end of trees
/// ";
/// let trees = BoostedTrees::from_lightgbm(text)?;
/// let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
/// trees.predict(&[0.3, 1.0], &mut scratch, &mut out);
/// assert_eq!(out, [1.0 / (1.0 + (-1.0_f64).exp())]);
/// assert_eq!(trees.features(), ["qi", "spread"]);
/// # Ok::<(), bot4_ml::TreeFileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BoostedTrees {
    features: Vec<String>,
    transform: Transform,
    slots: Slots,
    ranking: Ranking,
    /// One forest an output.
    forests: Vec<Forest>,
    trees: usize,
    /// What a forest's sum is divided by: 1, or its trees in a random forest.
    divisor: f64,
}

/// What follows the sums of the trees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Transform {
    Identity,
    Sigmoid(f64),
    Softmax,
    Exp,
    SignedSquare,
    Softplus,
}

impl BoostedTrees {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`TreeFileError`] when it cannot be read, is larger than 256 MiB, or is not a model; with the line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TreeFileError> {
        let mut text = String::new();
        let file = File::open(path).map_err(TreeFileError::io)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(TreeFileError::io)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(TreeFileError::too_large(FILE_BYTES_MAX));
        }
        Self::from_lightgbm(&text)
    }

    /// Reads the text of a model file. Memory: a few times the text.
    ///
    /// # Errors
    /// [`TreeFileError`] with the line and what is wrong there.
    pub fn from_lightgbm(text: &str) -> Result<Self, TreeFileError> {
        let model = lightgbm::parse(text)?;
        let outputs = model.outputs;
        let (slots, trees) = Slots::resolve(&model.trees);
        let ranking = Ranking::new(&trees, slots.len());
        let forest = |output| Forest::new(trees.iter().skip(output).step_by(outputs), slots.len(), &ranking);
        let forests = (0..outputs).map(forest).collect();
        let divisor = if model.average { (model.trees.len() / outputs).max(1) as f64 } else { 1.0 };
        Ok(Self {
            features: model.features,
            transform: model.transform,
            slots,
            ranking,
            forests,
            trees: trees.len(),
            divisor,
        })
    }

    /// The number of features of a row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.features.len()
    }

    /// The number of outputs of a row: 1, or the classes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.forests.len()
    }

    /// The number of trees.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// Whether every output is a probability.
    #[must_use]
    pub fn predicts_probabilities(&self) -> bool {
        matches!(self.transform, Transform::Sigmoid(_) | Transform::Softmax)
    }

    /// The names of the features, in order.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Numbers of scratch that prediction needs.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        self.slots.len()
    }

    /// Predicts one row: probabilities for classes, the expected value else, as LightGBM's `predict`. Allocates
    /// nothing.
    ///
    /// # Panics
    /// When `x` or `out` has another length than the model, or `scratch` is shorter than
    /// [`scratch_len`](Self::scratch_len).
    pub fn predict(&self, x: &[f64], scratch: &mut [f64], out: &mut [f64]) {
        self.predict_raw(x, scratch, out);
        out.iter_mut().for_each(|sum| *sum /= self.divisor);
        self.transform.apply(out);
    }

    /// The sums of the trees, before a random forest's mean and the objective's transformation, as LightGBM's `predict`
    /// with `raw_score`.
    /// Allocates nothing.
    ///
    /// # Panics
    /// As [`predict`](Self::predict).
    pub fn predict_raw(&self, x: &[f64], scratch: &mut [f64], out: &mut [f64]) {
        assert_eq!(x.len(), self.inputs(), "the row's width is not the model's");
        assert_eq!(out.len(), self.outputs(), "one place for every output");
        let slots = &mut scratch[..self.slots.len()];
        self.slots.fill(x, slots);
        let mut ranks = [0; Splits::INPUTS_MAX];
        let ranks = self.ranking.rank(slots, &mut ranks);
        for (out, forest) in out.iter_mut().zip(&self.forests) {
            *out = forest.sum(slots, ranks);
        }
    }

    /// Predicts every row of a table into `out`, row by row. Allocates nothing. Rows that are not contiguous are
    /// copied into the scratch.
    ///
    /// # Panics
    /// When the table has another width than the model, `out` another length than rows times outputs, or
    /// `scratch` is shorter than [`scratch_len`](Self::scratch_len) and a row together.
    pub fn predict_batch(&self, rows: ArrayView2<'_, f64>, scratch: &mut [f64], out: &mut [f64]) {
        assert_eq!(rows.ncols(), self.inputs(), "the table's width is not the model's");
        assert_eq!(out.len(), rows.nrows() * self.outputs(), "one place for every output of every row");
        let (copy, scratch) = scratch.split_at_mut(self.inputs());
        for (row, out) in rows.rows().into_iter().zip(out.chunks_exact_mut(self.outputs())) {
            let row = match row.to_slice() {
                Some(row) => row,
                None => {
                    copy.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
                    &*copy
                }
            };
            self.predict(row, scratch, out);
        }
    }
}

impl Transform {
    fn apply(self, out: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Sigmoid(slope) => out.iter_mut().for_each(|z| *z = 1.0 / (1.0 + (-slope * *z).exp())),
            Self::Exp => out.iter_mut().for_each(|z| *z = z.exp()),
            Self::SignedSquare => out.iter_mut().for_each(|z| *z *= z.abs()),
            Self::Softplus => out.iter_mut().for_each(|z| *z = z.exp().ln_1p()),
            Self::Softmax => {
                let max = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                out.iter_mut().for_each(|z| *z = (*z - max).exp());
                let sum: f64 = out.iter().sum();
                out.iter_mut().for_each(|z| *z /= sum);
            }
        }
    }
}
