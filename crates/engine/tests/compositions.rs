//! Normalisation, planes of other sizes, attention and recurrence: their gradients against finite differences on random
//! sizes, and their values against PyTorch.

use chainrule_engine::check::{gradients, worst};
use chainrule_engine::{Expr, Graph, Recurrent};
use proptest::prelude::*;

/// Numbers that repeat nothing: sin(1), sin(2), … times `scale`.
fn waves(count: usize, first: usize, scale: f64) -> Vec<f64> {
    (first..first + count).map(|i| (i as f64).sin() * scale).collect()
}

type Build = for<'g> fn(Expr<'g>) -> Expr<'g>;

/// The largest error of the gradients of Σ y ⊙ (numbers that are all different), with y of these inputs.
fn error(shapes: &[&[usize]], build: impl for<'g> Fn(&[Expr<'g>]) -> Expr<'g>) -> f64 {
    let graph = Graph::new();
    let leaf = |(at, sizes): (usize, &&[usize])| graph.input(&format!("x{at}"), sizes);
    let inputs: Vec<Expr<'_>> = shapes.iter().enumerate().map(leaf).collect();
    let y = build(&inputs);
    let weights = graph.input("weights", &y.shape().sizes().collect::<Vec<_>>());
    let of = (y * weights).sum_all();
    let count = |sizes: &[usize]| sizes.iter().product::<usize>();
    let mut values: Vec<Vec<f64>> = shapes.iter().enumerate().map(|(at, s)| waves(count(s), 31 * at, 1.5)).collect();
    values.push(waves(y.shape().len(), 1000, 1.0));
    worst(&gradients(&graph, of, &inputs, &[], &values).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn gradients_are_those_of_differences(
        batch in 1_usize..4, groups in 1_usize..3, part in 1_usize..3, height in 1_usize..5, width in 1_usize..5,
        factor in 1_usize..4, out in 1_usize..4,
    ) {
        let channels = groups * part;
        let planes = [batch + 1, channels, height + 1, width + 1];
        let one: &[&[usize]] = &[&planes];
        let errors = [
            ("batch_norm", error(one, |x| x[0].batch_norm(1e-3).0)),
            ("batch_norm of rows", error(&[&[batch + 2, channels]], |x| x[0].batch_norm(1e-3).0)),
            ("layer_norm", error(one, |x| x[0].layer_norm(1, 1e-3))),
            ("group_norm", error(one, |x| x[0].group_norm(groups, 1e-3))),
            ("rms_norm", error(one, |x| x[0].rms_norm(3, 1e-3))),
            ("pad2d", error(one, |x| x[0].pad2d([factor, 0], [out, 1]))),
            ("adaptive_avg_pool2d", error(one, |x| x[0].adaptive_avg_pool2d(out, factor))),
            ("upsample_nearest2d", error(one, |x| x[0].upsample_nearest2d(factor))),
            ("upsample_bilinear2d", error(one, |x| x[0].upsample_bilinear2d(factor))),
            ("attention", error(&[&[batch, out, part], &[batch, height, part], &[batch, height, width]], |x| {
                x[0].attention(x[1], x[2], None)
            })),
            ("heads", error(&[&[batch, height, channels]], |x| {
                let heads = x[0].split_heads(groups);
                heads.attention(heads, heads, None).merge_heads()
            })),
        ];
        for (name, error) in errors {
            prop_assert!(error < 1e-6, "{}: {}", name, error);
        }
        for (gates, name) in [(1, "simple"), (4, "lstm"), (3, "gru")] {
            let wide = gates * out;
            let shapes: &[&[usize]] =
                &[&[batch, height, width], &[batch, out], &[batch, out], &[width, wide], &[out, wide], &[wide], &[wide]];
            let error = error(shapes, |x| {
                let layer = Recurrent { weight: x[3], recurrent: x[4], bias: x[5], recurrent_bias: x[6] };
                // The cell of an LSTM takes part in the others too, so that all seven have a gradient.
                match gates {
                    1 => layer.simple(x[0], x[1] + x[2]),
                    4 => layer.lstm(x[0], x[1], x[2]),
                    _ => layer.gru(x[0], x[1] + x[2]),
                }
            });
            prop_assert!(error < 1e-6, "{}: {}", name, error);
        }
    }
}

fn value(shapes: &[&[usize]], build: impl for<'g> Fn(&[Expr<'g>]) -> Expr<'g>) -> Vec<f64> {
    let graph = Graph::new();
    let leaf = |(at, sizes): (usize, &&[usize])| graph.input(&format!("x{at}"), sizes);
    let inputs: Vec<Expr<'_>> = shapes.iter().enumerate().map(leaf).collect();
    let values: Vec<Vec<f64>> =
        shapes.iter().enumerate().map(|(at, s)| waves(s.iter().product(), 31 * at, 1.5)).collect();
    let given: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    graph.evaluate(&[build(&inputs)], &given).unwrap().remove(0)
}

#[track_caller]
fn close(name: &str, found: &[f64], expected: &[f64]) {
    for (at, (a, b)) in found.iter().step_by(17).zip(expected).enumerate() {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{name}: number {} is {a}, not {b}", 17 * at);
    }
}

/// From PyTorch 2.15 in float64: `batch_norm` (training), `layer_norm`, `group_norm`, `rms_norm`, `pad`,
/// `adaptive_avg_pool2d`, `interpolate` (nearest, and bilinear without aligned corners), `scaled_dot_product_attention`,
/// `RNN`, `LSTM` and `GRU` on 1.5·sin(31k), 1.5·sin(31k + 1), … for argument k: number 0, 17, 34, … of the result, at
/// most eight.
const FROM_PYTORCH: [(&str, &[f64]); 12] = [
    (
        "batch_norm",
        &[
            0.018237161740495385,
            -1.42168090777466,
            0.781756513485162,
            0.9209805769598927,
            -1.2465127697879081,
            -0.2838675875640796,
            1.4482429521488211,
            -0.5239430725970836,
        ],
    ),
    (
        "layer_norm",
        &[
            -0.0458653965249977,
            -1.4100890909223753,
            0.7049032946739306,
            0.9051902595225289,
            -1.2264602717459574,
            -0.2013081054399456,
            1.4615716018682188,
            -0.47870762652014714,
        ],
    ),
    (
        "group_norm",
        &[
            -0.06078445636665324,
            -1.4432981613405549,
            0.7098889609020892,
            0.907632918508576,
            -1.2267655145713696,
            -0.20012148268531263,
            1.457981762064044,
            -0.47949034117183015,
        ],
    ),
    (
        "rms_norm",
        &[
            0.0,
            -1.5138653925185437,
            0.7169038454724521,
            1.070346167732297,
            -1.3428144590814273,
            -0.2596004596857302,
            1.5962789020498598,
            -0.5223553985647912,
        ],
    ),
    ("pad2d", &[0.0, 1.3639461402385225, 0.0, 0.0, 0.0, 0.0, -1.269330606262756, 0.0]),
    ("adaptive_avg_pool2d", &[-0.14882579552031294, 0.1672841803013582, -0.26454318291060125]),
    (
        "upsample_nearest2d",
        &[
            0.0,
            0.2116800120898008,
            0.9854798980781836,
            -0.8160316663340547,
            0.2248158144944285,
            -0.013276963935605814,
            1.143837675719404,
            -0.9954508263194513,
        ],
    ),
    (
        "upsample_bilinear2d",
        &[
            0.0,
            0.42073549240394814,
            0.7017632357084336,
            0.7881968728227606,
            1.1516657220304798,
            1.1994417650367022,
            1.1027264522566096,
            1.4859110335423056,
        ],
    ),
    ("attention", &[-1.2845675798452834, -0.5797860069174777, 1.3957825100279428]),
    ("simple", &[0.9592124206544307, 0.9998516854195159, -0.9340590926424821]),
    ("lstm", &[-0.5864784126519018, -0.16737923759931453, -0.36119401131864687]),
    ("gru", &[-0.5006924448780188, -0.9162438810694337, -0.9524278822980231]),
];

#[test]
fn values_are_those_of_pytorch() {
    let golden = |name: &str| FROM_PYTORCH.iter().find(|(known, _)| *known == name).unwrap().1;
    let plane: &[&[usize]] = &[&[2, 4, 3, 5]];
    let norm = |name, build: for<'g> fn(&[Expr<'g>]) -> Expr<'g>| close(name, &value(plane, build), golden(name));
    norm("batch_norm", |x| x[0].batch_norm(1e-5).0);
    norm("layer_norm", |x| x[0].layer_norm(1, 1e-5));
    norm("group_norm", |x| x[0].group_norm(2, 1e-5));
    norm("rms_norm", |x| x[0].rms_norm(3, 1e-5));
    norm("pad2d", |x| x[0].pad2d([1, 3], [2, 4]));
    norm("adaptive_avg_pool2d", |x| x[0].adaptive_avg_pool2d(2, 3));
    norm("upsample_nearest2d", |x| x[0].upsample_nearest2d(2));
    norm("upsample_bilinear2d", |x| x[0].upsample_bilinear2d(3));
    let heads: &[&[usize]] = &[&[2, 3, 4], &[2, 5, 4], &[2, 5, 6]];
    close("attention", &value(heads, |x| x[0].attention(x[1], x[2], None)), golden("attention"));
    for (gates, name) in [(1, "simple"), (4, "lstm"), (3, "gru")] {
        let (b, l, f, h) = (2, 4, 3, 5);
        let shapes: &[&[usize]] =
            &[&[b, l, f], &[b, h], &[b, h], &[f, gates * h], &[h, gates * h], &[gates * h], &[gates * h]];
        let found = value(shapes, |x| {
            let layer = Recurrent { weight: x[3], recurrent: x[4], bias: x[5], recurrent_bias: x[6] };
            match gates {
                1 => layer.simple(x[0], x[1]),
                4 => layer.lstm(x[0], x[1], x[2]),
                _ => layer.gru(x[0], x[1]),
            }
        });
        close(name, &found, golden(name));
    }
}

#[test]
fn a_mask_hides_places() {
    let graph = Graph::new();
    let (q, k, v) = (graph.input("q", &[1, 2, 2]), graph.input("k", &[1, 2, 2]), graph.input("v", &[1, 2, 1]));
    let mask = graph.input("mask", &[2, 2]);
    let y = q.attention(k, v, Some(mask));
    let (q, k) = ([0.3, -1.0, 0.5, 2.0], [1.0, 0.2, -0.4, 0.7]);
    let found = graph.evaluate(&[y], &[&q, &k, &[3.0, 8.0], &[0.0, -1e9, -1e9, 0.0]]).unwrap();
    assert_eq!(found, [[3.0, 8.0]]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_name() {
    let refused = |sizes: &[usize], build: Build| {
        let graph = Graph::new();
        let y = build(graph.input("x", sizes));
        graph.evaluate(&[y], &[&vec![0.0; sizes.iter().product()]]).unwrap_err().to_string()
    };
    let cases: [(&[usize], Build, &str); 11] = [
        (&[3], |x| x.batch_norm(1e-5).0, "batch_norm"),
        (&[2, 3], |x| x.group_norm(2, 1e-5), "group_norm"),
        (&[3], |x| x.group_norm(1, 1e-5), "group_norm"),
        (&[2, 3], |x| x.pad2d([1, 1], [1, 1]), "pad2d"),
        (&[2, 3, 4, 4], |x| x.adaptive_avg_pool2d(0, 1), "adaptive_avg_pool2d"),
        (&[2, 3, 4], |x| x.upsample_nearest2d(2), "upsample_nearest2d"),
        (&[2, 3, 4, 4], |x| x.upsample_bilinear2d(0), "upsample_bilinear2d"),
        (&[2, 3, 4, 4], |x| x.upsample_nearest2d(usize::MAX), "upsample_nearest2d"),
        (&[2, 3, 4], |x| x.split_heads(3), "split_heads"),
        (&[2, 3], |x| x.merge_heads(), "merge_heads"),
        (&[2, 3], |x| Recurrent { weight: x, recurrent: x, bias: x, recurrent_bias: x }.simple(x, x), "recurrent"),
    ];
    for (sizes, build, name) in cases {
        let error = refused(sizes, build);
        assert!(error.contains(name), "{name}: {error}");
    }
}
