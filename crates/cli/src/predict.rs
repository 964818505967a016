//! `chainrule predict`: what a model says, as a table.

use crate::args::PredictArgs;
use crate::input::{keep_inputs, model_and_data};
use crate::output::{note, raw};
use anyhow::Result;
use chainrule::{Model, Prediction, predict};

pub(crate) fn run(args: &PredictArgs) -> Result<()> {
    if let Some(path) = &args.out {
        keep_inputs(path, &[&args.input.model, &args.input.data])?;
        chainrule::check_writable(path)?;
    }
    let (model, data) = model_and_data(&args.input, false)?;
    let table = chainrule::with_threads(0, || table(&model, &data))?;
    match &args.out {
        None => {
            raw(&table);
            Ok(())
        }
        Some(path) => {
            chainrule::write_atomically(path, &table)?;
            note!("{} predictions written to {}", data.len(), path.display());
            Ok(())
        }
    }
}

/// One row a sample: its number, then the class and the probability of each class, or the value.
fn table(model: &Model, data: &chainrule::data::Dataset) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let classes = model.classes();
    let mut head = vec!["row".to_owned(), model.target.clone()];
    head.extend(classes.iter().map(|class| format!("p_{class}")));
    writer.write_record(&head)?;
    let mut failed = None;
    predict(model, data, |row, Prediction { class, values }| {
        let mut cells = vec![row.to_string()];
        cells.extend(class.map(|class| classes[class].clone()));
        cells.extend(values.iter().map(|v| if class.is_some() { format!("{v:.6}") } else { format!("{}", *v as f32) }));
        if let Err(error) = writer.write_record(&cells) {
            failed.get_or_insert(error);
        }
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(writer.into_inner()?),
    }
}
