//! `facemux detach`: sends a face's viewers away; the face runs on.

use super::Verb;
use super::args::Args;
use super::server;
use super::stop::{OK, Stop};
use crate::wire::Request;

pub(super) const VERB: Verb = Verb {
    names: &["detach"],
    summary: "send a face's viewers away",
    help: "usage: facemux detach ID

Detaches all viewers of a face; the face runs on.

Exit: 0, or 4 when there is no such face.

Example:
  facemux detach 12
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let [face] = args.exactly("which face?")?;
    server::connect(args)?.call(&Request::Detach { face })?;
    Ok(OK)
}
