//! What is printed, and how numbers and tables are shown.
//!
//! A line that cannot be printed stops nothing: a training is not thrown away because its reader has gone. Nothing more
//! is printed then, and [`finish`] tells of it at the end.

use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
pub(crate) use chainrule::number;
pub(crate) use chainrule_draw::count;
use std::fmt::Arguments;
use std::io::{Error, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// Why nothing more is printed.
static LOST: Mutex<Option<Error>> = Mutex::new(None);

/// Prints a line to standard output.
macro_rules! say {
    () => { $crate::output::text(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::text(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

/// Prints a line to standard error, where that is possible.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::side_text(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use note;

/// Prints to standard output, without colour where there is no terminal.
pub(crate) fn text(text: Arguments<'_>) {
    print(|| anstream::stdout().lock().write_fmt(text));
}

/// Prints to standard error. Who cannot hear of a note cannot hear either that it failed.
pub(crate) fn side_text(text: Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}

/// Prints bytes to standard output as they are.
pub(crate) fn raw(bytes: &[u8]) {
    print(|| std::io::stdout().lock().write_all(bytes));
}

fn print(write: impl FnOnce() -> std::io::Result<()>) {
    let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    if lost.is_none() {
        *lost = write().err();
    }
}

/// Whether nobody reads what is printed.
pub(crate) fn is_lost() -> bool {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Prints what is left, and says whether everything was printed. A reader that closes the pipe early (`| head`) wants no
/// more; that is no failure.
pub(crate) fn finish() -> Result<()> {
    print(|| std::io::stdout().lock().flush());
    match LOST.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            bail!("standard output cannot be written: {error}; make room for it, or send it elsewhere")
        }
        _ => Ok(()),
    }
}

/// What went wrong.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What may be wrong.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// What is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What the reader came for.
pub(crate) const RESULT: Style = AnsiColor::Green.on_default().bold();

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// A number of bytes.
pub(crate) fn bytes(value: usize) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut size = value as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} bytes") } else { format!("{size:.1} {}", units[unit]) }
}

/// The most memory that this process has had at once, in bytes, where the system says so.
pub(crate) fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kib| kib * 1024)
}

/// Rows under headings, columns aligned; text to the left, numbers to the right.
pub(crate) struct Grid {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Grid {
    /// A grid whose columns have these headings; `>` before a heading aligns to the right.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.iter().map(|h| h.trim_start_matches('>')).collect(),
            right: heads.iter().map(|h| h.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) {
        let width = |c: usize| {
            let cells = self.rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count());
            cells.chain([self.heads[c].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &[&str]| {
            let mut text = String::new();
            for (c, cell) in cells.iter().enumerate() {
                let pad = " ".repeat(widths[c].saturating_sub(cell.chars().count()));
                let (before, after) = if self.right[c] { (pad.as_str(), "") } else { ("", pad.as_str()) };
                text.push_str(&format!("{before}{cell}{after}  "));
            }
            text.trim_end().to_owned()
        };
        say!("{HEADING}{}{HEADING:#}", line(&self.heads));
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            say!("{}", line(&cells));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_units() {
        assert_eq!([bytes(1023), bytes(3 << 20)], ["1023 bytes", "3.0 MiB"]);
    }
}
