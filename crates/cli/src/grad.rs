//! `chainrule grad`: an expression, its gradient, and how it comes about.

use crate::Usage;
use crate::args::GradArgs;
use crate::output::{Grid, HEADING, RESULT, number, say};
use anyhow::Result;
use chainrule::engine::{Graph, Visit, check};
use chainrule::{Derivation, DerivationError, DerivationOptions, Steps};

pub(crate) fn run(args: &GradArgs) -> Result<()> {
    let graph = Graph::new();
    let options = DerivationOptions { wrt: &args.wrt, check: args.check, hessian: args.order == 2 };
    let found = Derivation::new(&graph, &args.expression, &args.values, &options).map_err(explained)?;
    crate::picture::write(&found, args)?;
    if args.json {
        say!("{}", found.document(args.paths.then_some(args.limit as usize)));
    } else {
        print(&found, args);
    }
    Ok(())
}

/// What was asked for wrongly is told apart from what failed.
fn explained(error: DerivationError) -> anyhow::Error {
    match error {
        DerivationError::Text(_) | DerivationError::Values(_) => Usage(error.to_string()).into(),
        DerivationError::Wrt(_) => Usage(format!("--wrt: {error}")).into(),
        DerivationError::Check(_) => Usage(format!("--check: {error}")).into(),
        DerivationError::NotFinite(_) | DerivationError::Engine(_) => error.into(),
    }
}

fn print(found: &Derivation<'_>, args: &GradArgs) {
    print_nodes(found);
    say!();
    if args.steps {
        print_steps(found);
    }
    if args.paths {
        print_paths(found, args.limit as usize);
    }
    let top = found.name(found.top());
    if let Some(checks) = &found.checks {
        print_checks(top, checks);
    }
    if let Some(hessian) = &found.hessian {
        print_hessian(found, hessian);
    }
    say!("{RESULT}{top} = {}{RESULT:#}", found.shown(found.top()));
    for (name, w) in &found.wrt {
        say!("{RESULT}∂{top}/∂{name} = {}{RESULT:#}", found.sum_of_contributions(w.id()));
    }
}

fn print_nodes(found: &Derivation<'_>) {
    let mut grid = Grid::new(&["node", "formula", "value", "gradient", "edge", "partial", "contribution"]);
    for node in &found.trace.nodes {
        let cells = |edge: Option<&Visit>| match edge {
            None => [String::new(), String::new(), String::new()],
            Some(v) => [
                format!("∂{}/∂{}", node.name, found.name(v.to)),
                found.partial(node, v),
                format!("{} to {}", found.product(v), found.name(v.to)),
            ],
        };
        let formula = if node.edges.is_empty() { "variable".to_owned() } else { node.formula.clone() };
        let reached = found.trace.sweep.pile(node.id).is_some();
        let gradient = if reached { found.sum_of_contributions(node.id) } else { "–".to_owned() };
        let first = [node.name.clone(), formula, found.shown(node.id), gradient];
        let mut visits = node.edges.iter().filter_map(|e| e.visit.as_ref());
        grid.row(first.into_iter().chain(cells(visits.next())));
        for visit in visits {
            let empty = [(); 4].map(|()| String::new());
            grid.row(empty.into_iter().chain(cells(Some(visit))));
        }
    }
    grid.print();
}

fn print_steps(found: &Derivation<'_>) {
    let Steps { forward, start, backward } = found.steps();
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

fn print_paths(found: &Derivation<'_>, limit: usize) {
    let (count, visits) = (&found.counted.paths, &found.counted.edge_visits);
    say!("{HEADING}Paths{HEADING:#}");
    let walks = found.walks(limit);
    for (_, words) in &walks {
        say!("  {words}");
    }
    if *count > walks.len().into() {
        say!("  … and {} more (--limit shows more)", count - walks.len());
    }
    let swept = found.trace.sweep.visits.len();
    say!("  {count} paths: {visits} edge visits one path after the other, {swept} in the reverse sweep");
    say!();
}

fn print_checks(top: &str, checks: &[check::Comparison]) {
    let mut grid = Grid::new(&["check", "sweep", "finite difference", "error"]);
    for c in checks {
        let name = format!("∂{top}/∂{}", c.name);
        grid.row([name, number(c.swept), number(c.difference), format!("{:.1e}", c.error())]);
    }
    grid.print();
    say!();
}

fn print_hessian(found: &Derivation<'_>, hessian: &[Vec<f64>]) {
    say!("{HEADING}Hessian{HEADING:#}");
    for ((row, _), line) in found.wrt.iter().zip(hessian) {
        for ((col, _), second) in found.wrt.iter().zip(line) {
            say!("  ∂²{}/∂{row}∂{col} = {}", found.name(found.top()), number(*second));
        }
    }
    say!();
}
