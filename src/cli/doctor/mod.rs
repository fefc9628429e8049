//! `facemux doctor`: what goes wrong in practice, looked at one by one, and where things are.

mod checks;

use super::args::{Args, Word};
use super::stop::{OK, Stop, UNREACHABLE};
use super::{Verb, out, table};
use crate::client::{ClientError, Connection};
use crate::config::{self, Places};
use crate::wire::{Reply, Request};
use serde::Serialize;
use serde_json::Value;
use std::io;
use std::path::PathBuf;

pub(super) const VERB: Verb = Verb {
    names: &["doctor"],
    summary: "check what goes wrong in practice",
    help: "usage: facemux doctor [--json]

Checks the places, the socket, the server and the system, and says where things are and which
processes the server consists of. Changes nothing.
  --json   as an object (docs/json.md)

Exit: 0; 3 when there is something at the socket that does not answer.

Example:
  facemux doctor
",
    run,
};

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Finding {
    /// As it should be.
    Ok,
    /// Works, but something will be missed.
    Warn,
    /// Does not work.
    Bad,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    finding: Finding,
    detail: String,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, finding: Finding::Ok, detail: detail.into() }
    }

    fn warn(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, finding: Finding::Warn, detail: detail.into() }
    }

    fn bad(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, finding: Finding::Bad, detail: detail.into() }
    }
}

/// All that is found; `--json` is this.
#[derive(Debug, Serialize)]
struct Report {
    socket: String,
    state: String,
    log: String,
    /// The pids of keeper, daemon, web and ssh; null when no server runs.
    processes: Value,
    checks: Vec<Check>,
    /// What the server says of itself; null when none runs.
    server: Value,
}

fn run(args: &mut Args) -> Result<u8, Stop> {
    let mut as_json = false;
    while let Some(word) = args.word()? {
        match &word {
            Word::Option(o) if o == "--json" => as_json = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    let places = config::places(args.dir().map(PathBuf::from));
    let (server, answers) = ask(&places);
    let answered = answers.finding != Finding::Bad;
    let processes = server.get("processes").cloned().unwrap_or(Value::Null);
    let daemon = processes.get("daemon").and_then(Value::as_u64);
    let mut found = vec![checks::directory(&places), checks::socket_path(&places), answers];
    found.extend(checks::system(&places, daemon.and_then(|pid| u32::try_from(pid).ok())));
    let report = Report {
        socket: places.socket.display().to_string(),
        state: places.state.display().to_string(),
        log: places.log.display().to_string(),
        processes,
        checks: found,
        server,
    };
    if as_json {
        out::line(&serde_json::to_string(&report).map_err(Stop::usage)?);
    } else {
        out::print(page(&report).as_bytes());
    }
    Ok(if answered { OK } else { UNREACHABLE })
}

/// What the server says of itself, and whether it does.
fn ask(places: &Places) -> (Value, Check) {
    const NAME: &str = "server";
    if places.check_runtime().is_err() {
        return (Value::Null, Check::bad(NAME, "not asked: its directory is not to be trusted"));
    }
    let answer = Connection::open(&places.socket).and_then(|mut c| c.call(&Request::Status));
    let text = match answer.map(|answer| answer.reply) {
        Ok(Reply::Status(text)) => text,
        Ok(_) => return (Value::Null, Check::bad(NAME, ClientError::Misfit.to_string())),
        Err(ClientError::Unreachable { source, .. }) => {
            let check = match source.kind() {
                io::ErrorKind::NotFound => {
                    Check::ok(NAME, "none runs; `facemux new` or `facemux serve` starts one")
                }
                io::ErrorKind::ConnectionRefused => Check::warn(
                    NAME,
                    "none runs, and the last one left its socket (it was killed); the next one replaces it",
                ),
                _ => Check::bad(NAME, source.to_string()),
            };
            return (Value::Null, check);
        }
        Err(e) => return (Value::Null, Check::bad(NAME, e.to_string())),
    };
    match serde_json::from_str(&text) {
        Ok(value) => (value, Check::ok(NAME, "answers")),
        Err(e) => (Value::Null, Check::bad(NAME, format!("its answer is no JSON: {e}"))),
    }
}

/// The report for a person.
fn page(report: &Report) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let mark = match check.finding {
            Finding::Ok => "ok  ",
            Finding::Warn => "warn",
            Finding::Bad => "BAD ",
        };
        text.push_str(&format!("{mark}  {:<14} {}\n", check.name, table::plain(&check.detail)));
    }
    let places = [("socket", &report.socket), ("state", &report.state), ("log", &report.log)];
    for (name, path) in places {
        text.push_str(&format!("      {name:<14} {}\n", table::plain(path)));
    }
    let pids = report.processes.as_object().into_iter().flatten();
    let pids: Vec<String> = pids
        .filter(|(_, pid)| pid.is_number())
        .map(|(role, pid)| format!("{role} {pid}"))
        .collect();
    if !pids.is_empty() {
        text.push_str(&format!("      {:<14} {}\n", "processes", pids.join(", ")));
    }
    text
}
