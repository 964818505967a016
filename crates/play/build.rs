//! Lists the files of the page, so that they are in the program and nothing else is.

use std::fmt::Write;
use std::path::Path;

fn main() {
    let folder = Path::new("page/site");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|files| files.flatten().filter(|f| f.path().is_file()).filter_map(|f| f.file_name().into_string().ok()))
        .map(|names| names.filter(|name| !name.starts_with('.')).collect())
        .unwrap_or_default();
    names.sort();
    let root = std::env::current_dir().expect("cargo runs this in the folder of the crate");
    let mut table = "&[".to_owned();
    for name in names {
        let path = root.join(folder).join(&name);
        write!(table, "({name:?}, include_bytes!({:?})),", path.display().to_string()).expect("a text takes all");
    }
    table.push(']');
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("files.rs"), table).expect("cargo made the folder");
}
