//! Images as a training sees them: changed each time, and prepared ahead.

use crate::ahead::Ahead;
use crate::error::Error;
use crate::model::Model;
use chainrule_data::{Augmentation, Augmented, Dataset, ImageSize, Room, Scaling};
use chainrule_kernels::team;

/// How the images of a training are changed, and where those that come next are prepared.
pub(crate) struct Images {
    augmentation: Augmentation,
    size: ImageSize,
    scaling: Scaling,
    seed: u64,
    ahead: Ahead,
}

impl Images {
    /// What the recipe of `model` asks for, if it does.
    pub(crate) fn of(model: &Model, data: &Dataset) -> Result<Option<Self>, Error> {
        let Some(augmentation) = model.recipe.augment else { return Ok(None) };
        let problems = match data.image {
            None => vec!["it has no images to augment: leave --augment out".to_owned()],
            Some(size) => augmentation.problems(size),
        };
        match data.image {
            Some(size) if problems.is_empty() => {
                let (scaling, seed) = (model.scaling.clone(), model.recipe.seed);
                Ok(Some(Self { augmentation, size, scaling, seed, ahead: Ahead::default() }))
            }
            _ => Err(Error::Fit { source_name: data.source.clone(), problems }),
        }
    }

    /// Calls `take` with the rows of each batch and its inputs, as they are in this epoch, until it says no more.
    pub(crate) fn each_batch<'a>(
        &mut self,
        epoch: usize,
        data: &Dataset,
        order: &'a [u32],
        batches: &[&'a [u32]],
        mut take: impl FnMut(&'a [u32], &mut Vec<f32>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let Self { augmentation, size, scaling, seed, ahead } = self;
        let (size, seed, images) = (*size, *seed, &data.features);
        let augmented = Augmented { augmentation, images, size, scaling, rows: order, seed, epoch };
        let fill = |batch: usize, x: &mut Vec<f32>, room: &mut Room| {
            x.resize(batches[batch].len() * size.pixels(), 0.0);
            augmented.fill(batches[batch], x, room);
        };
        ahead.each(team::threads(), batches.len(), fill, |batch, x| take(batches[batch], x))
    }
}
