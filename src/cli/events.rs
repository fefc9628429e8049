//! `facemux events`: what happens to faces, one line each, until interrupted.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::table::plain;
use super::{Verb, out, server};
use crate::client::{ClientError, json};
use crate::sys::clock;
use crate::wire::{Event, Request};

pub(super) const VERB: Verb = Verb {
    names: &["events"],
    summary: "follow what happens to faces",
    help: "usage: facemux events [--json]

Prints a line whenever a face is made, changes, prints (at most ten times a second each),
rings, reports progress, asks for attention, writes to the clipboard or ends. Runs until
interrupted or until the server ends.
  --json   one object a line (docs/json.md)

Exit: 0 when the server ends, 3 when none runs.

Example:
  facemux events --json | jq -r 'select(.event == \"ended\").id'
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let mut as_json = false;
    while let Some(word) = args.word()? {
        match &word {
            Word::Option(o) if o == "--json" => as_json = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    let mut connection = server::connect(args)?;
    connection.call(&Request::Watch)?;
    loop {
        let event = match connection.next_event(None) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(ClientError::Lost(_)) => return Ok(OK),
            Err(e) => return Err(e.into()),
        };
        let line = if as_json {
            json::event(&event)
        } else {
            format!("{} {}", json::time(clock::wall_ms()), sentence(&event))
        };
        if !out::line(&line) {
            return Ok(OK);
        }
    }
}

fn sentence(event: &Event) -> String {
    match event {
        Event::Created(info) => format!("face {} created: {}", info.id, plain(&info.command)),
        Event::Changed(info) => {
            format!("face {} changed: {} {}", info.id, info.size, plain(&info.title))
        }
        Event::Output { id, offset, last_line } => {
            format!("face {id} printed up to {}: {}", offset.0, plain(last_line))
        }
        Event::Bell { id } => format!("face {id} rang"),
        Event::Progress { id, percent, .. } => format!("face {id} progress: {percent} %"),
        Event::Notify { id, text } => format!("face {id} notifies: {}", plain(text)),
        Event::Clipboard { id, base64 } => {
            format!("face {id} wrote to the clipboard: {} characters of base64", base64.len())
        }
        Event::Ended { id, end } => format!("face {id} ended: {}", plain(&end.reason)),
    }
}
