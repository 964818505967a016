//! `chainrule explain`: one sample through a network, forward and back.

mod picture;

use crate::args::ExplainArgs;
use crate::input::model_and_data;
use crate::output::{DIM, HEADING, RESULT, number, say};
use anyhow::{Result, bail};
use chainrule::{Explanation, LayerExplanation, Table, explain};

/// The most numbers of a table that are printed without `--full`.
const SMALL: usize = 40;
/// How many of the largest entries stand for a larger table.
const LARGEST: usize = 5;

pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    picture::check(args)?;
    let (model, data, places) = model_and_data(&args.input)?;
    let rate = args.rate.unwrap_or(model.recipe.learning_rate);
    // Rows are counted as they stand in the file, also where some have no target.
    let row = match &places {
        None => args.row,
        Some(places) => match places.binary_search(&u32::try_from(args.row).unwrap_or(u32::MAX)) {
            Ok(row) => row,
            Err(_) => bail!("row {} is not there, or has no {}: choose another --row", args.row, model.target()),
        },
    };
    let explanation = Explanation { row: args.row, ..explain(&model, &data, row, rate)? };
    picture::write(args, &model, &data, row, &explanation)?;
    if args.json {
        say!("{}", serde_json::to_string(&explanation)?);
        return Ok(());
    }
    let show = Show { full: args.full };
    say!(
        "{HEADING}Row {} of {}{HEADING:#}: {} = {}, network {}, loss {}",
        explanation.row,
        data.source,
        model.target(),
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

/// What layer `n` takes: the inputs, or what the layer below it gives.
fn below(explanation: &Explanation, n: usize) -> String {
    match n.checked_sub(2).map(|at| &explanation.layers[at]) {
        None => "x".to_owned(),
        Some(layer) if layer.pooled.is_some() => format!("p{}", n - 1),
        Some(_) => format!("a{}", n - 1),
    }
}

/// z of a layer, from its weighted sums in words.
fn sums(l: &LayerExplanation, weighed: &str) -> String {
    let n = l.layer;
    let normal = match l.norm {
        Some(norm) => format!("g{n} ⊙ {norm}({weighed})"),
        None => weighed.to_owned(),
    };
    let link = l.residual.map(|passed| format!(" + what layer {} takes", n + 1 - passed)).unwrap_or_default();
    format!("{normal} + b{n}{link}")
}

/// Where what is handed down to layer `n` (0: the inputs) comes from.
fn from_above(explanation: &Explanation, n: usize) -> String {
    match explanation.layers.get(n) {
        None => "from the loss".to_owned(),
        // A norm and links have more than one way down: the sum of all of them is here.
        Some(above) if above.norm.is_some() || is_linked(explanation, n + 1) => "from the layers above".to_owned(),
        Some(above) if above.is_convolution => format!("δ{0} ∗ᵀ W{0}", n + 1),
        Some(_) => format!("δ{0} · W{0}ᵀ", n + 1),
    }
}

/// Whether a residual link begins with what a layer takes.
fn is_linked(explanation: &Explanation, layer: usize) -> bool {
    explanation.layers.iter().any(|l| l.residual.is_some_and(|passed| l.layer + 1 - passed == layer))
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
            let below = below(explanation, n);
            let times = if l.is_convolution { "∗" } else { "·" };
            self.table(&format!("z{n} = {}", sums(l, &format!("{below} {times} W{n}"))), &l.z);
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
            self.layer_backward(explanation, l);
        }
        self.table(&format!("∂C/∂x = {}", from_above(explanation, 0)), &explanation.input_gradient);
    }

    fn layer_backward(&self, explanation: &Explanation, l: &LayerExplanation) {
        let n = l.layer;
        let source = if l.pooled.is_some() { "from the pool".to_owned() } else { from_above(explanation, n) };
        let below = below(explanation, n);
        let gradient = match l.norm {
            Some(norm) => format!("through {norm}"),
            None if l.is_convolution => format!("{below} ∗ʷ δ{n}"),
            None => format!("{below}ᵀ · δ{n}"),
        };
        self.table(&format!("∂C/∂a{n} = {source}"), &l.handed_down);
        self.table(&format!("{}′(z{n})", l.activation), &l.slope);
        self.table(&format!("δ{n} = ∂C/∂a{n} ⊙ {}′(z{n})", l.activation), &l.delta);
        self.table(&format!("∂C/∂W{n} = {gradient}"), &l.weight_gradient);
        self.table(&format!("∂C/∂b{n} = δ{n}"), &l.bias_gradient);
        if let Some(gain) = &l.gain_gradient {
            self.table(&format!("∂C/∂g{n}"), gain);
        }
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
