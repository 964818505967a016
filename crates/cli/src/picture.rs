//! `chainrule grad --html`, `--svg`, `--dot`, `--mermaid`: the report as a picture.

use crate::Usage;
use crate::args::GradArgs;
use crate::grad::Report;
use crate::output::note;
use anyhow::{Result, bail};
use chainrule::engine::NodeId;
use chainrule_draw::{Edge, MOST_NODES, Node, Picture, Step, Walk, Work, dot, mermaid, page, svg};
use std::collections::HashMap;
use std::path::Path;

/// What writes a picture as a file of some kind.
type Writer = fn(&Picture) -> String;

/// The most paths that a page walks.
const MOST_WALKS: usize = 200;

/// Writes the files that are asked for.
pub(crate) fn write(report: &Report<'_>, args: &GradArgs) -> Result<()> {
    let drawn: [(&Option<_>, Writer); 2] = [(&args.html, page), (&args.svg, svg)];
    let plain: [(&Option<_>, Writer); 2] = [(&args.dot, dot), (&args.mermaid, mermaid)];
    if drawn.into_iter().chain(plain).all(|(path, _)| path.is_none()) {
        return Ok(());
    }
    let places: Vec<&Path> = drawn.into_iter().chain(plain).filter_map(|(path, _)| path.as_deref()).collect();
    if let Some((_, twice)) = places.iter().enumerate().find(|(at, path)| places[..*at].contains(path)) {
        bail!(Usage(format!("two pictures would be written to {}: choose another place for one", twice.display())));
    }
    let picture = picture(report, &args.expression);
    let nodes = picture.nodes.len();
    if nodes > MOST_NODES && drawn.iter().any(|(path, _)| path.is_some()) {
        bail!("{nodes} nodes are too many to draw (at most {MOST_NODES}): --dot writes them for other programs");
    }
    for (path, writer) in drawn.into_iter().chain(plain) {
        let Some(path): Option<&Path> = path.as_deref() else { continue };
        chainrule::write_atomically(path, writer(&picture).as_bytes())?;
        note!("{} nodes drawn in {}", nodes, path.display());
    }
    Ok(())
}

/// Everything that the report says, by the positions of its nodes.
fn picture(report: &Report<'_>, expression: &str) -> Picture {
    let nodes: Vec<&_> = report.trace.nodes.iter().collect();
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
                partial: edge.visit.map(|visit| report.partial(node, &visit)),
                contribution: edge.visit.map(|visit| report.shown(visit.contribution)),
            });
        }
    }
    let drawn = |node: &&_| {
        let node: &chainrule::engine::TraceNode = node;
        let reached = report.trace.sweep.pile(node.id).is_some();
        Node {
            name: node.name.clone(),
            formula: (!node.edges.is_empty()).then(|| node.formula.clone()),
            value: report.shown(node.id),
            gradient: reached.then(|| report.sum_of_contributions(node.id)),
        }
    };
    let words = report.steps();
    let mut steps: Vec<Step> =
        words.forward.into_iter().map(|(id, words)| Step::Value { node: at[&id], words }).collect();
    steps.push(Step::Start { node: at[&report.top()], words: words.start });
    steps.extend(words.backward.into_iter().map(|step| Step::Edge {
        edge: edge_at[&(step.visit.from, step.visit.slot)],
        pile: step.pile,
        words: step.words,
    }));
    let walks = report.walks(MOST_WALKS);
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
            paths: report.counted.paths.to_string(),
            by_path: report.counted.edge_visits.to_string(),
            by_sweep: report.trace.sweep.visits.len(),
        },
    }
}
