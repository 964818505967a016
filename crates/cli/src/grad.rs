//! `chainrule grad`: an expression, its gradient, and how it comes about.

use crate::Usage;
use crate::args::GradArgs;
use crate::output::{Grid, HEADING, RESULT, number, say};
use anyhow::{Result, bail};
use chainrule::engine::parse::{Formula, nearest, parse};
use chainrule::engine::{EngineError, Expr, Graph, NodeId, Path, PathCount, Trace, TraceNode, Visit, check};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use std::collections::HashMap;

/// Everything that is known about the expression at a point.
pub(crate) struct Report<'g> {
    graph: &'g Graph,
    formula: Formula<'g>,
    values: Vec<f64>,
    wrt: Vec<(String, Expr<'g>)>,
    pub(crate) trace: Trace,
    names: HashMap<NodeId, String>,
    pub(crate) counted: PathCount,
    checks: Option<Vec<check::Comparison>>,
    hessian: Option<Vec<Vec<f64>>>,
}

pub(crate) fn run(args: &GradArgs) -> Result<()> {
    let graph = Graph::new();
    let formula = parse(&graph, &args.expression).map_err(|e| Usage(e.to_string()))?;
    let values = formula.bind(&args.values).map_err(|e| Usage(e.to_string()))?;
    let report = Report::new(&graph, formula, values, args)?;
    report.check_finite()?;
    crate::picture::write(&report, args)?;
    if args.json { report.print_json(args) } else { report.print(args) }
}

impl<'g> Report<'g> {
    fn new(graph: &'g Graph, formula: Formula<'g>, values: Vec<f64>, args: &GradArgs) -> Result<Self> {
        let wrt = wanted(&formula, &args.wrt)?;
        let targets: Vec<Expr<'g>> = wrt.iter().map(|w| w.1).collect();
        let inputs: Vec<&[f64]> = values.chunks(1).collect();
        let trace = Trace::new(graph, formula.output, &targets, &[], &inputs)?;
        let ids: Vec<NodeId> = targets.iter().map(|t| t.id()).collect();
        let top = formula.output.id();
        let names = trace.nodes.iter().map(|n| (n.id, n.name.clone())).collect();
        let checks = if args.check { Some(Self::compare(graph, formula.output, &targets, &values)?) } else { None };
        let hessian = if args.order == 2 {
            let seconds = graph.hessian(formula.output, &targets)?;
            let flat = graph.evaluate(&seconds.concat(), &inputs)?.concat();
            Some(flat.chunks(targets.len().max(1)).map(<[f64]>::to_vec).collect())
        } else {
            None
        };
        Ok(Self { counted: graph.count_paths(top, &ids), graph, checks, hessian, formula, values, wrt, trace, names })
    }

    fn compare(graph: &Graph, output: Expr<'_>, wrt: &[Expr<'_>], values: &[f64]) -> Result<Vec<check::Comparison>> {
        let inputs: Vec<Vec<f64>> = values.iter().map(|&v| vec![v]).collect();
        match check::gradients(graph, output, wrt, &[], &inputs) {
            Err(error @ EngineError::NotALeaf { .. }) => bail!(Usage(format!("--check: {error}"))),
            compared => Ok(compared?),
        }
    }

    fn value(&self, id: NodeId) -> f64 {
        self.trace.value(id).first().copied().unwrap_or(f64::NAN)
    }

    /// The value of a node as it is printed.
    pub(crate) fn shown(&self, id: NodeId) -> String {
        number(self.value(id))
    }

    fn gradient(&self, id: NodeId) -> f64 {
        self.trace.pile(id).and_then(|p| p.first().copied()).unwrap_or(0.0)
    }

    fn name(&self, id: NodeId) -> &str {
        self.names.get(&id).map_or("?", String::as_str)
    }

    pub(crate) fn top(&self) -> NodeId {
        self.formula.output.id()
    }

    fn check_finite(&self) -> Result<()> {
        if let Some(node) = self.trace.first_non_finite() {
            let inputs: Vec<String> =
                node.edges.iter().map(|e| format!("{} = {}", e.name, number(self.value(e.to)))).collect();
            bail!(
                "`{}` = {} is not finite: {} at {}",
                node.name,
                node.formula,
                number(self.value(node.id)),
                inputs.join(", ")
            );
        }
        for visit in &self.trace.sweep.visits {
            if !self.value(visit.contribution).is_finite() {
                let partial = visit.partial.map_or(f64::NAN, |p| self.value(p));
                bail!(
                    "the gradient is not finite: ∂{}/∂{} is {}",
                    self.name(visit.from),
                    self.name(visit.to),
                    number(partial)
                );
            }
        }
        Ok(())
    }

    fn print(&self, args: &GradArgs) -> Result<()> {
        self.print_nodes();
        say!();
        if args.steps {
            self.print_steps();
        }
        if args.paths {
            self.print_paths(args.limit as usize);
        }
        if let Some(checks) = &self.checks {
            self.print_checks(checks);
        }
        if let Some(hessian) = &self.hessian {
            self.print_hessian(hessian);
        }
        say!("{RESULT}{} = {}{RESULT:#}", self.name(self.top()), number(self.value(self.top())));
        for (name, w) in &self.wrt {
            let sum = self.sum_of_contributions(w.id());
            say!("{RESULT}∂{}/∂{name} = {sum}{RESULT:#}", self.name(self.top()));
        }
        Ok(())
    }

    /// `2 + 3 = 5`, or `2` if only one edge contributes.
    pub(crate) fn sum_of_contributions(&self, id: NodeId) -> String {
        let parts: Vec<String> =
            self.trace.sweep.visits.iter().filter(|v| v.to == id).map(|v| number(self.value(v.contribution))).collect();
        let total = number(self.gradient(id));
        if parts.len() < 2 { total } else { format!("{} = {total}", parts.join(" + ").replace("+ −", "− ")) }
    }

    fn print_nodes(&self) {
        let mut grid = Grid::new(&["node", "formula", "value", "gradient", "edge", "partial", "contribution"]);
        for node in &self.trace.nodes {
            let cells = |edge: Option<&Visit>| match edge {
                None => [String::new(), String::new(), String::new()],
                Some(v) => [
                    format!("∂{}/∂{}", node.name, self.name(v.to)),
                    self.partial(node, v),
                    format!("{} to {}", self.product(v), self.name(v.to)),
                ],
            };
            let formula = if node.edges.is_empty() { "variable".to_owned() } else { node.formula.clone() };
            let reached = self.trace.sweep.pile(node.id).is_some();
            let gradient = if reached { self.sum_of_contributions(node.id) } else { "–".to_owned() };
            let first = [node.name.clone(), formula, number(self.value(node.id)), gradient];
            let mut visits = node.edges.iter().filter_map(|e| e.visit.as_ref());
            grid.row(first.into_iter().chain(cells(visits.next())));
            for visit in visits {
                let empty = [(); 4].map(|()| String::new());
                grid.row(empty.into_iter().chain(cells(Some(visit))));
            }
        }
        grid.print();
    }

    /// `d = 2`: the formula of the partial and its value.
    pub(crate) fn partial(&self, node: &TraceNode, visit: &Visit) -> String {
        let value = visit.partial.map_or_else(String::new, |p| number(self.value(p)));
        match &node.edges[visit.slot].partial_formula {
            Some(formula) if *formula != value => format!("{formula} = {value}"),
            _ => value,
        }
    }

    /// `3 · 2 = 6`: pile times partial.
    fn product(&self, visit: &Visit) -> String {
        let partial = visit.partial.map_or(1.0, |p| self.value(p));
        let (pile, contribution) = (self.gradient(visit.from), self.value(visit.contribution));
        format!("{} · {} = {}", number(pile), in_product(partial), number(contribution))
    }

    /// The way forward and back in words.
    pub(crate) fn steps(&self) -> Steps {
        let computed = self.trace.nodes.iter().filter(|n| !n.edges.is_empty());
        let forward = computed.map(|node| {
            let reads: Vec<String> = node
                .edges
                .iter()
                .filter(|e| self.names.contains_key(&e.to))
                .map(|e| format!("{} = {}", e.name, number(self.value(e.to))))
                .collect();
            let with = if reads.is_empty() { String::new() } else { format!(" with {}", reads.join(", ")) };
            (node.id, format!("{} = {} = {}{with}", node.name, node.formula, self.shown(node.id)))
        });
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
        Steps { forward: forward.collect(), start: format!("{} starts with 1", self.name(self.top())), backward }
    }

    fn print_steps(&self) {
        let Steps { forward, start, backward } = self.steps();
        say!("{HEADING}Forward{HEADING:#}");
        for (position, (_, words)) in (1..).zip(forward) {
            say!("  {position}. {words}");
        }
        say!("{HEADING}Backward{HEADING:#}");
        say!("  {start}");
        for (position, step) in (1..).zip(backward) {
            say!("  {position}. {}", step.words);
        }
        say!();
    }

    /// The first paths, each with the product of its partials in words.
    pub(crate) fn walks(&self, limit: usize) -> Vec<(Path, String)> {
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

    fn print_paths(&self, limit: usize) {
        let (count, visits) = (&self.counted.paths, &self.counted.edge_visits);
        say!("{HEADING}Paths{HEADING:#}");
        let walks = self.walks(limit);
        for (_, words) in &walks {
            say!("  {words}");
        }
        if *count > walks.len().into() {
            say!("  … and {} more (--limit shows more)", count - walks.len());
        }
        let swept = self.trace.sweep.visits.len();
        say!("  {count} paths: {visits} edge visits one path after the other, {swept} in the reverse sweep");
        say!();
    }

    fn print_checks(&self, checks: &[check::Comparison]) {
        let mut grid = Grid::new(&["check", "sweep", "finite difference", "error"]);
        for c in checks {
            let name = format!("∂{}/∂{}", self.name(self.top()), c.name);
            grid.row([name, number(c.swept), number(c.difference), format!("{:.1e}", c.error())]);
        }
        grid.print();
        say!();
    }

    fn print_hessian(&self, hessian: &[Vec<f64>]) {
        say!("{HEADING}Hessian{HEADING:#}");
        for ((row, _), line) in self.wrt.iter().zip(hessian) {
            for ((col, _), second) in self.wrt.iter().zip(line) {
                say!("  ∂²{}/∂{row}∂{col} = {}", self.name(self.top()), number(*second));
            }
        }
        say!();
    }

    fn print_json(&self, args: &GradArgs) -> Result<()> {
        let exact = |n: &dyn ToString| RawValue::from_string(n.to_string());
        let object = |pairs: Vec<(String, Value)>| Value::Object(pairs.into_iter().collect());
        let gradients = object(self.wrt.iter().map(|(n, w)| (n.clone(), json!(self.gradient(w.id())))).collect());
        let variables: Vec<(String, Value)> =
            self.formula.variables.iter().zip(&self.values).map(|((n, _), v)| (n.clone(), json!(v))).collect();
        let nodes: Vec<Value> = self.trace.nodes.iter().map(|node| self.node_json(node)).collect();
        let mut fields = vec![
            ("value".to_owned(), json!(self.value(self.top()))),
            ("variables".to_owned(), object(variables)),
            ("gradients".to_owned(), gradients),
            ("nodes".to_owned(), json!(nodes)),
        ];
        if let Some(checks) = &self.checks {
            let list = checks
                .iter()
                .map(|c| (c.name.clone(), json!({"sweep": c.swept, "difference": c.difference, "error": c.error()})));
            fields.push(("check".to_owned(), object(list.collect())));
        }
        if let Some(hessian) = &self.hessian {
            fields.push(("hessian".to_owned(), json!(hessian)));
        }
        let paths = PathsJson {
            count: exact(&self.counted.paths)?,
            edge_visits: exact(&self.counted.edge_visits)?,
            list: args.paths.then(|| self.paths_json(args.limit as usize)),
        };
        let sweep = json!({"edge_visits": self.trace.sweep.visits.len()});
        say!("{}", serde_json::to_string(&ReportJson { fields: object(fields), paths, sweep })?);
        Ok(())
    }

    fn paths_json(&self, limit: usize) -> Value {
        let nodes = |(path, _): &(Path, String)| {
            path.edges.iter().map(|(id, _)| self.name(*id)).chain([self.name(path.end)]).collect::<Vec<_>>()
        };
        json!(self.walks(limit).iter().map(nodes).collect::<Vec<_>>())
    }

    fn node_json(&self, node: &TraceNode) -> Value {
        let edges = node.edges.iter().filter(|e| self.names.contains_key(&e.to));
        let inputs: Vec<Value> = edges
            .map(|edge| {
                let partial = edge.visit.and_then(|v| v.partial).map(|p| self.value(p));
                let contribution = edge.visit.map(|v| self.value(v.contribution));
                json!({"node": edge.name, "partial": partial, "contribution": contribution})
            })
            .collect();
        let gradient = self.trace.sweep.pile(node.id).map(|_| self.gradient(node.id));
        json!({
            "name": node.name, "formula": node.formula, "value": self.value(node.id), "gradient": gradient,
            "inputs": inputs,
        })
    }
}

/// The way forward and back in words.
pub(crate) struct Steps {
    /// Each computed node.
    pub(crate) forward: Vec<(NodeId, String)>,
    /// What the top begins with.
    pub(crate) start: String,
    pub(crate) backward: Vec<Backward>,
}

/// What goes down one edge.
pub(crate) struct Backward {
    pub(crate) visit: Visit,
    /// What lies on the node below then.
    pub(crate) pile: String,
    pub(crate) words: String,
}

#[derive(Serialize)]
struct ReportJson {
    #[serde(flatten)]
    fields: Value,
    paths: PathsJson,
    sweep: Value,
}

/// The counts may need more digits than any number type has, so they are written as they are.
#[derive(Serialize)]
struct PathsJson {
    count: Box<RawValue>,
    edge_visits: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Value>,
}

/// A factor after a multiplication sign: negative numbers in parentheses.
fn in_product(value: f64) -> String {
    if value < 0.0 { format!("({})", number(value)) } else { number(value) }
}

/// The nodes to differentiate by: all variables, or those named.
fn wanted<'g>(formula: &Formula<'g>, names: &[String]) -> Result<Vec<(String, Expr<'g>)>> {
    if names.is_empty() {
        return Ok(formula.variables.clone());
    }
    let known: Vec<&(String, Expr<'g>)> = formula.variables.iter().chain(&formula.definitions).collect();
    let find = |name: &String| match known.iter().find(|(n, _)| n == name) {
        Some(found) => Ok((**found).clone()),
        None => {
            let close = nearest(name, known.iter().map(|(n, _)| n.as_str()));
            let hint = close.map(|c| format!(": did you mean `{c}`?")).unwrap_or_default();
            bail!(Usage(format!("--wrt: the expression has no `{name}`{hint}")))
        }
    };
    names.iter().map(find).collect()
}
