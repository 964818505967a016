//! Expressions as text: `c = a + b; d = b + 1; e = c * d`.
//!
//! Statements are separated by `;` or new lines; `name = …` names an intermediate value; the last statement is the
//! result. Operators from weak to strong: `+ -`, `* /`, unary `-`, `^` (from the right). Functions are the unary
//! operations of the engine, `min` and `max`. A name that no statement defines is a variable.
//!
//! The parser keeps its own stack, so the depth of nesting is bounded by memory only.

mod error;
mod token;

pub use error::{ParseError, Problem, ValueError, nearest, plain};

use crate::expr::Expr;
use crate::graph::Graph;
use crate::ops::{Binary, Op, Role, Rule, Unary};
use error::locate;
use std::collections::HashMap;
use std::ops::Range;
use token::{Fault, Located, Token, tokens};

/// What a text says.
#[derive(Clone, Debug)]
pub struct Formula<'g> {
    /// The last statement.
    pub output: Expr<'g>,
    /// The variables in the order they first occur.
    pub variables: Vec<(String, Expr<'g>)>,
    /// The named intermediate values in the order they are defined.
    pub definitions: Vec<(String, Expr<'g>)>,
}

/// The functions that a text may call, with what each computes.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    callable().map(|op| (op.name(), op.about()))
}

/// The elementwise operations that have a name instead of a sign.
fn callable() -> impl Iterator<Item = Op> {
    let unary = Unary::ALL.iter().filter(|&&op| op != Unary::Neg).map(|&op| Op::Unary(op));
    unary.chain([Binary::Min, Binary::Max].map(Op::Binary))
}

fn function(name: &str) -> Option<Op> {
    callable().find(|op| op.name() == name)
}

/// Reads `text` into `graph`.
///
/// # Errors
/// The first problem, with its place.
pub fn parse<'g>(graph: &'g Graph, text: &str) -> Result<Formula<'g>, ParseError> {
    let located = |(problem, at): (Problem, Range<usize>)| locate(text, problem, at);
    let tokens = tokens(text).map_err(located)?;
    let mut parser = Parser {
        graph,
        tokens,
        at: 0,
        formula: Formula { output: graph.expr(crate::NodeId::POISON), variables: vec![], definitions: vec![] },
        known: HashMap::new(),
    };
    parser.statements().map_err(located)?;
    parser.name_the_rest();
    Ok(parser.formula)
}

/// What waits for its right-hand side.
enum Pending {
    Binary(Binary),
    Negation,
    Parenthesis,
    Call(Op, String, usize),
}

impl Pending {
    fn strength(&self) -> u8 {
        match self {
            Self::Binary(Binary::Add | Binary::Sub) => 1,
            Self::Binary(Binary::Mul | Binary::Div) => 2,
            Self::Negation => 3,
            Self::Binary(_) => 4,
            Self::Parenthesis | Self::Call(..) => 0,
        }
    }
}

struct Parser<'g> {
    graph: &'g Graph,
    tokens: Vec<Located>,
    at: usize,
    formula: Formula<'g>,
    known: HashMap<String, Known<'g>>,
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Known<'g> {
    Variable(Expr<'g>),
    Definition(Expr<'g>),
}

impl<'g> Parser<'g> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn place(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn next(&mut self) -> Located {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn statements(&mut self) -> Result<(), Fault> {
        let mut any = false;
        loop {
            match self.peek() {
                Token::End if any => return Ok(()),
                Token::End => return Err((Problem::Empty, self.place())),
                Token::Sign(';' | '\n') => {
                    self.next();
                }
                _ => {
                    self.statement()?;
                    any = true;
                }
            }
        }
    }

    fn statement(&mut self) -> Result<(), Fault> {
        let start = self.place();
        let name = match (self.peek(), self.tokens.get(self.at + 1).map(|t| &t.0)) {
            (Token::Name(name), Some(Token::Sign('='))) => {
                let name = name.clone();
                self.may_define(&name).map_err(|problem| (problem, start.clone()))?;
                self.next();
                self.next();
                Some(name)
            }
            _ => None,
        };
        let value = self.expression()?;
        self.formula.output = value;
        if let Some(name) = name {
            if self.known.contains_key(&name) {
                return Err((Problem::OfItself(name), start));
            }
            // A second name for a value that has one already is kept here only.
            let named = self.graph.nodes().name(value.id()).is_some();
            let value = if named { value } else { value.named(&name) };
            self.known.insert(name.clone(), Known::Definition(value));
            self.formula.definitions.push((name, value));
        }
        Ok(())
    }

    fn may_define(&self, name: &str) -> Result<(), Problem> {
        if function(name).is_some() {
            return Err(Problem::FunctionName(name.to_owned()));
        }
        match self.known.get(name) {
            Some(Known::Definition(_)) => Err(Problem::DefinedTwice(name.to_owned())),
            Some(Known::Variable(_)) => Err(Problem::UsedBefore(name.to_owned())),
            None => Ok(()),
        }
    }

    /// One expression, by operator precedence with two stacks.
    fn expression(&mut self) -> Result<Expr<'g>, Fault> {
        let mut values: Vec<Expr<'g>> = Vec::new();
        let mut pending: Vec<(Pending, Range<usize>)> = Vec::new();
        loop {
            self.operand(&mut values, &mut pending)?;
            if !self.operators(&mut values, &mut pending)? {
                break;
            }
        }
        while let Some((last, place)) = pending.pop() {
            if last.strength() == 0 {
                return Err((Problem::Unclosed, place));
            }
            reduce(last, &mut values);
        }
        Ok(values.pop().expect("an expression has a value"))
    }

    /// Prefixes and one value.
    fn operand(&mut self, values: &mut Vec<Expr<'g>>, pending: &mut Vec<(Pending, Range<usize>)>) -> Result<(), Fault> {
        loop {
            let (token, place) = self.next();
            match token {
                Token::Number(value) => {
                    values.push(self.graph.constant(value, &[]));
                    return Ok(());
                }
                Token::Name(name) if *self.peek() == Token::Sign('(') => {
                    let op = function(&name).ok_or_else(|| unknown_function(&name, place.clone()))?;
                    self.next();
                    pending.push((Pending::Call(op, name, 1), place));
                }
                Token::Name(name) if function(&name).is_some() => return Err((Problem::FunctionName(name), place)),
                Token::Name(name) => {
                    values.push(self.variable(name));
                    return Ok(());
                }
                Token::Sign('-') => pending.push((Pending::Negation, place)),
                Token::Sign('(') => pending.push((Pending::Parenthesis, place)),
                other => {
                    let expected = "a number, a name or an opening parenthesis";
                    return Err((Problem::Unexpected { expected, found: other.to_string() }, place));
                }
            }
        }
    }

    /// Closing parentheses, then an operator or comma (true) or the end of the statement (false).
    fn operators(
        &mut self,
        values: &mut Vec<Expr<'g>>,
        pending: &mut Vec<(Pending, Range<usize>)>,
    ) -> Result<bool, Fault> {
        loop {
            let sign = match self.peek() {
                Token::Sign(sign) => *sign,
                Token::End => return Ok(false),
                other => {
                    let found = other.to_string();
                    return Err((Problem::Unexpected { expected: "an operator", found }, self.place()));
                }
            };
            match sign {
                ';' | '\n' => return Ok(false),
                ')' => {
                    let (_, place) = self.next();
                    close(values, pending, place)?;
                }
                ',' => {
                    let (_, place) = self.next();
                    unwind(values, pending, 0);
                    match pending.last_mut() {
                        Some((Pending::Call(_, _, count), _)) => *count += 1,
                        _ => {
                            let expected = "an operator";
                            return Err((Problem::Unexpected { expected, found: "`,`".to_owned() }, place));
                        }
                    }
                    return Ok(true);
                }
                _ => {
                    let (_, place) = self.next();
                    let op = binary_sign(sign).ok_or_else(|| {
                        let found = format!("`{sign}`");
                        (Problem::Unexpected { expected: "an operator", found }, place.clone())
                    })?;
                    let next = Pending::Binary(op);
                    // A power waits for what follows; the others group from the left.
                    unwind(values, pending, next.strength() + u8::from(op == Binary::Pow) - 1);
                    pending.push((next, place));
                    return Ok(true);
                }
            }
        }
    }

    fn variable(&mut self, name: String) -> Expr<'g> {
        if let Some(Known::Variable(value) | Known::Definition(value)) = self.known.get(&name) {
            return *value;
        }
        // The graph may have been written to before, with the same variables.
        let value = self.graph.find_leaf(&name, Role::Data).unwrap_or_else(|| self.graph.input(&name, &[]));
        self.known.insert(name.clone(), Known::Variable(value));
        self.formula.variables.push((name, value));
        value
    }

    /// Names every unnamed value, so that the explanation can speak of it.
    fn name_the_rest(&mut self) {
        let nodes = self.graph.nodes();
        let unnamed: Vec<_> = (0..nodes.len())
            .map(crate::NodeId::at)
            .filter(|&id| nodes.name(id).is_none() && nodes.constant(id).is_none())
            .collect();
        drop(nodes);
        let mut fresh = (1..).map(|i| format!("v{i}")).filter(|name| !self.known.contains_key(name));
        for id in unnamed {
            let is_result = id == self.formula.output.id() && !self.known.contains_key("result");
            let name = if is_result { Some("result".to_owned()) } else { fresh.next() };
            let _ = self.graph.expr(id).named(&name.unwrap_or_default());
        }
    }
}

fn binary_sign(sign: char) -> Option<Binary> {
    Some(match sign {
        '+' => Binary::Add,
        '-' => Binary::Sub,
        '*' => Binary::Mul,
        '/' => Binary::Div,
        '^' => Binary::Pow,
        _ => return None,
    })
}

/// Applies what waits and binds more strongly than `strength`.
fn unwind(values: &mut Vec<Expr<'_>>, pending: &mut Vec<(Pending, Range<usize>)>, strength: u8) {
    while let Some((top, _)) = pending.pop_if(|(p, _)| p.strength() > strength) {
        reduce(top, values);
    }
}

fn reduce(pending: Pending, values: &mut Vec<Expr<'_>>) {
    let right = values.pop().expect("every operator has its operands");
    let value = match pending {
        Pending::Negation => -right,
        Pending::Binary(op) => op.value(values.pop().expect("every operator has its operands"), right),
        Pending::Parenthesis | Pending::Call(..) => right,
    };
    values.push(value);
}

fn close(
    values: &mut Vec<Expr<'_>>,
    pending: &mut Vec<(Pending, Range<usize>)>,
    place: Range<usize>,
) -> Result<(), Fault> {
    unwind(values, pending, 0);
    match pending.pop() {
        Some((Pending::Call(op, name, count), place)) => {
            let expected = if matches!(op, Op::Unary(_)) { 1 } else { 2 };
            if count != expected {
                let expected = if expected == 1 { "one argument" } else { "two arguments" };
                return Err((Problem::Arguments { name, expected, found: count }, place));
            }
            let last = values.pop().expect("an argument");
            let value = match op {
                Op::Unary(op) => op.value(last),
                Op::Binary(op) => op.value(values.pop().expect("two arguments"), last),
                _ => unreachable!("functions are elementwise"),
            };
            values.push(value);
            Ok(())
        }
        Some(_) => Ok(()),
        None => Err((Problem::Unopened, place)),
    }
}

fn unknown_function(name: &str, place: Range<usize>) -> Fault {
    let nearest = nearest(name, functions().map(|(n, _)| n));
    (Problem::UnknownFunction { name: name.to_owned(), nearest }, place)
}

impl Formula<'_> {
    /// The values in the order of the variables.
    ///
    /// # Errors
    /// A variable without a value, a value without a variable, or two values for one.
    pub fn bind(&self, given: &[(String, f64)]) -> Result<Vec<f64>, ValueError> {
        for (position, (name, _)) in given.iter().enumerate() {
            if given[..position].iter().any(|(n, _)| n == name) {
                return Err(ValueError::Twice(name.clone()));
            }
            if self.definitions.iter().any(|(n, _)| n == name) {
                return Err(ValueError::Computed(name.clone()));
            }
            if !self.variables.iter().any(|(n, _)| n == name) {
                let nearest = nearest(name, self.variables.iter().map(|(n, _)| n.as_str()));
                return Err(ValueError::Unknown { name: name.clone(), nearest });
            }
        }
        let value = |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
        let missing: Vec<String> =
            self.variables.iter().filter(|(n, _)| value(n).is_none()).map(|(n, _)| n.clone()).collect();
        if !missing.is_empty() {
            return Err(ValueError::Missing(missing));
        }
        Ok(self.variables.iter().filter_map(|(name, _)| value(name)).collect())
    }
}
