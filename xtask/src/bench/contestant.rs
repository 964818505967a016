//! A contestant at work: a process that answers turns, and that must not be able to hold up the rest.

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// Time to say that it is ready: compilers may have to run.
const TO_BE_READY: Duration = Duration::from_secs(180);
/// Time for one turn, which is some tenths of a second but for the slowest steps.
const FOR_A_TURN: Duration = Duration::from_secs(180);
/// Time to end when there are no more turns.
const TO_END: Duration = Duration::from_secs(30);
/// Time for the complaint of a process that has ended to come through the pipe.
const TO_COMPLAIN: Duration = Duration::from_secs(1);

/// What one turn took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Turn {
    pub(crate) steps: u64,
    pub(crate) wall_ns: u64,
    pub(crate) cpu_ns: u64,
}

impl Turn {
    pub(crate) fn wall_a_step(&self) -> f64 {
        self.wall_ns as f64 / self.steps as f64
    }
}

/// The line in which a contestant says whether it takes part.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    #[serde(default)]
    version: String,
    #[serde(default)]
    reason: String,
}

/// What a process had used when it had ended.
pub(crate) struct End {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
}

/// A running process; it is killed when it is dropped before its end.
pub(crate) struct Contestant {
    /// None once it has been waited for: its number may then belong to another process.
    child: Option<Child>,
    begin: Instant,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    complaint: Receiver<String>,
}

impl Contestant {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let begin = Instant::now();
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        // Threads read, because the read of a pipe cannot be given up after a time.
        let (send, answers) = channel();
        let stdin = child.stdin.take();
        read(child.stdout.take(), move |out| forward_lines(out, &send));
        let (send, complaint) = channel();
        read(child.stderr.take(), move |err| drop(send.send(last_line(err))));
        Ok(Self { child: Some(child), begin, stdin, answers, complaint })
    }

    /// Waits until it is prepared; its version, or why it does not take part.
    pub(crate) fn ready(&mut self) -> Result<String> {
        let answer: Ready = self.answer(TO_BE_READY)?;
        if !answer.ready {
            bail!("{}", answer.reason);
        }
        Ok(answer.version)
    }

    pub(crate) fn turn(&mut self, steps: u64) -> Result<Turn> {
        if let Some(stdin) = &mut self.stdin {
            // If it has died, there is no answer either, and that tells why.
            let _ = writeln!(stdin, "{steps}").and_then(|()| stdin.flush());
        }
        let turn: Turn = self.answer(FOR_A_TURN)?;
        if turn.steps == 0 || turn.wall_ns == 0 {
            bail!("it answered a turn without any steps or time");
        }
        Ok(turn)
    }

    /// The next line, whatever it says; for programs without turns.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self, time: Duration) -> Result<T> {
        let line = self.line(time)?;
        serde_json::from_str(&line).with_context(|| format!("its answer is not as in PROTOCOL.md: {line}"))
    }

    fn line(&mut self, time: Duration) -> Result<String> {
        match self.answers.recv_timeout(time) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("it did not answer within {} s", time.as_secs()),
            Err(RecvTimeoutError::Disconnected) => Err(match self.wait() {
                Ok((status, _)) => self.death(status),
                Err(error) => error,
            }),
        }
    }

    /// No more turns: lets it end, and says what it has used.
    pub(crate) fn finish(mut self) -> Result<End> {
        self.run_to_end(TO_END)
    }

    /// Waits until it ends by itself, or refuses to work.
    pub(crate) fn run_to_end(&mut self, time: Duration) -> Result<End> {
        self.stdin = None;
        let end = Instant::now() + time;
        loop {
            match self.answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => refusal(&line)?,
                Err(RecvTimeoutError::Timeout) => bail!("it did not end within {} s", time.as_secs()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let (status, end) = self.wait()?;
        if status.success() { Ok(end) } else { Err(self.death(status)) }
    }

    fn wait(&mut self) -> Result<(ExitStatus, End)> {
        let mut child = self.child.take().context("it has ended before")?;
        let used = child.wait4().context("cannot wait for it")?;
        let cpu = used.rusage.utime + used.rusage.stime;
        Ok((used.status, End { wall: self.begin.elapsed(), cpu, peak_bytes: used.rusage.maxrss }))
    }

    fn death(&self, status: ExitStatus) -> anyhow::Error {
        let complaint = self.complaint.recv_timeout(TO_COMPLAIN).unwrap_or_default();
        let colon = if complaint.is_empty() { "" } else { ": " };
        anyhow!("it ended by itself ({status}){colon}{complaint}")
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may just have ended; there is nothing else to do about a failure.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An error if the line says that the contestant does not take part.
fn refusal(line: &str) -> Result<()> {
    match serde_json::from_str::<Ready>(line) {
        Ok(answer) if !answer.ready => bail!("{}", answer.reason),
        _ => Ok(()),
    }
}

fn read<R: Read + Send + 'static>(pipe: Option<R>, work: impl FnOnce(R) + Send + 'static) {
    if let Some(pipe) = pipe {
        std::thread::spawn(move || work(pipe));
    }
}

fn forward_lines(out: impl Read, to: &Sender<String>) {
    for line in BufReader::new(out).lines().map_while(|line| line.ok()) {
        if to.send(line).is_err() {
            return;
        }
    }
}

/// The last line with something in it, which is where programs say what went wrong.
fn last_line(err: impl Read) -> String {
    let lines = BufReader::new(err).split(b'\n').map_while(|line| line.ok());
    let last = lines.filter(|line| !line.trim_ascii().is_empty()).last();
    last.map(|line| String::from_utf8_lossy(&line).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Contestant {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contestant::start(command).expect("a shell")
    }

    #[test]
    fn takes_turns_until_the_input_ends() {
        let mut contestant = shell(
            r#"echo '{"ready": true, "version": "v1"}'
               while read n; do echo "{\"steps\": $n, \"wall_ns\": 8, \"cpu_ns\": 4}"; done"#,
        );
        assert_eq!(contestant.ready().expect("ready"), "v1");
        assert_eq!(contestant.turn(4).expect("a turn").wall_a_step(), 2.0);
        assert!(contestant.finish().expect("its end").peak_bytes > 0);
    }

    #[test]
    fn one_that_hangs_is_given_up() {
        let mut contestant = shell("exec sleep 60");
        let error = contestant.run_to_end(Duration::from_millis(20)).err().expect("too late");
        assert_eq!(error.to_string(), "it did not end within 0 s");
        let begin = Instant::now();
        drop(contestant);
        assert!(begin.elapsed() < Duration::from_secs(30), "it was not killed");
    }

    #[test]
    fn says_why_a_contestant_is_missing() {
        let refused = shell(r#"echo '{"ready": false, "reason": "no momentum"}'"#).ready();
        assert_eq!(refused.expect_err("refused").to_string(), "no momentum");
        let died = shell("echo first >&2; echo out of luck >&2; exit 3").ready().expect_err("died").to_string();
        assert_eq!(died, "it ended by itself (exit status: 3): out of luck");
        let refused = shell(r#"echo '{"ready": false, "reason": "no files"}'"#).run_to_end(TO_END);
        assert_eq!(refused.err().expect("refused").to_string(), "no files");
    }
}
