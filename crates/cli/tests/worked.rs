//! The worked examples: page and command line give the same document.

use assert_cmd::Command;
use chainrule_play::Playground;
use serde_json::{Value, json, value::RawValue};
use std::collections::BTreeMap;

/// The worked examples, with the numbers that must come out.
fn worked() -> Vec<Worked> {
    serde_json::from_str(include_str!("../../play/tests/worked.json")).unwrap()
}

#[derive(serde::Deserialize)]
struct Worked {
    name: String,
    source: String,
    values: BTreeMap<String, f64>,
    value: Option<f64>,
    #[serde(default)]
    gradients: BTreeMap<String, f64>,
}

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

#[test]
fn the_page_and_the_command_line_give_the_same_document() {
    let mut playground = Playground::new(|| 0.0);
    for Worked { name, source, values, value, gradients } in worked() {
        let request = json!({"do": "expression", "source": source, "values": values});
        let answer = playground.answer(&request.to_string());
        let answered: Answered<'_> = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{name}: {answer}"));
        let mut command = Command::cargo_bin("chainrule").unwrap();
        let values = values.iter().map(|(name, value)| format!("{name}={value}"));
        let printed = command.args(["grad", &source]).args(values).arg("--json").assert().success();
        let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
        assert_eq!(answered.ok.gradient.get(), printed.trim_end(), "{name}");
        let document: Value = serde_json::from_str(&printed).unwrap();
        let close = |found: &Value, wanted: f64| (found.as_f64().unwrap() - wanted).abs() < 1e-9;
        assert!(value.is_none_or(|value| close(&document["value"], value)), "{name}: {}", document["value"]);
        for (variable, gradient) in gradients {
            assert!(close(&document["gradients"][&variable], gradient), "{name}: {variable}");
        }
    }
}
