//! Folders of image files, made here.

use crate::assert_error;
use std::fs;
use std::path::{Path, PathBuf};

use chainrule_data::{
    Channels, DataError, Dataset, ImageError, ImageOptions, ImageSize, Target, image_parts, read_image_folder,
    read_known_images,
};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, Luma, Rgb, RgbImage, Rgba, RgbaImage};

fn save(dir: &Path, name: &str, image: impl Into<DynamicImage>) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save(&path).unwrap();
    path
}

/// 2 x 3 pixels: `first`, and then each one more.
fn grey(first: u8) -> GrayImage {
    GrayImage::from_fn(3, 2, |x, y| Luma([first + (3 * y + x) as u8]))
}

fn colour(first: u8) -> RgbImage {
    RgbImage::from_fn(3, 2, |x, y| Rgb([first, first + 100, (3 * y + x) as u8]))
}

fn rows(data: &Dataset) -> Vec<Vec<f32>> {
    let row = |row: usize| {
        let mut out = vec![0.0; data.columns()];
        data.features.gather(&[row as u32], &mut out);
        out
    };
    (0..data.len()).map(row).collect()
}

fn names(data: &Dataset) -> &[String] {
    match &data.target {
        Some(Target::Classes { names, .. }) => names,
        other => panic!("{other:?}"),
    }
}

fn size(planes: usize, height: usize, width: usize) -> Option<ImageSize> {
    Some(ImageSize { planes, height, width })
}

#[test]
fn a_folder_is_a_class() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), "b/2.png", grey(20));
    save(dir.path(), "b/1.PNG", grey(10));
    save(dir.path(), "a/1.png", grey(0));
    save(dir.path(), ".hidden/1.png", grey(0));
    save(dir.path(), "a/.hidden.png", grey(0));
    crate::common::write(dir.path(), "a/notes.txt", b"none");
    save(dir.path(), "a/deeper/1.png", grey(0));
    let read = read_image_folder(dir.path(), &ImageOptions::default()).unwrap();
    assert_eq!(read.train.image, size(1, 2, 3));
    assert_eq!(read.train.labels().unwrap(), [0, 1, 1]);
    assert_eq!(names(&read.train), ["a", "b"]);
    assert_eq!(rows(&read.train)[1], [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
    assert_eq!(read.train.feature_names[5], "pixel 1,2");
    assert_eq!(read.test, None);
    let left_out: Vec<_> = read.left_out.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(left_out, ["deeper", "notes.txt"]);
}

#[test]
fn colours_are_planes_and_grey_if_all_are() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), "a/1.png", grey(7));
    save(dir.path(), "b/1.png", colour(50));
    let read =
        |channels| read_image_folder(dir.path(), &ImageOptions { channels, ..ImageOptions::default() }).unwrap().train;
    let both = read(None);
    assert_eq!(both.image, size(3, 2, 3));
    let grey = [7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
    assert_eq!(rows(&both)[0], [grey, grey, grey].concat());
    assert_eq!(rows(&both)[1], [[50.0; 6], [150.0; 6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]].concat());
    assert_eq!(both.feature_names[8], "green pixel 0,2");
    let flat = read(Some(Channels::Grey));
    assert_eq!((flat.image, &rows(&flat)[0][..]), (size(1, 2, 3), &grey[..]));
    save(dir.path(), "b/1.png", RgbaImage::from_pixel(3, 2, Rgba([1, 2, 3, 0])));
    assert_eq!(rows(&read(None))[1], [[1.0; 6], [2.0; 6], [3.0; 6]].concat());
}

#[test]
fn the_parts_may_be_given_or_drawn() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..10 {
        save(dir.path(), &format!("a/{number}.png"), grey(number));
        save(dir.path(), &format!("b/{number}.png"), grey(100 + number));
    }
    let options = ImageOptions { test: 0.2, seed: 3, ..ImageOptions::default() };
    let read = read_image_folder(dir.path(), &options).unwrap();
    let test = read.test.unwrap();
    assert_eq!((read.train.len(), test.labels().unwrap()), (16, &[0, 0, 1, 1][..]));
    let mut all = [rows(&read.train), rows(&test)].concat();
    all.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert!(all.iter().map(|row| row[0]).eq((0..10).chain(100..110).map(|v| v as f32)));

    assert_eq!(image_parts(dir.path()), None);
    let parted = tempfile::tempdir().unwrap();
    fs::rename(dir.path().join("a"), parted.path().join("a")).unwrap();
    let [train, test] = ["train", "test"].map(|part| parted.path().join(part));
    for (part, number) in [(&train, 1), (&test, 2)] {
        save(part, "x/1.png", grey(number));
        save(part, "y/1.png", grey(10 * number));
    }
    assert_eq!(image_parts(parted.path()), Some([train, test.clone()]));
    let read = read_image_folder(parted.path(), &options).unwrap();
    let first = |data: &Dataset| rows(data).iter().map(|row| row[0]).collect::<Vec<_>>();
    assert_eq!((first(&read.train), first(&read.test.unwrap())), (vec![1.0, 10.0], vec![2.0, 20.0]));
    save(&test, "z/1.png", grey(0));
    let error = read_image_folder(parted.path(), &options);
    assert_error!(error, test.join("z"), DataError::Image(ImageError::UnknownClass { .. }), "\"x\", \"y\"");
}

#[test]
fn sizes_are_made_one_only_if_asked() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), "a/1.png", grey(7));
    let other = save(dir.path(), "b/1.png", GrayImage::from_pixel(6, 4, Luma([9])));
    let options = ImageOptions::default();
    let error = read_image_folder(dir.path(), &options);
    assert_error!(
        error,
        other,
        DataError::Image(ImageError::Sizes { .. }),
        "1.png is 2 x 3 pixels and",
        "is 4 x 6 (height x width); give --resize 2x3"
    );
    let resized = read_image_folder(dir.path(), &ImageOptions { resize: Some((4, 4)), ..options }).unwrap().train;
    assert_eq!(resized.image, size(1, 4, 4));
    assert_eq!(rows(&resized)[1], [9.0; 16]);
}

#[test]
fn a_camera_says_which_side_is_up() {
    let dir = tempfile::tempdir().unwrap();
    // A directory of one entry: orientation (0x0112), a 16-bit number, 6: to be turned a quarter to the right.
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    for class in ["a", "b"] {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        let image = GrayImage::from_fn(16, 8, |_, y| Luma([if y < 4 { 250 } else { 5 }]));
        encoder.write_image(&image, 16, 8, image::ExtendedColorType::L8).unwrap();
        fs::create_dir(dir.path().join(class)).unwrap();
        crate::common::write(dir.path(), &format!("{class}/1.jpg"), &bytes);
    }
    let read = read_image_folder(dir.path(), &ImageOptions::default()).unwrap().train;
    assert_eq!(read.image, size(1, 16, 8));
    // What was on top is to the right.
    let row = &rows(&read)[0];
    assert!(row[..4].iter().all(|v| *v < 40.0) && row[4..8].iter().all(|v| *v > 210.0), "{row:?}");
}

#[test]
fn a_model_gets_images_as_it_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), "cat/1.png", colour(50));
    save(dir.path(), "dog/1.png", GrayImage::from_pixel(6, 4, Luma([9])));
    let taken = ImageSize { planes: 1, height: 2, width: 3 };
    let classes = ["ant", "cat", "dog"].map(str::to_owned);
    let known = read_known_images(dir.path(), taken, Some(&classes)).unwrap();
    assert_eq!((known.data.labels().unwrap(), known.resized), (&[1, 2][..], 1));
    assert_eq!(known.names, ["cat/1.png", "dog/1.png"]);
    assert_eq!(rows(&known.data)[1], [9.0; 6]);
    let known = read_known_images(&dir.path().join("cat/1.png"), taken, Some(&classes)).unwrap();
    assert_eq!((known.data.len(), known.data.target.as_ref()), (1, None));
    assert_eq!(known.names, ["1.png"]);
    let planes = read_known_images(dir.path(), ImageSize { planes: 2, ..taken }, None);
    assert_error!(planes, dir.path(), DataError::Image(ImageError::Planes { .. }), "images of 2 planes");
    // Without classes, folders are nothing but folders.
    save(dir.path(), "fish/1.png", grey(1));
    assert_eq!(read_known_images(dir.path(), taken, None).unwrap().data.len(), 3);
    let error = read_known_images(dir.path(), taken, Some(&classes));
    assert_error!(
        error,
        dir.path().join("fish"),
        DataError::Image(ImageError::UnknownClass { .. }),
        "\"ant\", \"cat\""
    );
}

#[test]
fn what_cannot_be_learned_from_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let read = || read_image_folder(dir.path(), &ImageOptions::default());
    let whole = dir.path();
    assert_error!(
        read(),
        whole,
        DataError::Image(ImageError::NoImages { .. }),
        "holds no images (.png, .jpg or .jpeg)"
    );
    let stray = save(whole, "1.png", grey(1));
    assert_error!(read(), whole, DataError::Image(ImageError::NoClasses { .. }), "a folder named as the class");
    save(whole, "a/1.png", grey(1));
    assert_error!(read(), whole, DataError::Image(ImageError::OneClass { .. }), "at least two classes");
    save(whole, "b/1.png", grey(1));
    assert_error!(read(), stray, DataError::Image(ImageError::NoClass { .. }), "take it away");
    fs::remove_file(stray).unwrap();
    fs::create_dir(whole.join("c")).unwrap();
    assert_error!(read(), whole.join("c"), DataError::Image(ImageError::EmptyClass { .. }), "remove the folder");
    fs::remove_dir(whole.join("c")).unwrap();
    read().unwrap();
    let missing = whole.join("d");
    assert_error!(read_known_images(&missing, size(1, 2, 3).unwrap(), None), missing, DataError::Missing { .. },);
}

#[test]
fn damaged_and_hostile_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), "a/1.png", grey(1));
    let place = save(dir.path(), "b/1.png", colour(1));
    let good = fs::read(&place).unwrap();
    let read = || read_image_folder(dir.path(), &ImageOptions::default());
    for cut in [0, 5, 20, 40, good.len() / 2, good.len() - 13] {
        fs::write(&place, &good[..cut]).unwrap();
        assert_error!(read(), place, DataError::Image(ImageError::Damaged { .. }), "cannot be read as an image");
    }
    fs::write(&place, b"GIF89a and so on").unwrap();
    assert_error!(read(), place, DataError::Image(ImageError::Damaged { .. }), "PNG or JPEG");

    // A head that declares very many pixels, with its checksum.
    let mut bomb = good.clone();
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    fs::write(&place, &bomb).unwrap();
    assert_error!(read(), place, DataError::Image(ImageError::TooLarge { .. }), "60000 x 60000 pixels");
    // The name may lie about the kind.
    let other = save(dir.path(), "b/1.jpg", grey(3));
    fs::rename(other, &place).unwrap();
    read().unwrap();
}
