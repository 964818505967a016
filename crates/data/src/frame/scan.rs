//! Taking delimited text apart.

use std::borrow::Cow;

use memchr::memchr;

/// What separates cells and rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
}

/// A cell as it stands in the file.
pub(crate) struct Field<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) quoted: bool,
    /// Whether the row ends with it.
    pub(crate) last: bool,
}

/// The fields of a text, one by one.
pub(crate) struct Scan<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    pub(crate) dialect: Dialect,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(bytes: &'a [u8], dialect: Dialect) -> Self {
        Scan { bytes, at: 0, dialect }
    }

    /// The next field; `None` if the text ends before the field does.
    #[inline]
    pub(crate) fn field(&mut self) -> Option<Field<'a>> {
        let Dialect { delimiter, quote } = self.dialect;
        let start = self.at;
        let mut end = start;
        // A quote elsewhere than at the start of a field stands for itself.
        let quoted = *self.bytes.get(start)? == quote;
        if quoted {
            end += 1;
            loop {
                end += memchr(quote, &self.bytes[end..])? + 1;
                if self.bytes.get(end) != Some(&quote) {
                    break;
                }
                end += 1;
            }
        }
        end += self.bytes[end..].iter().position(|&byte| byte == delimiter || byte == b'\n')?;
        self.at = end + 1;
        Some(Field { raw: &self.bytes[start..end], quoted, last: self.bytes[end] == b'\n' })
    }

    /// Passes over lines that have nothing on them but white space, and says how many.
    pub(crate) fn blank_lines(&mut self) -> u64 {
        let mut lines = 0;
        while let Some(&first) = self.bytes.get(self.at)
            && first.is_ascii_whitespace()
        {
            let Some(length) = memchr(b'\n', &self.bytes[self.at..]) else { break };
            let line = &self.bytes[self.at..self.at + length];
            if !line.trim_ascii().is_empty() || line.contains(&self.dialect.delimiter) {
                break;
            }
            self.at += length + 1;
            lines += 1;
        }
        lines
    }

    /// Passes over a row and counts its fields; `None` if the text ends before the row does.
    pub(crate) fn row(&mut self) -> Option<usize> {
        let mut fields = 1;
        while !self.field()?.last {
            fields += 1;
        }
        Some(fields)
    }
}

impl Field<'_> {
    /// How many lines end within the cell.
    #[inline]
    pub(crate) fn line_ends(&self) -> u64 {
        if self.quoted { memchr::memchr_iter(b'\n', self.raw).count() as u64 } else { 0 }
    }

    /// The text of the cell, without its quotes and the white space around it.
    #[inline]
    pub(crate) fn text(&self, quote: u8) -> Cow<'_, [u8]> {
        if !self.quoted {
            return Cow::Borrowed(self.raw.trim_ascii());
        }
        let inner = &self.raw[1..];
        match memchr(quote, inner) {
            // Nothing but white space after the only quote.
            Some(end) if inner[end + 1..].trim_ascii().is_empty() => Cow::Borrowed(inner[..end].trim_ascii()),
            _ => Cow::Owned(unquote(inner, quote).trim_ascii().to_vec()),
        }
    }
}

/// The text after an opening quote: two quotes stand for one, and one ends the quoting.
fn unquote(inner: &[u8], quote: u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(length) = memchr(quote, rest) {
        text.extend(&rest[..length]);
        rest = &rest[length + 1..];
        if rest.first() != Some(&quote) {
            break;
        }
        text.push(quote);
        rest = &rest[1..];
    }
    text.extend(rest);
    text
}

/// Where `bytes` may be cut into about `parts` pieces of whole rows; the last cut is the end of the last whole row.
/// There is none if not one row is whole.
pub(crate) fn cuts(bytes: &[u8], dialect: Dialect, parts: usize) -> Vec<usize> {
    let step = (bytes.len() / parts).max(1);
    let mut cuts = Vec::new();
    if memchr(dialect.quote, bytes).is_none() {
        let Some(last) = memchr::memrchr(b'\n', bytes) else { return cuts };
        let mut from = step;
        while from < last
            && let Some(length) = memchr(b'\n', &bytes[from..last])
        {
            cuts.push(from + length + 1);
            from += length + 1 + step;
        }
        cuts.push(last + 1);
        return cuts;
    }
    let mut scan = Scan::new(bytes, dialect);
    let (mut end, mut next) = (0, step);
    while scan.row().is_some() {
        end = scan.at;
        if end >= next {
            cuts.push(end);
            next = end + step;
        }
    }
    if end > cuts.last().copied().unwrap_or(0) {
        cuts.push(end);
    }
    cuts
}

/// The most likely delimiter: the one by which most of the first rows have as many fields as the header, and that
/// parts the header into most.
pub(crate) fn guess_delimiter(bytes: &[u8], quote: u8) -> u8 {
    const ROWS: usize = 50;
    let score = |delimiter: u8| {
        let mut scan = Scan::new(bytes, Dialect { delimiter, quote });
        scan.blank_lines();
        let header = scan.row().unwrap_or(1);
        let mut alike = 0;
        for _ in 0..ROWS {
            scan.blank_lines();
            match scan.row() {
                Some(fields) => alike += usize::from(fields == header),
                None => break,
            }
        }
        if header == 1 { (0, 0) } else { (alike + 1, header) }
    };
    // The first of equals: `max_by_key` would give the last.
    let mut best = (b',', score(b','));
    for delimiter in [b';', b'\t', b'|'] {
        let found = score(delimiter);
        if found > best.1 {
            best = (delimiter, found);
        }
    }
    best.0
}
