//! `facemux resize`: gives a face a size, which it keeps whoever attaches.

use super::args::{self, Args};
use super::stop::{OK, Stop};
use super::{Verb, server};
use crate::wire::Request;

pub(super) const VERB: Verb = Verb {
    names: &["resize"],
    summary: "change a face's size and keep it",
    help: "usage: facemux resize ID COLSxROWS

Gives a face this size; it keeps it whoever attaches, and others see it cropped or framed.

Exit: 0, 2 for a size that is not possible, 4 when there is no such face.

Example:
  facemux resize 12 120x40
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let [face, size] = args.exactly("which face, and what size?")?;
    let size = args::size(&size)?;
    server::connect(args)?.call(&Request::Resize { face, size })?;
    Ok(OK)
}
