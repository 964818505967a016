//! What can be wrong with a table.

use std::{fmt, path::PathBuf};

use thiserror::Error;

use super::text::{and_more, in_column, plain, shown, shown_list, suggestion};
use crate::MAX_CLASSES;

/// A row of a file, shown as `houses.csv, line 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub position: Position,
}

/// How a row of a file is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The line of a text file, counted from 1, as editors show it.
    Line(u64),
    /// The row of a file that has no lines, counted from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Position::Line(line) => write!(f, "{}, line {line}", self.file.display()),
            Position::Row(row) => write!(f, "{}, row {row}", self.file.display()),
        }
    }
}

/// Why a file could not be read as a table, or a table could not be used.
///
/// The fields are what the message needs: the file or the place in it, the name of the column, the offending text,
/// and what was expected and found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no row below the header.
    #[error("{} has a header and no rows; add rows of numbers below it", file.display())]
    HeaderOnly {
        /// The file.
        file: PathBuf,
    },
    /// Lines end in carriage returns only.
    #[error("{} ends its lines with a lone carriage return, so it reads as one line; save it with Unix or Windows line ends", file.display())]
    OldLineEnds {
        /// The file.
        file: PathBuf,
    },
    /// A field of the header is blank.
    #[error("{place}: column {position} has no name; give it one, or remove the column")]
    UnnamedColumn {
        /// Where it is.
        place: Place,
        /// The column, counted from 1.
        position: usize,
    },
    /// Two fields of the header are the same.
    #[error("{place}: columns {first} and {second} are both named {}; rename one of them", shown(column))]
    DuplicateColumn {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The first of the two, counted from 1.
        first: usize,
        /// The second, counted from 1.
        second: usize,
    },
    /// No column has the name asked for.
    #[error("{} has no column {}{}; its columns are {}{}", file.display(), shown(column), suggestion(nearest.as_deref()), shown_list(columns), and_more(*more, columns))]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// The name most like it, if one is alike.
        nearest: Option<String>,
        /// The columns that there are, at most twenty of them.
        columns: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// The target is the only column.
    #[error("{} has only the column {}; add at least one column to predict it from", file.display(), shown(target))]
    NoFeatures {
        /// The file.
        file: PathBuf,
        /// The name of the target.
        target: String,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "{place}: found {found} fields where the header has {expected}; look for a missing or extra comma or quote"
    )]
    Ragged {
        /// Where it is.
        place: Place,
        /// What should be there.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// A quoted field runs to the end of the file.
    #[error("{place}: a quote opened in this row is never closed; close it or remove it")]
    UnclosedQuote {
        /// Where it is.
        place: Place,
    },
    /// A text holds a byte 0.
    #[error("{place}: there is a byte 0, which no text has; check that it is a table, and save it as UTF-8")]
    NotText {
        /// Where it is.
        place: Place,
    },
    /// A field is not UTF-8.
    #[error("{place}{}: the text is not UTF-8; save the file as UTF-8 (spreadsheets call it CSV UTF-8), or say what it is, as in --encoding windows-1252", in_column(column.as_deref()))]
    NotUtf8 {
        /// Where it is.
        place: Place,
        /// The name of the column, unless it is the name that is not UTF-8.
        column: Option<String>,
    },
    /// A cell is blank.
    #[error("{place}, column {}: the cell is empty; fill it in, or remove the row", shown(column))]
    EmptyCell {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
    },
    /// A cell that needs a number holds something else.
    #[error(
        "{place}, column {}: {} is not a number; write it as one (such as 1234.5), or leave the cell empty",
        shown(column),
        shown(text)
    )]
    NotANumber {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A cell holds NaN or an infinity.
    #[error(
        "{place}, column {}: {} is not a finite number; replace it by one, or remove the row",
        shown(column),
        shown(text)
    )]
    NotFinite {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A value is not above 0, though its logarithm is to be learned.
    #[error(
        "{place}, column {}: {} has no logarithm, since it is not above 0; give --target-scale plain, or correct the cell",
        shown(column),
        shown(text)
    )]
    NotPositive {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending number.
        text: String,
    },
    /// A number has no `f32`.
    #[error(
        "{place}, column {}: {} is beyond the range of 32-bit floats (about 3.4e38); use a larger unit for the column, or correct the cell",
        shown(column),
        shown(text)
    )]
    Overflow {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A target that seems numeric has a cell that is not a number.
    #[error(
        "{place}, column {}: {} is not a number, though other cells of the target are; correct it, or ask for classification if every value is a class",
        shown(column),
        shown(text)
    )]
    MixedTarget {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// All rows have the same target.
    #[error("every row of {} has {} in the column {}; there is nothing to learn, so choose another target or add other rows", file.display(), shown(text), shown(column))]
    ConstantTarget {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// Each row has a class of its own.
    #[error("each of the {rows} rows of {} has another class in the column {}; there is nothing to learn, so choose another target, or ask for regression if they are numbers", file.display(), shown(column))]
    NoClassTwice {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// How many rows there are.
        rows: usize,
    },
    /// Hardly a row is left to learn from.
    #[error("{} leaves {left} of its {rows} rows to learn from, and at least 2 are needed; add rows, or hold fewer out to test and to validate on", file.display())]
    TooFewRows {
        /// The file.
        file: PathBuf,
        /// How many rows are left.
        left: usize,
        /// How many there are with a target.
        rows: usize,
    },
    /// The target is a class that the model does not have.
    #[error("{place}, column {}: the model knows no class {}{}; correct the cell, or train a model that has seen the class", shown(column), shown(text), suggestion(nearest.as_deref()))]
    UnknownClass {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
        /// The name most like it, if one is alike.
        nearest: Option<String>,
    },
    /// There are more classes than [`MAX_CLASSES`].
    #[error("the column {} of {} has more than {MAX_CLASSES} different values, too many for classes; choose another target, or ask for regression if they are numbers", shown(column), file.display())]
    TooManyClasses {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
    },

    // Reading.
    /// The file is the document of a spreadsheet program.
    #[error("{} is a spreadsheet; save the sheet as CSV, and give that file", file.display())]
    Spreadsheet {
        /// The file.
        file: PathBuf,
    },
    /// The column is separated otherwise than the options say.
    #[error("{} has one column when separated by {given:?}, and several by {likely:?}; leave the delimiter out, or give {likely:?}", file.display())]
    WrongDelimiter {
        /// The file.
        file: PathBuf,
        /// The delimiter that was asked for.
        given: char,
        /// The one that the first lines suggest.
        likely: char,
    },
    /// One row is longer than any real one.
    #[error(
        "{place}: the row does not end within {limit} bytes; look for a quote that is never closed, or lines that end in something else than a line feed"
    )]
    RowTooLong {
        /// Where it is.
        place: Place,
        /// The most bytes that a row may have.
        limit: usize,
    },
    /// There are more columns than any real table has.
    #[error("{} has {found} columns, and at most {limit} are read; keep only the columns that are needed", file.display())]
    TooManyColumns {
        /// The file.
        file: PathBuf,
        /// What is there.
        found: usize,
        /// The most columns that a table may have.
        limit: usize,
    },
    /// Nearly all cells of a column are numbers, and one is not.
    #[error(
        "{place}, column {}: {} is not a number, though other cells of the column are; correct the cell or leave it empty, or read the column as categories with --categorical {}",
        shown(column),
        shown(text),
        plain(column)
    )]
    Mixed {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// Nearly all cells of a column are times, and one is not.
    #[error(
        "{place}, column {}: {} is not a date, though other cells of the column are; write it as 2024-01-31 or 2024-01-31 12:00:00, or read the column as categories with --categorical {}",
        shown(column),
        shown(text),
        plain(column)
    )]
    NotATime {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A column holds something that is no cell, such as a list.
    #[error("{}, column {}: holds {what}, and a table has numbers, text, dates and yes or no in its cells; flatten the column, or leave it out with --drop {}", file.display(), shown(column), plain(column))]
    Nested {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// What it holds.
        what: String,
    },
    /// A file is not of the format that it claims to be, or is damaged.
    #[error("{} is not a whole {format} file ({}); copy or download it again", file.display(), plain(cause))]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The format.
        format: &'static str,
        /// What the decoder said.
        cause: String,
    },
    /// A format can only be read from a file.
    #[error(
        "{format} cannot be read from standard input, because it has to be read from its end; give the path of a file"
    )]
    NeedsFile {
        /// The format.
        format: &'static str,
    },
    /// A table within a bound of memory is read twice.
    #[error("within a bound of memory a table is read twice, which standard input cannot be; give the path of a file")]
    ReadTwice,
    /// Rows cannot be ordered when only some of them are in memory.
    #[error("within a bound of memory rows are not ordered by time; leave --memory out, or --time")]
    SortedInParts,
    /// A line of JSON is no object.
    #[error(
        "{place}: the line is not a JSON object ({}); write one object a line, such as {{\"a\": 1, \"b\": \"x\"}}",
        plain(cause)
    )]
    NotAnObject {
        /// Where it is.
        place: Place,
        /// What the decoder said.
        cause: String,
    },
    /// A later row has a field that the first ones do not have.
    #[error(
        "{place}: the field {} is not in the first rows of the file; write it (or null) in the first row too",
        shown(column)
    )]
    LateField {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
    },
    /// Files that are read as one table have different columns.
    #[error("{} has the column {} and {} has not; files read as one table need the same columns", file.display(), shown(column), other.display())]
    OtherColumns {
        /// The file that has the column.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// The file that lacks it.
        other: PathBuf,
    },
    /// A column holds something else than it did before.
    #[error("{}, column {}: holds {found}, where {expected} are expected; correct the file", file.display(), shown(column))]
    OtherKind {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
        /// What was expected, in words.
        expected: &'static str,
        /// What is there, in words.
        found: &'static str,
    },
    /// No file matches a pattern.
    #[error("no file matches {pattern}; check the pattern")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// The command was built without a format.
    #[error("{} is a {format} file, and this program was built without the feature `{feature}`; build it with the feature, or save the file as CSV", file.display())]
    NotBuilt {
        /// The file.
        file: PathBuf,
        /// The format.
        format: &'static str,
        /// The feature that reads it.
        feature: &'static str,
    },

    // Learning.
    /// The weight of a row is missing or negative.
    #[error("{place}, column {}: {} is no weight; weights are numbers from 0", shown(column), shown(text))]
    BadWeight {
        /// Where it is.
        place: Place,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// All weights are 0.
    #[error("every row of {} that is to be trained on has the weight 0; correct the weights", file.display())]
    NoWeight {
        /// The file.
        file: PathBuf,
    },
    /// Classes are weighed that are not there.
    #[error("the column {} of {} is to be predicted as a number, which has no classes to weigh; leave --class-weight out, or give --task classify", shown(column), file.display())]
    WeightsWithoutClasses {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
    },
    /// A class is named that is not there.
    #[error("{} has no class {}{}; correct its name", file.display(), shown(class), suggestion(nearest.as_deref()))]
    NoSuchClass {
        /// The file.
        file: PathBuf,
        /// The name given.
        class: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// A column that the rows are to be ordered by holds no times.
    #[error("{}, column {}: holds texts, and rows are ordered by dates or numbers; write dates as 2024-01-31", file.display(), shown(column))]
    NotAnOrder {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
    },
    /// The target has no value at all.
    #[error("the column {} of {} has no value in any row; fill it in, or choose another target", shown(column), file.display())]
    AllMissing {
        /// The file.
        file: PathBuf,
        /// The name of the column.
        column: String,
    },
    /// No column is left to learn from.
    #[error("{} has no column to learn from: each is the target, empty, the same in every row, or different in every row; add a column, or keep one with --numeric or --categorical", file.display())]
    NothingToLearnFrom {
        /// The file.
        file: PathBuf,
    },
}
