//! Reading tables that have something wrong with them.

use std::path::PathBuf;

use crate::assert_error;
use crate::common::{gzip, write};
use chainrule_data::{
    DataError, Dataset, Form, Position, TableError, TableOptions, Task, read_table, read_table_with_columns,
};
use tempfile::{TempDir, tempdir};

struct Case {
    dir: TempDir,
    path: PathBuf,
}

impl Case {
    fn new() -> Self {
        let dir = tempdir().unwrap();
        let path = dir.path().join("houses.csv");
        Case { dir, path }
    }

    fn read(&self, content: impl AsRef<[u8]>, target: Option<&str>, task: Task) -> Result<Dataset, DataError> {
        write(self.dir.path(), "houses.csv", content.as_ref());
        read_table(&self.path, &TableOptions { target: target.map(str::to_string), task })
    }

    fn features(&self, content: impl AsRef<[u8]>) -> Result<Dataset, DataError> {
        self.read(content, None, Task::Auto)
    }
}

#[test]
fn files_without_a_table() {
    let case = Case::new();
    let path = &case.path;
    assert_error!(read_table(path, &TableOptions::default()), path, DataError::Missing { .. }, "check the path");
    let folder = case.dir.path();
    assert_error!(read_table(folder, &TableOptions::default()), folder, DataError::NotAFile { .. }, "folder");
    for content in ["", "\n", "\u{feff}", "\u{feff}\n\n"] {
        assert_error!(case.features(content), path, DataError::EmptyFile { .. }, "empty");
    }
    for content in ["a,b", "a,b\n", "a,b\r\n\r\n", "a\n\n"] {
        assert_error!(case.features(content), path, DataError::Table(TableError::HeaderOnly { .. }), "no rows");
    }
    let whole = gzip(b"a,b\n1,2\n");
    assert_error!(case.features(&whole[..whole.len() - 4]), path, DataError::CorruptPacking { .. }, "damaged");
}

#[test]
fn headers() {
    let case = Case::new();
    let path = &case.path;
    let repeated = case.features("a,b,c, b\n1,2,3,4\n");
    assert_error!(
        repeated,
        path,
        DataError::Table(TableError::DuplicateColumn { first: 2, second: 4, .. }),
        "line 1",
        "\"b\"",
        "2 and 4"
    );
    assert_error!(
        case.features("a,,c\n"),
        path,
        DataError::Table(TableError::UnnamedColumn { position: 2, .. }),
        "column 2"
    );
    assert_error!(
        case.features("a,b\r1,2\r3,4\r"),
        path,
        DataError::Table(TableError::OldLineEnds { .. }),
        "carriage return"
    );
    assert_error!(case.features(b"a,\xff\n1,2\n"), path, DataError::Table(TableError::NotUtf8 { .. }), "UTF-8");
    let unmarked = case.features(b"a\0,\0b\0\n\0");
    assert_error!(unmarked, path, DataError::Table(TableError::NotText { .. }), "line 1", "byte 0", "save it as UTF-8");
    assert_error!(case.features("a,\"b\n1,2\n"), path, DataError::Table(TableError::UnclosedQuote { .. }), "quote");
}

#[test]
fn missing_columns() {
    let case = Case::new();
    let path = &case.path;
    let missing = case.read("rooms,Price\n1,2\n", Some("price"), Task::Auto);
    assert_error!(
        missing,
        path,
        DataError::Table(TableError::MissingColumn { .. }),
        "did you mean \"Price\"",
        "\"rooms\", \"Price\""
    );
    let header: Vec<String> = (0..25).map(|i| format!("q{i}")).collect();
    let missing = case.read(format!("{}\n{}", header.join(","), ["0"; 25].join(",")), Some("zzz"), Task::Auto);
    assert_error!(missing, path, DataError::Table(TableError::MissingColumn { more: 5, .. }), "\"q19\" and 5 more");
    assert_error!(
        case.read("t\n1\n2\n", Some("t"), Task::Auto),
        path,
        DataError::Table(TableError::NoFeatures { .. }),
        "\"t\""
    );
    let features = ["rooms".to_string(), "aera".to_string()];
    write(case.dir.path(), "houses.csv", b"rooms,area\n1,2\n");
    let missing = read_table_with_columns(path, &Form::default(), &features, None);
    assert_error!(
        missing,
        path,
        DataError::Table(TableError::MissingColumn { .. }),
        "\"aera\"",
        "did you mean \"area\""
    );
}

#[test]
fn cells() {
    let case = Case::new();
    let path = &case.path;
    let cell = |text: &str| case.features(format!("a,b\n1,2\n3,{text}\n"));
    assert_error!(cell(""), path, DataError::Table(TableError::EmptyCell { .. }), "line 3", "column \"b\"");
    assert_error!(cell("NaN"), path, DataError::Table(TableError::EmptyCell { .. }), "line 3");
    assert_error!(cell("\"  \""), path, DataError::Table(TableError::EmptyCell { .. }), "fill it in");
    assert_error!(
        cell("12 m"),
        path,
        DataError::Table(TableError::NotANumber { .. }),
        "line 3",
        "column \"b\"",
        "\"12 m\""
    );
    assert_error!(cell("\"1,234\""), path, DataError::Table(TableError::NotANumber { .. }), "\"1,234\"", "1234.5");
    for text in ["inf", "-Infinity"] {
        assert_error!(cell(text), path, DataError::Table(TableError::NotFinite { .. }), "line 3", "column \"b\"", text);
    }
    for text in ["1e39", "-4e38"] {
        assert_error!(cell(text), path, DataError::Table(TableError::Overflow { .. }), "line 3", "32-bit", text);
    }
    let broken = case.features(b"a,b\n1,2\n3,\xe9\n");
    assert_error!(broken, path, DataError::Table(TableError::NotUtf8 { .. }), "line 3");
}

#[test]
fn ragged_rows_and_quotes() {
    let case = Case::new();
    let path = &case.path;
    let long = case.features("a,b\n1,2\n1,2,3\n");
    assert_error!(
        long,
        path,
        DataError::Table(TableError::Ragged { expected: 2, found: 3, .. }),
        "line 3",
        "found 3",
        "has 2"
    );
    assert_error!(case.features("a,b\n1\n"), path, DataError::Table(TableError::Ragged { found: 1, .. }), "line 2");
    let open = "a,b\n1,2\n\n\"3,4\n5,6\n";
    assert_error!(
        case.features(open),
        path,
        DataError::Table(TableError::UnclosedQuote { .. }),
        "line 4",
        "never closed"
    );
    let open = case.features("a,b\n1,2\n3,\"4\n");
    assert_error!(open, path, DataError::Table(TableError::UnclosedQuote { .. }), "line 3");
    // The open quote swallows rows into a class name, which nothing else would notice.
    let open = case.read("x,t\n1,a\n2,b\n3,\"c\n4,d\n", Some("t"), Task::Classify);
    assert_error!(open, path, DataError::Table(TableError::UnclosedQuote { .. }), "line 4");
}

#[test]
fn lines_are_counted_as_editors_do() {
    let case = Case::new();
    let cases: [(&str, u64); 8] = [
        ("a,b\n1,2\n3,x\n", 3),
        ("a,b\n1,2\n3,x", 3),
        ("a,b\r\n1,2\r\n3,x\r\n5,6\r\n", 3),
        ("a,b\r\n1,2\r\n3,x", 3),
        ("a,b\n\n\n1,2\n\n3,x\n5,6\n", 6),
        ("\r\na,b\r\n\r\n1,2\r\n\r\n3,x\r\n", 6),
        ("\u{feff}\"a\nb\",c\n1,2\n3,x\n", 4),
        ("a,b\n\"1\n\",2\n\"\n3\n\",x\n", 4),
    ];
    for (content, expected) in cases {
        match case.features(content) {
            Err(DataError::Table(TableError::NotANumber { place, .. })) => {
                assert_eq!(place.position, Position::Line(expected), "{content:?}")
            }
            other => panic!("{content:?} gave {other:?}"),
        }
    }
    // Enough rows for the reader's buffer to be filled many times.
    let rows = "1,2\r\n".repeat(100_000);
    let late = case.features(format!("a,b\r\n{rows}3,x\r\n"));
    assert_error!(late, case.path, DataError::Table(TableError::NotANumber { .. }), "line 100002,");
}

#[test]
fn targets() {
    let case = Case::new();
    let path = &case.path;
    let read = |cells: &str, task| {
        let rows: String = cells.split(' ').map(|cell| format!("0,{cell}\n")).collect();
        case.read(format!("x,t\n{rows}"), Some("t"), task)
    };
    for (cells, task) in [("1 1 1", Task::Auto), ("1 1", Task::Classify), ("1 1", Task::Regress), ("1", Task::Auto)] {
        assert_error!(
            read(cells, task),
            path,
            DataError::Table(TableError::ConstantTarget { .. }),
            "\"1\"",
            "\"t\"",
            "every row"
        );
    }
    assert_error!(read("dog dog", Task::Auto), path, DataError::Table(TableError::ConstantTarget { .. }), "\"dog\"");
    assert_error!(read("1 dog", Task::Regress), path, DataError::Table(TableError::NotANumber { .. }), "\"dog\"");
    assert_error!(read("1 inf", Task::Auto), path, DataError::Table(TableError::NotFinite { .. }), "\"inf\"");
    assert_error!(read("a  b", Task::Auto), path, DataError::Table(TableError::EmptyCell { .. }), "\"t\"");
    let numbers: Vec<String> = (0..30).map(|i| i.to_string()).collect();
    let late = format!("{} x", numbers.join(" "));
    assert_error!(read(&late, Task::Auto), path, DataError::Table(TableError::MixedTarget { .. }), "\"x\"", "line 32");
    let early = format!("x {}", numbers.join(" "));
    assert_error!(read(&early, Task::Auto), path, DataError::Table(TableError::MixedTarget { .. }), "\"x\"", "line 2");
    let many: Vec<String> = (0..65_537).map(|i| format!("c{i}")).collect();
    assert_error!(
        read(&many.join(" "), Task::Auto),
        path,
        DataError::Table(TableError::TooManyClasses { .. }),
        "\"t\"",
        "65536"
    );
    assert!(read(&many[1..].join(" "), Task::Classify).is_ok());
}

#[test]
fn classes_the_model_does_not_know() {
    let case = Case::new();
    let path = write(case.dir.path(), "houses.csv", b"x,t\n1,dog\n2,dgo\n");
    let known = ["cat".to_string(), "dog".to_string()];
    let unknown =
        read_table_with_columns(&path, &Form::default(), &["x".to_string()], Some((&["t".to_string()], Some(&known))));
    assert_error!(
        unknown,
        path,
        DataError::Table(TableError::UnknownClass { .. }),
        "line 3",
        "\"dgo\"",
        "did you mean \"dog\""
    );
}
