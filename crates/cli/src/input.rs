//! Models and data by path.

use crate::Usage;
use crate::args::ModelAndData;
use anyhow::{Result, bail};
use chainrule::data::{Dataset, IdxFolder, read_idx_folder, read_table_with_columns};
use chainrule::{Model, Task};
use std::path::Path;

/// Refuses to write over what is read.
pub(crate) fn keep_inputs(out: &Path, inputs: &[&Path]) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    match inputs.iter().find(|input| place(out).is_some() && place(out) == place(input)) {
        Some(input) => bail!(Usage(format!("{} would be overwritten: choose another --out", input.display()))),
        None => Ok(()),
    }
}

/// The model, and the data prepared for it; the target of a table is read only if it is wanted.
pub(crate) fn model_and_data(args: &ModelAndData, with_target: bool) -> Result<(Model, Dataset)> {
    let model = Model::load(&args.model)?;
    if !args.data.exists() {
        bail!("there is no {}; check the path", args.data.display());
    }
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
        let target = with_target.then_some((model.target.as_str(), classes));
        read_table_with_columns(&args.data, &model.features, target)?
    };
    Ok((model, data))
}
