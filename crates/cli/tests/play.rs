//! `chainrule play`, from outside.

use assert_cmd::Command;
use chainrule_play::Playground;
use serde_json::{Value, json, value::RawValue};

/// The expressions of the worked examples, with their values.
const WORKED: &[(&str, &[&str])] = &[
    ("c = a + b; d = b + 1; e = c * d", &["a=2", "b=1"]),
    ("e = (a+b)*(b+1)", &["a=2", "b=1"]),
    ("x1 = (x0+y)*(x0*y+1); x2 = (x1+y)*(x1*y+1); x3 = (x2+y)*(x2*y+1)", &["x0=0.1", "y=0.001"]),
    ("z = .5*(w*x + b)^2; log(1 + exp(-z))", &["w=0.15", "x=0.05", "b=0.35"]),
    ("x^3 * y", &["x=2", "y=5"]),
    ("2^x; 3", &["x=1"]),
    ("-x", &["x=-3"]),
];

#[derive(serde::Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    ok: Expression<'a>,
}

#[derive(serde::Deserialize)]
struct Expression<'a> {
    #[serde(borrow)]
    gradient: &'a RawValue,
}

fn asked(source: &str, values: &[&str]) -> String {
    let split = values.iter().map(|text| text.split_once('=').unwrap());
    let values: Value = split.map(|(name, value)| (name.to_owned(), value.parse::<f64>().unwrap())).collect();
    json!({"do": "expression", "source": source, "values": values}).to_string()
}

#[test]
fn the_page_and_the_command_line_give_the_same_document() {
    let mut playground = Playground::new(|| 0.0);
    for (source, values) in WORKED {
        let answer = playground.answer(&asked(source, values));
        let answered: Answered<'_> = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
        let mut command = Command::cargo_bin("chainrule").unwrap();
        let printed = command.args(["grad", source]).args(*values).arg("--json").assert().success();
        let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
        assert_eq!(answered.ok.gradient.get(), printed.trim_end(), "{source}");
    }
}
