//! Archives of NumPy arrays: each a column or several.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    Cells, ReadOptions, Written,
    npy::{Header, frame},
    read::Batches,
    record::{check_count, choose, choose_written},
};
use crate::{
    DataError, TableError,
    source::{Packing, STANDARD_INPUT, Source},
};

/// Opens an archive of arrays, each a column or several.
pub(super) fn open_archive(file: Arc<Path>, source: Source, options: &ReadOptions) -> Result<Batches, DataError> {
    if source.packing != Packing::Plain || &*file == Path::new(STANDARD_INPUT) {
        return Err(TableError::NeedsFile { format: "NPZ" }.into());
    }
    let unreadable = |cause| DataError::Unreadable { file: file.to_path_buf(), cause };
    let damaged = |cause: zip::result::ZipError| {
        DataError::from(TableError::Damaged { file: file.to_path_buf(), format: "NPZ", cause: cause.to_string() })
    };
    let opened = File::open(&file).map_err(unreadable)?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(opened)).map_err(damaged)?;
    let mut names = Vec::new();
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(damaged)?;
        let name = member.name().map_err(damaged)?.trim_end_matches(".npy").to_string();
        let header = Header::read(&file, &mut { member })?;
        check_count(&file, names.len() + header.columns)?;
        let first = names.len();
        match header.columns {
            1 => names.push(name),
            many => names.extend((1..=many).map(|number| format!("{name} {number}"))),
        }
        members.push((index, first..names.len()));
    }
    if names.is_empty() {
        let (file, cause) = (file.to_path_buf(), "it holds no array".to_string());
        return Err(TableError::Damaged { file, format: "NPZ", cause }.into());
    }
    let chosen = choose(&file, &names, options)?;
    let copied = choose_written(&file, &names, options)?;
    let mut cells: Vec<Option<Cells>> = vec![None; names.len()];
    let mut copies: Vec<Written> = copied.iter().map(|&column| Written::new(&names[column])).collect();
    let mut rows: Option<usize> = None;
    for (index, range) in members {
        if !chosen.iter().chain(&copied).any(|column| range.contains(column)) {
            continue;
        }
        let mut member = archive.by_index(index).map_err(damaged)?;
        let header = Header::read(&file, &mut member)?;
        if let Some(expected) = rows.replace(header.rows).filter(|&expected| expected != header.rows) {
            let cause = format!("an array has {expected} rows and another {}", header.rows);
            return Err(TableError::Damaged { file: file.to_path_buf(), format: "NPZ", cause }.into());
        }
        let bytes = header.read_rows(&file, Packing::Plain, &mut member, header.rows)?;
        for (copy, column) in copies.iter_mut().zip(&copied).filter(|(_, column)| range.contains(column)) {
            *copy = header.copy(&names[*column], &bytes, header.rows, column - range.start);
        }
        for (slot, column) in cells[range].iter_mut().zip(header.decode(&file, &bytes, 0, header.rows)?) {
            *slot = Some(column);
        }
    }
    let columns = chosen.iter().filter_map(|&column| Some((names[column].clone(), cells[column].take()?)));
    let frame = frame(&file, 0, columns, options)?.with_written(copies);
    Ok(Box::new(std::iter::once(Ok(frame))))
}
