//! Just enough of ONNX's protocol buffers to write a network or a recurrent cell.

use super::{GRU_INPUTS, GRU_STATE};
use bot4_ml::{Activation, GruCell, LayerParts, Mlp};

/// Bytes of a message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, &value.0)
    }
}

/// TensorProto of floats.
fn tensor(name: &str, dims: &[usize], values: &[f32]) -> Message {
    let mut message = Message::default();
    for dim in dims {
        message = message.number(1, *dim as u64);
    }
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    message.number(2, 1).text(8, name).bytes(9, &raw)
}

/// ValueInfoProto of a tensor of floats.
fn value(name: &str, dims: &[usize]) -> Message {
    let shape = dims
        .iter()
        .fold(Message::default(), |shape, dim| shape.message(1, Message::default().number(1, *dim as u64)));
    let tensor = Message::default().number(1, 1).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<Message>) -> Message {
    let message = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
    let message = outputs.iter().fold(message, |message, output| message.text(2, output));
    attributes.into_iter().fold(message.text(4, operator), |message, attribute| message.message(5, attribute))
}

fn whole(name: &str, value: u64) -> Message {
    Message::default().text(1, name).number(3, value).number(20, 2)
}

fn model(nodes: Vec<Message>, tensors: Vec<Message>, inputs: Vec<Message>, outputs: Vec<Message>) -> Vec<u8> {
    let graph = nodes.into_iter().fold(Message::default(), |graph, node| graph.message(1, node)).text(2, "g");
    let graph = tensors.into_iter().fold(graph, |graph, tensor| graph.message(5, tensor));
    let graph = inputs.into_iter().fold(graph, |graph, input| graph.message(11, input));
    let graph = outputs.into_iter().fold(graph, |graph, output| graph.message(12, output));
    let operators = Message::default().text(1, "").number(2, 17);
    Message::default().number(1, 8).message(7, graph).message(8, operators).0
}

/// A network of `batch` rows, from `x` to `y`.
pub(super) fn network(network: &Mlp<f32>, batch: usize) -> Vec<u8> {
    let layers: Vec<LayerParts<f32>> = network.layers().collect();
    let (mut nodes, mut tensors) = (Vec::new(), Vec::new());
    let mut from = "x".to_owned();
    for (at, layer) in layers.iter().enumerate() {
        let (weight, bias, sums) = (format!("w{at}"), format!("b{at}"), format!("s{at}"));
        tensors.push(tensor(&weight, &[layer.bias.len(), layer.inputs], &layer.weights));
        tensors.push(tensor(&bias, &[layer.bias.len()], &layer.bias));
        nodes.push(node("Gemm", &[&from, &weight, &bias], &[&sums], vec![whole("transB", 1)]));
        let operator = match layer.activation {
            Activation::Relu => "Relu",
            Activation::Softmax => "Softmax",
            Activation::Sigmoid => "Sigmoid",
            Activation::Tanh => "Tanh",
            Activation::Identity => "Identity",
        };
        from = if at + 1 == layers.len() { "y".to_owned() } else { format!("a{at}") };
        nodes.push(node(operator, &[&sums], &[&from], vec![]));
    }
    let inputs = vec![value("x", &[batch, network.inputs()])];
    model(nodes, tensors, inputs, vec![value("y", &[batch, network.outputs()])])
}

/// One step of a cell, from `x` and `h` to `y`. ONNX orders the gates update, reset, new.
pub(super) fn gru(cell: &GruCell<f32>) -> Vec<u8> {
    let parts = cell.to_parts();
    let reorder = |values: &[f32]| {
        let third = values.len() / 3;
        [&values[third..2 * third], &values[..third], &values[2 * third..]].concat()
    };
    let bias = [reorder(&parts.bias_ih), reorder(&parts.bias_hh)].concat();
    let tensors = vec![
        tensor("w", &[1, 3 * GRU_STATE, GRU_INPUTS], &reorder(&parts.weight_ih)),
        tensor("r", &[1, 3 * GRU_STATE, GRU_STATE], &reorder(&parts.weight_hh)),
        tensor("b", &[1, 6 * GRU_STATE], &bias),
    ];
    let attributes = vec![whole("hidden_size", GRU_STATE as u64), whole("linear_before_reset", 1)];
    let nodes = vec![node("GRU", &["x", "w", "r", "b", "", "h"], &["", "y"], attributes)];
    let inputs = vec![value("x", &[1, 1, GRU_INPUTS]), value("h", &[1, 1, GRU_STATE])];
    model(nodes, tensors, inputs, vec![value("y", &[1, 1, GRU_STATE])])
}
