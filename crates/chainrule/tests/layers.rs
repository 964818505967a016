//! Norms, residual links, dropout of a layer, and networks from files.

use chainrule::data::{Dataset, ImageSize, Matrix, Target, Values};
use chainrule::engine::check::{gradients, worst};
use chainrule::engine::{Graph, Session};
use chainrule::{
    Activation, Architecture, Error, Layer, Mode, Model, Network, Norm, SampleShape, Setup, Stream, evaluate, explain,
    fit, predict, with_threads,
};

fn network(text: &str) -> Network {
    let Architecture::Layers { input: Some(input), layers } = text.parse().unwrap() else { panic!("{text}") };
    let network = Network::of(input, layers).unwrap();
    assert_eq!(network.to_string(), text, "it is printed as it was read");
    network
}

/// Pictures of a bar: upright or lying.
fn bars(count: usize, seed: u64) -> Dataset {
    let mut random = Stream::new(seed, 3);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let mut image = [0_u8; 64];
        let at = (random.unit() * 8.0) as usize;
        image.iter_mut().for_each(|pixel| *pixel = (random.unit() * 90.0) as u8);
        for j in 0..8 {
            image[if i % 2 == 0 { at * 8 + j } else { j * 8 + at }] = 200;
        }
        pixels.extend(image);
        labels.push((i % 2) as u32);
    }
    let target = Target::Classes { labels, names: vec!["lying".into(), "upright".into()] };
    let image = Some(ImageSize { planes: 1, height: 8, width: 8 });
    Dataset { image, ..Dataset::new(Matrix::new(count, 64, Values::Bytes(pixels)), target, "bars") }
}

const RESIDUAL: &str = "1x8x8, conv 3x3 4 pad 1, batchnorm, relu, residual(conv 3x3 4 pad 1, batchnorm, relu, conv 3x3 4 \
                        pad 1, batchnorm), relu, globalavgpool, dense 2";

fn setup(text: &str) -> Setup {
    Setup { architecture: Some(text.parse().unwrap()), epochs: Some(12), batch_size: Some(16), ..Setup::default() }
}

#[test]
fn every_kind_of_layer_learns_and_is_saved() {
    let (train, test) = (bars(300, 1), bars(100, 2));
    for text in [
        RESIDUAL,
        "1x8x8, conv 3x3 4 pad 1, layernorm, relu, maxpool 2 stride 1 pad 1, dropout 0.1, dense 2",
        "1x8x8, conv 3x3 8 pad 2 dilate 2, groupnorm 2, silu, maxpool 2, dense 8, rmsnorm, tanh, dropout 0.2, dense 2",
        "1x8x8, conv 3x3 8, relu, globalmaxpool, dense 8, batchnorm, gelu, dense 2",
        "1x8x8, dense 32, batchnorm, relu, residual(dense 32, layernorm), relu, dense 2",
    ] {
        network(text);
        let fitted = |threads| {
            let mut model = setup(text).build(&train).unwrap();
            with_threads(threads, || fit(&mut model, &train, &mut ())).unwrap();
            model
        };
        let model = fitted(1);
        let accuracy = evaluate(&model, &test).unwrap().metrics.classes().unwrap().accuracy;
        assert!(accuracy > 0.9, "{text}: {accuracy}");
        let bytes = model.to_bytes().unwrap();
        assert!(bytes == fitted(3).to_bytes().unwrap(), "{text}: the same bits on any number of threads");
        assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
        let explanation = explain(&model, &test, 5, 1e-3).unwrap();
        assert!(explanation.cost_after_update < explanation.cost, "{text}");
    }
}

/// The gradient of every parameter of a network with all of it, in training, against differences.
#[test]
fn gradients_in_training_are_those_of_differences() {
    for text in [
        "2x4x4, conv 3x3 4 pad 1, batchnorm, tanh, residual(conv 3x3 4 pad 1, groupnorm 2), sigmoid, avgpool 2, dense 3",
        "5, dense 4, batchnorm, tanh, residual(dense 4, rmsnorm, softplus, dense 4, layernorm), tanh, dense 2",
    ] {
        let network = network(text);
        let graph = Graph::new();
        let x = graph.input("x", &[3, network.inputs]);
        let layers = network.apply(&graph, x, Mode::Training { dropout: 0.0, mask: None, frozen: 0 });
        let of = layers.last().unwrap().out.square().sum_all();
        let wrt: Vec<_> = layers.iter().flat_map(|l| [Some(l.weight), Some(l.bias), l.gain]).flatten().collect();
        let block = network.initialize(chainrule::Init::GlorotNormal, 3);
        let parameters: Vec<f64> = block.iter().map(|&w| f64::from(w) + 0.1).collect();
        let inputs: Vec<f64> = (0..3 * network.inputs).map(|i| (i as f64).sin()).collect();
        let error = worst(&gradients(&graph, of, &wrt, &parameters, &[inputs]).unwrap());
        assert!(error < 1e-6, "{text}: {error}");
    }
}

#[test]
fn running_moments_come_near_those_of_the_data() {
    // Without momentum in the weights: the rate is so small that they stand still.
    let train = bars(320, 4);
    let mut setup = setup("1x8x8, conv 3x3 3, batchnorm, relu, dense 2");
    (setup.learning_rate, setup.epochs, setup.validation) = (Some(1e-9), Some(40), Some(0.0));
    let mut model = setup.build(&train).unwrap();
    let before = model.clone();
    fit(&mut model, &train, &mut ()).unwrap();

    let rows: Vec<u32> = (0..320).collect();
    let mut x = vec![0.0; 320 * 64];
    train.features.gather(&rows, &mut x);
    model.scaling.apply(64, &mut x);
    let graph = Graph::new();
    let input = graph.input("x", &[320, 64]);
    let layers = before.network.apply(&graph, input, Mode::Training { dropout: 0.0, mask: None, frozen: 0 });
    let moments = layers[0].moments.unwrap();
    let plan = chainrule::engine::Plan::new(&graph, &[moments.mean, moments.variance]).unwrap();
    let mut session = Session::<f32>::new(plan).unwrap();
    session.run(&before.parameters, &[&x]).unwrap();
    let pieces = model.network.segments();
    let kept = |name: &str| &model.parameters[pieces.iter().find(|p| p.name == name).unwrap().range.clone()];
    for (name, at) in [("m1", 0), ("v1", 1)] {
        for (kept, whole) in kept(name).iter().zip(session.output(at)) {
            assert!((kept - whole).abs() < 0.1 * whole.abs().max(0.5), "{name}: {kept} and {whole}");
        }
    }
}

#[test]
fn a_prediction_does_not_depend_on_the_rows_beside_it() {
    let train = bars(200, 5);
    let mut model = setup(RESIDUAL).build(&train).unwrap();
    fit(&mut model, &train, &mut ()).unwrap();
    let mut all = Vec::new();
    predict(&model, &train, |_, prediction| all.push(prediction)).unwrap();
    let some = [7_u32, 150, 3];
    predict(&model, &train.select(&some), |row, prediction| assert_eq!(prediction, all[some[row] as usize])).unwrap();
}

#[test]
fn a_dropout_of_its_own_goes_before_that_of_the_recipe() {
    let dropped = |text: &str, usual| network(text).dropped(usual).collect::<Vec<_>>();
    let text = "8, dense 6, relu, dropout 0, dense 5, relu, dense 4, dropout 0.25, dense 2";
    assert_eq!(dropped(text, 0.0), [(4, 0.25)]);
    assert_eq!(dropped(text, 0.5), [(5, 0.5), (4, 0.25)]);
}

#[test]
fn a_builder_says_the_same_as_the_text() {
    let block = |layer: Layer| layer.padding([1, 1]).norm(Norm::Batch);
    let layers = vec![
        block(Layer::conv(4, [3, 3])).activation(Activation::Relu),
        block(Layer::conv(4, [3, 3])).activation(Activation::Relu),
        block(Layer::conv(4, [3, 3])).residual(2).activation(Activation::Relu).global_average(),
        Layer::dense(2, Activation::Identity),
    ];
    assert_eq!(Network::of(SampleShape::Planes([1, 8, 8]), layers).unwrap(), network(RESIDUAL));
}

#[test]
fn a_file_holds_a_network_and_errors_name_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.toml");
    let read = |text: &str| -> Result<Architecture, Error> {
        std::fs::write(&path, text).unwrap();
        Architecture::read(&path)
    };
    let text = "# A network\ninput = \"1x8x8\"\nlayers = [\n  \"conv 3x3 4 pad 1, batchnorm, relu\",\n  \"residual(conv 3x3 4 pad 1, batchnorm, relu\", \
                \"conv 3x3 4 pad 1, batchnorm), relu, globalavgpool\",\n  \"dense 2\",\n]\n";
    assert_eq!(read(text).unwrap(), RESIDUAL.parse().unwrap());
    for (text, line, says) in [
        ("layers = [\n\"conv 3x3 4\",\n\"dens 2\"]", "line 3", "did you mean `dense`?"),
        ("layers = [\n\"conv 3x3 4\"\n\"dense 2\"]", "line 3", ""),
        ("input = \"8by8\"\nlayers = [\"dense 2\"]", "line 1", "`8by8` is no form of inputs"),
        ("inputs = \"8x8\"\nlayers = [\"dense 2\"]", "line 1", "unknown field `inputs`"),
        ("layers = []", "", "it has no layer"),
        ("layers = [\"residual(dense 2\"]", "", "not closed"),
        ("input = \"8x8\"", "", "missing field `layers`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("net.toml") && error.contains(line) && error.contains(says), "{text}: {error}");
    }
    let absent = Architecture::read(&folder.path().join("none.toml")).unwrap_err().to_string();
    assert!(absent.contains("none.toml") && absent.contains("check the path"), "{absent}");
}

#[test]
fn a_batch_norm_of_single_numbers_needs_several_samples() {
    let train = bars(40, 6);
    let of = |text: &str, batch| {
        let mut model = Setup { batch_size: Some(batch), ..setup(text) }.build(&train).unwrap();
        fit(&mut model, &train, &mut ())
    };
    let error = of("1x8x8, dense 4, batchnorm, relu, dense 2", 1).unwrap_err().to_string();
    assert!(error.contains("take a larger batch"), "{error}");
    assert!(of("1x8x8, conv 3x3 2, batchnorm, relu, dense 2", 1).is_ok(), "a plane has many numbers");
}

#[test]
fn a_damaged_running_variance_is_refused() {
    let train = bars(40, 6);
    let mut model = setup("1x8x8, conv 3x3 2, batchnorm, relu, dense 2").build(&train).unwrap();
    let place = model.network.segments().iter().find(|p| p.name == "v1").unwrap().range.start;
    model.parameters[place] = -1.0;
    let error = Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err();
    assert!(error.contains("layer1.running_variance") && error.contains("below 0"), "{error}");
}
