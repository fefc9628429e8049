//! `facemux rename`: names a face, or takes its name away.

use super::args::Args;
use super::stop::{OK, Stop};
use super::{Verb, server};
use crate::wire::Request;

pub(super) const VERB: Verb = Verb {
    names: &["rename"],
    summary: "name a face",
    help: "usage: facemux rename ID NAME

Gives a face another name: letters, digits, `._-`, not all digits, at most 64 bytes, and no
other living face's. An empty NAME takes the name away.

Exit: 0, 2 for a name that is not possible, 4 when there is no such face.

Examples:
  facemux rename 12 build
  facemux rename build ''
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let [face, name] = args.exactly("which face, and what name?")?;
    server::connect(args)?.call(&Request::Rename { face, name })?;
    Ok(OK)
}
