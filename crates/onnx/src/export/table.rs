//! The columns of a table as inputs, and the features that they become.
//!
//! What was learned about the columns is read from the JSON that the model file has.

use super::writer::{Name, Writer, float, floats, int, strings, whole_numbers};
use crate::error::OnnxError;
use crate::kind::Kind;
use crate::schema::tensor_proto::DataType;
use chainrule::data::{Cycle, Scale};
use chainrule::{Model, SampleShape};
use serde::Deserialize;

/// What the model file says of the columns.
#[derive(Deserialize)]
struct Columns {
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    code: Code,
}

#[derive(Deserialize)]
enum Code {
    Number { scale: Scale, usual: f64, was_missing: bool },
    Boolean { yes: String, no: String, usual: f64, was_missing: bool },
    Category(Levels),
    Time { scale: Scale, cycles: Vec<Cycle>, usual: f64, was_missing: bool },
}

#[derive(Deserialize)]
struct Levels {
    own: Vec<String>,
    sharing: Vec<String>,
    shared: usize,
    has_other: bool,
    has_missing: bool,
}

/// The inputs of the graph, made to features `[rows, features]`; or images, or features as they are.
pub(super) fn inputs(writer: &mut Writer, model: &Model) -> Result<Name, OnnxError> {
    let Some(encoder) = &model.encoder else {
        let sizes: Vec<usize> = match model.network.input() {
            SampleShape::Flat(count) => vec![count],
            SampleShape::Planes(sizes) => sizes.to_vec(),
        };
        return Ok(writer.input("x", DataType::Float, &sizes));
    };
    let unreadable = |e: serde_json::Error| OnnxError::Inexpressible(format!("the encoding of its columns: {e}"));
    let json = serde_json::to_value(encoder).map_err(unreadable)?;
    let Columns { columns } = Columns::deserialize(json).map_err(unreadable)?;
    // All inputs first, so that no node has the name of a column.
    let inputs: Vec<Name> = columns.iter().map(|column| column.input(writer)).collect();
    let mut features = Vec::new();
    for (column, x) in columns.iter().zip(&inputs) {
        column.features(writer, x, &mut features);
    }
    let features: Vec<&str> = features.iter().map(String::as_str).collect();
    Ok(writer.node("Concat", &features, vec![int("axis", 1)]))
}

impl Column {
    /// The column as an input.
    fn input(&self, writer: &mut Writer) -> Name {
        let kind = match self.code {
            Code::Number { .. } | Code::Time { .. } => DataType::Double,
            Code::Boolean { .. } | Code::Category(_) => DataType::String,
        };
        writer.input(&self.name, kind, &[1])
    }

    /// Adds the features of the column `x`, each `[rows, …]`.
    fn features(&self, writer: &mut Writer, x: &str, features: &mut Vec<Name>) {
        match &self.code {
            Code::Number { scale, usual, was_missing } => {
                let (missing, x) = filled(writer, x, *usual);
                features.push(scaled(writer, scale, x));
                if *was_missing {
                    features.push(writer.cast(&missing, DataType::Float));
                }
            }
            Code::Time { scale, cycles, usual, was_missing } => {
                let (missing, x) = filled(writer, x, *usual);
                features.push(scaled(writer, scale, x.clone()));
                for cycle in cycles {
                    features.extend(in_cycle(writer, *cycle, &x));
                }
                if *was_missing {
                    features.push(writer.cast(&missing, DataType::Float));
                }
            }
            Code::Boolean { yes, no, usual, was_missing } => {
                let of = |texts: [&String; 2], values: [f32; 2], other: f32| {
                    vec![
                        strings("keys_strings", texts.map(String::clone)),
                        floats("values_floats", values.to_vec()),
                        float("default_float", other),
                    ]
                };
                features.push(writer.table_node("LabelEncoder", &[x], of([yes, no], [1.0, 0.0], *usual as f32)));
                if *was_missing {
                    let attributes = vec![
                        strings("keys_strings", [String::new()]),
                        floats("values_floats", vec![1.0]),
                        float("default_float", 0.0),
                    ];
                    features.push(writer.table_node("LabelEncoder", &[x], attributes));
                }
            }
            Code::Category(levels) => features.extend(levels.features(writer, x)),
        }
    }
}

/// Where a number is missing, and the numbers with the usual one there.
fn filled(writer: &mut Writer, x: &str, usual: f64) -> (Name, Name) {
    let missing = writer.node("IsNaN", &[x], Vec::new());
    let usual = writer.number(Kind::Double, usual);
    let filled = writer.node("Where", &[&missing, &usual, x], Vec::new());
    (missing, filled)
}

/// The numbers on their scale, as floats.
fn scaled(writer: &mut Writer, scale: &Scale, mut x: Name) -> Name {
    let standard = |writer: &mut Writer, x: &str, mean: f64, deviation: f64| {
        let [mean, deviation] = [mean, deviation].map(|value| writer.number(Kind::Double, value));
        let moved = writer.node("Sub", &[x, &mean], Vec::new());
        writer.node("Div", &[&moved, &deviation], Vec::new())
    };
    x = match scale {
        Scale::Plain => x,
        Scale::Standard { mean, deviation } => standard(writer, &x, *mean, *deviation),
        Scale::Log { unit, mean, deviation } => {
            let [zero, one, unit] = [0.0, 1.0, *unit].map(|value| writer.number(Kind::Double, value));
            let positive = writer.node("Max", &[&x, &zero], Vec::new());
            let units = writer.node("Div", &[&positive, &unit], Vec::new());
            let more = writer.node("Add", &[&units, &one], Vec::new());
            let log = writer.node("Log", &[&more], Vec::new());
            standard(writer, &log, *mean, *deviation)
        }
        Scale::Ranks { points } => between(writer, points, &x),
    };
    // No feature is larger, so that none is infinite.
    let [low, high] = [-1e30, 1e30].map(|value| writer.number(Kind::Double, value));
    let x = writer.node("Max", &[&x, &low], Vec::new());
    let x = writer.node("Min", &[&x, &high], Vec::new());
    writer.cast(&x, DataType::Float)
}

/// The value of x `[rows, 1]` on the line through the points; beyond its ends it is level.
fn between(writer: &mut Writer, points: &[(f64, f64)], x: &str) -> Name {
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let last = points.len().saturating_sub(1) as f64;
    let [known, values] = [xs, ys].map(|list| writer.numbers(Kind::Double, list));
    let [zero, one, last] = [0.0, 1.0, last].map(|value| writer.number(Kind::Int64, value));
    let below = writer.node("Less", &[&known, x], Vec::new());
    let below = writer.cast(&below, DataType::Int64);
    let axis = writer.numbers(Kind::Int64, vec![1.0]);
    let count = writer.node("ReduceSum", &[&below, &axis], Vec::new());
    let before = writer.node("Sub", &[&count, &one], Vec::new());
    let before = writer.node("Max", &[&before, &zero], Vec::new());
    let after = writer.node("Min", &[&count, &last], Vec::new());
    let mut at = |from: &str, place: &str| writer.node("Gather", &[from, place], Vec::new());
    let (x0, x1, y0, y1) = (at(&known, &before), at(&known, &after), at(&values, &before), at(&values, &after));
    let way = writer.node("Sub", &[x, &x0], Vec::new());
    let whole = writer.node("Sub", &[&x1, &x0], Vec::new());
    // At an end both points are the same one, and the way counts for nothing.
    let nothing = writer.number(Kind::Double, 0.0);
    let some = writer.number(Kind::Double, 1.0);
    let is_end = writer.node("Equal", &[&whole, &nothing], Vec::new());
    let whole = writer.node("Where", &[&is_end, &some, &whole], Vec::new());
    let share = writer.node("Div", &[&way, &whole], Vec::new());
    let rise = writer.node("Sub", &[&y1, &y0], Vec::new());
    let risen = writer.node("Mul", &[&share, &rise], Vec::new());
    writer.node("Add", &[&y0, &risen], Vec::new())
}

/// The sine and cosine of where a time in seconds stands in a cycle.
fn in_cycle(writer: &mut Writer, cycle: Cycle, x: &str) -> [Name; 2] {
    let [seconds, turn] = [cycle.seconds(), std::f64::consts::TAU].map(|value| writer.number(Kind::Double, value));
    let turns = writer.node("Div", &[x, &seconds], Vec::new());
    let whole = writer.node("Floor", &[&turns], Vec::new());
    let share = writer.node("Sub", &[&turns, &whole], Vec::new());
    let angle = writer.node("Mul", &[&share, &turn], Vec::new());
    let angle = writer.cast(&angle, DataType::Float);
    ["Sin", "Cos"].map(|op| writer.node(op, &[&angle], Vec::new()))
}

impl Levels {
    /// One-hot: each level has its place, a shared one or none.
    fn features(&self, writer: &mut Writer, x: &str) -> Option<Name> {
        let named = self.own.len() + self.shared;
        let width = named + usize::from(self.has_other) + usize::from(self.has_missing);
        if width == 0 {
            return None;
        }
        // What has no place gets one behind the last, which no feature shows.
        let other = if self.has_other { named } else { width };
        let missing = if self.has_missing { width - 1 } else { width };
        let shared = (0..self.sharing.len()).map(|at| self.own.len() + at % self.shared.max(1));
        let places = (0..self.own.len()).chain(shared).chain([missing]);
        let texts = self.own.iter().chain(&self.sharing).cloned().chain([String::new()]);
        let attributes = vec![
            strings("keys_strings", texts),
            whole_numbers("values_int64s", places.map(|place| place as i64).collect()),
            int("default_int64", other as i64),
        ];
        let place = writer.table_node("LabelEncoder", &[x], attributes);
        let depth = writer.number(Kind::Int64, width as f64);
        let values = writer.numbers(Kind::Float, vec![0.0, 1.0]);
        let hot = writer.node("OneHot", &[&place, &depth, &values], vec![int("axis", -1)]);
        // `[rows, 1, width]`.
        Some(writer.node("Flatten", &[&hot], vec![int("axis", 1)]))
    }
}
