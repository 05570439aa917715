//! What can be wrong with a model file.

use std::fmt;
use std::io;

use safetensors::Dtype;

use super::{METADATA_KEY, VERSION};

/// What is wrong with a model file, or with a model that was to become one.
#[derive(Debug)]
#[non_exhaustive]
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
        /// The kinds asked for.
        expected: String,
    },
    /// A tensor is missing.
    MissingTensor(String),
    /// A tensor that does not belong in there.
    UnknownTensor(String),
    /// A tensor of other elements than asked for.
    ElementType {
        /// The tensor.
        tensor: String,
        /// The element type asked for.
        expected: String,
        /// The element type found.
        found: String,
    },
    /// A tensor of another shape.
    Shape {
        /// The tensor.
        tensor: String,
        /// The shape expected.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Values that no trained model has: not finite, or statistics of no data.
    Values {
        /// The tensor, or the group of tensors.
        tensor: String,
    },
    /// A network or cell that cannot be: sizes that do not fit together, an unknown activation.
    Architecture(String),
    /// Not one name a class.
    Classes {
        /// Names.
        names: usize,
        /// Outputs of the model.
        outputs: usize,
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
            Self::Model { found, expected } => write!(f, "a model of kind {found}, expected {expected}"),
            Self::MissingTensor(name) => write!(f, "tensor `{name}` is missing"),
            Self::UnknownTensor(name) => {
                write!(f, "tensor `{}` does not belong in this kind of model", name.escape_debug())
            }
            Self::ElementType { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has elements of type {found}, asked for {expected}")
            }
            Self::Shape { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has shape {found:?}, expected {expected}")
            }
            Self::Architecture(what) => write!(f, "no such model can be: {what}"),
            Self::Classes { names, outputs } => {
                write!(f, "{names} class names for a model of {outputs} outputs")
            }
            Self::Values { tensor } => write!(
                f,
                "`{tensor}` holds a value that no trained model has: not finite, or statistics of no data"
            ),
            Self::Features { names, width } => write!(f, "{names} feature names for {width} features"),
        }
    }
}

impl ModelFileError {
    pub(super) fn element_type(tensor: &str, expected: Dtype, found: Dtype) -> Self {
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        Self::ElementType { tensor: tensor.to_owned(), expected, found }
    }

    pub(super) fn shape(tensor: &str, expected: &[Option<usize>], found: &[usize]) -> Self {
        let size = |size: &Option<usize>| size.map_or("any".to_owned(), |size| size.to_string());
        let expected = format!("[{}]", expected.iter().map(size).collect::<Vec<_>>().join(", "));
        Self::Shape { tensor: tensor.to_owned(), expected, found: found.to_vec() }
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
