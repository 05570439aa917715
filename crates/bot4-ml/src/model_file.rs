//! Models on disk: a [safetensors] container with a block of metadata.
//!
//! | tensor | type | shape | there when |
//! |---|---|---|---|
//! | `weights` | F32 or F64, as the model | `[features]` | always |
//! | `bias` | as `weights` | `[1]` | always |
//! | `standardizer.mean`, `standardizer.m2` | F64 | `[features]` | the model has preprocessing |
//! | `standardizer.floor` | F64 | `[1]` | the model has preprocessing |
//! | `standardizer.count` | U64 | `[1]` | the model has preprocessing |
//!
//! The metadata key `bot4` holds a JSON object:
//! `{"version": 1, "model": "logistic_regression", "features": ["qi", "ofi", ...]}`; `features` may be empty.
//! Any safetensors library can read and write such a file.
//!
//! [safetensors]: https://huggingface.co/docs/safetensors

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bot4_simd::Element;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Value, json};

use crate::logistic::LogisticRegression;
use crate::standardizer::Standardizer;

/// Files beyond this are refused before they are read.
pub const MODEL_FILE_MAX_BYTES: u64 = 64 << 20;

/// Headers beyond this are refused before they are parsed.
const HEADER_MAX_BYTES: u64 = 1 << 20;
const VERSION: u64 = 1;
const MODEL: &str = "logistic_regression";
const METADATA_KEY: &str = "bot4";

/// A trained model with the preprocessing it was trained behind.
///
/// Reading validates everything before any of it is used: a truncated, foreign or hostile file is a
/// [`ModelFileError`], never a panic, and never takes more memory than a few times its size. The file is read
/// at once, not mapped, so nobody can pull it away under a running model.
///
/// ```
/// use bot4_ml::{LogisticRegression, ModelFile};
///
/// let saved = ModelFile {
///     model: LogisticRegression::from_parts(vec![0.5_f32, -1.0], 0.1),
///     standardizer: None,
///     features: vec!["qi".into(), "ofi".into()],
/// };
/// let bytes = saved.to_bytes()?;
/// assert_eq!(ModelFile::<f32>::from_bytes(&bytes)?, saved);
/// assert!(ModelFile::<f32>::from_bytes(&bytes[..bytes.len() - 1]).is_err());
/// # Ok::<(), bot4_ml::ModelFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile<T> {
    /// The model.
    pub model: LogisticRegression<T>,
    /// What its inputs are standardised with, if they are.
    pub standardizer: Option<Standardizer<T>>,
    /// The names of its inputs in order, or none.
    pub features: Vec<String>,
}

impl<T: Element> ModelFile<T> {
    /// Writes the file, replacing what was there in one step: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes), and when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let (path, bytes) = (path.as_ref(), self.to_bytes()?);
        let beside = beside(path)?;
        let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| {
            // The first error is the one to report, whether or not the half-written file can be removed.
            let _ = fs::remove_file(&beside);
            ModelFileError::Io(error)
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than [`MODEL_FILE_MAX_BYTES`], or is not a valid model of elements `T`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let file = File::open(path).map_err(ModelFileError::Io)?;
        let size = file.metadata().map_err(ModelFileError::Io)?.len();
        if size > MODEL_FILE_MAX_BYTES {
            return Err(ModelFileError::TooLarge { bytes: size, limit: MODEL_FILE_MAX_BYTES });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // The size may be a lie (a pipe, a growing file): the limit holds for what is read.
        file.take(MODEL_FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ModelFileError::Io)?;
        Self::from_bytes(&bytes)
    }

    /// The bytes of the file: the same model gives the same bytes.
    ///
    /// # Errors
    /// When the parts do not fit together, a parameter is not finite, or the file would be too large to load.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelFileError> {
        self.check()?;
        let mut tensors = Tensors::default();
        tensors.push_elements("weights", self.model.weights());
        tensors.push_elements("bias", &[self.model.bias()]);
        if let Some(standardizer) = &self.standardizer {
            let (mean, m2) = standardizer.statistics();
            tensors.push_elements("standardizer.mean", mean);
            tensors.push_elements("standardizer.m2", m2);
            tensors.push_elements("standardizer.floor", &[standardizer.floor()]);
            tensors.push("standardizer.count", Dtype::U64, 1, standardizer.count().to_le_bytes().to_vec());
        }
        let description = json!({ "version": VERSION, "model": MODEL, "features": self.features });
        let bytes = tensors.serialize(description.to_string())?;
        check_sizes(&bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFileError> {
        check_sizes(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| malformed(&e, bytes.len()))?;
        let block = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let features = describe(block.ok_or(ModelFileError::Foreign)?)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| malformed(&e, bytes.len()))?;
        let mut tensors: HashMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();

        let weights: Vec<T> = elements(&mut tensors, "weights", None)?;
        let width = weights.len();
        let bias: Vec<T> = elements(&mut tensors, "bias", Some(1))?;
        let standardizer = match tensors.keys().any(|name| name.starts_with("standardizer.")) {
            true => Some(read_standardizer(&mut tensors, width)?),
            false => None,
        };
        if let Some(name) = tensors.into_keys().min() {
            return Err(ModelFileError::UnknownTensor(name));
        }
        let read = Self { model: LogisticRegression::from_parts(weights, bias[0]), standardizer, features };
        read.check()?;
        Ok(read)
    }

    /// The rules that hold for every file written and every file read.
    fn check(&self) -> Result<(), ModelFileError> {
        let width = self.model.width();
        if !self.model.weights().iter().all(|w| w.is_finite()) {
            return Err(ModelFileError::Values { tensor: "weights" });
        }
        if !self.model.bias().is_finite() {
            return Err(ModelFileError::Values { tensor: "bias" });
        }
        if !self.features.is_empty() && self.features.len() != width {
            return Err(ModelFileError::Features { names: self.features.len(), width });
        }
        match &self.standardizer {
            Some(s) if s.width() != width => Err(ModelFileError::Shape {
                tensor: "standardizer.mean",
                expected: Some(width),
                found: vec![s.width()],
            }),
            _ => Ok(()),
        }
    }
}

/// A name in the same directory, so that renaming it does not cross file systems.
fn beside(path: &Path) -> Result<PathBuf, ModelFileError> {
    let name = path.file_name().ok_or_else(|| {
        ModelFileError::Io(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path does not end in a file name",
        ))
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

/// Tensors on their way into a file.
#[derive(Default)]
struct Tensors(Vec<(&'static str, Dtype, usize, Vec<u8>)>);

impl Tensors {
    fn push(&mut self, name: &'static str, dtype: Dtype, len: usize, bytes: Vec<u8>) {
        self.0.push((name, dtype, len, bytes));
    }

    fn push_elements<T: Element>(&mut self, name: &'static str, values: &[T]) {
        let dtype = dtype_of::<T>();
        let bytes = values.iter().flat_map(|value| {
            let value: f64 = (*value).into();
            match dtype {
                Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
                _ => value.to_le_bytes().to_vec(),
            }
        });
        self.push(name, dtype, values.len(), bytes.collect());
    }

    fn serialize(&self, description: String) -> Result<Vec<u8>, ModelFileError> {
        let views = self.0.iter().map(|(name, dtype, len, bytes)| {
            TensorView::new(*dtype, vec![*len], bytes).map(|view| (*name, view))
        });
        let views: Result<Vec<_>, _> = views.collect();
        let metadata = [(METADATA_KEY.to_owned(), description)].into_iter().collect();
        views
            .and_then(|views| safetensors::serialize(views, Some(metadata)))
            .map_err(|error| ModelFileError::Malformed(error.to_string()))
    }
}

/// `Element` is sealed to `f32` and `f64`.
fn dtype_of<T: Element>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

fn check_sizes(bytes: &[u8]) -> Result<(), ModelFileError> {
    if bytes.len() as u64 > MODEL_FILE_MAX_BYTES {
        return Err(ModelFileError::TooLarge { bytes: bytes.len() as u64, limit: MODEL_FILE_MAX_BYTES });
    }
    let Some(header) = bytes.first_chunk() else {
        return Err(ModelFileError::Malformed(format!("{} bytes: too short for a header", bytes.len())));
    };
    match u64::from_le_bytes(*header) {
        size if size > HEADER_MAX_BYTES => {
            Err(ModelFileError::TooLarge { bytes: size, limit: HEADER_MAX_BYTES })
        }
        _ => Ok(()),
    }
}

fn malformed(error: &SafeTensorError, size: usize) -> ModelFileError {
    ModelFileError::Malformed(match error {
        SafeTensorError::InvalidHeaderLength => format!("the header is longer than the file's {size} bytes"),
        SafeTensorError::MetadataIncompleteBuffer => {
            format!(
                "the tensors do not fill the file's {size} bytes exactly: cut short, or something was appended"
            )
        }
        other => other.to_string(),
    })
}

/// Checks the `bot4` block and returns the features' names.
fn describe(block: &str) -> Result<Vec<String>, ModelFileError> {
    let block: Value = serde_json::from_str(block).map_err(|error| {
        ModelFileError::Malformed(format!("the `{METADATA_KEY}` block is no JSON: {error}"))
    })?;
    if block["version"] != json!(VERSION) {
        return Err(ModelFileError::Version { found: block["version"].to_string() });
    }
    if block["model"] != json!(MODEL) {
        return Err(ModelFileError::Model { found: block["model"].to_string() });
    }
    let names = block["features"]
        .as_array()
        .map(|names| names.iter().map(|n| n.as_str().map(str::to_owned)).collect());
    match names {
        Some(Some(names)) => Ok(names),
        _ => Err(ModelFileError::Malformed(format!(
            "`features` in the `{METADATA_KEY}` block is no list of names"
        ))),
    }
}

fn read_standardizer<T: Element>(
    tensors: &mut HashMap<String, TensorView<'_>>,
    width: usize,
) -> Result<Standardizer<T>, ModelFileError> {
    let mean = elements(tensors, "standardizer.mean", Some(width))?;
    let m2 = elements(tensors, "standardizer.m2", Some(width))?;
    let floor: Vec<f64> = elements(tensors, "standardizer.floor", Some(1))?;
    let count = take(tensors, "standardizer.count", Dtype::U64, Some(1))?;
    let count = count.data().first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).unwrap_or_default();
    Standardizer::from_statistics(count, floor[0], mean, m2)
        .ok_or(ModelFileError::Values { tensor: "standardizer" })
}

fn elements<T: Element>(
    tensors: &mut HashMap<String, TensorView<'_>>,
    name: &'static str,
    len: Option<usize>,
) -> Result<Vec<T>, ModelFileError> {
    let dtype = dtype_of::<T>();
    let data = take(tensors, name, dtype, len)?.data();
    Ok(match dtype {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| T::from(f32::from_le_bytes(*b))).collect(),
        _ => data.as_chunks().0.iter().map(|b| T::from_f64(f64::from_le_bytes(*b))).collect(),
    })
}

/// Takes a tensor of one dimension (of length `len`, if given) out of the map.
fn take<'a>(
    tensors: &mut HashMap<String, TensorView<'a>>,
    name: &'static str,
    dtype: Dtype,
    len: Option<usize>,
) -> Result<TensorView<'a>, ModelFileError> {
    let tensor = tensors.remove(name).ok_or(ModelFileError::MissingTensor(name))?;
    if tensor.dtype() != dtype {
        let (expected, found) = (format!("{dtype:?}"), format!("{:?}", tensor.dtype()));
        return Err(ModelFileError::ElementType { tensor: name, expected, found });
    }
    match tensor.shape() {
        [found] if len.is_none_or(|len| len == *found) => Ok(tensor),
        found => Err(ModelFileError::Shape { tensor: name, expected: len, found: found.to_vec() }),
    }
}

/// What is wrong with a model file, or with a model that was to become one.
#[derive(Debug)]
pub enum ModelFileError {
    /// Reading or writing failed.
    Io(io::Error),
    /// The file, or its header, is larger than allowed.
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Not a well-formed safetensors file.
    Malformed(String),
    /// A safetensors file without the `bot4` metadata block.
    Foreign,
    /// Written in another version of the format.
    Version {
        /// What it says.
        found: String,
    },
    /// Another kind of model.
    Model {
        /// What it says.
        found: String,
    },
    /// A tensor is missing.
    MissingTensor(&'static str),
    /// A tensor that does not belong in there.
    UnknownTensor(String),
    /// A tensor of other elements than asked for.
    ElementType {
        /// The tensor.
        tensor: &'static str,
        /// The element type asked for.
        expected: String,
        /// The element type found.
        found: String,
    },
    /// A tensor of another shape: one dimension is expected, of a given length or any.
    Shape {
        /// The tensor.
        tensor: &'static str,
        /// The length expected.
        expected: Option<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Values that no trained model has: not finite, or statistics of no data.
    Values {
        /// The tensor, or the group of tensors.
        tensor: &'static str,
    },
    /// Not one name a feature.
    Features {
        /// Names.
        names: usize,
        /// Features.
        width: usize,
    },
}

impl fmt::Display for ModelFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLarge { bytes, limit } => write!(f, "{bytes} bytes, where {limit} are allowed"),
            Self::Malformed(what) => write!(f, "not a well-formed model file: {what}"),
            Self::Foreign => {
                write!(f, "a safetensors file without a `{METADATA_KEY}` block: not written as a bot4 model")
            }
            Self::Version { found } => write!(f, "format version {found}, this build reads {VERSION}"),
            Self::Model { found } => write!(f, "a model of kind {found}, expected \"{MODEL}\""),
            Self::MissingTensor(name) => write!(f, "tensor `{name}` is missing"),
            Self::UnknownTensor(name) => {
                write!(f, "tensor `{}` does not belong in this kind of model", name.escape_debug())
            }
            Self::ElementType { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has elements of type {found}, asked for {expected}")
            }
            Self::Shape { tensor, expected: Some(expected), found } => {
                write!(f, "tensor `{tensor}` has shape {found:?}, expected [{expected}]")
            }
            Self::Shape { tensor, expected: None, found } => {
                write!(f, "tensor `{tensor}` has shape {found:?}, expected one dimension")
            }
            Self::Values { tensor } => write!(f, "`{tensor}` holds values that no trained model has"),
            Self::Features { names, width } => write!(f, "{names} feature names for {width} features"),
        }
    }
}

impl std::error::Error for ModelFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn saved() -> ModelFile<f64> {
        let mut standardizer = Standardizer::new(3).with_floor(1e-9);
        for row in [[1.0, 2.0, 3.0], [0.1, -2.0, 1e9], [4.0, 0.0, 3.5]] {
            standardizer.observe(&row).unwrap();
        }
        ModelFile {
            model: LogisticRegression::from_parts(vec![0.1, -2.5, 1e-300], -0.0),
            standardizer: Some(standardizer),
            features: vec!["qi".into(), "sp\"read".into(), "größe".into()],
        }
    }

    /// A safetensors file with these parts, built by hand.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn header(block: &str, tensors: &str) -> String {
        format!(r#"{{"__metadata__":{{"bot4":{}}},{tensors}}}"#, json!(block))
    }

    const BLOCK: &str = r#"{"version":1,"model":"logistic_regression","features":[]}"#;
    const BIAS: &str = r#""bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    const WEIGHTS: &str = r#""weights":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}"#;

    fn error_of(bytes: &[u8]) -> ModelFileError {
        ModelFile::<f32>::from_bytes(bytes).unwrap_err()
    }

    #[test]
    fn everything_comes_back_to_the_bit_and_learning_can_go_on() {
        let saved = saved();
        let mut loaded = ModelFile::<f64>::from_bytes(&saved.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded, saved);
        assert_eq!(loaded.model.bias().to_bits(), (-0.0_f64).to_bits());
        let (mut a, mut b) = (saved.standardizer.unwrap(), loaded.standardizer.take().unwrap());
        a.observe(&[1.0; 3]).unwrap();
        b.observe(&[1.0; 3]).unwrap();
        assert_eq!(a, b);
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        assert_eq!(saved().to_bytes().unwrap(), saved().to_bytes().unwrap());
    }

    #[test]
    fn a_file_written_by_hand_is_read() {
        let data: Vec<u8> = [0.5_f32, 1.0, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let bytes = file(&header(BLOCK, &format!("{BIAS},{WEIGHTS}")), &data);
        let read = ModelFile::<f32>::from_bytes(&bytes).unwrap();
        assert_eq!(read.model, LogisticRegression::from_parts(vec![1.0, -2.0], 0.5));
        assert_eq!((read.standardizer, read.features), (None, vec![]));
    }

    #[test]
    fn saving_replaces_and_loading_reads_what_was_saved() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        fs::write(&path, "something older").unwrap();
        saved().save(&path).unwrap();
        assert_eq!(ModelFile::load(&path).unwrap(), saved());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_missing_or_oversized_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        assert!(matches!(ModelFile::<f32>::load(&path), Err(ModelFileError::Io(_))));
        File::create(&path).unwrap().set_len(MODEL_FILE_MAX_BYTES + 1).unwrap();
        assert!(matches!(ModelFile::<f32>::load(&path), Err(ModelFileError::TooLarge { .. })));
        assert!(matches!(saved().save(directory.path().join("..")), Err(ModelFileError::Io(_))));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = saved().to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert!(ModelFile::<f64>::from_bytes(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let good = format!("{BIAS},{WEIGHTS}");
        let block = |from: &str, to: &str| BLOCK.replace(from, to);
        let both = |from: &str, to: &str| format!("{BIAS},{WEIGHTS}").replace(from, to);
        let nan = [[0_u8; 8].as_slice(), &f32::NAN.to_le_bytes()].concat();
        let extra = format!(r#"{good},"more":{{"dtype":"F32","shape":[0],"data_offsets":[12,12]}}"#);
        for (header, data, want) in [
            (header(&block("1", "2"), &good), vec![0; 12], "format version 2"),
            (header(&block("\"version\":1", "\"v\":1"), &good), vec![0; 12], "format version null"),
            (header(&block("logistic_regression", "gru"), &good), vec![0; 12], "a model of kind \"gru\""),
            (header(&block("[]", "[\"a\"]"), &good), vec![0; 12], "1 feature names for 2 features"),
            (header(&block("[]", "[1,2]"), &good), vec![0; 12], "no list of names"),
            (header("{", &good), vec![0; 12], "no JSON"),
            (format!("{{{good}}}"), vec![0; 12], "without a `bot4` block"),
            (header(BLOCK, BIAS), vec![0; 4], "tensor `weights` is missing"),
            (header(BLOCK, &extra), vec![0; 12], "tensor `more` does not belong"),
            (header(BLOCK, &both("F32", "I32")), vec![0; 12], "elements of type I32, asked for F32"),
            (header(BLOCK, &both("[2]", "[2,1]")), vec![0; 12], "shape [2, 1], expected one dimension"),
            (header(BLOCK, &both("[1]", "[1,1]")), vec![0; 12], "shape [1, 1], expected [1]"),
            (header(BLOCK, &both("[2]", "[3]")), vec![0; 12], "well-formed"),
            (header(BLOCK, &both("[2]", "[18446744073709551615]")), vec![0; 12], "well-formed"),
            (header(BLOCK, &both("[4,12]", "[4,18446744073709551615]")), vec![0; 12], "well-formed"),
            (header(BLOCK, &good), vec![0; 13], "something was appended"),
            (header(BLOCK, &good), nan, "`weights` holds values"),
        ] {
            let message = error_of(&file(&header, &data)).to_string();
            assert!(message.contains(want), "{message:?} should contain {want:?}");
        }
    }

    #[test]
    fn a_header_that_claims_to_be_huge_is_refused_before_it_is_parsed() {
        let mut bytes = vec![b' '; 64];
        for size in [HEADER_MAX_BYTES + 1, u64::MAX] {
            bytes[..8].copy_from_slice(&size.to_le_bytes());
            assert!(matches!(error_of(&bytes), ModelFileError::TooLarge { .. }));
        }
    }

    #[test]
    fn asking_for_the_other_element_type_is_an_error() {
        let message = error_of(&saved().to_bytes().unwrap()).to_string();
        assert_eq!(message, "tensor `weights` has elements of type F64, asked for F32");
    }

    #[test]
    fn parts_that_do_not_fit_are_not_written() {
        let mut wrong = saved();
        wrong.standardizer = Some(Standardizer::new(2));
        assert!(matches!(wrong.to_bytes(), Err(ModelFileError::Shape { .. })));
        let mut wrong = saved();
        wrong.model.parameters_mut()[0][1] = f64::NAN;
        assert!(matches!(wrong.to_bytes(), Err(ModelFileError::Values { .. })));
        let mut wrong = saved();
        wrong.features.pop();
        assert!(matches!(wrong.to_bytes(), Err(ModelFileError::Features { names: 2, width: 3 })));
    }

    #[test]
    fn statistics_of_no_data_are_refused() {
        let of = |count, floor, mean: f64, m2: f64| {
            Standardizer::<f64>::from_statistics(count, floor, vec![mean], vec![m2])
        };
        assert!(of(5, 0.0, 1.0, 2.0).is_some());
        assert!(of(5, 0.0, f64::NAN, 2.0).is_none());
        assert!(of(5, 0.0, 1.0, -2.0).is_none());
        assert!(of(5, 0.0, 1.0, f64::INFINITY).is_none());
        assert!(of(5, f64::NAN, 1.0, 2.0).is_none());
        assert!(of(1, 0.0, 1.0, 2.0).is_none(), "one row has no deviation");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Bytes from outside: whatever they are, reading them returns, and what it accepts predicts.
        #[test]
        fn mutated_files_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut bytes = saved().to_bytes().unwrap();
            for (place, byte) in edits {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(read) = ModelFile::<f64>::from_bytes(&bytes) {
                prop_assert!((0.0..=1.0).contains(&read.model.predict(&[1.0; 3])));
                prop_assert!(read.to_bytes().is_ok());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ModelFile::<f32>::from_bytes(&bytes).is_err());
        }
    }
}
