//! A training step allocates nothing after the first of its batch size.

use chainrule::data::{Augmented, Dataset, ImageSize, Matrix, Room, Scaling, Target, Values};
use chainrule::engine::{Convolution, Graph, Plan, Session};
use chainrule::{Activation, Control, Mlp, Model, Observer, Setup, StepReport, Tally, Trainer, fit, with_threads};
use chainrule_kernels::team::for_each;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static TRAINS: Cell<bool> = const { Cell::new(false) };
}

#[allow(unsafe_code, reason = "an allocator can only be written with unsafe; it hands everything on to the system's")]
// SAFETY: every call is handed on unchanged, so the system allocator's guarantees hold.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // The threads that train; the test harness has one of its own, which allocates when it likes.
        if TRAINS.try_with(Cell::get).unwrap_or(false) {
            ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rows of a hundred numbers and three classes, which count alike or not.
fn data(weighted: bool) -> Dataset {
    let rows = 256;
    let features = Matrix::new(rows, 100, Values::Floats((0..rows * 100).map(|i| (i as f32).sin()).collect()));
    let target = Target::Classes {
        labels: (0..rows as u32).map(|r| r % 3).collect(),
        names: ["a", "b", "c"].map(str::to_owned).to_vec(),
    };
    let weights = weighted.then(|| (0..rows).map(|r| 0.5 + (r % 2) as f32).collect());
    Dataset { weights, ..Dataset::new(features, target, "test data") }
}

/// How many allocations fifty steps of a dense network make.
fn dense(optimizer: &str, dropout: f64, batch: usize, hidden: usize, clip: Option<f64>, weighted: bool) -> usize {
    let mut net = Mlp::builder()
        .input(100)
        .hidden(hidden, Activation::Relu)
        .hidden(32, Activation::Gelu)
        .output(3)
        .optimizer(optimizer.parse().unwrap(), 1e-3)
        .recipe(|r| (r.dropout, r.clip, r.l2) = (dropout, clip, 1e-4))
        .build()
        .unwrap();
    net.model.task = chainrule::Task::Classes(["a", "b", "c"].map(str::to_owned).to_vec());
    allocations(&mut net.model, &data(weighted), batch)
}

/// How many allocations fifty steps in pieces of a network with every kind of layer make.
fn pieces() -> usize {
    let text = "1x10x10, conv 3x3 4 pad 1, batchnorm, relu, residual(conv 3x3 4 pad 1, groupnorm 2), relu, maxpool 2, dropout \
                0.1, dense 16, layernorm, tanh, dense 3";
    let data = data(true);
    let setup = Setup {
        architecture: Some(text.parse().unwrap()),
        micro_batch: Some(24),
        average: Some(0.9),
        ..Setup::default()
    };
    allocations(&mut setup.build(&data).unwrap(), &data, 64)
}

/// How many allocations fifty steps make after two to warm up.
fn allocations(model: &mut Model, data: &Dataset, batch: usize) -> usize {
    let mut trainer = Trainer::new(model).unwrap();
    let rows = data.len();
    let order: Vec<u32> = (0..rows as u32).collect();
    let mut tally = Tally::default();
    let mut step = |number: usize| {
        let start = number * 7 % (rows - batch + 1);
        assert!(trainer.step(data, &order[start..start + batch], 1e-3, &mut tally).unwrap());
    };
    let at_first = ALLOCATIONS.load(Ordering::SeqCst);
    (0..2).for_each(&mut step);
    assert!(ALLOCATIONS.load(Ordering::SeqCst) > at_first, "the first step takes its memory, and is counted");
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    (2..52).for_each(&mut step);
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// How many allocations a convolution, a pool and their gradients make after a first run.
fn convolution() -> usize {
    let graph = Graph::new();
    let (x, w) = (graph.input("x", &[2, 16, 70, 61]), graph.input("w", &[24, 16, 3, 3]));
    let y = x.conv2d(w, Convolution { padding: [1, 1], ..Convolution::default() });
    let z = y.max_pool2d([3, 3], [2, 2], [1, 1]).avg_pool2d([2, 2], [2, 2], [0, 0]).square().sum_all();
    let slopes = graph.gradients(z, &[x, w]).unwrap();
    let mut session = Session::<f32>::new(Plan::new(&graph, &[z, slopes[0], slopes[1]]).unwrap()).unwrap();
    let (xs, ws) = (vec![0.5; x.shape().len()], vec![0.25; w.shape().len()]);
    session.run(&[], &[&xs, &ws]).unwrap();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    session.run(&[], &[&xs, &ws]).unwrap();
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

const AUGMENTATION: &str = "shift 1, rotate 20, scale 0.2, elastic 5 1.5, flip, crop 1, cutout 2, mixup 0.3";

/// Images of 2 x 6 x 5 pixels, of two classes.
fn images(count: usize) -> Dataset {
    let values = (0..count * 60).map(|at| (at * 7 % 251) as u8).collect();
    let labels = (0..count).map(|image| image as u32 % 2).collect();
    let target = Target::Classes { labels, names: vec!["a".into(), "b".into()] };
    let image = Some(ImageSize { planes: 2, height: 6, width: 5 });
    Dataset { image, ..Dataset::new(Matrix::new(count, 60, Values::Bytes(values)), target, "images") }
}

/// How many allocations the preparation of a batch of images makes after a first one.
fn augmentation() -> usize {
    let (data, rows) = (images(50), (0..50).collect::<Vec<u32>>());
    let (augmentation, scaling) = (AUGMENTATION.parse().unwrap(), Scaling::pixels());
    let augmented = Augmented {
        augmentation: &augmentation,
        images: &data.features,
        size: data.image.unwrap(),
        scaling: &scaling,
        rows: &rows,
        seed: 0,
        epoch: 1,
    };
    let (mut x, mut room) = (vec![0.0; 50 * 60], Room::default());
    augmented.fill(&rows, &mut x, &mut room);
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    augmented.fill(&rows, &mut x, &mut room);
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// How many allocations the trainer makes in an epoch of images that are prepared ahead, but for the first ten steps.
fn training_ahead() -> usize {
    #[derive(Default)]
    struct Count {
        at: usize,
        made: usize,
    }
    impl Observer for Count {
        fn on_step(&mut self, step: &StepReport) -> Control {
            let now = ALLOCATIONS.load(Ordering::SeqCst);
            if step.samples > 100 {
                self.made += now - self.at;
            }
            self.at = now;
            Control::Continue
        }
    }
    let data = images(300);
    let setup = Setup {
        hidden: Some(vec![8]),
        epochs: Some(1),
        batch_size: Some(10),
        validation: Some(0.0),
        augment: Some(AUGMENTATION.parse().unwrap()),
        ..Setup::default()
    };
    let mut count = Count::default();
    fit(&mut setup.build(&data).unwrap(), &data, &mut count).unwrap();
    count.made
}

/// Marks this thread and a helper as threads that train.
fn mark_threads() {
    let marked = [AtomicBool::new(false), AtomicBool::new(false)];
    for_each(2, 2, &|worker, _| {
        TRAINS.set(true);
        marked[worker].store(true, Ordering::SeqCst);
        // The piece waits until another thread has taken the other one.
        while !marked.iter().all(|m| m.load(Ordering::SeqCst)) {
            std::hint::spin_loop();
        }
    });
}

/// One test, so that no other thread uses the team meanwhile.
#[test]
fn a_step_allocates_nothing() {
    with_threads(2, || {
        mark_threads();
        for optimizer in chainrule::Optimizer::NAMES {
            for (dropout, batch, clip) in [(0.0, 10, None), (0.3, 64, Some(1.0))] {
                let count = dense(optimizer, dropout, batch, 64, clip, clip.is_some());
                assert_eq!(count, 0, "{optimizer}, dropout {dropout}, batch {batch}");
            }
        }
        // Large enough for the products to be shared between threads.
        assert_eq!(dense("adam", 0.0, 256, 512, None, false), 0);
        assert_eq!(pieces(), 0);
        assert_eq!(convolution(), 0);
        assert_eq!(augmentation(), 0);
        assert_eq!(training_ahead(), 0);
    });
}
