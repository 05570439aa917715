//! Rows and trees from a fixed seed, the same for all subjects.

use super::{BATCH, TREE_FEATURES};
use std::fmt::Write;

const ROWS: usize = 4096;
const TREES: usize = 100;
const DEPTH: u32 = 6;

/// A small generator of known quality (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between -1 and 1, with a bell's shape.
    fn bell(&mut self) -> f64 {
        let uniform = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let three = uniform(self.next()) + uniform(self.next()) + uniform(self.next());
        (2.0 * three - 3.0) / 3.0
    }
}

/// Rows that come round after a few thousand: no predictor learns them by heart.
pub(super) struct Rows<T> {
    values: Vec<T>,
    width: usize,
    at: usize,
}

impl<T: bot4_simd::Element> Rows<T> {
    pub(super) fn new(width: usize) -> Self {
        let mut random = Random(7);
        let values = (0..ROWS * width).map(|_| T::from_f64(random.bell())).collect();
        Self { values, width, at: 0 }
    }

    #[inline]
    pub(super) fn next(&mut self) -> &[T] {
        self.at = (self.at + 1) % ROWS;
        &self.values[self.at * self.width..][..self.width]
    }

    pub(super) fn next_batch(&mut self) -> &[T] {
        self.at = (self.at / BATCH * BATCH + BATCH) % ROWS;
        &self.values[self.at * self.width..][..BATCH * self.width]
    }

    #[cfg(feature = "peers")]
    pub(super) fn all(&self) -> &[T] {
        &self.values
    }
}

/// A hundred trees of depth 6 with 61 leaves each, as LightGBM writes them: every split on a random feature at a
/// random threshold, three leaves one level up.
pub(super) fn trees_text() -> String {
    let mut random = Random(11);
    let names: Vec<String> = (0..TREE_FEATURES).map(|feature| format!("f{feature}")).collect();
    let infos = vec!["[-1:1]"; TREE_FEATURES];
    let trees: Vec<String> = (0..TREES).map(|tree| tree_text(tree, &mut random)).collect();
    let sizes: Vec<String> = trees.iter().map(|tree| tree.len().to_string()).collect();
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={}\nobjective=regression\n\
         feature_names={}\nfeature_infos={}\ntree_sizes={}\n\n{}end of trees\n\nfeature_importances:\n\nparameters:\n\
         end of parameters\n\npandas_categorical:null\n",
        TREE_FEATURES - 1,
        names.join(" "),
        infos.join(" "),
        sizes.join(" "),
        trees.concat()
    )
}

fn tree_text(number: usize, random: &mut Random) -> String {
    // Three nodes of the last level are leaves instead: 60 splits, 61 leaves.
    let splits = (1_usize << DEPTH) - 1 - 3;
    let leaves = splits + 1;
    let mut next_leaf = 0;
    let mut children = [Vec::new(), Vec::new()];
    for split in 0..splits {
        for (side, list) in children.iter_mut().enumerate() {
            let child = 2 * split + 1 + side;
            list.push(if child < splits {
                child.to_string()
            } else {
                next_leaf += 1;
                format!("-{next_leaf}")
            });
        }
    }
    let mut text = format!("Tree={number}\nnum_leaves={leaves}\nnum_cat=0\n");
    let mut line = |key: &str, values: Vec<String>| {
        writeln!(text, "{key}={}", values.join(" ")).expect("writing to a string");
    };
    line("split_feature", (0..splits).map(|_| (random.next() % TREE_FEATURES as u64).to_string()).collect());
    line("split_gain", vec!["1".to_owned(); splits]);
    line("threshold", (0..splits).map(|_| format!("{:?}", 0.5 * random.bell())).collect());
    line("decision_type", vec!["2".to_owned(); splits]);
    line("left_child", std::mem::take(&mut children[0]));
    line("right_child", std::mem::take(&mut children[1]));
    line("leaf_value", (0..leaves).map(|_| format!("{:?}", 0.1 * random.bell())).collect());
    line("leaf_weight", vec!["1".to_owned(); leaves]);
    line("leaf_count", vec!["1".to_owned(); leaves]);
    line("internal_value", vec!["0".to_owned(); splits]);
    line("internal_weight", vec!["1".to_owned(); splits]);
    line("internal_count", vec!["1".to_owned(); splits]);
    text + "is_linear=0\nshrinkage=1\n\n\n"
}
