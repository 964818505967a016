//! Images as files.

use crate::ImageSize;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// A PNG file of an image whose pixels, from 0 to 255, are one plane after the other; `None` for another number of pixels,
/// or of planes than 1 and 3.
///
/// ```
/// use chainrule_data::{ImageSize, png};
/// let size = ImageSize { planes: 1, height: 2, width: 2 };
/// assert!(png(size, &[0.0, 255.0, 128.0, 64.0]).unwrap().starts_with(b"\x89PNG"));
/// ```
pub fn png(size: ImageSize, pixels: &[f32]) -> Option<Vec<u8>> {
    let colour = match size.planes {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => return None,
    };
    if pixels.len() != size.pixels() {
        return None;
    }
    let plane = size.height * size.width;
    let bytes: Vec<u8> =
        (0..plane).flat_map(|at| (0..size.planes).map(move |of| pixels[of * plane + at] as u8)).collect();
    let mut file = Vec::new();
    let (width, height) = (u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?);
    PngEncoder::new(&mut file).write_image(&bytes, width, height, colour).ok()?;
    Some(file)
}
