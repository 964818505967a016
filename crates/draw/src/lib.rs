//! Pictures of a graph and its gradient: in layers as SVG, as DOT and Mermaid for other programs, and as a page that
//! replays the forward pass and the sweep back, one edge at a time. Pictures of a network, and of a sample on its way
//! through one. And charts, with the report of a training that is made of them.
//!
//! What is drawn is texts and numbers that whoever makes a picture read from a trace; computed here are places, and which
//! of many numbers are shown.

pub mod chart;
mod dot;
mod form;
mod frame;
mod layout;
mod mermaid;
mod network;
mod number;
mod page;
mod report;
mod sample;
mod svg;

pub use dot::dot;
pub use form::Form;
pub use layout::{Layout, MOST_NODES};
pub use mermaid::mermaid;
pub use network::{Network, NetworkLayer, NetworkPool, network_svg};
pub use number::count;
pub use page::page;
pub use report::{Block, Card, Report, Section, report};
pub use sample::{
    Columns, Fold, Kernel, MOST_COLUMNS, MOST_DRAWN, Mark, Normed, Sample, SampleLayer, fold, sample_page, sample_svg,
};
pub use svg::svg;

use frame::escaped;
use serde::Serialize;

/// A graph with what is to be shown of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Picture {
    /// What it shows, in a line.
    pub title: String,
    /// The nodes, each behind all that it is computed from.
    pub nodes: Vec<Node>,
    /// The edges, from each node to what it is computed from.
    pub edges: Vec<Edge>,
    /// The way forward and then back, in the order in which it goes.
    pub steps: Vec<Step>,
    /// The same derivatives path by path: the first of the paths.
    pub walks: Vec<Walk>,
    /// What both ways cost.
    pub work: Work,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it computes; nothing for a variable.
    pub formula: Option<String>,
    /// Its value.
    pub value: String,
    /// What piled up on it, if the sweep came by.
    pub gradient: Option<String>,
}

/// An edge from a node to one of its arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Edge {
    /// The position of the node.
    pub from: usize,
    /// The position of its argument.
    pub to: usize,
    /// The partial of the node by the argument, if the sweep came by.
    pub partial: Option<String>,
    /// What goes down the edge: the pile of the node times the partial.
    pub contribution: Option<String>,
}

/// One step of the replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    /// A node gets its value.
    Value {
        /// The node.
        node: usize,
        /// The step in words.
        words: String,
    },
    /// The top gets its 1.
    Start {
        /// The node.
        node: usize,
        /// The step in words.
        words: String,
    },
    /// A contribution goes down an edge.
    Edge {
        /// The edge.
        edge: usize,
        /// What lies on the node below then.
        pile: String,
        /// The step in words.
        words: String,
    },
}

/// One path from the top to a variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Walk {
    /// The edges from the top down.
    pub edges: Vec<usize>,
    /// The product of its partials, in words.
    pub words: String,
}

/// Edge visits of both ways. The numbers of paths may have more digits than any number type.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// How many paths there are.
    pub paths: String,
    /// Visits when each path is walked on its own.
    pub by_path: String,
    /// Visits of the reverse sweep: one an edge.
    pub by_sweep: usize,
}
