//! A network in words: `784-128-10`, or `conv 5x5 6, relu, maxpool 2, dense 10`.

use crate::activation::Activation;
use crate::error::Error;
use crate::layer::{Layer, Pool, PoolKind, SampleShape};
use crate::norm::Norm;
use crate::save::with_cure;
use chainrule_engine::parse::nearest;
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use toml::Spanned;

/// The layers of a network, as they are asked for.
///
/// ```
/// # use chainrule::{Architecture, Activation, Network};
/// let text = "28x28, conv 5x5 6, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 120, relu, dense 84, relu, dense 10";
/// let Architecture::Layers { input: Some(input), layers } = text.parse()? else { unreachable!() };
/// assert_eq!(Network::of(input, layers)?.parameters(), 44_426);
/// # Ok::<(), chainrule::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
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
const ITEMS: [&str; 12] = [
    "conv",
    "dense",
    "batchnorm",
    "layernorm",
    "groupnorm",
    "rmsnorm",
    "maxpool",
    "avgpool",
    "globalmaxpool",
    "globalavgpool",
    "dropout",
    "residual(",
];

impl Architecture {
    /// Reads a network from a TOML file: `layers`, a list of texts that hold one item or several, and perhaps the form of
    /// the `input` in front of them.
    ///
    /// ```toml
    /// input = "28x28"
    /// layers = [
    ///     "conv 5x5 6, relu, maxpool 2",
    ///     "conv 5x5 16, relu, maxpool 2",
    ///     "dense 120, relu, dense 84, relu, dense 10",
    /// ]
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read or is no such TOML; a layer that cannot be, with its line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| Error::File { path: path.to_owned(), problem };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(with_cure(&e)))?;
        let line = |at: usize| 1 + text[..at].matches('\n').count();
        let Listed { input, layers } = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| format!("line {}: ", line(span.start))).unwrap_or_default();
            wrong(format!("{line}{}; {FORM}", error.message()))
        })?;
        let mut reader = Reader::default();
        for part in &layers {
            let at = |problem: String| wrong(format!("line {}: {problem}", line(part.span().start)));
            reader.items(part.get_ref(), 1).map_err(at)?;
        }
        let input = input.map(|input| {
            let problem =
                |problem| wrong(format!("line {}: `{}` {problem}", line(input.span().start), input.get_ref()));
            form(input.get_ref()).map_err(problem)
        });
        Ok(Self::Layers {
            input: input.transpose()?,
            layers: reader.finish().map_err(|problem| wrong(format!("{problem}; {FORM}")))?,
        })
    }
}

/// What is said of a TOML that is no network.
const FORM: &str = "write it as in input = \"28x28\" and layers = [\"conv 5x5 6, relu\", \"dense 10\"]";

/// What the TOML of a network holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    input: Option<Spanned<String>>,
    layers: Vec<Spanned<String>>,
}

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
    let (first, rest) = text.split_once(',').unwrap_or((text, ""));
    let mut reader = Reader::default();
    let mut input = None;
    if first.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        let first = first.trim();
        input = Some(form(first).map_err(|problem| format!("item 1, `{first}`, {problem}"))?);
        reader.items(rest, 2)?;
    } else {
        reader.items(text, 1)?;
    }
    Ok(Architecture::Layers { input, layers: reader.finish()? })
}

/// Layers under construction.
#[derive(Default)]
struct Reader {
    layers: Vec<Layer>,
    /// Where each link that has not ended yet begins.
    links: Vec<usize>,
}

/// The parts of a layer, in the order in which they are said.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Sums,
    Norm,
    Residual,
    Activation,
    Pool,
    Dropout,
}

/// The last part of a layer that has been said.
fn last_part(layer: &Layer) -> Part {
    match layer {
        Layer { dropout: Some(_), .. } => Part::Dropout,
        Layer { pool: Some(_), .. } => Part::Pool,
        Layer { activation, .. } if *activation != Activation::Identity => Part::Activation,
        Layer { residual: Some(_), .. } => Part::Residual,
        Layer { norm: Some(_), .. } => Part::Norm,
        _ => Part::Sums,
    }
}

impl Reader {
    /// Reads items, the first of which has number `from`.
    fn items(&mut self, text: &str, from: usize) -> Result<(), String> {
        for (number, item) in (from..).zip(text.split(',').map(str::trim)) {
            if item.is_empty() {
                return Err(format!("item {number} is empty"));
            }
            self.item(item).map_err(|problem| format!("item {number}, `{item}`, {problem}"))?;
        }
        Ok(())
    }

    /// Reads an item, with the brackets of links before and behind it.
    fn item(&mut self, item: &str) -> Result<(), String> {
        let mut item = item;
        while let Some(rest) = item.strip_prefix("residual(") {
            self.links.push(self.layers.len());
            item = rest.trim_start();
        }
        let ends = item.len() - item.trim_end_matches([')', ' ']).len();
        let (words, brackets) = item.split_at(item.len() - ends);
        self.words(words)?;
        for _ in brackets.matches(')') {
            let start = self.links.pop().ok_or("closes a bracket that was not opened by residual(")?;
            let passed = self.layers.len().checked_sub(start).filter(|passed| *passed > 0);
            let passed = passed.ok_or("ends a link that passes no layer")?;
            self.part(Part::Residual, "a link ends after conv or dense, before its activation")?.residual =
                Some(passed);
        }
        Ok(())
    }

    fn words(&mut self, item: &str) -> Result<(), String> {
        let mut words = item.split_whitespace();
        match words.next().unwrap_or_default() {
            "conv" => self.layers.push(conv(&mut words)?),
            "dense" => {
                let outputs = one(words.next(), "a number of neurons, as in dense 128")?;
                self.layers.push(Layer::dense(outputs, Activation::Identity));
            }
            "maxpool" => self.pool(pool(PoolKind::Max, &mut words)?)?,
            "avgpool" => self.pool(pool(PoolKind::Average, &mut words)?)?,
            "globalmaxpool" => self.pool(whole(PoolKind::Max))?,
            "globalavgpool" => self.pool(whole(PoolKind::Average))?,
            "batchnorm" => self.norm(Norm::Batch)?,
            "layernorm" => self.norm(Norm::Layer)?,
            "rmsnorm" => self.norm(Norm::Rms)?,
            "groupnorm" => self.norm(Norm::Group(one(words.next(), "a number of groups, as in groupnorm 4")?))?,
            "dropout" => {
                let share = words.next().and_then(|word| word.parse().ok());
                let share = share.ok_or("needs a share of numbers to set to 0, as in dropout 0.5")?;
                self.part(Part::Dropout, "a dropout comes last in its layer, once")?.dropout = Some(share);
            }
            name => {
                let activation = name.parse::<Activation>().map_err(|_| unknown(name))?;
                let place = "stands where no activation can: it follows conv or dense, and goes before a pool";
                self.part(Part::Activation, place)?.activation = activation;
            }
        }
        words.next().map_or(Ok(()), |word| Err(format!("has `{word}` too much")))
    }

    /// The layer that gets another part, which must come after those that it has.
    fn part(&mut self, part: Part, place: &str) -> Result<&mut Layer, String> {
        let layer = self.layers.last_mut().ok_or("has no layer of its own before it")?;
        if last_part(layer) < part { Ok(layer) } else { Err(place.to_owned()) }
    }

    fn pool(&mut self, pool: Pool) -> Result<(), String> {
        self.part(Part::Pool, "has no layer of its own before it: a layer has one pool, before its dropout")?.pool =
            Some(pool);
        Ok(())
    }

    fn norm(&mut self, norm: Norm) -> Result<(), String> {
        self.part(Part::Norm, "stands where no norm can: it follows conv or dense, and goes before the activation")?
            .norm = Some(norm);
        Ok(())
    }

    fn finish(self) -> Result<Vec<Layer>, String> {
        match (self.layers, self.links.is_empty()) {
            (layers, true) if !layers.is_empty() => Ok(layers),
            (_, true) => Err("it has no layer".to_owned()),
            (_, false) => Err("a residual( is not closed".to_owned()),
        }
    }
}

fn unknown(name: &str) -> String {
    let known = ITEMS.into_iter().chain(Activation::ALL.iter().map(|activation| activation.name()));
    let guess = nearest(name, known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
    format!("begins with no layer, norm, pool or activation{guess}")
}

/// What follows `conv`.
fn conv<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Layer, String> {
    let size = pair(words.next(), 1, "a kernel and a number of channels, as in conv 5x5 6")?;
    let outputs = one(words.next(), "a number of channels after the kernel, as in conv 5x5 6")?;
    let mut layer = Layer::conv(outputs, size);
    let kernel = layer.kernel.as_mut().expect("a convolution has a kernel");
    while let Some(word) = words.next() {
        match word {
            "stride" => kernel.stride = pair(words.next(), 1, "a number after stride")?,
            "pad" => kernel.padding = pair(words.next(), 0, "a number after pad")?,
            "dilate" => kernel.dilation = pair(words.next(), 1, "a number after dilate")?,
            "groups" => kernel.groups = one(words.next(), "a number after groups")?,
            other => return Err(format!("has `{other}`, which is none of stride, pad, dilate and groups")),
        }
    }
    Ok(layer)
}

/// What follows `maxpool` or `avgpool`.
fn pool<'a>(kind: PoolKind, words: &mut impl Iterator<Item = &'a str>) -> Result<Pool, String> {
    let size = pair(words.next(), 1, "a window, as in maxpool 2")?;
    let mut pool = Pool { kind, size, stride: size, padding: [0, 0] };
    while let Some(word) = words.next() {
        match word {
            "stride" => pool.stride = pair(words.next(), 1, "a number after stride")?,
            "pad" => pool.padding = pair(words.next(), 0, "a number after pad")?,
            other => return Err(format!("has `{other}`, which is none of stride and pad")),
        }
    }
    Ok(pool)
}

/// A pool of the whole plane.
fn whole(kind: PoolKind) -> Pool {
    Pool { kind, size: Pool::WHOLE, stride: [1, 1], padding: [0, 0] }
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

/// As it is read: `conv 5x5 6, relu, maxpool 2`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kernel {
            None => write!(f, "dense {}", self.outputs)?,
            Some(kernel) => {
                write!(f, "conv {}x{} {}", kernel.size[0], kernel.size[1], self.outputs)?;
                setting(f, " stride", kernel.stride, [1, 1])?;
                setting(f, " pad", kernel.padding, [0, 0])?;
                setting(f, " dilate", kernel.dilation, [1, 1])?;
                if kernel.groups != 1 {
                    write!(f, " groups {}", kernel.groups)?;
                }
            }
        }
        match self.norm {
            None => {}
            Some(Norm::Group(groups)) => write!(f, ", groupnorm {groups}")?,
            Some(norm) => write!(f, ", {}", norm.name())?,
        }
        if self.residual.is_some() {
            write!(f, ")")?;
        }
        if self.activation != Activation::Identity {
            write!(f, ", {}", self.activation)?;
        }
        if let Some(Pool { kind, size, stride, padding }) = self.pool {
            let name = if kind == PoolKind::Max { "maxpool" } else { "avgpool" };
            if size == Pool::WHOLE {
                write!(f, ", global{name}")?;
            } else {
                setting(f, &format!(", {name}"), size, Pool::WHOLE)?;
                setting(f, " stride", stride, size)?;
            }
            setting(f, " pad", padding, [0, 0])?;
        }
        self.dropout.map_or(Ok(()), |share| write!(f, ", dropout {share}"))
    }
}

/// `name 2`, or `name 2x3`; nothing for the usual one.
fn setting(f: &mut fmt::Formatter<'_>, name: &str, pair: [usize; 2], usual: [usize; 2]) -> fmt::Result {
    match pair {
        pair if pair == usual => Ok(()),
        [a, b] if a == b => write!(f, "{name} {a}"),
        [a, b] => write!(f, "{name} {a}x{b}"),
    }
}

/// Layers in words, with the brackets of their links.
pub(crate) fn in_words(layers: &[Layer]) -> String {
    let ends = |end: usize| layers[end].residual.map(|passed| (end + 1).saturating_sub(passed));
    let begun = |at: usize| (0..layers.len()).filter(|&end| ends(end) == Some(at)).count();
    let words = layers.iter().enumerate().map(|(at, layer)| format!("{}{layer}", "residual(".repeat(begun(at))));
    words.collect::<Vec<_>>().join(", ")
}
