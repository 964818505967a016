//! Reading IDX files, whole and damaged.

use std::{fs, path::Path};

use crate::assert_error;
use crate::common::{gzip, write};
use chainrule_data::{DataError, TableError, Target, Values, read_idx, read_idx_folder};
use proptest::prelude::*;
use tempfile::tempdir;

fn idx(code: u8, dims: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, code, dims.len() as u8];
    for dim in dims {
        file.extend(dim.to_be_bytes());
    }
    file.extend(elements);
    file
}

/// Two images of two pixels each, and their labels.
fn write_set(dir: &Path, prefix: &str, labels: [u8; 2]) {
    write(dir, &format!("{prefix}-images-idx3-ubyte"), &idx(8, &[2, 1, 2], &[1, 2, 3, 4]));
    write(dir, &format!("{prefix}-labels-idx1-ubyte"), &idx(8, &[2], &labels));
}

#[test]
fn reads_every_element_type() {
    let dir = tempdir().unwrap();
    let floats = [-2.5f32, 1e30].map(f32::to_be_bytes).concat();
    let doubles = [-2.5f64, 1e30].map(f64::to_be_bytes).concat();
    let cases: [(u8, &[u8], Values); 6] = [
        (0x08, &[1, 255], Values::Bytes(vec![1, 255])),
        (0x09, &[1, 255], Values::Floats(vec![1.0, -1.0])),
        (0x0b, &[1, 2, 255, 254], Values::Floats(vec![258.0, -2.0])),
        (0x0c, &[0, 1, 0, 0, 255, 255, 255, 255], Values::Floats(vec![65536.0, -1.0])),
        (0x0d, &floats, Values::Floats(vec![-2.5, 1e30])),
        (0x0e, &doubles, Values::Floats(vec![-2.5, 1e30])),
    ];
    for (code, elements, expected) in cases {
        let file = idx(code, &[1, 2], elements);
        for content in [gzip(&file), file] {
            let array = read_idx(write(dir.path(), "a", &content)).unwrap();
            assert_eq!((array.dims, &array.values), (vec![1, 2], &expected));
        }
    }
}

#[test]
fn refuses_what_is_not_idx() {
    let dir = tempdir().unwrap();
    let file = |content: &[u8]| write(dir.path(), "a.idx", content);
    let path = file(b"");
    assert_error!(read_idx(&path), path, DataError::EmptyFile { .. }, "empty");
    let path = file(&gzip(b""));
    assert_error!(read_idx(&path), path, DataError::EmptyFile { .. }, "empty");
    let path = file(b"\x89PNG");
    assert_error!(read_idx(&path), path, DataError::NotIdx { .. }, "89 50 4e 47", "00 00");
    let path = file(&[0, 0, 8]);
    assert_error!(read_idx(&path), path, DataError::NotIdx { .. }, "00 00 08");
    let path = file(&[0, 0, 8, 0, 7]);
    assert_error!(read_idx(&path), path, DataError::NotIdx { .. }, "00 00 08 00");
    let path = file(&idx(0x0a, &[1], &[1]));
    assert_error!(read_idx(&path), path, DataError::UnknownElementType { code: 10, .. }, "0x0a");
    let path = dir.path().join("none");
    assert_error!(read_idx(&path), path, DataError::Missing { .. }, "check the path");
    assert_error!(read_idx(dir.path()), dir.path(), DataError::NotAFile { .. }, "folder");
}

#[test]
fn refuses_sizes_the_file_does_not_have() {
    let dir = tempdir().unwrap();
    let file = |content: &[u8]| write(dir.path(), "a.idx", content);
    let path = file(&[0, 0, 8, 3, 0, 0, 0, 1]);
    assert_error!(read_idx(&path), path, DataError::Truncated { expected: 16, found: 8, .. }, "cut short");
    let path = file(&idx(8, &[5], &[1, 2]));
    assert_error!(read_idx(&path), path, DataError::Truncated { expected: 13, found: 10, .. }, "13", "10");
    let path = file(&gzip(&idx(8, &[5], &[1, 2])));
    assert_error!(read_idx(&path), path, DataError::Truncated { expected: 13, found: 10, .. }, "13", "10");
    let path = file(&gzip(&idx(0x0e, &[2], &[0; 15])));
    assert_error!(read_idx(&path), path, DataError::Truncated { expected: 24, found: 23, .. }, "24", "23");
    for code in [8, 9] {
        let path = file(&idx(code, &[2], &[1, 2, 3]));
        assert_error!(read_idx(&path), path, DataError::TrailingData { .. }, "10 bytes");
        let path = file(&gzip(&idx(code, &[2], &[1, 2, 3])));
        assert_error!(read_idx(&path), path, DataError::TrailingData { .. }, "10 bytes");
    }
    let huge = idx(8, &[1 << 20, 1 << 20], &[1, 2]);
    let path = file(&huge);
    assert_error!(read_idx(&path), path, DataError::Truncated { found: 14, .. }, "1099511627788");
    let path = file(&gzip(&huge));
    assert_error!(read_idx(&path), path, DataError::DeclaredTooLarge { .. }, "1099511627788");
    let path = file(&idx(8, &[u32::MAX, u32::MAX], &[]));
    assert_error!(read_idx(&path), path, DataError::SizeOverflow { .. }, "4294967295 x 4294967295");
}

#[test]
fn refuses_damaged_gzip() {
    let dir = tempdir().unwrap();
    let whole = gzip(&idx(8, &[4096], &(0..4096).map(|i| (i * i / 7) as u8).collect::<Vec<_>>()));
    let half = write(dir.path(), "half.gz", &whole[..whole.len() / 2]);
    assert_error!(read_idx(&half), half, DataError::CorruptPacking { .. }, "damaged");
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    let path = write(dir.path(), "sum.gz", &wrong_sum);
    assert_error!(read_idx(&path), path, DataError::CorruptPacking { .. }, "download it again");
    let path = write(dir.path(), "tail.gz", &[whole.as_slice(), b"more"].concat());
    assert_error!(read_idx(&path), path, DataError::CorruptPacking { .. }, "damaged");
    let path = write(dir.path(), "header.gz", &whole[..2]);
    assert_error!(read_idx(&path), path, DataError::CorruptPacking { .. }, "damaged");
}

#[test]
fn refuses_numbers_without_f32() {
    let dir = tempdir().unwrap();
    for (value, text) in [(f64::NAN, "NaN"), (1e300, "1000000"), (f64::NEG_INFINITY, "-inf")] {
        let path = write(dir.path(), "a", &idx(0x0e, &[2], &[0.0, value].map(f64::to_be_bytes).concat()));
        assert_error!(read_idx(&path), path, DataError::BadElement { index: 1, .. }, text, "element 1");
    }
}

#[test]
fn reads_a_folder_under_any_of_the_usual_names() {
    for (test, separator, packed) in [("t10k", '-', false), ("test", '.', true)] {
        let dir = tempdir().unwrap();
        for prefix in ["train", test] {
            let names = [format!("images{separator}idx3"), format!("labels{separator}idx1")];
            let files = [idx(8, &[2, 1, 2], &[1, 2, 3, 4]), idx(8, &[2], &[9, 3])];
            for (name, file) in names.iter().zip(files) {
                let (ending, file) = if packed { (".gz", gzip(&file)) } else { ("", file) };
                write(dir.path(), &format!("{prefix}-{name}-ubyte{ending}"), &file);
            }
        }
        let folder = read_idx_folder(dir.path()).unwrap();
        assert_eq!(folder.train.features.values(), &Values::Bytes(vec![1, 2, 3, 4]));
        assert_eq!(folder.train.feature_names, ["pixel 0,0", "pixel 0,1"]);
        let target = Target::Classes { labels: vec![1, 0], names: vec!["3".into(), "9".into()] };
        assert_eq!(folder.train.target.as_ref(), Some(&target));
        assert_eq!(folder.test.unwrap().target, Some(target));
    }
}

#[test]
fn names_the_files_a_folder_lacks() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    let names = ["train-images-idx3-ubyte", "train-images.idx3-ubyte.gz"];
    assert_error!(read_idx_folder(path), path, DataError::MissingFiles { .. }, names[0], names[1]);
    write_set(path, "train", [0, 1]);
    assert!(read_idx_folder(path).unwrap().test.is_none());
    write_set(path, "t10k", [0, 1]);
    fs::remove_file(path.join("t10k-labels-idx1-ubyte")).unwrap();
    assert_error!(read_idx_folder(path), path, DataError::MissingFiles { .. }, "t10k-labels-idx1-ubyte.gz");
    let none = path.join("none");
    assert_error!(read_idx_folder(&none), none, DataError::Missing { .. }, "check the path");
    let file = path.join("train-images-idx3-ubyte");
    assert_error!(read_idx_folder(&file), file, DataError::NotAFolder { .. }, "folder");
}

#[test]
fn refuses_images_and_labels_that_do_not_belong_together() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    let (images, labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let read = |image_dims: &[u32], label_code: u8, label_dims: &[u32], label_bytes: &[u8]| {
        let size = image_dims.iter().product::<u32>() as usize;
        write(path, images, &idx(8, image_dims, &vec![0; size]));
        write(path, labels, &idx(label_code, label_dims, label_bytes));
        read_idx_folder(path)
    };
    let (image_file, label_file) = (path.join(images), path.join(labels));
    assert_error!(read(&[3, 1, 1], 8, &[2], &[0, 1]), image_file, DataError::CountMismatch { .. }, labels, "3", "2");
    assert_error!(read(&[0, 28, 28], 8, &[0], &[]), image_file, DataError::NoImages { .. }, "0 x 28 x 28");
    assert_error!(read(&[2, 0, 1], 8, &[2], &[0, 1]), image_file, DataError::NoImages { .. }, "2 x 0 x 1");
    assert_error!(read(&[2, 1], 8, &[2], &[0, 1]), image_file, DataError::WrongDimensions { .. }, "images have 3");
    assert_error!(
        read(&[2, 1, 1], 8, &[2, 1], &[0, 1]),
        label_file,
        DataError::WrongDimensions { .. },
        "labels have 1"
    );
    assert_error!(read(&[2, 1, 1], 8, &[2], &[4, 4]), label_file, DataError::OneLabel { .. }, "every label", "is 4");
    let fractions = [0.0f32, 0.5].map(f32::to_be_bytes).concat();
    assert_error!(
        read(&[2, 1, 1], 0x0d, &[2], &fractions),
        label_file,
        DataError::BadLabel { index: 1, .. },
        "label 1",
        "0.5"
    );
    let many: Vec<u8> = (0..65_537i32).flat_map(i32::to_be_bytes).collect();
    assert_error!(
        read(&[65_537, 1, 1], 0x0c, &[65_537], &many),
        label_file,
        DataError::Table(TableError::TooManyClasses { .. }),
        "65536"
    );
    assert!(read(&[65_536, 1, 1], 0x0c, &[65_536], &many[4..]).is_ok());
}

#[test]
fn refuses_a_test_set_of_another_kind() {
    let dir = tempdir().unwrap();
    write_set(dir.path(), "train", [0, 1]);
    write_set(dir.path(), "test", [1, 2]);
    let labels = dir.path().join("test-labels-idx1-ubyte");
    assert_error!(read_idx_folder(dir.path()), labels, DataError::UnknownLabel { index: 1, .. }, "is 2");
    write_set(dir.path(), "test", [1, 1]);
    let images = write(dir.path(), "test-images-idx3-ubyte", &idx(8, &[2, 2, 1], &[1, 2, 3, 4]));
    assert_error!(read_idx_folder(dir.path()), images, DataError::ImageSizeMismatch { .. }, "2 x 1", "1 x 2");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(content in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = tempdir().unwrap();
        let _ = read_idx(write(dir.path(), "a", &content));
    }

    #[test]
    fn random_bytes_after_a_fair_start_never_panic(
        gzipped: bool, code in 7u8..16, rank in 0u8..4, tail in prop::collection::vec(0u8..4, 0..60),
    ) {
        let dir = tempdir().unwrap();
        let content = [[0, 0, code, rank].as_slice(), &tail].concat();
        let _ = read_idx(write(dir.path(), "a", &if gzipped { gzip(&content) } else { content }));
    }

    #[test]
    fn gzip_with_a_flipped_bit_never_panics(at: prop::sample::Index, bit in 0..8) {
        let dir = tempdir().unwrap();
        let mut content = gzip(&idx(8, &[100], &[7; 100]));
        let at = at.index(content.len());
        content[at] ^= 1u8 << bit;
        let _ = read_idx(write(dir.path(), "a", &content));
    }

    #[test]
    fn what_is_written_is_read(rows in 0usize..40, cols in 0usize..40, gzipped: bool, seed: u8) {
        let dir = tempdir().unwrap();
        let elements: Vec<u8> = (0..rows * cols).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let content = idx(8, &[rows as u32, cols as u32], &elements);
        let path = write(dir.path(), "a", &if gzipped { gzip(&content) } else { content });
        let array = read_idx(path).unwrap();
        prop_assert_eq!(array.dims, vec![rows, cols]);
        prop_assert_eq!(array.values, Values::Bytes(elements));
    }
}
