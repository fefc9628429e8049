//! `facemux ls`: the living faces, or all that are remembered.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{Verb, out, server, table};
use crate::client::{ClientError, json};
use crate::wire::{FaceInfo, Reply, Request};

pub(super) const VERB: Verb = Verb {
    names: &["ls", "list"],
    summary: "list faces",
    help: "usage: facemux ls [--all] [--json]

Lists the living faces, oldest first.
  --all    also those that ended, with the reason
  --json   as an array of objects (docs/json.md)

Exit: 0, or 3 when no server runs.

Examples:
  facemux ls
  facemux ls --all --json
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut all, mut as_json) = (false, false);
    while let Some(word) = args.word()? {
        match &word {
            Word::Option(o) if o == "--all" || o == "-a" => all = true,
            Word::Option(o) if o == "--json" => as_json = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    let faces = faces(args, all)?;
    if as_json {
        out::line(&json::faces(&faces));
    } else if !faces.is_empty() {
        out::print(table::faces(&faces, table::Frame::of_stdout()).as_bytes());
    }
    Ok(OK)
}

/// The faces of the server, oldest first.
pub(super) fn faces(args: &Args, all: bool) -> Result<Vec<FaceInfo>, Stop> {
    match server::ask(args, &Request::List { all })?.reply {
        Reply::Faces(faces) => Ok(faces),
        _ => Err(ClientError::Misfit.into()),
    }
}
