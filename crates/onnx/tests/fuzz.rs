//! The inputs that are kept for the fuzz target `onnx` (`fuzz/`), through the same function, on every run of the tests.

#[path = "../../../fuzz/src/onnx.rs"]
mod body;

use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn kept_inputs_are_refused_in_a_line_or_usable() {
    let mut accepted = 0;
    for kept in ["seeds", "corpus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kept).join("onnx");
        let mut inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{kept}");
        for input in inputs {
            // A panic says by itself what does not hold; the input that did it is the last one printed.
            println!("{}", input.display());
            let (bytes, start) = (std::fs::read(&input).unwrap(), Instant::now());
            accepted += usize::from(body::onnx(&bytes));
            assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
        }
    }
    assert!(accepted > 0, "no input gets past the first check any more");
}
