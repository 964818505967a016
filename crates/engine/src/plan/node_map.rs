//! A value for some of the nodes of a graph.

use crate::graph::NodeId;

/// A table by node: as quick as an index, which matters in graphs of a million scalars.
#[derive(Clone, Debug)]
pub(super) struct NodeMap<V>(Vec<Option<V>>);

impl<V> NodeMap<V> {
    /// No values yet, for a graph of so many nodes.
    pub(super) fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| None).collect())
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&V> {
        self.0.get(id.index()).and_then(Option::as_ref)
    }

    pub(super) fn insert(&mut self, id: NodeId, value: V) {
        self.0[id.index()] = Some(value);
    }

    /// The value of `id`, which is `value` if there was none.
    pub(super) fn get_or_insert(&mut self, id: NodeId, value: V) -> &mut V {
        self.0[id.index()].get_or_insert(value)
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<V> {
        self.0[id.index()].take()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &V)> {
        self.0.iter().enumerate().filter_map(|(index, value)| Some((NodeId::at(index), value.as_ref()?)))
    }
}
