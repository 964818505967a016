//! Gathering the target column of a table, and deciding whether it holds classes or numbers.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{DataError, MAX_CLASSES, Target, Task, error::nearest, table::Table};

/// Whole numbers with more different values than this are taken for numbers, not classes.
const MAX_NUMBERED_CLASSES: usize = 20;

/// The target column of a table while its rows are read.
pub(crate) struct TargetColumn {
    column: usize,
    name: String,
    file: PathBuf,
    cells: Cells,
}

enum Cells {
    Numbers(Vec<f32>),
    Classes(Classes),
    /// Classes known from a model: no others are allowed.
    Known(Classes),
    Undecided(Undecided),
}

impl TargetColumn {
    pub(crate) fn new(table: &Table, column: usize, task: Task) -> Self {
        let cells = match task {
            Task::Auto => Cells::Undecided(Undecided::new()),
            Task::Classify => Cells::Classes(Classes::default()),
            Task::Regress => Cells::Numbers(Vec::new()),
        };
        TargetColumn { column, name: table.names()[column].clone(), file: table.path(), cells }
    }

    pub(crate) fn known(table: &Table, column: usize, classes: &[String]) -> Self {
        let mut known = Classes::default();
        for name in classes {
            known.position(name);
        }
        let cells = Cells::Known(known);
        TargetColumn { column, name: table.names()[column].clone(), file: table.path(), cells }
    }

    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Adds the cell of the current row.
    pub(crate) fn push(&mut self, table: &Table) -> Result<(), DataError> {
        match &mut self.cells {
            Cells::Numbers(values) => values.push(table.number(self.column)?),
            Cells::Classes(classes) => classes.push(table.text(self.column)?, &self.file, &self.name)?,
            Cells::Known(classes) => {
                let text = table.text(self.column)?;
                let Some(&label) = classes.index.get(class_name(text)) else {
                    let (file, line, column) = table.place(self.column);
                    let nearest = nearest(text, &classes.names);
                    return Err(DataError::UnknownClass { file, line, column, text: text.to_string(), nearest });
                };
                classes.labels.push(label);
            }
            Cells::Undecided(cells) => cells.push(table, self.column, &self.file, &self.name)?,
        }
        Ok(())
    }

    /// The target, once all rows are in.
    pub(crate) fn finish(self) -> Target {
        match self.cells {
            Cells::Numbers(values) => Target::Values { values, name: self.name },
            Cells::Classes(classes) => classes.into_sorted(),
            Cells::Known(Classes { labels, names, .. }) => Target::Classes { labels, names },
            Cells::Undecided(cells) => cells.finish(self.name),
        }
    }
}

/// Class names, numbered as they first appear, and the number of each row.
#[derive(Default)]
struct Classes {
    index: HashMap<String, u32>,
    names: Vec<String>,
    labels: Vec<u32>,
}

impl Classes {
    fn position(&mut self, name: &str) -> u32 {
        if let Some(&position) = self.index.get(name) {
            return position;
        }
        let position = self.names.len() as u32;
        self.names.push(name.to_string());
        self.index.insert(name.to_string(), position);
        position
    }

    fn push(&mut self, text: &str, file: &Path, column: &str) -> Result<(), DataError> {
        let position = self.position(class_name(text));
        self.labels.push(position);
        if self.names.len() > MAX_CLASSES {
            return Err(DataError::TooManyClasses { file: file.to_path_buf(), column: column.to_string() });
        }
        Ok(())
    }

    /// Renumbers the classes in the natural order of their names, so that the order of the rows does not matter.
    fn into_sorted(self) -> Target {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        let numbers: Result<Vec<i128>, _> = self.names.iter().map(|name| name.parse()).collect();
        match numbers {
            Ok(numbers) => order.sort_by_key(|&old| (numbers[old], &self.names[old])),
            Err(_) => order.sort_by_key(|&old| &self.names[old]),
        }
        let mut new_position = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            new_position[old] = new as u32;
        }
        let mut names = self.names;
        let sorted = order.iter().map(|&old| std::mem::take(&mut names[old])).collect();
        let labels = self.labels.into_iter().map(|old| new_position[old as usize]).collect();
        Target::Classes { labels, names: sorted }
    }
}

/// The name of the class that a cell stands for: its text, but "3.0" is "3", since programs that keep numbers as
/// floats write whole ones that way.
fn class_name(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') && whole.parse::<i128>().is_ok() =>
        {
            whole
        }
        _ => text,
    }
}

/// Cells that may turn out to be classes or numbers.
struct Undecided {
    /// `None` once there are too many for the cells to be classes if they are numbers.
    classes: Option<Classes>,
    /// `None` once a cell was not a number.
    numbers: Option<Vec<f32>>,
    all_whole: bool,
    some_numbers: bool,
    /// The line and text of the first cell that was not a number.
    first_text: Option<(u64, String)>,
}

impl Undecided {
    fn new() -> Self {
        Undecided {
            classes: Some(Classes::default()),
            numbers: Some(Vec::new()),
            all_whole: true,
            some_numbers: false,
            first_text: None,
        }
    }

    fn push(&mut self, table: &Table, column: usize, file: &Path, name: &str) -> Result<(), DataError> {
        match table.number(column) {
            Ok(value) => {
                self.some_numbers = true;
                self.all_whole &= value.fract() == 0.0;
                if let Some(numbers) = &mut self.numbers {
                    numbers.push(value);
                }
            }
            Err(DataError::NotANumber { line, text, .. }) => {
                self.numbers = None;
                self.first_text.get_or_insert((line, text));
            }
            Err(error) => return Err(error),
        }
        if let Some(classes) = &mut self.classes {
            classes.push(table.text(column)?, file, name)?;
        }
        let many = self.classes.as_ref().is_none_or(|classes| classes.names.len() > MAX_NUMBERED_CLASSES);
        if many && self.some_numbers {
            self.classes = None;
            if let Some((line, text)) = self.first_text.take() {
                return Err(DataError::MixedTarget { file: file.to_path_buf(), line, column: name.to_string(), text });
            }
        }
        Ok(())
    }

    fn finish(self, name: String) -> Target {
        match (self.numbers, self.classes) {
            (Some(values), Some(classes)) => {
                let mut counts = vec![0u32; classes.names.len()];
                for &label in &classes.labels {
                    counts[label as usize] += 1;
                }
                if self.all_whole && counts.iter().all(|&count| count > 1) {
                    classes.into_sorted()
                } else {
                    Target::Values { values, name }
                }
            }
            (Some(values), None) => Target::Values { values, name },
            (None, classes) => classes.unwrap_or_default().into_sorted(),
        }
    }
}
