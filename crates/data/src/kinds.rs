//! What the columns of a table are: numbers, categories, dates, or nothing to learn from.

use std::fmt;

use crate::{Cells, Column, DataError, Frame, ReadOptions, TableError, Texts, threads};

/// Texts are names of rows, not categories, if more than this many are different and nearly every row has its own.
const MANY_TEXTS: usize = 20;

/// Numbers that count the rows are told from others only when there are this many.
const COUNTED_ROWS: usize = 20;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers whose size means something.
    Number,
    /// One of several texts.
    Category,
    /// Yes or no, in any of the usual words, or 1 and 0.
    Boolean,
    /// Dates, with or without a time of day.
    Time,
    /// A name or number that each row has for itself: nothing to learn from.
    Id,
    /// The same in every row: nothing to learn from.
    Constant,
    /// Without a value in any row: nothing to learn from.
    Empty,
    /// What is to be predicted.
    Target,
    /// How much a row counts.
    Weight,
    /// What rows belong together when some are held out.
    Group,
}

impl Kind {
    /// Whether a column of this kind is learned from.
    pub fn is_feature(self) -> bool {
        matches!(self, Kind::Number | Kind::Category | Kind::Boolean | Kind::Time)
    }

    /// Whether there is nothing to learn from in a column of this kind.
    fn is_left_out(self) -> bool {
        matches!(self, Kind::Id | Kind::Constant | Kind::Empty)
    }

    /// The kind in a word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Category => "category",
            Kind::Boolean => "yes or no",
            Kind::Time => "date",
            Kind::Id => "id",
            Kind::Constant => "constant",
            Kind::Empty => "empty",
            Kind::Target => "target",
            Kind::Weight => "weight",
            Kind::Group => "group",
        }
    }
}

/// What is known of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnKind {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How many of the rows have no value.
    pub missing: usize,
    /// What it holds, in words.
    pub holds: String,
}

/// What the columns of a table are; shown as a table of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// One entry a column, in the order of the table.
    pub columns: Vec<ColumnKind>,
}

impl Kinds {
    /// Finds out what the columns are from the named rows. Columns that the options ask for as categories or numbers
    /// are that; `roles` names those that have another part, such as the target.
    ///
    /// # Errors
    ///
    /// If no column is left to learn from.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    pub fn infer(
        frame: &Frame,
        rows: &[u32],
        roles: &[(&str, Kind)],
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let columns = threads::map(frame.columns(), rows.len(), |column| {
            let missing = rows.iter().filter(|&&row| column.cells.is_missing(row as usize)).count();
            let (kind, holds) = if let Some((_, role)) = roles.iter().find(|(name, _)| *name == column.name) {
                (*role, holds(column, rows))
            } else if missing == rows.len() {
                (Kind::Empty, "no value in any row".to_string())
            } else if options.numeric.contains(&column.name) {
                (Kind::Number, holds(column, rows))
            } else if options.categorical.contains(&column.name) {
                (Kind::Category, holds(column, rows))
            } else {
                kind(column, rows, missing)
            };
            ColumnKind { name: column.name.clone(), kind, missing, holds }
        });
        if !columns.iter().any(|column| column.kind.is_feature()) {
            return Err(TableError::NothingToLearnFrom { file: frame.place(0).file }.into());
        }
        Ok(Kinds { columns })
    }
}

fn kind(column: &Column, rows: &[u32], missing: usize) -> (Kind, String) {
    match &column.cells {
        Cells::Numbers(numbers) => {
            let values = || rows.iter().map(|&row| numbers[row as usize]).filter(|number| !number.is_nan());
            let first = values().next().unwrap_or(0.0);
            let counts = |row: u32| numbers[row as usize] - first == f64::from(row) - f64::from(rows[0]);
            let counted = missing == 0 && rows.len() >= COUNTED_ROWS && first.fract() == 0.0;
            if missing == 0 && values().all(|number| number == first) {
                (Kind::Constant, format!("{first} in every row"))
            } else if values().all(|number| number == 0.0 || number == 1.0) {
                (Kind::Boolean, holds(column, rows))
            } else if counted && rows.iter().all(|&row| counts(row)) {
                (Kind::Id, "the number of the row".to_string())
            } else {
                (Kind::Number, holds(column, rows))
            }
        }
        Cells::Times(_) => (Kind::Time, holds(column, rows)),
        Cells::Texts(texts) => {
            let levels = levels(texts, rows);
            let present = rows.len() - missing;
            match levels.as_slice() {
                [only] if missing == 0 => (Kind::Constant, format!("{} in every row", short(only))),
                [a, b] if yes_of(a, b).is_some() => (Kind::Boolean, holds(column, rows)),
                many if many.len() > MANY_TEXTS && many.len() * 10 >= present * 9 => {
                    (Kind::Id, format!("{} different texts in {present} rows", many.len()))
                }
                _ => (Kind::Category, holds(column, rows)),
            }
        }
    }
}

/// Which of two texts means yes.
pub(crate) fn yes_of<'a>(a: &'a str, b: &'a str) -> Option<&'a str> {
    const WORDS: [(&str, &str); 5] = [("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off")];
    let (lower_a, lower_b) = (a.to_lowercase(), b.to_lowercase());
    WORDS.iter().find_map(|&(yes, no)| match (lower_a.as_str(), lower_b.as_str()) {
        (x, y) if (x, y) == (yes, no) => Some(a),
        (x, y) if (x, y) == (no, yes) => Some(b),
        _ => None,
    })
}

/// The different texts of the rows, in alphabetical order.
pub(crate) fn levels<'a>(texts: &'a Texts, rows: &[u32]) -> Vec<&'a str> {
    let mut seen = vec![false; texts.levels().len()];
    for code in rows.iter().filter_map(|&row| texts.code(row as usize)) {
        seen[code as usize] = true;
    }
    let mut levels: Vec<&str> = texts.levels().zip(seen).filter(|(_, seen)| *seen).map(|(text, _)| text).collect();
    levels.sort_unstable();
    levels
}

/// What a column holds, in words.
fn holds(column: &Column, rows: &[u32]) -> String {
    const SHOWN: usize = 4;
    match &column.cells {
        Cells::Numbers(values) | Cells::Times(values) => {
            let values = rows.iter().map(|&row| values[row as usize]);
            // Neither takes a missing value where it has another.
            let (low, high) = values.fold((f64::NAN, f64::NAN), |(low, high), value| (low.min(value), high.max(value)));
            match column.cells {
                Cells::Times(_) => format!("{} to {}", shown_date(low), shown_date(high)),
                _ => format!("{low} to {high}"),
            }
        }
        Cells::Texts(texts) => {
            let levels = levels(texts, rows);
            let shown: Vec<String> = levels.iter().take(SHOWN).map(|text| short(text)).collect();
            let more = if levels.len() > SHOWN { ", …" } else { "" };
            format!("{} different: {}{more}", levels.len(), shown.join(", "))
        }
    }
}

/// The beginning of a text, without what could break the line.
fn short(text: &str) -> String {
    const CHARACTERS: usize = 16;
    text.chars().filter(|c| !c.is_control()).take(CHARACTERS).collect()
}

fn shown_date(seconds: f64) -> String {
    let (year, month, day) = crate::time::date(seconds);
    format!("{year:04}-{month:02}-{day:02}")
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
        let width = self.columns.iter().map(|column| shown(&column.name).chars().count()).max().unwrap_or(0).max(6);
        writeln!(f, "{:width$}  {:9}  {:>9}  holds", "column", "kind", "missing")?;
        for ColumnKind { name, kind, missing, holds } in &self.columns {
            let note = if kind.is_left_out() { " (left out)" } else { "" };
            let missing = if *missing == 0 { String::new() } else { missing.to_string() };
            writeln!(f, "{:width$}  {:9}  {missing:>9}  {holds}{note}", shown(name), kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, values: impl IntoIterator<Item = f64>) -> Column {
        Column { name: name.to_string(), cells: Cells::Numbers(values.into_iter().collect()) }
    }

    fn texts(name: &str, values: impl IntoIterator<Item = String>) -> Column {
        let values: Vec<String> = values.into_iter().collect();
        let cells = values.iter().map(|text| Some(text.as_str()).filter(|text| !text.is_empty())).collect();
        Column { name: name.to_string(), cells: Cells::Texts(cells) }
    }

    fn sample() -> Frame {
        let n = 0..40;
        Frame::new(vec![
            numbers("row", n.clone().map(|i| f64::from(i) + 7.0)),
            numbers("size", n.clone().map(|i| f64::from(i % 9) / 2.0)),
            numbers("flag", n.clone().map(|i| f64::from(i % 2))),
            numbers("same", n.clone().map(|_| 3.0)),
            numbers("none", n.clone().map(|_| f64::NAN)),
            texts("name", n.clone().map(|i| format!("name {i}"))),
            texts("sex", n.clone().map(|i| ["male", "female", ""][i as usize % 3].to_string())),
            texts("smokes", n.clone().map(|i| ["Yes", "no"][i as usize % 2].to_string())),
            Column { name: "day".into(), cells: Cells::Times(n.clone().map(|i| f64::from(i) * 86_400.0).collect()) },
            texts("label", n.map(|i| format!("c{}", i % 2))),
        ])
    }

    #[test]
    fn tells_the_kinds_apart() {
        let frame = sample();
        let rows: Vec<u32> = (1..40).collect();
        let kinds = Kinds::infer(&frame, &rows, &[("label", Kind::Target)], &ReadOptions::default()).unwrap();
        let found: Vec<Kind> = kinds.columns.iter().map(|column| column.kind).collect();
        use Kind::*;
        assert_eq!(found, [Id, Number, Boolean, Constant, Empty, Id, Category, Boolean, Time, Target]);
        assert_eq!(kinds.columns[6].missing, 13);
        let options = ReadOptions {
            categorical: vec!["name".to_string()],
            numeric: vec!["row".to_string()],
            ..ReadOptions::default()
        };
        let kinds = Kinds::infer(&frame, &rows, &[("label", Kind::Target)], &options).unwrap();
        assert_eq!((kinds.columns[0].kind, kinds.columns[5].kind), (Number, Category));
    }

    #[test]
    fn prints_as_a_table() {
        let rows: Vec<u32> = (0..40).collect();
        let shown =
            Kinds::infer(&sample(), &rows, &[("label", Kind::Target)], &ReadOptions::default()).unwrap().to_string();
        let expected = "\
column  kind         missing  holds
row     id                    the number of the row (left out)
size    number                0 to 4
flag    yes or no             0 to 1
same    constant              3 in every row (left out)
none    empty             40  no value in any row (left out)
name    id                    40 different texts in 40 rows (left out)
sex     category          13  2 different: female, male
smokes  yes or no             2 different: Yes, no
day     date                  1970-01-01 to 1970-02-09
label   target                2 different: c0, c1
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_row_of_the_table_is_one_line() {
        let frame = Frame::new(vec![
            numbers("a", [1.0, 2.5]),
            texts("b", ["two\nlines".to_string(), "two\nlines".to_string()]),
            texts("c\n", ["x\r\n".to_string(), "y".to_string()]),
        ]);
        let shown = Kinds::infer(&frame, &[0, 1], &[], &ReadOptions::default()).unwrap().to_string();
        assert_eq!(shown.lines().count(), 4, "{shown}");
    }

    #[test]
    fn what_cannot_be_learned_from_is_said() {
        let same = Frame::new(vec![numbers("a", [1.0, 1.0]), numbers("t", [1.0, 2.0])]);
        let error = Kinds::infer(&same, &[0, 1], &[("t", Kind::Target)], &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, DataError::Table(TableError::NothingToLearnFrom { .. })));
    }
}
