//! Texts in other encodings, read as UTF-8: spreadsheets have ways of saving text so.

use std::io::{self, Read};
use std::str::FromStr;

/// How many bytes are turned at a time.
const BLOCK: usize = 64 << 10;

/// How characters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-16, the lower byte of a unit first.
    Utf16Le,
    /// UTF-16, the upper byte of a unit first.
    Utf16Be,
    /// Windows-1252, which western Windows programs call ANSI, with Latin-1 in it.
    Windows1252,
}

impl FromStr for Charset {
    type Err = String;

    /// Reads `utf-8`, `utf-16le`, `utf-16be` or `windows-1252` (also called `latin-1`).
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "utf-8" => Self::Utf8,
            "utf-16le" => Self::Utf16Le,
            "utf-16be" => Self::Utf16Be,
            "windows-1252" | "latin-1" => Self::Windows1252,
            _ => return Err(format!("`{text}` is none of utf-8, utf-16le, utf-16be, windows-1252")),
        })
    }
}

/// The characters of Windows-1252 from 0x80 to 0x9f (the WHATWG Encoding Standard); the others are those of Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// A text in another encoding, read as UTF-8.
pub(crate) struct Decoded<R> {
    bytes: R,
    encoding: Charset,
    /// What has been read and is not yet turned: half a unit, or half a character.
    rest: Vec<u8>,
    text: io::Cursor<Vec<u8>>,
}

impl<R: Read> Decoded<R> {
    pub(crate) fn new(bytes: R, encoding: Charset) -> Self {
        Self { bytes, encoding, rest: Vec::new(), text: io::Cursor::default() }
    }

    /// Turns the next block.
    fn fill(&mut self) -> io::Result<()> {
        let mut raw = std::mem::take(&mut self.rest);
        let read = (&mut self.bytes).take(BLOCK as u64).read_to_end(&mut raw)?;
        if self.encoding == Charset::Windows1252 {
            self.text = io::Cursor::new(raw.into_iter().map(windows_1252).collect::<String>().into_bytes());
            return Ok(());
        }
        let big_endian = self.encoding == Charset::Utf16Be;
        let (pairs, half) = raw.as_chunks::<2>();
        let unit = |&pair: &[u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let mut units: Vec<u16> = pairs.iter().map(unit).collect();
        // A character of two units may end in the next block.
        let is_first_half = |unit: &mut u16| (0xd800..0xdc00).contains(unit);
        let kept = if read == BLOCK && units.pop_if(is_first_half).is_some() { 2 } else { 0 };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it begins as UTF-16 and goes on otherwise");
        if read < BLOCK && !half.is_empty() {
            return Err(damaged());
        }
        let text = char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| damaged())?;
        self.rest = raw.split_off(raw.len() - half.len() - kept);
        self.text = io::Cursor::new(text.into_bytes());
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        self.fill()?;
        self.text.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: Charset) -> io::Result<String> {
        let mut text = String::new();
        Decoded::new(bytes, encoding).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn a_text_is_the_same_in_either_order_of_bytes() {
        // Characters of one and of two units, so that blocks end within them.
        let text = "aé€😀".repeat(20_000) + "b";
        for text in [text.as_str(), &text[1..], "", "x"] {
            let units = || text.encode_utf16();
            assert!(read(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), Charset::Utf16Le).unwrap() == text);
            assert!(read(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>(), Charset::Utf16Be).unwrap() == text);
        }
    }

    #[test]
    fn every_byte_of_windows_1252_is_a_character() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * BLOCK + 7).collect();
        let text = read(&bytes, Charset::Windows1252).unwrap();
        assert_eq!(text.chars().count(), bytes.len());
        assert_eq!(read(b"Gr\xf6\xdfe in \x80", Charset::Windows1252).unwrap(), "Größe in €");
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&b"a\0b"[..], b"\0\xd8a\0", b"\0\xdc"] {
            assert_eq!(read(bytes, Charset::Utf16Le).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
