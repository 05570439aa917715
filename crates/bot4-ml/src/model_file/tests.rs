//! Files that come back as they went, and files that are refused.
use super::*;
use crate::{Activation, GruCell, LinearRegression, LogisticRegression, Mlp};
use proptest::prelude::*;

fn saved() -> ModelFile<LogisticRegression<f64>> {
    let mut standardizer = Standardizer::new(3).with_floor(1e-9);
    for row in [[1.0, 2.0, 3.0], [0.1, -2.0, 1e9], [4.0, 0.0, 3.5]] {
        standardizer.observe(&row).unwrap();
    }
    ModelFile {
        model: LogisticRegression::from_parts(vec![0.1, -2.5, 1e-300], -0.0),
        standardizer: Some(standardizer),
        features: vec!["qi".into(), "sp\"read".into(), "größe".into()],
        classes: vec!["down".into(), "up".into()],
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
    ModelFile::<LogisticRegression<f32>>::from_bytes(bytes).unwrap_err()
}

#[test]
fn everything_comes_back_to_the_bit_and_learning_can_go_on() {
    let saved = saved();
    let mut loaded = ModelFile::<LogisticRegression<f64>>::from_bytes(&saved.to_bytes().unwrap()).unwrap();
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
    let read = ModelFile::<LogisticRegression<f32>>::from_bytes(&bytes).unwrap();
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
    assert!(matches!(ModelFile::<LogisticRegression<f32>>::load(&path), Err(ModelFileError::Io(_))));
    File::create(&path).unwrap().set_len(MODEL_FILE_BYTES_MAX + 1).unwrap();
    assert!(matches!(
        ModelFile::<LogisticRegression<f32>>::load(&path),
        Err(ModelFileError::TooLarge { .. })
    ));
    assert!(matches!(saved().save(directory.path().join("..")), Err(ModelFileError::Io(_))));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = saved().to_bytes().unwrap();
    for len in 0..bytes.len() {
        assert!(
            ModelFile::<LogisticRegression<f64>>::from_bytes(&bytes[..len]).is_err(),
            "{len} of {} bytes",
            bytes.len()
        );
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
        (header(BLOCK, &both("[2]", "[2,1]")), vec![0; 12], "shape [2, 1], expected [any]"),
        (header(BLOCK, &both("[1]", "[1,1]")), vec![0; 12], "shape [1, 1], expected [1]"),
        (header(BLOCK, &both("[2]", "[3]")), vec![0; 12], "well-formed"),
        (header(BLOCK, &both("[2]", "[18446744073709551615]")), vec![0; 12], "well-formed"),
        (header(BLOCK, &both("[4,12]", "[4,18446744073709551615]")), vec![0; 12], "well-formed"),
        (header(BLOCK, &good), vec![0; 13], "something was appended"),
        (header(BLOCK, &good), nan, "`weights` holds a value"),
    ] {
        let message = error_of(&file(&header, &data)).to_string();
        assert!(message.contains(want), "{message:?} should contain {want:?}");
    }
}

#[test]
fn a_header_that_claims_to_be_huge_is_refused_before_it_is_parsed() {
    let mut bytes = vec![b' '; 64];
    for size in [HEADER_BYTES_MAX + 1, u64::MAX] {
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        assert!(error_of(&bytes).to_string().contains("another kind of file"), "{:?}", error_of(&bytes));
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
        if let Ok(read) = ModelFile::<LogisticRegression<f64>>::from_bytes(&bytes) {
            prop_assert!((0.0..=1.0).contains(&read.model.predict(&[1.0; 3])));
            prop_assert!(read.to_bytes().is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ModelFile::<LogisticRegression<f32>>::from_bytes(&bytes).is_err());
    }
}

fn network() -> ModelFile<Mlp<f32>> {
    let network = Mlp::new(&[3, 5, 2], Activation::Relu, Activation::Softmax, 1).unwrap();
    ModelFile::new(network).with_features(["a", "b", "c"]).with_classes(["down", "up"])
}

fn cell() -> ModelFile<GruCell<f64>> {
    ModelFile::new(GruCell::new(3, 4, 1).unwrap())
}

#[test]
fn every_kind_comes_back_to_the_bit_and_as_whichever_it_is() {
    let linear = ModelFile::new(LinearRegression::from_parts(vec![1.5, -2.0], 0.5));
    let bytes = [linear.to_bytes(), saved().to_bytes(), network().to_bytes(), cell().to_bytes()];
    let [linear_bytes, logistic_bytes, network_bytes, cell_bytes] = bytes.map(Result::unwrap);
    assert_eq!(ModelFile::from_bytes(&linear_bytes).unwrap(), linear);
    assert_eq!(ModelFile::from_bytes(&network_bytes).unwrap(), network());
    assert_eq!(ModelFile::from_bytes(&cell_bytes).unwrap(), cell());
    let any = |bytes: &[u8]| ModelFile::<Model<f64>>::from_bytes(bytes).unwrap();
    assert!(matches!(any(&linear_bytes).model, Model::Linear(_)));
    assert!(matches!(any(&logistic_bytes).model, Model::Logistic(_)));
    assert!(matches!(any(&network_bytes).model, Model::Mlp(_)), "single precision read as double");
    assert!(matches!(any(&cell_bytes).model, Model::Gru(_)));
    for bytes in [linear_bytes, logistic_bytes, cell_bytes] {
        assert_eq!(any(&bytes).to_bytes().unwrap(), bytes);
    }
}

#[test]
fn networks_and_cells_that_cannot_be_are_refused() {
    let tensor = |name: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{},{}]}}"#, 4 * from, 4 * to)
    };
    let mlp = |activations: &str| {
        format!(r#"{{"version":1,"model":"mlp","features":[],"activations":{activations}}}"#)
    };
    let gru = r#"{"version":1,"model":"gru","features":[]}"#.to_owned();
    let layer = [tensor("layers.0.weight", "[2,3]", 0, 6), tensor("layers.0.bias", "[2]", 6, 8)].join(",");
    let next = [tensor("layers.1.weight", "[1,4]", 8, 12), tensor("layers.1.bias", "[1]", 12, 13)].join(",");
    let flat = [tensor("layers.0.weight", "[6]", 0, 6), tensor("layers.0.bias", "[2]", 6, 8)].join(",");
    let none = [tensor("layers.0.weight", "[2,0]", 0, 0), tensor("layers.0.bias", "[2]", 0, 2)].join(",");
    let odd = [
        tensor("weight_hh", "[4,1]", 0, 4),
        tensor("weight_ih", "[4,1]", 4, 8),
        tensor("bias_ih", "[4]", 8, 12),
        tensor("bias_hh", "[4]", 12, 16),
    ]
    .join(",");
    for (block, tensors, numbers, want) in [
        (mlp(r#"["relu"]"#), &layer, 8, ""),
        (mlp(r#"["magic"]"#), &layer, 8, "unknown activation \"magic\""),
        (mlp("[]"), &layer, 8, "a network needs a layer"),
        (mlp("7"), &layer, 8, "`activations` in the `bot4` block is no list"),
        (mlp(r#"["relu","relu"]"#), &layer, 8, "tensor `layers.1.weight` is missing"),
        (mlp(r#"["relu","relu"]"#), &format!("{layer},{next}"), 13, "layer 1 takes 4 inputs"),
        (mlp(r#"["relu"]"#), &format!("{layer},{next}"), 13, "tensor `layers.1.bias` does not belong"),
        (mlp(r#"["relu"]"#), &flat, 8, "shape [6], expected [any, any]"),
        (mlp(r#"["relu"]"#), &none, 2, "layer 0 is 0 x 2"),
        (gru, &odd, 16, "weight_ih has 4 numbers, the cell's sizes ask for 3"),
    ] {
        let bytes = file(&header(&block, tensors), &vec![0; 4 * numbers]);
        let outcome = ModelFile::<Model<f32>>::from_bytes(&bytes);
        match outcome {
            Ok(_) => assert_eq!(want, ""),
            Err(error) => {
                let message = error.to_string();
                assert!(!want.is_empty() && message.contains(want), "{message:?} should contain {want:?}");
            }
        }
    }
}

#[test]
fn class_names_have_to_fit_the_outputs() {
    let mut wrong = network();
    wrong.classes.push("more".into());
    assert!(matches!(wrong.to_bytes(), Err(ModelFileError::Classes { names: 3, outputs: 2 })));
    let mut wrong = saved();
    wrong.classes.pop();
    assert!(matches!(wrong.to_bytes(), Err(ModelFileError::Classes { names: 1, outputs: 1 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn mutated_networks_and_cells_never_panic(
        of_cell in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = if of_cell { cell().to_bytes() } else { network().to_bytes() }.unwrap();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(read) = ModelFile::<Model<f64>>::from_bytes(&bytes) {
            prop_assert!(read.to_bytes().is_ok());
        }
    }
}
