//! Tensors in and out of the container.

use std::collections::HashMap;

use bot4_pipeline::columns::Number;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::Value;

use super::{HEADER_BYTES_MAX, METADATA_KEY, MODEL_FILE_BYTES_MAX, ModelFileError};
use crate::standardizer::Standardizer;

/// Tensors on their way into a file.
#[derive(Debug, Default)]
pub struct Tensors(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl Tensors {
    pub(super) fn push<T: Number>(&mut self, name: impl Into<String>, shape: &[usize], values: &[T]) {
        let dtype = dtype_of::<T>();
        let bytes = values.iter().flat_map(|value| {
            let value: f64 = (*value).into();
            match dtype {
                Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
                _ => value.to_le_bytes().to_vec(),
            }
        });
        self.0.push((name.into(), dtype, shape.to_vec(), bytes.collect()));
    }

    pub(super) fn push_standardizer<T: Number>(&mut self, standardizer: &Standardizer<T>) {
        let (mean, m2) = standardizer.statistics();
        self.push("standardizer.mean", &[mean.len()], mean);
        self.push("standardizer.m2", &[m2.len()], m2);
        self.push("standardizer.floor", &[1], &[standardizer.floor()]);
        let count = standardizer.count().to_le_bytes().to_vec();
        self.0.push(("standardizer.count".to_owned(), Dtype::U64, vec![1], count));
    }

    pub(super) fn serialize(&self, description: String) -> Result<Vec<u8>, ModelFileError> {
        let views = self.0.iter().map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        });
        let views: Result<Vec<_>, _> = views.collect();
        let metadata = [(METADATA_KEY.to_owned(), description)].into_iter().collect();
        views
            .and_then(|views| safetensors::serialize(views, Some(metadata)))
            .map_err(|error| ModelFileError::Malformed(error.to_string()))
    }
}

/// The tensors of a file that nobody has taken yet.
#[derive(Debug)]
pub struct Source<'a>(HashMap<String, TensorView<'a>>);

impl<'a> Source<'a> {
    /// The metadata block and the tensors.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Value, Self), ModelFileError> {
        check_sizes(bytes).map_err(|error| match error {
            ModelFileError::TooLarge { limit: HEADER_BYTES_MAX, .. } => ModelFileError::Malformed(
                "its first bytes announce a header longer than any model's: another kind of file?".to_owned(),
            ),
            other => other,
        })?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| malformed(&e, bytes.len()))?;
        let block = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let block = serde_json::from_str(block.ok_or(ModelFileError::Foreign)?).map_err(|error| {
            ModelFileError::Malformed(format!("the `{METADATA_KEY}` block is no JSON: {error}"))
        })?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| malformed(&e, bytes.len()))?;
        Ok((block, Self(tensors.tensors().into_iter().collect())))
    }

    /// The elements of a tensor, and its sizes. `shape` has a size, or `None` for any, for each dimension.
    pub(super) fn take<T: Number, const D: usize>(
        &mut self,
        name: &str,
        shape: [Option<usize>; D],
    ) -> Result<(Vec<T>, [usize; D]), ModelFileError> {
        let (want, wide) = (dtype_of::<T>(), dtype_of::<T>() == Dtype::F64);
        let tensor = self.0.remove(name).ok_or_else(|| ModelFileError::MissingTensor(name.to_owned()))?;
        let values = match tensor.dtype() {
            Dtype::F32 => {
                tensor.data().as_chunks().0.iter().map(|b| T::from(f32::from_le_bytes(*b))).collect()
            }
            Dtype::F64 if wide => {
                tensor.data().as_chunks().0.iter().map(|b| T::from_f64(f64::from_le_bytes(*b))).collect()
            }
            found => return Err(ModelFileError::element_type(name, want, found)),
        };
        Ok((values, sizes(name, tensor.shape(), shape)?))
    }

    /// The preprocessing, if there is any.
    pub(super) fn standardizer<T: Number>(
        &mut self,
        width: usize,
    ) -> Result<Option<Standardizer<T>>, ModelFileError> {
        if !self.0.keys().any(|name| name.starts_with("standardizer.")) {
            return Ok(None);
        }
        let (mean, _) = self.take("standardizer.mean", [Some(width)])?;
        let (m2, _) = self.take("standardizer.m2", [Some(width)])?;
        let (floor, _) = self.take::<f64, 1>("standardizer.floor", [Some(1)])?;
        let name = "standardizer.count";
        let count = self.0.remove(name).ok_or_else(|| ModelFileError::MissingTensor(name.to_owned()))?;
        if count.dtype() != Dtype::U64 {
            return Err(ModelFileError::element_type(name, Dtype::U64, count.dtype()));
        }
        sizes(name, count.shape(), [Some(1)])?;
        let count = count.data().first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).unwrap_or_default();
        let standardizer = Standardizer::from_statistics(count, floor[0], mean, m2);
        standardizer.map(Some).ok_or_else(|| ModelFileError::Values { tensor: "standardizer".to_owned() })
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), ModelFileError> {
        match self.0.into_keys().min() {
            Some(name) => Err(ModelFileError::UnknownTensor(name)),
            None => Ok(()),
        }
    }
}

fn sizes<const D: usize>(
    name: &str,
    found: &[usize],
    expected: [Option<usize>; D],
) -> Result<[usize; D], ModelFileError> {
    let found_sizes = <[usize; D]>::try_from(found).ok();
    let fits = |sizes: &[usize; D]| sizes.iter().zip(expected).all(|(size, e)| e.is_none_or(|e| e == *size));
    found_sizes.filter(fits).ok_or_else(|| ModelFileError::shape(name, &expected, found))
}

/// `Number` is sealed to `f32` and `f64`.
fn dtype_of<T: Number>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

pub(super) fn check_sizes(bytes: &[u8]) -> Result<(), ModelFileError> {
    if bytes.len() as u64 > MODEL_FILE_BYTES_MAX {
        return Err(ModelFileError::TooLarge { bytes: bytes.len() as u64, limit: MODEL_FILE_BYTES_MAX });
    }
    let Some(header) = bytes.first_chunk() else {
        return Err(ModelFileError::Malformed(format!("{} bytes: too short for a header", bytes.len())));
    };
    match u64::from_le_bytes(*header) {
        size if size > HEADER_BYTES_MAX => {
            Err(ModelFileError::TooLarge { bytes: size, limit: HEADER_BYTES_MAX })
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
