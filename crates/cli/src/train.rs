//! `chainrule train`: from data to a model file.

use crate::Usage;
use crate::args::TrainArgs;
use crate::doctor::Doctor;
use crate::evaluate::{metrics, scores};
use crate::input::{is_same_place, keep_inputs};
use crate::output::{DIM, HEADING, RESULT, bytes, count, number, peak_memory, say, text};
use crate::record::Record;
use crate::report;
use crate::samples::{Input, Kept, read};
use crate::watcher::Watcher;
use anyhow::{Result, bail};
use chainrule::data::Dataset;
use chainrule::doctor::Watch;
use chainrule::{
    Architecture, Baselines, Checkpoints, Ending, Error, Evaluation, Model, Outcome, Residuals, Setup, Summary,
    TargetScale, Task, choose_l2, choose_target_scales, with_threads,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(crate) fn run(args: &TrainArgs) -> Result<()> {
    if is_in_words(args) && (args.activation.is_some() || args.output_activation.is_some()) {
        bail!(Usage(
            "the layers of --model name their activations: write them there, as in 'dense 64, tanh'".to_owned()
        ));
    }
    if let Some(folds) = args.folds {
        return crate::folds::run(args, folds);
    }
    let begin = Instant::now();
    check_places(args)?;
    let start = args.from.as_deref().map(Model::load).transpose()?;
    let input = read(args, start.as_ref())?;
    let rows = input.stored.as_ref().map(|stored| stored.train.rows() + stored.validation.len());
    let Input { train, stored, test, encoder, notes } = input;
    let interrupted = listen_for_interrupt()?;
    let setup = with_target_scales(args, Setup { encoder, start, ..setup(args) }, &train)?;
    let setup = match args.tune {
        Some(budget) => crate::tune::run(args, budget, &setup, &train, &interrupted)?,
        None => with_l2(args, setup, &train)?,
    };
    let mut model = Setup { rows, ..setup.clone() }.build(&train)?;
    if !args.target.is_empty() {
        model.targets.clone_from(&args.target);
    }
    if args.show_plan {
        return show_plan(&model);
    }
    if args.find_lr {
        return crate::rate::run(args, &model, &train);
    }
    let (kept, held_out) = match &stored {
        // What is in memory of them is an example of the rows that are in the file.
        Some(stored) => ((0..train.len() as u32).collect(), (0..stored.validation.len() as u32).collect()),
        None => model.recipe.split(&train),
    };
    let rows = stored.as_ref().map_or(kept.len(), |stored| stored.train.rows());
    let start = announce(args, &model, &train.source, [rows, held_out.len()], test.as_ref(), &notes)?;
    let record = args.run.as_ref().map(|folder| Record::new(folder, &start, args.resume)).transpose()?;
    let watch = with_threads(args.threads.into(), || {
        Watch::new(&model, &train, [&kept, if stored.is_some() { &[] } else { &held_out }], test.as_ref())
    })?;
    let earlier = args.run.as_ref().filter(|_| args.resume).and_then(|folder| crate::doctor::read(folder).ok());
    let doctor = Doctor::new(watch.of_rows(rows).after(earlier), args.json);
    let mut watcher = Watcher::new(args.json, interrupted, record, doctor);
    watcher.doctor.tell();
    let checkpoints = args.checkpoint.as_ref().map(|folder| Checkpoints {
        folder: folder.clone(),
        every: args.every,
        resume: args.resume,
    });
    let (outcome, validation) = with_threads(args.threads.into(), || {
        let checkpoints = checkpoints.as_ref();
        match stored {
            Some(Kept { train, validation }) => {
                (chainrule::fit_stored(&mut model, train, &validation, checkpoints, &mut watcher), Some(validation))
            }
            None => (chainrule::fit_saving(&mut model, &train, checkpoints, &mut watcher), None),
        }
    });
    watcher.bar.finish_and_clear();
    let Watcher { doctor, record, .. } = watcher;
    let test = test.as_ref();
    if outcome.is_ok() {
        let validation = validation.as_ref().unwrap_or(&train);
        model.residuals = Residuals::held_out(&model, (validation, &held_out), test)?;
    }
    let trained = Trained { args, setup: &setup, model: &model, train: &train, test, start: &start, begin };
    trained.end(outcome, doctor, record)
}

/// Refuses places that cannot be written to, or that something is read from.
fn check_places(args: &TrainArgs) -> Result<()> {
    let read_from: Vec<&Path> = [args.data.as_path()].into_iter().chain(args.from.as_deref()).collect();
    for (option, written) in [("--out", Some(&args.out)), ("--report", args.report.as_ref())] {
        let Some(written) = written else { continue };
        if written.extension().is_some_and(|end| end == "toml") {
            bail!(Usage(format!("{} is the name of a description: choose another {option}", written.display())));
        }
        keep_inputs(written, &read_from)?;
        let folder = written.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if args.run.as_ref().is_some_and(|run| is_same_place(run, folder) || is_same_place(run, written)) {
            bail!(Usage(format!("the folder of --run gets a model and a report of its own: choose another {option}")));
        }
        if args.checkpoint.as_ref().is_some_and(|checkpoint| is_same_place(checkpoint, written)) {
            bail!(Usage(format!("{} is the folder of the checkpoint: choose another {option}", written.display())));
        }
        chainrule::check_writable(written)?;
    }
    if args.report.as_ref().is_some_and(|report| is_same_place(report, &args.out)) {
        bail!(Usage("the report would be written over the model: choose another --report".to_owned()));
    }
    Ok(())
}

/// A training that is over.
struct Trained<'a> {
    args: &'a TrainArgs,
    setup: &'a Setup,
    model: &'a Model,
    train: &'a Dataset,
    test: Option<&'a Dataset>,
    /// What was announced at the start.
    start: &'a Value,
    begin: Instant,
}

impl Trained<'_> {
    /// Writes the model, says what came of it, and writes what stands beside it.
    fn end(&self, outcome: Result<Outcome, Error>, mut doctor: Doctor, record: Option<Record>) -> Result<()> {
        let Self { args, setup, model, train, test, .. } = *self;
        let (evaluation, kept) = match &outcome {
            Ok(_) => {
                let evaluate = |test| with_threads(args.threads.into(), || chainrule::evaluate(model, test));
                let evaluation = test.map(evaluate).transpose()?;
                save(model, &args.out)?;
                (evaluation, None)
            }
            Err(error) => (None, rescue(args, model, error)),
        };
        doctor.end(outcome.as_ref(), evaluation.as_ref());
        doctor.tell();
        let ended = outcome.as_ref().ok();
        let finish = |outcome| finish(args, setup, (train, test), outcome, evaluation.as_ref(), self.begin);
        let result = ended.map(finish).transpose()?;
        // A training that did not begin leaves what an earlier one wrote.
        let has_run = matches!(outcome, Ok(_) | Err(Error::Diverged { .. }));
        let written = if has_run { self.write(ended, evaluation.as_ref(), result, &doctor, record) } else { Ok(()) };
        match (outcome, kept) {
            (Ok(_), _) => written,
            (Err(error), Some(kept)) => Err(anyhow::Error::from(error).context(kept)),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Writes the folder of the run and the reports.
    fn write(
        &self,
        outcome: Option<&Outcome>,
        evaluation: Option<&Evaluation>,
        result: Option<Value>,
        doctor: &Doctor,
        record: Option<Record>,
    ) -> Result<()> {
        let Self { args, model, test, start, begin, .. } = *self;
        if let Some(record) = record {
            record.end(doctor, result.as_ref().map(|result| (model, result)))?;
        }
        let seconds = begin.elapsed().as_secs_f64();
        let evidence = doctor.evidence();
        let source = report::Source { model, evidence, start, outcome, test: test.zip(evaluation), seconds };
        let in_run = args.run.as_ref().map(|folder| folder.join(report::FILE));
        for path in args.report.iter().chain(&in_run) {
            with_threads(args.threads.into(), || report::write(path, &source))?;
        }
        Ok(())
    }
}

/// Settles the scales of the targets, unless it is given. When most rows are in a file, `train` does not tell whether all
/// of their values have a logarithm.
pub(crate) fn with_target_scales(args: &TrainArgs, setup: Setup, train: &Dataset) -> Result<Setup> {
    let keeps = |start: &Model| train.target.as_ref().is_some_and(|target| setup.keeps_target(start, target));
    if setup.target_scales.is_some() || args.memory.is_some() || setup.start.as_ref().is_some_and(keeps) {
        return Ok(setup);
    }
    let scales = with_threads(args.threads.into(), || choose_target_scales(&setup, train))?;
    Ok(Setup { target_scales: Some(scales), ..setup })
}

/// Settles the L2 penalty of a small table, unless it is given.
pub(crate) fn with_l2(args: &TrainArgs, setup: Setup, train: &Dataset) -> Result<Setup> {
    if args.memory.is_some() {
        return Ok(setup);
    }
    let chosen = with_threads(args.threads.into(), || choose_l2(&setup, train))?;
    Ok(Setup { l2: setup.l2.or(chosen), ..setup })
}

pub(crate) fn setup(args: &TrainArgs) -> Setup {
    Setup {
        architecture: args.model.clone(),
        hidden: args.hidden.clone().map(|hidden| hidden.0),
        activation: args.activation,
        output_activation: args.output_activation,
        loss: args.loss,
        encoder: None,
        target_scales: args.target_scale.map(|scale| vec![scale; args.target.len()]),
        scaling: args.scaling,
        optimizer: args.optimizer,
        learning_rate: args.lr,
        schedule: args.schedule,
        init: args.init,
        epochs: args.epochs,
        batch_size: args.batch_size,
        validation: args.validation,
        patience: args.patience,
        l2: args.l2,
        l1: args.l1,
        dropout: args.dropout,
        augment: args.augment,
        clip: args.clip,
        target: (!args.target.is_empty()).then(|| args.target.join(", ")),
        start: None,
        frozen: args.freeze,
        layer_rates: args.layer_rates.clone(),
        micro_batch: args.micro_batch,
        average: args.average,
        seed: args.seed,
        rows: None,
    }
}

fn announce(
    args: &TrainArgs,
    model: &Model,
    source: &str,
    [train, validation]: [usize; 2],
    test: Option<&Dataset>,
    notes: &[String],
) -> Result<Value> {
    let summary = Summary::new(model)?;
    let r = &model.recipe;
    let scales: Vec<TargetScale> = match &model.task {
        Task::Classes(_) => Vec::new(),
        Task::Values(measures) => measures.iter().map(|measure| measure.scale).collect(),
    };
    let event = json!({
        "event": "start", "data": source, "network": model.network.to_string(),
        "parameters": summary.parameters, "loss": model.loss, "targets": model.targets, "target_scales": scales, "recipe": r, "notes": notes,
        "samples": {"train": train, "validation": validation, "test": test.map_or(0, Dataset::len)},
    });
    if args.json {
        say!("{event}");
        return Ok(event);
    }
    for note in notes {
        say!("{note}");
    }
    say!(
        "{HEADING}{}{HEADING:#}  {} samples to train, {} to validate, {} to test",
        source,
        count(train),
        count(validation),
        test.map_or("none".to_owned(), |t| count(t.len()))
    );
    say!(
        "{HEADING}{}{HEADING:#}{}, {} parameters, loss {}{}",
        model.network,
        // Layers in words name their activations.
        if is_in_words(args) { String::new() } else { format!("  {}", model.network.layers[0].activation) },
        count(summary.parameters),
        model.loss,
        logarithms(&model.targets, &scales)
    );
    let mut parts = vec![
        format!("{} {}", r.optimizer, number(r.learning_rate)),
        r.schedule.to_string(),
        format!("batch {}", r.batch_size),
        format!("{} epochs", r.epochs),
        format!("init {}", r.init),
        format!("seed {}", r.seed),
        format!("memory {}", bytes(summary.training_bytes)),
    ];
    let extra = [("l2", r.l2), ("l1", r.l1), ("dropout", r.dropout), ("clip", r.clip.unwrap_or(0.0))];
    parts.extend(extra.iter().filter(|(_, v)| *v > 0.0).map(|(name, v)| format!("{name} {}", number(*v))));
    parts.extend(r.augment.map(|augmentation| format!("augment {augmentation}")));
    say!("{DIM}{}{DIM:#}", parts.join(", "));
    if (1..30).contains(&validation) {
        say!("note: {validation} samples to validate on say little: more data or --validation 0.3 says more");
    }
    say!();
    Ok(event)
}

/// Whether the layers are given in words.
fn is_in_words(args: &TrainArgs) -> bool {
    matches!(args.model, Some(Architecture::Layers { .. }))
}

/// The targets that are learned on a scale of logarithms, in words.
fn logarithms(targets: &[String], scales: &[TargetScale]) -> String {
    let logs = targets.iter().zip(scales).filter(|(_, scale)| **scale == TargetScale::Log);
    let names: Vec<&str> = logs.map(|(name, _)| name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        names if targets.len() == 1 => format!(" of the logarithm of {}", names[0]),
        names => format!(", {} as logarithms", names.join(", ")),
    }
}

fn show_plan(model: &Model) -> Result<()> {
    text(format_args!("{}", chainrule::training_plan(model, model.recipe.batch_size)?));
    Ok(())
}

/// The flag that Ctrl-C sets, and the signal by which systems end programs. A second one ends the program at once.
pub(crate) fn listen_for_interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })?;
    Ok(flag)
}

fn finish(
    args: &TrainArgs,
    setup: &Setup,
    (train, test): (&Dataset, Option<&Dataset>),
    outcome: &Outcome,
    evaluation: Option<&Evaluation>,
    begin: Instant,
) -> Result<Value> {
    let baselines = match test {
        Some(test) if setup.encoder.is_some() && outcome.ending != Ending::Stopped => {
            Some(with_threads(args.threads.into(), || Baselines::new(setup, train, test))?)
        }
        _ => None,
    };
    let seconds = begin.elapsed().as_secs_f64();
    let tested = evaluation.map(|evaluation| {
        let mut event = json!(evaluation);
        event["event"] = json!("test");
        if let Some(baselines) = &baselines {
            event["baselines"] = json!(baselines);
        }
        event
    });
    let ended = json!({
        "event": "end", "ending": outcome.ending, "kept_epoch": outcome.kept_epoch,
        "model": args.out, "seconds": seconds, "peak_memory": peak_memory(),
    });
    if args.json {
        tested.iter().chain([&ended]).for_each(|event| say!("{event}"));
    } else {
        print_end(&args.out, evaluation, baselines.as_ref(), outcome, seconds);
    }
    Ok(json!({"test": tested, "end": ended}))
}

/// Writes the model file; where it can no longer be written, into the folder for temporary files, so that what was
/// learned is not lost.
fn save(model: &Model, out: &Path) -> Result<()> {
    model.save(out).map_err(|error| {
        let refuge = std::env::temp_dir().join(format!("chainrule-{}.safetensors", std::process::id()));
        match model.save(&refuge) {
            Ok(()) => anyhow::Error::from(error).context(format!("the model was written to {}", refuge.display())),
            Err(_) => error.into(),
        }
    })
}

fn print_end(
    out: &Path,
    evaluation: Option<&Evaluation>,
    baselines: Option<&Baselines>,
    outcome: &Outcome,
    seconds: f64,
) {
    say!();
    let kept = match outcome.kept_epoch {
        Some(epoch) => format!("the weights of epoch {epoch} are kept"),
        None => "the weights of the last step are kept".to_owned(),
    };
    match outcome.ending {
        Ending::Finished => say!("done: {kept}"),
        Ending::OutOfPatience => say!("the validation loss no longer improves: {kept}"),
        Ending::Stopped => say!("interrupted: {kept}"),
    }
    if let Some(evaluation) = evaluation {
        say!("{RESULT}test: {}{RESULT:#}", scores(evaluation));
        if let Some(baselines) = baselines {
            say!("{DIM}beside it, a linear model: {}{DIM:#}", metrics(&baselines.linear));
            say!("{DIM}and the same for every row: {}{DIM:#}", metrics(&baselines.constant));
            if let Some(better) = baselines.not_beaten_by(&evaluation.metrics) {
                say!("note: on these rows the network is no better than {better}");
            }
        }
    }
    let memory = peak_memory().map(|peak| format!(", with at most {} of memory", bytes(peak))).unwrap_or_default();
    say!("model written to {} after {seconds:.1} s{memory}", out.display());
}

/// After a failure, what was learned until then is written, if a whole epoch was. Says what became of it.
fn rescue(args: &TrainArgs, model: &Model, error: &Error) -> Option<String> {
    let Error::Diverged { kept_epoch, .. } = error else { return None };
    Some(match kept_epoch {
        None => "no model was written, since no epoch ended well".to_owned(),
        Some(epoch) => match model.save(&args.out) {
            Ok(()) => format!("the model of epoch {epoch}, the last good one, was written to {}", args.out.display()),
            Err(failed) => failed.to_string(),
        },
    })
}
