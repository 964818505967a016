//! The doctor on faults that were planted, and on healthy runs; with `--nocapture` it prints a table of what it found.

use chainrule::data::{Dataset, Matrix, SampleOptions, Samples, Target, Values};
use chainrule::doctor::{Finding, Kind, Watch, diagnose};
use chainrule::{Activation, Init, Model, Optimizer, ScalingChoice, Setup, Stream, choose_l2, evaluate, fit};
use std::fmt::Write;

/// A training with its data.
struct Case {
    train: Dataset,
    test: Option<Dataset>,
    setup: Setup,
    /// What is done to the model before it learns.
    spoil: fn(&mut Model),
}

impl Case {
    fn new(samples: Samples, seed: u64) -> Self {
        let setup = Setup { encoder: Some(samples.encoder), seed, ..Setup::default() };
        Self { train: samples.train, test: samples.test, setup, spoil: |_| {} }
    }

    fn of(data: Dataset, test: Dataset, seed: u64) -> Self {
        Self { train: data, test: Some(test), setup: Setup { seed, ..Setup::default() }, spoil: |_| {} }
    }

    fn with(self, change: impl Fn(&mut Setup)) -> Self {
        let mut setup = self.setup;
        change(&mut setup);
        Self { setup, ..self }
    }

    fn findings(mut self) -> Vec<Finding> {
        if self.setup.l2.is_none() {
            self.setup.l2 = choose_l2(&self.setup, &self.train).unwrap();
        }
        let mut model = self.setup.build(&self.train).unwrap();
        (self.spoil)(&mut model);
        let (train, held_out) = model.recipe.split(&self.train);
        let mut watch = Watch::new(&model, &self.train, [&train, &held_out], self.test.as_ref()).unwrap();
        let outcome = fit(&mut model, &self.train, &mut watch);
        let unseen = self.test.map(|test| evaluate(&model, &test).unwrap());
        watch.end(outcome.as_ref(), unseen.as_ref());
        diagnose(&watch.evidence)
    }
}

fn table(name: &str, target: &str, seed: u64) -> Case {
    Case::new(read(name, target, seed), seed)
}

fn read(name: &str, target: &str, seed: u64) -> Samples {
    let path = format!("{}/../../data/tables/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    SampleOptions { seed, ..SampleOptions::new(target) }.read(&[path]).unwrap()
}

/// Points of two classes: rings, of which the outer one is `share` of the points, in so many columns, of which two tell.
fn rings(count: usize, columns: usize, share: f64, seed: u64) -> Dataset {
    let mut random = Stream::new(seed, 77);
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let class = u32::from(random.unit() < share);
        let radius = 1.0 + f64::from(class) + 0.4 * random.unit();
        let angle = random.unit() * std::f64::consts::TAU;
        values.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
        values.extend((2..columns).map(|_| random.unit() as f32));
        labels.push(class);
    }
    let names = vec!["inner".to_owned(), "outer".to_owned()];
    dataset(columns, values, Target::Classes { labels, names })
}

fn dataset(columns: usize, values: Vec<f32>, target: Target) -> Dataset {
    let feature_names = (0..columns).map(|column| format!("x{column}")).collect();
    let rows = values.len() / columns;
    Dataset { feature_names, ..Dataset::new(Matrix::new(rows, columns, Values::Floats(values)), target, "planted") }
}

/// The features with each row changed, which has room for `more` columns.
fn widened(data: &Dataset, more: usize, change: impl Fn(usize, &mut Vec<f32>)) -> Dataset {
    let mut values = Vec::new();
    for row in 0..data.len() {
        let mut of_row = vec![0.0; data.columns()];
        data.features.gather(&[row as u32], &mut of_row);
        change(row, &mut of_row);
        assert_eq!(of_row.len(), data.columns() + more);
        values.extend(of_row);
    }
    let mut feature_names = data.feature_names.clone();
    feature_names.extend((0..more).map(|at| format!("more{at}")));
    let features = Matrix::new(data.len(), data.columns() + more, Values::Floats(values));
    Dataset { features, feature_names, ..data.clone() }
}

fn shuffled(data: &Dataset, seed: u64) -> Dataset {
    let mut random = Stream::new(seed, 5);
    let mut order: Vec<u32> = (0..data.len() as u32).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, (random.unit() * (at + 1) as f64) as usize);
    }
    Dataset { target: data.target.as_ref().map(|target| target.select(&order)), ..data.clone() }
}

fn sgd(rate: f64) -> impl Fn(&mut Setup) {
    move |setup| (setup.optimizer, setup.learning_rate) = (Some(Optimizer::Sgd), Some(rate))
}

fn deep(setup: &mut Setup, activation: Activation, init: Init) {
    setup.hidden = Some(vec![32; 9]);
    (setup.activation, setup.init, setup.epochs) = (Some(activation), Some(init), Some(20));
}

type Planted = (Kind, &'static str, fn(u64) -> Case);

/// Every fault, how it is planted, and the training that has it.
const FAULTS: &[Planted] = &[
    (Kind::SymmetricWeights, "all weights 0", |seed| {
        table("wine", "cultivar", seed).with(|s| (s.init, s.epochs) = (Some(Init::Zeros), Some(20)))
    }),
    (Kind::InputScale, "columns of thousands, not scaled", |seed| {
        let case =
            table("wine", "cultivar", seed).with(|s| (s.scaling, s.epochs) = (Some(ScalingChoice::None), Some(20)));
        let large = |data: &Dataset| widened(data, 0, |_, row| row.iter_mut().for_each(|v| *v = *v * 300.0 + 900.0));
        Case { train: large(&case.train), test: case.test.as_ref().map(large), ..case }
    }),
    (Kind::Leak, "a column made from the class, with noise", |seed| {
        let case = table("breast-cancer", "diagnosis", seed).with(|s| s.epochs = Some(20));
        let leaky = |data: &Dataset| {
            let labels = data.labels().unwrap().to_vec();
            widened(data, 1, move |row, values| values.push(labels[row] as f32 + 0.1 * (row as f32).sin()))
        };
        Case { train: leaky(&case.train), test: case.test.as_ref().map(leaky), ..case }
    }),
    (Kind::Duplicates, "a fifth of the test rows from the training rows", |seed| {
        let case = table("digits", "digit", seed).with(|s| s.epochs = Some(5));
        let test = case.test.as_ref().unwrap();
        let count = test.len() / 5;
        let seen = case.train.select(&(0..count as u32).collect::<Vec<_>>());
        let test = widened(test, 0, |row, values| {
            if row < count {
                seen.features.gather(&[row as u32], values);
            }
        });
        Case { test: Some(test), ..case }
    }),
    (Kind::NotFinite, "a row of 3e38, not scaled", |seed| {
        let case = table("wine", "cultivar", seed).with(|s| s.epochs = Some(5));
        let extreme = widened(&case.train, 0, |row, values| {
            if row == 7 {
                values.fill(3e38)
            }
        });
        Case { train: extreme, ..case }.with(|s| {
            (s.scaling, s.hidden, s.activation) =
                (Some(ScalingChoice::None), Some(vec![32, 32]), Some(Activation::Relu))
        })
    }),
    (Kind::ExplodingGradients, "ten layers of relu, weights of deviation 1", |seed| {
        table("wine", "cultivar", seed).with(|s| deep(s, Activation::Relu, Init::Normal(1.0)))
    }),
    (Kind::VanishingGradients, "ten layers of sigmoid, plain descent", |seed| {
        let case = table("wine", "cultivar", seed).with(|s| deep(s, Activation::Sigmoid, Init::GlorotUniform));
        case.with(sgd(0.1))
    }),
    (Kind::Saturated, "tanh, weights of deviation 5", |seed| {
        table("wine", "cultivar", seed).with(|s| {
            (s.activation, s.init, s.epochs) = (Some(Activation::Tanh), Some(Init::Normal(5.0)), Some(20));
        })
    }),
    (Kind::DeadNeurons, "relu, biases of -20", |seed| {
        let case =
            table("wine", "cultivar", seed).with(|s| (s.activation, s.epochs) = (Some(Activation::Relu), Some(20)));
        let spoil = |model: &mut Model| {
            let bias = model.network.segments().into_iter().find(|piece| piece.name == "b1").unwrap();
            model.parameters[bias.range].fill(-20.0);
        };
        Case { spoil, ..case }
    }),
    (Kind::LearningRateTooHigh, "plain descent with a rate of 20", |seed| {
        table("digits", "digit", seed).with(|s| s.epochs = Some(20)).with(sgd(20.0))
    }),
    (Kind::LearningRateTooLow, "plain descent with a rate of 1e-5", |seed| {
        table("wine", "cultivar", seed).with(|s| s.epochs = Some(50)).with(sgd(1e-5))
    }),
    (Kind::TooMuchRegularisation, "L2 of 1", |seed| {
        table("wine", "cultivar", seed).with(|s| (s.l2, s.epochs) = (Some(1.0), Some(100)))
    }),
    (Kind::ClassImbalance, "one row in forty of a class that is hard to tell", |seed| {
        let data = |count, seed| rings(count, 12, 0.025, seed);
        Case::of(data(400, seed), data(400, seed + 100), seed)
            .with(|s| (s.hidden, s.epochs) = (Some(vec![8]), Some(15)))
    }),
    (Kind::ShuffledLabels, "classes in random order", |seed| {
        let case = table("breast-cancer", "diagnosis", seed).with(|s| s.epochs = Some(20));
        let test = case.test.as_ref().map(|test| shuffled(test, seed + 50));
        Case { train: shuffled(&case.train, seed), test, ..case }
    }),
    (Kind::TooFewSamples, "twenty rows", |seed| {
        let case = table("wine", "cultivar", seed).with(|s| s.epochs = Some(50));
        let rows: Vec<u32> = (0..case.train.len() as u32).step_by(case.train.len() / 20).collect();
        Case { train: case.train.select(&rows), ..case }
    }),
    (Kind::Overfitting, "a wide network on 150 rows of 10 columns, of which two tell", |seed| {
        let data = |count, seed| rings(count, 10, 0.5, seed);
        Case::of(data(150, seed), data(300, seed + 100), seed)
            .with(|s| (s.hidden, s.l2, s.epochs) = (Some(vec![128]), Some(0.0), Some(200)))
    }),
    (Kind::Underfitting, "a linear network on rings", |seed| {
        Case::of(rings(400, 2, 0.5, seed), rings(200, 2, 0.5, seed + 100), seed)
            .with(|s| (s.hidden, s.epochs) = (Some(Vec::new()), Some(100)))
    }),
];

type Healthy = (&'static str, fn(u64) -> Case);

/// Healthy trainings, as they are chosen for the data.
const HEALTHY: &[Healthy] = &[
    ("iris", |seed| table("iris", "species", seed)),
    ("wine", |seed| table("wine", "cultivar", seed)),
    ("penguins", |seed| table("penguins", "species", seed)),
    ("diabetes", |seed| table("diabetes", "progression", seed)),
    ("breast-cancer", |seed| table("breast-cancer", "diagnosis", seed)),
];

/// Thresholds were tuned on other seeds than those that are reported: on `DOCTOR_SEED=100`.
fn seeds(count: u64) -> Vec<u64> {
    let first = std::env::var("DOCTOR_SEED").map_or(0, |seed| seed.parse().unwrap());
    (first..first + count).collect()
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn planted_faults_are_found_first() {
    let seeds = seeds(5);
    let mut table = String::from("| fault | planted by | found first | found |\n| --- | --- | --- | --- |\n");
    let (mut first, mut runs) = (0, 0);
    for (kind, how, case) in FAULTS {
        let (mut of_kind, mut found) = (0, 0);
        for &seed in &seeds {
            let findings = case(seed).findings();
            let kinds = kinds(&findings);
            // What has no command line reads it too.
            assert!(findings.iter().all(|finding| !finding.cure.contains("--")), "{findings:#?}");
            if kinds.first() != Some(kind) {
                println!("{kind}, seed {seed}: {findings:#?}");
            }
            of_kind += usize::from(kinds.first() == Some(kind));
            found += usize::from(kinds.contains(kind));
        }
        writeln!(table, "| {kind} | {how} | {of_kind} of {} | {found} of {} |", seeds.len(), seeds.len()).unwrap();
        (first, runs) = (first + of_kind, runs + seeds.len());
    }
    println!("{table}\n{first} of {runs} first");
    assert!(first as f64 >= 0.95 * runs as f64);
}

#[test]
fn healthy_runs_have_no_findings() {
    let (mut alarms, mut runs) = (0, 0);
    for (name, case) in HEALTHY {
        for seed in seeds(10) {
            let findings = case(seed).findings();
            runs += 1;
            if !findings.is_empty() {
                alarms += 1;
                println!("{name}, seed {seed}: {findings:#?}");
            }
        }
    }
    println!("{alarms} alarms in {runs} healthy runs");
    assert!(alarms as f64 <= 0.02 * runs as f64);
}
