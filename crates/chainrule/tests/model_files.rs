//! Model files are untrusted: damaged and hostile ones are refused with a reason.

use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::{Activation, Architecture, Mlp, Model, Network, check_writable, evaluate, predict};
use proptest::prelude::*;
use std::path::Path;

fn bytes() -> Vec<u8> {
    let net = Mlp::builder().input(3).hidden(4, Activation::Gelu).output(2).build().unwrap();
    net.model.to_bytes().unwrap()
}

/// The file with `from` in its JSON header replaced by `to`.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let all = bytes();
    let header = u64::from_le_bytes(all[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&all[8..8 + header]).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    let new = text.trim_end().replace(from, to);
    let mut file = (new.len() as u64).to_le_bytes().to_vec();
    file.extend(new.as_bytes());
    file.extend(&all[8 + header..]);
    file
}

#[track_caller]
fn refused(file: &[u8], reason: &str) {
    let error = Model::from_bytes(file).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn every_contradiction_is_named() {
    assert!(Model::from_bytes(&edited("chainrule", "chainrule")).is_ok());
    refused(b"", "no safetensors file");
    refused(b"not a model at all, just text", "no safetensors file");
    refused(&bytes()[..60], "no safetensors file");
    refused(&bytes()[..bytes().len() - 4], "no safetensors file");
    // A header that claims to be eight exbibytes long, and tensors that do.
    refused(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, b'{', b'}'], "no safetensors file");
    refused(&edited("\"shape\":[3,4]", "\"shape\":[3000000000,4000000000]"), "no safetensors file");
    refused(&edited("\"chainrule\":", "\"other\":"), "not written by this program");
    refused(&edited("format_version\\\":2", "format_version\\\":99"), "format version is 99");
    refused(&edited("\\\"gelu\\\"", "\\\"gleu\\\""), "did you mean `gelu`?");
    refused(&edited("\\\"gelu\\\"", "\\\"ge\\\\nlu\\\""), "there is no activation `ge\\nlu`");
    refused(&edited("layer1.bias", "layer1.bios"), "`layer1.bias` is missing");
    refused(&edited("\\\"outputs\\\":4,", "\\\"outputs\\\":5,"), "has shape [3, 4], not [3, 5]");
    refused(&edited("\\\"outputs\\\":2,", "\\\"outputs\\\":4000000000,"), "fit into memory");
    refused(&edited("\\\"outputs\\\":2,", "\\\"outputs\\\":7,"), "do not fit its task");
    refused(&edited("\\\"outputs\\\":2,", "\\\"outputs\\\":0,"), "0 neurons");
    refused(&edited("\\\"inputs\\\":3,", "\\\"inputs\\\":18446744073709551615,"), "fit into memory");
    refused(&edited("\\\"epochs\\\":10", "\\\"epochs\\\":0"), "recipe is damaged");
    refused(&edited("\\\"scaling\\\":\\\"None\\\"", "\\\"scaling\\\":\\\"Nothing\\\""), "description is damaged");
}

#[test]
fn a_convolution_of_very_many_numbers_is_run_by_few_samples() {
    // 40,000 channels of 24×24 are 23 million numbers a sample: 256 of them would be 24 GB.
    let text = "24x24, conv 1x1 40000, maxpool 24, dense 2";
    let Architecture::Layers { input: Some(input), layers } = text.parse().unwrap() else { unreachable!() };
    let mut model = Mlp::builder().input(576).output(2).build().unwrap().model;
    model.network = Network::of(input, layers).unwrap();
    model.parameters = model.network.initialize(model.recipe.init, 0);
    let model = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let target = Target::Classes { labels: vec![0, 1, 0], names: vec!["0".into(), "1".into()] };
    let pixels = (0..3 * 576).map(|i| (i % 7) as f32 / 7.0).collect();
    let data = Dataset::new(Matrix::new(3, 576, Values::Floats(pixels)), target, "images");
    assert_eq!(evaluate(&model, &data).unwrap().samples, 3);
    let mut seen = 0;
    predict(&model, &data, |_, _| seen += 1).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn a_scaling_or_classes_that_would_break_later_are_refused() {
    let mut net = Mlp::builder().input(3).output(2).build().unwrap();
    net.model.scaling = chainrule::data::Scaling::Columns { shift: vec![0.0; 3], scale: vec![] };
    refused(&net.model.to_bytes().unwrap(), "its scaling is not finite or not for 3 inputs");
    let mut net = Mlp::builder().input(3).output(1).build().unwrap();
    net.model.task = chainrule::Task::Classes(vec!["only".to_owned()]);
    refused(&net.model.to_bytes().unwrap(), "do not fit its task");
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let mut file = bytes();
    let end = file.len();
    file[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&file, "not finite");
}

#[test]
fn folders_and_missing_places_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let net = Mlp::builder().input(1).output(2).build().unwrap();
    for (path, reason) in [
        (folder.path().to_owned(), "it is a folder"),
        (folder.path().join("nowhere/model.safetensors"), "cannot be written"),
    ] {
        let error = net.save(&path).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(path.to_str().unwrap()), "{error}");
        assert!(check_writable(&path).is_err());
    }
    assert!(Mlp::load(folder.path()).unwrap_err().to_string().contains("it is a folder"));
    assert!(Mlp::load(Path::new("no-such-file")).unwrap_err().to_string().contains("no-such-file"));
    // Neither a check nor a failure leaves anything behind.
    check_writable(&folder.path().join("model")).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    net.save(folder.path().join("model")).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(Mlp::load(folder.path().join("model")).unwrap(), net);
}

#[cfg(unix)]
#[test]
fn devices_are_left_alone_and_links_are_followed() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;
    let net = Mlp::builder().input(1).output(2).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A socket stands for everything that is neither a file nor a folder.
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let error = net.save(&socket).unwrap_err().to_string();
    assert!(error.contains("it is no plain file"), "{error}");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());

    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::write(&real, "old").unwrap();
    symlink(&real, &link).unwrap();
    net.save(&link).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Mlp::load(&real).unwrap(), net);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(position in 0usize..2000, value: u8, cut in 0usize..2000) {
        let mut file = bytes();
        let position = position % file.len();
        file[position] = value;
        let _ = Model::from_bytes(&file);
        file.truncate(cut % file.len());
        let _ = Model::from_bytes(&file);
    }

    #[test]
    fn any_bytes_never_panic(file in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Model::from_bytes(&file);
    }
}
