//! Parquet and Arrow IPC: columns that say what they hold.

use std::{
    fs::File,
    io::BufReader,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{
        ArrowPrimitiveType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{
    Cells, Column, Frame, Origin, ReadOptions, Texts, Written,
    cells::is_missing,
    read::Batches,
    record::{as_asked, choose, choose_written},
};
use crate::{
    DataError, Place, Position, TableError,
    source::{Packing, STANDARD_INPUT, Source},
};

/// The most rows that are read at a time.
const ROWS: usize = 65_536;
/// About how many cells are read at a time, so that wide tables do not take more memory than long ones.
const CELLS: usize = 2 << 20;

/// Opens a Parquet file; only the columns that the options ask for are read.
pub(super) fn open_parquet(file: Arc<Path>, source: Source, options: &ReadOptions) -> Result<Batches, DataError> {
    let opened = seekable(&file, &source, "Parquet")?;
    let guard = Guard { file: file.clone(), format: "Parquet" };
    let builder = guard.run(|| ParquetRecordBatchReaderBuilder::try_new(opened))?;
    let names = names(builder.schema());
    let chosen = choose(&file, &names, options)?;
    let copied = choose_written(&file, &names, options)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), chosen.iter().chain(&copied).copied());
    let rows = (CELLS / (chosen.len() + copied.len()).max(1)).clamp(1, ROWS);
    let reader = guard.run(|| builder.with_projection(mask).with_batch_size(rows).build())?;
    Ok(batches(guard, reader, names, [chosen, copied], options))
}

/// Opens an Arrow IPC file or stream.
pub(super) fn open_ipc(file: Arc<Path>, mut source: Source, options: &ReadOptions) -> Result<Batches, DataError> {
    let guard = Guard { file: file.clone(), format: "Arrow" };
    if source.peek(&file, 6)?.starts_with(b"ARROW1") {
        let opened = BufReader::new(seekable(&file, &source, "Arrow")?);
        let reader = guard.run(|| FileReader::try_new(opened, None))?;
        let names = names(&reader.schema());
        let chosen = [choose(&file, &names, options)?, choose_written(&file, &names, options)?];
        return Ok(batches(guard, reader, names, chosen, options));
    }
    let reader = guard.run(|| StreamReader::try_new(BufReader::new(source), None))?;
    let names = names(&reader.schema());
    let chosen = [choose(&file, &names, options)?, choose_written(&file, &names, options)?];
    Ok(batches(guard, reader, names, chosen, options))
}

/// A file that can be read from its end.
fn seekable(file: &Path, source: &Source, format: &'static str) -> Result<File, DataError> {
    if source.packing != Packing::Plain || file == Path::new(STANDARD_INPUT) {
        return Err(TableError::NeedsFile { format }.into());
    }
    File::open(file).map_err(|cause| DataError::Unreadable { file: file.to_path_buf(), cause })
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// Runs what decodes an untrusted file.
struct Guard {
    file: Arc<Path>,
    format: &'static str,
}

impl Guard {
    /// The decoders give errors for nearly all damage, but not for all: a panic in one becomes an error, too.
    fn run<T, E: std::fmt::Display>(&self, decode: impl FnOnce() -> Result<T, E>) -> Result<T, DataError> {
        let damaged = |cause: String| TableError::Damaged { file: self.file.to_path_buf(), format: self.format, cause };
        match catch_unwind(AssertUnwindSafe(decode)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(cause)) => Err(damaged(cause.to_string()).into()),
            Err(_) => Err(damaged("its parts contradict each other".to_string()).into()),
        }
    }
}

fn batches(
    guard: Guard,
    mut reader: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    names: Vec<String>,
    chosen: [Vec<usize>; 2],
    options: &ReadOptions,
) -> Batches {
    let options = options.clone();
    let (mut first, mut done) = (0, false);
    Box::new(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let next = guard.run(|| reader.next().transpose()).and_then(|batch| {
            let Some(batch) = batch else {
                let file = guard.file.to_path_buf();
                return if first > 0 { Ok(None) } else { Err(TableError::HeaderOnly { file }.into()) };
            };
            let frame = frame(&guard, &batch, first, &names, &chosen, &options)?;
            first += batch.num_rows() as u64;
            Ok(Some(frame))
        });
        done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }))
}

fn frame(
    guard: &Guard,
    batch: &RecordBatch,
    first: u64,
    names: &[String],
    [chosen, copied]: &[Vec<usize>; 2],
    options: &ReadOptions,
) -> Result<Frame, DataError> {
    let origin = Origin { row: 0, file: guard.file.clone(), first: Position::Row(first + 1) };
    let array = |name: &str| {
        let cause = || format!("the column {name} is not in every part");
        batch.column_by_name(name).ok_or_else(|| TableError::Damaged {
            file: guard.file.to_path_buf(),
            format: guard.format,
            cause: cause(),
        })
    };
    let nested = |column: &str, what: String| {
        DataError::from(TableError::Nested { file: guard.file.to_path_buf(), column: column.to_string(), what })
    };
    let columns = chosen.iter().map(|&column| {
        let name = &names[column];
        let array = array(name)?;
        let cells =
            guard.run(|| Ok::<_, std::convert::Infallible>(cells(array)))?.map_err(|what| nested(name, what))?;
        if let Cells::Numbers(numbers) = &cells
            && let Some(row) = numbers.iter().position(|number| number.is_infinite())
        {
            let position = Position::Row(first + row as u64 + 1);
            let place = Place { file: guard.file.to_path_buf(), position };
            let (column, text) = (name.clone(), numbers[row].to_string());
            return Err(TableError::NotFinite { place, column, text }.into());
        }
        as_asked(Column { name: name.clone(), cells }, &origin, options)
    });
    let copies = copied.iter().map(|&column| {
        let name = &names[column];
        let array = array(name)?;
        let written = guard.run(|| Ok::<_, std::convert::Infallible>(written(name, array)))?;
        written.map_err(|what| nested(name, what))
    });
    let copies = copies.collect::<Result<_, DataError>>()?;
    Ok(Frame::with_origins(columns.collect::<Result<_, DataError>>()?, vec![origin.clone()]).with_written(copies))
}

/// The values of an array as text, nothing where there is none; its type in words where there is no text for it.
fn written(name: &str, array: &ArrayRef) -> Result<Written, String> {
    let mut copy = Written::new(name);
    match array.data_type() {
        // A number of 64 bits may have more digits than one with a fraction holds, and one of 32 bits has fewer.
        DataType::Int64 => push_all::<Int64Type>(&mut copy, array),
        DataType::UInt64 => push_all::<UInt64Type>(&mut copy, array),
        DataType::Float32 => push_all::<Float32Type>(&mut copy, array),
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(|text| copy.push(text.unwrap_or(""))),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(|text| copy.push(text.unwrap_or(""))),
        DataType::Utf8View => array.as_string_view().iter().for_each(|text| copy.push(text.unwrap_or(""))),
        _ => {
            let cells = cells(array)?;
            (0..cells.len()).for_each(|row| copy.push(&cells.written(row)));
        }
    }
    Ok(copy)
}

fn push_all<T: ArrowPrimitiveType>(copy: &mut Written, array: &ArrayRef)
where
    T::Native: std::fmt::Display,
{
    let text = |value: Option<T::Native>| value.map_or(String::new(), |value| value.to_string());
    array.as_primitive::<T>().iter().for_each(|value| copy.push(&text(value)));
}

/// The cells of an array; its type in words where there is no cell for it.
fn cells(array: &ArrayRef) -> Result<Cells, String> {
    Ok(match array.data_type() {
        DataType::Null => Cells::Numbers(vec![f64::NAN; array.len()]),
        DataType::Int8 => numbers::<Int8Type>(array, f64::from),
        DataType::Int16 => numbers::<Int16Type>(array, f64::from),
        DataType::Int32 => numbers::<Int32Type>(array, f64::from),
        DataType::Int64 => numbers::<Int64Type>(array, |value| value as f64),
        DataType::UInt8 => numbers::<UInt8Type>(array, f64::from),
        DataType::UInt16 => numbers::<UInt16Type>(array, f64::from),
        DataType::UInt32 => numbers::<UInt32Type>(array, f64::from),
        DataType::UInt64 => numbers::<UInt64Type>(array, |value| value as f64),
        DataType::Float16 => numbers::<Float16Type>(array, f64::from),
        DataType::Float32 => numbers::<Float32Type>(array, f64::from),
        DataType::Float64 => numbers::<Float64Type>(array, |value| value),
        DataType::Decimal128(_, scale) => {
            let unit = 10f64.powi(i32::from(*scale));
            numbers::<arrow_array::types::Decimal128Type>(array, |value| value as f64 / unit)
        }
        DataType::Date32 => times::<Date32Type>(array, |days| f64::from(days) * 86_400.0),
        DataType::Date64 => times::<Date64Type>(array, |milliseconds| milliseconds as f64 / 1e3),
        DataType::Timestamp(TimeUnit::Second, _) => times::<TimestampSecondType>(array, |value| value as f64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            times::<TimestampMillisecondType>(array, |value| value as f64 / 1e3)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            times::<TimestampMicrosecondType>(array, |value| value as f64 / 1e6)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            times::<TimestampNanosecondType>(array, |value| value as f64 / 1e9)
        }
        DataType::Boolean => {
            let word = |value| if value { "true" } else { "false" };
            texts(array.as_boolean().iter().map(|value| value.map(word)))
        }
        DataType::Utf8 => texts(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(array.as_string_view().iter()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let Cells::Texts(values) = cells(dictionary.values())? else {
                return Err("a dictionary of other things than texts".to_string());
            };
            let keys = dictionary.normalized_keys();
            texts(keys.iter().enumerate().map(
                |(row, &key)| {
                    if dictionary.keys().is_null(row) { None } else { values.get(key) }
                },
            ))
        }
        other => return Err(format!("values of type {other}")),
    })
}

fn values<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> f64) -> Vec<f64> {
    array.as_primitive::<T>().iter().map(|value| value.map_or(f64::NAN, &convert)).collect()
}

fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> f64) -> Cells {
    Cells::Numbers(values::<T>(array, convert))
}

fn times<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> f64) -> Cells {
    Cells::Times(values::<T>(array, convert))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Cells {
    let trimmed = values.map(|text| text.map(str::trim).filter(|text| !is_missing(text.as_bytes())));
    Cells::Texts(trimmed.collect::<Texts>())
}
