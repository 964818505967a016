//! `explain --html`, `explain --svg` and `summary --svg`, from outside.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

/// Flowers whose kind is a column of a name that would be markup, with a category among the inputs.
fn flowers() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut text = "petal & <b>width</b>,soil,kind\n".to_owned();
    for i in 0..120 {
        let (kind, soil) = (["<i>rose", "lily", "fern"][i % 3], ["sand", "loam", "clay"][i / 2 % 3]);
        text.push_str(&format!("{}.{},{soil},{kind}\n", 1 + i % 3, i % 7));
    }
    fs::write(folder.path().join("flowers.csv"), text).unwrap();
    let train = ["train", "flowers.csv", "--target", "kind", "--hidden", "24,6", "--epochs", "20", "--out", "flowers"];
    chainrule(&folder).args(train).assert().success();
    folder
}

/// Images of 6 by 6 pixels in which a row is bright, seen by a convolution with a norm, a pool and a link.
fn stripes() -> TempDir {
    let folder = TempDir::new().unwrap();
    let idx = |dims: &[u32], values: Vec<u8>| {
        let head = [0, 0, 8, dims.len() as u8].into_iter().chain(dims.iter().flat_map(|d| d.to_be_bytes()));
        head.chain(values).collect::<Vec<u8>>()
    };
    let pixel = |i: u32, p: u32| if p / 6 == i % 3 { 200 + (i * 7 + p) % 50 } else { (i * 13 + p * 5) % 60 } as u8;
    fs::create_dir(folder.path().join("stripes")).unwrap();
    for (part, count) in [("train", 90_u32), ("t10k", 30)] {
        let pixels = (0..count).flat_map(|i| (0..36).map(move |p| pixel(i, p))).collect();
        let place = |what: &str| folder.path().join(format!("stripes/{part}-{what}-ubyte"));
        fs::write(place("images-idx3"), idx(&[count, 6, 6], pixels)).unwrap();
        fs::write(place("labels-idx1"), idx(&[count], (0..count).map(|i| (i % 3) as u8).collect())).unwrap();
    }
    let layers = "conv 3x3 4 pad 1, batchnorm, relu, maxpool 2, residual(conv 3x3 4 pad 1, tanh, conv 1x1 4), relu, \
                  dense 20, layernorm, tanh, dense 3";
    let train = ["train", "stripes", "--model", layers, "--epochs", "3", "--out", "stripes.safetensors"];
    chainrule(&folder).args(train).assert().success();
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

/// What the page has, and what the command says of the same sample.
fn both(folder: &TempDir, model: &str, data: &str, row: &str) -> (String, Value, Value) {
    let explain = ["explain", model, data, "--row", row, "--json", "--html", "page.html"];
    let done = chainrule(folder).args(explain).assert().success().stderr(contains("drawn in page.html"));
    let said = serde_json::from_slice(&done.get_output().stdout).unwrap();
    let page = read(folder, "page.html");
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    (page.clone(), serde_json::from_str(data).unwrap(), said)
}

/// All numbers are there, with six digits.
fn same(page: &Value, said: &Value, what: &str) {
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let (found, expected) = (numbers(page), numbers(&said["values"]));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 5.1e-6 * expected.abs(), "{what}: {found} is not {expected}");
    }
}

fn same_columns(page: &Value, said: &Value) {
    let columns = page["columns"].as_array().unwrap();
    same(&columns[0]["a"], &said["inputs"], "x");
    same(&columns[0]["delta"], &said["input_gradient"], "∂C/∂x");
    let layers = said["layers"].as_array().unwrap();
    assert_eq!(columns.len(), layers.len() + 1);
    for (column, layer) in columns[1..].iter().zip(layers) {
        for (ours, theirs) in [
            ("z", "z"),
            ("a", "a"),
            ("handed", "handed_down"),
            ("slope", "slope"),
            ("delta", "delta"),
            ("bias_gradient", "bias_gradient"),
        ] {
            same(&column[ours], &layer[theirs], ours);
        }
        if let Some(pooled) = column.get("pooled") {
            same(&pooled["values"], &layer["pooled"], "the pool");
        }
        if let Some(norm) = column.get("norm") {
            for name in ["sums", "normal", "sums_gradient"] {
                same(&norm[name], &layer[name], name);
            }
        }
        if let Some(kernel) = column.get("kernel") {
            same(&kernel["gradient"], &layer["weight_gradient"], "the gradient of the kernels");
        }
    }
}

#[test]
fn a_page_has_the_numbers_of_a_table() {
    let folder = flowers();
    let (page, data, said) = both(&folder, "flowers", "flowers.csv", "4");
    same_columns(&data, &said);
    let names: Vec<&str> =
        data["columns"][0]["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert!(names.contains(&"petal & <b>width</b>") && names.contains(&"soil=loam"), "{names:?}");
    assert_eq!(data["columns"][3]["names"], serde_json::json!(["<i>rose", "fern", "lily"]));
    // Names are texts, and what is folded is told of.
    assert!(!page.contains("<i>rose") && !page.contains("<b>width"));
    assert!(page.contains("&lt;i&gt;rose") && page.contains("⋮ 8 more") && page.contains("The other 8 are folded"));
    assert!(page.contains("<dt>kind</dt><dd>lily</dd>") && page.contains("<dt>predicted</dt><dd>lily ("));
    // Between the 16 that are drawn of layer 1 and the 6 of layer 2, the gradient of each weight.
    let edges = &data["columns"][2]["edges"];
    let all = said["layers"][1]["weight_gradient"]["values"].as_array().unwrap();
    let rows: Vec<usize> = edges["rows"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
    assert_eq!((rows.len(), edges["cols"].as_array().unwrap().len()), (16, 6));
    let of_drawn: Vec<Value> = rows.iter().flat_map(|row| all[row * 6..][..6].to_vec()).collect();
    same(&edges["gradient"], &serde_json::json!({ "values": of_drawn }), "∂C/∂w");
}

#[test]
fn a_page_has_the_numbers_of_an_image() {
    let folder = stripes();
    let (page, data, said) = both(&folder, "stripes.safetensors", "stripes", "5");
    same_columns(&data, &said);
    assert_eq!(page.matches("class=\"channel\"").count(), 1 + 3 * 4);
    let columns = data["columns"].as_array().unwrap();
    assert_eq!((columns[3]["residual"].as_u64(), columns[1]["is_linked"].as_bool()), (Some(2), Some(true)));
    assert!(page.len() < 300_000 && page.contains("id=\"hero\""));
    // z of a neuron above planes is the sum of its terms and the rest, through the norm.
    let (down, norm) = (&columns[4]["down"], &columns[4]["norm"]);
    let taken = columns[3]["a"].as_array().unwrap();
    let products = down["at"][0].as_array().unwrap().iter().zip(down["w"][0].as_array().unwrap());
    let listed: f64 =
        products.map(|(at, w)| taken[at.as_u64().unwrap() as usize].as_f64().unwrap() * w.as_f64().unwrap()).sum();
    let sum = listed + down["rest"][0].as_f64().unwrap();
    assert!((sum - norm["sums"][0].as_f64().unwrap()).abs() < 1e-4);
}

#[test]
fn pictures_that_cannot_be_are_refused() {
    let folder = flowers();
    let model = fs::read(folder.path().join("flowers")).unwrap();
    fs::create_dir(folder.path().join("a-folder")).unwrap();
    let explain = ["explain", "flowers", "flowers.csv", "--row"];
    for (rest, code, says) in [
        (&["120", "--html", "p.html"][..], 1, "there is no row 120: rows are counted from 0 to 119"),
        (&["0", "--html", "/no/such/folder/p.html"], 1, "/no/such/folder/p.html: cannot be written"),
        (&["0", "--html", "a-folder"], 1, "it is a folder"),
        (&["0", "--html", "flowers"], 2, "flowers would be overwritten: choose another place"),
        (&["0", "--svg", "./flowers.csv"], 2, "flowers.csv would be overwritten"),
        (&["0", "--html", "p.html", "--svg", "p.html"], 2, "would be written to one file"),
        (&["0", "--html"], 2, "a value is required"),
    ] {
        chainrule(&folder).args(explain).args(rest).assert().code(code).stderr(contains(says));
        assert!(!folder.path().join("p.html").exists(), "{rest:?}");
    }
    assert!(fs::read(folder.path().join("flowers")).unwrap() == model);

    let images = stripes();
    let over = "stripes/t10k-images-idx3-ubyte";
    let explain = ["explain", "stripes.safetensors", "stripes", "--row", "0", "--html", over];
    chainrule(&images).args(explain).assert().code(2).stderr(contains("is in the folder that is read"));
    // Nothing is left over by what was written and refused.
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3);
}

#[test]
fn the_picture_of_a_sample_is_a_file_of_its_own() {
    let folder = flowers();
    let explain = ["explain", "flowers", "flowers.csv", "--row", "0", "--svg", "s.svg"];
    chainrule(&folder).args(explain).assert().success().stdout(contains("Backward"));
    let picture = read(&folder, "s.svg");
    assert!(picture.starts_with("<svg ") && picture.contains("prefers-color-scheme:dark"));
    assert_eq!(picture.matches("class=\"neuron\"").count(), 4 + 16 + 6 + 3);
    assert!(picture.contains("input soil=loam: x = "));
}

#[test]
fn a_summary_is_drawn() {
    let folder = flowers();
    let draw = |network: &str| {
        let args = ["summary", network, "--svg", "n.svg"];
        chainrule(&folder).args(args).assert().success().stderr(contains("layers drawn in n.svg"));
        read(&folder, "n.svg")
    };
    let textbook = draw("3-4-4-1");
    // Twelve neurons and three biases; 3·4 + 4·4 + 4·1 lines, and none within a layer.
    assert_eq!(textbook.matches("<circle").count(), 15);
    let lines = textbook.split("class=\"join\" d=\"").skip(1).map(|part| part.split('"').next().unwrap());
    assert_eq!(lines.map(|path| path.matches('M').count()).sum::<usize>(), 32);
    assert!(textbook.contains(">20 parameters<") && textbook.contains(">output layer<") && textbook.contains(">relu<"));
    let trained = draw("flowers");
    assert!(trained.contains(">&lt;i&gt;rose<") && trained.contains(">soil=clay<"));
    let lenet = "28x28, conv 5x5 6, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 120, relu, dense 10";
    assert!(draw(lenet).contains(">16 × 8 × 8<"));
    let linked =
        draw("8x8, conv 3x3 4 pad 1, relu, residual(conv 3x3 4 pad 1, layernorm), relu, globalavgpool, dense 2");
    assert!(linked.contains("class=\"link\"") && linked.contains(">globalavgpool<"));

    fs::write(folder.path().join("net.toml"), "input = \"8x8\"\nlayers = [\"dense 4, relu, dense 2\"]\n").unwrap();
    assert!(draw("net.toml").contains(">dense 4<"));
    let deep = ["2"; 60].join("-");
    for (args, code, says) in [
        (["summary", "net.toml", "--svg", "net.toml"], 2, "net.toml would be overwritten"),
        (["summary", "flowers", "--svg", "flowers"], 2, "flowers would be overwritten"),
        (["summary", "3-4-1", "--svg", "/no/such/folder/n.svg"], 1, "/no/such/folder"),
        (["summary", &deep, "--svg", "deep.svg"], 1, "59 layers are too many to draw (at most 47)"),
    ] {
        chainrule(&folder).args(args).assert().code(code).stderr(contains(says));
    }
    assert!(!folder.path().join("deep.svg").exists());
}

#[test]
fn gains_and_links_are_in_the_summary() {
    let folder = TempDir::new().unwrap();
    let network = "8x8, conv 3x3 4 pad 1, residual(conv 3x3 4 pad 1, layernorm, relu, conv 3x3 4 pad 1), relu, dense 2";
    let table = contains("gains").and(contains("conv 3x3 4 pad 1, relu (z + what layer 2 takes)"));
    chainrule(&folder).args(["summary", network]).assert().success().stdout(table);
    let json = chainrule(&folder).args(["summary", network, "--json"]).assert().success();
    let said: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!((said["gains"].as_u64(), said["by_layer"][1]["gains"].as_u64()), (Some(4), Some(4)));
    chainrule(&folder).args(["summary", "4-8-2"]).assert().success().stdout(contains("gains").not());
}
