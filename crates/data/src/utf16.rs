//! UTF-16 as UTF-8: spreadsheets have a way of saving text so.

use std::io::{self, Read};

/// How many bytes are turned at a time.
const BLOCK: usize = 64 << 10;

/// A text in UTF-16, read as UTF-8.
pub(crate) struct Utf16<R> {
    bytes: R,
    big_endian: bool,
    /// What has been read and is not yet turned: half a unit, or half a character.
    rest: Vec<u8>,
    text: io::Cursor<Vec<u8>>,
}

impl<R: Read> Utf16<R> {
    pub(crate) fn new(bytes: R, big_endian: bool) -> Self {
        Utf16 { bytes, big_endian, rest: Vec::new(), text: io::Cursor::default() }
    }

    /// Turns the next block.
    fn fill(&mut self) -> io::Result<()> {
        let mut raw = std::mem::take(&mut self.rest);
        let read = (&mut self.bytes).take(BLOCK as u64).read_to_end(&mut raw)?;
        let (pairs, half) = raw.as_chunks::<2>();
        let unit = |&pair: &[u8; 2]| if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
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

impl<R: Read> Read for Utf16<R> {
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

    fn read(bytes: &[u8], big_endian: bool) -> io::Result<String> {
        let mut text = String::new();
        Utf16::new(bytes, big_endian).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn a_text_is_the_same_in_either_order_of_bytes() {
        // Characters of one and of two units, so that blocks end within them.
        let text = "aé€😀".repeat(20_000) + "b";
        for text in [text.as_str(), &text[1..], "", "x"] {
            let units = || text.encode_utf16();
            assert!(read(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), false).unwrap() == text);
            assert!(read(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>(), true).unwrap() == text);
        }
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&b"a\0b"[..], b"\0\xd8a\0", b"\0\xdc"] {
            assert_eq!(read(bytes, false).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
