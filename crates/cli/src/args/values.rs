//! Values of options, from their text.

use chainrule::Architecture;
use chainrule::data::LEAST_MEMORY;
use std::path::Path;

pub(super) fn name_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE, as in a=2")?;
    let number = value.trim().parse::<f64>().map_err(|_| format!("`{value}` is not a number"))?;
    if !number.is_finite() {
        return Err(format!("`{value}` is not a finite number"));
    }
    Ok((name.trim().to_owned(), number))
}

/// A network in words, or the file that it stands in.
pub(crate) fn network(text: &str) -> Result<Architecture, String> {
    let found = if text.ends_with(".toml") { Architecture::read(Path::new(text)) } else { text.parse() };
    found.map_err(|error| error.to_string())
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) | Err(_) => Err("it must be a whole number from 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

pub(super) fn character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [one] if one.is_ascii() && !matches!(one, b'\n' | b'\r') => Ok(*one),
        _ => Err("it must be one ASCII character, or tab".to_owned()),
    }
}

pub(super) fn height_and_width(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse::<usize>().ok().filter(|side| (1..=4096).contains(side));
    let sides = text.split_once('x').and_then(|(height, width)| side(height).zip(side(width)));
    sides.ok_or_else(|| "it must be a height and a width of at most 4096 pixels, as in 32x32".to_owned())
}

pub(super) fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| "it must be a finite number".to_owned())
}

pub(super) fn memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write it as in 500MB or 2GB");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let amount: f64 = text[..text.len() - unit.len()].parse().map_err(|_| wrong())?;
    let scale = match unit.trim().to_ascii_uppercase().as_str() {
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KIB" => 1024.0,
        "MIB" => 1048576.0,
        "GIB" => 1073741824.0,
        _ => return Err(wrong()),
    };
    let bytes = (amount * scale) as u64;
    if bytes < LEAST_MEMORY {
        return Err(format!("{text} is too little: at least {} MB are needed", LEAST_MEMORY.div_ceil(1_000_000)));
    }
    Ok(bytes)
}

pub(super) fn inner_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "it must be above 0 and below 1, as in 0.9".to_owned())
}
