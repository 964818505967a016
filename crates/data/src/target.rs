//! The target of a table: a column of classes or numbers, or several columns of numbers.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::{
    Cells, DataError, Frame, MAX_CLASSES, ReadOptions, TableError, Target, Task, Texts, error::nearest, table::single,
};

/// Whole numbers with more different values than this are taken for numbers, not classes.
pub(crate) const MAX_NUMBERED_CLASSES: usize = 20;

/// A target that a model knows: the names of its columns, with those of its classes unless they hold numbers.
pub(crate) type Known<'a> = Option<(&'a [String], Option<&'a [String]>)>;

/// Has the cells of a target read as what its task takes. Several columns have to hold numbers.
pub(crate) fn ask(read: &mut ReadOptions, names: &[String], task: Task) {
    match task {
        Task::Auto if names.len() == 1 => {}
        Task::Classify => read.categorical.extend_from_slice(names),
        Task::Auto | Task::Regress => read.numeric.extend_from_slice(names),
    }
}

/// Has the target of a model read where the file has it.
pub(crate) fn ask_known(read: &mut ReadOptions, target: Known) {
    if let Some((names, classes)) = target {
        read.also.extend_from_slice(names);
        ask(read, names, if classes.is_some() { Task::Classify } else { Task::Regress });
    }
}

/// The target of a model, if the frame has it.
pub(crate) fn read_if_there(frame: &Frame, target: Known) -> Result<Option<Target>, DataError> {
    match target.filter(|(names, _)| names.iter().any(|name| frame.column(name).is_ok())) {
        Some(([name], Some(classes))) => read_known(frame, name, classes).map(Some),
        Some((names, _)) => self::read(frame, names, Task::Regress).map(Some),
        None => Ok(None),
    }
}

/// The target in the columns of these names; each of its cells has to have a value.
pub(crate) fn read(frame: &Frame, names: &[String], task: Task) -> Result<Target, DataError> {
    match names {
        [name] => read_column(frame, name, task),
        names => read_values(frame, names),
    }
}

/// The numbers in these columns.
fn read_values(frame: &Frame, names: &[String]) -> Result<Target, DataError> {
    let mut values = vec![0.0; frame.rows() * names.len()];
    for (position, name) in names.iter().enumerate() {
        let numbers = frame.column(name)?.numbers(frame)?;
        for (row, (&number, values)) in numbers.iter().zip(values.chunks_exact_mut(names.len())).enumerate() {
            values[position] = single(number, frame, row, name)?;
        }
    }
    Ok(Target::Values { values, names: names.to_vec() })
}

fn read_column(frame: &Frame, name: &String, task: Task) -> Result<Target, DataError> {
    let column = frame.column(name)?;
    match (&column.cells, task) {
        (Cells::Texts(texts), Task::Classify) => classes(frame, name, texts),
        (Cells::Texts(texts), Task::Auto) => {
            let is_number = |text: &str| text.parse::<f64>().is_ok();
            let merged = texts.levels().map(class_name).collect::<HashSet<_>>().len();
            if texts.levels().any(is_number) && merged > MAX_NUMBERED_CLASSES {
                let row = (0..texts.len()).find(|&row| texts.get(row).is_some_and(|text| !is_number(text)));
                if let Some(row) = row {
                    let (place, text) = (frame.place(row), texts.get(row).unwrap_or_default().to_string());
                    return Err(TableError::MixedTarget { place, column: name.to_string(), text }.into());
                }
            }
            classes(frame, name, texts)
        }
        (Cells::Numbers(numbers), Task::Auto) if are_classes(numbers) => {
            let texts: Vec<Option<String>> =
                numbers.iter().map(|number| (!number.is_nan()).then(|| number.to_string())).collect();
            classes(frame, name, &texts.iter().map(Option::as_deref).collect())
        }
        _ => read_values(frame, std::slice::from_ref(name)),
    }
}

/// Refuses a value that has no logarithm.
pub(crate) fn check_positive(frame: &Frame, target: &Target) -> Result<(), DataError> {
    let Target::Values { values, names } = target else { return Ok(()) };
    match values.iter().position(|&value| value <= 0.0) {
        Some(position) => {
            let (place, text) = (frame.place(position / names.len()), values[position].to_string());
            Err(TableError::NotPositive { place, column: names[position % names.len()].clone(), text }.into())
        }
        None => Ok(()),
    }
}

/// The target in the column of that name, when its classes are known from a model: no others are allowed.
fn read_known(frame: &Frame, name: &String, classes: &[String]) -> Result<Target, DataError> {
    let Cells::Texts(texts) = &frame.column(name)?.cells else { return read_column(frame, name, Task::Classify) };
    let known: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let labels =
        labels(frame, name, texts, |text| known.get(class_name(text)).copied().ok_or_else(|| nearest(text, classes)))?;
    Ok(Target::Classes { labels, names: classes.to_vec() })
}

/// Whether numbers are classes: whole, few, and each there at least twice.
fn are_classes(numbers: &[f64]) -> bool {
    let mut counts = HashMap::new();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        // Minus zero is zero.
        *counts.entry((number + 0.0).to_bits()).or_insert(0) += 1;
        if number.fract() != 0.0 || counts.len() > MAX_NUMBERED_CLASSES {
            return false;
        }
    }
    counts.values().all(|&count| count > 1)
}

/// The classes of texts, numbered in the natural order of their names, so that the order of the rows does not matter.
fn classes(frame: &Frame, name: &str, texts: &Texts) -> Result<Target, DataError> {
    let names = natural_order(texts.levels().map(class_name).collect());
    if names.len() > MAX_CLASSES {
        let file = frame.place(0).file;
        return Err(TableError::TooManyClasses { file, column: name.to_string() }.into());
    }
    let index: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
    let labels = labels(frame, name, texts, |text| Ok(index[class_name(text)]))?;
    Ok(Target::Classes { labels, names: names.into_iter().map(str::to_string).collect() })
}

/// Names in their natural order, each once: by number if all are whole numbers, by letter otherwise.
fn natural_order(mut names: Vec<&str>) -> Vec<&str> {
    let by_number: Option<HashMap<&str, i128>> = names.iter().map(|name| Some((*name, name.parse().ok()?))).collect();
    match by_number {
        Some(numbers) => names.sort_unstable_by_key(|name| (numbers[name], *name)),
        None => names.sort_unstable(),
    }
    names.dedup();
    names
}

/// The class of each row; `find` gives that of a text, or the name most like it.
fn labels(
    frame: &Frame,
    name: &str,
    texts: &Texts,
    find: impl Fn(&str) -> Result<u32, Option<String>>,
) -> Result<Vec<u32>, DataError> {
    let found: Vec<_> = texts.levels().map(find).collect();
    (0..texts.len())
        .map(|row| {
            let (place, column) = (|| frame.place(row), name.to_string());
            match texts.code(row).map(|code| &found[code as usize]) {
                Some(Ok(label)) => Ok(*label),
                Some(Err(nearest)) => {
                    let text = texts.get(row).unwrap_or_default().to_string();
                    Err(TableError::UnknownClass { place: place(), column, text, nearest: nearest.clone() }.into())
                }
                None => Err(TableError::EmptyCell { place: place(), column }.into()),
            }
        })
        .collect()
}

/// The name of the class that a cell stands for: its text, but "3.0" is "3", since programs that keep numbers as
/// floats write whole ones that way.
pub(crate) fn class_name(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') && whole.parse::<i128>().is_ok() =>
        {
            whole
        }
        _ => text,
    }
}

impl Target {
    /// The number of rows of each class; nothing for numbers.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let Self::Classes { labels, names } = self else { return Vec::new() };
        let mut counts = vec![0; names.len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// The same classes among more.
    pub(crate) fn with_classes(self, more: &[&str]) -> Self {
        let Self::Classes { labels, names } = self else { return self };
        let all = natural_order(names.iter().map(String::as_str).chain(more.iter().copied()).collect());
        let index: HashMap<&str, u32> = all.iter().copied().zip(0..).collect();
        let labels = labels.iter().map(|&label| index[names[label as usize].as_str()]).collect();
        Self::Classes { labels, names: all.into_iter().map(str::to_string).collect() }
    }

    /// The value that every row has in a column, and the position of the column, when they all have the same.
    fn only_value(&self) -> Option<(usize, String)> {
        match self {
            Target::Classes { names, .. } => match names.as_slice() {
                [only] => Some((0, only.clone())),
                _ => None,
            },
            Target::Values { values, names } => (0..names.len()).find_map(|column| {
                let mut column_values = values.iter().skip(column).step_by(names.len());
                let first = column_values.next()?;
                column_values.all(|value| value == first).then(|| (column, first.to_string()))
            }),
        }
    }

    /// Refuses a target, in the columns `names` of `file`, in which nothing differs.
    pub(crate) fn check_differs(&self, file: impl Fn() -> PathBuf, names: &[String]) -> Result<(), DataError> {
        match self.only_value() {
            Some((column, text)) => {
                Err(TableError::ConstantTarget { file: file(), column: names[column].clone(), text }.into())
            }
            None => Ok(()),
        }
    }
}
