//! Runs a plan.

use crate::error::EngineError;
use crate::expr::Expr;
use crate::graph::{Graph, NodeId};
use crate::ops::{IndexFault, Io, Op, Rule};
use crate::plan::{Place, Plan, Program, Segment, Step, Work};
use chainrule_kernels::conv::Finish;
use chainrule_kernels::update::{Update, apply_shared, gemm_update};
use chainrule_kernels::{Block, Real};

/// The memory of a plan: runs it as often as wanted, without allocating after it is made.
#[derive(Debug)]
pub struct Session<T> {
    plan: Plan,
    arena: Block<T>,
    scratch: Block<T>,
}

impl<T: Real> Session<T> {
    /// Takes the memory that the plan needs.
    ///
    /// # Errors
    /// An operation by index into an axis whose positions `T` cannot tell apart.
    pub fn new(plan: Plan) -> Result<Self, EngineError> {
        for step in &plan.steps {
            if let Work::Op(Op::Index(op)) = step.work {
                let size = op.axis_size(&step.shapes);
                if size as f64 > T::MAX_INDEX {
                    return Err(EngineError::IndexRange { op: op.name(), size, limit: T::MAX_INDEX });
                }
            }
        }
        let mut arena = Block::zeros(plan.arena);
        for (range, value) in &plan.constants {
            arena[range.clone()].fill(T::from_f64(*value));
        }
        let [single, double] = plan.scratch;
        let scratch = Block::zeros(if size_of::<T>() == size_of::<f32>() { single } else { double });
        Ok(Self { plan, arena, scratch })
    }

    /// The plan that is run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Computes all outputs from the flat block of parameters and the inputs, in the order of [`Plan::inputs`].
    ///
    /// # Errors
    /// A block or an input of the wrong length, or an index outside its axis.
    pub fn run(&mut self, parameters: &[T], inputs: &[&[T]]) -> Result<(), EngineError> {
        self.check_lengths(parameters, inputs)?;
        for position in 0..self.plan.steps.len() {
            if let Err(fault) = self.step(position, parameters, inputs) {
                return Err(self.index_error(position, fault));
            }
        }
        Ok(())
    }

    /// Runs a plan made by [`Plan::training`]: computes the outputs, asks `go` whether to go on, and moves the
    /// parameters. Returns what `go` said; if not, the parameters are as before.
    ///
    /// # Errors
    /// As [`Session::run`].
    ///
    /// # Panics
    /// If a block of the optimiser's memory is shorter than the parameters that its rule remembers.
    pub fn train(
        &mut self,
        descent: &mut Descent<'_, T>,
        inputs: &[&[T]],
        go: &mut dyn FnMut(&mut Self) -> bool,
    ) -> Result<bool, EngineError> {
        self.check_lengths(descent.parameters, inputs)?;
        let first_update = self.plan.first_update();
        for position in 0..self.plan.steps.len() {
            if Some(position) == first_update && !go(self) {
                return Ok(false);
            }
            match self.plan.steps[position].work {
                Work::Update(segment) | Work::Descend { segment, .. } => {
                    let range = self.plan.parameters[segment].range.clone();
                    let Self { plan, arena, scratch } = self;
                    descend(&plan.steps[position], segment, range, arena, scratch, descent, inputs);
                }
                _ => {
                    if let Err(fault) = self.step(position, descent.parameters, inputs) {
                        return Err(self.index_error(position, fault));
                    }
                }
            }
        }
        Ok(true)
    }

    fn step(&mut self, position: usize, parameters: &[T], inputs: &[&[T]]) -> Result<(), IndexFault> {
        let Self { plan, arena, scratch } = self;
        run_step(&plan.steps[position], arena, scratch, parameters, inputs)
    }

    /// Out of the way: to hand the large error through every step takes as long as a small step.
    #[cold]
    fn index_error(&self, position: usize, fault: IndexFault) -> EngineError {
        EngineError::Index {
            op: if let Work::Op(op) = self.plan.steps[position].work { op.name() } else { "" },
            name: self.plan.label(position),
            index: fault.index,
            size: fault.size,
        }
    }

    fn check_lengths(&self, parameters: &[T], inputs: &[&[T]]) -> Result<(), EngineError> {
        let plan = &self.plan;
        let wrong = |segment: &Segment, found| EngineError::InputLength {
            name: segment.name.clone(),
            shape: segment.shape,
            found,
        };
        let total = plan.parameters.last().map_or(0, |s| s.range.end);
        if parameters.len() != total {
            let whole = crate::Shape::new(&[total]).unwrap_or_default();
            let name = "the block of parameters".to_owned();
            return Err(EngineError::InputLength { name, shape: whole, found: parameters.len() });
        }
        if inputs.len() > plan.inputs.len() {
            return Err(EngineError::UnknownInput { index: plan.inputs.len(), count: plan.inputs.len() });
        }
        for (position, segment) in plan.inputs.iter().enumerate() {
            match inputs.get(position) {
                None => {
                    return Err(EngineError::MissingInput { name: segment.name.clone(), shape: segment.shape });
                }
                Some(value) if value.len() != segment.shape.len() => return Err(wrong(segment, value.len())),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The output at a position, as the last run left it.
    pub fn output(&self, position: usize) -> &[T] {
        &self.arena[self.plan.outputs[position].clone()]
    }

    /// The outputs at these positions, which lie one after the other, as one slice.
    pub fn outputs(&self, positions: std::ops::Range<usize>) -> &[T] {
        let ranges = &self.plan.outputs[positions];
        match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => &self.arena[first.start..last.end],
            _ => &[],
        }
    }

    /// The outputs at these positions, to be changed in place (for clipping, say).
    pub fn outputs_mut(&mut self, positions: std::ops::Range<usize>) -> &mut [T] {
        let ranges = &self.plan.outputs[positions];
        match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => &mut self.arena[first.start..last.end],
            _ => &mut [],
        }
    }

    /// The value of any node of a transparent plan; `None` for inputs, parameters, and nodes outside the plan.
    pub fn value(&self, node: NodeId) -> Option<&[T]> {
        match self.plan.places.get(&node) {
            Some(Place::Arena(range)) => Some(&self.arena[range.clone()]),
            _ => None,
        }
    }

    /// The first node in the order of the graph whose value is not finite, if the plan is transparent.
    pub fn first_non_finite(&self) -> Option<NodeId> {
        let bad = |step: &&Step| self.arena[step.write.clone()].iter().any(|v| !v.is_finite());
        self.plan.steps.iter().find(bad).map(|step| step.node)
    }
}

/// What moves the parameters in a step of training.
pub struct Descent<'a, T> {
    /// The flat block of parameters.
    pub parameters: &'a mut [T],
    /// What the optimiser remembers: blocks parallel to the parameters, or empty.
    pub memory: [&'a mut [T]; 2],
    /// How the parameter at a position moves.
    pub update: &'a dyn Fn(usize) -> Update<T>,
}

/// The arena during one step: what is written lies apart from all that is read, so the arena splits in three.
struct Reader<'a, T> {
    below: &'a [T],
    above: &'a [T],
    step: &'a Step,
    inputs: &'a [&'a [T]],
}

impl<'a, T> Reader<'a, T> {
    /// The reader, and what is written.
    fn new(step: &'a Step, arena: &'a mut [T], inputs: &'a [&'a [T]]) -> (Self, &'a mut [T]) {
        let (below, rest) = arena.split_at_mut(step.write.start);
        let (out, above) = rest.split_at_mut(step.write.len());
        (Self { below, above, step, inputs }, out)
    }

    /// The value read at a position; `parameters` holds those that are parameters.
    fn value(&self, position: usize, parameters: &'a [T]) -> &'a [T] {
        let write = &self.step.write;
        match &self.step.reads[position] {
            Place::Arena(range) if range.end <= write.start => &self.below[range.clone()],
            Place::Arena(range) => &self.above[range.start - write.end..range.end - write.end],
            Place::Parameter(range) => &parameters[range.clone()],
            Place::Input(position, range) => &self.inputs[*position][range.clone()],
        }
    }
}

fn run_step<T: Real>(
    step: &Step,
    arena: &mut [T],
    scratch: &mut [T],
    parameters: &[T],
    inputs: &[&[T]],
) -> Result<(), IndexFault> {
    let (reader, out) = Reader::new(step, arena, inputs);
    let read = |position: usize| reader.value(position, parameters);
    match &step.work {
        Work::Op(op) => {
            let first = step.shapes.len();
            let work = |at: usize, part: &mut [T], room: &mut [T]| {
                if let Some(program) = &step.finish {
                    program.run_piece(&|operand| read(first + operand), at, part, room);
                }
            };
            let finish = Finish { room: step.finish.as_ref().map_or(0, Program::lane), work: &work };
            op.forward(Io { inputs: &read, shapes: &step.shapes, out, shape: step.shape, scratch, finish })
        }
        Work::Fused(program) => {
            program.run(&read, step.shape, out, scratch);
            Ok(())
        }
        Work::Tape(tape) => {
            tape.run(&read, out);
            Ok(())
        }
        Work::Copy => {
            out.copy_from_slice(read(0));
            Ok(())
        }
        // Only `Session::train` moves parameters.
        Work::Update(_) | Work::Descend { .. } => Ok(()),
    }
}

/// Moves one parameter. What it reads is no parameter: the planner sees to that.
fn descend<T: Real>(
    step: &Step,
    segment: usize,
    range: std::ops::Range<usize>,
    arena: &mut [T],
    scratch: &mut [T],
    descent: &mut Descent<'_, T>,
    inputs: &[&[T]],
) {
    let (reader, out) = Reader::new(step, arena, inputs);
    let update = (descent.update)(segment);
    let memory = update.memory_at(descent.memory.each_mut().map(|block| &mut **block), &range);
    let parameter = &mut descent.parameters[range];
    if let Work::Descend { product, .. } = step.work {
        let (a, b) = product.matrices(&step.shapes, reader.value(0, &[]), reader.value(1, &[]));
        gemm_update(&update, a, b, parameter, memory, out, scratch);
    } else {
        apply_shared(&update, parameter, reader.value(0, &[]), memory);
    }
}

impl Graph {
    /// Plans, runs once in `f64`, and returns the outputs: for small graphs and tests. Parameters count as inputs
    /// that come after the others.
    ///
    /// # Errors
    /// As [`Plan::new`] and [`Session::run`].
    pub fn evaluate(&self, outputs: &[Expr<'_>], inputs: &[&[f64]]) -> Result<Vec<Vec<f64>>, EngineError> {
        let mut session = Session::new(Plan::new(self, outputs)?)?;
        let data = session.plan().inputs.len().min(inputs.len());
        let parameters = inputs[data..].concat();
        session.run(&parameters, &inputs[..data])?;
        Ok((0..outputs.len()).map(|i| session.output(i).to_vec()).collect())
    }
}
