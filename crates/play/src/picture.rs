//! A derivation as a picture.

use chainrule::Derivation;
use chainrule::engine::{NodeId, TraceNode};
use chainrule_draw::{Edge, Node, Picture, Step, Walk, Work};
use std::collections::HashMap;

/// The most paths that a picture walks.
const MOST_WALKS: usize = 200;

/// Everything that is known of a derivation, by the positions of its nodes.
pub fn picture(found: &Derivation<'_>, expression: &str) -> Picture {
    let nodes: Vec<&_> = found.trace.nodes.iter().collect();
    let at: HashMap<NodeId, usize> = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
    let mut edges = Vec::new();
    // The edge that leaves a node in a slot.
    let mut edge_at: HashMap<(NodeId, usize), usize> = HashMap::new();
    for (from, node) in nodes.iter().enumerate() {
        for (slot, edge) in node.edges.iter().enumerate() {
            let Some(&to) = at.get(&edge.to) else { continue };
            edge_at.insert((node.id, slot), edges.len());
            edges.push(Edge {
                from,
                to,
                partial: edge.visit.map(|visit| found.partial(node, &visit)),
                contribution: edge.visit.map(|visit| found.shown(visit.contribution)),
            });
        }
    }
    let drawn = |node: &&_| {
        let node: &TraceNode = node;
        let reached = found.trace.sweep.pile(node.id).is_some();
        Node {
            name: node.name.clone(),
            formula: (!node.edges.is_empty()).then(|| node.formula.clone()),
            value: found.shown(node.id),
            gradient: reached.then(|| found.sum_of_contributions(node.id)),
        }
    };
    let words = found.steps();
    let mut steps: Vec<Step> =
        words.forward.into_iter().map(|(id, words)| Step::Value { node: at[&id], words }).collect();
    steps.push(Step::Start { node: at[&found.top()], words: words.start });
    steps.extend(words.backward.into_iter().map(|step| Step::Edge {
        edge: edge_at[&(step.visit.from, step.visit.slot)],
        pile: step.pile,
        words: step.words,
    }));
    let walks = found.walks(MOST_WALKS);
    let walks = walks.into_iter().map(|(path, words)| Walk {
        edges: path.edges.iter().filter_map(|edge| edge_at.get(edge).copied()).collect(),
        words,
    });
    Picture {
        title: expression.split_whitespace().collect::<Vec<_>>().join(" "),
        nodes: nodes.iter().map(drawn).collect(),
        edges,
        steps,
        walks: walks.collect(),
        work: Work {
            paths: found.counted.paths.to_string(),
            by_path: found.counted.edge_visits.to_string(),
            by_sweep: found.trace.sweep.visits.len(),
        },
    }
}
