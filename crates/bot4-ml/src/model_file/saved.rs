//! What each kind of model writes and reads.

use bot4_pipeline::columns::Number;
use serde_json::{Value, json};

use super::container::{Source, Tensors};
use super::{ModelFileError, names};
use crate::activation::Activation;
use crate::gru::{GruCell, GruParts};
use crate::linear::LinearRegression;
use crate::logistic::LogisticRegression;
use crate::mlp::{LayerParts, Mlp};

/// A kind of model that [`ModelFile`](super::ModelFile) can hold. Sealed.
pub trait Saved: Sized {
    /// The type of its parameters.
    type Number: Number;
    /// The kinds of file it can be read from.
    const KINDS: &'static [&'static str];

    /// The kind of file it is written to.
    fn kind(&self) -> &'static str;
    /// The number of features of a row.
    fn inputs(&self) -> usize;
    /// The number of outputs of a row.
    fn outputs(&self) -> usize;
    /// Adds to the metadata block what the tensors do not say.
    fn describe(&self, block: &mut Value);
    /// Adds the tensors.
    fn write(&self, tensors: &mut Tensors);
    /// Takes the tensors.
    fn read(kind: &str, block: &Value, tensors: &mut Source<'_>) -> Result<Self, ModelFileError>;
    /// Refuses parameters that are not finite.
    fn check(&self) -> Result<(), ModelFileError>;
}

fn check_finite<T: Number>(name: &str, values: &[T]) -> Result<(), ModelFileError> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(ModelFileError::Values { tensor: name.to_owned() }),
    }
}

/// The linear models differ in their name only.
macro_rules! linear {
    ($model:ident, $kind:literal) => {
        impl<T: Number> Saved for $model<T> {
            type Number = T;
            const KINDS: &'static [&'static str] = &[$kind];

            fn kind(&self) -> &'static str {
                $kind
            }

            fn inputs(&self) -> usize {
                self.inputs()
            }

            fn outputs(&self) -> usize {
                1
            }

            fn describe(&self, _: &mut Value) {}

            fn write(&self, tensors: &mut Tensors) {
                tensors.push("weights", &[self.inputs()], self.weights());
                tensors.push("bias", &[1], &[self.bias()]);
            }

            fn read(_: &str, _: &Value, tensors: &mut Source<'_>) -> Result<Self, ModelFileError> {
                let (weights, _) = tensors.take("weights", [None])?;
                let (bias, _) = tensors.take::<T, 1>("bias", [Some(1)])?;
                Ok(Self::from_parts(weights, bias[0]))
            }

            fn check(&self) -> Result<(), ModelFileError> {
                check_finite("weights", self.weights())?;
                check_finite("bias", &[self.bias()])
            }
        }
    };
}

linear!(LinearRegression, "linear_regression");
linear!(LogisticRegression, "logistic_regression");

impl<T: Number> Saved for Mlp<T> {
    type Number = T;
    const KINDS: &'static [&'static str] = &["mlp"];

    fn kind(&self) -> &'static str {
        "mlp"
    }

    fn inputs(&self) -> usize {
        self.inputs()
    }

    fn outputs(&self) -> usize {
        self.outputs()
    }

    fn describe(&self, block: &mut Value) {
        let activations: Vec<&str> = self.layers().map(|layer| layer.activation.name()).collect();
        block["activations"] = json!(activations);
    }

    fn write(&self, tensors: &mut Tensors) {
        for (index, layer) in self.layers().enumerate() {
            let shape = [layer.bias.len(), layer.inputs];
            tensors.push(format!("layers.{index}.weight"), &shape, &layer.weights);
            tensors.push(format!("layers.{index}.bias"), &shape[..1], &layer.bias);
        }
    }

    fn read(_: &str, block: &Value, tensors: &mut Source<'_>) -> Result<Self, ModelFileError> {
        let mut layers = Vec::new();
        for (index, name) in names(block, "activations", true)?.iter().enumerate() {
            let activation: Activation = name.parse().map_err(architecture)?;
            let (weights, [outputs, inputs]) =
                tensors.take(&format!("layers.{index}.weight"), [None, None])?;
            let (bias, _) = tensors.take(&format!("layers.{index}.bias"), [Some(outputs)])?;
            layers.push(LayerParts { inputs, weights, bias, activation });
        }
        Self::from_layers(&layers).map_err(architecture)
    }

    fn check(&self) -> Result<(), ModelFileError> {
        check_finite("layers", self.parameters())
    }
}

fn architecture(error: impl std::fmt::Display) -> ModelFileError {
    ModelFileError::Architecture(error.to_string())
}

impl<T: Number> Saved for GruCell<T> {
    type Number = T;
    const KINDS: &'static [&'static str] = &["gru"];

    fn kind(&self) -> &'static str {
        "gru"
    }

    fn inputs(&self) -> usize {
        self.inputs()
    }

    fn outputs(&self) -> usize {
        self.state_len()
    }

    fn describe(&self, _: &mut Value) {}

    fn write(&self, tensors: &mut Tensors) {
        let GruParts { inputs, state, weight_ih, weight_hh, bias_ih, bias_hh } = self.to_parts();
        tensors.push("weight_ih", &[3 * state, inputs], &weight_ih);
        tensors.push("weight_hh", &[3 * state, state], &weight_hh);
        tensors.push("bias_ih", &[3 * state], &bias_ih);
        tensors.push("bias_hh", &[3 * state], &bias_hh);
    }

    fn read(_: &str, _: &Value, tensors: &mut Source<'_>) -> Result<Self, ModelFileError> {
        let (weight_hh, [gates, state]) = tensors.take("weight_hh", [None, None])?;
        let (weight_ih, [_, inputs]) = tensors.take("weight_ih", [Some(gates), None])?;
        let (bias_ih, _) = tensors.take("bias_ih", [Some(gates)])?;
        let (bias_hh, _) = tensors.take("bias_hh", [Some(gates)])?;
        let parts = GruParts { inputs, state, weight_ih, weight_hh, bias_ih, bias_hh };
        Self::from_parts(&parts).map_err(architecture)
    }

    fn check(&self) -> Result<(), ModelFileError> {
        check_finite("gru", self.parameters())
    }
}

/// A model of whichever kind a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Model<T: Number> {
    /// A number from a row.
    Linear(LinearRegression<T>),
    /// A probability from a row.
    Logistic(LogisticRegression<T>),
    /// A network.
    Mlp(Mlp<T>),
    /// A recurrent cell.
    Gru(GruCell<T>),
}

/// One arm for every kind.
macro_rules! each {
    ($model:expr, $name:ident => $result:expr) => {
        match $model {
            Model::Linear($name) => $result,
            Model::Logistic($name) => $result,
            Model::Mlp($name) => $result,
            Model::Gru($name) => $result,
        }
    };
}

impl<T: Number> Saved for Model<T> {
    type Number = T;
    const KINDS: &'static [&'static str] = &["linear_regression", "logistic_regression", "mlp", "gru"];

    fn kind(&self) -> &'static str {
        each!(self, model => model.kind())
    }

    fn inputs(&self) -> usize {
        each!(self, model => Saved::inputs(model))
    }

    fn outputs(&self) -> usize {
        each!(self, model => Saved::outputs(model))
    }

    fn describe(&self, block: &mut Value) {
        each!(self, model => model.describe(block));
    }

    fn write(&self, tensors: &mut Tensors) {
        each!(self, model => model.write(tensors));
    }

    fn read(kind: &str, block: &Value, tensors: &mut Source<'_>) -> Result<Self, ModelFileError> {
        Ok(match kind {
            "linear_regression" => Self::Linear(Saved::read(kind, block, tensors)?),
            "logistic_regression" => Self::Logistic(Saved::read(kind, block, tensors)?),
            "gru" => Self::Gru(Saved::read(kind, block, tensors)?),
            _ => Self::Mlp(Saved::read(kind, block, tensors)?),
        })
    }

    fn check(&self) -> Result<(), ModelFileError> {
        each!(self, model => model.check())
    }
}
