//! `facemux info`: all that is known of one face.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{Verb, out, server, table};
use crate::client::{ClientError, json};
use crate::wire::{Reply, Request};

pub(super) const VERB: Verb = Verb {
    names: &["info"],
    summary: "tell all about one face",
    help: "usage: facemux info ID [--json]

Tells all that is known of a face, also of one that ended.
  --json   as an object (docs/json.md)

Exit: 0, or 4 when there is no such face.

Examples:
  facemux info 12
  facemux info build --json
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut face, mut as_json) = (None, false);
    while let Some(word) = args.word()? {
        match word {
            Word::Option(o) if o == "--json" => as_json = true,
            Word::Value(id) if face.is_none() => face = Some(id),
            _ => return Err(args.unknown(&word)),
        }
    }
    let face = face.ok_or_else(|| args.want("which face?"))?;
    match server::connect(args)?.call(&Request::Info { face })?.reply {
        Reply::Face(info) if as_json => out::line(&json::face(&info)),
        Reply::Face(info) => out::print(table::face(&info).as_bytes()),
        _ => return Err(ClientError::Misfit.into()),
    };
    Ok(OK)
}
