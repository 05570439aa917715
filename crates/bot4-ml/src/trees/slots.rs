//! Splits without special cases.
//!
//! What LightGBM does with a missing value depends on the split: it counts as zero, or goes the split's default
//! way. A categorical split asks whether a value is in a set. Here each feature is turned, once a row, into the
//! few numbers its splits need, so that every split becomes `slot <= threshold`: a value that must go left whatever
//! the threshold becomes minus infinity, one that must go right plus infinity.

use std::collections::HashMap;
use std::sync::Arc;

use super::lightgbm::{self, Missing, Split};

/// Magnitudes up to this count as zero where zero means missing: LightGBM's single-precision constant.
const ZERO: f64 = 1e-35_f32 as f64;

/// A number that splits ask for, made from one feature.
#[derive(Debug, Clone)]
enum Rule {
    Value(Gap),
    /// Left if the value is in the set of bits.
    Category(Arc<[u32]>),
}

/// What becomes of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gap {
    /// It counts as 0.
    IsZero,
    /// It goes left, or right.
    Goes { left: bool },
    /// So does zero.
    GoesWithZero { left: bool },
}

/// The rules, and the features they apply to.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    rules: Vec<(u32, Rule)>,
}

/// A tree whose splits are all alike. Children: a node, or a leaf as its complement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) leaves: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) slot: u32,
    pub(super) threshold: f64,
    pub(super) left: i32,
    pub(super) right: i32,
}

impl Slots {
    /// The slots that these trees need, and the trees on them.
    pub(super) fn resolve(trees: &[lightgbm::Tree]) -> (Self, Vec<Tree>) {
        let mut slots = Self { rules: Vec::new() };
        let mut known = HashMap::new();
        let trees = trees.iter().map(|tree| {
            let nodes = tree.splits.iter().map(|split| slots.node(split, &mut known)).collect();
            Tree { nodes, leaves: tree.leaves.clone() }
        });
        let trees = trees.collect();
        (slots, trees)
    }

    fn node(&mut self, split: &Split, known: &mut HashMap<(u32, Gap), u32>) -> Node {
        let (slot, threshold) = match &split.categories {
            Some(set) => (self.push(split.feature, Rule::Category(Arc::clone(set))), 0.0),
            None => {
                let left = split.default_left;
                let gap = match split.missing {
                    Missing::None => Gap::IsZero,
                    Missing::Zero => Gap::GoesWithZero { left },
                    Missing::Nan => Gap::Goes { left },
                };
                let wanted = (split.feature, gap);
                let slot = *known.entry(wanted).or_insert_with(|| self.push(split.feature, Rule::Value(gap)));
                (slot, split.threshold.min(f64::MAX))
            }
        };
        Node { slot, threshold, left: split.left, right: split.right }
    }

    fn push(&mut self, feature: u32, rule: Rule) -> u32 {
        self.rules.push((feature, rule));
        (self.rules.len() - 1) as u32
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Computes the slots of a row.
    #[inline]
    pub(super) fn fill(&self, x: &[f64], slots: &mut [f64]) {
        for (slot, (feature, rule)) in slots.iter_mut().zip(&self.rules) {
            let value = x[*feature as usize];
            *slot = match rule {
                Rule::Value(gap) => gap.fill(value),
                Rule::Category(set) => way(contains(set, value)),
            };
        }
    }
}

impl Gap {
    #[inline(always)]
    fn fill(self, value: f64) -> f64 {
        match self {
            Self::IsZero if value.is_nan() => 0.0,
            Self::Goes { left } if value.is_nan() => way(left),
            Self::GoesWithZero { left } if value.is_nan() || value.abs() <= ZERO => way(left),
            // Below the infinity that goes right: a threshold of infinity lets every value left.
            _ => value.min(f64::MAX),
        }
    }
}

/// The number that goes left, or right, whatever the threshold.
#[inline(always)]
fn way(left: bool) -> f64 {
    if left { f64::NEG_INFINITY } else { f64::INFINITY }
}

/// Whether the whole part of a value is in a set of bits; a missing or negative one is in none.
fn contains(set: &[u32], value: f64) -> bool {
    if value.is_nan() || value <= -1.0 {
        return false;
    }
    // Saturates; a value beyond any set is in none.
    let index = value as u64;
    let word = usize::try_from(index / 32).ok().and_then(|word| set.get(word));
    word.is_some_and(|word| word >> (index % 32) & 1 == 1)
}
