//! Runs a pack of ONNX's backend node tests and writes what came of it: `cargo xtask onnx-tests`.
//!
//! ```sh
//! cargo run -p chainrule-onnx --example node_tests -- PACK
//! ```

use chainrule_onnx::node_test::{Case, Verdict};
use std::collections::BTreeMap;
use std::io::BufReader;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which pack? tests/collect_node_tests.py makes one")?;
    let mut pack = BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(path)?));
    let mut by_op: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = [0; 3];
    while let Some(case) = Case::read(&mut pack)? {
        let at = match case.run() {
            Verdict::Passed => 0,
            Verdict::Unsupported(reason) => {
                *reasons.entry(format!("{}: {reason}", case.op)).or_default() += 1;
                1
            }
            Verdict::Failed(problem) => {
                println!("FAILED {}: {problem}", case.name);
                2
            }
        };
        total[at] += 1;
        by_op.entry(case.op).or_default()[at] += 1;
    }
    println!("| operation | passed | unsupported | failed |\n| --- | ---: | ---: | ---: |");
    for (op, [passed, unsupported, failed]) in &by_op {
        println!("| {op} | {passed} | {unsupported} | {failed} |");
    }
    let [passed, unsupported, failed] = total;
    println!("| all | {passed} | {unsupported} | {failed} |\n");
    for (reason, count) in reasons {
        println!("- {reason} ({count})");
    }
    if failed > 0 { Err(format!("{failed} cases failed").into()) } else { Ok(()) }
}
