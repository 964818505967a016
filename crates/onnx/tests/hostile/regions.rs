//! Regions of planes, whose cells have as many places as they have room for.

use super::proto::{floats, int, model, node_with, output, sized, whole};
use chainrule::engine::Graph;
use chainrule_onnx::{Given, OnnxModel};

/// On planes that rise evenly, the mean of a cell is what the plane has in its middle.
#[test]
fn regions_of_a_slope() {
    let slope: Vec<f32> = (0..96).map(|at| (at / 48 * 100 + at % 48 / 8 * 10 + at % 8) as f32).collect();
    let regions = [[1.0, 1.0, 5.0, 4.0], [2.0, 0.5, 6.0, 3.5]];
    let samples = [1, 0];
    let pool = node_with("RoiAlign", &["x", "r", "s"], "y", &[int("output_height", 2), int("output_width", 2)]);
    let parts =
        [sized(&[2, 1, 6, 8]), floats("r", &[2, 4], &regions.concat()), whole("s", &samples), pool, output("y")];
    let graph = Graph::new();
    let imported = OnnxModel::from_bytes(&model(&parts)).unwrap().import(&graph, &Given::default()).unwrap();
    let found = imported.session::<f32>().unwrap().run(&[&slope]).unwrap().concat();
    let cell = |at: usize| {
        let [x1, y1, x2, y2] = regions[at / 4];
        let middle = |from: f32, to: f32, cell: usize| from - 0.5 + (to - from) * (cell as f32 + 0.5) / 2.0;
        100.0 * samples[at / 4] as f32 + 10.0 * middle(y1, y2, at / 2 % 2) + middle(x1, x2, at % 2)
    };
    assert_eq!(found.len(), 8);
    for (at, found) in found.into_iter().enumerate() {
        assert!((found - cell(at)).abs() < 1e-4, "{at}: {found} instead of {}", cell(at));
    }
}
