//! Models on disk: a [safetensors] container with a block of metadata.
//!
//! | tensor | type | shape | in models of kind |
//! |---|---|---|---|
//! | `weights` | F32 or F64, as the model | `[features]` | `linear_regression`, `logistic_regression` |
//! | `bias` | as `weights` | `[1]` | the same |
//! | `layers.N.weight` | as the model | `[outputs, inputs]` | `mlp`, for each layer `N` from 0 on |
//! | `layers.N.bias` | as the model | `[outputs]` | the same |
//! | `weight_ih`, `weight_hh` | as the model | `[3 * state, inputs]`, `[3 * state, state]` | `gru`, PyTorch's order of gates |
//! | `bias_ih`, `bias_hh` | as the model | `[3 * state]` | the same |
//! | `standardizer.mean`, `standardizer.m2` | F64 | `[features]` | any, with preprocessing |
//! | `standardizer.floor` | F64 | `[1]` | the same |
//! | `standardizer.count` | U64 | `[1]` | the same |
//!
//! The metadata key `bot4` holds a JSON object:
//! `{"version": 1, "model": "mlp", "features": ["qi", "ofi", ...], "classes": ["down", "up"], "activations": ["relu", "sigmoid"]}`.
//! `features` may be empty, `classes` may be empty or missing, `activations` has one name a layer of an `mlp`.
//! Any safetensors library can read and write such a file.
//!
//! [safetensors]: https://huggingface.co/docs/safetensors

mod container;
mod error;
mod saved;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::standardizer::Standardizer;
use container::{Source, Tensors};
pub use error::ModelFileError;
pub use saved::{Model, Saved};

/// Files beyond this are refused before they are read.
pub const MODEL_FILE_BYTES_MAX: u64 = 64 << 20;

/// Headers beyond this are refused before they are parsed.
const HEADER_BYTES_MAX: u64 = 1 << 20;
const VERSION: u64 = 1;
const METADATA_KEY: &str = "bot4";

/// A trained model with the preprocessing it was trained behind.
///
/// `M` is one kind of model ([`LogisticRegression`](crate::LogisticRegression),
/// [`LinearRegression`](crate::LinearRegression), [`Mlp`](crate::Mlp), [`GruCell`](crate::GruCell)), or
/// [`Model`] for whichever the file holds. A file of `F32` can be read as `f64`, which loses nothing; the other way
/// round is an error.
///
/// Reading validates everything before any of it is used: a truncated, foreign or hostile file is a
/// [`ModelFileError`], never a panic, and takes a few times its size (layers of one output are padded to a cache
/// line: sixteen times). The file is read at once, not mapped, so nobody can pull it away under a running model.
///
/// ```
/// use bot4_ml::{LogisticRegression, Model, ModelFile};
///
/// let model = LogisticRegression::from_parts(vec![0.5_f32, -1.0], 0.1);
/// let saved = ModelFile::new(model).with_features(["qi", "ofi"]);
/// let bytes = saved.to_bytes()?;
/// assert_eq!(ModelFile::<LogisticRegression<f32>>::from_bytes(&bytes)?, saved);
/// assert!(matches!(ModelFile::<Model<f32>>::from_bytes(&bytes)?.model, Model::Logistic(_)));
/// assert!(ModelFile::<LogisticRegression<f32>>::from_bytes(&bytes[..bytes.len() - 1]).is_err());
/// # Ok::<(), bot4_ml::ModelFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile<M: Saved> {
    /// The model.
    pub model: M,
    /// What its inputs are standardised with, if they are.
    pub standardizer: Option<Standardizer<M::Number>>,
    /// The names of its inputs in order, or none.
    pub features: Vec<String>,
    /// The names of its classes in order, or none.
    pub classes: Vec<String>,
}

impl<M: Saved> ModelFile<M> {
    /// A model without preprocessing or names.
    #[must_use]
    pub fn new(model: M) -> Self {
        Self { model, standardizer: None, features: Vec::new(), classes: Vec::new() }
    }

    /// Adds the preprocessing.
    #[must_use]
    pub fn with_standardizer(mut self, standardizer: Standardizer<M::Number>) -> Self {
        self.standardizer = Some(standardizer);
        self
    }

    /// Names the inputs.
    #[must_use]
    pub fn with_features<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.features = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names the classes.
    #[must_use]
    pub fn with_classes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.classes = names.into_iter().map(Into::into).collect();
        self
    }

    /// Writes the file, replacing what was there in one step: a reader sees the old file or the new one. Devices and
    /// pipes are not replaced but written to.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes), and when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let (path, bytes) = (path.as_ref(), self.to_bytes()?);
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            return fs::write(path, bytes).map_err(ModelFileError::Io);
        }
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
    /// When it cannot be read, is larger than [`MODEL_FILE_BYTES_MAX`], or is not a valid model of elements `T`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let file = File::open(path).map_err(ModelFileError::Io)?;
        let size = file.metadata().map_err(ModelFileError::Io)?.len();
        if size > MODEL_FILE_BYTES_MAX {
            return Err(ModelFileError::TooLarge { bytes: size, limit: MODEL_FILE_BYTES_MAX });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // The size may be a lie (a pipe, a growing file): the limit holds for what is read.
        file.take(MODEL_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ModelFileError::Io)?;
        Self::from_bytes(&bytes)
    }

    /// The bytes of the file: the same model gives the same bytes.
    ///
    /// # Errors
    /// When the parts do not fit together, a parameter is not finite, or the file would be too large to load.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelFileError> {
        self.check()?;
        let mut tensors = Tensors::default();
        self.model.write(&mut tensors);
        if let Some(standardizer) = &self.standardizer {
            tensors.push_standardizer(standardizer);
        }
        let mut block = json!({ "version": VERSION, "model": self.model.kind(), "features": self.features });
        if !self.classes.is_empty() {
            block["classes"] = json!(self.classes);
        }
        self.model.describe(&mut block);
        let bytes = tensors.serialize(block.to_string())?;
        container::check_sizes(&bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFileError> {
        let (block, mut tensors) = Source::open(bytes)?;
        if block["version"] != json!(VERSION) {
            return Err(ModelFileError::Version { found: block["version"].to_string() });
        }
        let kind = block["model"].as_str().ok_or_else(|| ModelFileError::Model {
            found: block["model"].to_string(),
            expected: M::KINDS.join(", "),
        })?;
        if !M::KINDS.contains(&kind) {
            return Err(ModelFileError::Model { found: format!("{kind:?}"), expected: M::KINDS.join(", ") });
        }
        let features = names(&block, "features", true)?;
        let classes = names(&block, "classes", false)?;
        let model = M::read(kind, &block, &mut tensors)?;
        let standardizer = tensors.standardizer(model.inputs())?;
        tensors.finish()?;
        let read = Self { model, standardizer, features, classes };
        read.check()?;
        Ok(read)
    }

    /// The rules that hold for every file written and every file read.
    fn check(&self) -> Result<(), ModelFileError> {
        self.model.check()?;
        let (width, outputs) = (self.model.inputs(), self.model.outputs());
        if !self.features.is_empty() && self.features.len() != width {
            return Err(ModelFileError::Features { names: self.features.len(), width });
        }
        if !self.classes.is_empty() && self.classes.len() != outputs.max(2) {
            return Err(ModelFileError::Classes { names: self.classes.len(), outputs });
        }
        match &self.standardizer {
            Some(s) if s.width() != width => Err(ModelFileError::Shape {
                tensor: "standardizer.mean".to_owned(),
                expected: format!("[{width}]"),
                found: vec![s.width()],
            }),
            _ => Ok(()),
        }
    }
}

/// A list of names in the metadata block.
fn names(block: &Value, key: &str, required: bool) -> Result<Vec<String>, ModelFileError> {
    let value = &block[key];
    if value.is_null() && !required {
        return Ok(Vec::new());
    }
    let names = value.as_array().map(|names| names.iter().map(|n| n.as_str().map(str::to_owned)).collect());
    match names {
        Some(Some(names)) => Ok(names),
        _ => Err(ModelFileError::Malformed(format!(
            "`{key}` in the `{METADATA_KEY}` block is no list of names"
        ))),
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

#[cfg(test)]
mod tests;
