//! Norms over each sample that are written out in moments: what each node says of the head x, until it is a norm of it.

use super::layers::Chain;
use super::step::Step;
use crate::error::{Fault, wrong};
use crate::tensor::Tensor;
use chainrule::Norm;
use std::collections::{HashMap, HashSet};

/// Numbers, one a channel or one for all.
type Numbers = Vec<f64>;

/// What a node gives.
#[derive(Clone, PartialEq, Debug)]
enum Part {
    /// x · a + mean · b, or that over a deviation, and c more.
    Sum { x: Numbers, mean: Numbers, more: Numbers, over: Option<Deviation> },
    /// x², or (x − mean)² if it is of the centred x.
    Square { is_centred: bool },
    /// The mean of squares.
    Moment { is_centred: bool },
    /// The mean of squares and ε more.
    Above(Deviation),
    /// √(the mean of squares + ε).
    Root(Deviation),
    /// A number a channel over such a root.
    Inverse(Deviation, Numbers),
}

/// √(the mean of squares + ε), of x or of x − mean.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Deviation {
    is_centred: bool,
    epsilon: f64,
}

/// One side of a node.
enum Side {
    Part(Part),
    Known(Numbers),
}

/// The parts of a norm of the head that have been met, by their names.
#[derive(Default)]
pub(super) struct Moments(HashMap<String, Part>);

impl Moments {
    /// Whether a node goes on from what is here.
    pub(super) fn reads(&self, step: &Step<'_>) -> bool {
        step.node.input.iter().any(|name| self.0.contains_key(name))
    }

    /// Whether a node of the head alone begins a norm: a mean of all of a sample, or a square.
    pub(super) fn begin(step: &Step<'_>, chain: &Chain) -> bool {
        let rank = chain.sizes().map_or(0, |sizes| sizes.len() + 1);
        match (step.node.op_type.as_str(), &step.others[..]) {
            _ if chain.cut.is_some() => false,
            ("ReduceMean", _) => matches!(step.axes(rank), Ok(Some(axes)) if axes.iter().copied().eq(1..rank)),
            ("Mul", [None, None]) => step.node.input[0] == step.node.input[1],
            ("Pow", [None, Some(power)]) => power.values() == [2.0],
            _ => false,
        }
    }

    /// Takes a node; says whether the norm is whole, and puts it on the chain.
    pub(super) fn take(&mut self, step: &Step<'_>, heads: &HashSet<String>, chain: &mut Chain) -> Result<bool, Fault> {
        let part = self.part(step, heads, chain)?;
        if let Part::Sum { x, mean, more, over: Some(Deviation { is_centred, epsilon }) } = &part {
            let opposite = both(x, mean, |x, mean| x + mean);
            let wanted = if *is_centred { &opposite } else { mean };
            if x.iter().any(|x| *x != 0.0) && wanted.iter().all(|rest| *rest == 0.0) {
                let norm = if *is_centred { Norm::Layer } else { Norm::Rms };
                chain.norm(norm, *epsilon, x, more)?;
                self.0.clear();
                return Ok(true);
            }
        }
        self.0.extend(step.node.output.first().map(|name| (name.clone(), part)));
        Ok(false)
    }

    fn part(&self, step: &Step<'_>, heads: &HashSet<String>, chain: &Chain) -> Result<Part, Fault> {
        let op = step.node.op_type.as_str();
        let side = |at: usize| -> Result<Side, Fault> {
            let name = &step.node.input[at];
            Ok(match (self.0.get(name), &step.others[at]) {
                (Some(part), _) => Side::Part(part.clone()),
                (None, Some(known)) => Side::Known(numbers(known, chain)?),
                (None, None) if heads.contains(name) => Side::Part(head()),
                (None, None) => return wrong!("it takes `{name}` beside moments of what a layer gives"),
            })
        };
        let part = match (op, step.node.input.len()) {
            ("ReduceMean", 1 | 2) => mean(side(0)?, step, chain)?,
            ("Neg" | "Sqrt" | "Reciprocal", 1) => alone(op, side(0)?),
            (_, 2) => together(op, side(0)?, side(1)?),
            _ => None,
        };
        let unknown = || Fault::Wrong("it goes on from a mean of a sample in a way that is no norm".to_owned());
        part.ok_or_else(unknown)
    }
}

/// x itself.
fn head() -> Part {
    Part::Sum { x: vec![1.0], mean: vec![0.0], more: vec![0.0], over: None }
}

/// x with so much of its mean, if it is that.
fn centred(part: &Part) -> Option<bool> {
    match part {
        Part::Sum { x, mean, more, over: None } if x == &[1.0] && more == &[0.0] => match mean[..] {
            [0.0] => Some(false),
            [-1.0] => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// Numbers beside moments, which have a size of 1 where a sample has others.
fn numbers(known: &Tensor, chain: &Chain) -> Result<Numbers, Fault> {
    match known.values() {
        [one] => Ok(vec![*one]),
        _ => chain.by_channel(known),
    }
}

/// f of two lists, one of which may be one number for all.
fn both(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Numbers {
    let of = |part: &[f64], at: usize| part[if part.len() == 1 { 0 } else { at }];
    (0..a.len().max(b.len())).map(|at| f(of(a, at), of(b, at))).collect()
}

fn mean(of: Side, step: &Step<'_>, chain: &Chain) -> Result<Option<Part>, Fault> {
    let rank = chain.sizes().map_or(0, |sizes| sizes.len() + 1);
    if step.axes(rank)?.is_none_or(|axes| !axes.into_iter().eq(1..rank)) || step.int("keepdims", 1) == 0 {
        return wrong!("a mean that is not of all of a sample");
    }
    Ok(match of {
        Side::Part(part) if part == head() => {
            Some(Part::Sum { x: vec![0.0], mean: vec![1.0], more: vec![0.0], over: None })
        }
        Side::Part(Part::Square { is_centred }) => Some(Part::Moment { is_centred }),
        _ => None,
    })
}

fn alone(op: &str, of: Side) -> Option<Part> {
    match (op, of) {
        ("Neg", Side::Part(part)) => scaled(part, &[-1.0]),
        ("Sqrt", Side::Part(Part::Above(deviation))) => Some(Part::Root(deviation)),
        ("Reciprocal", Side::Part(Part::Root(deviation))) => Some(Part::Inverse(deviation, vec![1.0])),
        _ => None,
    }
}

fn together(op: &str, left: Side, right: Side) -> Option<Part> {
    use Side::{Known, Part as Of};
    match (op, left, right) {
        ("Mul", Of(a), Of(b)) if a == b => centred(&a).map(|is_centred| Part::Square { is_centred }),
        ("Pow", Of(a), Known(power)) if power == [2.0] => centred(&a).map(|is_centred| Part::Square { is_centred }),
        ("Pow", Of(Part::Above(deviation)), Known(power)) if power == [0.5] => Some(Part::Root(deviation)),
        ("Pow", Of(Part::Above(deviation)), Known(power)) if power == [-0.5] => {
            Some(Part::Inverse(deviation, vec![1.0]))
        }
        ("Add", Of(Part::Moment { is_centred }), Known(more))
        | ("Add", Known(more), Of(Part::Moment { is_centred })) => {
            if let [epsilon] = more[..] {
                Some(Part::Above(Deviation { is_centred, epsilon }))
            } else {
                None
            }
        }
        ("Div", Known(numbers), Of(Part::Root(deviation))) => Some(Part::Inverse(deviation, numbers)),
        ("Div", Of(sum), Of(Part::Root(deviation))) => over(sum, deviation, &[1.0]),
        ("Mul", Of(sum), Of(Part::Inverse(deviation, numbers)))
        | ("Mul", Of(Part::Inverse(deviation, numbers)), Of(sum)) => over(sum, deviation, &numbers),
        ("Mul", Of(part), Known(numbers)) | ("Mul", Known(numbers), Of(part)) => scaled(part, &numbers),
        ("Add", Of(sum), Known(more)) | ("Add", Known(more), Of(sum)) => {
            let nothing = Part::Sum { x: vec![0.0], mean: vec![0.0], more, over: deviation(&sum)? };
            added(sum, nothing)
        }
        ("Add", Of(a), Of(b)) => added(a, b),
        ("Sub", Of(a), Of(b)) => added(a, scaled(b, &[-1.0])?),
        ("Sub", Known(more), Of(sum)) => {
            let nothing = Part::Sum { x: vec![0.0], mean: vec![0.0], more, over: deviation(&sum)? };
            added(nothing, scaled(sum, &[-1.0])?)
        }
        _ => None,
    }
}

/// What a sum is over.
fn deviation(sum: &Part) -> Option<Option<Deviation>> {
    if let Part::Sum { over, .. } = sum { Some(*over) } else { None }
}

fn scaled(part: Part, by: &[f64]) -> Option<Part> {
    let times = |numbers: Numbers| both(&numbers, by, |a, b| a * b);
    match part {
        Part::Sum { x, mean, more, over } => {
            Some(Part::Sum { x: times(x), mean: times(mean), more: times(more), over })
        }
        Part::Inverse(deviation, numbers) => Some(Part::Inverse(deviation, times(numbers))),
        _ => None,
    }
}

fn over(sum: Part, deviation: Deviation, by: &[f64]) -> Option<Part> {
    match scaled(sum, by)? {
        Part::Sum { x, mean, more, over: None } if more.iter().all(|more| *more == 0.0) => {
            Some(Part::Sum { x, mean, more, over: Some(deviation) })
        }
        _ => None,
    }
}

fn added(a: Part, b: Part) -> Option<Part> {
    match (a, b) {
        (
            Part::Sum { x, mean, more, over },
            Part::Sum { x: other_x, mean: other_mean, more: other_more, over: other_over },
        ) if over == other_over => {
            let sum = |a: &[f64], b: &[f64]| both(a, b, |a, b| a + b);
            let (x, mean, more) = (sum(&x, &other_x), sum(&mean, &other_mean), sum(&more, &other_more));
            Some(Part::Sum { x, mean, more, over })
        }
        _ => None,
    }
}
