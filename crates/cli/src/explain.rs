//! `chainrule explain`: one sample through a network, forward and back.

use crate::args::ExplainArgs;
use crate::input::model_and_data;
use crate::output::{DIM, HEADING, RESULT, number, say};
use anyhow::Result;
use chainrule::{Explanation, LayerExplanation, Table, explain};

/// The most numbers of a table that are printed without `--full`.
const SMALL: usize = 40;
/// How many of the largest entries stand for a larger table.
const LARGEST: usize = 5;

pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    let (model, data) = model_and_data(&args.input)?;
    let rate = args.rate.unwrap_or(model.recipe.learning_rate);
    let explanation = explain(&model, &data, args.row, rate)?;
    if args.json {
        say!("{}", serde_json::to_string(&explanation)?);
        return Ok(());
    }
    let show = Show { full: args.full };
    say!(
        "{HEADING}Row {} of {}{HEADING:#}: {} = {}, network {}, loss {}",
        explanation.row,
        data.source,
        model.target,
        explanation.target,
        model.network,
        explanation.loss
    );
    show.forward(&explanation);
    show.backward(&explanation);
    say!();
    say!("{HEADING}An update of rate {}{HEADING:#}", number(rate));
    say!("  W ← W − {0} · ∂C/∂W, b ← b − {0} · ∂C/∂b", number(rate));
    say!("  {RESULT}C: {} → {}{RESULT:#}", number(explanation.cost), number(explanation.cost_after_update));
    Ok(())
}

struct Show {
    full: bool,
}

impl Show {
    fn forward(&self, explanation: &Explanation) {
        say!();
        say!("{HEADING}Forward{HEADING:#}");
        self.table("x", &explanation.inputs);
        for l in &explanation.layers {
            let n = l.layer;
            let below = if n == 1 { "x".to_owned() } else { format!("a{}", n - 1) };
            let below = if n > 1 && explanation.layers[n - 2].pooled.is_some() { format!("p{}", n - 1) } else { below };
            let times = if l.is_convolution { "∗" } else { "·" };
            self.table(&format!("z{n} = {below} {times} W{n} + b{n}"), &l.z);
            self.table(&format!("a{n} = {}(z{n})", l.activation), &l.a);
            if let Some(pooled) = &l.pooled {
                self.table(&format!("p{n} = pool(a{n})"), pooled);
            }
        }
        say!("  {RESULT}C = {}{RESULT:#}", number(explanation.cost));
    }

    fn backward(&self, explanation: &Explanation) {
        say!();
        say!("{HEADING}Backward{HEADING:#}");
        for l in explanation.layers.iter().rev() {
            self.layer_backward(l, explanation.layers.len());
        }
        self.table("∂C/∂x = δ1 · W1ᵀ", &explanation.input_gradient);
    }

    fn layer_backward(&self, l: &LayerExplanation, layers: usize) {
        let n = l.layer;
        let source = if n == layers { "from the loss".to_owned() } else { format!("δ{0} · W{0}ᵀ", n + 1) };
        let below = if n == 1 { "x".to_owned() } else { format!("a{}", n - 1) };
        self.table(&format!("∂C/∂a{n} = {source}"), &l.handed_down);
        self.table(&format!("{}′(z{n})", l.activation), &l.slope);
        self.table(&format!("δ{n} = ∂C/∂a{n} ⊙ {}′(z{n})", l.activation), &l.delta);
        self.table(&format!("∂C/∂W{n} = {below}ᵀ · δ{n}"), &l.weight_gradient);
        self.table(&format!("∂C/∂b{n} = δ{n}"), &l.bias_gradient);
    }

    /// The whole table if it is small or asked for, else its norm and largest entries.
    fn table(&self, name: &str, table: &Table) {
        let shape =
            if table.rows == 1 { format!("[{}]", table.cols) } else { format!("[{}, {}]", table.rows, table.cols) };
        if self.full || table.values.len() <= SMALL {
            say!("  {name}  {DIM}{shape}{DIM:#}");
            for row in table.values.chunks(table.cols.max(1)) {
                let cells: Vec<String> = row.iter().map(|&v| number(v)).collect();
                say!("    {}", cells.join("  "));
            }
            return;
        }
        say!("  {name}  {DIM}{shape}, norm {}{DIM:#}", number(table.norm()));
        let place = |(row, col, value): (usize, usize, f64)| match table.rows {
            1 => format!("[{col}] {}", number(value)),
            _ => format!("[{row}, {col}] {}", number(value)),
        };
        let entries: Vec<String> = table.largest(LARGEST).into_iter().map(place).collect();
        say!("    largest: {}", entries.join(", "));
    }
}
