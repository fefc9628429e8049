//! `facemux snap`: a face's screen as it is now.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{Verb, out, server};
use crate::wire::{Format, Request};

pub(super) const VERB: Verb = Verb {
    names: &["snap"],
    summary: "print a face's screen",
    help: "usage: facemux snap ID [--format text|ansi|json|html|svg] [--history N] [-o FILE]

Prints the screen of a face. It changes nothing: not its size, nor its modes, nor its idle clock.
Of a face that has ended it prints the last screen, as text only.
  --format F    text (default), ansi (rebuilds the screen in a terminal), json, html, svg
  --history N   N lines of history before the screen
  -o FILE       into a file instead of stdout

Exit: 0, or 4 when there is no such face.

Examples:
  facemux snap 12
  facemux snap build --format html --history 1000 -o build.html
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut face, mut format, mut history, mut file) = (None, Format::Text, 0, None);
    while let Some(word) = args.word()? {
        match word {
            Word::Value(id) if face.is_none() => face = Some(id),
            Word::Option(o) if o == "--format" || o == "-f" => format = parse(&args.value()?)?,
            Word::Option(o) if o == "--history" => history = args.parsed()?,
            Word::Option(o) if o == "-o" || o == "--output" => file = Some(args.value()?),
            _ => return Err(args.unknown(&word)),
        }
    }
    let face = face.ok_or_else(|| args.want("which face?"))?;
    if let Some(path) = &file {
        args.may_touch(path)?;
    }
    let answer = server::connect(args)?.call(&Request::Snap { face, format, history })?;
    match file {
        Some(path) if path != "-" => std::fs::write(&path, answer.bytes)
            .map_err(|e| Stop::usage(format!("write {path}: {e}")))?,
        _ => {
            out::print(&answer.bytes);
        }
    }
    Ok(OK)
}

fn parse(text: &str) -> Result<Format, Stop> {
    Ok(match text {
        "text" | "txt" => Format::Text,
        "ansi" => Format::Ansi,
        "json" => Format::Json,
        "html" => Format::Html,
        "svg" => Format::Svg,
        _ => {
            return Err(Stop::usage(format!(
                "--format {text}: choose one of text, ansi, json, html, svg"
            )));
        }
    })
}
