//! `chainrule grad --html`, `--svg`, `--dot`, `--mermaid`: the derivation as a picture.

use crate::Usage;
use crate::args::GradArgs;
use crate::output::note;
use anyhow::{Result, bail};
use chainrule::Derivation;
use chainrule_draw::{MOST_NODES, Picture, dot, mermaid, page, svg};
use chainrule_play::picture;
use std::path::Path;

/// What writes a picture as a file of some kind.
type Writer = fn(&Picture) -> String;

/// Writes the files that are asked for.
pub(crate) fn write(found: &Derivation<'_>, args: &GradArgs) -> Result<()> {
    let drawn: [(&Option<_>, Writer); 2] = [(&args.html, page), (&args.svg, svg)];
    let plain: [(&Option<_>, Writer); 2] = [(&args.dot, dot), (&args.mermaid, mermaid)];
    if drawn.into_iter().chain(plain).all(|(path, _)| path.is_none()) {
        return Ok(());
    }
    let places: Vec<&Path> = drawn.into_iter().chain(plain).filter_map(|(path, _)| path.as_deref()).collect();
    if let Some((_, twice)) = places.iter().enumerate().find(|(at, path)| places[..*at].contains(path)) {
        bail!(Usage(format!("two pictures would be written to {}: choose another place for one", twice.display())));
    }
    let picture = picture(found, &args.expression);
    let nodes = picture.nodes.len();
    if nodes > MOST_NODES && drawn.iter().any(|(path, _)| path.is_some()) {
        bail!("{nodes} nodes are too many to draw (at most {MOST_NODES}): --dot writes them for other programs");
    }
    for (path, writer) in drawn.into_iter().chain(plain) {
        let Some(path): Option<&Path> = path.as_deref() else { continue };
        chainrule::write_atomically(path, writer(&picture).as_bytes())?;
        note!("{} nodes drawn in {}", nodes, path.display());
    }
    Ok(())
}
