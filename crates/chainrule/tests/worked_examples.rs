//! One sample through a multilayer perceptron, by hand and by the engine: the worked examples of the documentation.
//!
//! The figures of the 2-2-2 network were computed with NumPy in float64 (the example is M. Mazur's), those of the 3-4-2
//! network with PyTorch in float64.

use chainrule::data::Scaling;
use chainrule::{Activation, Explanation, Loss, Mode, Model, Network, Recipe, Task, explain_sample};

fn model(sizes: &[usize], hidden: Activation, output: Activation, loss: Loss, task: Task) -> Model {
    Model {
        network: Network::new(sizes, hidden, output).unwrap(),
        loss,
        task,
        targets: vec!["y".to_owned()],
        features: Vec::new(),
        image: None,
        encoder: None,
        scaling: Scaling::None,
        recipe: Recipe::default(),
        residuals: Vec::new(),
        parameters: Default::default(),
    }
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-9, "{found:?}\nagainst\n{expected:?}");
    }
}

/// The 2-2-2 network, sigmoid on both layers. Its targets are two numbers, so its graph is written out here with the
/// parts that the library builds models from.
mod two_two_two {
    use super::close;
    use chainrule::engine::{Graph, Trace};
    use chainrule::{Activation, Loss, Network};

    const X: [f64; 2] = [0.05, 0.10];
    const Y: [f64; 2] = [0.01, 0.99];
    const START: [f64; 12] = [0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60];
    const WEIGHTS: [usize; 8] = [0, 1, 2, 3, 6, 7, 8, 9];

    struct Run {
        cost: f64,
        z: [Vec<f64>; 2],
        a: [Vec<f64>; 2],
        delta: [Vec<f64>; 2],
        gradients: Vec<f64>,
    }

    fn run(parameters: &[f64]) -> Run {
        let g = Graph::new();
        let network = Network::new(&[2, 2, 2], Activation::Sigmoid, Activation::Sigmoid).unwrap();
        let (x, y) = (g.input("x", &[1, 2]), g.input("y", &[1, 2]));
        let layers = network.apply(&g, x, chainrule::Mode::Inference);
        let cost = Loss::Quadratic.apply(layers[1].a, y);
        let wrt: Vec<_> = layers.iter().flat_map(|l| [l.weight, l.bias]).collect();
        let trace = Trace::new(&g, cost, &wrt, parameters, &[&X, &Y]).unwrap();
        let value = |e: chainrule::engine::Expr<'_>| trace.value(e.id()).to_vec();
        let pile = |e: chainrule::engine::Expr<'_>| trace.pile(e.id()).unwrap().to_vec();
        Run {
            cost: value(cost)[0],
            z: [value(layers[0].z), value(layers[1].z)],
            a: [value(layers[0].a), value(layers[1].a)],
            delta: [pile(layers[0].z), pile(layers[1].z)],
            gradients: wrt.iter().flat_map(|&w| pile(w)).collect(),
        }
    }

    #[test]
    fn every_quantity() {
        let r = run(&START);
        close(&[r.cost], &[0.298_371_108_760_00]);
        close(&r.z[0], &[0.3775, 0.3925]);
        close(&r.a[0], &[0.593_269_992_107, 0.596_884_378_260]);
        close(&r.z[1], &[1.105_905_967_06, 1.224_921_404_096]);
        close(&r.a[1], &[0.751_365_069_552, 0.772_928_465_321]);
        close(&r.delta[1], &[0.138_498_561_629, -0.038_098_236_517]);
        close(&r.delta[0], &[0.008_771_354_689, 0.009_954_254_705]);
        close(&r.gradients[6..10], &[0.082_167_040_564, -0.022_602_540_477, 0.082_667_627_848, -0.022_740_242_216]);
        close(&r.gradients[..4], &[0.000_438_567_734, 0.000_497_712_735, 0.000_877_135_469, 0.000_995_425_471]);
        close(&r.gradients[4..6], &r.delta[0]);
        close(&r.gradients[10..], &r.delta[1]);
    }

    #[test]
    fn ten_thousand_updates_with_fixed_biases() {
        let mut parameters = START;
        for update in 1..=10_000 {
            let r = run(&parameters);
            for i in WEIGHTS {
                parameters[i] -= 0.5 * r.gradients[i];
            }
            if update == 1 {
                close(&parameters[..4], &[0.149_780_716_133, 0.249_751_143_632, 0.199_561_432_266, 0.299_502_287_265]);
                close(
                    &parameters[6..10],
                    &[0.358_916_479_718, 0.511_301_270_239, 0.408_666_186_076, 0.561_370_121_108],
                );
                close(&[run(&parameters).cost], &[0.291_027_773_693_60]);
            }
        }
        close(&[run(&parameters).cost], &[3.510_187_782_979e-05]);
    }
}

/// The parameters of the 3-4-2 network: w1, b1, w2, b2.
fn three_four_two() -> Vec<f64> {
    let w1 = (0..12).map(|n| 0.1 * (f64::from(n / 4) - 1.0) + 0.05 * (f64::from(n % 4) - 1.5));
    let w2 = (0..8).map(|n| 0.2 * (f64::from(n / 2) - 1.5) - 0.1 * (f64::from(n % 2) - 0.5));
    w1.chain([0.1, -0.1, 0.2, -0.2]).chain(w2).chain([0.05, -0.05]).collect()
}

#[test]
fn three_four_two_with_quadratic_cost() {
    use chainrule::engine::{Graph, Trace};
    let g = Graph::new();
    let network = Network::new(&[3, 4, 2], Activation::Tanh, Activation::Identity).unwrap();
    let (x, y) = (g.input("x", &[1, 3]), g.input("y", &[1, 2]));
    let layers = network.apply(&g, x, Mode::Inference);
    let cost = Loss::Quadratic.apply(layers[1].a, y);
    let wrt: Vec<_> = layers.iter().flat_map(|l| [l.weight, l.bias]).collect();
    let trace = Trace::new(&g, cost, &wrt, &three_four_two(), &[&[1.0, -2.0, 0.5], &[0.25, -0.75]]).unwrap();
    let pile = |e: chainrule::engine::Expr<'_>| trace.pile(e.id()).unwrap();
    close(trace.value(layers[0].z.id()), &[0.0875, -0.1375, 0.1375, -0.2875]);
    close(trace.value(layers[1].z.id()), &[-0.042_432_617_944, -0.123_177_136_044]);
    close(trace.value(cost.id()), &[0.239_211_869_408]);
    let delta2 = [-0.292_432_617_944, 0.626_822_863_956];
    close(pile(layers[1].z), &delta2);
    close(pile(layers[1].bias), &delta2);
    let delta1 = [-0.145_165_584_548, -0.077_919_328_957, -0.012_289_925_072, 0.050_098_028_845];
    close(pile(layers[0].z), &delta1);
    close(
        pile(layers[1].weight),
        &[
            -0.025_522_751_105,
            0.054_707_453_826,
            0.039_957_983_253,
            -0.085_649_055_419,
            -0.039_957_983_253,
            0.085_649_055_419,
            0.081_832_060_923,
            -0.175_405_216_942,
        ],
    );
    let outer: Vec<f64> = [1.0, -2.0, 0.5].iter().flat_map(|x| delta1.map(|d| d * x)).collect();
    close(pile(layers[0].weight), &outer);
    close(
        pile(layers[0].weight),
        &[
            -0.145_165_584_548,
            -0.077_919_328_957,
            -0.012_289_925_072,
            0.050_098_028_845,
            0.290_331_169_097,
            0.155_838_657_913,
            0.024_579_850_144,
            -0.100_196_057_689,
            -0.072_582_792_274,
            -0.038_959_664_478,
            -0.006_144_962_536,
            0.025_049_014_422,
        ],
    );
}

fn explained() -> Explanation {
    let classes = Task::Classes(vec!["0".to_owned(), "1".to_owned()]);
    let loss = Loss::CrossEntropy { smoothing: 0.0 };
    let model = model(&[3, 4, 2], Activation::Tanh, Activation::Identity, loss, classes);
    explain_sample(&model, &three_four_two(), &[1.0, -2.0, 0.5], &[1.0], 0.1).unwrap()
}

#[test]
fn three_four_two_with_softmax_and_cross_entropy() {
    let e = explained();
    close(&[e.cost], &[0.734_334_177_970]);
    // p − y is not written anywhere: it comes out of the rules for log-sum-exp and pick.
    close(&e.layers[1].delta.values, &[0.520_175_169_417, -0.520_175_169_417]);
    close(&e.layers[0].delta.values, &[0.051_621_281_824, 0.051_046_324_902, 0.051_046_324_902, 0.047_944_230_321]);
}

#[test]
fn an_explanation_holds_the_equations_of_the_textbook() {
    let e = explained();
    for l in &e.layers {
        let product: Vec<f64> = l.handed_down.values.iter().zip(&l.slope.values).map(|(h, s)| h * s).collect();
        close(&product, &l.delta.values);
        close(&l.bias_gradient.values, &l.delta.values);
    }
    let w2 = &three_four_two()[16..24];
    let delta2 = &e.layers[1].delta.values;
    let handed: Vec<f64> = (0..4).map(|i| w2[2 * i] * delta2[0] + w2[2 * i + 1] * delta2[1]).collect();
    close(&handed, &e.layers[0].handed_down.values);
    let outer: Vec<f64> = e.layers[0].a.values.iter().flat_map(|a| delta2.iter().map(move |d| a * d)).collect();
    close(&outer, &e.layers[1].weight_gradient.values);
    assert!(e.cost_after_update < e.cost);
}

#[test]
fn a_hessian_vector_product_of_a_network_is_the_difference_of_two_gradients() {
    use chainrule::engine::{Expr, Graph, Plan, Session};
    let g = Graph::new();
    let network = Network::new(&[3, 4, 2], Activation::Tanh, Activation::Identity).unwrap();
    let x = g.input("x", &[1, 3]);
    let label = g.input("label", &[1]);
    let layers = network.apply(&g, x, Mode::Inference);
    let cost = Loss::CrossEntropy { smoothing: 0.0 }.apply(layers[1].a, label);
    let wrt: Vec<Expr<'_>> = layers.iter().flat_map(|l| [l.weight, l.bias]).collect();
    let direction: Vec<f64> = (0..26).map(|i| f64::from(i).sin()).collect();
    let vector: Vec<Expr<'_>> = wrt
        .iter()
        .enumerate()
        .map(|(i, w)| g.input(&format!("v{i}"), &w.shape().sizes().collect::<Vec<_>>()))
        .collect();
    let product = g.hessian_vector(cost, &wrt, &vector).unwrap();
    let gradient = g.gradients(cost, &wrt).unwrap();
    let count = wrt.len();
    let mut session = Session::<f64>::new(Plan::new(&g, &[product, gradient].concat()).unwrap()).unwrap();
    let mut at = 0;
    let pieces: Vec<&[f64]> = wrt
        .iter()
        .map(|w| {
            at += w.shape().len();
            &direction[at - w.shape().len()..at]
        })
        .collect();
    let inputs: Vec<&[f64]> = [&[1.0, -2.0, 0.5][..], &[1.0]].into_iter().chain(pieces).collect();
    let start = three_four_two();
    session.run(&start, &inputs).unwrap();
    let exact = session.outputs(0..count).to_vec();
    let h = 1e-5;
    let mut shifted = |by: f64| {
        let moved: Vec<f64> = start.iter().zip(&direction).map(|(w, d)| w + by * d).collect();
        session.run(&moved, &inputs).unwrap();
        session.outputs(count..2 * count).to_vec()
    };
    let (high, low) = (shifted(h), shifted(-h));
    for ((e, h1), l1) in exact.iter().zip(high).zip(low) {
        assert!((e - (h1 - l1) / (2.0 * h)).abs() < 1e-8);
    }
}
