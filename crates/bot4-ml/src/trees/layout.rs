//! Trees laid out so that walking them has no branch to mispredict.
//!
//! A tree of depth up to [`COMPLETE_MAX`] becomes a complete one: a leaf higher up becomes a subtree of splits that
//! all lead to it. Node `i` has the children `2 i` and `2 i + 1`, so that a step is `i = 2 i + (slot > threshold)`,
//! and thresholds, slots and leaves are arrays whose length the compiler knows; up to depth 6 they are those of `ranked`, where the model
//! has no more slots and thresholds than that can take. Deeper trees are walked on nodes
//! with explicit children, in which a leaf leads to itself, for as many steps as the deepest of their group has.
//!
//! Steps of one tree wait for each other; [`ABREAST`] trees are walked at once to have something to do meanwhile. Of a
//! hundred trees of depth 6, eight at once measured two thirds of the time of four, ten the same, sixteen more. A vector gather
//! measured slower.

use super::ranked::{Ranked, Ranking};
use super::slots::{Node, Tree};

/// Deeper trees would take twice the memory a level.
const COMPLETE_MAX: usize = 8;
/// Trees walked at once.
const ABREAST: usize = 8;
/// Slots that a byte can name.
const FEW: usize = 256;

/// All trees of one output.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    /// Leaves of trees without a split.
    constant: f64,
    ranked: Ranked,
    complete: Complete,
    deep: Deep,
}

impl Forest {
    pub(super) fn new<'a>(trees: impl Iterator<Item = &'a Tree>, slots: usize, ranking: &Ranking) -> Self {
        let mut forest = Self {
            constant: 0.0,
            ranked: Ranked::default(),
            complete: Complete::default(),
            deep: Deep::default(),
        };
        let mut deep = Vec::new();
        for tree in trees {
            match depth(tree) {
                0 => forest.constant += tree.leaves[0],
                depth if ranking.takes(depth) => forest.ranked.push(tree, ranking),
                depth if depth <= COMPLETE_MAX && slots <= FEW => forest.complete.push(tree, depth),
                depth => deep.push((depth, tree)),
            }
        }
        deep.sort_by_key(|(depth, _)| *depth);
        forest.deep = Deep::new(&deep);
        forest
    }

    /// The sum of the leaves that the slots and their ranks lead to.
    #[inline]
    pub(super) fn sum(&self, slots: &[f64], ranks: &[u8]) -> f64 {
        self.constant + self.ranked.sum(ranks) + self.complete.sum(slots) + self.deep.sum(slots)
    }
}

/// Steps from the root to the deepest leaf. The parser has checked that the nodes are a tree.
pub(super) fn depth(tree: &Tree) -> usize {
    let mut deepest = 0;
    let mut open = if tree.nodes.is_empty() { Vec::new() } else { vec![(0, 1)] };
    while let Some((node, depth)) = open.pop() {
        let Node { left, right, .. } = tree.nodes[node];
        deepest = deepest.max(depth);
        open.extend(
            [left, right].iter().filter_map(|&to| usize::try_from(to).ok()).map(|to| (to, depth + 1)),
        );
    }
    deepest
}

/// A complete tree of `N` leaves. Node 0 is unused, node 1 the root.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct Heap<const N: usize> {
    thresholds: [f64; N],
    leaves: [f64; N],
    slots: [u8; N],
}

impl<const N: usize> Heap<N> {
    fn new(tree: &Tree) -> Self {
        let mut heap = Self { thresholds: [0.0; N], leaves: [0.0; N], slots: [0; N] };
        complete(tree, N, &mut |at, spot| match spot {
            Spot::Leaf(value) => heap.leaves[at] = value,
            Spot::Split(node) => (heap.thresholds[at], heap.slots[at]) = (node.threshold, node.slot as u8),
        });
        heap
    }
}

/// What stands at a place of a complete tree.
pub(super) enum Spot<'a> {
    Split(&'a Node),
    /// At its number among the leaves.
    Leaf(f64),
}

/// Visits what is to be placed in a complete tree of so many leaves. Nodes below a leaf higher up are not visited: both of their ways
/// lead to that leaf.
pub(super) fn complete(tree: &Tree, leaves: usize, place: &mut impl FnMut(usize, Spot<'_>)) {
    let mut open = vec![(0, 1)];
    while let Some((from, at)) = open.pop() {
        let node = usize::try_from(from).ok().map(|node| &tree.nodes[node]);
        if at >= leaves {
            place(at - leaves, Spot::Leaf(tree.leaves[!from as usize]));
        } else {
            if let Some(node) = node {
                place(at, Spot::Split(node));
            }
            let (left, right) = node.map_or((from, from), |node| (node.left, node.right));
            open.extend([(left, 2 * at), (right, 2 * at + 1)]);
        }
    }
}

/// Complete trees by their depth.
#[derive(Debug, Clone, Default)]
struct Complete {
    d1: Vec<Heap<2>>,
    d2: Vec<Heap<4>>,
    d3: Vec<Heap<8>>,
    d4: Vec<Heap<16>>,
    d5: Vec<Heap<32>>,
    d6: Vec<Heap<64>>,
    d7: Vec<Heap<128>>,
    d8: Vec<Heap<256>>,
}

impl Complete {
    fn push(&mut self, tree: &Tree, depth: usize) {
        match depth {
            1 => self.d1.push(Heap::new(tree)),
            2 => self.d2.push(Heap::new(tree)),
            3 => self.d3.push(Heap::new(tree)),
            4 => self.d4.push(Heap::new(tree)),
            5 => self.d5.push(Heap::new(tree)),
            6 => self.d6.push(Heap::new(tree)),
            7 => self.d7.push(Heap::new(tree)),
            _ => self.d8.push(Heap::new(tree)),
        }
    }

    #[inline]
    fn sum(&self, slots: &[f64]) -> f64 {
        let used = slots.len().min(FEW);
        let mut all = [0.0; FEW];
        all[..used].copy_from_slice(&slots[..used]);
        let shallow =
            walk(&self.d1, &all) + walk(&self.d2, &all) + walk(&self.d3, &all) + walk(&self.d4, &all);
        let deeper =
            walk(&self.d5, &all) + walk(&self.d6, &all) + walk(&self.d7, &all) + walk(&self.d8, &all);
        shallow + deeper
    }
}

/// The sum of the leaves of trees of one depth.
#[inline]
fn walk<const N: usize>(trees: &[Heap<N>], slots: &[f64; FEW]) -> f64 {
    let (groups, rest) = trees.as_chunks::<ABREAST>();
    // What is left over would wait tree by tree.
    let (halves, rest) = rest.as_chunks::<{ ABREAST / 2 }>();
    let mut sum = 0.0;
    for group in groups {
        sum += abreast(group, slots);
    }
    for half in halves {
        sum += abreast(half, slots);
    }
    for tree in rest {
        sum += abreast(std::array::from_ref(tree), slots);
    }
    sum
}

#[inline(always)]
fn abreast<const A: usize, const N: usize>(trees: &[Heap<N>; A], slots: &[f64; FEW]) -> f64 {
    let mut at = [1; A];
    for _ in 0..N.trailing_zeros() {
        for (at, tree) in at.iter_mut().zip(trees) {
            // `at` is below N by construction; the mask tells the compiler.
            let node = *at & (N - 1);
            let right = slots[usize::from(tree.slots[node])] > tree.thresholds[node];
            *at = 2 * node + usize::from(right);
        }
    }
    let mut sum = 0.0;
    for (at, tree) in at.iter().zip(trees) {
        sum += tree.leaves[at & (N - 1)];
    }
    sum
}

/// Trees of any depth, shallowest first.
#[derive(Debug, Clone, Default)]
struct Deep {
    nodes: Vec<Step>,
    /// The root and the depth of each tree.
    roots: Vec<(u32, u32)>,
}

/// A node or a leaf; a leaf leads to itself and `value` is its own, else the threshold.
#[derive(Debug, Clone, Copy)]
struct Step {
    value: f64,
    slot: u32,
    children: [u32; 2],
}

impl Deep {
    fn new(trees: &[(usize, &Tree)]) -> Self {
        let mut deep = Self::default();
        for (depth, tree) in trees {
            let start = deep.nodes.len() as u32;
            let leaves = start + tree.nodes.len() as u32;
            let place = |to: i32| if to < 0 { leaves + !to as u32 } else { start + to as u32 };
            deep.roots.push((start, *depth as u32));
            deep.nodes.extend(tree.nodes.iter().map(|node| Step {
                value: node.threshold,
                slot: node.slot,
                children: [place(node.left), place(node.right)],
            }));
            deep.nodes.extend(tree.leaves.iter().zip(leaves..).map(|(value, at)| Step {
                value: *value,
                slot: 0,
                children: [at; 2],
            }));
        }
        deep
    }

    #[inline]
    fn sum(&self, slots: &[f64]) -> f64 {
        let mut sum = 0.0;
        for group in self.roots.chunks(ABREAST) {
            let mut at = [0; ABREAST];
            at.iter_mut().zip(group).for_each(|(at, (root, _))| *at = *root);
            let steps = group.last().map_or(0, |(_, depth)| *depth);
            for _ in 0..steps {
                for at in &mut at[..group.len()] {
                    let node = &self.nodes[*at as usize];
                    *at = node.children[usize::from(slots[node.slot as usize] > node.value)];
                }
            }
            sum += at[..group.len()].iter().map(|at| self.nodes[*at as usize].value).sum::<f64>();
        }
        sum
    }
}
