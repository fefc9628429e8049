//! Finding the server, and starting one when `new` finds none.

use super::args::Args;
use super::stop::{NOT_ALLOWED, Stop, UNREACHABLE, USAGE};
use crate::client::{Answer, ClientError, Connection};
use crate::config::{self, Places};
use crate::sys::{clock, poll};
use crate::wire::Request;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// For how long a daemon that dies before it answers is followed by another question, and the pause before that.
const SUCCESSOR_FOR: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Where the server of this command line is; its directory is ours alone.
pub(super) fn places(args: &Args) -> Result<Places, Stop> {
    let places = config::places(args.dir().map(PathBuf::from));
    places.check_runtime().map_err(|e| Stop::failure(NOT_ALLOWED, e))?;
    Ok(places)
}

/// Where the server is that the environment alone names.
pub(super) fn places_of_environment() -> Places {
    config::places(None)
}

/// A connection to the running server.
pub(super) fn connect(args: &Args) -> Result<Connection, Stop> {
    open(args, &places(args)?.socket).map_err(explain)
}

/// Opens a connection and says on whose behalf it is.
fn open(args: &Args, socket: &Path) -> Result<Connection, ClientError> {
    let mut connection = Connection::open(socket)?;
    if let Some(actor) = args.actor() {
        connection.call(&Request::Speak(actor.clone()))?;
    }
    Ok(connection)
}

/// Asks what may be asked twice: when the daemon dies before it has answered, its successor is asked.
pub(super) fn ask(args: &Args, request: &Request) -> Result<Answer, Stop> {
    let socket = places(args)?.socket;
    let until = clock::now() + SUCCESSOR_FOR;
    loop {
        match open(args, &socket).and_then(|mut connection| connection.call(request)) {
            // When waiting fails the deadline above still ends this.
            Err(ClientError::Lost(_)) if clock::now() < until => {
                let _ = poll::wait(&mut [], Some(ASK_AGAIN));
            }
            told => return told.map_err(explain),
        }
    }
}

/// Says what to do when nobody is there.
pub(super) fn explain(error: ClientError) -> Stop {
    match error {
        ClientError::Unreachable { path, source } if absent(&source) => Stop::failure(
            UNREACHABLE,
            format!(
                "no server runs at {}; `facemux new` or `facemux serve` starts one",
                path.display()
            ),
        ),
        error => error.into(),
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// A connection to the running server; one is started when there is none.
pub(super) fn connect_or_start(args: &Args) -> Result<Connection, Stop> {
    let places = places(args)?;
    match open(args, &places.socket) {
        Err(ClientError::Unreachable { source, .. }) if absent(&source) => {}
        other => return other.map_err(explain),
    }
    // Of several commands that find no server one starts it; the others wait here and then find it.
    places.prepare().map_err(|e| Stop::failure(NOT_ALLOWED, e))?;
    let _turn = Turn::wait_for(&places.runtime.join("starting"))?;
    match open(args, &places.socket) {
        Err(ClientError::Unreachable { source, .. }) if absent(&source) => {}
        other => return other.map_err(explain),
    }
    start(args)?;
    open(args, &places.socket).map_err(explain)
}

/// Starts a server in the background and waits until it serves: it says so on its stdout, a pipe of ours.
fn start(args: &Args) -> Result<(), Stop> {
    let binary = std::env::current_exe()
        .map_err(|e| Stop::failure(UNREACHABLE, format!("find the facemux binary: {e}")))?;
    let mut command = Command::new(binary);
    command.arg("serve").args(["--web", "off", "--ssh", "off", "--background"]);
    command.args(["--linger", "60s", "--ready-fd", "1"]);
    if let Some(dir) = args.dir() {
        command.args(["--dir", dir]);
    }
    let failed = |what: String| Stop::failure(UNREACHABLE, format!("start a server: {what}"));
    // At its end from the start; an image may lack /dev/null.
    let (nothing, _) = std::io::pipe().map_err(|e| failed(e.to_string()))?;
    command.stdin(nothing).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().map_err(|e| failed(e.to_string()))?;
    let mut word = [0; 1];
    let mut ready = server.stdout.take().ok_or_else(|| failed("no pipe".into()))?;
    match ready.read(&mut word) {
        Ok(1) => Ok(()),
        _ => {
            let mut said = String::new();
            if let Some(stderr) = server.stderr.take() {
                // What it said is all there is to tell; a broken pipe tells no more.
                let _ = stderr.take(4096).read_to_string(&mut said);
            }
            let said = said.trim().trim_start_matches("facemux: ");
            let said = if said.is_empty() { "it ended without a word; see its log" } else { said };
            Err(failed(said.to_owned()))
        }
    }
}

/// The lock that one starter holds at a time, until it is dropped.
struct Turn {
    _file: File,
}

impl Turn {
    fn wait_for(path: &Path) -> Result<Turn, Stop> {
        let failed = |e: &dyn std::fmt::Display| {
            Stop::failure(USAGE, format!("lock {}: {e}", path.display()))
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|e| failed(&e))?;
        file.lock().map_err(|e| failed(&e))?;
        Ok(Turn { _file: file })
    }
}
