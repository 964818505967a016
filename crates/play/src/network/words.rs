//! Names and numbers of a network, as they are read.

use chainrule::{Model, rounded};

/// A number with four significant digits.
pub(super) fn short(value: f64) -> String {
    rounded(value, 4)
}

/// `a¹₂`: a letter with its layer above and its neuron, counted from 1, below.
pub(super) fn symbol(letter: &str, layer: usize, neuron: usize) -> String {
    let digits = |number: usize, alphabet: [char; 10]| -> String {
        number.to_string().bytes().map(|digit| alphabet[usize::from(digit - b'0')]).collect()
    };
    let above = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let below = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    format!("{letter}{}{}", digits(layer, above), digits(neuron + 1, below))
}

/// What a layer reads, by name: the features, or the neurons below.
pub(super) fn inputs(names: &[String], model: &Model, layer: usize) -> Vec<String> {
    match layer {
        1 => names.to_vec(),
        _ => (0..model.network.layers[layer - 2].outputs).map(|neuron| symbol("a", layer - 1, neuron)).collect(),
    }
}

/// `0.3·x − 1.2·y + 0.5`: factors and what they multiply, then what is added, if it is there.
pub(super) fn sum(terms: impl Iterator<Item = (f64, String)>, last: Option<f64>) -> String {
    let mut text = String::new();
    let terms = terms.map(|(factor, name)| (factor, format!("·{name}"))).chain(last.map(|last| (last, String::new())));
    for (factor, name) in terms {
        let sign = match (text.is_empty(), factor < 0.0) {
            (true, false) => "",
            (true, true) => "−",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        text.push_str(sign);
        text.push_str(&short(factor.abs()));
        text.push_str(&name);
    }
    text
}

/// A factor behind a dot: in parentheses if it is negative.
pub(super) fn factor(value: f64) -> String {
    if value < 0.0 { format!("({})", short(value)) } else { short(value) }
}
