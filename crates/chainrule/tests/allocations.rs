//! A training step allocates nothing after the first of its batch size.

use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::engine::{Convolution, Graph, Plan, Session};
use chainrule::{Activation, Mlp, Model, Setup, Tally, Trainer, with_threads};
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
    let setup = Setup { architecture: Some(text.parse().unwrap()), micro_batch: Some(24), ..Setup::default() };
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
    });
}
