//! Training that goes on from a trained model, on other data or for another target (Yosinski et al., "How transferable
//! are features in deep neural networks?", 2014).

use crate::error::Error;
use crate::layer::Layer;
use crate::model::{Model, Task};
use crate::network::Network;
use crate::recipe::Recipe;
use crate::setup::{Setup, learn_target};
use chainrule_data::{Dataset, Target};

/// What the usual learning rate is multiplied by: the weights are nearly where they should be.
pub(crate) const RATE: f64 = 0.1;

impl Setup {
    /// The model `start`, to be trained by another recipe on `data`. For the same target, everything is kept; for another
    /// one, or other classes, the last layer is drawn anew, with as many outputs as are needed.
    pub(crate) fn build_on(
        &self,
        start: &Model,
        data: &Dataset,
        recipe: Recipe,
        target: &Target,
    ) -> Result<Model, Error> {
        if self.keeps_target(start, target) {
            if self.loss.is_some_and(|loss| loss != start.loss) || self.target_scales.is_some() {
                let problem = "going on for the same target keeps its loss and the scale of its values: leave --loss and \
                               --target-scale out";
                return Err(Error::Settings(vec![problem.to_owned()]));
            }
            let model = Model { recipe, residuals: Vec::new(), ..start.clone() };
            model.check_fits(data)?;
            return Ok(model);
        }
        let (train, _) = recipe.split(data);
        let (task, targets) = learn_target(target, &train, "class", &self.target_scales.clone().unwrap_or_default());
        let outputs = match &task {
            Task::Classes(names) => names.len(),
            Task::Values(measures) => measures.len(),
        };
        let network = with_outputs(&start.network, outputs)
            .map_err(|problem| Error::Fit { source_name: data.source.clone(), problems: vec![problem] })?;
        let mut parameters = network.initialize(recipe.init, recipe.seed);
        let kept = network.segments().len() - LAST;
        let end = network.segments()[kept].range.start;
        parameters[..end].copy_from_slice(&start.parameters[..end]);
        let loss = self.loss.unwrap_or_else(|| usual_loss(start, &task, target));
        let model = Model { network, loss, task, targets, recipe, residuals: Vec::new(), parameters, ..start.clone() };
        model.check_fits(data)?;
        Ok(model)
    }

    /// Whether a target is what a model predicts: the same classes (of a column of the same name, where it is known), or
    /// values of the same names.
    pub fn keeps_target(&self, start: &Model, target: &Target) -> bool {
        match (target, &start.task) {
            (Target::Classes { names, .. }, Task::Classes(known)) => {
                names == known && self.target.as_ref().is_none_or(|name| *name == start.target())
            }
            (Target::Values { names, .. }, Task::Values(_)) => *names == start.targets,
            _ => false,
        }
    }
}

/// The pieces of a last layer: W and b.
const LAST: usize = 2;

/// The loss of the model if it fits another task of the same kind, else the usual one.
fn usual_loss(start: &Model, task: &Task, target: &Target) -> crate::Loss {
    let outputs = task.width().max(if let Task::Classes(names) = task { names.len() } else { 1 });
    if task.fits(outputs, start.loss) { start.loss } else { crate::Loss::usual(target) }
}

/// The network with another last layer, which has to be a plain dense one.
fn with_outputs(network: &Network, outputs: usize) -> Result<Network, String> {
    let mut layers = network.layers.clone();
    match layers.last_mut() {
        Some(last) if *last == Layer::dense(last.outputs, last.activation) => last.outputs = outputs,
        _ => {
            return Err(
                "the last layer of the model is not a plain dense one, so it cannot learn another target".into()
            );
        }
    }
    Network::of(network.input(), layers).map_err(|error| error.to_string())
}
