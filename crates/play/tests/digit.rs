//! Drawings of digits.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chainrule::data::{Values, read_idx_folder};
use chainrule_play::Playground;
use serde_json::{Value, json};
use std::path::Path;

const SIDE: usize = 28;

fn read(playground: &mut Playground, pixels: &[u8]) -> Value {
    let request = json!({"do": "digit", "pixels": BASE64_STANDARD.encode(pixels)});
    serde_json::from_str(&playground.answer(&request.to_string())).unwrap()
}

/// The first test images with their digits.
fn images(count: usize) -> Vec<(Vec<u8>, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let test = read_idx_folder(&folder).unwrap().test.unwrap();
    let Values::Bytes(bytes) = test.features.values() else { panic!("images are bytes") };
    let images = bytes.chunks_exact(SIDE * SIDE).map(<[u8]>::to_vec);
    images.zip(test.labels().unwrap().iter().map(|&label| label as usize)).take(count).collect()
}

/// An image in a corner, as small as its ink.
fn cornered(image: &[u8]) -> Vec<u8> {
    let inked: Vec<usize> = (0..image.len()).filter(|&at| image[at] > 25).collect();
    let (left, top) = (inked.iter().map(|at| at % SIDE).min().unwrap(), inked[0] / SIDE);
    let mut moved = vec![0; image.len()];
    inked.iter().for_each(|&at| moved[at - left - top * SIDE] = image[at]);
    moved
}

#[test]
fn test_images_are_read_wherever_they_stand() {
    let mut playground = Playground::new(|| 0.0);
    let all = images(500);
    for (where_to, place) in [("as they are", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), ("in a corner", cornered)] {
        let right = all.iter().filter(|(image, label)| read(&mut playground, &place(image))["ok"]["digit"] == *label);
        let right = right.count();
        assert!(right >= 490, "{right} of 500 are right {where_to}");
    }
}

#[test]
fn images_of_mnist_stay_as_they_are() {
    let mut playground = Playground::new(|| 0.0);
    let mut is_same = |image: &[u8]| {
        let seen = read(&mut playground, image);
        let seen = seen["ok"]["pixels"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap());
        seen.zip(image).all(|(seen, &byte)| (seen - f64::from(byte) / 255.0).abs() < 1e-6)
    };
    let same = images(300).iter().filter(|(image, _)| is_same(image)).count();
    assert!(same >= 290, "{same} of 300");
}

#[test]
fn the_gradient_says_what_more_ink_does() {
    let mut playground = Playground::new(|| 0.0);
    let (image, label) = images(1).remove(0);
    let answer = read(&mut playground, &image)["ok"].clone();
    assert_eq!(answer["digit"], label);
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect::<Vec<_>>();
    let probabilities = numbers(&answer["probabilities"]);
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let (pixels, gradient) = (numbers(&answer["pixels"]), numbers(&answer["gradient"]));
    assert_eq!(gradient, numbers(&answer["gradients"][label]));
    // Finite differences in f64 of the same network on the same pixels.
    let model = chainrule::Model::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("digits.safetensors")).unwrap();
    let chainrule::data::Scaling::Uniform { shift, scale } = model.scaling else { panic!("one scale for all pixels") };
    let graph = chainrule::engine::Graph::new();
    let x = graph.input("x", &[1, SIDE * SIDE]);
    let layers = model.network.apply(&graph, x, chainrule::Mode::Inference);
    let plan = chainrule::engine::Plan::new(&graph, &[layers.last().unwrap().out]).unwrap();
    let mut session = chainrule::engine::Session::<f64>::new(plan).unwrap();
    let parameters: Vec<f64> = model.parameters.iter().map(|&w| f64::from(w)).collect();
    let mut score = |pixels: &[f64]| {
        let x: Vec<f64> = pixels.iter().map(|p| (p * 255.0 - f64::from(shift)) * f64::from(scale)).collect();
        session.run(&parameters, &[&x]).unwrap();
        session.output(0)[label]
    };
    let (step, mut compared) = (1e-6, 0);
    for (at, gradient) in gradient.iter().enumerate() {
        let moved =
            |by: f64| pixels.iter().enumerate().map(|(i, p)| if i == at { p + by } else { *p }).collect::<Vec<_>>();
        let (more, here, less) = (score(&moved(step)), score(&pixels), score(&moved(-step)));
        let [up, down] = [(more - here) / step, (here - less) / step];
        // On paper all windows of a pool are alike: there is a kink.
        if (up - down).abs() < 1e-4 {
            assert!((up - gradient).abs() < 1e-3 * (1.0 + up.abs()), "pixel {at}: {up} {gradient}");
            compared += usize::from(up.abs() > 1e-2);
        }
    }
    assert!(compared >= 80, "{compared}");
}

#[test]
fn what_is_no_drawing_is_refused() {
    let mut playground = Playground::new(|| 0.0);
    assert_eq!(read(&mut playground, &[0; 784])["error"]["message"], "nothing is drawn");
    assert!(read(&mut playground, &[9; 783])["error"]["message"].as_str().unwrap().contains("783 bytes"));
    for pixels in ["?", &"A".repeat(5000)] {
        let answer = playground.answer(&json!({"do": "digit", "pixels": pixels}).to_string());
        assert!(answer.contains(r#""where":"pixels""#), "{answer}");
    }
    // A drawing of one dot, and one of nothing but ink.
    let mut dot = [0; 784];
    dot[783] = 255;
    assert!(read(&mut playground, &dot)["ok"]["digit"].is_number());
    assert!(read(&mut playground, &[255; 784])["ok"]["digit"].is_number());
}
