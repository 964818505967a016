//! Contestants work in turns, one at a time, so that a slow minute of the machine hits all alike.

use super::contestant::{Contestant, End, Turn};
use super::stats;
use anyhow::{Error, Result};
use serde::Serialize;
use std::process::Command;
use std::time::{Duration, Instant};

/// Between turns: threads that spin while they wait for work have given up by then.
const PAUSE: Duration = Duration::from_millis(20);
/// A contest that takes longer ends early, but not before [`LEAST_ROUNDS`].
const LONG: Duration = Duration::from_secs(180);
const LEAST_ROUNDS: usize = 5;
/// Turns until the number of steps of a turn is settled.
const CALIBRATIONS: usize = 3;
/// A process that trains for one epoch takes seconds.
const FOR_A_PROCESS: Duration = Duration::from_secs(600);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    /// Runs of whole processes.
    pub(crate) runs: usize,
    /// The length of a turn, as a share of what the workload asks for.
    pub(crate) share: f64,
}

impl Pace {
    pub(crate) fn new(quick: bool) -> Self {
        if quick { Self { rounds: 5, runs: 2, share: 1.0 / 3.0 } } else { Self { rounds: 15, runs: 5, share: 1.0 } }
    }
}

/// One that wants to take part.
pub(crate) struct Entrant<'a> {
    pub(crate) name: String,
    pub(crate) command: Box<dyn Fn() -> Result<Command> + 'a>,
}

/// What was measured of one contestant.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) peak_bytes: u64,
}

/// Who did not take part, or not to the end.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Skipped {
    pub(crate) fn new(name: impl Into<String>, error: &Error) -> Self {
        Self { name: name.into(), reason: format!("{error:#}") }
    }
}

#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) measured: Vec<Measured>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Outcome {
    fn take(&mut self, name: String, result: Result<Measured>) {
        match result {
            Ok(measured) => {
                eprintln!("  {name}: {:.4} ms", stats::median(&measured.walls()) / 1e6);
                self.measured.push(measured);
            }
            Err(error) => {
                eprintln!("  {name}: skipped, {error:#}");
                self.skipped.push(Skipped::new(name, &error));
            }
        }
    }
}

impl Measured {
    /// Nanoseconds of a step, of each turn.
    pub(crate) fn walls(&self) -> Vec<f64> {
        self.turns.iter().map(Turn::wall_a_step).collect()
    }

    /// How many processors were at work on average.
    pub(crate) fn processors(&self) -> f64 {
        let sum = |of: fn(&Turn) -> u64| self.turns.iter().map(of).sum::<u64>() as f64;
        sum(|turn| turn.cpu_ns) / sum(|turn| turn.wall_ns)
    }
}

/// A contestant among others.
struct Player {
    name: String,
    state: Result<Playing>,
}

struct Playing {
    contestant: Contestant,
    version: String,
    steps: u64,
    turns: Vec<Turn>,
}

/// Lets all that get ready work in turns of about so many seconds.
pub(crate) fn take_turns(entrants: Vec<Entrant<'_>>, pace: Pace, seconds: f64) -> Outcome {
    // One after the other, so that nobody warms up while another one does.
    let ready = |entrant: Entrant<'_>| {
        let state = (entrant.command)().and_then(|command| Playing::prepare(command, seconds * pace.share));
        Player { name: entrant.name, state }
    };
    let mut players: Vec<Player> = entrants.into_iter().map(ready).collect();
    let begin = Instant::now();
    for round in 0..pace.rounds {
        if round >= LEAST_ROUNDS && begin.elapsed() > LONG {
            break;
        }
        for player in in_rotation(&mut players, round) {
            player.turn();
        }
    }
    let mut outcome = Outcome::default();
    for Player { name, state } in players {
        let result = state.and_then(|playing| playing.finish(&name));
        outcome.take(name, result);
    }
    outcome
}

/// Each begins as often as the others, and comes after another in each round.
fn in_rotation<T>(items: &mut [T], round: usize) -> impl Iterator<Item = &mut T> {
    let (end, start) = items.split_at_mut(round % items.len().max(1));
    start.iter_mut().chain(end)
}

impl Player {
    fn turn(&mut self) {
        let Ok(playing) = &mut self.state else { return };
        std::thread::sleep(PAUSE);
        // The first steps of one that has waited are slow: half a step of W7 was added to it. They do not
        // count: a training does not wait.
        let (contestant, steps) = (&mut playing.contestant, playing.steps);
        match contestant.turn(steps).and_then(|_| contestant.turn(steps)) {
            Ok(turn) => playing.turns.push(turn),
            Err(error) => self.state = Err(error),
        }
    }
}

impl Playing {
    fn prepare(command: Command, seconds: f64) -> Result<Self> {
        let mut contestant = Contestant::start(command)?;
        let version = contestant.ready()?;
        let steps = steps_of_a_turn(&mut contestant, seconds)?;
        Ok(Self { contestant, version, steps, turns: Vec::new() })
    }

    fn finish(self, name: &str) -> Result<Measured> {
        let end = self.contestant.finish()?;
        let name = name.to_owned();
        Ok(Measured { name, version: Some(self.version), turns: self.turns, peak_bytes: end.peak_bytes })
    }
}

/// How many steps take so many seconds.
fn steps_of_a_turn(contestant: &mut Contestant, seconds: f64) -> Result<u64> {
    let mut steps = 1;
    for _ in 0..CALIBRATIONS {
        let wall = contestant.turn(steps)?.wall_a_step();
        steps = (seconds * 1e9 / wall).ceil().max(1.0) as u64;
        if steps == 1 {
            break;
        }
    }
    Ok(steps)
}

/// Whole processes, from their start to their end, in rotation; a run counts as a turn of one step.
pub(crate) fn run_processes(entrants: Vec<Entrant<'_>>, pace: Pace) -> Outcome {
    let mut all: Vec<(Entrant<'_>, Result<Vec<End>>)> = entrants.into_iter().map(|e| (e, Ok(Vec::new()))).collect();
    for round in 0..pace.runs {
        for (entrant, runs) in in_rotation(&mut all, round) {
            let Ok(ends) = runs else { continue };
            std::thread::sleep(PAUSE);
            match run_process(entrant) {
                Ok(end) => ends.push(end),
                Err(error) => *runs = Err(error),
            }
        }
    }
    let mut outcome = Outcome::default();
    for (Entrant { name, .. }, runs) in all {
        let result = runs.map(|ends| of_processes(name.clone(), &ends));
        outcome.take(name, result);
    }
    outcome
}

fn run_process(entrant: &Entrant<'_>) -> Result<End> {
    Contestant::start((entrant.command)()?)?.run_to_end(FOR_A_PROCESS)
}

fn of_processes(name: String, ends: &[End]) -> Measured {
    let nanoseconds = |time: Duration| time.as_nanos() as u64;
    let turn = |end: &End| Turn { steps: 1, wall_ns: nanoseconds(end.wall), cpu_ns: nanoseconds(end.cpu) };
    let peak_bytes = ends.iter().map(|end| end.peak_bytes).max().unwrap_or(0);
    Measured { name, version: None, turns: ends.iter().map(turn).collect(), peak_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrant(name: &str, script: &'static str) -> Entrant<'static> {
        let command = move || {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Ok(command)
        };
        Entrant { name: name.to_owned(), command: Box::new(command) }
    }

    const PACE: Pace = Pace { rounds: 3, runs: 2, share: 1.0 };

    #[test]
    fn the_order_rotates() {
        let order = |round| in_rotation(&mut ['a', 'b', 'c'], round).map(|c| *c).collect::<String>();
        assert_eq!([order(0), order(1), order(2), order(3)], ["abc", "bca", "cab", "abc"]);
        assert_eq!(in_rotation::<char>(&mut [], 1).count(), 0);
    }

    #[test]
    fn one_that_dies_midway_does_not_stop_the_others() {
        let good = r#"echo '{"ready": true, "version": "good 1"}'
                      while read n; do echo "{\"steps\": $n, \"wall_ns\": $((n * 10000000)), \"cpu_ns\": 7}"; done"#;
        let bad = r#"echo '{"ready": true, "version": "bad 1"}'; read n
                     echo '{"steps": 1, "wall_ns": 2000000000, "cpu_ns": 7}'; read n; echo no memory >&2; exit 1"#;
        let outcome = take_turns(vec![entrant("bad", bad), entrant("good", good)], PACE, 0.1);
        let [measured] = outcome.measured.as_slice() else { panic!("one is left") };
        assert_eq!((measured.name.as_str(), measured.turns.len()), ("good", 3));
        // A turn of a tenth of a second has ten steps of ten milliseconds.
        assert_eq!(measured.turns[0].steps, 10);
        let [skipped] = outcome.skipped.as_slice() else { panic!("one is skipped") };
        assert_eq!(skipped.reason, "it ended by itself (exit status: 1): no memory");
    }

    #[test]
    fn processes_run_from_start_to_end() {
        let outcome = run_processes(vec![entrant("ends", "echo done"), entrant("fails", "exit 4")], PACE);
        assert_eq!(outcome.measured[0].turns.len(), 2);
        assert_eq!(outcome.skipped[0].reason, "it ended by itself (exit status: 4)");
    }
}
