//! What a user sees who makes a mistake.

use chainrule_engine::parse::{Problem, ValueError, parse};
use chainrule_engine::{Arith, EngineError, Expr, Graph, Plan, Session};

#[test]
fn a_wrong_shape_names_the_operation_the_values_and_the_place() {
    let g = Graph::new();
    let x = g.input("x", &[64, 784]);
    let w = g.parameter("w1", &[780, 128]);
    let h = x.matmul(w).named("h1");
    let later = (h + 1.0).tanh().sum_all();
    let error = g.gradients(later, &[w]).unwrap_err();
    let text = error.to_string();
    for part in ["matmul for `h1`", "x is [64, 784]", "w1 is [780, 128]", "784 columns", "780 rows", "errors.rs:11:"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(matches!(Plan::new(&g, &[later]), Err(EngineError::Shape { .. })));
}

#[test]
fn every_shape_rule_is_an_error_not_a_panic() {
    type Wrong = fn(&Graph) -> Expr<'_>;
    let wrong: &[Wrong] = &[
        |g| g.input("a", &[2, 3]) + g.input("b", &[4]),
        |g| g.input("a", &[3]).matmul(g.input("b", &[3])),
        |g| g.input("a", &[2, 3]).matmul(g.input("b", &[1, 3, 2])),
        |g| g.input("a", &[2, 2, 3]).matmul(g.input("b", &[4, 3, 2])),
        |g| g.input("a", &[2, 3]).reshape(&[7]),
        |g| g.input("a", &[2, 3]).transpose(&[0, 0]),
        |g| g.input("a", &[2, 3]).transpose(&[0]),
        |g| g.input("a", &[2, 3]).slice(2, 0, 1),
        |g| g.input("a", &[2, 3]).slice(1, 2, 5),
        |g| g.input("a", &[2, 3]).sum(&[5]),
        |g| g.input("a", &[0, 3]).max_over(&[0]),
        |g| g.input("a", &[2, 3]).softmax(9),
        |g| g.input("a", &[2, 3]).mean(&[9]),
        |g| Expr::concat(&[g.input("a", &[2, 3]), g.input("b", &[2, 4])], 0),
        |g| Expr::concat(&[g.input("a", &[2, 3]), g.input("b", &[2])], 0),
        |g| g.input("a", &[2, 3]).pick(g.input("b", &[3])),
        |g| g.input("a", &[3, 0]).pick(g.input("b", &[3])),
        |g| g.input("a", &[]).take(g.input("b", &[3])),
        |g| g.input("a", &[1 << 20, 1 << 20]),
        |g| g.input("a", &[1 << 16]).one_hot(1 << 20),
        |g| g.input("a", &[2]) * g.input("a", &[2]),
        |g| g.input("a", &[65536, 1]) + g.input("b", &[1, 65536 * 2]),
    ];
    for (i, build) in wrong.iter().enumerate() {
        let g = Graph::new();
        let poisoned = build(&g);
        // Building on goes on quietly; planning says what was first.
        let top = ((poisoned.softmax(0) + 1.0).relu() * poisoned).mean_all();
        assert!(Plan::new(&g, &[top]).is_err(), "number {i} went through");
        assert!(g.checked().is_err());
    }
}

#[test]
fn values_of_two_graphs_do_not_mix() {
    let (g, h) = (Graph::new(), Graph::new());
    let _ = g.input("a", &[]) + h.input("b", &[]);
    assert!(matches!(g.checked(), Err(EngineError::TwoGraphs { op: "add", .. })));

    let (g, h) = (Graph::new(), Graph::new());
    let _ = g.input("a", &[2]) + h.input("b", &[3]);
    assert!(matches!(g.checked(), Err(EngineError::TwoGraphs { .. })));

    let (g, h) = (Graph::new(), Graph::new());
    let (a, b) = (g.input("a", &[]), h.input("b", &[]));
    assert!(matches!(g.gradients(a, &[b]), Err(EngineError::TwoGraphs { .. })));
    assert!(matches!(Plan::new(&g, &[a, b]), Err(EngineError::TwoGraphs { .. })));
}

#[test]
fn a_missing_derivative_is_named_never_silently_zero() {
    let g = Graph::new();
    let x = g.input("scores", &[3, 4]);
    let best = x.arg_max(1).named("best");
    let error = g.gradients(best.sum_all(), &[x]).unwrap_err().to_string();
    assert!(error.contains("arg_max has no derivative") && error.contains("`best`"), "{error}");

    let table = g.input("table", &[4, 2]);
    let error = g.gradients(table.take(best).sum_all(), &[x]).unwrap_err().to_string();
    assert!(error.contains("take has no derivative with respect to its indices"), "{error}");
    // Off the path it does not matter.
    assert!(g.gradients(table.take(best).sum_all(), &[table]).is_ok());
}

#[test]
fn the_gradient_is_of_one_number() {
    let g = Graph::new();
    let x = g.input("x", &[3]);
    assert!(matches!(g.gradients(x, &[x]), Err(EngineError::NotScalar { .. })));
}

#[test]
fn wrong_feeds_are_named() {
    let g = Graph::new();
    let x = g.input("x", &[3]);
    let labels = g.input("labels", &[3]);
    let top = (labels.one_hot(4) * x.reshape(&[3, 1])).sum_all();
    let mut session = Session::<f32>::new(Plan::new(&g, &[top]).unwrap()).unwrap();
    let x = [1.0, 2.0, 3.0];
    let run = |session: &mut Session<f32>, inputs: &[&[f32]]| session.run(&[], inputs).unwrap_err().to_string();
    assert!(run(&mut session, &[&x]).contains("no value for the input `labels`"));
    assert!(run(&mut session, &[&x[..2], &x]).contains("`x` has shape [3], 3 numbers, but 2 were given"));
    assert!(run(&mut session, &[&x, &x, &x]).contains("there is no input number 2"));
    assert!(session.run(&[0.0], &[&x, &x]).is_err());
    for bad in [4.0, -1.0, 0.5, f32::NAN, f32::INFINITY] {
        let error = run(&mut session, &[&x, &[0.0, bad, 1.0]]);
        assert!(error.contains("is not a whole number below 4"), "{error}");
    }
    session.run(&[], &[&x, &[0.0, 1.0, 3.0]]).unwrap();
    assert_eq!(session.output(0), [6.0]);
}

#[test]
fn syntax_errors_point_at_their_place() {
    let cases = [
        ("", "there is no expression", 1, 1),
        ("a + ", "expected a number, a name or an opening parenthesis, found the end", 1, 5),
        ("a b", "expected an operator, found `b`", 1, 3),
        ("2x", "expected an operator, found `x`", 1, 2),
        ("(a + b", "never closed", 1, 1),
        ("a + b)", "never opened", 1, 6),
        ("sigmiod(a)", "did you mean `sigmoid`?", 1, 1),
        ("max(a)", "max takes two arguments, not 1", 1, 1),
        ("sin(a, b)", "sin takes one argument, not 2", 1, 1),
        ("sin + 1", "`sin` is a function", 1, 1),
        ("exp = 3", "`exp` is a function", 1, 1),
        ("c = a\nc = b", "`c` is defined twice", 2, 1),
        ("e = c + 1; c = a", "`c` is defined here but used before", 1, 12),
        ("c = a; d = b + c*d", "`d` is computed from itself", 1, 8),
        ("a $ b", "`$` has no meaning here", 1, 3),
        ("a\u{1b} b", "`\\u{1b}` has no meaning here", 1, 2),
        ("\r+ a\tb", "expected a number", 1, 2),
        ("1.2.3", "expected an operator", 1, 4),
        (".", "`.` is not a number", 1, 1),
        ("1e999", "`1e999` is not a number", 1, 1),
        ("a, b", "expected an operator, found `,`", 1, 2),
        ("max(a,)", "found `)`", 1, 7),
        ("é + (", "found the end", 1, 6),
    ];
    for (text, message, line, column) in cases {
        let g = Graph::new();
        let error = parse(&g, text).unwrap_err();
        assert!(error.to_string().contains(message), "{text:?}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
        assert!(!error.text.contains(char::is_control), "{error:?}");
        let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
        let caret = lines.last().unwrap().chars().take_while(|&c| c == ' ').count();
        assert!(lines.last().unwrap().contains('^'));
        assert_eq!(caret, lines[1].chars().count() - error.text.chars().count() + column - 1, "{error}");
    }
}

#[test]
fn precedence_is_that_of_mathematics() {
    let value = |text: &str| {
        let g = Graph::new();
        let f = parse(&g, text).unwrap();
        g.evaluate(&[f.output], &[]).unwrap()[0][0]
    };
    let cases = [
        ("1 + 2 * 3", 7.0),
        ("8 - 3 - 2", 3.0),
        ("16 / 4 / 2", 2.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("2 ^ -1 * 3", 1.5),
        ("--3", 3.0),
        ("2 * -3", -6.0),
        ("(1 + 2) * 3", 9.0),
        ("max(1, min(5, 3)) + relu(-1)", 3.0),
        ("1.5e2 + .5 + 2.", 152.5),
        ("a = 2; b = a * 3\n\n a + b;", 8.0),
        ("(1 +\n 2)", 3.0),
        ("2 · 3 − 1", 5.0),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_second_text_may_use_the_variables_of_the_first() {
    let g = Graph::new();
    let first = parse(&g, "x + 1").unwrap();
    let second = parse(&g, "y = x; y * 2").unwrap();
    assert_eq!(first.variables[0].1.id(), second.variables[0].1.id());
    assert_eq!(g.evaluate(&[first.output, second.output], &[&[3.0]]).unwrap(), [[4.0], [6.0]]);
}

#[test]
fn a_finite_difference_is_by_inputs_only() {
    let g = Graph::new();
    let x = g.input("x", &[]);
    let c = (x * 2.0).named("c");
    let error = chainrule_engine::check::gradients(&g, c * c, &[c], &[], &[vec![1.0]]).unwrap_err();
    assert!(error.to_string().contains("`c` is computed"), "{error}");
}

#[test]
fn deep_nesting_is_no_recursion() {
    let g = Graph::new();
    let deep = format!("{}x{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(parse(&g, &deep).unwrap().variables.len(), 1);
    let unclosed = "sin(".repeat(100_000);
    assert!(matches!(parse(&g, &unclosed).unwrap_err().problem, Problem::Unexpected { .. }));
}

#[test]
fn values_must_fit_the_variables() {
    let g = Graph::new();
    let f = parse(&g, "speed * time + c; c2 = speed").unwrap();
    let bind = |given: &[(&str, f64)]| f.bind(&given.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect::<Vec<_>>());
    assert_eq!(bind(&[("time", 2.0), ("speed", 3.0), ("c", 1.0)]).unwrap(), [3.0, 2.0, 1.0]);
    let missing = bind(&[("speed", 1.0)]).unwrap_err();
    assert_eq!(missing.to_string(), "no value for `time` `c`: add time=… c=…");
    assert!(bind(&[("sped", 1.0)]).unwrap_err().to_string().contains("did you mean `speed`?"));
    assert_eq!(bind(&[("c2", 1.0)]).unwrap_err(), ValueError::Computed("c2".to_owned()));
    assert_eq!(bind(&[("c", 1.0), ("c", 1.0)]).unwrap_err(), ValueError::Twice("c".to_owned()));
}
