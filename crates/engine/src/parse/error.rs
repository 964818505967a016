//! What can be wrong with a text, or with the values for it.

use std::fmt;
use std::ops::Range;
use thiserror::Error;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing to compute.
    #[error("there is no expression")]
    Empty,
    /// A character that begins nothing.
    #[error("`{}` has no meaning here", plain(&.0.to_string()))]
    Character(char),
    /// A number that cannot be read.
    #[error("`{0}` is not a number")]
    Number(String),
    /// Something other than what must come.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may come here.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A parenthesis that is never closed.
    #[error("this parenthesis is never closed")]
    Unclosed,
    /// A parenthesis that was never opened.
    #[error("this parenthesis was never opened")]
    Unopened,
    /// A call of something that is no function.
    #[error("there is no function `{name}`{}", did_you_mean(.nearest))]
    UnknownFunction {
        /// The name.
        name: String,
        /// A function of a similar name.
        nearest: Option<String>,
    },
    /// A function with the wrong number of arguments.
    #[error("{name} takes {expected}, not {found}")]
    Arguments {
        /// The function.
        name: String,
        /// How many it takes, in words.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A function's name where a value is meant.
    #[error("`{0}` is a function: write {0}(…), or choose another name")]
    FunctionName(String),
    /// A second definition of a name.
    #[error("`{0}` is defined twice")]
    DefinedTwice(String),
    /// A definition of a name that was read before as a variable.
    #[error("`{0}` is defined here but used before: move this statement up")]
    UsedBefore(String),
    /// A definition that reads its own name.
    #[error("`{0}` is computed from itself: choose another name for the result")]
    OfItself(String),
}

/// A [`Problem`] and its place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ParseError {
    /// What is wrong.
    pub problem: Problem,
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// How many characters are meant.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.problem)?;
        let margin = format!("line {}: ", self.line);
        writeln!(f, "  {margin}{}", self.text)?;
        let spaces = " ".repeat(2 + margin.len() + self.column - 1);
        write!(f, "{spaces}{}", "^".repeat(self.width.max(1)))
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default()
}

/// The candidate most like `name`, if one is alike enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let close = candidates.into_iter().map(|c| (strsim::damerau_levenshtein(name, c), c));
    close.filter(|(distance, c)| *distance <= (c.len().max(name.len()) / 3).max(1)).min().map(|(_, c)| c.to_owned())
}

/// Text as part of a message: control characters, which could steer the terminal or break the line, are spelled out.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// A problem with the place that it has in the text.
pub(super) fn locate(text: &str, problem: Problem, at: Range<usize>) -> ParseError {
    let start = text[..at.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    ParseError {
        problem,
        line: text[..start].matches('\n').count() + 1,
        column: text[start..at.start].chars().count() + 1,
        width: text[at.start..at.end.min(end).max(at.start)].chars().count(),
        // A space for each, so that the place stays right; a message must not steer the terminal.
        text: text[start..end].trim_end().replace(char::is_control, " "),
    }
}

/// Values that do not fit the variables of a formula.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Variables without a value.
    #[error("no value for {}: add {}", list(.0, "`", "`"), list(.0, "", "=…"))]
    Missing(Vec<String>),
    /// A value for a name that does not occur.
    #[error("the expression has no variable `{name}`{}", did_you_mean(.nearest))]
    Unknown {
        /// The name.
        name: String,
        /// A variable of a similar name.
        nearest: Option<String>,
    },
    /// Two values for one variable.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// A value for a name that the expression computes.
    #[error("`{0}` is computed by the expression and cannot be given a value")]
    Computed(String),
}

fn list(names: &[String], before: &str, after: &str) -> String {
    names.iter().map(|n| format!("{before}{n}{after}")).collect::<Vec<_>>().join(" ")
}
