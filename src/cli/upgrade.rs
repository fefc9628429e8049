//! `facemux upgrade`: the server goes on with another binary, its faces and viewers with it.
//!
//! The connection over which it is asked goes down with the daemon; the outcome comes by a socket of its own, which
//! the keeper holds through it all.

use super::args::{Args, Word};
use super::stop::{FAILED, OK, Stop, UNREACHABLE, USAGE};
use super::{Verb, out, server};
use crate::client::{ClientError, Connection};
use crate::sys::clock;
use crate::wire::upgrade::{Outcome, Result as Way};
use crate::wire::{FaceInfo, Reply, Request};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(super) const VERB: Verb = Verb {
    names: &["upgrade"],
    summary: "go on with another binary; faces and viewers stay",
    help: "usage: facemux upgrade [--binary PATH]

Replaces the running server by another binary. Programs run on, their screens and histories stay,
viewers go on where they were; connections to the web page and over SSH stay with the old processes
until they end. The new binary is asked first whether it can take over, and must have all faces
within a few seconds; else the old one goes on and nothing is lost. Prints one line.
  --binary PATH   the new binary; default: what is now at the path the server was started from

Exit: 0, 1 when the old one goes on after all, 2 when the new one is refused before it was tried,
3 when there is no server.

Examples:
  facemux upgrade
  facemux upgrade --binary ./facemux-1.3
",
    run,
};

/// How long viewers are waited for: they come back by themselves.
const VIEWERS: Duration = Duration::from_secs(5);
/// Between two looks at how many have.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

fn run(args: &mut Args) -> Result<u8, Stop> {
    let mut binary = None;
    while let Some(word) = args.word()? {
        match &word {
            Word::Option(o) if o == "--binary" => binary = Some(absolute(&args.value()?)?),
            _ => return Err(args.unknown(&word)),
        }
    }
    let mut connection = server::connect(args)?;
    let viewers = viewers(&mut connection)?;
    let outcome = ask(&mut connection, binary)?;
    drop(connection);
    let reason = outcome.reason.unwrap_or_default();
    match outcome.result {
        Way::Refused => Err(Stop::failure(USAGE, format!("not upgraded: {reason}"))),
        Way::RolledBack => {
            let back = format!("not upgraded, {} goes on: {reason}", outcome.from);
            Err(Stop::failure(FAILED, back))
        }
        Way::Done => {
            out::line(&format!(
                "upgraded from {} to {}: {} {} and {} of {viewers} {} kept, {} ms, of which faces waited {} ms",
                outcome.from,
                outcome.to.unwrap_or_default(),
                outcome.faces,
                if outcome.faces == 1 { "face" } else { "faces" },
                await_viewers(args, viewers),
                if viewers == 1 { "viewer" } else { "viewers" },
                outcome.ms,
                outcome.pause_ms,
            ));
            Ok(OK)
        }
    }
}

fn absolute(path: &str) -> Result<String, Stop> {
    let wrong = |e: &dyn std::fmt::Display| Stop::usage(format!("--binary {path}: {e}"));
    // A link stays one: the next upgrade may find another file behind it.
    let found = std::path::absolute(path).map_err(|e| wrong(&e))?;
    found.into_os_string().into_string().map_err(|_| wrong(&"it is not UTF-8"))
}

/// Asks, and waits for the outcome, however long it takes: every step of it has its own deadline.
fn ask(connection: &mut Connection, binary: Option<String>) -> Result<Outcome, Stop> {
    let lost = |e: &dyn std::fmt::Display| {
        let sentence = format!("the outcome of the upgrade is not known: {e}");
        Stop::failure(UNREACHABLE, sentence)
    };
    let (mut ours, theirs) = UnixStream::pair().map_err(|e| lost(&e))?;
    connection.call_with(&Request::Upgrade { binary }, theirs.as_fd())?;
    drop(theirs);
    let mut text = String::new();
    ours.read_to_string(&mut text).map_err(|e| lost(&e))?;
    if text.is_empty() {
        return Err(lost(&"the server is gone"));
    }
    serde_json::from_str(&text).map_err(|e| lost(&e))
}

fn viewers(connection: &mut Connection) -> Result<u32, Stop> {
    let answer = connection.call(&Request::List { all: false })?;
    let Reply::Faces(faces) = answer.reply else { return Err(ClientError::Misfit.into()) };
    Ok(faces.iter().map(|f: &FaceInfo| f.viewers).sum())
}

/// How many viewers are there again, once all are or time is over.
fn await_viewers(args: &Args, before: u32) -> u32 {
    let until = clock::now() + VIEWERS;
    let mut found = 0;
    loop {
        if let Ok(mut connection) = server::connect(args) {
            found = viewers(&mut connection).unwrap_or(found);
        }
        if found >= before || clock::now() >= until {
            return found.min(before);
        }
        // Nothing tells that a viewer has come back; a poll of nothing is a wait.
        let _ = crate::sys::poll::wait(&mut [], Some(LOOK_AGAIN));
    }
}
