//! Models and data by path.

use crate::Usage;
use crate::args::ModelAndData;
use crate::output::{count, note};
use crate::samples::left_out_note;
use anyhow::{Result, bail};
use chainrule::data::{
    Dataset, IdxFolder, KnownImages, KnownSamples, image_parts, is_idx_folder, matching_files, read_idx_folder,
    read_known, read_known_images, read_table_with_columns,
};
use chainrule::{Model, Task};
use std::path::{Path, PathBuf};

/// Refuses to write over what is read; an input may be a pattern of files, or a folder, which is read file by file.
pub(crate) fn keep_inputs(out: &Path, inputs: &[&Path]) -> Result<()> {
    for input in inputs.iter().flat_map(|input| matching_files(input).unwrap_or_default()) {
        if is_same_place(out, &input) {
            bail!(Usage(format!("{} would be overwritten: choose another place", input.display())));
        }
        let within =
            input.is_dir() && out.is_file() && place(out).zip(place(&input)).is_some_and(|(o, i)| o.starts_with(i));
        if within {
            bail!(Usage(format!("{} is in the folder that is read: choose another place", out.display())));
        }
    }
    Ok(())
}

/// Where a path leads to, though there need not be anything yet.
fn place(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
}

/// Whether two paths lead to one file, which need not be there yet.
pub(crate) fn is_same_place(a: &Path, b: &Path) -> bool {
    place(a).is_some() && place(a) == place(b)
}

/// The model, and the data with their target prepared for it; and where their rows stand in the files, if some were left
/// out.
pub(crate) fn model_and_data(args: &ModelAndData) -> Result<(Model, Dataset, Option<Vec<u32>>)> {
    let model = Model::load(&args.model)?;
    let classes = match &model.task {
        Task::Classes(names) => Some(names.as_slice()),
        Task::Values(_) => None,
    };
    if has_images(args, &model)? {
        let Images { data, .. } = images(args, &model, classes)?;
        return Ok((model, data, None));
    }
    let target = Some((model.targets.as_slice(), classes));
    let (data, places) = match &model.encoder {
        Some(encoder) => {
            let KnownSamples { data, rows, without_target, unknown, missing } =
                read_known(&[&args.data], &args.form.form(), encoder, target)?;
            if without_target > 0 {
                let names = model.targets.join(" or no ");
                note!("note: {}: left out", rows_with(without_target, &format!("no {names}")));
            }
            note_odd_cells(&unknown, &missing);
            (data, (without_target > 0).then_some(rows))
        }
        None => (read_table_with_columns(&args.data, &args.form.form(), &model.features, target)?, None),
    };
    Ok((model, data, places))
}

/// Whether the data are images; if not, they are a table.
pub(crate) fn has_images(args: &ModelAndData, model: &Model) -> Result<bool> {
    let is_pattern = args.data.to_str().is_some_and(|path| path == "-" || path.contains(['*', '?', '[']));
    if !args.data.exists() && !is_pattern {
        bail!("there is no {}; check the path", args.data.display());
    }
    if !args.data.exists() && model.features.is_empty() {
        bail!(Usage(format!("the model takes images, and {} is no folder or file of them", args.data.display())));
    }
    Ok(args.data.is_dir() || model.features.is_empty())
}

/// Images, and their names if they are files.
pub(crate) struct Images {
    pub(crate) data: Dataset,
    pub(crate) names: Option<Vec<String>>,
}

/// The images that are asked for, with their classes if these are given.
pub(crate) fn images(args: &ModelAndData, model: &Model, classes: Option<&[String]>) -> Result<Images> {
    if is_idx_folder(&args.data) {
        return Ok(Images { data: idx_images(args)?, names: None });
    }
    let Some(size) = model.image_size() else {
        bail!(Usage(format!("the model does not take images, and {} is a folder", args.data.display())));
    };
    let part = image_parts(&args.data).map(|[train, test]| if args.part == "train" { train } else { test });
    let path = part.as_ref().unwrap_or(&args.data);
    let KnownImages { data, names, resized, left_out } = read_known_images(path, size, classes)?;
    left_out_note(&left_out).iter().for_each(|line| note!("{line}"));
    if resized > 0 {
        let images = if resized == 1 { "1 image was".to_owned() } else { format!("{} images were", count(resized)) };
        note!("note: {images} brought to the {} x {} pixels that the model takes", size.height, size.width);
    }
    Ok(Images { data, names: Some(names) })
}

/// The part of a folder of IDX files that is asked for.
fn idx_images(args: &ModelAndData) -> Result<Dataset> {
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
