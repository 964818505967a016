//! The files of the page, as they are in `page/site` when the program is built.

/// Each file by its name.
pub const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The content of a file and its type, by its name.
pub fn file(name: &str) -> Option<(&'static [u8], &'static str)> {
    let (_, content) = FILES.iter().find(|(known, _)| *known == name)?;
    Some((content, content_type(name)?))
}

/// The type of a file by the ending of its name; files of other types are not served.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}
