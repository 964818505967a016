//! What the outputs of a network mean: a label with probabilities, or a value in its own units.

use super::writer::{Name, Writer, int};
use crate::kind::Kind;
use crate::schema::tensor_proto::DataType;
use chainrule::{Loss, Measure, Model, TargetScale, Task};

/// Names the results of `raw` `[rows, outputs]`.
pub(super) fn outputs(writer: &mut Writer, model: &Model, raw: &str) {
    match &model.task {
        Task::Classes(names) => classes(writer, model, names, raw),
        Task::Values(measures) => values(writer, measures, raw),
    }
}

/// scaled · deviation + shift, taken back from their scales; in doubles, so that they are the nearest floats.
fn values(writer: &mut Writer, measures: &[Measure], raw: &str) {
    let wide = writer.cast(raw, DataType::Double);
    let shift = writer.numbers(Kind::Double, measures.iter().map(|measure| measure.shift).collect());
    let deviation = writer.numbers(Kind::Double, measures.iter().map(|measure| measure.deviation).collect());
    let spread = writer.node("Mul", &[&wide, &deviation], Vec::new());
    let mut value = writer.node("Add", &[&spread, &shift], Vec::new());
    let is_log: Vec<f64> = measures.iter().map(|measure| f64::from(measure.scale == TargetScale::Log)).collect();
    if is_log.contains(&1.0) {
        let most = writer.number(Kind::Double, f64::from(f32::MAX));
        let exp = writer.node("Exp", &[&value], Vec::new());
        let exp = writer.node("Min", &[&exp, &most], Vec::new());
        value = if is_log.contains(&0.0) {
            let is_log = writer.numbers(Kind::Bool, is_log);
            writer.node("Where", &[&is_log, &exp, &value], Vec::new())
        } else {
            exp
        };
    }
    let value = writer.cast(&value, DataType::Float);
    writer.output("value", &value, DataType::Float, &[measures.len()]);
}

fn classes(writer: &mut Writer, model: &Model, names: &[String], raw: &str) {
    let one = model.network.outputs() == 1;
    let at = if one {
        // One output speaks for the second of two classes.
        let border = if model.loss == Loss::BinaryCrossEntropy { 0.0 } else { 0.5 };
        let border = writer.number(Kind::Float, border);
        let above = writer.node("Greater", &[raw, &border], Vec::new());
        let whole = writer.cast(&above, DataType::Int64);
        let axis = writer.numbers(Kind::Int64, vec![1.0]);
        writer.node("Squeeze", &[&whole, &axis], Vec::new())
    } else {
        writer.node("ArgMax", &[raw], vec![int("axis", 1), int("keepdims", 0)])
    };
    let texts = writer.texts(names);
    let label = writer.node("Gather", &[&texts, &at], Vec::new());
    let probabilities = probabilities(writer, model.loss, one, raw);
    writer.output("label", &label, DataType::String, &[]);
    writer.output("probabilities", &probabilities, DataType::Float, &[names.len()]);
}

/// As `chainrule predict` gives them: softmax of logits, the sigmoid of one logit; outputs of other losses, cut to
/// [0, 1] and divided by their sum.
fn probabilities(writer: &mut Writer, loss: Loss, one: bool, raw: &str) -> Name {
    let weights = match loss {
        Loss::CrossEntropy { .. } => return writer.node("Softmax", &[raw], vec![int("axis", 1)]),
        Loss::BinaryCrossEntropy => writer.node("Sigmoid", &[raw], Vec::new()),
        _ => {
            let [low, high] = [0.0, 1.0].map(|value| writer.number(Kind::Float, value));
            writer.node("Clip", &[raw, &low, &high], Vec::new())
        }
    };
    if one {
        let all = writer.number(Kind::Float, 1.0);
        let other = writer.node("Sub", &[&all, &weights], Vec::new());
        return writer.node("Concat", &[&other, &weights], vec![int("axis", 1)]);
    }
    // Where all are 0, each class has the same share: a least weight for all is too small to show anywhere else.
    let least = writer.number(Kind::Float, 1e-30);
    let weights = writer.node("Max", &[&weights, &least], Vec::new());
    let axis = writer.numbers(Kind::Int64, vec![1.0]);
    let total = writer.node("ReduceSum", &[&weights, &axis], Vec::new());
    writer.node("Div", &[&weights, &total], Vec::new())
}
