//! `facemux send`: types text, named keys or a paste into a face.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{Verb, server};
use crate::limits::INPUT_BYTES_MAX;
use crate::wire::{Request, Typed};
use std::io::Read;

pub(super) const VERB: Verb = Verb {
    names: &["send"],
    summary: "type text, keys or a paste into a face",
    help: "usage: facemux send ID [TEXT] [--keys KEY...] [--paste FILE|-] [--submit]

Types into a face, in the order given: all of it, or nothing and an error.
  TEXT            as it is, without Enter
  --keys KEY...   named keys: Enter C-c M-x S-F6 Up PageDown BSpace
  --paste FILE    the file's content as a paste (- is stdin): bracketed when the program asked
                  for that
  --submit        at last Enter, by itself, after the program has read what came before

Exit: 0, 2 for an unknown key, 4 when there is no such face, 6 when the program does not read.

Examples:
  facemux send 12 'make test' --submit
  facemux send build --keys C-c Up Enter
  git diff | facemux send agent --paste - --submit
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut face, mut typed, mut submit, mut texts) = (None, Vec::new(), false, 0);
    while let Some(word) = args.word()? {
        match word {
            Word::Value(id) if face.is_none() => face = Some(id),
            Word::Value(_) if texts > 0 => {
                return Err(args.want("only one TEXT: put it in quotes"));
            }
            Word::Value(text) => {
                texts += 1;
                typed.push(Typed::Text(text.into_bytes()));
            }
            Word::Option(o) if o == "--keys" || o == "-k" => {
                typed.extend(args.values()?.into_iter().map(Typed::Key));
            }
            Word::Option(o) if o == "--paste" => {
                let path = args.value()?;
                args.may_touch(&path)?;
                typed.push(Typed::Paste(paste(&path)?));
            }
            Word::Option(o) if o == "--submit" => submit = true,
            Word::Option(_) => return Err(args.unknown(&word)),
        }
    }
    let face = face.ok_or_else(|| args.want("which face?"))?;
    if submit {
        typed.push(Typed::Submit);
    }
    if typed.is_empty() {
        return Err(args.want("nothing to type"));
    }
    server::connect(args)?.call(&Request::Type { face, typed })?;
    Ok(OK)
}

/// What is to be pasted, read to its end, never much more than a face takes.
fn paste(path: &str) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let limit = INPUT_BYTES_MAX as u64 + 1;
    let read = if path == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|e| Stop::usage(format!("--paste {path}: {e}")))?;
    if bytes.len() > INPUT_BYTES_MAX {
        let sentence =
            format!("--paste {path}: a face takes at most {INPUT_BYTES_MAX} bytes at once");
        return Err(Stop::failure(super::stop::LIMIT, sentence));
    }
    Ok(bytes)
}
