//! Everything that can be wrong with a file, said so that it can be put right.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{ImageSize, MAX_CLASSES};

/// Why a file could not be read as data.
///
/// The fields are what the message needs: the file, and where it applies the line (counted from 1, as editors show
/// it), the name of the column, the offending text, and what was expected and found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    // Any file.
    /// Nothing has that path.
    #[error("there is no {}; check the path", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A folder stands where a file was expected.
    #[error("{} is a folder; give the path of one file in it", file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
    },
    /// A file stands where a folder was expected.
    #[error("{} is not a folder; give the folder that holds the IDX files", file.display())]
    NotAFolder {
        /// The file.
        file: PathBuf,
    },
    /// The operating system refused to read the file.
    #[error("cannot read {}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// The packed data is damaged or incomplete.
    #[error("{} begins as a gzip file but cannot be unpacked ({cause}); it is damaged or cut short: copy or download it again", file.display())]
    CorruptGzip {
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// The file holds nothing.
    #[error("{} is empty; copy or download it again", file.display())]
    EmptyFile {
        /// The file.
        file: PathBuf,
    },

    // IDX files.
    /// The first bytes are not those of an IDX file.
    #[error("{} is not an IDX file: it begins with the bytes {}, and an IDX file begins with 00 00, an element type and a number of dimensions; check that it is the right file", file.display(), hex(found))]
    NotIdx {
        /// The file.
        file: PathBuf,
        /// What is there.
        found: Vec<u8>,
    },
    /// The element type is none of those that IDX defines.
    #[error("{} declares element type {code:#04x}, which IDX does not define; the types are 08 (bytes), 09, 0b, 0c (whole numbers), 0d and 0e (floats)", file.display())]
    UnknownElementType {
        /// The file.
        file: PathBuf,
        /// The type byte.
        code: u8,
    },
    /// The product of the dimensions does not fit in memory addresses.
    #[error("{} declares {} elements, more than can be counted; its header is damaged: copy or download it again", file.display(), times(dims))]
    SizeOverflow {
        /// The file.
        file: PathBuf,
        /// The sizes that the header declares.
        dims: Vec<usize>,
    },
    /// The header declares more than the packed file could unpack to.
    #[error("{} declares {expected} bytes, which a gzip file of {found} bytes cannot hold; its header is damaged: copy or download it again", file.display())]
    DeclaredTooLarge {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The elements do not fit in memory.
    #[error("{} needs more memory than there is ({expected} bytes); use a machine with more, or a smaller file", file.display())]
    OutOfMemory {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
    },
    /// The file ends before the declared elements do.
    #[error("{} is cut short: its header declares {expected} bytes and there are {found}; copy or download it again", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The file goes on after the declared elements.
    #[error("{} goes on after the {expected} bytes that its header declares; it is damaged or holds something else as well: copy or download it again", file.display())]
    TrailingData {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
    },
    /// An element is not a finite number, or has no `f32`.
    #[error("element {index} of {} is {text}, counted from 0; every element has to be a number within the range of 32-bit floats, so correct it where the file is made", file.display())]
    BadElement {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// The number of dimensions is not that of images or of labels.
    #[error("{} has {found} dimensions where {content} have {expected}; check that it is the right file", file.display())]
    WrongDimensions {
        /// The file.
        file: PathBuf,
        /// What the file should hold, in words.
        content: &'static str,
        /// What should be there.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// An image file declares no image, or images without pixels.
    #[error("{} declares {} values, so it holds no image; use a file with at least one", file.display(), times(dims))]
    NoImages {
        /// The file.
        file: PathBuf,
        /// The sizes that the header declares.
        dims: Vec<usize>,
    },
    /// There are not as many labels as images.
    #[error("{} holds {image_count} images but {} holds {label_count} labels; both files have to come from the same set", images.display(), labels.display())]
    CountMismatch {
        /// The image file.
        images: PathBuf,
        /// How many images it holds.
        image_count: usize,
        /// The label file.
        labels: PathBuf,
        /// How many labels it holds.
        label_count: usize,
    },
    /// The test images have another size than those to train on.
    #[error("the images of {} are {} x {} pixels, but those to train on are {} x {}; both files have to come from the same set", file.display(), found.height, found.width, expected.height, expected.width)]
    ImageSizeMismatch {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: ImageSize,
        /// What is there.
        found: ImageSize,
    },
    /// A label is not a whole number.
    #[error("label {index} of {} is {text}, counted from 0; labels have to be whole numbers, so correct it where the file is made", file.display())]
    BadLabel {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// A label of the test set is not among those to train on.
    #[error("label {index} of {} is {text}, counted from 0, and no image to train on has that label; both files have to come from the same set", file.display())]
    UnknownLabel {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// All labels to train on are the same.
    #[error("every label of {} is {text}; there is nothing to tell apart, so use a set with at least two classes", file.display())]
    OneLabel {
        /// The file.
        file: PathBuf,
        /// The offending text.
        text: String,
    },
    /// The folder has none of the names that a needed file may have.
    #[error("{} lacks a file it needs; looked for {}", folder.display(), looked_for.join(", "))]
    MissingFiles {
        /// The folder.
        folder: PathBuf,
        /// The names that were looked for.
        looked_for: Vec<String>,
    },

    // Tables.
    /// There is no row below the header.
    #[error("{} has a header and no rows; add rows of numbers below it", file.display())]
    HeaderOnly {
        /// The file.
        file: PathBuf,
    },
    /// The header is one field that looks separated otherwise.
    #[error("{} is separated by {separator}, not by commas; save it with commas between the columns", file.display())]
    NotCommas {
        /// The file.
        file: PathBuf,
        /// What separates the columns instead, in words.
        separator: &'static str,
    },
    /// Lines end in carriage returns only.
    #[error("{} ends its lines with a lone carriage return, so it reads as one line; save it with Unix or Windows line ends", file.display())]
    OldLineEnds {
        /// The file.
        file: PathBuf,
    },
    /// A field of the header is blank.
    #[error("{}, line {line}: column {position} has no name; give it one, or remove the column", file.display())]
    UnnamedColumn {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        position: usize,
    },
    /// Two fields of the header are the same.
    #[error("{}, line {line}: columns {first} and {second} are both named {}; rename one of them", file.display(), shown(column))]
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The first of the two, counted from 1.
        first: usize,
        /// The second, counted from 1.
        second: usize,
    },
    /// No column has the name asked for.
    #[error("{} has no column {}{}; its columns are {}{}", file.display(), shown(column), suggestion(nearest.as_deref()), shown_list(columns), and_more(*more))]
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
    #[error("{}, line {line}: found {found} fields where the header has {expected}; look for a missing or extra comma or quote", file.display())]
    Ragged {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What should be there.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// A quoted field runs to the end of the file.
    #[error("{}, line {line}: a quote opened in this row is never closed; close it or remove it", file.display())]
    UnclosedQuote {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// A field is not UTF-8.
    #[error("{}, line {line}: the text is not UTF-8; save the file as UTF-8", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// A cell is blank.
    #[error("{}, line {line}, column {}: the cell is empty; fill it in, or remove the row", file.display(), shown(column))]
    EmptyCell {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
    },
    /// A cell that needs a number holds something else.
    #[error("{}, line {line}, column {}: {} is not a number; write it as one (such as 1234.5), or remove the column", file.display(), shown(column), shown(text))]
    NotANumber {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A cell holds NaN or an infinity.
    #[error("{}, line {line}, column {}: {} is not a finite number; replace it by one, or remove the row", file.display(), shown(column), shown(text))]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A number has no `f32`.
    #[error("{}, line {line}, column {}: {} is beyond the range of 32-bit floats (about 3.4e38); use a larger unit for the column, or correct the cell", file.display(), shown(column), shown(text))]
    Overflow {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The offending text.
        text: String,
    },
    /// A target that seems numeric has a cell that is not a number.
    #[error("{}, line {line}, column {}: {} is not a number, though other cells of the target are; correct it, or ask for classification if every value is a class", file.display(), shown(column), shown(text))]
    MixedTarget {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
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
    /// The target is a class that the model does not have.
    #[error("{}, line {line}, column {}: the model knows no class {}{}; correct the cell, or train a model that has seen the class", file.display(), shown(column), shown(text), suggestion(nearest.as_deref()))]
    UnknownClass {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
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
}

/// The most characters of a file's own text that a message repeats.
const SHOWN_CHARACTERS: usize = 60;

/// Text of a file in quotes: shortened, and with control characters spelled out, since a message goes to a terminal.
fn shown(text: &str) -> String {
    let mut shown = String::from("\"");
    for (position, character) in text.chars().enumerate() {
        if position == SHOWN_CHARACTERS {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('"');
    shown
}

fn shown_list(texts: &[String]) -> String {
    texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join(", ")
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" and {more} more") }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!(" (did you mean {}?)", shown(nearest)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn times(dims: &[usize]) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// The candidate most like `text`, unless none is much like it.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let lower = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_file_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\n"), "\"a\\u{1b}[2J\\n\"");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), SHOWN_CHARACTERS + 3);
    }

    #[test]
    fn suggests_only_what_is_alike() {
        let names = ["Price".to_string(), "rooms".to_string()];
        assert_eq!(nearest("prise", &names).as_deref(), Some("Price"));
        assert_eq!(nearest("zzz", &names), None);
    }
}
