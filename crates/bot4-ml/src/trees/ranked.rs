//! Trees of depth up to 6 whose splits compare ranks.
//!
//! A split asks whether a slot is above its threshold, and that is whether the slot is above one more of all thresholds that the model
//! has for it. So each slot is compared with all of them once a row and becomes a byte, its rank; a node is two bytes, and the
//! splits of a whole tree are decided by a few vector instructions; without those, `layout` walks from node to node. To order all
//! comparisons by feature, not by tree, is the idea of QuickScorer (Lucchese et al., 2015).

use bot4_simd::{Cuts, Isa, Splits};

use super::layout::{self, Spot};
use super::slots::Tree;

/// The thresholds of each slot; none where there are too many for ranks of a byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranking(Cuts<f64>);

impl Ranking {
    /// The ranking for those of the trees that are shallow enough.
    pub(super) fn new(trees: &[Tree], slots: usize) -> Self {
        if Isa::detect() == Isa::Portable {
            return Self::default();
        }
        let mut thresholds = vec![Vec::new(); slots];
        for node in
            trees.iter().filter(|tree| layout::depth(tree) <= Splits::DEPTH).flat_map(|tree| &tree.nodes)
        {
            thresholds[node.slot as usize].push(node.threshold);
        }
        for of_slot in &mut thresholds {
            of_slot.sort_by(f64::total_cmp);
            of_slot.dedup(); // by value: the zeros are one
        }
        let too_many = |of_slot: &Vec<f64>| of_slot.len() > Cuts::<f64>::MAX;
        let none = thresholds.iter().all(Vec::is_empty);
        if none || slots > Splits::INPUTS_MAX || thresholds.iter().any(too_many) {
            return Self::default();
        }
        Self(Cuts::new(thresholds.iter().map(Vec::as_slice)))
    }

    /// Whether a tree of this depth can be ranked.
    pub(super) fn takes(&self, depth: usize) -> bool {
        depth <= Splits::DEPTH && self.0.inputs() > 0
    }

    /// The ranks of the slots, as [`Ranked::sum`] takes them.
    #[inline]
    pub(super) fn rank<'r>(&self, slots: &[f64], ranks: &'r mut [u8; Splits::INPUTS_MAX]) -> &'r [u8] {
        let used = self.0.inputs();
        bot4_simd::ranks(&self.0, &slots[..used], &mut ranks[..used]);
        &ranks[..used.next_multiple_of(16)]
    }
}

/// Ranked trees of one output.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranked {
    splits: Vec<Splits>,
    leaves: Vec<[f64; Splits::LEAVES]>,
}

impl Ranked {
    pub(super) fn push(&mut self, tree: &Tree, ranking: &Ranking) {
        let mut splits = Splits::new();
        let mut leaves = [0.0; Splits::LEAVES];
        layout::complete(tree, Splits::LEAVES, &mut |at, spot| match spot {
            Spot::Leaf(value) => leaves[at] = value,
            Spot::Split(node) => {
                let slot = node.slot as usize;
                splits.set(at, slot, ranking.0.rank(slot, node.threshold));
            }
        });
        self.splits.push(splits);
        self.leaves.push(leaves);
    }

    /// The sum of the leaves that the ranks lead to.
    #[inline]
    pub(super) fn sum(&self, ranks: &[u8]) -> f64 {
        bot4_simd::leaf_sum(&self.splits, &self.leaves, ranks)
    }
}
