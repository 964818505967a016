//! Reading tables that are as they should be.

use std::path::Path;

use crate::common::{gzip, write};
use chainrule_data::{
    DataError, Dataset, Form, TableOptions, Target, Task, Values, read_table, read_table_with_columns,
};
use proptest::prelude::*;
use tempfile::tempdir;

fn read(content: &[u8], target: Option<&str>, task: Task) -> Result<Dataset, DataError> {
    let dir = tempdir().unwrap();
    let path = write(dir.path(), "a.csv", content);
    read_table(&path, &TableOptions { target: target.map(str::to_string), task })
}

fn floats(set: &Dataset) -> &[f32] {
    match set.features.values() {
        Values::Floats(values) => values,
        Values::Bytes(_) => panic!("a table has floats"),
    }
}

fn classes(labels: &[u32], names: &[&str]) -> Option<Target> {
    Some(Target::Classes { labels: labels.to_vec(), names: names.iter().map(|name| name.to_string()).collect() })
}

fn numbers(values: &[f32], name: &str) -> Option<Target> {
    Some(Target::value(values.to_vec(), name))
}

/// Reads a table whose column `t` has these cells.
fn target(cells: &[&str], task: Task) -> Result<Option<Target>, DataError> {
    let rows: String = cells.iter().map(|cell| format!("0,{cell}\n")).collect();
    read(format!("x,t\n{rows}").as_bytes(), Some("t"), task).map(|set| set.target)
}

#[test]
fn reads_features_and_target() {
    let text = "a,price,b\n1,10.5,2\n-3e2,20,.5\n";
    let set = read(text.as_bytes(), Some("price"), Task::Auto).unwrap();
    assert_eq!(set.feature_names, ["a", "b"]);
    assert_eq!(floats(&set), [1.0, 2.0, -300.0, 0.5]);
    assert_eq!(set.target, numbers(&[10.5, 20.0], "price"));
    assert!(set.source.ends_with("a.csv") && set.image.is_none());
    let set = read(text.as_bytes(), None, Task::Auto).unwrap();
    assert_eq!((set.len(), set.columns(), set.target), (2, 3, None));
}

#[test]
fn takes_the_many_ways_to_write_the_same_table() {
    let plain = "a,b\n1,2\n3,4\n";
    let ways = [
        plain.to_string(),
        "a,b\n1,2\n3,4".to_string(),
        "a,b\r\n1,2\r\n3,4\r\n".to_string(),
        "a,b\r\n1,2\r\n\r\n3,4\r\n\r\n".to_string(),
        "\u{feff}a,b\n1,2\n3,4\n".to_string(),
        "\u{feff}\"a\",\"b\"\r\n\"1\",\"2\"\r\n\"3\",\"4\"".to_string(),
        "\n\na,b\n\n1,2\n  \n3,4\n\n".to_string(),
        " a , b \n 1 , 2 \n\t3,\t4 \n".to_string(),
    ];
    for way in ways {
        for content in [way.clone().into_bytes(), gzip(way.as_bytes())] {
            let set = read(&content, None, Task::Auto).unwrap();
            assert_eq!(set.feature_names, ["a", "b"], "{way:?}");
            assert_eq!(floats(&set), [1.0, 2.0, 3.0, 4.0], "{way:?}");
        }
    }
}

#[test]
fn decides_between_classes_and_numbers() {
    let auto = |cells: &[&str]| target(cells, Task::Auto).unwrap();
    assert_eq!(auto(&["dog", "cat", "dog"]), classes(&[1, 0, 1], &["cat", "dog"]));
    assert_eq!(auto(&["10", "9", "9", "10"]), classes(&[1, 0, 0, 1], &["9", "10"]));
    assert_eq!(auto(&["1.0", "0", "0.0", "1"]), classes(&[1, 0, 0, 1], &["0", "1"]));
    assert_eq!(auto(&["1", "2", "2"]), numbers(&[1.0, 2.0, 2.0], "t"), "a class seen once");
    assert_eq!(auto(&["1.5", "1.5", "2", "2"]), numbers(&[1.5, 1.5, 2.0, 2.0], "t"), "not whole");
    assert_eq!(auto(&["1", "2", "3+"]), classes(&[0, 1, 2], &["1", "2", "3+"]));
    let twice = |n: i32| (0..n).chain(0..n).map(|v| v.to_string()).collect::<Vec<_>>();
    let cells = |n| target(&twice(n).iter().map(String::as_str).collect::<Vec<_>>(), Task::Auto).unwrap();
    assert!(matches!(cells(20), Some(Target::Classes { .. })));
    assert!(matches!(cells(21), Some(Target::Values { .. })));
}

#[test]
fn the_task_can_be_given() {
    let cells = ["2", "10", "2.50"];
    assert_eq!(target(&cells, Task::Regress).unwrap(), numbers(&[2.0, 10.0, 2.5], "t"));
    assert_eq!(target(&cells, Task::Classify).unwrap(), classes(&[1, 0, 2], &["10", "2", "2.50"]));
    assert_eq!(target(&["1", "1", "2", "2"], Task::Regress).unwrap(), numbers(&[1.0, 1.0, 2.0, 2.0], "t"));
    assert_eq!(target(&["7", "007", "-1"], Task::Classify).unwrap(), classes(&[2, 1, 0], &["-1", "007", "7"]));
}

#[test]
fn reads_the_columns_of_a_model() {
    let dir = tempdir().unwrap();
    let path = write(dir.path(), "a.csv", b"note,b,kind,a\nn/a,1,dog,2\n,3,cat,4\n");
    let features = ["a".to_string(), "b".to_string()];
    let known = ["cow".to_string(), "dog".to_string(), "cat".to_string()];
    let read = |target: Option<(&str, Option<&[String]>)>| {
        let names: Vec<String> = target.iter().map(|(name, _)| name.to_string()).collect();
        let target = target.map(|(_, classes)| (names.as_slice(), classes));
        read_table_with_columns(Path::new(&path), &Form::default(), &features, target).unwrap()
    };
    let set = read(Some(("kind", Some(&known))));
    assert_eq!(set.feature_names, features);
    assert_eq!(floats(&set), [2.0, 1.0, 4.0, 3.0]);
    assert_eq!(set.target, classes(&[1, 2], &["cow", "dog", "cat"]));
    assert_eq!(read(Some(("a", None))).target, numbers(&[2.0, 4.0], "a"));
    assert_eq!(read(Some(("absent", Some(&known)))).target, None);
    assert_eq!(read(None).target, None);
}

#[test]
fn a_table_to_evaluate_may_have_one_class_only() {
    let dir = tempdir().unwrap();
    let path = write(dir.path(), "a.csv", b"x,t\n1,5.0\n2,5\n");
    let known = ["4".to_string(), "5".to_string()];
    let set =
        read_table_with_columns(&path, &Form::default(), &["x".to_string()], Some((&["t".to_string()], Some(&known))))
            .unwrap();
    assert_eq!(set.target, classes(&[1, 1], &["4", "5"]));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&content, None, Task::Auto);
    }

    #[test]
    fn random_tables_never_panic(content in "([ab,;\"\r\n 0-9.einf-]|\u{feff}|é){0,60}", gzipped: bool) {
        let content = [b"a,b\n", content.as_bytes()].concat();
        let content = if gzipped { gzip(&content) } else { content };
        for task in [Task::Auto, Task::Classify, Task::Regress] {
            let _ = read(&content, Some("a"), task);
        }
    }

    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(prop::array::uniform3(-1e30f32..1e30), 1..40), crlf: bool, gzipped: bool,
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("a,b,c{end}");
        for [a, b, c] in &rows {
            text += &format!("{a},{b:e},{c}{end}");
        }
        let content = if gzipped { gzip(text.as_bytes()) } else { text.into_bytes() };
        let set = read(&content, None, Task::Auto).unwrap();
        prop_assert_eq!(floats(&set), rows.concat());
    }
}
