//! The user's own points, from a table.

use crate::Usage;
use anyhow::{Result, bail};
use chainrule::data::table::Task;
use chainrule::data::{Dataset, Matrix, TableOptions, Target, Values, read_table};
use chainrule_play::protocol::Own;
use chainrule_play::{MOST_POINTS, REACH};
use std::path::Path;

/// How far from the middle points go that had to be brought into the field of view.
const WITHIN: f64 = 0.9 * REACH;

/// Reads two columns of numbers and the column `label` of two classes.
pub(super) fn read(path: &Path, label: &str) -> Result<Own> {
    let data = read_table(path, &TableOptions { target: Some(label.to_owned()), task: Task::Classify })?;
    let Dataset { features, feature_names, target, .. } = data;
    let Some(Target::Classes { labels, names }) = target else { bail!("`{label}` has no classes") };
    let file = path.display();
    if features.cols() != 2 {
        bail!(Usage(format!(
            "{file} has {} columns beside `{label}` ({}): the playground takes two columns of numbers",
            features.cols(),
            feature_names.join(", ")
        )));
    }
    let [negative, positive] = <[String; 2]>::try_from(names).map_err(|names| {
        Usage(format!("`{label}` has {} classes ({}): the playground tells two apart", names.len(), names.join(", ")))
    })?;
    if labels.len() > MOST_POINTS {
        bail!(Usage(format!("{file} has {} rows: the playground takes at most {MOST_POINTS}", labels.len())));
    }
    let mut places = places(&features);
    let note = bring_into_view(&mut places, &feature_names);
    let points = places.iter().zip(&labels).map(|(&[x, y], &label)| [x, y, f64::from(label)]).collect();
    let name = path.file_name().map_or_else(|| file.to_string(), |name| name.to_string_lossy().into_owned());
    Ok(Own { name, points, labels: [negative, positive], note })
}

fn places(features: &Matrix) -> Vec<[f64; 2]> {
    let numbers: Vec<f64> = match features.values() {
        Values::Bytes(bytes) => bytes.iter().map(|&byte| f64::from(byte)).collect(),
        Values::Floats(floats) => floats.iter().map(|&float| f64::from(float)).collect(),
    };
    numbers.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// Moves and scales each axis on which points lie outside; what was done, in words.
fn bring_into_view(points: &mut [[f64; 2]], names: &[String]) -> Option<String> {
    let mut notes = Vec::new();
    for (axis, name) in names.iter().enumerate() {
        let ends = points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], point| {
            [low.min(point[axis]), high.max(point[axis])]
        });
        let [low, high] = ends;
        if low >= -REACH && high <= REACH {
            continue;
        }
        let (middle, half) = ((low + high) / 2.0, ((high - low) / 2.0).max(f64::MIN_POSITIVE));
        points.iter_mut().for_each(|point| point[axis] = (point[axis] - middle) / half * WITHIN);
        notes.push(format!("{name} from {low} … {high} to {} … {WITHIN}", -WITHIN));
    }
    (!notes.is_empty()).then(|| format!("brought into view: {}", notes.join(", ")))
}
