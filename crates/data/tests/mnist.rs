//! Reading the copy of MNIST in this repository.

use std::path::Path;

use chainrule_data::{Dataset, ImageSize, Target, read_idx_folder};

fn labels(set: &Dataset) -> &[u32] {
    match &set.target {
        Some(Target::Classes { labels, names }) => {
            assert!(names.iter().map(String::as_str).eq(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]));
            labels
        }
        other => panic!("expected classes, found {other:?}"),
    }
}

#[test]
fn mnist_is_what_it_should_be() {
    let folder = read_idx_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist")).unwrap();
    let (train, test) = (folder.train, folder.test.unwrap());
    assert_eq!((train.len(), train.columns()), (60_000, 784));
    assert_eq!((test.len(), test.columns()), (10_000, 784));
    assert_eq!(train.image, Some(ImageSize { planes: 1, height: 28, width: 28 }));
    assert_eq!(labels(&train)[..3], [5, 0, 4]);
    assert_eq!(labels(&test)[..3], [7, 2, 1]);

    // The mean brightness of the images to train on is widely quoted.
    let mut row = vec![0.0; 784];
    let mut sum = 0.0;
    for index in 0..60_000 {
        train.features.gather(&[index], &mut row);
        sum += row.iter().map(|&value| f64::from(value)).sum::<f64>();
    }
    assert!((sum / (60_000.0 * 784.0) / 255.0 - 0.1307).abs() < 1e-4);
}
