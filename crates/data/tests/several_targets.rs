//! Several columns of numbers to predict at once.

use std::path::{Path, PathBuf};

use chainrule_data::{
    Dataset, Form, LEAST_MEMORY, SampleOptions, Target, Task, Values, read_known, read_table_with_columns,
};

fn options() -> SampleOptions {
    let targets = vec!["price".to_string(), "rent".to_string()];
    SampleOptions { targets, test: 0.0, validation: Some(0.0), ..SampleOptions::new("") }
}

/// Flats whose price and rent tell their number; two rows lack one of them.
fn flats(folder: &Path, rows: usize) -> PathBuf {
    let row = |i: usize| {
        let price = if i == 3 { String::new() } else { format!("{}", 1000 + i) };
        let rent = if i == 5 { "NA".to_string() } else { format!("{}", 10 + i) };
        format!("{price},{}.5,{rent},{}\n", i % 7, ["north", "south"][i % 2])
    };
    write(folder, &format!("price,area,rent,side\n{}", (0..rows).map(row).collect::<String>()))
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("flats.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// The values of each row.
fn pairs(data: &Dataset) -> Vec<[f32; 2]> {
    let Some(Target::Values { values, names }) = &data.target else { panic!("the targets are values") };
    assert_eq!(names, &["price", "rent"]);
    values.as_chunks::<2>().0.to_vec()
}

#[test]
fn each_row_has_a_value_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let samples = options().read(&[flats(folder.path(), 40)]).unwrap();
    assert_eq!((samples.train.len(), samples.without_target), (38, 2));
    let found = pairs(&samples.train);
    assert!(found.iter().all(|[price, rent]| price - rent == 990.0));
    assert!(!found.iter().any(|[price, _]| [1003.0, 1005.0].contains(price)));
    assert_eq!(samples.train.feature_names, ["area", "side=north", "side=south"]);

    let some = samples.train.target.as_ref().unwrap().select(&[2, 0]);
    assert_eq!(some, Target::Values { values: vec![1002.0, 12.0, 1000.0, 10.0], names: options().targets });
    assert_eq!(some.column(1), Some(Target::value(vec![12.0, 10.0], "rent")));
}

#[test]
fn a_file_of_samples_has_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = flats(folder.path(), 3000);
    let samples = options().read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    let mut all = samples.train.none();
    let blocks: Vec<u32> = (0..samples.train.blocks() as u32).collect();
    samples.train.read(&blocks, &mut all).unwrap();
    let mut found = pairs(&all);
    found.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let expected: Vec<[f32; 2]> =
        (0..3000).filter(|i| ![3, 5].contains(i)).map(|i| [1000.0 + i as f32, 10.0 + i as f32]).collect();
    assert_eq!((found, samples.without_target), (expected, 2));
}

#[test]
fn a_model_finds_its_targets_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let samples = options().read(&[flats(folder.path(), 40)]).unwrap();
    let targets = options().targets;
    let known = |text: &str| {
        let path = write(folder.path(), text);
        read_known(&[&path], &Form::default(), &samples.encoder, Some((&targets, None)))
    };
    let there = known("side,rent,area,price\nnorth,11,1.5,1001\n").unwrap().data;
    assert_eq!(pairs(&there), [[1001.0, 11.0]]);
    let gap = known("side,rent,area,price\nnorth,NA,1.5,1001\nsouth,12,2.5,1002\n").unwrap();
    assert_eq!((pairs(&gap.data), gap.without_target), (vec![[1002.0, 12.0]], 1));
    assert_eq!(known("side,area\nnorth,1.5\n").unwrap().data.target, None);
    assert!(known("side,area,rent\nnorth,1.5,3\n").unwrap_err().to_string().contains("price"));

    let path = write(folder.path(), "a,price,rent\n1,2,3\n");
    let plain = read_table_with_columns(&path, &Form::default(), &["a".to_string()], Some((&targets, None))).unwrap();
    assert_eq!((pairs(&plain), plain.features.values()), (vec![[2.0, 3.0]], &Values::Floats(vec![1.0])));
}

#[test]
fn says_what_is_wrong_with_one_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |text: &str, options: &SampleOptions| {
        let path = write(folder.path(), text);
        let stored = options.read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap_err().to_string();
        (options.read(&[&path]).unwrap_err().to_string(), stored)
    };
    let positive = SampleOptions { positive: true, ..options() };
    for (text, options, says) in [
        ("price,area\n1,2\n2,3\n", options(), ["rent", "no column"].as_slice()),
        ("price,rent\n1,2\n2,3\n", options(), &["price, rent"]),
        ("price,rent,area\n1,7,2\n2,7,3\n", options(), &["every row", "7", "rent"]),
        ("price,rent,area\n1,7,2\n2,many,3\n", options(), &["line 3", "many", "rent"]),
        ("price,rent,area\n1,,2\n,7,3\n", options(), &["price, rent", "no value"]),
        ("price,rent,area\n1,-4,2\n2,7,3\n5,6,4\n", positive, &["line 2", "-4", "rent", "--target-scale plain"]),
    ] {
        let (whole, stored) = wrong(text, &options);
        for error in [whole, stored] {
            assert!(says.iter().all(|word| error.contains(word)), "{says:?} in {error}");
        }
    }
    let classes = SampleOptions { task: Task::Classify, ..options() };
    let path = write(folder.path(), "price,rent,area\n1,7,2\n2,8,3\n");
    assert!(classes.read(&[&path]).unwrap_err().to_string().contains("price"));
}
