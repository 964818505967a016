//! The backend node tests of ONNX 1.23.2 that have at most 1,200 bytes, and the smallest of each operation, through the importer. `cargo xtask onnx-tests`
//! runs all of them.
//!
//! ```sh
//! python crates/onnx/tests/collect_node_tests.py crates/onnx/tests/fixtures/node_tests.pack.gz 1200
//! ```

use chainrule_onnx::node_test::{Case, Verdict};
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::BufReader;

/// Of each of these a case must pass.
const FAMILIES: &str = "
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast Ceil Clip Cos
    Cosh Div Equal Erf Exp Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or
    Pow Reciprocal Round Sign Sin Sinh Sqrt Sub Sum Tan Tanh Where Xor
    ArgMax ArgMin CumProd CumSum ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare TopK
    CenterCropPad Concat ConstantOfShape DepthToSpace Expand EyeLike Flatten Gather GatherElements GatherND Identity
    OneHot Pad Range Reshape ReverseSequence ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze Tile
    Transpose Trilu Unsqueeze
    Einsum Gemm MatMul MatMulInteger QLinearMatMul
    CausalConvWithState Conv ConvInteger ConvTranspose DeformConv QLinearConv RoiAlign
    AveragePool GlobalAveragePool GlobalMaxPool LpPool MaxPool MaxUnpool
    BatchNormalization GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization RMSNormalization
    Celu Elu Gelu HardSigmoid HardSwish Hardmax LeakyRelu LogSoftmax PRelu Relu Selu Shrink Sigmoid Softmax Softplus
    Softsign SwiGLU Swish ThresholdedRelu
    NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss";

#[test]
fn none_fails() {
    let bytes: &[u8] = include_bytes!("fixtures/node_tests.pack.gz");
    let mut pack = BufReader::new(GzDecoder::new(bytes));
    let (mut passed, mut unsupported) = (0, 0);
    let mut done = BTreeSet::new();
    while let Some(case) = Case::read(&mut pack).unwrap() {
        match case.run() {
            Verdict::Passed => {
                passed += 1;
                done.insert(case.op);
            }
            Verdict::Unsupported(_) => unsupported += 1,
            Verdict::Failed(problem) => panic!("{}: {problem}", case.name),
        }
    }
    let missing: Vec<&str> = FAMILIES.split_whitespace().filter(|op| !done.contains(*op)).collect();
    assert!(missing.is_empty(), "no case passed of {missing:?}");
    assert!(passed >= 950, "{passed} passed, {unsupported} unsupported");
}
