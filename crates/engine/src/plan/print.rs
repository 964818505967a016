//! The plan as a table.

use super::{Place, Plan, Work};
use crate::ops::Rule;
use std::fmt;

impl Plan {
    fn reads(&self, step: usize) -> String {
        let step = &self.steps[step];
        let show = |place: &Place| match place {
            Place::Arena(range) => format!("@{}", range.start),
            Place::Parameter(range) => {
                let known = self.parameters.iter().find(|s| s.range == *range);
                known.map_or_else(|| format!("p{}", range.start), |s| s.name.clone())
            }
            Place::Input(position, _) => self.inputs[*position].name.clone(),
        };
        step.reads.iter().map(show).collect::<Vec<_>>().join(", ")
    }
}

/// One line a step: what it does, what it reads (`@` is a place in the arena), where it writes, its shape, its
/// floating-point operations, and the node whose value it is.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 6]> = self
            .steps
            .iter()
            .enumerate()
            .map(|(i, step)| {
                let work = match &step.work {
                    Work::Op(op) => match &step.finish {
                        Some(program) => format!("{} → {}", op.name(), program.names()),
                        None => op.name().to_owned(),
                    },
                    Work::Fused(program) => program.names(),
                    Work::Tape(tape) => format!("{} scalars", tape.len()),
                    Work::Copy => "copy".to_owned(),
                    Work::Update(_) => "update".to_owned(),
                    Work::Descend { product, .. } => format!("{} → update", product.name()),
                };
                let to = match step.work {
                    Work::Update(segment) | Work::Descend { segment, plain: true, .. } => {
                        self.parameters[segment].name.clone()
                    }
                    Work::Descend { segment, .. } => {
                        format!("{}, @{}", self.parameters[segment].name, step.write.start)
                    }
                    _ => format!("@{}", step.write.start),
                };
                [work, self.reads(i), to, step.shape.to_string(), step.cost.to_string(), self.label(i)]
            })
            .collect();
        let heads = ["step", "reads", "to", "shape", "flop", "value of"];
        let width = |c: usize| rows.iter().map(|r| r[c].chars().count()).chain([heads[c].len()]).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        let mut line = |cells: [&str; 6]| -> fmt::Result {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let pad = width - cell.chars().count();
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', pad + 2));
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(heads)?;
        for row in &rows {
            line(row.each_ref().map(String::as_str))?;
        }
        let bytes = self.arena * size_of::<f32>();
        writeln!(
            f,
            "{} steps, {} flop, arena of {} numbers ({bytes} bytes in f32)",
            rows.len(),
            self.cost(),
            self.arena
        )
    }
}
