//! Recurrent layers, written out step by step: plain ones (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997) and GRU
//! (Cho et al. 2014).

use super::Entry;
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] =
    &[("GRU", |c| recur(c, Kind::Gru)), ("LSTM", |c| recur(c, Kind::Lstm)), ("RNN", |c| recur(c, Kind::Plain))];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Lstm,
    Gru,
}

/// More steps are not written out.
const MOST_STEPS: usize = 4096;

/// The weights of one direction, for products from the right.
struct Cell<'g> {
    kind: Kind,
    hidden: usize,
    /// `[inputs, gates · hidden]` and `[hidden, gates · hidden]`.
    input: Expr<'g>,
    recurrent: Expr<'g>,
    /// What is added to either product, `[gates · hidden]`.
    biases: Option<[Expr<'g>; 2]>,
    /// The weights by which the gates of an LSTM see its memory, `[3 · hidden]`.
    peepholes: Option<Expr<'g>>,
    relu: bool,
    linear_before_reset: bool,
}

impl<'g> Cell<'g> {
    fn new(c: &Call<'_, 'g>, kind: Kind, direction: usize, relu: bool) -> Result<Self, Fault> {
        let gates = [1, 4, 3][kind as usize];
        let part = |at: usize| -> Result<Expr<'g>, Fault> {
            let all = c.expr(at)?;
            let shape = sizes(all);
            if shape.first().is_none_or(|&count| direction >= count) {
                return wrong!("weights {} for direction {}", all.shape(), direction + 1);
            }
            Ok(all.slice(0, direction, direction + 1).reshape(&shape[1..]))
        };
        let (input, recurrent) = (part(1)?, part(2)?);
        let [rows, hidden] = sizes(recurrent)[..] else { return wrong!("weights {}", recurrent.shape()) };
        if rows != gates * hidden || input.shape().rank() != 2 || input.size(0) != rows {
            return wrong!("weights {} and {} for {gates} gates", input.shape(), recurrent.shape());
        }
        let biases = match c.has(3) {
            true if sizes(c.expr(3)?).last() == Some(&(2 * rows)) => {
                let both = part(3)?;
                Some([both.slice(0, 0, rows), both.slice(0, rows, 2 * rows)])
            }
            true => return wrong!("biases {} for {rows} weights", c.expr(3)?.shape()),
            false => None,
        };
        Ok(Self {
            kind,
            hidden,
            input: input.transpose(&[1, 0]),
            recurrent: recurrent.transpose(&[1, 0]),
            biases,
            peepholes: if kind == Kind::Lstm && c.has(7) { Some(part(7)?) } else { None },
            relu,
            linear_before_reset: c.is("linear_before_reset", false),
        })
    }

    fn gate(&self, all: Expr<'g>, at: usize) -> Expr<'g> {
        let axis = all.shape().rank().saturating_sub(1);
        all.slice(axis, at * self.hidden, (at + 1) * self.hidden)
    }

    /// The state after a step, `[batch, hidden]`, and the memory of an LSTM.
    fn step(&self, x: Expr<'g>, h: Expr<'g>, memory: Expr<'g>) -> (Expr<'g>, Expr<'g>) {
        let (mut xs, mut hs) = (x.matmul(self.input), h.matmul(self.recurrent));
        if let Some([of_input, of_state]) = self.biases {
            (xs, hs) = (xs + of_input, hs + of_state);
        }
        match self.kind {
            Kind::Plain if self.relu => ((xs + hs).relu(), memory),
            Kind::Plain => ((xs + hs).tanh(), memory),
            Kind::Lstm => self.lstm(xs + hs, memory),
            Kind::Gru => (self.gru(xs, hs, h), memory),
        }
    }

    /// Gates in the order input, output, forget, cell.
    fn lstm(&self, all: Expr<'g>, memory: Expr<'g>) -> (Expr<'g>, Expr<'g>) {
        let seen = |at: usize, memory: Expr<'g>| match self.peepholes {
            Some(peepholes) => self.gate(all, at) + self.gate(peepholes, at) * memory,
            None => self.gate(all, at),
        };
        let (input, forget) = (seen(0, memory).sigmoid(), seen(2, memory).sigmoid());
        let memory = forget * memory + input * self.gate(all, 3).tanh();
        (seen(1, memory).sigmoid() * memory.tanh(), memory)
    }

    /// Gates in the order update, reset, hidden.
    fn gru(&self, xs: Expr<'g>, hs: Expr<'g>, h: Expr<'g>) -> Expr<'g> {
        let gate = |at: usize| (self.gate(xs, at) + self.gate(hs, at)).sigmoid();
        let (update, reset) = (gate(0), gate(1));
        let state = if self.linear_before_reset {
            reset * self.gate(hs, 2)
        } else {
            let product = (reset * h).matmul(self.gate(self.recurrent, 2));
            self.biases.map_or(product, |[_, of_state]| product + self.gate(of_state, 2))
        };
        (1.0 - update) * (self.gate(xs, 2) + state).tanh() + update * h
    }
}

/// Whether the activations are the usual ones of the kind; a plain layer may have Relu as well.
fn relu(c: &Call<'_, '_>, kind: Kind) -> Result<bool, Fault> {
    let given: Vec<String> = c.attribute("activations").map_or(Vec::new(), |attribute| {
        attribute.strings.iter().map(|text| String::from_utf8_lossy(text).to_lowercase()).collect()
    });
    let usual: &[&str] = match kind {
        Kind::Plain => &["tanh"],
        Kind::Lstm => &["sigmoid", "tanh", "tanh"],
        Kind::Gru => &["sigmoid", "tanh"],
    };
    let relu = kind == Kind::Plain && !given.is_empty() && given.iter().all(|name| name == "relu");
    let plain = given.iter().zip(usual.iter().cycle()).all(|(name, usual)| name == usual);
    if !relu && !plain {
        return unsupported!("the activations {}", given.join(", "));
    }
    for (name, usual) in [("clip", 0.0), ("input_forget", 0.0)] {
        if c.attribute(name).is_some_and(|a| f64::from(a.f) != usual || a.i != 0) {
            return unsupported!("{name}");
        }
    }
    Ok(relu)
}

fn recur<'g>(c: &Call<'_, 'g>, kind: Kind) -> Results<'g> {
    let relu = relu(c, kind)?;
    let by_batch = c.is("layout", false);
    let x = c.expr(0)?;
    if x.shape().rank() != 3 {
        return wrong!("steps, batch and inputs are wanted, not {}", x.shape());
    }
    let x = if by_batch { x.transpose(&[1, 0, 2]) } else { x };
    let (steps, batch, inputs) = (x.size(0), x.size(1), x.size(2));
    if steps == 0 || steps > MOST_STEPS {
        return unsupported!("{steps} steps");
    }
    if c.has(4) && c.known(4)?.values().iter().any(|&length| length != steps as f64) {
        return unsupported!("sequences of several lengths");
    }
    let directions: &[bool] = match c.text("direction", "forward").as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return unsupported!("direction `{other}`"),
    };
    let (mut all, mut last, mut memories) = (Vec::new(), Vec::new(), Vec::new());
    for (number, &backwards) in directions.iter().enumerate() {
        let cell = Cell::new(c, kind, number, relu)?;
        let first = |at: usize| -> Result<Expr<'g>, Fault> {
            if !c.has(at) {
                return Ok(c.graph().constant(0.0, &[batch, cell.hidden]));
            }
            let given = c.expr(at)?;
            let given = if by_batch { given.transpose(&[1, 0, 2]) } else { given };
            Ok(c.sound(given)?.slice(0, number, number + 1).reshape(&[batch, cell.hidden]))
        };
        let (mut h, mut memory) = (first(5)?, if kind == Kind::Lstm { first(6)? } else { x });
        let mut states = Vec::new();
        for step in 0..steps {
            let at = if backwards { steps - 1 - step } else { step };
            (h, memory) = cell.step(x.slice(0, at, at + 1).reshape(&[batch, inputs]), h, memory);
            states.push(c.sound(h)?.reshape(&[1, 1, batch, cell.hidden]));
        }
        if backwards {
            states.reverse();
        }
        all.push(Expr::concat(&states, 0));
        last.push(h.reshape(&[1, batch, cell.hidden]));
        if kind == Kind::Lstm {
            memories.push(memory.reshape(&[1, batch, cell.hidden]));
        }
    }
    let (mut y, mut ends) = (Expr::concat(&all, 1), vec![Expr::concat(&last, 0)]);
    if kind == Kind::Lstm {
        ends.push(Expr::concat(&memories, 0));
    }
    if by_batch {
        y = y.transpose(&[2, 0, 1, 3]);
        ends = ends.into_iter().map(|end| end.transpose(&[1, 0, 2])).collect();
    }
    let of = c.kind(0)?;
    Ok([y].into_iter().chain(ends).map(|expr| Value::Node(expr, of)).collect())
}
