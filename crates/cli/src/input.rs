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

/// The model, and the data with their target prepared for it.
pub(crate) fn model_and_data(args: &ModelAndData) -> Result<(Model, Dataset)> {
    let model = Model::load(&args.model)?;
    if is_folder(args, &model)? {
        let data = images(args)?;
        return Ok((model, data));
    }
    let classes = match &model.task {
        Task::Classes(names) => Some(names.as_slice()),
        Task::Values(_) => None,
    };
    let target = Some((model.targets.as_slice(), classes));
    let data = match &model.encoder {
        Some(encoder) => {
            let KnownSamples { data, without_target, unknown, missing } =
                read_known(&[&args.data], &args.form.form(), encoder, target)?;
            if without_target > 0 {
                let names = model.targets.join(" or no ");
                note!("note: {}: left out", rows_with(without_target, &format!("no {names}")));
            }
            note_odd_cells(&unknown, &missing);
            data
        }
        None => read_table_with_columns(&args.data, &args.form.form(), &model.features, target)?,
    };
    Ok((model, data))
}

/// Whether the data are a folder of images; if not, they are a table.
pub(crate) fn is_folder(args: &ModelAndData, model: &Model) -> Result<bool> {
    let is_pattern = args.data.to_str().is_some_and(|path| path == "-" || path.contains(['*', '?', '[']));
    if !args.data.exists() && !is_pattern {
        bail!("there is no {}; check the path", args.data.display());
    }
    if !args.data.is_dir() && model.features.is_empty() {
        bail!(Usage(format!("the model takes images, but {} is not a folder of IDX files", args.data.display())));
    }
    Ok(args.data.is_dir())
}

/// The part of a folder of images that is asked for.
pub(crate) fn images(args: &ModelAndData) -> Result<Dataset> {
    let IdxFolder { train, test } = read_idx_folder(&args.data)?;
    match (args.part.as_str(), test) {
        ("train", _) => Ok(train),
        (_, Some(test)) => Ok(test),
        (_, None) => bail!("{} has no test images: use --part train", args.data.display()),
    }
}

/// Says what was out of the ordinary in a table, where it does not disturb the output: in how many rows of which
/// columns there was a value that training did not know, or none.
pub(crate) fn note_odd_cells(unknown: &[(String, usize)], missing: &[(String, usize)]) {
    for (column, rows) in unknown {
        note!("note: {column}: {}", rows_with(*rows, "a value that training did not know"));
    }
    for (column, rows) in missing {
        note!("note: {column}: {}", rows_with(*rows, "no value"));
    }
}

fn rows_with(rows: usize, what: &str) -> String {
    format!("{} {} {what}", count(rows), if rows == 1 { "row has" } else { "rows have" })
}
