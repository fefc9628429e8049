//! `facemux new`: starts a face, and attaches to it unless told not to.

use super::args::{self, Args, Word};
use super::attach::{self, Look};
use super::stop::{OK, Stop};
use super::{Verb, out, server};
use crate::client::ClientError;
use crate::sys::tty;
use crate::units::{Mode, Size};
use crate::wire::{Kind, NewFace, Reply, Request};
use std::path::Path;

pub(super) const VERB: Verb = Verb {
    names: &["new"],
    summary: "start a face",
    help: "usage: facemux new [-d] [OPTIONS] [-- COMMAND...]

Starts a face and attaches to it; starts a server when none runs. The command is $SHELL when none
is given, and gets this environment and directory.
  -d, --detached    do not attach: print the id alone and return
  --name NAME       letters, digits, `._-`, not all digits, at most 64 bytes
  --size COLSxROWS  default: this terminal's, else 80x24
  --cwd DIR         the directory to start in
  --env K=V         add to the environment (may be repeated)
  --kind KIND       cli (default), web or ssh: FACE_KIND in the face
  --side-of ID      a side channel of another face
  --keep-orphans    leave alone what outlives the command
  --detach-keys K   as for attach

Exit: the command's code when attached until its end, 0 on detach; 127 or 126 when it cannot be
started; 6 when there are as many faces as there may be.

Examples:
  facemux new
  facemux new -d --name build -- make -j2
  facemux new --cwd /srv --env DEBUG=1 -- ./run --verbose
",
    run,
};

struct Wish {
    detached: bool,
    look: Look,
    face: NewFace,
}

fn run(args: &mut Args) -> Result<u8, Stop> {
    let wish = parse(args)?;
    if !wish.detached {
        // Better no face than one that cannot be attached.
        attach::check_terminal(&wish.look)?;
    }
    let mut connection = server::connect_or_start(args)?;
    let Reply::Created { id, end, .. } = connection.call(&Request::New(Box::new(wish.face)))?.reply
    else {
        return Err(ClientError::Misfit.into());
    };
    drop(connection);
    if let Some(end) = end {
        return Err(Stop::failure(
            u8::try_from(end.code).unwrap_or(127),
            format!("face {id}: {}", end.reason),
        ));
    }
    if wish.detached {
        out::line(&id.to_string());
        return Ok(OK);
    }
    attach::attach(args, id, &wish.look)
}

fn parse(args: &mut Args) -> Result<Wish, Stop> {
    let mut detached = false;
    let mut look = Look::default();
    let mut face = NewFace {
        name: None,
        kind: Kind::Cli,
        side_of: None,
        size: own_size(),
        cwd: String::new(),
        env: environment(),
        argv: Vec::new(),
        modes: own_modes(),
        keep_orphans: false,
    };
    let mut cwd = None;
    while let Some(word) = args.word()? {
        let option = match &word {
            Word::Option(option) => option.as_str(),
            Word::Value(first) => {
                face.argv.push(first.clone());
                face.argv.extend(args.rest()?);
                break;
            }
        };
        match option {
            "-d" | "--detached" => detached = true,
            "--name" | "-n" => face.name = Some(args.value()?),
            "--size" => face.size = args::size(&args.value()?)?,
            "--cwd" => cwd = Some(args.value()?),
            "--env" | "-e" => set(&mut face.env, &args.value()?)?,
            "--kind" => face.kind = kind(&args.value()?)?,
            "--side-of" => face.side_of = Some(args.value()?),
            "--keep-orphans" => face.keep_orphans = true,
            "--detach-keys" => look.detach_keys = Some(args.value()?),
            "--force" => look.force = true,
            "--stream" => look.stream = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    face.cwd = directory(cwd.as_deref())?;
    if face.argv.is_empty()
        && let Some(shell) = std::env::var("SHELL").ok().filter(|s| !s.is_empty())
    {
        face.argv.push(shell);
    }
    Ok(Wish { detached, look, face })
}

/// The size of the terminal we are in, else the default.
fn own_size() -> Size {
    let ends = [tty::window_size(&std::io::stdin()), tty::window_size(&std::io::stdout())];
    let known = ends.into_iter().flatten().find(|window| window.rows > 0 && window.cols > 0);
    known.map_or(Size::DEFAULT, |window| Size::clamped(window.rows, window.cols))
}

/// The characters of our own terminal: whoever erases by Control-H goes on doing so.
fn own_modes() -> Vec<Mode> {
    tty::Termios::of(&std::io::stdin()).map(|settings| settings.characters()).unwrap_or_default()
}

/// Our environment, less what belongs to the face we may be in. Values that are no UTF-8 are left out.
fn environment() -> Vec<(String, String)> {
    let text = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| !name.starts_with("FACE_") && !name.starts_with("FACEMUX")).collect()
}

/// Adds `K=V`.
fn set(env: &mut Vec<(String, String)>, text: &str) -> Result<(), Stop> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Stop::usage(format!("--env {text}: write it as NAME=VALUE")))?;
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value.to_owned()));
    Ok(())
}

fn kind(text: &str) -> Result<Kind, Stop> {
    match text {
        "cli" => Ok(Kind::Cli),
        "web" => Ok(Kind::Web),
        "ssh" => Ok(Kind::Ssh),
        _ => Err(Stop::usage(format!("--kind {text}: choose one of cli, web, ssh"))),
    }
}

/// The directory to start in, as an absolute path.
fn directory(asked: Option<&str>) -> Result<String, Stop> {
    let path = match asked {
        None => std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned()),
        Some(path) => {
            let full =
                std::path::absolute(path).map_err(|e| Stop::usage(format!("--cwd {path}: {e}")))?;
            if !full.is_dir() {
                return Err(Stop::usage(format!("--cwd {path}: there is no such directory")));
            }
            full
        }
    };
    path.into_os_string()
        .into_string()
        .map_err(|path| Stop::usage(format!("directory {}: not UTF-8", path.display())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_given_twice_counts_once() {
        let mut env = vec![("A".to_owned(), "1".to_owned())];
        set(&mut env, "A=2=3").unwrap();
        assert_eq!(env, [("A".to_owned(), "2=3".to_owned())]);
        assert!(set(&mut env, "A").is_err());
        assert!(set(&mut env, "=x").is_err());
    }
}
