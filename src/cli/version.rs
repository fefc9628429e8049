//! `facemux version`: one line.

use super::args::Args;
use super::stop::{OK, Stop};
use super::{Verb, out};
use crate::wire::VERSION;

pub(super) const VERB: Verb = Verb {
    names: &["version"],
    summary: "print the version",
    help: "usage: facemux version

Prints the version, and the version of the protocol it speaks, on one line.

Example:
  facemux version
",
    run,
};

pub(super) fn run(args: &mut Args) -> Result<u8, Stop> {
    args.end()?;
    out::line(&format!("facemux {} (protocol {VERSION})", env!("CARGO_PKG_VERSION")));
    Ok(OK)
}
