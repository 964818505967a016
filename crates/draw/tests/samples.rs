//! Samples on their way through a network: what is drawn, what is folded, and that the numbers add up.

use chainrule_draw::{Columns, Form, Kernel, Mark, Sample, SampleLayer, fold, sample_page, sample_svg};
use proptest::prelude::*;
use serde_json::Value;

/// The numbers of a network of dense layers with one sample in it, made up, but with z = a·W + b, a = z, δ = ∂C/∂a =
/// W·δ above, and ∂C/∂W = a·δ.
struct Dense {
    values: Vec<Vec<f64>>,
    deltas: Vec<Vec<f64>>,
    weights: Vec<Vec<f32>>,
    gradients: Vec<Vec<f64>>,
    biases: Vec<Vec<f32>>,
    ones: Vec<Vec<f64>>,
    names: [Vec<String>; 2],
}

/// Numbers between −1 and 1 that look random.
fn number(seed: usize) -> f64 {
    let mixed = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

impl Dense {
    fn new(sizes: &[usize]) -> Self {
        let pairs: Vec<(usize, usize)> = sizes.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let weight = |layer: usize, count: usize| (0..count).map(|i| number(i * 31 + layer) as f32).collect();
        let weights: Vec<Vec<f32>> = pairs.iter().enumerate().map(|(at, (n, m))| weight(at, n * m)).collect();
        let biases: Vec<Vec<f32>> = pairs.iter().enumerate().map(|(at, (_, m))| weight(at + 77, *m)).collect();
        let mut values = vec![(0..sizes[0]).map(|i| number(i + 5)).collect::<Vec<f64>>()];
        for (at, &(_, m)) in pairs.iter().enumerate() {
            let below = &values[at];
            let sum =
                |i: usize| below.iter().enumerate().map(|(j, a)| a * f64::from(weights[at][j * m + i])).sum::<f64>();
            values.push((0..m).map(|i| sum(i) + f64::from(biases[at][i])).collect());
        }
        let mut deltas = vec![(0..sizes[sizes.len() - 1]).map(|i| number(i + 900)).collect::<Vec<f64>>()];
        for (at, &(n, m)) in pairs.iter().enumerate().rev() {
            let above = &deltas[0];
            let sum = |j: usize| above.iter().enumerate().map(|(i, d)| d * f64::from(weights[at][j * m + i])).sum();
            deltas.insert(0, (0..n).map(sum).collect());
        }
        let outer = |at: usize| values[at].iter().flat_map(|a| deltas[at + 1].iter().map(move |d| a * d)).collect();
        Self {
            gradients: (0..pairs.len()).map(outer).collect(),
            ones: sizes.iter().map(|&size| vec![1.0; size]).collect(),
            names: [sizes[0], sizes[sizes.len() - 1]].map(|count| (0..count).map(|i| format!("column {i}")).collect()),
            values,
            deltas,
            weights,
            biases,
        }
    }

    fn sample(&self) -> Sample<'_> {
        let layer = |at: usize| SampleLayer {
            words: format!("dense {}", self.values[at + 1].len()),
            activation: "identity",
            form: Form::Flat(self.values[at + 1].len()),
            z: &self.values[at + 1],
            a: &self.values[at + 1],
            handed_down: &self.deltas[at + 1],
            slope: &self.ones[at + 1],
            delta: &self.deltas[at + 1],
            pooled: None,
            weights: &self.weights[at],
            weight_gradient: &self.gradients[at],
            biases: &self.biases[at],
            bias_gradient: &self.deltas[at + 1],
            kernel: None,
            norm: None,
            residual: None,
        };
        Sample {
            title: "a sample".into(),
            facts: vec![["class".into(), "7".into()]],
            input_names: &self.names[0],
            output_names: &self.names[1],
            form: Form::Flat(self.values[0].len()),
            inputs: &self.values[0],
            input_gradient: &self.deltas[0],
            layers: (0..self.weights.len()).map(layer).collect(),
        }
    }
}

/// What the script of a page reads.
fn data(page: &str) -> Value {
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(data).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn close(found: f64, expected: f64, size: f64) -> bool {
    (found - expected).abs() <= 1e-5 * size.max(expected.abs()).max(1e-3)
}

/// No two marks of a picture overlap, and all lie in it.
fn check_places(sample: &Sample<'_>) -> Result<(), TestCaseError> {
    let columns = Columns::new(sample, &fold(sample));
    let all: Vec<[f64; 4]> = columns.marks.iter().flatten().map(Mark::bounds).collect();
    for (at, [left, top, right, bottom]) in all.iter().enumerate() {
        prop_assert!(*left >= 0.0 && *top >= 0.0 && *right <= columns.width && *bottom <= columns.height);
        for [l, t, r, b] in &all[at + 1..] {
            prop_assert!(right <= l || r <= left || bottom <= t || b <= top, "two marks overlap");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn neurons_stand_apart_and_what_matters_is_drawn(sizes in proptest::collection::vec(1_usize..60, 2..6)) {
        let dense = Dense::new(&sizes);
        let sample = dense.sample();
        check_places(&sample)?;
        let folds = fold(&sample);
        for (column, fold) in folds.iter().enumerate() {
            prop_assert_eq!((fold.total, fold.drawn.len()), (sizes[column], sizes[column].min(16)));
            prop_assert_eq!(fold.folded(), sizes[column].saturating_sub(16));
            prop_assert!(fold.drawn.is_sorted() && fold.drawn.iter().all(|at| fold.kept.contains(at)));
            let score = |at: usize| (dense.values[column][at] * dense.deltas[column][at]).abs();
            let least = fold.drawn.iter().map(|&at| score(at)).fold(f64::INFINITY, f64::min);
            prop_assert!((0..sizes[column]).all(|at| fold.drawn.contains(&at) || score(at) <= least));
        }
        let drawn = sample_svg(&sample);
        prop_assert_eq!(drawn.matches("class=\"neuron\"").count(), folds.iter().map(|fold| fold.drawn.len()).sum::<usize>());
        let edges: usize = folds.windows(2).map(|pair| pair[0].drawn.len() * pair[1].drawn.len()).sum();
        let paths: usize = drawn.split("class=\"edges\"").skip(1).map(|part| part.split("</g>").next().unwrap().matches("<path").count()).sum();
        prop_assert_eq!(paths, edges);
        for fold in folds.iter().filter(|fold| fold.folded() > 0) {
            let told = format!("⋮ {} more", fold.folded());
            prop_assert!(drawn.contains(&told));
        }
    }

    #[test]
    fn the_terms_of_a_page_add_up(sizes in proptest::collection::vec(1_usize..40, 2..5)) {
        let dense = Dense::new(&sizes);
        let page = data(&sample_page(&dense.sample()));
        let columns = page["columns"].as_array().unwrap();
        let terms = |terms: &Value, neuron: usize, numbers: &[f64]| {
            let (at, w) = (indices(&terms["at"][neuron]), self::numbers(&terms["w"][neuron]));
            let products: Vec<f64> = at.iter().zip(&w).map(|(&at, w)| numbers[at] * w).collect();
            assert!(products.windows(2).all(|pair| pair[0].abs() >= pair[1].abs() * 0.9999), "the largest come first");
            let size: f64 = numbers.iter().map(|v| v.abs()).sum();
            (products.iter().sum::<f64>() + terms["rest"][neuron].as_f64().unwrap(), size)
        };
        for (at, column) in columns.iter().enumerate() {
            for neuron in 0..sizes[at] {
                if at > 0 {
                    let (sum, size) = terms(&column["down"], neuron, &dense.values[at - 1]);
                    let expected = dense.values[at][neuron] - f64::from(dense.biases[at - 1][neuron]);
                    prop_assert!(close(sum, expected, size), "z: {} is not {}", sum, expected);
                }
                if at + 1 < sizes.len() {
                    let (sum, size) = terms(&column["up"], neuron, &dense.deltas[at + 1]);
                    prop_assert!(close(sum, dense.deltas[at][neuron], size), "∂C/∂a: {}", sum);
                }
            }
            if at > 0 {
                for part in ["heat", "edges"] {
                    let weights = &column[part];
                    let (rows, cols) = (indices(&weights["rows"]), indices(&weights["cols"]));
                    let cells = rows.iter().flat_map(|row| cols.iter().map(move |col| (*row, *col)));
                    for ((row, col), gradient) in cells.zip(numbers(&weights["gradient"])) {
                        let expected = dense.values[at - 1][row] * dense.deltas[at][col];
                        prop_assert!(close(gradient, expected, expected.abs()), "∂C/∂w: {}", gradient);
                    }
                }
            }
        }
    }

    #[test]
    fn channels_stand_apart(channels in 1_usize..40, height in 1_usize..90, width in 1_usize..90) {
        let planes = Planes::new([channels, height, width]);
        let sample = planes.sample();
        check_places(&sample)?;
        let folds = fold(&sample);
        prop_assert!(folds.iter().all(|fold| fold.drawn.len() + fold.folded() == channels && fold.drawn.len() <= 16));
        prop_assert!(sample_page(&sample).len() < 3_000_000);
    }
}

/// One convolution of one by one that leaves every channel as it is.
struct Planes {
    form: [usize; 3],
    values: Vec<f64>,
    gradient: Vec<f64>,
    ones: Vec<f64>,
    weights: Vec<f32>,
    weight_gradient: Vec<f64>,
    biases: Vec<f32>,
    bias_gradient: Vec<f64>,
}

impl Planes {
    fn new(form @ [channels, height, width]: [usize; 3]) -> Self {
        let count = channels * height * width;
        let is_own = |at: usize| at / channels == at % channels;
        Self {
            form,
            values: (0..count).map(number).collect(),
            gradient: (0..count).map(|at| number(at + 3)).collect(),
            ones: vec![1.0; count],
            weights: (0..channels * channels).map(|at| f32::from(u8::from(is_own(at)))).collect(),
            weight_gradient: (0..channels * channels).map(number).collect(),
            biases: vec![0.0; channels],
            bias_gradient: (0..channels).map(number).collect(),
        }
    }

    fn sample(&self) -> Sample<'_> {
        let one = [1, 1];
        Sample {
            title: "an image".into(),
            facts: Vec::new(),
            input_names: &[],
            output_names: &[],
            form: Form::Planes(self.form),
            inputs: &self.values,
            input_gradient: &self.gradient,
            layers: vec![SampleLayer {
                words: "conv 1x1".into(),
                activation: "identity",
                form: Form::Planes(self.form),
                z: &self.values,
                a: &self.values,
                handed_down: &self.gradient,
                slope: &self.ones,
                delta: &self.gradient,
                pooled: None,
                weights: &self.weights,
                weight_gradient: &self.weight_gradient,
                biases: &self.biases,
                bias_gradient: &self.bias_gradient,
                kernel: Some(Kernel { size: one, stride: one, padding: [0, 0], dilation: one, groups: 1 }),
                norm: None,
                residual: None,
            }],
        }
    }
}

#[test]
fn the_cells_of_a_map_are_those_of_its_planes() {
    let planes = Planes::new([3, 70, 5]);
    let page = data(&sample_page(&planes.sample()));
    let column = &page["columns"][1];
    // One row in two of 70; rows and columns are thinned alike.
    assert_eq!((column["step"].as_u64(), column.get("kept")), (Some(2), None));
    let cells = |channel: usize| {
        (0..70).step_by(2).flat_map(move |y| (0..5).step_by(2).map(move |x| (channel * 70 + y) * 5 + x))
    };
    let expected: Vec<f64> = (0..3).flat_map(cells).map(|at| planes.gradient[at]).collect();
    let found = numbers(&column["delta"]);
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(&expected).all(|(found, expected)| close(*found, *expected, 0.0)));
}

#[test]
fn pages_are_bounded() {
    let size = |sizes: &[usize]| sample_page(&Dense::new(sizes).sample()).len();
    assert!(size(&[784, 1000, 500, 10]) < 600_000);
    assert!(size(&[20, 30_000, 10]) < 1_500_000);
    assert!(sample_page(&Planes::new([32, 300, 300]).sample()).len() < 3_000_000);
}

#[test]
fn the_names_of_columns_and_classes_are_texts_only() {
    // What would be markup, the end of a script, of a string or of a label.
    let evil = "</script><img src=x onerror=alert(1)>\"'&\\ <!-- ]]> \u{7}\u{2028}";
    let mut dense = Dense::new(&[3, 20, 3]);
    dense.names = [vec![evil.into(); 3], vec![evil.into(); 3]];
    let mut sample = dense.sample();
    sample.title = evil.into();
    sample.facts = vec![[evil.into(), evil.into()]];
    sample.layers[0].words = evil.into();
    sample.layers[1].activation = evil;
    let (page, picture) = (sample_page(&sample), sample_svg(&sample));
    for drawn in [&page, &picture] {
        assert!(!drawn.contains("<img") && !drawn.contains("<!--"));
    }
    assert!(!picture.contains("</script"));
    assert_eq!(page.matches("</script>").count(), 2, "of its own two scripts");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert_eq!(data(&page)["columns"][0]["names"][0], evil);
    assert!(
        page.contains("default-src 'none'") && !page.contains("http://") | page.contains("http://www.w3.org/2000/svg")
    );
}

#[test]
fn what_is_not_finite_is_shown_as_such() {
    let mut dense = Dense::new(&[2, 30, 1]);
    dense.values[1][17] = f64::NAN;
    dense.deltas[1][3] = f64::INFINITY;
    let sample = dense.sample();
    assert!(fold(&sample)[1].drawn.contains(&17) && fold(&sample)[1].drawn.contains(&3));
    let page = sample_page(&sample);
    assert!(page.contains("class=\"bad\""));
    assert_eq!(data(&page)["columns"][1]["z"][17], Value::Null);
}
