//! A network in words: `784-128-10`, or `conv 5x5 6, relu, maxpool 2, dense 10`.

use crate::activation::Activation;
use crate::error::Error;
use crate::layer::{Kernel, Layer, Pool, PoolKind, SampleShape};
use chainrule_engine::parse::nearest;
use std::str::FromStr;

/// The layers of a network, as they are asked for.
///
/// ```
/// # use chainrule::{Architecture, Activation, Network};
/// let text = "28x28, conv 5x5 6, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 120, relu, dense 84, relu, dense 10";
/// let Architecture::Layers { input: Some(input), layers } = text.parse()? else { unreachable!() };
/// assert_eq!(Network::of(input, layers)?.parameters(), 44_426);
/// # Ok::<(), chainrule::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Architecture {
    /// Dense layers: their sizes from the inputs to the outputs, as in `784-128-10`.
    Sizes(Vec<usize>),
    /// Layer by layer, as in `conv 5x5 6 stride 2 pad 2, relu, maxpool 2, dense 10`. In front may be the form of the
    /// inputs: `784`, `28x28` or `3x32x32`.
    Layers {
        /// What the first layer takes, if it is said.
        input: Option<SampleShape>,
        /// The layers.
        layers: Vec<Layer>,
    },
}

/// What an item can begin with, beside the name of an activation.
const ITEMS: [&str; 4] = ["conv", "dense", "maxpool", "avgpool"];

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Network { text: text.to_owned(), problem };
        if text.contains(|c: char| c.is_ascii_alphabetic() && c != 'x') || text.contains(',') {
            layers(text).map_err(wrong)
        } else {
            sizes(text).map(Self::Sizes).map_err(wrong)
        }
    }
}

fn sizes(text: &str) -> Result<Vec<usize>, String> {
    let sizes = text
        .split('-')
        .map(|part| match part.trim().parse::<u32>() {
            Ok(0) => Err("a layer of 0 neurons computes nothing".to_owned()),
            Ok(size) => Ok(size as usize),
            Err(_) => Err(format!("`{part}` is not a size from 1 to {}", u32::MAX)),
        })
        .collect::<Result<Vec<usize>, String>>()?;
    if sizes.len() < 2 {
        return Err("it needs at least the number of inputs and of outputs".to_owned());
    }
    Ok(sizes)
}

fn layers(text: &str) -> Result<Architecture, String> {
    let mut input = None;
    let mut layers: Vec<Layer> = Vec::new();
    for (number, item) in (1..).zip(text.split(',')) {
        let at = |problem: String| format!("item {number}, `{}`, {problem}", item.trim());
        let mut words = item.split_whitespace();
        let Some(first) = words.next() else { return Err(format!("item {number} is empty")) };
        if number == 1 && first.starts_with(|c: char| c.is_ascii_digit()) {
            input = Some(form(first).map_err(at)?);
            no_more(words).map_err(at)?;
            continue;
        }
        match first {
            "conv" => layers.push(conv(words).map_err(at)?),
            "dense" => {
                let outputs = one(words.next(), "a number of neurons, as in dense 128").map_err(at)?;
                layers.push(Layer::dense(outputs, Activation::Identity));
                no_more(words).map_err(at)?;
            }
            "maxpool" | "avgpool" => {
                let kind = if first == "maxpool" { PoolKind::Max } else { PoolKind::Average };
                let pool = pool(kind, words).map_err(at)?;
                let layer = layers.last_mut().filter(|layer| layer.pool.is_none());
                let layer = layer.ok_or_else(|| at("has no layer of its own before it".to_owned()))?;
                layer.pool = Some(pool);
            }
            name => {
                let activation = name.parse::<Activation>().map_err(|_| at(unknown(name)))?;
                no_more(words).map_err(at)?;
                let is_free = |layer: &&mut Layer| layer.activation == Activation::Identity && layer.pool.is_none();
                let layer = layers.last_mut().filter(is_free);
                let layer = layer.ok_or_else(|| {
                    at("stands where no activation can: it follows conv or dense, and goes before a pool".to_owned())
                })?;
                layer.activation = activation;
            }
        }
    }
    if layers.is_empty() {
        return Err("it has no layer".to_owned());
    }
    Ok(Architecture::Layers { input, layers })
}

fn unknown(name: &str) -> String {
    let known = ITEMS.into_iter().chain(Activation::ALL.iter().map(|activation| activation.name()));
    let guess = nearest(name, known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
    format!("begins with neither {} nor an activation{guess}", ITEMS.join(", "))
}

/// What follows `conv`.
fn conv<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Layer, String> {
    let size = pair(words.next(), 1, "a kernel and a number of channels, as in conv 5x5 6")?;
    let outputs = one(words.next(), "a number of channels after the kernel, as in conv 5x5 6")?;
    let mut kernel = Kernel { size, stride: [1, 1], padding: [0, 0], groups: 1 };
    while let Some(word) = words.next() {
        match word {
            "stride" => kernel.stride = pair(words.next(), 1, "a number after stride")?,
            "pad" => kernel.padding = pair(words.next(), 0, "a number after pad")?,
            "groups" => kernel.groups = one(words.next(), "a number after groups")?,
            other => return Err(format!("has `{other}`, which is none of stride, pad and groups")),
        }
    }
    Ok(Layer { outputs, activation: Activation::Identity, kernel: Some(kernel), pool: None })
}

/// What follows `maxpool` or `avgpool`.
fn pool<'a>(kind: PoolKind, mut words: impl Iterator<Item = &'a str>) -> Result<Pool, String> {
    let size = pair(words.next(), 1, "a window, as in maxpool 2")?;
    let stride = match words.next() {
        None => size,
        Some("stride") => pair(words.next(), 1, "a number after stride")?,
        Some(other) => return Err(format!("has `{other}`, which is not stride")),
    };
    no_more(words)?;
    Ok(Pool { kind, size, stride })
}

/// `784`, `28x28` (one channel) or `3x32x32`.
fn form(text: &str) -> Result<SampleShape, String> {
    let numbers: Option<Vec<usize>> = text.split('x').map(|part| number(part, 1)).collect();
    match numbers.as_deref() {
        Some(&[count]) => Ok(SampleShape::Flat(count)),
        Some(&[height, width]) => Ok(SampleShape::Planes([1, height, width])),
        Some(&[channels, height, width]) => Ok(SampleShape::Planes([channels, height, width])),
        _ => Err("is no form of inputs, which is as in 784, 28x28 or 3x32x32".to_owned()),
    }
}

fn no_more<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<(), String> {
    words.next().map_or(Ok(()), |word| Err(format!("has `{word}` too much")))
}

/// A number from `least` to what a size may be.
fn number(text: &str, least: u32) -> Option<usize> {
    text.parse::<u32>().ok().filter(|number| *number >= least).map(|number| number as usize)
}

fn one(word: Option<&str>, wanted: &str) -> Result<usize, String> {
    word.and_then(|word| number(word, 1)).ok_or_else(|| format!("needs {wanted}"))
}

/// `3`, or `3x5`.
fn pair(word: Option<&str>, least: u32, wanted: &str) -> Result<[usize; 2], String> {
    let word = word.unwrap_or_default();
    let (height, width) = word.split_once('x').unwrap_or((word, word));
    let sides = number(height, least).zip(number(width, least));
    sides.map(|(height, width)| [height, width]).ok_or_else(|| format!("needs {wanted}"))
}
