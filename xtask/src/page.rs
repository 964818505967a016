//! The playground's page: its types checked, and the page used in a browser.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the page's manifest and tests lie.
const PAGE: &str = "crates/play/page";

/// Checks the types of the page's scripts.
pub(crate) fn check() -> Result<()> {
    npm(&["run", "--silent", "check"], &[])
}

/// Uses the page in Chromium, over the program and over the static files.
pub(crate) fn test(program: &Path, chromium: &Path) -> Result<()> {
    npm(&["run", "--silent", "test"], &[("CHROMIUM", chromium), ("CHAINRULE", program)])
}

/// Installs what checks and tests of the page need, if it is not there.
pub(crate) fn modules() -> Result<()> {
    let page = Path::new(PAGE);
    let (lock, stamp) = (page.join("package-lock.json"), page.join("node_modules/.installed"));
    let wanted =
        std::fs::read(&lock).with_context(|| format!("{} (run this in the project's root)", lock.display()))?;
    if std::fs::read(&stamp).ok().as_ref() == Some(&wanted) {
        return Ok(());
    }
    npm(&["ci"], &[])?;
    // The stamp is written last, so that an installation that was cut off is begun again.
    std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())
}

fn npm(args: &[&str], env: &[(&str, &Path)]) -> Result<()> {
    println!("npm {}", args.join(" "));
    let mut command = Command::new("npm");
    command.args(args).current_dir(PAGE).envs(env.iter().copied());
    let status = command.status().context("cannot start npm: install Node 20 or newer (https://nodejs.org)")?;
    if !status.success() {
        bail!("npm {} failed in {PAGE}", args.join(" "));
    }
    Ok(())
}

/// The Chromium to test with: that of `CHROMIUM`, or one that is installed; where apt may, it is installed.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let found = || {
        let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    // Without apt, or without the rights for it, this fails; the message below then says what is missing.
    for args in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
        println!("apt-get {}", args.join(" "));
        let _ = Command::new("apt-get").args(args).status();
    }
    found().context("the page is tested in Chromium: install it, or name the program in CHROMIUM")
}
