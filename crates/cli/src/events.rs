//! Event files of TensorBoard: scalars over steps, so that existing dashboards show a run.
//!
//! A file is a row of records, each with its length and two checksums (the TFRecord format of TensorFlow); a record is
//! an `Event` of `tensorflow/core/util/event.proto` in the wire format of protocol buffers.

use crc::{CRC_32_ISCSI, Crc};
use std::fs::File;
use std::io::{Result, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// An event file that is being written.
pub(crate) struct Events {
    file: File,
}

impl Events {
    /// A new file in a folder, with the name that TensorBoard looks for.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let seconds = now() as u64;
        let name = format!("events.out.tfevents.{seconds}.chainrule.{}", std::process::id());
        let mut events = Self { file: File::create_new(folder.join(name))? };
        let mut version = number_field(1, now());
        version.extend(bytes_field(3, b"brain.Event:2"));
        events.record(&version)?;
        Ok(events)
    }

    /// Writes values under their tags for one step.
    pub(crate) fn scalars(&mut self, step: u64, values: &[(String, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut entry = bytes_field(1, tag.as_bytes());
            entry.push(key(2, 5));
            entry.extend((*value as f32).to_le_bytes());
            summary.extend(bytes_field(1, &entry));
        }
        let mut event = number_field(1, now());
        event.push(key(2, 0));
        event.extend(varint(step));
        event.extend(bytes_field(5, &summary));
        self.record(&event)
    }

    fn record(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked(&length).to_le_bytes());
        record.extend(event);
        record.extend(masked(event).to_le_bytes());
        self.file.write_all(&record)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The checksum of a record, turned so that a checksum among the data does no harm.
fn masked(bytes: &[u8]) -> u32 {
    CHECKSUM.checksum(bytes).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// What announces a field: its number and how it is written.
fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn number_field(field: u8, value: f64) -> Vec<u8> {
    let mut bytes = vec![key(field, 1)];
    bytes.extend(value.to_le_bytes());
    bytes
}

fn bytes_field(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![key(field, 2)];
    bytes.extend(varint(content.len() as u64));
    bytes.extend(content);
    bytes
}

/// Seven bits a byte, the lowest first; all but the last have the highest bit set.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_the_format_says() {
        // The check value of CRC-32C (RFC 3720, B.4: 32 bytes of zeros).
        assert_eq!(CHECKSUM.checksum(&[0; 32]), 0x8A91_36AA);
        assert_eq!(varint(300), [0xAC, 0x02]);
        let folder = tempfile::tempdir().unwrap();
        Events::create(folder.path()).unwrap().scalars(300, &[("loss/train".into(), 0.5)]).unwrap();
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let sum = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            assert_eq!(sum(8), masked(&rest[..8]));
            assert_eq!(sum(12 + length), masked(&rest[12..12 + length]));
            records.push(rest[12..12 + length].to_vec());
            rest = &rest[16 + length..];
        }
        assert_eq!(records.len(), 2);
        assert!(records[0].ends_with(b"\x1a\x0dbrain.Event:2"));
        let value = b"\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0aloss/train\x15\0\0\0\x3f";
        assert_eq!(&records[1][9..], value);
    }
}
