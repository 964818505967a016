//! Models and data by path.

use crate::Usage;
use crate::args::ModelAndData;
use crate::output::{count, note};
use anyhow::{Result, bail};
use chainrule::data::{Dataset, IdxFolder, KnownSamples, read_idx_folder, read_known, read_table_with_columns};
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
    let is_pattern = args.data.to_str().is_some_and(|path| path == "-" || path.contains(['*', '?', '[']));
    if !args.data.exists() && !is_pattern {
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
        match &model.encoder {
            Some(encoder) => known(read_known(&[&args.data], encoder, target)?),
            None => read_table_with_columns(&args.data, &model.features, target)?,
        }
    };
    Ok((model, data))
}

/// Says what is out of the ordinary in a table, where it does not disturb the output.
fn known(samples: KnownSamples) -> Dataset {
    for (column, rows) in &samples.unknown {
        note!("note: {column}: {} that training did not know", rows_with(*rows, "a value"));
    }
    for (column, rows) in &samples.missing {
        note!("note: {column}: {}", rows_with(*rows, "no value"));
    }
    samples.data
}

fn rows_with(rows: usize, what: &str) -> String {
    format!("{} {} {what}", count(rows), if rows == 1 { "row has" } else { "rows have" })
}
