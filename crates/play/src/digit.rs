//! Which digit a drawing is, by a network trained on MNIST, and what speaks for each digit.
//!
//! `digits.safetensors` was written by
//!
//! ```sh
//! chainrule train data/mnist --augment digits --epochs 40 --schedule one-cycle --lr 0.005 --seed 0 --model \
//!   'conv 5x5 8, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 64, relu, dense 10' --out digits.safetensors
//! ```
//!
//! It has 20,522 parameters and is right about 99.20 % of the 10,000 test images.

use crate::protocol::{Digit, DigitRequest, Failure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chainrule::data::Scaling;
use chainrule::engine::{Expr, Graph, Plan, Session};
use chainrule::{Mode, Model};

/// Pixels of an image from left to right, and from top to bottom.
pub(crate) const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// The images of MNIST were brought into a box of this size, and then moved by whole pixels so that their centre of mass
/// came to the middle of the pixel (14, 14), counted from 0 (LeCun, Cortes and Burges; the place is measured).
const BOX: f64 = 20.0;
const MIDDLE: f64 = 14.5;

/// Ink below this is paper.
const FAINT: f64 = 0.1;

/// Places in each direction that a pixel is the mean of when a drawing becomes smaller.
const SUBPIXELS: usize = 4;

const MODEL: &[u8] = include_bytes!("../digits.safetensors");

/// The network, ready to run: the scores of the digits, and the gradient of each by the pixels.
pub(crate) struct Digits {
    session: Session<f32>,
    parameters: Vec<f32>,
}

impl Digits {
    pub(crate) fn new() -> Result<Self, Failure> {
        let model = Model::from_bytes(MODEL).map_err(Failure::new)?;
        let failed = |error: chainrule::engine::EngineError| Failure::new(error.to_string());
        let graph = Graph::new();
        let pixels = graph.input("pixels", &[1, PIXELS]);
        let layers = model.network.apply(&graph, scaled(pixels, &model.scaling), Mode::Inference);
        let scores = layers.last().map_or(pixels, |layer| layer.out);
        let mut outputs = vec![scores];
        for digit in 0..10 {
            outputs.extend(graph.gradients(scores.slice(1, digit, digit + 1).sum_all(), &[pixels]).map_err(failed)?);
        }
        let session = Plan::new(&graph, &outputs).and_then(Session::new).map_err(failed)?;
        Ok(Self { session, parameters: model.parameters.to_vec() })
    }

    /// The digit of a drawing.
    pub(crate) fn read(&mut self, asked: &DigitRequest) -> Result<Digit, Failure> {
        let pixels = centred(&drawing(&asked.pixels)?)?;
        self.session.run(&self.parameters, &[&pixels]).map_err(|error| Failure::new(error.to_string()))?;
        let probabilities = softmax(self.session.output(0));
        let best = |best, at| if probabilities[at] > probabilities[best] { at } else { best };
        let digit = (1..probabilities.len()).fold(0, best);
        let gradients: Vec<Vec<f32>> = (1..=10).map(|digit| self.session.output(digit).to_vec()).collect();
        Ok(Digit { digit, gradient: gradients[digit].clone(), gradients, probabilities, pixels })
    }
}

/// Pixels in [0, 1] as the network takes them.
fn scaled<'g>(pixels: Expr<'g>, scaling: &Scaling) -> Expr<'g> {
    match scaling {
        Scaling::Uniform { shift, scale } => (pixels * 255.0 - f64::from(*shift)) * f64::from(*scale),
        _ => pixels * 255.0,
    }
}

fn softmax(scores: &[f32]) -> Vec<f64> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = scores.iter().map(|score| f64::from(score - most).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// The ink of a drawing, in [0, 1].
fn drawing(text: &str) -> Result<Vec<f64>, Failure> {
    let bad = |problem: String| Failure::of("pixels", format!("{problem}: send {SIDE} × {SIDE} bytes as base64"));
    if text.len() > 2 * PIXELS {
        return Err(bad(format!("{} letters are too many", text.len())));
    }
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| bad(format!("this is no base64 ({error})")))?;
    if bytes.len() != PIXELS {
        return Err(bad(format!("{} bytes are no drawing", bytes.len())));
    }
    Ok(bytes.iter().map(|&byte| f64::from(byte) / 255.0).collect())
}

/// A drawing as the images of MNIST are: as large as fits into their box, its centre of mass in the middle.
fn centred(ink: &[f64]) -> Result<Vec<f32>, Failure> {
    let place = |at: usize| [at % SIDE, at / SIDE];
    let inked = || ink.iter().enumerate().filter(|(_, ink)| **ink >= FAINT).map(|(at, ink)| (place(at), *ink));
    let (mut low, mut high, mut moment, mut mass) = ([SIDE; 2], [0; 2], [0.0; 2], 0.0);
    for (place, ink) in inked() {
        for axis in 0..2 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis] + 1);
            moment[axis] += ink * (place[axis] as f64 + 0.5);
        }
        mass += ink;
    }
    if mass == 0.0 {
        return Err(Failure::of("pixels", "nothing is drawn"));
    }
    let size = (high[0] - low[0]).max(high[1] - low[1]) as f64;
    let zoom = size / BOX;
    // Where the box begins.
    let corner: [f64; 2] = std::array::from_fn(|axis| {
        let centre = moment[axis] / mass;
        (MIDDLE - (centre - low[axis] as f64) / zoom).round()
    });
    let count = if zoom > 1.0 { SUBPIXELS } else { 1 };
    let source = |at: usize, axis: usize, part: usize| {
        let target = place(at)[axis] as f64 + (part as f64 + 0.5) / count as f64;
        low[axis] as f64 + (target - corner[axis]) * zoom
    };
    let pixel = |at: usize| {
        let parts = (0..count).flat_map(|row| (0..count).map(move |column| (column, row)));
        let sum: f64 = parts.map(|(column, row)| between(ink, source(at, 0, column), source(at, 1, row))).sum();
        (sum / (count * count) as f64) as f32
    };
    Ok((0..PIXELS).map(pixel).collect())
}

/// The ink at a place between the middles of four pixels; there is none outside.
fn between(ink: &[f64], x: f64, y: f64) -> f64 {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let at = |column: f64, row: f64| {
        let within = |at: f64| (0.0..SIDE as f64).contains(&at);
        if within(column) && within(row) { ink[row as usize * SIDE + column as usize] } else { 0.0 }
    };
    let (right, down) = (x - left, y - top);
    let row = |row: f64| at(left, row) * (1.0 - right) + at(left + 1.0, row) * right;
    row(top) * (1.0 - down) + row(top + 1.0) * down
}
