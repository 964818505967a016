//! Networks as the textbook draws them: circles that stand apart, and all lines from one layer to the next.

use chainrule_draw::{Form, Network, NetworkLayer, NetworkPool, network_svg};
use proptest::prelude::*;

fn dense(outputs: usize) -> NetworkLayer {
    NetworkLayer {
        words: vec![format!("dense {outputs}"), "relu".into()],
        form: Form::Flat(outputs),
        kernel: None,
        pool: None,
        residual: None,
        parameters: 1234,
    }
}

fn of_sizes<'a>(sizes: &[usize]) -> Network<'a> {
    Network {
        title: "a network".into(),
        input: Form::Flat(sizes[0]),
        input_names: &[],
        output_names: &[],
        layers: sizes[1..].iter().map(|&size| dense(size)).collect(),
    }
}

/// The numbers behind `name="` in each element that begins with `start`.
fn attributes(drawn: &str, start: &str, names: &[&str]) -> Vec<Vec<f64>> {
    let element = |rest: &str| {
        let inside = rest.split('>').next().unwrap().to_owned();
        let value = |name: &&str| {
            inside.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        names.iter().map(value).collect()
    };
    drawn.split(start).skip(1).map(element).collect()
}

/// The ends of the lines between neurons: x and y, and x and y.
fn lines(drawn: &str) -> Vec<Vec<f64>> {
    let joins = drawn.split("class=\"join\" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let line = |text: &str| text.split(' ').map(|number| number.parse().unwrap()).collect();
    joins.flat_map(|path| path.split('M').skip(1).map(line).collect::<Vec<_>>()).collect()
}

/// How many circles stand for a layer.
fn shown(size: usize) -> usize {
    if size <= 10 { size } else { 8 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neurons_stand_apart_and_layers_are_joined(sizes in proptest::collection::vec(1_usize..2000, 2..7)) {
        let drawn = network_svg(&of_sizes(&sizes));
        let size: Vec<f64> = attributes(&drawn, "<svg", &["width", "height"])[0].clone();
        let circles = attributes(&drawn, "<circle", &["cx", "cy", "r"]);
        let biases = sizes.len() - 1;
        prop_assert_eq!(circles.len(), sizes.iter().map(|&size| shown(size)).sum::<usize>() + biases);
        for (at, circle) in circles.iter().enumerate() {
            let (x, y, r) = (circle[0], circle[1], circle[2]);
            prop_assert!(x - r >= 0.0 && y - r >= 0.0 && x + r <= size[0] && y + r <= size[1]);
            for other in &circles[at + 1..] {
                prop_assert!((x - other[0]).hypot(y - other[1]) >= r + other[2], "two circles overlap");
            }
        }
        let lines = lines(&drawn);
        prop_assert_eq!(lines.len(), sizes.windows(2).map(|pair| shown(pair[0]) * shown(pair[1])).sum::<usize>());
        prop_assert!(lines.iter().all(|line| line[0] < line[2]), "none lies within a layer");
        let distinct: std::collections::HashSet<String> = lines.iter().map(|line| format!("{line:?}")).collect();
        prop_assert_eq!(distinct.len(), lines.len());
        prop_assert_eq!(drawn.matches("⋮").count(), sizes.iter().filter(|size| **size > 10).count());
    }
}

#[test]
fn planes_are_stacked_with_their_sizes() {
    let conv = NetworkLayer {
        words: vec!["conv 5x5 6".into(), "relu".into()],
        form: Form::Planes([6, 24, 24]),
        kernel: Some([5, 5]),
        pool: Some(NetworkPool { words: "maxpool 2".into(), size: [2, 2], form: Form::Planes([6, 12, 12]) }),
        residual: None,
        parameters: 156,
    };
    let mut network = Network { input: Form::Planes([1, 28, 28]), ..of_sizes(&[1, 10]) };
    network.layers.insert(0, conv);
    let drawn = network_svg(&network);
    for words in ["1 × 28 × 28", "6 × 24 × 24", "maxpool 2", "6 × 12 × 12", "156 parameters", "output layer"] {
        assert!(drawn.contains(&format!(">{words}<")), "{words}");
    }
    // An input plane, twice six, and two windows with the cells that they lead to.
    assert_eq!(drawn.matches("<rect").count(), 1 + 6 + 6 + 4);
    assert_eq!(drawn.matches("class=\"window\"").count(), 2);
}

#[test]
fn a_residual_link_is_an_arch() {
    let mut network = of_sizes(&[4, 4, 4, 2]);
    network.layers[1].residual = Some(2);
    assert_eq!(network_svg(&network).matches("<path class=\"link\"").count(), 1);
    assert_eq!(network_svg(&of_sizes(&[4, 4, 4, 2])).matches("class=\"link\"").count(), 0);
}

#[test]
fn names_are_texts_only() {
    let evil = vec!["</svg><script>alert(1)</script>\"&".to_owned(); 3];
    let mut network = Network { input_names: &evil, output_names: &evil, ..of_sizes(&[3, 4, 3]) };
    network.title.clone_from(&evil[0]);
    network.layers[0].words.clone_from(&evil);
    let drawn = network_svg(&network);
    assert!(!drawn.contains("<script") && drawn.matches("</svg>").count() == 1);
}
