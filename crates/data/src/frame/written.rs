//! A column copied as it is written, for the eyes of whoever reads the output.

/// The texts of a column, one a row, with nothing made of them: a missing cell is what was written for it.
///
/// Unlike [`Texts`](super::Texts) it does not look for equal texts, which names of rows have none of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    name: String,
    /// The texts, one after the other.
    all: String,
    ends: Vec<usize>,
}

impl Written {
    pub(crate) fn new(name: &str) -> Self {
        Written { name: name.to_string(), ..Written::default() }
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a row.
    ///
    /// # Panics
    ///
    /// If the row is not there.
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.all[start..self.ends[row]]
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    pub(crate) fn append(&mut self, other: &Written) {
        let before = self.all.len();
        self.all.push_str(&other.all);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// The texts of these rows.
    pub(crate) fn select(&self, rows: &[u32]) -> Self {
        let mut selected = Written::new(&self.name);
        rows.iter().for_each(|&row| selected.push(self.get(row as usize)));
        selected
    }
}
