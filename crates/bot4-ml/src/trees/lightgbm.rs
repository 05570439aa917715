//! LightGBM's text format, versions v3 and v4.
//!
//! Blocks of `key=value` lines: a header, one block a tree, `end of trees`. Everything that prediction uses is
//! checked: numbers, lengths, indices, and that the nodes of a tree are one.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::Transform;

/// A parsed model.
pub(super) struct Model {
    pub(super) features: Vec<String>,
    pub(super) outputs: usize,
    pub(super) transform: Transform,
    pub(super) average: bool,
    pub(super) trees: Vec<Tree>,
}

/// Children: a split, or a leaf as its complement.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<f64>,
}

#[derive(Debug)]
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) threshold: f64,
    pub(super) missing: Missing,
    pub(super) default_left: bool,
    /// The set that goes left, of a categorical split.
    pub(super) categories: Option<Arc<[u32]>>,
    pub(super) left: i32,
    pub(super) right: i32,
}

/// What counts as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Missing {
    None,
    Zero,
    Nan,
}

/// Features beyond this are refused: names are one allocation each.
const FEATURES_MAX: usize = 1 << 20;
const CLASSES_MAX: usize = 1 << 16;

/// What is wrong with a LightGBM model file, and in which line.
#[derive(Debug)]
pub struct TreeFileError {
    /// Counted from 1; of a tree's first line where the tree as a whole is meant; 0 for the whole file.
    pub line: usize,
    /// What is wrong.
    pub reason: TreeFileReason,
}

/// Why a LightGBM model file is refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeFileReason {
    /// Reading failed.
    Io(io::Error),
    /// More bytes than allowed.
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The file does not start like one.
    Foreign,
    /// Written in another version of the format.
    Version(String),
    /// A key is missing.
    Missing(&'static str),
    /// A key's value is not what it has to be.
    Value {
        /// The key.
        key: &'static str,
        /// What it has to be.
        expected: String,
    },
    /// Something that is not supported.
    Unsupported(String),
    /// The nodes are no tree: one is reached twice, or not at all.
    NoTree,
    /// The file ends before `end of trees`.
    Truncated,
}

impl TreeFileError {
    pub(super) fn io(error: io::Error) -> Self {
        Self { line: 0, reason: TreeFileReason::Io(error) }
    }

    pub(super) fn too_large(limit: u64) -> Self {
        Self { line: 0, reason: TreeFileReason::TooLarge { limit } }
    }
}

impl fmt::Display for TreeFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        match &self.reason {
            TreeFileReason::Io(error) => error.fmt(f),
            TreeFileReason::TooLarge { limit } => write!(f, "more than {limit} bytes"),
            TreeFileReason::Foreign => f.write_str("not a LightGBM text model: the first line is not `tree`"),
            TreeFileReason::Version(found) => write!(f, "format version {found:?}; v3 and v4 are read"),
            TreeFileReason::Missing(key) => write!(f, "`{key}` is missing"),
            TreeFileReason::Value { key, expected } => write!(f, "`{key}` has to be {expected}"),
            TreeFileReason::Unsupported(what) => write!(f, "{what} is not supported"),
            TreeFileReason::NoTree => f.write_str("the splits do not form a tree"),
            TreeFileReason::Truncated => f.write_str("the file ends before `end of trees`"),
        }
    }
}

impl std::error::Error for TreeFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            TreeFileReason::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The lines of a header or of a tree.
struct Block<'a> {
    line: usize,
    values: HashMap<&'a str, (usize, &'a str)>,
}

impl<'a> Block<'a> {
    fn new(line: usize) -> Self {
        Self { line, values: HashMap::new() }
    }

    fn error(&self, key: &str, reason: TreeFileReason) -> TreeFileError {
        let line = self.values.get(key).map_or(self.line, |(line, _)| *line);
        TreeFileError { line, reason }
    }

    fn wrong(&self, key: &'static str, expected: impl fmt::Display) -> TreeFileError {
        self.error(key, TreeFileReason::Value { key, expected: expected.to_string() })
    }

    fn text(&self, key: &'static str) -> Result<&'a str, TreeFileError> {
        let found = self.values.get(key).map(|(_, value)| *value);
        found.ok_or_else(|| self.error(key, TreeFileReason::Missing(key)))
    }

    fn count(&self, key: &'static str, max: usize) -> Result<usize, TreeFileError> {
        let value = self.text(key)?.parse().ok().filter(|value| *value <= max);
        value.ok_or_else(|| self.wrong(key, format_args!("a whole number up to {max}")))
    }

    /// Exactly `len` numbers.
    fn list<N: std::str::FromStr>(&self, key: &'static str, len: usize) -> Result<Vec<N>, TreeFileError> {
        let wrong = || self.wrong(key, format_args!("{len} numbers"));
        let numbers: Result<Vec<N>, _> = self.text(key)?.split_ascii_whitespace().map(str::parse).collect();
        numbers.ok().filter(|numbers| numbers.len() == len).ok_or_else(wrong)
    }

    fn finite(&self, key: &'static str, len: usize) -> Result<Vec<f64>, TreeFileError> {
        let numbers: Vec<f64> = self.list(key, len)?;
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err(self.wrong(key, "finite")),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Model, TreeFileError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end()));
    if lines.next().is_none_or(|(_, line)| line != "tree") {
        return Err(TreeFileError { line: 1, reason: TreeFileReason::Foreign });
    }
    let mut header = Block::new(1);
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut average = false;
    let mut ended = false;
    for (at, line) in lines {
        if line == "end of trees" {
            ended = true;
            break;
        }
        average |= line == "average_output";
        let Some((key, value)) = line.split_once('=') else { continue };
        if key == "Tree" {
            blocks.push(Block::new(at));
        }
        blocks.last_mut().unwrap_or(&mut header).values.insert(key, (at, value));
    }
    if !ended {
        return Err(TreeFileError { line: text.lines().count(), reason: TreeFileReason::Truncated });
    }
    let version = header.text("version")?;
    if !matches!(version, "v3" | "v4") {
        return Err(header.error("version", TreeFileReason::Version(version.to_owned())));
    }
    model(&header, &blocks, average)
}

fn model(header: &Block<'_>, blocks: &[Block<'_>], average: bool) -> Result<Model, TreeFileError> {
    let width = header.count("max_feature_idx", FEATURES_MAX - 1)? + 1;
    let names = header.text("feature_names")?;
    let features: Vec<String> = names.split_ascii_whitespace().map(str::to_owned).collect();
    if features.len() != width {
        return Err(header.wrong("feature_names", format_args!("{width} names")));
    }
    let outputs = header.count("num_tree_per_iteration", CLASSES_MAX)?;
    if outputs == 0 || !blocks.len().is_multiple_of(outputs) {
        return Err(
            header.wrong("num_tree_per_iteration", format_args!("a divisor of the {} trees", blocks.len()))
        );
    }
    let trees: Result<Vec<Tree>, _> = blocks.iter().map(|block| tree(block, width)).collect();
    Ok(Model { features, outputs, transform: transform(header)?, average, trees: trees? })
}

/// What the objective does with the sums. Without one (a custom objective) it is nothing.
fn transform(header: &Block<'_>) -> Result<Transform, TreeFileError> {
    let Some((_, objective)) = header.values.get("objective") else { return Ok(Transform::Identity) };
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or("");
    let options: Vec<&str> = words.collect();
    let slope = || {
        let slope = options.iter().find_map(|option| option.strip_prefix("sigmoid:"));
        let slope: Option<f64> = slope.map_or(Some(1.0), |slope| slope.parse().ok());
        slope
            .filter(|slope| slope.is_finite())
            .map(Transform::Sigmoid)
            .ok_or_else(|| header.wrong("objective", "followed by a number where it says `sigmoid:`"))
    };
    Ok(match name {
        "binary" | "multiclassova" => slope()?,
        "multiclass" => Transform::Softmax,
        "cross_entropy" => Transform::Sigmoid(1.0),
        "cross_entropy_lambda" => Transform::Softplus,
        "poisson" | "gamma" | "tweedie" => Transform::Exp,
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape"
            if options.contains(&"sqrt") =>
        {
            Transform::SignedSquare
        }
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => Transform::Identity,
        other => {
            let what = format!("objective {other:?}");
            return Err(header.error("objective", TreeFileReason::Unsupported(what)));
        }
    })
}

fn tree(block: &Block<'_>, width: usize) -> Result<Tree, TreeFileError> {
    if block.values.get("is_linear").is_some_and(|(_, value)| *value != "0") {
        return Err(block.error("is_linear", TreeFileReason::Unsupported("a linear tree".to_owned())));
    }
    // A leaf takes at least two bytes of text, so lengths are bounded by the file before they are reserved.
    let leaves = block.count("num_leaves", i32::MAX as usize)?;
    if leaves == 0 {
        return Err(block.wrong("num_leaves", "at least 1"));
    }
    let splits = if leaves == 1 { Vec::new() } else { splits(block, leaves, width)? };
    let tree = Tree { splits, leaves: block.finite("leaf_value", leaves)? };
    if is_tree(&tree) { Ok(tree) } else { Err(block.error("left_child", TreeFileReason::NoTree)) }
}

fn splits(block: &Block<'_>, leaves: usize, width: usize) -> Result<Vec<Split>, TreeFileError> {
    let len = leaves - 1;
    let features: Vec<u32> = block.list("split_feature", len)?;
    if features.iter().any(|feature| *feature as usize >= width) {
        return Err(block.wrong("split_feature", format_args!("below {width}")));
    }
    let thresholds: Vec<f64> = block.list("threshold", len)?;
    if thresholds.iter().any(|threshold| threshold.is_nan()) {
        return Err(block.wrong("threshold", "numbers"));
    }
    let decisions: Vec<u8> = block.list("decision_type", len)?;
    let left: Vec<i32> = block.list("left_child", len)?;
    let right: Vec<i32> = block.list("right_child", len)?;
    let exists = |child: &i32| if *child < 0 { (!*child as usize) < leaves } else { (*child as usize) < len };
    for (key, children) in [("left_child", &left), ("right_child", &right)] {
        if !children.iter().all(exists) {
            return Err(block.wrong(key, format_args!("splits below {len} or leaves from -{leaves}")));
        }
    }
    let sets = category_sets(block)?;
    (0..len)
        .map(|at| {
            let decision = decisions[at];
            let missing = match decision >> 2 & 3 {
                0 => Missing::None,
                1 => Missing::Zero,
                2 => Missing::Nan,
                _ => return Err(block.wrong("decision_type", "a known treatment of missing values")),
            };
            let categories = match decision & 1 {
                0 => None,
                _ => {
                    let set = sets.get(thresholds[at] as usize).filter(|_| thresholds[at] >= 0.0);
                    let wrong =
                        || block.wrong("threshold", "the number of a set where the split is categorical");
                    Some(set.ok_or_else(wrong)?.clone())
                }
            };
            Ok(Split {
                feature: features[at],
                threshold: thresholds[at],
                missing,
                default_left: decision & 2 != 0,
                categories,
                left: left[at],
                right: right[at],
            })
        })
        .collect()
}

/// The sets of bits that categorical splits refer to.
fn category_sets(block: &Block<'_>) -> Result<Vec<Arc<[u32]>>, TreeFileError> {
    let count = match block.values.get("num_cat") {
        Some(_) => block.count("num_cat", i32::MAX as usize - 1)?,
        None => 0,
    };
    if count == 0 {
        return Ok(Vec::new());
    }
    let boundaries: Vec<usize> = block.list("cat_boundaries", count + 1)?;
    let words = *boundaries.last().expect("a list of count + 1");
    let bits: Vec<u32> = block.list("cat_threshold", words)?;
    let set = |pair: &[usize]| bits.get(pair[0]..pair[1]).map(Into::into);
    let sets: Option<Vec<Arc<[u32]>>> = boundaries.windows(2).map(set).collect();
    sets.ok_or_else(|| block.wrong("cat_boundaries", "rising numbers"))
}

/// Whether every split and every leaf is reached from the root, once.
fn is_tree(tree: &Tree) -> bool {
    if tree.splits.is_empty() {
        return tree.leaves.len() == 1;
    }
    let mut splits_seen = vec![false; tree.splits.len()];
    let mut leaves_seen = vec![false; tree.leaves.len()];
    let mut open = vec![0_i32];
    while let Some(at) = open.pop() {
        let seen = match usize::try_from(at) {
            Ok(split) => {
                open.extend([tree.splits[split].left, tree.splits[split].right]);
                &mut splits_seen[split]
            }
            Err(_) => &mut leaves_seen[!at as usize],
        };
        if std::mem::replace(seen, true) {
            return false;
        }
    }
    splits_seen.iter().chain(&leaves_seen).all(|seen| *seen)
}
