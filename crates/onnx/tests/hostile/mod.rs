//! Files that are damaged, that lie, or that ask for too much: an error of one line, and no panic.

mod chains;
mod proto;
mod regions;

use chainrule::engine::Graph;
use chainrule_onnx::{Given, Names, OnnxModel, Tensor, node_test::Case};
use flate2::read::GzDecoder;
use proto::{field, model, node, number, output, stored, varint};
use std::fs;
use std::io::BufReader;
use std::path::Path;

/// An input of two floats.
fn input(name: &str) -> Vec<u8> {
    let shape = field(2, &field(1, &number(1, 2)));
    let tensor = field(1, &[number(1, 1), shape].concat());
    field(11, &[field(1, name.as_bytes()), field(2, &tensor)].concat())
}

fn error(bytes: &[u8]) -> String {
    let graph = Graph::new();
    let done = OnnxModel::from_bytes(bytes).and_then(|model| model.import(&graph, &Given::default()).map(|_| ()));
    let text = done.expect_err("it was accepted").to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn what_a_sound_file_has() {
    let bytes = model(&[node("Relu", &["x"], "y"), input("x"), output("y")]);
    let graph = Graph::new();
    let imported = OnnxModel::from_bytes(&bytes).unwrap();
    let imported = imported.import(&graph, &Given::default()).unwrap();
    assert_eq!(imported.session::<f64>().unwrap().run(&[&[-1.0, 2.0]]).unwrap(), [[0.0, 2.0]]);
}

#[test]
fn circles_and_disorder_are_named() {
    let circle = [node("Relu", &["b"], "a"), node("Tanh", &["a"], "b"), input("x"), output("b")];
    let text = error(&model(&circle));
    assert!(text.contains("`a` (Relu)") && text.contains("`b`") && text.contains("circle"), "{text}");
    let disorder = [node("Relu", &["later"], "y"), node("Tanh", &["x"], "later"), input("x"), output("y")];
    assert!(error(&model(&disorder)).contains("in no order"));
    assert!(error(&model(&[node("Relu", &["x"], "y"), input("x"), output("z")])).contains("no node gives"));
}

#[test]
fn unknown_operations_are_listed_together() {
    let parts = [node("Frobnicate", &["x"], "a"), node("Det", &["a"], "b"), input("x"), output("b")];
    let text = error(&model(&parts));
    assert!(text.contains("no import of Det, Frobnicate;") && text.contains("LogSoftmax, Loop,"), "{text}");
}

#[test]
fn sizes_are_compared_with_what_is_there() {
    let add = || node("Add", &["x", "w"], "y");
    for (dims, rest, reason) in [
        (&[1 << 40, 1 << 40][..], vec![], "too large"),
        (&[u64::MAX], vec![], "from 0"),
        (&[3_000_000_000], vec![], "0 values"),
        (&[2], field(9, &[0; 7]), "7 bytes for 2 elements of Float"),
        (&[2], field(4, &[0; 12]), "3 values"),
    ] {
        let text = error(&model(&[add(), stored("w", dims, &rest), input("x"), output("y")]));
        assert!(text.contains("tensor `w`") && text.contains(reason), "{text}");
    }
    // Shapes that few bytes ask for.
    let shape = [number(1, 3), number(2, 7), field(8, b"s"), field(7, &varint(1500).repeat(3))].concat();
    let text = error(&model(&[node("ConstantOfShape", &["s"], "y"), field(5, &shape), output("y")]));
    assert!(text.contains("which few bytes ask for") || text.contains("too large"), "{text}");
}

#[test]
fn external_data_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.path().join("secret"), [0; 8]).unwrap();
    fs::write(inner.join("weights"), 1.0_f32.to_le_bytes().repeat(2)).unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), inner.join("link")).unwrap();
    let place = |location: &str, offset: &str| {
        let entry =
            |key: &str, value: &str| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat());
        let rest = [number(14, 1), entry("location", location), entry("offset", offset)].concat();
        let parts = [node("Add", &["x", "w"], "y"), stored("w", &[2], &rest), input("x"), output("y")];
        let path = inner.join("model.onnx");
        fs::write(&path, model(&parts)).unwrap();
        let graph = Graph::new();
        let model = OnnxModel::load(&path).unwrap();
        model.import(&graph, &Given::default()).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(place("weights", "0"), Ok(()));
    assert_eq!(place("./weights", "0"), Ok(()));
    for location in ["../secret", "/etc/passwd", "link", "a/../../secret"] {
        let text = place(location, "0").unwrap_err();
        assert!(text.contains("outside the folder") || text.contains("No such file"), "{location}: {text}");
    }
    assert!(place("link", "0").unwrap_err().contains("outside"));
    assert!(place("weights", "4").unwrap_err().contains("8 bytes, and 8 from 4"));
    assert!(place("weights", "18446744073709551615").unwrap_err().contains("are needed"));
    assert!(place("weights", "x").unwrap_err().contains("no number"));
    assert!(error(&model(&[stored("w", &[2], &number(14, 1)), output("w")])).contains("another file"));
}

#[test]
fn bodies_in_bodies_have_an_end() {
    let mut graph = node("Relu", &["x"], "y");
    for _ in 0..300 {
        let body = field(5, &[field(1, b"then_branch"), field(6, &graph)].concat());
        graph = field(1, &[field(1, b"c"), field(4, b"If"), field(2, b"y"), body].concat());
    }
    let text = error(&model(&[graph, output("y")]));
    assert!(text.contains("recursion limit"), "{text}");
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

/// Bytes of sound files with some of them changed, taken out or doubled.
#[test]
fn damaged_files_are_refused_or_usable() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<Vec<u8>> = [
        "torch_script",
        "torch_norms_script",
        "torch_mlp_dynamo",
        "keras_mlp",
        "keras_cnn",
        "sklearn_names",
        "sklearn_two",
        "sklearn_value",
    ]
    .iter()
    .map(|name| fs::read(fixtures.join(format!("{name}.onnx"))).unwrap())
    .collect();
    let mut pack = BufReader::new(GzDecoder::new(fs::File::open(fixtures.join("node_tests.pack.gz")).unwrap()));
    let mut cases = Vec::new();
    while let Some(case) = Case::read(&mut pack).unwrap() {
        cases.push(case);
    }
    let mut dice = Dice(0x5eed);
    let mut damage = |bytes: &mut Vec<u8>| {
        for _ in 0..1 + dice.below(4) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] = dice.below(256) as u8,
                1 => bytes[at] ^= 1 << dice.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.splice(at..at, vec![0xff; dice.below(3)]).for_each(drop),
            }
        }
    };
    let told = |text: String| assert!(!text.contains(char::is_control), "{text:?}");
    for file in &mut files {
        for _ in 0..3000 {
            let mut bytes = file.clone();
            damage(&mut bytes);
            let Ok(onnx) = OnnxModel::from_bytes(&bytes).map_err(|e| told(e.to_string())) else { continue };
            let _ = onnx.to_model(&Names::default()).map_err(|e| told(e.to_string()));
            let graph = Graph::new();
            let sizes = [("x".to_owned(), vec![2, 1, 14, 14]), ("X".to_owned(), vec![2, 10])].into();
            let _ = onnx.import(&graph, &Given { sizes, ..Given::default() }).map_err(|e| told(e.to_string()));
        }
    }
    for case in &cases {
        for _ in 0..10 {
            case.damaged(&mut damage).run();
        }
    }
    assert!(Tensor::from_bytes(b"\x08").is_err());
}
