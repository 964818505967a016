//! The chain rule by paths: the derivative as a sum over all paths of the product of the partials along each.
//!
//! This is what the reverse sweep avoids. Paths are counted without walking them, by a sum of counts a node, and listed
//! only up to a limit.

use crate::graph::{Graph, NodeId, Nodes};
use num_bigint::BigUint;

/// How much work it is to walk every path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathCount {
    /// Number of paths.
    pub paths: BigUint,
    /// Edges visited when each path is walked on its own: the sum of their lengths.
    pub edge_visits: BigUint,
}

/// One path, from the top down: each edge is a node and which of its arguments the path goes on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The edges in the order they are walked.
    pub edges: Vec<(NodeId, usize)>,
    /// The node that the path ends in.
    pub end: NodeId,
}

impl Graph {
    /// Counts the paths from `of` down to any node of `wrt`.
    pub fn count_paths(&self, of: NodeId, wrt: &[NodeId]) -> PathCount {
        let nodes = self.nodes();
        let mut counts: Vec<Option<PathCount>> = vec![None; of.index() + 1];
        let mut readers = readers(&nodes, of);
        for index in 0..=of.index() {
            let mut total = PathCount::default();
            if wrt.contains(&NodeId::at(index)) {
                total.paths += 1u32;
            }
            for input in nodes.inputs(NodeId::at(index)) {
                if let Some(below) = &counts[input.index()] {
                    total.edge_visits += &below.edge_visits + &below.paths;
                    total.paths += &below.paths;
                }
                // Big numbers that no later node asks for need not be kept.
                readers[input.index()] -= 1;
                if readers[input.index()] == 0 {
                    counts[input.index()] = None;
                }
            }
            if total.paths > BigUint::ZERO {
                counts[index] = Some(total);
            }
        }
        counts[of.index()].take().unwrap_or_default()
    }

    /// The first `limit` paths from `of` down to any node of `wrt`, in the order of the arguments.
    pub fn list_paths(&self, of: NodeId, wrt: &[NodeId], limit: usize) -> Vec<Path> {
        let nodes = self.nodes();
        let mut leads = vec![false; of.index() + 1];
        for index in 0..=of.index() {
            let id = NodeId::at(index);
            leads[index] = wrt.contains(&id) || nodes.inputs(id).iter().any(|input| leads[input.index()]);
        }
        let mut paths = Vec::new();
        let mut edges: Vec<(NodeId, usize)> = Vec::new();
        if wrt.contains(&of) && limit > 0 {
            paths.push(Path { edges: Vec::new(), end: of });
        }
        edges.push((of, 0));
        // The stack holds the edge being walked at each depth; nodes that lead nowhere are stepped over.
        while let Some(&(node, slot)) = edges.last() {
            if paths.len() >= limit {
                break;
            }
            let Some(&below) = nodes.inputs(node).get(slot) else {
                edges.pop();
                if let Some((_, slot)) = edges.last_mut() {
                    *slot += 1;
                }
                continue;
            };
            if leads[below.index()] {
                if wrt.contains(&below) {
                    paths.push(Path { edges: edges.clone(), end: below });
                }
                edges.push((below, 0));
            } else if let Some((_, slot)) = edges.last_mut() {
                *slot += 1;
            }
        }
        paths
    }
}

/// How many edges lead to each node, and one more for the top, which is asked for at the end.
fn readers(nodes: &Nodes, of: NodeId) -> Vec<usize> {
    let mut readers = vec![0; of.index() + 1];
    for index in 0..=of.index() {
        for input in nodes.inputs(NodeId::at(index)) {
            readers[input.index()] += 1;
        }
    }
    readers[of.index()] += 1;
    readers
}
