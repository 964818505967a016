//! Tables that are encoded into a file, because they do not fit in memory.

use std::{fmt::Write, path::Path};

use chainrule_data::{ClassWeights, Dataset, LEAST_MEMORY, SampleOptions, SplitBy, StoredSamples, Target, Values};

fn options(target: &str) -> SampleOptions {
    SampleOptions { validation: Some(0.1), seed: 3, ..SampleOptions::new(target) }
}

/// A table whose rows tell their number: 20 customers, three classes of which one is rare, gaps in the target.
fn table(folder: &Path, rows: usize) -> std::path::PathBuf {
    let mut text = String::from("number,customer,class,weight\n");
    for row in 0..rows {
        let class = match row {
            _ if row % 50 == 7 => "",
            _ if row == rows / 2 => "rare",
            _ if row % 4 == 0 => "few",
            _ => "many",
        };
        writeln!(text, "{row}.5,customer {},{class},{}", row * 7 % 20, row % 3).unwrap();
    }
    let path = folder.join("table.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// All rows to train on.
fn whole(samples: &StoredSamples) -> Dataset {
    let mut all = samples.train.none();
    let blocks: Vec<u32> = (0..samples.train.blocks() as u32).collect();
    samples.train.read(&blocks, &mut all).unwrap();
    all
}

/// The first feature of each row, which is its number on a scale.
fn numbers(data: &Dataset) -> Vec<f32> {
    let Values::Floats(values) = data.features.values() else { panic!("features are floats") };
    values.chunks(data.columns()).map(|row| row[0]).collect()
}

#[test]
fn every_row_is_trained_on_or_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 5000);
    let samples = options("class").read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    let (train, test) = (whole(&samples), samples.test.clone().unwrap());
    assert_eq!(samples.without_target, 100);
    assert_eq!(train.len() + test.len() + samples.validation.len(), 4900);
    for (part, share) in [(&test, 0.2), (&samples.validation, 0.08)] {
        assert!((part.len() as f64 / 4900.0 - share).abs() < 0.02, "{} rows", part.len());
    }
    let mut all: Vec<f32> = [&train, &test, &samples.validation].into_iter().flat_map(numbers).collect();
    all.sort_by(f32::total_cmp);
    all.dedup();
    assert_eq!(all.len(), 4900, "each row is there once");
    // A class of one row is known, wherever that row is.
    let Some(Target::Classes { names, .. }) = &train.target else { panic!("the target is classes") };
    assert_eq!(names, &["few", "many", "rare"]);
    // The table itself is the only file.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = options("class").read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    assert_eq!((whole(&again), &again.test, &again.validation), (train, &samples.test, &samples.validation));
    assert_eq!(again.train.fingerprint(), samples.train.fingerprint());
    let other =
        SampleOptions { seed: 4, ..options("class") }.read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    assert_ne!(other.train.fingerprint(), samples.train.fingerprint());
}

#[test]
fn weights_are_those_of_the_column_and_the_class() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 3000);
    let options = SampleOptions {
        weight: Some("weight".into()),
        class_weights: ClassWeights::Given(vec![("few".into(), 4.0)]),
        ..options("class")
    };
    let samples = options.read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    let in_memory = options.read(&[&path]).unwrap();
    assert!(samples.kinds.to_string().contains("weight"), "{}", samples.kinds);
    for data in [whole(&samples), in_memory.train] {
        let weights = data.weights.as_ref().unwrap();
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        // Two weights of the column and none, times one or four.
        let mut different: Vec<f32> = weights.clone();
        different.sort_by(f32::total_cmp);
        different.dedup();
        let unit = different[1];
        let ratios: Vec<f32> = different.iter().map(|weight| (weight / unit).round()).collect();
        assert_eq!(ratios, [0.0, 1.0, 2.0, 4.0, 8.0]);
    }
    assert_eq!(samples.test.unwrap().weights, None);
}

#[test]
fn groups_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 3000);
    let options = SampleOptions { split: SplitBy::Group("customer".into()), test: 0.3, ..options("class") };
    let samples = options.read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    assert!(samples.encoder.columns().all(|(name, _)| name != "customer"));
    let test = samples.test.as_ref().unwrap();
    // The same customers in memory: 7 · row mod 20 tells them apart.
    let all: Vec<f32> = {
        let mut all: Vec<f32> = [&whole(&samples), test, &samples.validation].into_iter().flat_map(numbers).collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let rows: Vec<usize> = (0..3000).filter(|row| row % 50 != 7).collect();
    let customers = |data: &Dataset| -> std::collections::BTreeSet<usize> {
        let position = |number: &f32| all.binary_search_by(|other| other.total_cmp(number)).unwrap();
        numbers(data).iter().map(|number| rows[position(number)] * 7 % 20).collect()
    };
    assert!(!test.is_empty() && customers(test).is_disjoint(&customers(&whole(&samples))));
    assert!(customers(test).is_disjoint(&customers(&samples.validation)));
}

#[test]
fn values_and_what_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 3000);
    let samples = options("number").read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap();
    let Some(Target::Values { values, names }) = whole(&samples).target else { panic!("numbers are values") };
    assert!(names == ["number"] && values.iter().all(|value| value.fract() == 0.5));

    let error = |options: &SampleOptions, path: &Path| {
        options.read_stored(&[path], LEAST_MEMORY, folder.path()).unwrap_err().to_string()
    };
    assert!(error(&options("class"), Path::new("-")).contains("read twice"));
    assert!(error(&options("klass"), &path).contains("did you mean \"class\"?"));
    let by_time = SampleOptions { split: SplitBy::Time("number".into()), ..options("class") };
    assert!(error(&by_time, &path).contains("--time"));
    let nowhere = options("class").read_stored(&[&path], LEAST_MEMORY, Path::new("/no/such/folder"));
    assert!(nowhere.unwrap_err().to_string().contains("/no/such/folder"));
    let constant = folder.path().join("constant.csv");
    std::fs::write(&constant, "a,b\n1,x\n2,x\n3,x\n").unwrap();
    let every = SampleOptions { test: 0.0, validation: Some(0.0), ..options("b") };
    assert!(error(&every, &constant).contains("\"x\""));
    std::fs::write(&constant, "a,b\n1,\n2,\n").unwrap();
    assert!(error(&every, &constant).contains("no value"));
}

#[test]
fn a_value_without_logarithm_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let rows: String =
        (0..400).map(|i| format!("{i}.5,{}\n", if i == 321 { 0.0 } else { 1.5 + f64::from(i) })).collect();
    std::fs::write(&path, format!("area,price\n{rows}")).unwrap();
    let positive = SampleOptions { positive: true, ..options("price") };
    let in_memory = positive.read(&[&path]).unwrap_err().to_string();
    let stored = positive.read_stored(&[&path], LEAST_MEMORY, folder.path()).unwrap_err().to_string();
    for error in [in_memory, stored] {
        for part in ["table.csv", "line 323", "\"price\"", "\"0\" has no logarithm", "--target-scale plain"] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }
    assert!(options("price").read(&[&path]).is_ok());
}
