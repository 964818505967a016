//! From an image file to pixels.
//!
//! A file of few bytes can declare very many pixels, so what it declares is looked at before it is unpacked.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, imageops};

use crate::{DataError, ImageError, ImageSize};

/// The most pixels of an image, and bytes to unpack it in: twice the largest usual photographs.
pub(crate) const MOST_PIXELS: u64 = 1 << 26;
const MOST_BYTES: u64 = 16 * MOST_PIXELS;

/// What a file says of its image, as it is to be looked at.
pub(super) struct Head {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) is_grey: bool,
}

/// Reads the head of a file.
pub(super) fn head(file: &Path) -> Result<Head, DataError> {
    let (decoder, orientation) = open(file)?;
    let (width, height) = decoder.dimensions();
    let is_grey = !decoder.color_type().has_color();
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let is_on_its_side = matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
    let (height, width) = if is_on_its_side { (width, height) } else { (height, width) };
    Ok(Head { height: height as usize, width: width as usize, is_grey })
}

/// Reads an image, turned as its camera says and brought to a size, as `[planes, height, width]` of bytes. What is
/// transparent is taken as opaque.
pub(super) fn pixels(file: &Path, size: ImageSize) -> Result<Vec<u8>, DataError> {
    let (decoder, orientation) = open(file)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|cause| unreadable(file, &cause))?;
    image.apply_orientation(orientation);
    let (height, width) = (size.height as u32, size.width as u32);
    // Means over the area that a pixel comes from where the image becomes smaller.
    let filter = imageops::FilterType::Triangle;
    if size.planes == 1 {
        let image = image.into_luma8();
        let fits = image.dimensions() == (width, height);
        return Ok(if fits { image } else { imageops::resize(&image, width, height, filter) }.into_raw());
    }
    let image = image.into_rgb8();
    let fits = image.dimensions() == (width, height);
    let image = if fits { image } else { imageops::resize(&image, width, height, filter) };
    let plane = |plane: usize| image.as_raw().iter().skip(plane).step_by(3).copied();
    Ok((0..3).flat_map(plane).collect())
}

/// Opens a file and reads its head. What kind it is, is seen from its first bytes, since names are often wrong.
fn open(file: &Path) -> Result<(impl ImageDecoder, Orientation), DataError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => DataError::Missing { file: file.to_owned() },
        _ => DataError::Unreadable { file: file.to_owned(), cause },
    };
    let source = BufReader::new(File::open(file).map_err(failed)?);
    let mut reader = ImageReader::new(source).with_guessed_format().map_err(failed)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|cause| unreadable(file, &cause))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(ImageError::TooLarge { file: file.to_owned(), found: (height as usize, width as usize) }.into());
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, orientation))
}

fn unreadable(file: &Path, cause: &image::ImageError) -> DataError {
    ImageError::Damaged { file: file.to_owned(), cause: cause.to_string() }.into()
}
