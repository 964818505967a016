//! Findings in the data.

use super::{Evidence, Finding, Kind, TargetFacts, percent, short};

/// The size of inputs from which on they are too large, and below which all are too small.
const LARGE: f64 = 20.0;
const SMALL: f64 = 0.02;

/// What a column that tells the target explains of it.
const TELLING: f64 = 0.98;

/// Test rows that are training rows too, from which on scores are too good.
const SEEN: f64 = 0.05;

/// How many times as frequent the most frequent class is as the rarest.
const IMBALANCED: usize = 8;

/// The recall of a class that is as good as never found.
const MISSED: f64 = 0.3;

/// The least rows.
const FEW: usize = 50;
const FEW_OF_CLASS: usize = 5;

pub(super) fn input_scale(evidence: &Evidence) -> Option<Finding> {
    let scales = &evidence.facts.as_ref()?.scales;
    let cure = "scale them, so that about 1 is usual";
    let options = "of images --scaling standard";
    if scales.largest > LARGE && scales.largest.is_finite() {
        let evidence = format!(
            "the root mean square of {} is {} as the network sees it, the usual column's {}: about 1 is wanted",
            scales.largest_column,
            short(scales.largest),
            short(scales.middle)
        );
        return Some(Finding::new(Kind::InputScale, "inputs are too large", evidence, cure).by(options));
    }
    (scales.largest < SMALL && scales.largest > 0.0).then(|| {
        let evidence = format!(
            "the root mean square of the largest column, {}, is {}",
            scales.largest_column,
            short(scales.largest)
        );
        Finding::new(Kind::InputScale, "inputs are too small", evidence, cure).by(options)
    })
}

pub(super) fn leak(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref()?;
    let telling = facts.telling.as_ref().filter(|telling| telling.score > TELLING && facts.inputs > 1)?;
    Some(Finding::new(
        Kind::Leak,
        format!("the column {} tells the target by itself", telling.column),
        format!(
            "rows with nearly the same {} have the same target: {} of it is explained",
            telling.column,
            percent(telling.score)
        ),
        "if it is not known at the time of the prediction, leave it out of the data",
    ))
}

pub(super) fn duplicates(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref()?;
    let found = facts.duplicates.filter(|found| found.of > 0)?;
    let share = |rows: usize, of: usize| rows as f64 / of.max(1) as f64;
    let (seen, usual) = (share(found.rows, found.of), share(found.within, found.within_of));
    // Rows of few values are alike by chance, among the training rows as well.
    (seen > SEEN && seen > 3.0 * usual && found.rows > 2).then(|| {
        Finding::new(
            Kind::Duplicates,
            "test rows stand in the training data",
            format!(
                "{} of {} test rows ({}) have the inputs of a training row, to the last number; {} of the training rows equal one another",
                found.rows,
                found.of,
                percent(seen),
                percent(usual)
            ),
            "drop the duplicates before the data are divided, or keep what belongs together on one side",
        )
        .by("--group COLUMN")
    })
}

pub(super) fn imbalance(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref().filter(|facts| !facts.weighted)?;
    let TargetFacts::Classes { names, counts } = &facts.target else { return None };
    let (most, least) = (counts.iter().max()?, counts.iter().filter(|count| **count > 0).min()?);
    let recall = |class: usize| {
        let row = evidence.test.as_ref()?.confusion.get(class)?;
        let all: f64 = row.iter().map(|&rows| rows as f64).sum();
        (all >= 3.0).then_some(*row.get(class)? as f64 / all)
    };
    let rare = (0..counts.len()).filter(|&class| counts[class].saturating_mul(IMBALANCED) <= *most);
    let missed = rare.filter_map(|class| Some((class, recall(class)?))).min_by(|a, b| a.1.total_cmp(&b.1));
    let (class, found) = missed.filter(|missed| missed.1 < MISSED)?;
    Some(
        Finding::new(
            Kind::ClassImbalance,
            format!("the rare class {} is not found", names.get(class)?),
            format!(
                "it has {} of {} training rows; {} of its rows are recognised (classes have {least} to {most} rows)",
                counts[class],
                facts.rows,
                percent(found)
            ),
            "let rare classes count more",
        )
        .by("--class-weight balanced"),
    )
}

pub(super) fn shuffled_labels(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref().filter(|_| evidence.ended)?;
    let neighbours = facts.neighbours.filter(|score| *score < 0.05)?;
    let unseen = evidence.unseen_unexplained().filter(|unexplained| *unexplained > 0.95)?;
    let best = match facts.entropy() {
        Some(entropy) => format!(
            "the best loss on rows that were not trained on is {} of what the class shares alone give ({})",
            percent(unseen),
            short(entropy)
        ),
        None => {
            let where_ = if evidence.history.is_empty() { "these rows" } else { "rows that were not trained on" };
            format!("on {where_}, what stays unexplained is {} of the training rows' spread", percent(unseen))
        }
    };
    Some(Finding::new(
        Kind::ShuffledLabels,
        "the inputs tell nothing of the target",
        format!("{best}; the nearest rows explain {}", percent(neighbours.max(0.0))),
        "check that each row has its own target (a sort or a join that moved one column does this), and the columns",
    ))
}

pub(super) fn too_few(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref()?;
    let rows = facts.rows.saturating_add(facts.held_out);
    let least = match &facts.target {
        TargetFacts::Classes { names, counts } => names.iter().zip(counts).min_by_key(|(_, count)| **count),
        TargetFacts::Values { .. } => None,
    };
    let evidence = match least {
        Some((name, &count)) if count < FEW_OF_CLASS => {
            format!("the class {name} has {count} training {}", if count == 1 { "row" } else { "rows" })
        }
        _ if rows < FEW => format!("there are {rows} rows"),
        _ => return None,
    };
    Some(
        Finding::new(
            Kind::TooFewSamples,
            "there are too few samples",
            format!("{evidence}: scores are chance, and a network learns the rows by heart"),
            "more rows; else see in folds how far scores spread, and try a linear model",
        )
        .by("--folds 5, --hidden none"),
    )
}
