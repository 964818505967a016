//! One sample through a network, forward and back, with every number.

use crate::error::Error;
use crate::layer::SampleShape;
use crate::model::{Model, Task};
use crate::norm::Norm;
use chainrule_data::{Dataset, Target};
use chainrule_engine::{Graph, Trace};
use serde::Serialize;

/// A matrix of numbers with its shape; a vector has one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// The numbers, row by row.
    pub values: Vec<f64>,
}

impl Table {
    fn new(rows: usize, values: &[f64]) -> Self {
        Self { rows, cols: values.len() / rows.max(1), values: values.to_vec() }
    }

    /// √Σv².
    pub fn norm(&self) -> f64 {
        self.values.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    /// The `count` entries of largest absolute value: row, column, value.
    pub fn largest(&self, count: usize) -> Vec<(usize, usize, f64)> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[b].abs().total_cmp(&self.values[a].abs()).then(a.cmp(&b)));
        order.iter().take(count).map(|&i| (i / self.cols, i % self.cols, self.values[i])).collect()
    }
}

/// One layer of an explanation. Every vector is a row; planes have a row for each channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerExplanation {
    /// The layer, counted from 1.
    pub layer: usize,
    /// The name of its activation.
    pub activation: String,
    /// Whether W is a kernel that moves over planes.
    pub is_convolution: bool,
    /// The name of its norm, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm: Option<&'static str>,
    /// How many layers, this one included, its residual link passes, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<usize>,
    /// a·W, with the a of the layer before, if there is a norm; without one it is part of z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sums: Option<Table>,
    /// norm(a·W), if there is a norm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normal: Option<Table>,
    /// z = a·W + b, with the a of the layer before; a ∗ W + b in a convolution; g ⊙ norm(a·W) + b with a norm; and what
    /// a residual link adds.
    pub z: Table,
    /// a = activation(z).
    pub a: Table,
    /// The pool of a, if the layer has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<Table>,
    /// ∂C/∂a: from the loss on the last layer, δ·Wᵀ of the next layer on the others.
    pub handed_down: Table,
    /// activation′(z).
    pub slope: Table,
    /// δ = ∂C/∂z = ∂C/∂a ⊙ activation′(z).
    pub delta: Table,
    /// ∂C/∂(a·W): δ ⊙ g led back through the norm, if there is one; without one it is δ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sums_gradient: Option<Table>,
    /// ∂C/∂W = aᵀ·δ, with the a of the layer before, `[inputs, outputs]`; of a convolution
    /// `[outputs, channels · height · width]`; ∂C/∂(a·W) in place of δ with a norm.
    pub weight_gradient: Table,
    /// ∂C/∂b = δ.
    pub bias_gradient: Table,
    /// ∂C/∂g, if there is a norm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain_gradient: Option<Table>,
}

/// One sample through a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Which sample, counted from 0.
    pub row: usize,
    /// Its true class or values.
    pub target: String,
    /// The name of the loss.
    pub loss: String,
    /// The scaled inputs.
    pub inputs: Table,
    /// The layers from the first to the last.
    pub layers: Vec<LayerExplanation>,
    /// ∂C/∂x.
    pub input_gradient: Table,
    /// C.
    pub cost: f64,
    /// The rate of the update that is tried.
    pub learning_rate: f64,
    /// C after W ← W − η·∂C/∂W, b ← b − η·∂C/∂b.
    pub cost_after_update: f64,
}

/// Runs sample `row` of `data` forward and back in `f64`, and tries an update of `learning_rate` on it.
///
/// # Errors
/// Data that does not fit, no target, or no such row.
pub fn explain(model: &Model, data: &Dataset, row: usize, learning_rate: f64) -> Result<Explanation, Error> {
    model.check_fits(data)?;
    let refuse = |problem: String| Error::Fit { source_name: data.source.clone(), problems: vec![problem] };
    if row >= data.len() {
        return Err(refuse(format!(
            "there is no row {row}: rows are counted from 0 to {}",
            data.len().saturating_sub(1)
        )));
    }
    let target = match (&data.target, &model.task) {
        (Some(Target::Classes { labels, .. }), Task::Classes(names)) => names[labels[row] as usize].clone(),
        (Some(Target::Values { values, names }), _) => {
            let of_row = values[row * names.len()..][..names.len()].iter();
            of_row.map(f32::to_string).collect::<Vec<_>>().join(", ")
        }
        _ => return Err(refuse("it has no target, so there is no cost to explain".to_owned())),
    };
    let (mut x, mut y) = (vec![0.0; model.network.inputs], vec![0.0; model.task.width()]);
    model.fill_features(data, &[row as u32], &mut x);
    model.fill_targets(data, &[row as u32], &mut y);
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let explained = explain_sample(model, &wide(&model.parameters), &wide(&x), &wide(&y), learning_rate)?;
    Ok(Explanation { row, target, ..explained })
}

/// [`explain`] for scaled inputs, a target and parameters given in `f64`.
///
/// # Errors
/// Slices of the wrong length.
pub fn explain_sample(
    model: &Model,
    parameters: &[f64],
    x: &[f64],
    y: &[f64],
    learning_rate: f64,
) -> Result<Explanation, Error> {
    let graph = Graph::new();
    let built = model.graph(&graph, 1, false, false);
    let leaf = |role| graph.nodes().leaves(role).map(|id| graph.expr(id)).collect::<Vec<_>>();
    let input = leaf(chainrule_engine::ops::Role::Data)[0];
    let mut wrt = leaf(chainrule_engine::ops::Role::Parameter);
    wrt.push(input);
    let trace = Trace::new(&graph, built.cost, &wrt, parameters, &[x, y])?;
    let pile = |node: chainrule_engine::Expr<'_>| trace.pile(node.id()).unwrap_or_default();
    let mut layers = Vec::new();
    let mut gradient = Vec::with_capacity(parameters.len());
    for ((number, stage), nodes) in (1..).zip(model.network.stages()).zip(&built.layers) {
        let planes = |form| if let SampleShape::Planes([channels, ..]) = form { channels } else { 1 };
        let (rows, layer) = (planes(stage.z), stage.layer);
        gradient.extend_from_slice(pile(nodes.weight));
        gradient.extend_from_slice(pile(nodes.bias));
        gradient.extend_from_slice(nodes.gain.map_or(&[], pile));
        // Running moments stay as they are.
        let learned = stage.weights() + layer.outputs + stage.gains();
        gradient.resize(gradient.len() + stage.numbers() - learned, 0.0);
        let z = trace.value(nodes.z.id());
        layers.push(LayerExplanation {
            layer: number,
            activation: layer.activation.to_string(),
            is_convolution: layer.kernel.is_some(),
            norm: layer.norm.map(Norm::name),
            residual: layer.residual,
            sums: nodes.normal.map(|_| Table::new(rows, trace.value(nodes.sums.id()))),
            normal: nodes.normal.map(|normal| Table::new(rows, trace.value(normal.id()))),
            z: Table::new(rows, z),
            a: Table::new(rows, trace.value(nodes.a.id())),
            pooled: layer.pool.map(|_| Table::new(rows, trace.value(nodes.out.id()))),
            handed_down: Table::new(rows, pile(nodes.a)),
            slope: Table::new(rows, &slope(layer.activation, z)?),
            delta: Table::new(rows, pile(nodes.z)),
            sums_gradient: nodes.normal.map(|_| Table::new(rows, pile(nodes.sums))),
            weight_gradient: Table::new(stage.weight_shape().0[0], pile(nodes.weight)),
            bias_gradient: Table::new(1, pile(nodes.bias)),
            gain_gradient: nodes.gain.map(|gain| Table::new(1, pile(gain))),
        });
    }
    let updated: Vec<f64> = parameters.iter().zip(&gradient).map(|(w, g)| w - learning_rate * g).collect();
    let after = Trace::new(&graph, built.cost, &[], &updated, &[x, y])?;
    Ok(Explanation {
        row: 0,
        target: String::new(),
        loss: model.loss.to_string(),
        inputs: Table::new(1, x),
        layers,
        input_gradient: Table::new(1, pile(input)),
        cost: trace.value(built.cost.id())[0],
        learning_rate,
        cost_after_update: after.value(built.cost.id())[0],
    })
}

/// activation′ at each of `z`, by the engine: the gradient of the sum.
fn slope(activation: crate::Activation, z: &[f64]) -> Result<Vec<f64>, Error> {
    let graph = Graph::new();
    let x = graph.input("z", &[z.len()]);
    let gradient = graph.gradients(activation.apply(x).sum_all(), &[x])?;
    Ok(graph.evaluate(&gradient, &[z])?.concat())
}
