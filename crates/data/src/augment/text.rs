//! Augmentation in words: `shift 2, rotate 15, scale 0.15, elastic 34 4`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{Augmentation, Elastic};
use crate::error::{nearest, plain};

/// An augmentation that cannot be read.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{}", plain(.0))]
pub struct AugmentationError(String);

/// What there is, as it is written.
const ITEMS: [(&str, &str); 8] = [
    ("shift", "PIXELS"),
    ("rotate", "DEGREES"),
    ("scale", "SHARE"),
    ("elastic", "ALPHA SIGMA"),
    ("flip", ""),
    ("crop", "PIXELS"),
    ("cutout", "PIXELS"),
    ("mixup", "ALPHA"),
];

/// What a name alone stands for.
const SETS: [(&str, &str); 2] =
    [("digits", "shift 1, rotate 15, scale 0.15, elastic 36 5"), ("photos", "flip, crop 4, cutout 8")];

impl FromStr for Augmentation {
    type Err = AugmentationError;

    /// Reads items with commas between them, or the name of a set: `digits`, `photos`.
    fn from_str(text: &str) -> Result<Self, AugmentationError> {
        if let Some((_, set)) = SETS.iter().find(|(name, _)| *name == text.trim()) {
            return set.parse();
        }
        let mut augmentation = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for item in text.split(',') {
            let mut words = item.split_whitespace();
            let name = words.next().ok_or_else(|| wrong(format!("an item is empty; {}", known())))?;
            let numbers: Vec<&str> = words.collect();
            augmentation.set(name, &numbers)?;
            if seen.contains(&name) {
                return Err(wrong(format!("{name} is there twice: give it once")));
            }
            seen.push(name);
        }
        Ok(augmentation)
    }
}

impl Augmentation {
    fn set(&mut self, name: &str, numbers: &[&str]) -> Result<(), AugmentationError> {
        let Some((_, takes)) = ITEMS.iter().find(|(item, _)| *item == name) else {
            let names: Vec<String> = ITEMS
                .iter()
                .map(|(name, _)| name)
                .chain(SETS.iter().map(|(name, _)| name))
                .map(ToString::to_string)
                .collect();
            if SETS.iter().any(|(set, _)| *set == name) {
                return Err(wrong(format!("`{name}` is a whole set, and stands alone")));
            }
            let guess = nearest(name, &names).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(wrong(format!("there is no `{name}`{guess}; {}", known())));
        };
        if takes.split_whitespace().count() != numbers.len() {
            let usual = format!("{name} {takes}");
            return Err(wrong(format!("`{name} {}` is to be written as {}", numbers.join(" "), usual.trim_end())));
        }
        let number = |at: usize, most: f64, rule: &str| {
            let value = numbers[at].parse::<f64>().ok().filter(|value| *value as f32 > 0.0 && *value <= most);
            value.ok_or_else(|| wrong(format!("`{name} {}`: {} must be {rule}", numbers.join(" "), numbers[at])))
        };
        let pixels = || {
            let rule = "a whole number of pixels from 1 to 10000";
            number(0, 1e4, rule).and_then(|value| {
                if value.fract() == 0.0 {
                    Ok(value as usize)
                } else {
                    Err(wrong(format!("{name} {value}: it must be {rule}")))
                }
            })
        };
        match name {
            "shift" => self.shift = number(0, 1e4, "above 0 and at most 10000 pixels")? as f32,
            "rotate" => self.rotate = number(0, 180.0, "above 0 and at most 180 degrees")? as f32,
            "scale" => self.scale = number(0, 0.9, "above 0 and at most 0.9")? as f32,
            "elastic" => {
                self.elastic = Some(Elastic {
                    alpha: number(0, 1e4, "above 0 and at most 10000 pixels")? as f32,
                    sigma: number(1, 100.0, "above 0 and at most 100 pixels")? as f32,
                });
            }
            "flip" => self.flip = true,
            "crop" => self.crop = pixels()?,
            "cutout" => self.cutout = pixels()?,
            _ => self.mixup = number(0, 2.0, "above 0 and at most 2")?,
        }
        Ok(())
    }
}

fn wrong(problem: String) -> AugmentationError {
    AugmentationError(problem)
}

/// All that can be written.
fn known() -> String {
    let items: Vec<String> =
        ITEMS.iter().map(|(name, takes)| format!("{name} {takes}").trim_end().to_owned()).collect();
    let sets: Vec<String> = SETS.iter().map(|(name, set)| format!("{name} (= {set})")).collect();
    format!("there are {}, or a set: {}", items.join(", "), sets.join(", "))
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shift, rotate, scale, elastic, flip, crop, cutout, mixup } = *self;
        let mut items = Vec::new();
        let numbers = [("shift", shift), ("rotate", rotate), ("scale", scale)];
        items.extend(
            numbers.into_iter().filter(|(_, value)| *value > 0.0).map(|(name, value)| format!("{name} {value}")),
        );
        items.extend(elastic.map(|Elastic { alpha, sigma }| format!("elastic {alpha} {sigma}")));
        items.extend(flip.then(|| "flip".to_owned()));
        let pixels = [("crop", crop), ("cutout", cutout)];
        items.extend(pixels.into_iter().filter(|(_, value)| *value > 0).map(|(name, value)| format!("{name} {value}")));
        items.extend((mixup > 0.0).then(|| format!("mixup {mixup}")));
        f.write_str(&items.join(", "))
    }
}

impl Serialize for Augmentation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Augmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read() {
        for text in [
            "shift 2, rotate 15, scale 0.15, elastic 34 4, flip, crop 4, cutout 8, mixup 0.2",
            "rotate 7.5",
            "flip",
            "elastic 0.5 0.1",
        ] {
            assert_eq!(text.parse::<Augmentation>().unwrap().to_string(), text);
        }
        let spaced = " flip ,shift   1.5".parse::<Augmentation>().unwrap();
        assert_eq!(spaced, Augmentation { flip: true, shift: 1.5, ..Augmentation::default() });
        for (name, set) in SETS {
            assert_eq!(name.parse::<Augmentation>().unwrap().to_string(), set);
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        for (text, reason) in [
            ("rotat 15", "there is no `rotat`: did you mean `rotate`?; there are shift PIXELS"),
            ("", "an item is empty; there are shift PIXELS, rotate DEGREES, scale SHARE, elastic ALPHA SIGMA, flip"),
            ("flip,", "an item is empty"),
            ("digits, flip", "`digits` is a whole set, and stands alone"),
            ("elastic 34", "`elastic 34` is to be written as elastic ALPHA SIGMA"),
            ("flip 2", "`flip 2` is to be written as flip"),
            ("flip, flip", "flip is there twice"),
            ("rotate 181", "`rotate 181`: 181 must be above 0 and at most 180 degrees"),
            ("scale 1", "must be above 0 and at most 0.9"),
            ("shift -1", "must be above 0"),
            ("shift nan", "nan must be above 0"),
            ("shift 1e-60", "must be above 0"),
            ("crop 1.5", "a whole number of pixels"),
            ("crop 0", "a whole number of pixels"),
            ("mixup 3", "above 0 and at most 2"),
            ("sh\u{1b}[2J", "there is no `sh\\u{1b}[2J`"),
        ] {
            let error = text.parse::<Augmentation>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains(char::is_control));
        }
    }
}
