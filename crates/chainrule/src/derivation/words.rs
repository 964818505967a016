//! A derivation in words: its steps, and its paths.

use super::Derivation;
use crate::number::number;
use chainrule_engine::{NodeId, Path, TraceNode, Visit};
use std::collections::HashMap;

/// The way forward and back in words.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Each computed node.
    pub forward: Vec<(NodeId, String)>,
    /// What the top begins with.
    pub start: String,
    /// Each edge as the sweep visits it.
    pub backward: Vec<Backward>,
}

/// What goes down one edge.
#[derive(Clone, Debug)]
pub struct Backward {
    /// The edge.
    pub visit: Visit,
    /// What lies on the node below then.
    pub pile: String,
    /// The step in words.
    pub words: String,
}

impl Derivation<'_> {
    /// The value of a node as it is shown.
    pub fn shown(&self, id: NodeId) -> String {
        number(self.value(id))
    }

    /// `2 + 3 = 5`, or `2` if only one edge contributes.
    pub fn sum_of_contributions(&self, id: NodeId) -> String {
        let parts: Vec<String> =
            self.trace.sweep.visits.iter().filter(|v| v.to == id).map(|v| self.shown(v.contribution)).collect();
        let total = number(self.gradient(id));
        if parts.len() < 2 { total } else { format!("{} = {total}", parts.join(" + ").replace("+ −", "− ")) }
    }

    /// `d = 2`: the formula of the partial and its value.
    pub fn partial(&self, node: &TraceNode, visit: &Visit) -> String {
        let value = visit.partial.map_or_else(String::new, |p| self.shown(p));
        match &node.edges[visit.slot].partial_formula {
            Some(formula) if *formula != value => format!("{formula} = {value}"),
            _ => value,
        }
    }

    /// `3 · 2 = 6`: pile times partial.
    pub fn product(&self, visit: &Visit) -> String {
        let partial = visit.partial.map_or(1.0, |p| self.value(p));
        let (pile, contribution) = (self.gradient(visit.from), self.value(visit.contribution));
        format!("{} · {} = {}", number(pile), in_product(partial), number(contribution))
    }

    /// The way forward and back in words.
    pub fn steps(&self) -> Steps {
        let computed = self.trace.nodes.iter().filter(|n| !n.edges.is_empty());
        let forward = computed.map(|node| (node.id, self.computed(node))).collect();
        let nodes: HashMap<NodeId, &TraceNode> = self.trace.nodes.iter().map(|n| (n.id, n)).collect();
        let mut piles: HashMap<NodeId, f64> = HashMap::new();
        let mut backward = Vec::new();
        for visit in &self.trace.sweep.visits {
            let (from, to) = (self.name(visit.from), self.name(visit.to));
            let partial = nodes.get(&visit.from).map(|n| self.partial(n, visit)).unwrap_or_default();
            let contribution = self.value(visit.contribution);
            let before = piles.insert(visit.to, contribution);
            let mut pile = number(contribution);
            let sum = before.map(|there| {
                let total = there + contribution;
                piles.insert(visit.to, total);
                pile = number(total);
                format!("; its pile is now {} + {} = {pile}", number(there), in_product(contribution))
            });
            let words = format!(
                "edge {from} → {to}: ∂{from}/∂{to} = {partial}; {to} receives {}{}",
                self.product(visit),
                sum.unwrap_or_default()
            );
            backward.push(Backward { visit: *visit, pile, words });
        }
        Steps { forward, start: format!("{} starts with 1", self.name(self.top())), backward }
    }

    /// What a node computes, in words.
    fn computed(&self, node: &TraceNode) -> String {
        let known = node.edges.iter().filter(|e| self.names.contains_key(&e.to));
        let reads: Vec<String> = known.map(|e| format!("{} = {}", e.name, self.shown(e.to))).collect();
        let with = if reads.is_empty() { String::new() } else { format!(" with {}", reads.join(", ")) };
        format!("{} = {} = {}{with}", node.name, node.formula, self.shown(node.id))
    }

    /// The first paths, each with the product of its partials in words.
    pub fn walks(&self, limit: usize) -> Vec<(Path, String)> {
        let targets: Vec<NodeId> = self.wrt.iter().map(|(_, w)| w.id()).collect();
        let visits = self.trace.sweep.visits.iter();
        let partials: HashMap<(NodeId, usize), f64> =
            visits.filter_map(|v| v.partial.map(|p| ((v.from, v.slot), self.value(p)))).collect();
        let in_words = |path: Path| {
            let nodes: Vec<&str> =
                path.edges.iter().map(|(id, _)| self.name(*id)).chain([self.name(path.end)]).collect();
            let factors: Vec<f64> = path.edges.iter().filter_map(|edge| partials.get(edge).copied()).collect();
            let shown: Vec<String> = factors.iter().map(|&f| in_product(f)).collect();
            let product = number(factors.iter().product());
            let shown = if shown.is_empty() { String::new() } else { format!("{} = ", shown.join(" · ")) };
            let words = format!("{}: {shown}{product}", nodes.join(" → "));
            (path, words)
        };
        self.graph.list_paths(self.top(), &targets, limit).into_iter().map(in_words).collect()
    }
}

/// A factor after a multiplication sign: negative numbers in parentheses.
fn in_product(value: f64) -> String {
    if value < 0.0 { format!("({})", number(value)) } else { number(value) }
}
