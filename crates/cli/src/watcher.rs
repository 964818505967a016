//! What a user sees and keeps of a training under way.

use crate::doctor::Doctor;
use crate::output::{count, number, percent, say};
use crate::record::Record;
use chainrule::{Control, EpochReport, Model, Observer, StepReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Shows the progress and hands Ctrl-C on.
pub(crate) struct Watcher {
    json: bool,
    interrupted: Arc<AtomicBool>,
    pub(crate) bar: ProgressBar,
    shown: Instant,
    epochs: usize,
    pub(crate) record: Option<Record>,
    pub(crate) doctor: Doctor,
}

const SHOWN_EVERY: Duration = Duration::from_millis(100);

impl Watcher {
    pub(crate) fn new(json: bool, interrupted: Arc<AtomicBool>, record: Option<Record>, doctor: Doctor) -> Self {
        let bar = ProgressBar::new(0);
        let visible = !json && std::io::stderr().is_terminal();
        bar.set_draw_target(if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        let style = ProgressStyle::with_template("{msg}  {bar:24}  {pos}/{len}  {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { json, interrupted, bar, shown: Instant::now(), epochs: 0, record, doctor }
    }

    fn control(&self) -> Control {
        if self.interrupted.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
    }
}

impl Observer for Watcher {
    fn on_begin(&mut self) {
        if let Some(record) = &mut self.record {
            record.begin();
        }
    }

    fn on_resume(&mut self, epoch: usize, steps: usize) {
        if self.json {
            say!("{}", json!({"event": "resume", "epoch": epoch, "steps": steps}));
        } else {
            say!("going on from the checkpoint: epoch {epoch}, after {} steps of it", count(steps));
        }
    }

    fn on_step(&mut self, step: &StepReport) -> Control {
        if !self.bar.is_hidden() && self.shown.elapsed() >= SHOWN_EVERY {
            self.shown = Instant::now();
            let accuracy = step.accuracy.map(|a| format!(", accuracy {}", percent(a))).unwrap_or_default();
            if step.epoch != self.epochs + 1 || self.bar.position() as usize > step.samples {
                self.bar.reset();
            }
            self.bar.set_length(step.of as u64);
            self.bar.set_position(step.samples as u64);
            self.bar.set_message(format!("epoch {}  loss {:.4}{accuracy}", step.epoch, step.loss));
        }
        self.control()
    }

    fn on_epoch(&mut self, epoch: &EpochReport) -> Control {
        self.epochs = epoch.epoch;
        if let Some(record) = &mut self.record {
            record.epoch(epoch);
        }
        self.bar.reset();
        let line = if self.json {
            let mut event = json!(epoch);
            event["event"] = json!("epoch");
            event.to_string()
        } else {
            epoch_line(epoch)
        };
        self.doctor.on_epoch(epoch);
        self.bar.suspend(|| {
            say!("{line}");
            self.doctor.tell();
        });
        self.control()
    }

    fn looks_at(&self, epoch: usize) -> bool {
        self.doctor.looks_at(epoch)
    }

    fn on_network(&mut self, epoch: usize, model: &Model, before: &[f32]) {
        self.doctor.on_network(epoch, model, before);
    }
}

fn epoch_line(e: &EpochReport) -> String {
    let show = |s: &chainrule::Scores| match (s.accuracy, s.rmse) {
        (Some(accuracy), _) => format!("loss {:.4}, {}", s.loss, percent(accuracy)),
        (None, Some(rmse)) => format!("loss {:.4}, RMSE {}", s.loss, number(rmse)),
        (None, None) => format!("loss {:.4}", s.loss),
    };
    let width = e.epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{}  train {}", e.epoch, e.epochs, show(&e.train));
    if let Some(validation) = &e.validation {
        let mark = if e.best { " *" } else { "" };
        line.push_str(&format!("  validation {}{mark}", show(validation)));
    }
    format!("{line}  {:.1} s, {} samples/s", e.seconds, count(e.samples_per_second as usize))
}
