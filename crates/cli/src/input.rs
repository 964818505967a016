//! Models and data by path.

use crate::Usage;
use crate::args::ModelAndData;
use anyhow::{Result, bail};
use chainrule::data::{Dataset, IdxFolder, read_csv_with_columns, read_idx_folder};
use chainrule::{Model, Task};

/// The model, and the data prepared for it.
pub(crate) fn model_and_data(args: &ModelAndData) -> Result<(Model, Dataset)> {
    let model = Model::load(&args.model)?;
    let data = if args.data.is_dir() {
        let IdxFolder { train, test } = read_idx_folder(&args.data)?;
        match (args.part.as_str(), test) {
            ("train", _) => train,
            (_, Some(test)) => test,
            (_, None) => bail!("{} has no test images: use --part train", args.data.display()),
        }
    } else if model.features.is_empty() {
        bail!(Usage(format!("the model takes images, but {} is not a folder of IDX files", args.data.display())));
    } else {
        let classes = match &model.task {
            Task::Classes(names) => Some(names.as_slice()),
            Task::Value { .. } => None,
        };
        read_csv_with_columns(&args.data, &model.features, Some((&model.target, classes)))?
    };
    Ok((model, data))
}
