//! Columns as features.

use crate::common::write;
use chainrule_data::{
    Cells, Column, DataError, Encoded, Encoder, Frame, Kind, Kinds, LevelOptions, ReadOptions, TableError, Values,
    read_frame,
};
use proptest::prelude::*;
use tempfile::tempdir;

fn frame(text: &str) -> Frame {
    let dir = tempdir().unwrap();
    read_frame(&[write(dir.path(), "a.csv", text.as_bytes())], &ReadOptions::default()).unwrap()
}

fn all(frame: &Frame) -> Vec<u32> {
    (0..frame.rows() as u32).collect()
}

fn fit(frame: &Frame, rows: &[u32]) -> Encoder {
    let kinds = Kinds::infer(frame, rows, &[("target", Kind::Target)], &ReadOptions::default()).unwrap();
    Encoder::fit(frame, rows, &kinds, &LevelOptions::default()).unwrap()
}

/// The feature of that name in every row.
fn feature(encoder: &Encoder, encoded: &Encoded, name: &str) -> Vec<f32> {
    let names = encoder.feature_names();
    let position = names.iter().position(|other| other == name).unwrap_or_else(|| panic!("{name} is not in {names:?}"));
    let Values::Floats(values) = encoded.features.values() else { panic!("features are floats") };
    values.iter().skip(position).step_by(names.len()).copied().collect()
}

const PEOPLE: &str = "age,sex,smokes,born,target\n\
    20,male,yes,2000-01-01,1\n,female,no,2000-01-08,2\n40,female,no,2000-01-16,3\n30,,yes,2000-01-30,4\n30,male,,2000-02-02,5\n";

#[test]
fn each_kind_has_its_features() {
    let people = frame(PEOPLE);
    let encoder = fit(&people, &all(&people));
    let names = [
        "age",
        "age=(missing)",
        "sex=female",
        "sex=male",
        "sex=(missing)",
        "smokes=yes",
        "smokes=(missing)",
        "born",
        "born sin of week",
        "born cos of week",
    ];
    assert_eq!(encoder.feature_names(), names);
    assert_eq!(encoder.columns().collect::<Vec<_>>(), [("age", 2), ("sex", 3), ("smokes", 2), ("born", 3)]);
    let encoded = encoder.encode(&people, &all(&people)).unwrap();
    let feature = |name| feature(&encoder, &encoded, name);
    let deviation = 50f32.sqrt();
    assert_eq!(feature("age"), [-10.0 / deviation, 0.0, 10.0 / deviation, 0.0, 0.0]);
    assert_eq!(feature("age=(missing)"), [0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(feature("sex=female"), [0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(feature("sex=(missing)"), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(feature("smokes=yes"), [1.0, 0.0, 0.0, 1.0, 1.0], "the missing one is the median");
    let week = feature("born sin of week");
    assert!((week[0] - week[1]).abs() < 1e-6 && (week[0] - week[2]).abs() > 0.1);
    assert_eq!(encoded.missing, [("age".to_string(), 1), ("sex".to_string(), 1), ("smokes".to_string(), 1)]);
    assert!(encoded.unknown.is_empty());
}

#[test]
fn nothing_is_learned_from_other_rows() {
    let people = frame(PEOPLE);
    let train = [0, 2, 3, 4];
    let encoder = fit(&people, &train);
    assert!(!encoder.feature_names().contains(&"age=(missing)".to_string()));
    let other = frame(&PEOPLE.replace(",female,no,2000-01-08", "99,other,no,1990-01-01"));
    assert_eq!(encoder, fit(&other, &train));
}

#[test]
fn a_trained_encoder_meets_new_rows() {
    let people = frame(&PEOPLE.replace("target\n", "target\n20,rare,yes,2000-01-01,1\n"));
    let encoder = fit(&people, &all(&people));
    let text = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder);
    assert!(encoder.is_sound());
    let start = text.find("\"deviation\":").unwrap() + "\"deviation\":".len();
    let end = start + text[start..].find('}').unwrap();
    let damaged = [&text[..start], "0.0", &text[end..]].concat();
    assert!(!serde_json::from_str::<Encoder>(&damaged).unwrap().is_sound());

    let dir = tempdir().unwrap();
    let read = |text: &str| {
        let path = write(dir.path(), "new.csv", text.as_bytes());
        read_frame(&[path], &encoder.read_options()).and_then(|frame| encoder.encode(&frame, &all(&frame)))
    };
    let encoded = read("born,smokes,sex,age,note\n2000-01-01,maybe,martian,1,x\n,,,,\n").unwrap();
    assert_eq!(feature(&encoder, &encoded, "sex=(other)"), [1.0, 0.0], "as the level that was rare in training");
    assert_eq!(encoded.unknown, [("sex".to_string(), 1), ("smokes".to_string(), 1)]);
    let counted: Vec<(&str, usize)> = encoded.missing.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counted, [("age", 1), ("sex", 1), ("smokes", 1), ("born", 1)]);

    let absent = read("born,smokes,sx,age\n2000-01-01,yes,male,1\n").unwrap_err().to_string();
    assert!(absent.contains("no column \"sex\" (did you mean \"sx\"?)"), "{absent}");
    let other = read("born,smokes,sex,age\n2000-01-01,yes,male,old\n").unwrap_err().to_string();
    assert!(other.contains("line 2, column \"age\": \"old\" is not a number"), "{other}");
    let other = read("born,smokes,sex,age\nlong ago,yes,male,1\n").unwrap_err().to_string();
    assert!(other.contains("\"born\": holds texts, where dates are expected"), "{other}");
    assert_eq!(read("born,smokes,sex,age\n,yes,male,1\n").unwrap().missing.len(), 1, "a column without values");
}

#[test]
fn many_levels_share_features() {
    let texts: Vec<String> = (0..5000).map(|row| format!("level {}", row % 1000)).collect();
    let cells = Cells::Texts(texts.iter().map(|text| Some(text.as_str())).collect());
    let many = Frame::new(vec![Column { name: "many".to_string(), cells }]);
    let encoder = fit(&many, &all(&many));
    assert_eq!(encoder.width(), 64 + 32);
    let encoded = encoder.encode(&many, &all(&many)).unwrap();
    let Values::Floats(values) = encoded.features.values() else { panic!() };
    assert!(values.chunks(96).all(|row| row.iter().sum::<f32>() == 1.0));
    // 936 levels in 32 features: no feature has more than 30 of them.
    let shared = feature(&encoder, &encoded, "many=(shared 32)");
    assert!((29.0 * 5.0..=30.0 * 5.0).contains(&shared.iter().sum::<f32>()));
}

#[test]
fn another_kind_is_refused() {
    let people = frame(PEOPLE);
    let encoder = fit(&people, &all(&people));
    let numbers = Column { name: "sex".to_string(), cells: Cells::Numbers(vec![1.0]) };
    let age = Column { name: "age".to_string(), cells: Cells::Numbers(vec![1.0]) };
    let error = encoder.encode(&Frame::new(vec![age, numbers]), &[0]).unwrap_err();
    assert!(matches!(error, DataError::Table(TableError::OtherKind { expected: "texts", .. })), "{error}");
}

proptest! {
    #[test]
    fn any_table_becomes_finite_features(
        rows in prop::collection::vec((
            prop::option::of(-3e38f64..3e38), prop::option::of("[a-e]{1,2}"), prop::option::of(-1e11f64..1e11),
        ), 3..80),
        split in 1usize..80,
    ) {
        let numbers = rows.iter().map(|row| row.0.unwrap_or(f64::NAN)).collect();
        let texts = rows.iter().map(|row| row.1.as_deref()).collect();
        let times = rows.iter().map(|row| row.2.unwrap_or(f64::NAN)).collect();
        let column = |name: &str, cells| Column { name: name.to_string(), cells };
        let frame = Frame::new(vec![
            column("n", Cells::Numbers(numbers)), column("t", Cells::Texts(texts)), column("d", Cells::Times(times)),
        ]);
        let train: Vec<u32> = (0..split.min(rows.len()) as u32).collect();
        let Ok(kinds) = Kinds::infer(&frame, &train, &[], &ReadOptions::default()) else { return Ok(()) };
        let encoder = Encoder::fit(&frame, &train, &kinds, &LevelOptions::default()).unwrap();
        let encoded = encoder.encode(&frame, &all(&frame)).unwrap();
        prop_assert_eq!(encoded.features.cols(), encoder.feature_names().len());
        let Values::Floats(values) = encoded.features.values() else { panic!() };
        prop_assert!(values.iter().all(|value| value.is_finite()));
        // One row at a time gives the same as all at once.
        let one = encoder.encode(&frame, &[rows.len() as u32 - 1]).unwrap();
        let last = encoded.features.select(&[rows.len() as u32 - 1]);
        prop_assert_eq!(one.features.values(), last.values());
    }
}
