//! The samples of `chainrule train`: from files and options to rows to train and test on.

use crate::Usage;
use crate::args::TrainArgs;
use crate::output::{count, percent};
use anyhow::{Result, bail};
use chainrule::data::{
    Channels, Dataset, Encoder, IdxFolder, ImageFolder, ImageOptions, ReadOptions, SampleOptions, Samples, SplitBy,
    Stored, StoredSamples, Target, Task as TableTask, is_idx_folder, read_idx_folder, read_image_folder,
};
use chainrule::{Model, TargetScale};
use std::path::{Path, PathBuf};

/// What there is to train and test on.
pub(crate) struct Input {
    /// The samples to train on, or a few of them if most are in a file.
    pub(crate) train: Dataset,
    pub(crate) stored: Option<Kept>,
    pub(crate) test: Option<Dataset>,
    /// How the columns of a table became features.
    pub(crate) encoder: Option<Encoder>,
    /// What is to be said of the data.
    pub(crate) notes: Vec<String>,
}

/// What is learned from when it does not fit in memory.
pub(crate) struct Kept {
    pub(crate) train: Stored,
    pub(crate) validation: Dataset,
}

/// Reads what is to be trained and tested on.
pub(crate) fn read(args: &TrainArgs, start: Option<&Model>) -> Result<Input> {
    let data = args.data.display();
    let for_images = [("--resize", args.resize.is_some()), ("--channels", args.channels.is_some())];
    let given = |options: &[(&'static str, bool)]| options.iter().find(|(_, given)| *given).map(|(option, _)| *option);
    if !args.data.is_dir() {
        if let Some(option) = given(&for_images) {
            bail!(Usage(format!("{option} is for folders of images, and {data} is none")));
        }
        return read_table(args, start);
    }
    let for_tables = [
        ("--target", !args.target.is_empty()),
        ("--task", args.task.is_some()),
        ("--categorical", !args.categorical.is_empty()),
        ("--numeric", !args.numeric.is_empty()),
        ("--drop", !args.drop.is_empty()),
        ("--weight", args.weight.is_some()),
        ("--class-weight", args.class_weight.is_some()),
        ("--group", args.group.is_some()),
        ("--time", args.time.is_some()),
        ("--memory", args.memory.is_some()),
        ("--format, --encoding, --delimiter, --quote, --header or --decimal", args.form.is_given()),
    ];
    if let Some(option) = given(&for_tables) {
        bail!(Usage(format!(
            "{option} is for tables, and {data} is a folder: give a file, or a pattern such as '{data}/*.csv'"
        )));
    }
    if !is_idx_folder(&args.data) {
        return read_images(args, start);
    }
    if let Some(option) = given(&[&for_images[..], &[("--test", args.test.is_some())]].concat()) {
        bail!(Usage(format!("{option} is for image files, and {data} holds IDX files, which say it themselves")));
    }
    let IdxFolder { train, test } = read_idx_folder(&args.data)?;
    Ok(Input { train, stored: None, test, encoder: None, notes: Vec::new() })
}

fn read_images(args: &TrainArgs, start: Option<&Model>) -> Result<Input> {
    let test = share("test", args.test.unwrap_or(0.2))?;
    // What goes on from a model is brought to what it takes.
    let taken = start.and_then(Model::image_size);
    let resize = args.resize.or(taken.map(|size| (size.height, size.width)));
    let channels = args.channels.or(taken.map(|size| if size.planes == 1 { Channels::Grey } else { Channels::Rgb }));
    let options = ImageOptions { resize, channels, test, seed: args.seed };
    let ImageFolder { train, test, left_out } = read_image_folder(&args.data, &options)?;
    let mut notes: Vec<String> = left_out_note(&left_out).into_iter().collect();
    if test.is_none() && options.test > 0.0 {
        notes.push("note: there are too few images to hold some of them out for a test\n".to_owned());
    }
    notes.extend(lone_classes(&train));
    Ok(Input { train, stored: None, test, encoder: None, notes })
}

/// A note on what was passed over in a folder of images.
pub(crate) fn left_out_note(left_out: &[PathBuf]) -> Option<String> {
    const SHOWN: usize = 3;
    let shown: Vec<String> = left_out.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    let more = if left_out.len() > SHOWN { format!(" and {} more", left_out.len() - SHOWN) } else { String::new() };
    (!shown.is_empty()).then(|| format!("note: left out, since they are no images: {}{more}", shown.join(", ")))
}

/// A share of rows, if it is one.
fn share(name: &str, share: f64) -> Result<f64> {
    if !(0.0..1.0).contains(&share) {
        bail!(Usage(format!("the {name} share must be at least 0 and below 1, not {share}")));
    }
    Ok(share)
}

fn read_table(args: &TrainArgs, start: Option<&Model>) -> Result<Input> {
    let mut options = table_options(args)?;
    if let Some(start) = start {
        if start.features.is_empty() {
            let data = args.data.display();
            bail!(Usage(format!("--from: the model takes images, but {data} is a table")));
        }
        let encoder = start.encoder.clone().unwrap_or_else(|| Encoder::plain(&start.features));
        if let Some((name, _)) = encoder.columns().find(|(name, _)| options.targets.iter().any(|target| target == name))
        {
            bail!(Usage(format!("--from: the model takes the column {name}, so it cannot be what is predicted")));
        }
        options.encoder = Some(encoder);
        if start.targets == options.targets {
            options.classes = start.classes().to_vec();
        }
    }
    let (Samples { kinds, encoder, train, test, without_target }, stored) = match args.memory {
        None => (options.read(&[&args.data])?, None),
        Some(memory) => {
            let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            let StoredSamples { kinds, encoder, example, train, validation, test, without_target } =
                options.read_stored(&[&args.data], memory, folder)?;
            (Samples { kinds, encoder, train: example, test, without_target }, Some(Kept { train, validation }))
        }
    };
    let mut notes = vec![kinds.to_string()];
    if without_target > 0 {
        let rows = count(without_target);
        notes.push(format!("note: {rows} rows have no {} and are left out\n", options.targets.join(" or no ")));
    }
    if test.is_none() && options.test > 0.0 {
        notes.push(format!("note: there are too few rows to hold {} of them out for a test\n", percent(options.test)));
    }
    notes.extend(lone_classes(&train));
    Ok(Input { train, stored, test, encoder: Some(encoder), notes })
}

/// A note on the classes that can hardly be learned.
fn lone_classes(train: &Dataset) -> Option<String> {
    const SHOWN: usize = 5;
    let Some(Target::Classes { labels, names }) = &train.target else { return None };
    let mut counts = vec![0; names.len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let lone: Vec<String> =
        names.iter().zip(counts).filter(|(_, n)| *n == 1).map(|(name, _)| format!("{name:?}")).collect();
    let more = if lone.len() > SHOWN { format!(" and {} more", lone.len() - SHOWN) } else { String::new() };
    let shown = lone[..lone.len().min(SHOWN)].join(", ");
    (!lone.is_empty()).then(|| format!("note: there is only one sample to learn from of {shown}{more}\n"))
}

/// Refuses what cannot be asked of a column together.
fn check_columns(args: &TrainArgs) -> Result<()> {
    let targets = &args.target;
    if let Some(target) = args.drop.iter().find(|name| targets.contains(name)) {
        bail!(Usage(format!("--drop {target}: it is the target, and cannot be left out")));
    }
    for (option, column) in [("--weight", &args.weight), ("--group", &args.group)] {
        if let Some(name) = column.as_ref().filter(|name| targets.contains(name)) {
            bail!(Usage(format!("{option} {name}: it is the target")));
        }
    }
    if let Some((_, twice)) = targets.iter().enumerate().find(|(at, name)| targets[..*at].contains(name)) {
        bail!(Usage(format!("--target names the column {twice} twice")));
    }
    let is_class = |name: &String| args.task.as_deref() == Some("classify") || args.categorical.contains(name);
    if let Some(class) = targets.iter().find(|name| targets.len() > 1 && is_class(name)) {
        bail!(Usage(format!("several targets have to be numbers, not classes: train a model of its own for {class}")));
    }
    match args.numeric.iter().find(|name| args.categorical.contains(name)) {
        Some(both) => bail!(Usage(format!("{both} is both --numeric and --categorical: give one of them"))),
        None => Ok(()),
    }
}

/// How a table is to be read.
pub(crate) fn table_options(args: &TrainArgs) -> Result<SampleOptions> {
    if args.target.is_empty() {
        if !args.data.exists() {
            bail!("there is no {}; check the path", args.data.display());
        }
        bail!(Usage(format!(
            "{} is a table: say which column is to be predicted, as in --target price",
            args.data.display()
        )));
    }
    check_columns(args)?;
    let test = share("test", args.test.unwrap_or(0.2))?;
    share("validation", args.validation.unwrap_or(0.0))?;
    if args.scaling.is_some() {
        bail!(Usage("--scaling is for images: a column of a table gets the scale that fits what it holds".to_owned()));
    }
    Ok(SampleOptions {
        targets: args.target.clone(),
        task: match args.task.as_deref() {
            Some("classify") => TableTask::Classify,
            Some(_) => TableTask::Regress,
            None => TableTask::Auto,
        },
        weight: args.weight.clone(),
        class_weights: args.class_weight.clone().unwrap_or_default(),
        split: match (&args.group, &args.time) {
            (Some(group), _) => SplitBy::Group(group.clone()),
            (None, Some(time)) => SplitBy::Time(time.clone()),
            (None, None) => SplitBy::Rows,
        },
        read: ReadOptions {
            form: args.form.form(),
            categorical: args.categorical.clone(),
            numeric: args.numeric.clone(),
            drop: args.drop.clone(),
            ..ReadOptions::default()
        },
        positive: args.target_scale == Some(TargetScale::Log),
        test,
        validation: args.validation,
        seed: args.seed,
        ..SampleOptions::new("")
    })
}
