//! A place for every value in one block.
//!
//! The outputs come first, in order and without gaps, so that the gradients of a flat block of parameters are a flat
//! block themselves. Constants follow. The rest are slots: a value gets the smallest gap that it fits into, and gives
//! it back after the last step that reads it. An elementwise chain takes over the slot of a value that it is the last to
//! read.

use super::lower::Draft;
use super::{Place, Work};
use crate::graph::{NodeId, Nodes};
use crate::ops::Role;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::hash_map::Entry;
use std::ops::Range;

/// Whether memory of values that are read no more is used again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    Never,
    WhenDead,
}

/// Slots start at multiples of this many numbers, a cache line of `f32`.
const ALIGN: usize = 16;

pub(super) struct Layout<'a> {
    nodes: &'a Nodes,
    reuse: Reuse,
    places: FxHashMap<NodeId, Place>,
    pub(super) outputs: Vec<Range<usize>>,
    pub(super) constants: Vec<(Range<usize>, f64)>,
    pub(super) size: usize,
}

impl Layout<'_> {
    fn holder(&self, id: NodeId) -> NodeId {
        match self.reuse {
            Reuse::Never => id,
            Reuse::WhenDead => self.nodes.holder(id),
        }
    }

    /// Where the value of `id` lies.
    pub(super) fn place(&self, id: NodeId) -> Place {
        self.places.get(&self.holder(id)).expect("what is read has a place").clone()
    }

    /// Where `draft` writes.
    pub(super) fn written(&self, draft: &Draft) -> Range<usize> {
        if !writes_arena(draft) {
            return 0..0;
        }
        if let Some(output) = draft.copies_to {
            return self.outputs[output].clone();
        }
        match (&draft.work, self.place(draft.writes)) {
            // The last of the results has a place; the first cell lies before it.
            (Work::Tape(tape), Place::Arena(last)) => {
                let start = last.end - tape.len();
                start..start + tape.cells()
            }
            (_, Place::Arena(range)) => range,
            (_, _) => unreachable!("inputs are not computed"),
        }
    }

    pub(super) fn all_places(&self) -> impl Iterator<Item = (NodeId, Place)> + '_ {
        self.places.iter().map(|(&id, place)| (id, place.clone()))
    }
}

pub(super) fn arrange<'a>(nodes: &'a Nodes, outputs: &[NodeId], drafts: &[Draft], reuse: Reuse) -> Layout<'a> {
    let mut layout =
        Layout { nodes, reuse, places: FxHashMap::default(), outputs: Vec::new(), constants: Vec::new(), size: 0 };
    place_leaves(nodes, &mut layout.places);
    let copied: FxHashSet<usize> = drafts.iter().filter_map(|draft| draft.copies_to).collect();
    for (position, &output) in outputs.iter().enumerate() {
        let range = layout.size..layout.size + nodes.shape(output).len();
        layout.size = range.end;
        // What is not copied to its output is computed there.
        if !copied.contains(&position) {
            layout.places.insert(layout.holder(output), Place::Arena(range.clone()));
        }
        layout.outputs.push(range);
    }
    place_constants(drafts, &mut layout);
    place_values(drafts, &mut layout);
    layout
}

fn place_leaves(nodes: &Nodes, places: &mut FxHashMap<NodeId, Place>) {
    let mut start = 0;
    for id in nodes.leaves(Role::Parameter) {
        let end = start + nodes.shape(id).len();
        places.insert(id, Place::Parameter(start..end));
        start = end;
    }
    for (position, id) in nodes.leaves(Role::Data).enumerate() {
        places.insert(id, Place::Input(position, 0..nodes.shape(id).len()));
    }
}

/// Constants that steps read from memory. Those inside fused programs are written into the program.
fn place_constants(drafts: &[Draft], layout: &mut Layout<'_>) {
    for draft in drafts {
        for &read in &draft.reads {
            let held = layout.holder(read);
            if let Some(value) = layout.nodes.constant(held) {
                let start = layout.size.next_multiple_of(ALIGN);
                let range = start..start + layout.nodes.shape(held).len();
                if let Entry::Vacant(free) = layout.places.entry(held) {
                    free.insert(Place::Arena(range.clone()));
                    layout.size = range.end;
                    layout.constants.push((range, value));
                }
            }
        }
    }
}

fn place_values(drafts: &[Draft], layout: &mut Layout<'_>) {
    let mut last_read = FxHashMap::default();
    for (step, draft) in drafts.iter().enumerate() {
        for &read in &draft.reads {
            last_read.insert(layout.holder(read), step);
        }
    }
    let mut slots = Slots { start: layout.size.next_multiple_of(ALIGN), gaps: Vec::new() };
    let mut end = slots.start;
    let mut is_slot: FxHashMap<NodeId, Range<usize>> = FxHashMap::default();
    for (step, draft) in drafts.iter().enumerate() {
        if draft.copies_to.is_some() || !writes_arena(draft) {
            give_back_read(layout, draft, step, &last_read, &mut is_slot, &mut slots);
            continue;
        }
        if let Work::Tape(tape) = &draft.work {
            // The cells stay: who reads one of them would have to be counted for all.
            let range = slots.take(tape.cells());
            end = end.max(range.end);
            let read = |id: &NodeId| last_read.contains_key(id) || *id == draft.writes;
            let cells = draft.results.iter().zip(range.start..).filter(|(id, _)| read(id));
            layout.places.extend(cells.map(|(&id, cell)| (id, Place::Arena(cell..cell + 1))));
            give_back_read(layout, draft, step, &last_read, &mut is_slot, &mut slots);
            continue;
        }
        let len = layout.nodes.shape(draft.writes).len();
        let own = own(layout, draft, step, &last_read, &is_slot);
        if let Entry::Vacant(free) = layout.places.entry(draft.writes) {
            let range = own.and_then(|own| is_slot.remove(&own)).unwrap_or_else(|| slots.take(len));
            end = end.max(range.end);
            free.insert(Place::Arena(range.start..range.start + len));
            is_slot.insert(draft.writes, range);
        }
        give_back_read(layout, draft, step, &last_read, &mut is_slot, &mut slots);
        // A gradient that is held while its parameter moves is read by nobody.
        if matches!(draft.work, Work::Descend { .. })
            && let Some(range) = is_slot.remove(&draft.writes)
        {
            slots.give_back(range);
        }
    }
    layout.size = end;
}

/// Whether a step has a value to put into the arena.
fn writes_arena(draft: &Draft) -> bool {
    !matches!(draft.work, Work::Update(_) | Work::Descend { plain: true, .. })
}

/// The value whose slot an elementwise chain can write its result into: read one for one, and by no later step.
fn own(
    layout: &Layout<'_>,
    draft: &Draft,
    step: usize,
    last_read: &FxHashMap<NodeId, usize>,
    is_slot: &FxHashMap<NodeId, Range<usize>>,
) -> Option<NodeId> {
    let Work::Fused(program) = &draft.work else { return None };
    let held = |operand: usize| layout.holder(draft.reads[operand]);
    let all = 0..program.operands();
    let is_read_full = |id: NodeId| all.clone().all(|operand| held(operand) != id || program.is_full(operand));
    all.clone().map(held).find(|id| {
        layout.reuse == Reuse::WhenDead
            && is_slot.contains_key(id)
            && last_read.get(id) == Some(&step)
            && is_read_full(*id)
    })
}

/// Frees the slots of values that no later step reads.
fn give_back_read(
    layout: &Layout<'_>,
    draft: &Draft,
    step: usize,
    last_read: &FxHashMap<NodeId, usize>,
    is_slot: &mut FxHashMap<NodeId, Range<usize>>,
    slots: &mut Slots,
) {
    if layout.reuse == Reuse::Never {
        return;
    }
    for &read in &draft.reads {
        let held = layout.holder(read);
        if last_read.get(&held) == Some(&step)
            && let Some(range) = is_slot.remove(&held)
        {
            slots.give_back(range);
        }
    }
}

/// The free gaps of the arena, in order; beyond `start` all is free.
struct Slots {
    start: usize,
    gaps: Vec<Range<usize>>,
}

impl Slots {
    /// The smallest gap that is large enough, or new room at the end.
    fn take(&mut self, len: usize) -> Range<usize> {
        let len = len.max(1).next_multiple_of(ALIGN);
        let fitting = self.gaps.iter().enumerate().filter(|(_, gap)| gap.len() >= len);
        if let Some((at, _)) = fitting.min_by_key(|(_, gap)| gap.len()) {
            let gap = &mut self.gaps[at];
            let range = gap.start..gap.start + len;
            gap.start = range.end;
            if gap.start == gap.end {
                self.gaps.remove(at);
            }
            return range;
        }
        // A gap at the very end grows instead of lying idle.
        let start = match self.gaps.last() {
            Some(gap) if gap.end == self.start => self.gaps.pop().map_or(self.start, |gap| gap.start),
            _ => self.start,
        };
        self.start = start + len;
        start..self.start
    }

    fn give_back(&mut self, range: Range<usize>) {
        let at = self.gaps.partition_point(|gap| gap.start < range.start);
        self.gaps.insert(at, range);
        if at + 1 < self.gaps.len() && self.gaps[at].end == self.gaps[at + 1].start {
            self.gaps[at].end = self.gaps.remove(at + 1).end;
        }
        if at > 0 && self.gaps[at - 1].end == self.gaps[at].start {
            self.gaps[at - 1].end = self.gaps.remove(at).end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_joined_and_used_again() {
        let mut slots = Slots { start: 0, gaps: Vec::new() };
        let (a, b, c) = (slots.take(16), slots.take(30), slots.take(16));
        assert_eq!((a.clone(), b.clone(), c.clone()), (0..16, 16..48, 48..64));
        slots.give_back(a);
        slots.give_back(b);
        assert_eq!(slots.take(48), 0..48);
        slots.give_back(c);
        assert_eq!(slots.take(32), 48..80);
    }
}
