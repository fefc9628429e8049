//! `facemux ssh-entry`: what a client of an SSH server asked for, as a forced command or a login shell, and what our
//! own SSH frontend runs for the verbs that are no view of a face.
//!
//! The words come from SSH_ORIGINAL_COMMAND (sshd(8), dropbear(8)) or `-c`, on whose behalf from our own arguments,
//! which whoever wrote the server's configuration chose. No shell is involved.

use super::args::{Args, Word};
use super::stop::{NOT_ALLOWED, Stop, USAGE};
use super::{Verb, find};
use crate::client::remote::{Remote, RemoteError, login_command, split};
use crate::sys::process;
use crate::units::FaceId;
use crate::wire::{Actor, Role};
use std::ffi::OsString;
use std::io::{IsTerminal, stdin};

pub(super) const VERB: Verb = Verb {
    names: &["ssh-entry"],
    summary: "serve a client of an SSH server (forced command or login shell)",
    help:
        "usage: facemux ssh-entry [--role owner|driver|viewer] [--user U] [--face ID] [-c COMMAND]

Does what the client of an SSH server asked for: the forced command of OpenSSH or Dropbear, or a
login shell. The command is SSH_ORIGINAL_COMMAND, or COMMAND: the same commands as here, without
those that start or change the server; none is a new face.
  --role R      what the client may do (default: owner)
  --user U      whose faces these are (default: it sees all)
  --face ID     the only face it may see

Exit: as the command's own.

Examples:
  in sshd_config:       ForceCommand /usr/local/bin/facemux ssh-entry
  in authorized_keys:   command=\"facemux ssh-entry --role viewer --face 12\" ssh-ed25519 AAAA...
",
    run,
};

/// SIGTERM.
const SIGTERM: i32 = 15;

struct Entry {
    actor: Actor,
    command: Option<String>,
}

fn run(args: &mut Args) -> Result<u8, Stop> {
    let entry = parse(args)?;
    let command = entry.command.or_else(|| std::env::var("SSH_ORIGINAL_COMMAND").ok());
    let command = command.unwrap_or_default();
    let words = words(&command)?;
    let Some((verb, rest)) = words.split_first() else {
        return Err(args.want("no command"));
    };
    let verb = find(verb)?;
    let rest: Vec<OsString> = rest.iter().map(OsString::from).collect();
    let dir = args.dir().map(str::to_owned);
    (verb.run)(&mut Args::new(rest, verb.help, dir).on_behalf_of(Some(entry.actor)))
}

fn parse(args: &mut Args) -> Result<Entry, Stop> {
    let mut entry = Entry { actor: Actor::OWNER, command: None };
    while let Some(word) = args.word()? {
        let Word::Option(option) = &word else { return Err(args.unknown(&word)) };
        match option.as_str() {
            "--role" => {
                entry.actor.role = match args.value()?.as_str() {
                    "owner" => Role::Owner,
                    "driver" => Role::Driver,
                    "viewer" => Role::Viewer,
                    other => {
                        return Err(Stop::usage(format!(
                            "--role {other}: owner, driver or viewer"
                        )));
                    }
                }
            }
            "--user" => entry.actor.user = Some(args.value()?),
            "--face" => entry.actor.only = Some(FaceId(args.parsed()?)),
            "-c" => entry.command = Some(args.value()?),
            // Started by our own frontend: it does not outlive it.
            "--as-child" => process::set_parent_death_signal(SIGTERM).map_err(Stop::usage)?,
            _ => return Err(args.unknown(&word)),
        }
    }
    Ok(entry)
}

/// The words to run, the verb first.
fn words(command: &str) -> Result<Vec<String>, Stop> {
    let refused = |e: RemoteError| {
        Stop::failure(if matches!(e, RemoteError::LocalOnly(_)) { NOT_ALLOWED } else { USAGE }, e)
    };
    let words = match Remote::parse(Some(command.as_bytes()), "").map_err(refused)? {
        Remote::Verb(words) => words,
        Remote::New(ask) if ask.argv.is_empty() && !ask.detached && stdin().is_terminal() => {
            let mut words = as_written(command).map_err(refused)?;
            words.retain(|word| word != "--");
            words.push("--".to_owned());
            words.extend(login_command());
            words
        }
        Remote::New(_) | Remote::Attach(_) => as_written(command).map_err(refused)?,
    };
    Ok(match words.first().map(String::as_str) {
        Some("new") => with_kind(words),
        _ => words,
    })
}

fn as_written(command: &str) -> Result<Vec<String>, RemoteError> {
    let mut words = split(command)?;
    if words.first().is_some_and(|word| word == "facemux") {
        words.remove(0);
    }
    if words.is_empty() {
        words.push("new".to_owned());
    }
    Ok(words)
}

/// Who asked is known: it came over SSH.
fn with_kind(mut words: Vec<String>) -> Vec<String> {
    words.splice(1..1, ["--kind", "ssh"].map(str::to_owned));
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_command_line() {
        assert_eq!(words("ls --json").unwrap(), ["ls", "--json"]);
        assert_eq!(words("facemux kill '3'").unwrap(), ["kill", "3"]);
        assert_eq!(
            words("new -d -- sh -c 'a b'").unwrap()[..5],
            ["new", "--kind", "ssh", "-d", "--"]
        );
        assert_eq!(words("").unwrap()[..3], ["new", "--kind", "ssh"]);
        for refused in ["serve", "token new", "uname", "new 'x", "attach 1 --bogus"] {
            assert!(words(refused).is_err(), "{refused}");
        }
    }
}
