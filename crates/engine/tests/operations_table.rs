//! `docs/operations.md` is made from the list of operations, so it cannot lag behind. After a change to the list:
//! `UPDATE=1 cargo test -p chainrule-engine --test all operations_table`.

use chainrule_engine::ops::{Rule, specimens};
use std::collections::BTreeSet;

#[test]
fn the_table_is_up_to_date() {
    let mut table = String::from(
        "# Operations\n\nMade from the engine's own list. Partials are in terms of the arguments and the value y.\n\n\
         | operation | what it computes | partials |\n| --- | --- | --- |\n",
    );
    let mut seen = BTreeSet::new();
    for specimen in specimens(&mut crate::common::dice(0)) {
        let op = specimen.op;
        if !seen.insert(op.name()) {
            continue;
        }
        let names: Vec<String> =
            if specimen.inputs.len() == 1 { vec!["x".into()] } else { vec!["a".into(), "b".into()] };
        let partials: Vec<String> =
            (0..specimen.inputs.len()).filter_map(|slot| op.partial_formula(slot, &names, "y")).collect();
        table.push_str(&format!("| {} | {} | {} |\n", op.name(), op.about().replace('|', "\\|"), partials.join(", ")));
    }
    table.push_str("\n`arg_max` gives the position of the first maximum along axes; it has no derivative.\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), table, "docs/operations.md: see the head of this test");
}
