//! Boosted trees against LightGBM itself, where Python has it, and hostile files everywhere.

#![allow(clippy::print_stdout)] // a skipped test must be seen to be skipped

use std::path::Path;
use std::process::Command;

use bot4_ml::{BoostedTrees, TreeFileReason};
use ndarray::Array2;
use proptest::prelude::*;

/// Two trees: a numerical split of each kind of missing value, a categorical one, a leaf next to the root.
const SMALL: &str = "\
tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:2
feature_names=a b c
feature_infos=none none none
tree_sizes=1 1

Tree=0
num_leaves=4
num_cat=1
split_feature=0 1 2
threshold=0.5 -1.25 0
decision_type=2 8 1
left_child=1 -1 -3
right_child=2 -2 -4
leaf_value=1 2 4 8
cat_boundaries=0 2
cat_threshold=5 2
is_linear=0
shrinkage=1

Tree=1
num_leaves=2
num_cat=0
split_feature=1
threshold=0
decision_type=6
left_child=-1
right_child=-2
leaf_value=16 32
is_linear=0
shrinkage=0.1

end of trees
";

fn raw(trees: &BoostedTrees, x: &[f64]) -> f64 {
    let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
    trees.predict_raw(x, &mut scratch, &mut out);
    out[0]
}

#[test]
fn splits_go_the_way_the_format_says() {
    let trees = BoostedTrees::from_lightgbm(SMALL).unwrap();
    let nan = f64::NAN;
    for (x, want) in [
        ([0.5, -1.25, 0.0], 1.0 + 16.0),              // equal goes left, both times
        ([0.5, -1.0, 0.0], 2.0 + 16.0),               //
        ([0.5, 1.0, 0.0], 2.0 + 32.0),                //
        ([0.5, nan, 0.0], 2.0 + 16.0),                // missing: right in tree 0, left in tree 1
        ([0.5, 0.0, 0.0], 2.0 + 16.0),                // zero is missing in tree 1
        ([nan, -2.0, 0.0], 1.0 + 16.0),               // no missing values: NaN counts as 0
        ([0.6, 1e-40, 0.0], 4.0 + 16.0),              // category 0 is in the set; 1e-40 counts as zero
        ([0.6, -9.0, 2.9], 4.0 + 16.0),               // category 2, truncated
        ([0.6, -9.0, 33.0], 4.0 + 16.0),              // category 33, second word
        ([0.6, -9.0, 1.0], 8.0 + 16.0),               //
        ([0.6, -9.0, -1.0], 8.0 + 16.0),              // negative is in no set
        ([0.6, -9.0, -0.5], 4.0 + 16.0),              // truncates to 0
        ([0.6, -9.0, nan], 8.0 + 16.0),               // missing is in no set
        ([0.6, -9.0, 1e300], 8.0 + 16.0),             // nor is what no set can hold
        ([f64::INFINITY, -9.0, 64.0], 8.0 + 16.0),    //
        ([f64::NEG_INFINITY, 9.0, 64.0], 2.0 + 32.0), //
    ] {
        assert_eq!(raw(&trees, &x), want, "{x:?}");
    }
    let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
    trees.predict(&[0.5, -1.25, 0.0], &mut scratch, &mut out);
    assert_eq!(out, [1.0 / (1.0 + (-34.0_f64).exp())]);
}

/// A split that only tells missing from known.
#[test]
fn a_threshold_of_infinity_lets_every_known_value_left() {
    let text = SMALL.replace("threshold=0.5 -1.25 0", "threshold=inf -inf 0");
    let text = text.replace("decision_type=2 8 1", "decision_type=8 10 1");
    let trees = BoostedTrees::from_lightgbm(&text).unwrap();
    for (x, want) in [
        ([f64::MAX, 1.0], 2.0 + 32.0),
        ([f64::INFINITY, f64::NEG_INFINITY], 1.0 + 16.0),
        ([f64::NEG_INFINITY, f64::NAN], 1.0 + 16.0),
        ([f64::NAN, 1.0], 4.0 + 32.0),
    ] {
        assert_eq!(raw(&trees, &[x[0], x[1], 0.0]), want, "{x:?}");
    }
}

/// A chain of splits on feature 0 at 0, 1, 2, ...: leaf `i` has the value `i`.
fn chain(splits: usize) -> String {
    let list = |f: &dyn Fn(usize) -> String| (0..splits).map(f).collect::<Vec<_>>().join(" ");
    let right = |i: usize| if i + 1 < splits { (i + 1).to_string() } else { format!("-{}", splits + 1) };
    let block = format!(
        "num_leaves={}\nsplit_feature={}\nthreshold={}\ndecision_type={}\nleft_child={}\nright_child={}\nleaf_value={}\n",
        splits + 1,
        list(&|_| "0".into()),
        list(&|i| i.to_string()),
        list(&|_| "8".into()),
        list(&|i| format!("-{}", i + 1)),
        list(&right),
        (0..=splits).map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
    );
    let header = "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n";
    let trees: String = (0..7).map(|i| format!("\nTree={i}\n{block}")).collect();
    format!("{header}{trees}\nend of trees\n")
}

/// Depths on both sides of the one up to which trees are stored complete, in groups that do not fill up.
#[test]
fn trees_of_any_depth_find_their_leaf() {
    for splits in [1, 2, 7, 8, 9, 40, 1_000] {
        let trees = BoostedTrees::from_lightgbm(&chain(splits)).unwrap();
        for leaf in 0..=splits {
            assert_eq!(raw(&trees, &[leaf as f64 - 0.5]), 7.0 * leaf as f64, "{splits} splits");
        }
        assert_eq!(raw(&trees, &[f64::NAN]), 7.0 * splits as f64, "missing goes right all the way");
    }
}

/// A random tree; leaf values are whole numbers.
struct Grown {
    splits: Vec<Split>,
    leaves: Vec<f64>,
}

struct Split {
    feature: usize,
    threshold: f64,
    left: i32,
    right: i32,
}

impl Grown {
    /// Splits random leaves that are not too deep, at one of `grid` thresholds each.
    fn new(rng: &mut impl FnMut() -> usize, features: usize, grid: usize, depth_max: usize) -> Self {
        let mut grown = Self { splits: Vec::new(), leaves: vec![0.0] };
        let mut ends = vec![(None, 0)]; // of each leaf: the split and side it hangs from, its depth
        for _ in 0..rng() % 70 {
            let leaf = rng() % ends.len();
            let (from, depth) = ends[leaf];
            if depth == depth_max {
                continue;
            }
            let (split, new) = (grown.splits.len(), grown.leaves.len());
            match from {
                Some((at, false)) => grown.splits[at as usize].left = split as i32,
                Some((at, true)) => grown.splits[at as usize].right = split as i32,
                None => {}
            }
            let threshold = (rng() % grid) as f64 / 2.0 - 20.0;
            grown.splits.push(Split {
                feature: rng() % features,
                threshold,
                left: !(leaf as i32),
                right: !(new as i32),
            });
            ends[leaf] = (Some((split as i32, false)), depth + 1);
            ends.push((Some((split as i32, true)), depth + 1));
            grown.leaves.push((rng() % 1_000) as f64);
        }
        grown
    }

    fn text(&self, number: usize) -> String {
        let list = |f: &dyn Fn(&Split) -> String| self.splits.iter().map(f).collect::<Vec<_>>().join(" ");
        let leaves = self.leaves.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        format!(
            "\nTree={number}\nnum_leaves={}\nsplit_feature={}\nthreshold={}\ndecision_type={}\nleft_child={}\nright_child={}\nleaf_value={leaves}\n",
            self.leaves.len(),
            list(&|split| split.feature.to_string()),
            list(&|split| split.threshold.to_string()),
            list(&|_| "2".into()),
            list(&|split| split.left.to_string()),
            list(&|split| split.right.to_string()),
        )
    }

    fn leaf(&self, x: &[f64]) -> f64 {
        let mut at = if self.splits.is_empty() { !0 } else { 0 };
        while let Ok(split) = usize::try_from(at) {
            let Split { feature, threshold, left, right } = self.splits[split];
            at = if x[feature] <= threshold { left } else { right };
        }
        self.leaves[!at as usize]
    }
}

/// With few inputs and thresholds splits are decided by ranks, else not: on both sides of each limit, and all depths together.
#[test]
fn forests_of_every_size_find_their_leaves() {
    let mut state = 7_u64;
    let mut rng = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for (features, grid, depth, count) in [
        (1, 1, 6, 3),
        (4, 60, 6, 17),
        (16, 9, 5, 64),
        (17, 80, 6, 65),
        (33, 80, 9, 150),
        (128, 80, 6, 90),
        (129, 80, 6, 90),
        (1, 255, 6, 90),
        (1, 256, 6, 90),
        (2, 400, 7, 90),
    ] {
        let grown: Vec<Grown> = (0..count).map(|_| Grown::new(&mut rng, features, grid, depth)).collect();
        let names = (0..features).map(|i| format!("f{i}")).collect::<Vec<_>>().join(" ");
        let header = format!(
            "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx={}\nfeature_names={names}\n",
            features - 1
        );
        let blocks: String = grown.iter().enumerate().map(|(number, tree)| tree.text(number)).collect();
        let trees = BoostedTrees::from_lightgbm(&format!("{header}{blocks}\nend of trees\n")).unwrap();
        for _ in 0..50 {
            // Half of the numbers are thresholds themselves.
            let x: Vec<f64> = (0..features).map(|_| (rng() % (2 * grid + 4)) as f64 / 4.0 - 20.5).collect();
            let want: f64 = grown.iter().map(|tree| tree.leaf(&x)).sum();
            assert_eq!(raw(&trees, &x), want, "{features} features, {grid} thresholds, depth {depth}: {x:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    for (from, to, want) in [
        ("tree\nversion", "forest\nversion", "line 1: not a LightGBM"),
        ("version=v4", "version=v9", "line 2: format version \"v9\""),
        ("version=v4\n", "", "`version` is missing"),
        ("objective=binary", "objective=magic", "line 7: objective \"magic\" is not supported"),
        ("feature_names=a b c", "feature_names=a b", "line 8: `feature_names` has to be 3 names"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "a divisor of the 2 trees"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "a divisor of the 2 trees"),
        (
            "max_feature_idx=2",
            "max_feature_idx=99999999999",
            "line 6: `max_feature_idx` has to be a whole number",
        ),
        ("num_leaves=4", "num_leaves=2000000000", "has to be 1999999999 numbers"),
        ("num_leaves=4", "num_leaves=0", "line 13: `num_leaves` has to be at least 1"),
        ("split_feature=0 1 2", "split_feature=0 1 3", "line 15: `split_feature` has to be below 3"),
        ("threshold=0.5", "threshold=x", "line 16: `threshold` has to be 3 numbers"),
        ("threshold=0.5", "threshold=nan", "line 16: `threshold` has to be numbers"),
        ("-1.25 0\n", "-1.25 1\n", "the number of a set"),
        ("left_child=1 -1 -3", "left_child=1 -1 -9", "line 18: `left_child` has to be splits below 3"),
        ("left_child=1 -1 -3", "left_child=1 0 -3", "line 18: the splits do not form a tree"),
        ("left_child=1 -1 -3", "left_child=1 -1 -1", "line 18: the splits do not form a tree"),
        ("leaf_value=1 2 4 8", "leaf_value=1 2 4", "line 20: `leaf_value` has to be 4 numbers"),
        ("leaf_value=1 2 4 8", "leaf_value=1 2 4 nan", "line 20: `leaf_value` has to be finite"),
        ("cat_boundaries=0 2", "cat_boundaries=2 0", "has to be"),
        ("cat_boundaries=0 2", "cat_boundaries=0 9", "has to be 9 numbers"),
        ("decision_type=2 8 1", "decision_type=12 8 1", "a known treatment"),
        ("is_linear=0", "is_linear=1", "line 23: a linear tree is not supported"),
        ("end of trees", "", "ends before `end of trees`"),
    ] {
        assert!(SMALL.contains(from), "{from:?} is in the file");
        let error = BoostedTrees::from_lightgbm(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(want), "{error:?} should contain {want:?}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for len in 0..SMALL.len() - 1 {
        assert!(BoostedTrees::from_lightgbm(&SMALL[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.txt");
    assert!(matches!(BoostedTrees::load(&path).unwrap_err().reason, TreeFileReason::Io(_)));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(BoostedTrees::load(&path).unwrap_err().reason, TreeFileReason::Io(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Text from outside: whatever it is, reading it returns, and what is accepted predicts.
    #[test]
    fn mutated_files_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"0123456789-. =\nNTen".to_vec())), 1..6)
    ) {
        let mut bytes = SMALL.as_bytes().to_vec();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(trees) = BoostedTrees::from_lightgbm(&text) {
            let x = vec![0.3; trees.inputs()];
            let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], vec![0.0; trees.outputs()]);
            trees.predict(&x, &mut scratch, &mut out);
        }
    }
}

/// Trains a model for each objective on data with missing values, zeros and a category, and writes what LightGBM
/// predicts for rows of its own.
const TRAIN: &str = r#"
import sys
import numpy as np, lightgbm as lgb
folder = sys.argv[1]
rng = np.random.default_rng(7)
def table(n):
    x = rng.normal(size=(n, 6))
    x[rng.random((n, 6)) < 0.15] = np.nan
    x[rng.random((n, 6)) < 0.1] = 0.0
    x[:, 5] = rng.integers(0, 70, n)
    return x
x, q = table(1500), table(400)
q[:20, 5] = [-1, 69, 70, 1000, np.nan] * 4
z = np.nan_to_num(x)
s = z[:, 0] + z[:, 1] * z[:, 2] + np.sin(x[:, 5])
def softmax_class():
    return np.digitize(s, [-0.5, 0.5])
cases = {
    "binary": (dict(objective="binary"), s > 0),
    "zero": (dict(objective="binary", zero_as_missing=True), s > 0),
    "nothing": (dict(objective="binary", use_missing=False), s > 0),
    "deep": (dict(objective="regression", num_leaves=120, min_data_in_leaf=3), s),
    "shallow": (dict(objective="regression", max_depth=6, num_leaves=61), s),
    "multiclass": (dict(objective="multiclass", num_class=3), softmax_class()),
    "ova": (dict(objective="multiclassova", num_class=3, sigmoid=1.5), softmax_class()),
    "poisson": (dict(objective="poisson"), np.exp(0.3 * s)),
    "sqrt": (dict(objective="regression", reg_sqrt=True), s),
    "xentropy": (dict(objective="cross_entropy"), 1 / (1 + np.exp(-s))),
    "xentlambda": (dict(objective="cross_entropy_lambda"), 1 / (1 + np.exp(-s))),
    "forest": (dict(objective="regression", boosting="rf", bagging_freq=1, bagging_fraction=0.7), s),
    "dart": (dict(objective="binary", boosting="dart"), s > 0),
}
def write(name, array):
    np.savetxt(f"{folder}/{name}", np.atleast_2d(array), fmt="%.17g")
write("rows", q)
for name, (parameters, y) in cases.items():
    parameters = dict(dict(num_leaves=31, verbose=-1, num_threads=1, seed=1), **parameters)
    data = lgb.Dataset(x, np.asarray(y, dtype=float), categorical_feature=[5])
    model = lgb.train(parameters, data, 20)
    model.save_model(f"{folder}/{name}.txt")
    write(f"{name}.out", model.predict(q).reshape(len(q), -1))
    write(f"{name}.raw", model.predict(q, raw_score=True).reshape(len(q), -1))
    print(name)
"#;

fn read(path: &Path) -> Array2<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().map(|line| line.split(' ').map(|field| field.parse().unwrap()).collect()).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

#[test]
fn predictions_are_lightgbms() {
    let has = Command::new("python3").args(["-c", "import lightgbm"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("SKIP predictions_are_lightgbms: no python3 with the package lightgbm");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let output = Command::new("python3").args(["-c", TRAIN]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = read(&folder.join("rows"));
    for name in String::from_utf8(output.stdout).unwrap().lines() {
        let trees = BoostedTrees::load(folder.join(format!("{name}.txt"))).unwrap();
        let (want, want_raw) =
            (read(&folder.join(format!("{name}.out"))), read(&folder.join(format!("{name}.raw"))));
        assert_eq!(trees.outputs(), want.ncols(), "{name}");
        let mut scratch = vec![0.0; trees.scratch_len() + trees.inputs()];
        let mut out = vec![0.0; want.len()];
        trees.predict_batch(rows.view(), &mut scratch, &mut out);
        for (got, want) in out.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-12 * (1.0 + want.abs()), "{name}: {got}, LightGBM {want}");
        }
        let mut one = vec![0.0; trees.outputs()];
        for (row, want) in rows.rows().into_iter().zip(want_raw.rows()) {
            trees.predict_raw(row.to_slice().unwrap(), &mut scratch, &mut one);
            for (got, want) in one.iter().zip(want) {
                assert!(
                    (got - want).abs() <= 1e-12 * (1.0 + want.abs()),
                    "{name}, raw: {got}, LightGBM {want}"
                );
            }
        }
        println!("{name}: {} trees as LightGBM", trees.trees());
    }
}
