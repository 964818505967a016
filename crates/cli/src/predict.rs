//! `chainrule predict`: what a model says of rows, as a table; some rows at a time.

use crate::Usage;
use crate::args::PredictArgs;
use crate::input::{Images, has_images, images, keep_inputs, note_odd_cells};
use crate::lines::Lines;
use crate::output::{count, is_lost, note, raw};
use crate::train::listen_for_interrupt;
use anyhow::{Result, bail};
use chainrule::{
    AtomicFile, Keep, Model, Prediction, Residuals, RowsOfTable, TableTotals, Task, predict, predict_table,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Rows of images that are put into words at a time.
const IMAGES: usize = 4096;

pub(crate) fn run(args: &PredictArgs) -> Result<()> {
    if let Some(path) = &args.out {
        keep_inputs(path, &[&args.input.model, &args.input.data])?;
        chainrule::check_writable(path)?;
    }
    let model = Model::load(&args.input.model)?;
    let half_widths = args.interval.map(|coverage| half_widths(&model, coverage, args)).transpose()?;
    let has_images = has_images(&args.input, &model)?;
    if has_images && args.keep.is_some() {
        bail!(Usage(format!("--keep is for tables, and {} holds images", args.input.data.display())));
    }
    let mut output = Output::open(args, &model, half_widths.unwrap_or_default())?;
    let totals = chainrule::with_threads(0, || {
        if has_images { folder(args, &model, &mut output) } else { table(args, &model, &mut output) }
    });
    output.bar.finish_and_clear();
    let totals = match totals {
        // What happened to the output is said at the end, once.
        Err(_) if is_lost() => return Ok(()),
        totals => totals?,
    };
    output.finish(args, totals.rows)?;
    note_odd_cells(&totals.unknown, &totals.missing);
    Ok(())
}

/// What an interval reaches to both sides of each value.
fn half_widths(model: &Model, coverage: f64, args: &PredictArgs) -> Result<Vec<f64>> {
    if let Task::Classes(_) = model.task {
        bail!(Usage(
            "--interval is for real values; the probabilities of classes are in the output as it is".to_owned()
        ));
    }
    let path = args.input.model.display();
    if model.residuals.is_empty() {
        bail!(
            "{path} does not say how far off it was on rows that it was not trained on, so there is nothing to make \
             intervals from: train it again, with a share of rows held out (--test or --validation above 0)"
        );
    }
    let half_width = |residuals: &Residuals| {
        residuals.half_width(coverage).ok_or_else(|| {
            let (rows, needed) = (residuals.count(), (coverage / (1.0 - coverage) - 1e-9).ceil());
            anyhow::anyhow!(
                "{path} was tried on {rows} rows that it was not trained on, and an interval for {coverage} needs \
                 {needed}: ask for less, as in --interval {:.2}, or train it again with more rows held out (--test 0.4)",
                (rows as f64 / (rows as f64 + 1.0) * 100.0).floor() / 100.0
            )
        })
    };
    model.residuals.iter().map(half_width).collect()
}

fn folder(args: &PredictArgs, model: &Model, output: &mut Output) -> Result<TableTotals> {
    let Images { data, names } = images(&args.input, model, None)?;
    let mut all = Vec::with_capacity(data.len());
    predict(model, &data, |_, prediction| all.push(prediction))?;
    for (part, predictions) in all.chunks(IMAGES).enumerate() {
        let first = part * IMAGES;
        let kept = match &names {
            Some(names) => Kept::Files(&names[first..first + predictions.len()]),
            None => Kept::Nothing,
        };
        output.write(first, predictions, &kept)?;
    }
    Ok(TableTotals { rows: data.len(), ..TableTotals::default() })
}

fn table(args: &PredictArgs, model: &Model, output: &mut Output) -> Result<TableTotals> {
    let keep = match &args.keep {
        Some(columns) => Keep::Columns(columns.iter().filter(|name| !name.is_empty()).cloned().collect()),
        None => Keep::Ids,
    };
    let form = args.input.form.form();
    predict_table(model, &[&args.input.data], &form, &keep, |rows| {
        output.write(rows.first, rows.predictions, &Kept::Columns(rows))
    })
}

/// What stands before what the model says.
enum Kept<'a> {
    Nothing,
    /// Columns of the table.
    Columns(&'a RowsOfTable<'a>),
    /// The names of image files.
    Files(&'a [String]),
}

impl Kept<'_> {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Columns(rows) => rows.kept_names().map(str::to_owned).collect(),
            Self::Files(_) => vec!["file".to_owned()],
        }
    }

    fn write(&self, position: usize, lines: &mut Lines) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Columns(rows) => rows.kept(position).try_for_each(|text| lines.text(text)),
            Self::Files(names) => lines.text(&names[position]),
        }
    }
}

/// Where the rows go, and how.
struct Output<'a> {
    model: &'a Model,
    /// Of the interval of each value; empty without intervals.
    half_widths: Vec<f64>,
    json: bool,
    /// The file; without one, standard output.
    file: Option<AtomicFile>,
    interrupted: Option<Arc<AtomicBool>>,
    lines: Option<Lines>,
    bar: ProgressBar,
}

impl<'a> Output<'a> {
    fn open(args: &PredictArgs, model: &'a Model, half_widths: Vec<f64>) -> Result<Self> {
        let file = args.out.as_deref().map(AtomicFile::new).transpose()?;
        // Without a file there is nothing to clean up, so that Ctrl-C may do what it always does.
        let interrupted = file.as_ref().map(|_| listen_for_interrupt()).transpose()?;
        let bar = progress(file.is_some() || !std::io::stdout().is_terminal());
        Ok(Self { model, half_widths, json: args.json, file, interrupted, lines: None, bar })
    }

    /// Writes rows, the first of which is number `first`; `kept` is of the same rows.
    fn write(&mut self, first: usize, predictions: &[Prediction], kept: &Kept<'_>) -> Result<()> {
        if self.interrupted.as_ref().is_some_and(|interrupted| interrupted.load(Ordering::SeqCst)) {
            bail!("interrupted: nothing was written");
        }
        let heads = || heads(self.model, kept, !self.half_widths.is_empty());
        let lines = self.lines.get_or_insert_with(|| Lines::new(self.json, heads()));
        for (position, prediction) in predictions.iter().enumerate() {
            lines.number(first + position)?;
            kept.write(position, lines)?;
            says(lines, self.model.classes(), prediction, &self.half_widths)?;
            lines.end()?;
        }
        let text = lines.take()?;
        match &mut self.file {
            Some(file) => file.write(&text)?,
            None => raw(&text),
        }
        if is_lost() {
            bail!("nobody reads what is predicted");
        }
        self.bar.set_position((first + predictions.len()) as u64);
        self.bar.set_message(format!("{} rows/s", count(self.bar.per_sec() as usize)));
        Ok(())
    }

    fn finish(self, args: &PredictArgs, rows: usize) -> Result<()> {
        if let (Some(file), Some(path)) = (self.file, &args.out) {
            file.finish()?;
            note!("{} predictions written to {}", count(rows), path.display());
        }
        Ok(())
    }
}

/// The class and the probability of each class; or each value, and the ends of its interval if there is one.
fn says(lines: &mut Lines, classes: &[String], prediction: &Prediction, half_widths: &[f64]) -> Result<()> {
    let Prediction { class, values } = prediction;
    if let Some(class) = class {
        lines.text(&classes[*class])?;
        return values.iter().try_for_each(|p| lines.number(format_args!("{p:.6}")));
    }
    for (position, value) in values.iter().enumerate() {
        lines.number(*value as f32)?;
        if let Some(half_width) = half_widths.get(position) {
            lines.number((value - half_width) as f32)?;
            lines.number((value + half_width) as f32)?;
        }
    }
    Ok(())
}

/// The names of the columns: the number of the row, what is kept, and what the model says.
fn heads(model: &Model, kept: &Kept<'_>, has_interval: bool) -> Vec<String> {
    let mut ours = vec!["row".to_owned()];
    for target in &model.targets {
        ours.push(target.clone());
        if has_interval {
            ours.extend([format!("{target}_low"), format!("{target}_high")]);
        }
    }
    ours.extend(model.classes().iter().map(|class| format!("p_{class}")));
    let kept = kept.names();
    let mut taken: HashSet<String> = kept.iter().cloned().collect();
    // A kept column keeps its name, such as the target of rows where the truth is known.
    for name in &mut ours {
        while !taken.insert(name.clone()) {
            *name = format!("predicted_{name}");
        }
    }
    let said = ours.split_off(1);
    [ours, kept, said].concat()
}

/// A count of rows on a terminal, unless the rows themselves go there.
fn progress(visible: bool) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let visible = visible && std::io::stderr().is_terminal();
    bar.set_draw_target(if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows  {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    if visible {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}
