//! The `chainrule` command.

mod args;
mod doctor;
mod evaluate;
mod events;
mod exchange;
mod explain;
mod export;
mod folds;
mod grad;
mod import;
mod input;
mod lines;
mod output;
mod picture;
mod play;
mod predict;
mod rate;
mod record;
mod report;
mod samples;
mod summary;
mod train;
mod tune;
mod watcher;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
use output::note;
use std::process::ExitCode;

/// What a user got wrong on the command line, as opposed to what failed: exit code 2.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn main() -> ExitCode {
    let done = match Args::try_parse() {
        Ok(args) => run(args),
        Err(usage) if usage.use_stderr() => usage.exit(),
        Err(help) => {
            output::text(format_args!("{}", help.render().ansi()));
            Ok(())
        }
    };
    match done.and_then(|()| output::finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note!("{}error:{:#} {error:#}", output::ERROR, output::ERROR);
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Grad(args) => grad::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Doctor(args) => doctor::run(args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Play(args) => play::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "chainrule", &mut script);
            output::raw(&script);
            Ok(())
        }
    }
}

fn is_usage(error: &anyhow::Error) -> bool {
    use chainrule::Error;
    let settings = |e: &Error| matches!(e, Error::Settings(_) | Error::Network { .. } | Error::Name(_));
    error.is::<Usage>() || error.downcast_ref::<Error>().is_some_and(settings)
}
