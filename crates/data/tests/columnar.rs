//! Reading Parquet and Arrow files.
#![cfg(feature = "parquet")]

use std::{fs::File, path::Path, sync::Arc};

use crate::common::write;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMillisecondArray, types::Int32Type,
};
use chainrule_data::{Cells, Column, DataError, Frame, ReadOptions, TableError, read_chunks, read_frame};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use tempfile::tempdir;

fn batch(rows: i64) -> RecordBatch {
    let maybe = |row: i64| (row % 3 != 1).then_some(row);
    let rows = || 0..rows;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("whole", Arc::new(rows().map(maybe).collect::<Int64Array>())),
        ("real", Arc::new(rows().map(|row| Some(row as f32 / 4.0)).collect::<Float32Array>())),
        ("text", Arc::new(rows().map(|row| maybe(row).map(|row| format!("t{}", row % 5))).collect::<StringArray>())),
        ("yes", Arc::new(rows().map(|row| maybe(row).map(|row| row % 2 == 0)).collect::<BooleanArray>())),
        ("day", Arc::new(rows().map(|row| maybe(row).map(|row| row as i32)).collect::<Date32Array>())),
        ("at", Arc::new(rows().map(|row| maybe(row).map(|row| row * 500)).collect::<TimestampMillisecondArray>())),
        (
            "kind",
            Arc::new(
                rows()
                    .map(|row| maybe(row).map(|_| if row < 5 { "a" } else { "b" }))
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn expected(rows: i64) -> Frame {
    let maybe = |row: i64| row % 3 != 1;
    let number = |value: &dyn Fn(i64) -> f64| {
        (0..rows).map(|row| if maybe(row) { value(row) } else { f64::NAN }).collect::<Vec<_>>()
    };
    let texts = |value: &dyn Fn(i64) -> String| {
        let texts: Vec<Option<String>> = (0..rows).map(|row| maybe(row).then(|| value(row))).collect();
        Cells::Texts(texts.iter().map(Option::as_deref).collect())
    };
    let columns = [
        ("whole", Cells::Numbers(number(&|row| row as f64))),
        ("real", Cells::Numbers((0..rows).map(|row| row as f64 / 4.0).collect())),
        ("text", texts(&|row| format!("t{}", row % 5))),
        ("yes", texts(&|row| (row % 2 == 0).to_string())),
        ("day", Cells::Times(number(&|row| row as f64 * 86_400.0))),
        ("at", Cells::Times(number(&|row| row as f64 / 2.0))),
        ("kind", texts(&|row| if row < 5 { "a".to_string() } else { "b".to_string() })),
    ];
    Frame::new(columns.map(|(name, cells)| Column { name: name.to_string(), cells }).to_vec())
}

fn write_parquet(path: &Path, batch: &RecordBatch, compression: Compression) {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn reads_parquet_however_it_is_packed() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::LZ4_RAW,
    ];
    for compression in codecs {
        write_parquet(&path, &batch(100), compression);
        let frame = read_frame(&[&path], &ReadOptions::default()).unwrap();
        assert_eq!(frame.columns(), expected(100).columns(), "{compression}");
    }
    let options = ReadOptions { columns: Some(vec!["text".to_string(), "whole".to_string()]), ..Default::default() };
    let frame = read_frame(&[&path], &options).unwrap();
    assert_eq!(frame.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["text", "whole"]);
    assert!(frame.place(7).to_string().ends_with("a.parquet, row 8"));
    let options = ReadOptions { numeric: vec!["text".to_string()], ..Default::default() };
    let message = read_frame(&[&path], &options).unwrap_err().to_string();
    assert!(message.contains("row 1, column \"text\": \"t0\" is not a number"), "{message}");
}

#[test]
fn reads_parquet_in_chunks() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write_parquet(&path, &batch(150_000), Compression::SNAPPY);
    let chunks: Vec<Frame> = read_chunks(&[&path], &ReadOptions::default()).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(chunks.len() > 2 && chunks[1].place(0).to_string().ends_with(", row 65537"));
    let frame = read_frame(&[&path], &ReadOptions::default()).unwrap();
    assert_eq!(frame.columns(), expected(150_000).columns());
}

#[test]
fn reads_arrow_files_and_streams() {
    let dir = tempdir().unwrap();
    let batch = batch(100);
    let path = dir.path().join("a.arrow");
    let mut writer = arrow_ipc::writer::FileWriter::try_new(File::create(&path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(read_frame(&[&path], &ReadOptions::default()).unwrap().columns(), expected(100).columns());
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(File::create(&path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(read_frame(&[&path], &ReadOptions::default()).unwrap().columns(), expected(100).columns());
}

#[test]
fn what_is_no_table_is_said() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    write_parquet(&path, &RecordBatch::try_from_iter([("l", lists)]).unwrap(), Compression::UNCOMPRESSED);
    let message = read_frame(&[&path], &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("column \"l\": holds") && message.contains("--drop l"), "{message}");
    let infinite: ArrayRef = Arc::new(Float32Array::from(vec![1.0, f32::INFINITY]));
    write_parquet(&path, &RecordBatch::try_from_iter([("x", infinite)]).unwrap(), Compression::UNCOMPRESSED);
    let message = read_frame(&[&path], &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("row 2, column \"x\": \"inf\" is not a finite number"), "{message}");
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write_parquet(&path, &batch(50), Compression::SNAPPY);
    let whole = std::fs::read(&path).unwrap();
    for length in 4..whole.len() {
        if length % 7 == 0 {
            write(dir.path(), "a.parquet", &whole[..length]);
            let cut = read_frame(&[&path], &ReadOptions::default());
            assert!(matches!(cut, Err(DataError::Table(TableError::Damaged { .. }))), "{cut:?}");
        }
    }
    for position in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        write(dir.path(), "a.parquet", &damaged);
        let _ = read_frame(&[&path], &ReadOptions::default());
    }
}

#[test]
fn columns_are_copied_with_all_their_digits() {
    let long = 9_007_199_254_740_993_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(long), None]))),
        ("real", Arc::new(Float32Array::from(vec![0.1, 2.0]))),
        ("text", Arc::new(StringArray::from(vec![Some(" NA"), None]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![86_400_500, 0]))),
        ("x", Arc::new(Int64Array::from(vec![1, 2]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let written = names(&["at", "text", "real", "id"]);
    let options = ReadOptions { columns: Some(names(&["x"])), written, ..ReadOptions::default() };
    let frame = read_frame(&[&path], &options).unwrap();
    assert_eq!(frame.columns().len(), 1);
    let copies: Vec<[&str; 2]> = frame.written().iter().map(|copy| [copy.get(0), copy.get(1)]).collect();
    let expected = [["1970-01-02T00:00:00.500000", "1970-01-01"], [" NA", ""], ["0.1", "2"], ["9007199254740993", ""]];
    assert_eq!(copies, expected);
}
