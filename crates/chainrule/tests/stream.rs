//! Tables predicted some rows at a time, and intervals around what is predicted.

use chainrule::data::{
    Form, ReadOptions, SampleOptions, Samples, TableOptions, TargetTable, Task, read_known, read_table,
    read_table_with_columns, shuffle,
};
use chainrule::{Error, Keep, Model, Residuals, Setup, fit, predict, predict_table};
use std::fs;
use std::path::Path;

fn trained(samples: &Samples, setup: &Setup) -> Model {
    let setup = Setup { encoder: Some(samples.encoder.clone()), ..setup.clone() };
    let mut model = setup.build(&samples.train).unwrap();
    fit(&mut model, &samples.train, &mut ()).unwrap();
    model
}

/// A table that is longer than two blocks of text and has dates, categories, gaps and values that training lacked.
fn write_table(path: &Path, rows: usize, classes: bool) {
    let mut text = "name,size,kind,day,filler,answer\n".to_owned();
    let filler = "-".repeat(600);
    for i in 0..rows {
        let size = if i % 11 == 0 { String::new() } else { format!("{}", (i * 7919 % 1000) as f64 / 8.0) };
        let kind = if i > 20_000 && i % 5 == 0 { "new" } else { ["a", "b", "", "c"][i % 4] };
        let answer = if classes { ["x", "y", "z"][i % 4 % 3].to_owned() } else { (i % 4 * 10 + i % 7).to_string() };
        let date = format!("20{:02}-{:02}-{:02}", i % 20, 1 + i % 12, 1 + i % 28);
        text.push_str(&format!("row {i},{size},{kind},{date},{filler},{answer}\n"));
    }
    fs::write(path, text).unwrap();
}

#[test]
fn rows_in_parts_get_the_answers_of_rows_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (few, many) = (folder.path().join("few.csv"), folder.path().join("many.csv"));
    for classes in [true, false] {
        write_table(&few, 300, classes);
        write_table(&many, 30_000, classes);
        let drop = ReadOptions { drop: vec!["filler".to_owned()], ..ReadOptions::default() };
        let samples = SampleOptions { read: drop, ..SampleOptions::new("answer") }.read(&[&few]).unwrap();
        let model = trained(&samples, &Setup { epochs: Some(3), ..Setup::default() });

        let whole = read_known(&[&many], &Form::default(), model.encoder.as_ref().unwrap(), None).unwrap();
        let mut at_once = Vec::new();
        predict(&model, &whole.data, |_, prediction| at_once.push(prediction)).unwrap();
        let (mut in_parts, mut parts, mut names) = (Vec::new(), 0, Vec::new());
        let totals = predict_table(&model, &[&many], &Form::default(), &Keep::Ids, |rows| {
            assert_eq!((rows.first, rows.kept_names().collect::<Vec<_>>()), (in_parts.len(), vec!["name"]));
            names.extend((0..rows.predictions.len()).flat_map(|row| rows.kept(row)).map(str::to_owned));
            in_parts.extend_from_slice(rows.predictions);
            parts += 1;
            Ok::<(), Error>(())
        })
        .unwrap();
        assert!(parts >= 3 && in_parts == at_once);
        assert!((0..30_000).all(|row| names[row] == format!("row {row}")));
        assert_eq!((totals.rows, totals.unknown, totals.missing), (30_000, whole.unknown, whole.missing));
        // Alone, a row gets the same answer as among others.
        for row in [0, 1, 255, 256, 29_999] {
            let mut alone = Vec::new();
            predict(&model, &whole.data.select(&[row]), |_, prediction| alone.push(prediction)).unwrap();
            assert_eq!(alone[0], at_once[row as usize]);
        }
    }
}

#[test]
fn what_the_caller_gives_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    write_table(&path, 100, true);
    let model =
        trained(&SampleOptions::new("answer").read(&[&path]).unwrap(), &Setup { epochs: Some(1), ..Setup::default() });
    let stop = |_: &chainrule::RowsOfTable<'_>| Err(Error::Settings(vec!["enough".to_owned()]));
    assert!(
        predict_table(&model, &[&path], &Form::default(), &Keep::Ids, stop).unwrap_err().to_string().contains("enough")
    );
    let keep = Keep::Columns(vec!["nmae".to_owned()]);
    let error =
        predict_table(&model, &[&path], &Form::default(), &keep, |_| Ok::<(), Error>(())).unwrap_err().to_string();
    assert!(error.contains("nmae") && error.contains("name"), "{error}");
}

/// The share of rows of which an interval from other rows holds the truth, over `rounds` ways to part the table in three:
/// to train on, to measure on, and to try on.
fn coverage(table: &TargetTable, setup: &Setup, wanted: f64, rounds: u32) -> f64 {
    let (mut inside, mut all) = (0, 0);
    for round in 0..rounds {
        let mut rows: Vec<u32> = (0..table.rows() as u32).collect();
        shuffle(&mut rows, u64::from(round), 0);
        let count = rows.len() / 3;
        let (kept, held_out) = rows.split_at(rows.len() - 2 * count);
        let samples = table.samples(kept, held_out).unwrap();
        let (test, count) = (samples.test.as_ref().unwrap(), count as u32);
        let model = trained(&samples, &Setup { seed: u64::from(round), ..setup.clone() });
        let measured = Residuals::of_rows(&model, test, &(0..count).collect::<Vec<_>>()).unwrap();
        let q = measured[0].half_width(wanted).unwrap();
        let fresh = test.select(&(count..test.len() as u32).collect::<Vec<_>>());
        let Some(chainrule::data::Target::Values { values, .. }) = &fresh.target else { panic!("values") };
        predict(&model, &fresh, |row, prediction| {
            inside += usize::from((prediction.values[0] - f64::from(values[row])).abs() <= q);
            all += 1;
        })
        .unwrap();
    }
    inside as f64 / f64::from(all)
}

#[test]
fn intervals_hold_as_much_as_they_say_on_rows_of_diabetes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/tables/diabetes.csv");
    let table = SampleOptions::new("progression").table(&[path]).unwrap();
    let setup = Setup { epochs: Some(30), ..Setup::default() };
    for wanted in [0.5, 0.8, 0.9, 0.95] {
        let found = coverage(&table, &setup, wanted, 6);
        // About 150 rows to measure on, so one round has a deviation of 0.04 at 0.5, and six about 0.02.
        assert!((found - wanted).abs() < 0.05, "{found} for {wanted}");
    }
}

#[test]
fn residuals_are_of_rows_that_were_not_trained_on_and_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    write_table(&path, 300, false);
    let samples = SampleOptions::new("answer").read(&[&path]).unwrap();
    let quick = Setup { epochs: Some(1), ..Setup::default() };
    let mut model = trained(&samples, &quick);
    let counted = |model: &Model, test| {
        Residuals::held_out(model, (&samples.train, &model.recipe.split(&samples.train).1), test)
            .unwrap()
            .first()
            .map(Residuals::count)
    };
    assert_eq!(counted(&model, samples.test.as_ref()), Some(60));
    assert_eq!(counted(&model, None), None);
    let validated = trained(&samples, &Setup { validation: Some(0.25), ..quick });
    assert_eq!(counted(&validated, samples.test.as_ref()), Some(60));
    assert_eq!(counted(&validated, None), Some(60));

    // A file without them is as before, and one with them keeps them.
    let without = model.to_bytes().unwrap();
    assert!(!String::from_utf8_lossy(&without).contains("residuals"));
    assert!(Model::from_bytes(&without).unwrap().residuals.is_empty());
    model.residuals = Residuals::held_out(&model, (&samples.train, &[]), samples.test.as_ref()).unwrap();
    let with = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&with).unwrap(), model);
    // Damage is found: sixty distances that say they are of nine rows.
    let text = with.iter().map(|&byte| char::from(byte)).collect::<String>();
    let damaged: Vec<u8> = text.replace("count\\\":60", "count\\\": 9").chars().map(|c| c as u8).collect();
    assert!(Model::from_bytes(&damaged).unwrap_err().contains("intervals"));
}

/// A model of plain numbers has no encoder.
#[test]
fn a_table_of_plain_numbers_is_read_in_parts_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..30_000).map(|i| format!("{:0>300},{},{}\n", i % 89, i % 7, i % 89 + i % 7)).collect();
    fs::write(&path, format!("a,b,sum\n{rows}")).unwrap();
    let data = read_table(&path, &TableOptions { target: Some("sum".to_owned()), task: Task::Regress }).unwrap();
    let mut model = Setup { epochs: Some(1), ..Setup::default() }.build(&data).unwrap();
    fit(&mut model, &data, &mut ()).unwrap();
    let whole = read_table_with_columns(&path, &Form::default(), &model.features, None).unwrap();
    let (mut at_once, mut in_parts, mut parts) = (Vec::new(), Vec::new(), 0);
    predict(&model, &whole, |_, prediction| at_once.push(prediction)).unwrap();
    predict_table(&model, &[&path], &Form::default(), &Keep::Ids, |rows| {
        in_parts.extend_from_slice(rows.predictions);
        parts += 1;
        Ok::<(), Error>(())
    })
    .unwrap();
    assert!(parts > 1 && in_parts == at_once);
}
