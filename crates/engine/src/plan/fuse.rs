//! Elementwise chains as one pass over memory.
//!
//! A [`Program`] is a short list of instructions that runs block by block: each instruction works on a block of about a
//! thousand elements that stays in the first-level cache, so the chain reads its operands and writes its result once,
//! whatever its length. Operands that repeat (a bias along the rows, a number for each row, one number for all) are
//! read where they lie; their broadcast is never written out.

use super::tape::Runs;
use crate::graph::{NodeId, Nodes};
use crate::ops::{Binary, Layout, Op, Unary};
use crate::shape::Shape;
use chainrule_kernels::Real;
use chainrule_kernels::team::for_each_pair;

/// Elements in a block: a handful of registers of this size fill half of a first-level cache.
const BLOCK: usize = 1024;
/// The least elements of a piece that a thread is given: some microseconds of work.
const LEAST_PIECE: usize = 1 << 15;
/// The most pieces, each of which has scratch of its own.
const MOST_PIECES: usize = 16;
/// The longest chain put into one program.
const LONGEST: u8 = 24;

/// How an operand's elements lie under those of the result, seen as `[rows, cols]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pattern {
    /// One for one.
    Full,
    /// One for one, in the place of the result.
    Own,
    /// One for each column, the same in every row.
    Row,
    /// One for each row.
    Col,
    /// One for all.
    Scalar,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Source {
    Operand(usize),
    Register(usize),
    Number(f64),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    Unary(Unary, Source),
    Binary(Binary, Source, Source),
}

/// The values that a step reads, by their position.
type Operand<'f, 'a, T> = dyn Fn(usize) -> &'a [T] + Sync + 'f;

/// A fused chain. The last instruction writes the result, the others registers.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    cols: usize,
    patterns: Vec<Pattern>,
    acts: Vec<(Act, usize)>,
    registers: usize,
}

/// Which elementwise nodes are computed inside the pass of another.
pub(super) struct Groups {
    absorbed: Vec<bool>,
}

impl Groups {
    /// A node joins its reader if that is elementwise, the only one, and the chain does not grow too long.
    pub(super) fn find(nodes: &Nodes, outputs: &[NodeId], live: &[bool], runs: &Runs) -> Self {
        let is_elementwise = |id| matches!(nodes.op(id), Op::Unary(_) | Op::Binary(_)) && !runs.contain(id);
        // Read by none so far, by one, or by more.
        let mut reader: Vec<NodeId> = vec![NodeId::POISON; nodes.len()];
        let mut shared = vec![false; nodes.len()];
        for &output in outputs {
            shared[nodes.holder(output).index()] = true;
        }
        let all = || (0..nodes.len()).map(NodeId::at).filter(|&id| live[id.index()]);
        for id in all() {
            for input in nodes.inputs(id).iter().map(|input| input.index()) {
                if reader[input] == NodeId::POISON {
                    reader[input] = id;
                }
                shared[input] |= reader[input] != id;
            }
        }
        let mut absorbed = vec![false; nodes.len()];
        let mut length = vec![0u8; nodes.len()];
        for id in all().filter(|&id| is_elementwise(id)) {
            length[id.index()] = 1;
            for input in nodes.inputs(id) {
                let joins = is_elementwise(*input)
                    && !shared[input.index()]
                    && !absorbed[input.index()]
                    && length[id.index()] + length[input.index()] <= LONGEST;
                if joins {
                    absorbed[input.index()] = true;
                    length[id.index()] += length[input.index()];
                }
            }
        }
        Self { absorbed }
    }

    pub(super) fn is_absorbed(&self, id: NodeId) -> bool {
        self.absorbed[id.index()]
    }
}

/// The program that computes `root`, and the nodes that it reads.
pub(super) fn program(nodes: &Nodes, groups: &Groups, root: NodeId) -> (Program, Vec<NodeId>) {
    let mut builder = Builder {
        nodes,
        groups,
        root,
        cols: None,
        operands: Vec::new(),
        acts: Vec::new(),
        free: Vec::new(),
        registers: 0,
    };
    builder.node(root);
    let cols = builder.cols.unwrap_or_else(|| nodes.shape(root).len());
    let (reads, patterns) = builder.operands.into_iter().unzip();
    (Program { cols, patterns, acts: builder.acts, registers: builder.registers }, reads)
}

struct Builder<'a> {
    nodes: &'a Nodes,
    groups: &'a Groups,
    root: NodeId,
    cols: Option<usize>,
    operands: Vec<(NodeId, Pattern)>,
    acts: Vec<(Act, usize)>,
    free: Vec<usize>,
    registers: usize,
}

impl Builder<'_> {
    /// Emits the instructions of an absorbed node (or the root). Chains are short, so recursion is shallow.
    fn node(&mut self, id: NodeId) -> Source {
        let inputs = self.nodes.inputs(id);
        let a = self.source(inputs[0]);
        let act = match self.nodes.op(id) {
            Op::Unary(op) => Act::Unary(op, a),
            Op::Binary(op) => {
                let b = if inputs[1] == inputs[0] { a } else { self.source(inputs[1]) };
                Act::Binary(op, a, b)
            }
            _ => unreachable!("only elementwise nodes are grouped"),
        };
        let to = self.register(id);
        self.release(act);
        self.acts.push((act, to));
        Source::Register(to)
    }

    fn source(&mut self, id: NodeId) -> Source {
        if self.groups.is_absorbed(id) {
            return self.node(id);
        }
        if let Some(value) = self.nodes.constant(id) {
            return Source::Number(value);
        }
        let operand = self.operand(id);
        let known = self.operands.iter().position(|&o| o == operand);
        Source::Operand(known.unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        }))
    }

    /// Reads through a broadcast if it repeats along rows or columns that the program agrees on.
    fn operand(&mut self, id: NodeId) -> (NodeId, Pattern) {
        let Op::Layout(Layout::Broadcast { to, axes }) = self.nodes.op(id) else {
            return (id, Pattern::Full);
        };
        let source = self.nodes.inputs(id)[0];
        let (pattern, cols) = match to.around(axes) {
            (1, _, 1) => return (source, Pattern::Scalar),
            (1, _, inner) => (Pattern::Row, inner),
            (_, len, 1) => (Pattern::Col, len),
            _ => return (id, Pattern::Full),
        };
        if *self.cols.get_or_insert(cols) == cols { (source, pattern) } else { (id, Pattern::Full) }
    }

    /// A register for the value of `id`; the root's is the result itself.
    fn register(&mut self, id: NodeId) -> usize {
        if id == self.root {
            return usize::MAX;
        }
        self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        })
    }

    fn release(&mut self, act: Act) {
        let (a, b) = match act {
            Act::Unary(_, a) => (a, None),
            Act::Binary(_, a, b) => (a, (a != b).then_some(b)),
        };
        for source in [Some(a), b].into_iter().flatten() {
            if let Source::Register(r) = source {
                self.free.push(r);
            }
        }
    }
}

impl Program {
    /// How many operations are done for each element.
    pub fn instructions(&self) -> usize {
        self.acts.len()
    }

    /// How many values it reads.
    pub(super) fn operands(&self) -> usize {
        self.patterns.len()
    }

    /// Whether it reads the operand one for one.
    pub(super) fn is_full(&self, operand: usize) -> bool {
        self.patterns[operand] == Pattern::Full
    }

    /// Says which of the operands that are read one for one lie where the result goes.
    pub(super) fn in_place(&mut self, is_own: impl Fn(usize) -> bool) {
        for (i, pattern) in self.patterns.iter_mut().enumerate() {
            if *pattern == Pattern::Full && is_own(i) {
                *pattern = Pattern::Own;
            }
        }
    }

    /// Whether a part of so many elements begins where a block may.
    pub(super) fn fits(&self, part: usize) -> bool {
        let repeats = self.patterns.iter().any(|pattern| matches!(pattern, Pattern::Row | Pattern::Col));
        !repeats || self.cols > BLOCK || part.is_multiple_of(self.cols.max(1))
    }

    /// How many numbers of scratch a run with this result needs.
    pub(super) fn scratch(&self, shape: Shape) -> usize {
        shape.len().div_ceil(self.piece(shape).max(1)).max(1) * self.lane()
    }

    /// What a piece needs: the registers, and room for each operand that is spread out.
    pub(crate) fn lane(&self) -> usize {
        (self.registers + self.patterns.len()) * self.block_len()
    }

    /// Elements of a piece for one thread: whole blocks. The result does not depend on it.
    fn piece(&self, shape: Shape) -> usize {
        shape.len().div_ceil(MOST_PIECES).max(LEAST_PIECE).next_multiple_of(self.block_len())
    }

    /// Elements in a full block: whole rows if they fit, else part of one.
    fn block_len(&self) -> usize {
        if self.cols == 0 {
            return 1;
        }
        if self.cols <= BLOCK { BLOCK / self.cols * self.cols } else { BLOCK }
    }

    /// Computes the whole result.
    pub(crate) fn run<'a, T: Real>(
        &self,
        operand: &Operand<'_, 'a, T>,
        shape: Shape,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        debug_assert_eq!(out.len(), shape.len());
        let piece = self.piece(shape);
        if out.len() <= piece {
            return self.run_piece(operand, 0, out, &mut scratch[..self.lane()]);
        }
        for_each_pair(out, piece, scratch, self.lane(), |number, out, lane| {
            self.run_piece(operand, number * piece, out, lane);
        });
    }

    /// Computes the elements from `first` on, as many as there is room for in `out`; `lane` is scratch.
    pub(crate) fn run_piece<'a, T: Real>(
        &self,
        operand: &Operand<'_, 'a, T>,
        first: usize,
        out: &mut [T],
        lane: &mut [T],
    ) {
        let block = self.block_len();
        let (spread, registers) = lane.split_at_mut(self.patterns.len() * block);
        let mut done = 0;
        while done < out.len() {
            // A row longer than a block is taken in parts that end with it.
            let left = out.len() - done;
            let left_in_row = self.cols - (first + done) % self.cols;
            let len = if self.cols > BLOCK { block.min(left_in_row).min(left) } else { block.min(left) };
            let out = &mut out[done..done + len];
            self.spread(operand, first + done, out, spread, done == 0);
            self.block(operand, first + done, spread, registers, out);
            done += len;
        }
    }

    /// Writes out the operands that repeat, and those that the result takes the place of, for the block of the elements
    /// from `start` on, whose place is `own`.
    fn spread<'a, T: Real>(
        &self,
        operand: &Operand<'_, 'a, T>,
        start: usize,
        own: &[T],
        spread: &mut [T],
        is_first: bool,
    ) {
        let (block, cols, len) = (self.block_len(), self.cols, own.len());
        for (i, (pattern, room)) in self.patterns.iter().zip(spread.chunks_exact_mut(block)).enumerate() {
            let room = &mut room[..len];
            match pattern {
                Pattern::Full | Pattern::Scalar => {}
                Pattern::Own => room.copy_from_slice(own),
                // Whole rows look the same in every block.
                Pattern::Row if cols <= BLOCK && !is_first => {}
                Pattern::Row => {
                    let column = start % cols;
                    let mut filled = cols.min(len);
                    room[..filled].copy_from_slice(&operand(i)[column..column + filled]);
                    // Twice as many rows each time: a call for each row would cost more than the copy.
                    while filled < len {
                        let more = filled.min(len - filled);
                        room.copy_within(..more, filled);
                        filled += more;
                    }
                }
                Pattern::Col => {
                    for (row, &value) in room.chunks_mut(cols).zip(&operand(i)[start / cols..]) {
                        row.fill(value);
                    }
                }
            }
        }
    }

    fn block<'a, T: Real>(
        &self,
        operand: &Operand<'_, 'a, T>,
        start: usize,
        spread: &[T],
        registers: &mut [T],
        out: &mut [T],
    ) {
        let (block, len) = (self.block_len(), out.len());
        let last = self.acts.len() - 1;
        for (i, &(act, to)) in self.acts.iter().enumerate() {
            let (below, rest) = registers.split_at_mut(if i == last { 0 } else { to * block });
            let (target, above) = if i == last {
                (&mut *out, &*rest)
            } else {
                let (target, above) = rest.split_at_mut(block);
                (&mut target[..len], &*above)
            };
            let skipped = if i == last { 0 } else { to + 1 };
            let read = |source| match source {
                Source::Number(value) => Value::One(T::from_f64(value)),
                Source::Operand(o) => match self.patterns[o] {
                    Pattern::Full => Value::Many(&operand(o)[start..start + len]),
                    Pattern::Scalar => Value::One(operand(o)[0]),
                    Pattern::Own | Pattern::Row | Pattern::Col => Value::Many(&spread[o * block..][..len]),
                },
                Source::Register(r) if r < skipped => Value::Many(&below[r * block..][..len]),
                Source::Register(r) => Value::Many(&above[(r - skipped) * block..][..len]),
            };
            match act {
                Act::Unary(op, a) => match read(a) {
                    Value::Many(a) => op.map(a, target),
                    Value::One(a) => target.fill(op.value(a)),
                },
                Act::Binary(op, a, b) => match (read(a), read(b)) {
                    (Value::Many(a), Value::Many(b)) => op.map(a, b, target),
                    (Value::Many(a), Value::One(b)) => op.map_right(a, b, target),
                    (Value::One(a), Value::Many(b)) => op.map_left(a, b, target),
                    (Value::One(a), Value::One(b)) => target.fill(op.value(a, b)),
                },
            }
        }
    }

    /// The chain in words, as the plan's table shows it.
    pub(super) fn names(&self) -> String {
        use crate::ops::Rule;
        let name = |act: &Act| match act {
            Act::Unary(op, _) => op.name(),
            Act::Binary(op, ..) => op.name(),
        };
        self.acts.iter().map(|(act, _)| name(act)).collect::<Vec<_>>().join(" → ")
    }
}

/// An operand of one instruction: a block of numbers, or one number for the whole block.
enum Value<'a, T> {
    Many(&'a [T]),
    One(T),
}
