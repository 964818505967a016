//! `chainrule play`: the playground as a page on this computer.

mod guard;
mod own;
mod server;
mod sessions;

use crate::args::PlayArgs;
use crate::output::{DIM, RESULT, note, say};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

/// The port where nothing else is asked for: links to the page then stay good.
const USUAL_PORT: u16 = 4747;

pub(crate) fn run(args: &PlayArgs) -> Result<()> {
    let own = args.data.as_deref().map(|data| own::read(data, &args.label)).transpose()?;
    let listener = listen(args.port)?;
    let stop = server::stop()?;
    let address = format!("http://{}/", listener.local_addr()?);
    say!("{RESULT}{address}{RESULT:#}  {DIM}the playground; Ctrl-C ends it{DIM:#}");
    if !args.no_open && !open(&address) {
        note!("note: no browser could be opened: open the address above in one");
    }
    server::serve(listener, own, &stop)
}

/// The port asked for; or the usual one, or any that is free.
fn listen(port: Option<u16>) -> Result<TcpListener> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => {
            at(port).with_context(|| format!("port {port} of this computer cannot be used; --port 0 takes a free one"))
        }
        None => match at(USUAL_PORT) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => at(0),
            listener => listener,
        }
        .context("no port of this computer can be used"),
    }
}

/// Opens the user's browser; whether there was something to open it with.
fn open(address: &str) -> bool {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", "start", ""]);
        command
    } else {
        Command::new("xdg-open")
    };
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
}
