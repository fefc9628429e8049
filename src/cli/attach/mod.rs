//! `facemux attach`: shows a face in this terminal and types into it.
//!
//! Two ways. `terminal`: the daemon is handed the terminal and this process only waits, so keys and output cross no
//! further process. `stream`: this process copies. Both leave the terminal as it was, whatever ends them.

mod ending;
mod patience;
mod stream;
mod terminal;

use super::args::{Args, Word};
use super::stop::{NO_FACE, NOT_ALLOWED, Stop};
use super::{Verb, detach_keys, ls, server};
use crate::client::{ClientError, undo};
use crate::sys::tty::{self, Termios, WindowSize};
use crate::sys::{clock, process, signals::Signals};
use crate::units::{FaceId, Size};
use crate::wire::{Actor, Attach, FaceState, Holder, Reply, Request};
use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(super) const VERB: Verb = Verb {
    names: &["attach", "a"],
    summary: "show a face in this terminal",
    help: "usage: facemux attach [ID] [OPTIONS]

Shows a face in this terminal and types into it; without ID the only face, or the last one made.
Ctrl-B d detaches, Ctrl-B Ctrl-B types one Ctrl-B. What stood in the terminal goes into its
scrollback. Without a terminal its input and output are copied as they are.
  -r, --read-only    look only
  --detach-others    send the face's other viewers away
  --history N        N lines of history before the screen (default 0)
  --alt              in this terminal's alternate screen: what stood there is back afterwards
  --detach-keys K    one or two keys like \"C-b d\", \"ctrl-p,ctrl-q\" or \"^\\\"; none for none
                     (also FACEMUX_DETACH_KEYS)
  --stream           copy through this process even where the terminal can be handed over
  --force            also where TERM says that the terminal cannot show a face

Exit: the command's code, 128+n for signal n; 0 on detach; 2 for a face attached within itself,
straight or in a circle; 3 when the server is lost; 4 when there is no such face.

Examples:
  facemux attach
  facemux a build -r --history 1000
",
    run,
};

/// How the face is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) detach_keys: Option<String>,
    pub(super) force: bool,
    pub(super) stream: bool,
    read_only: bool,
    detach_others: bool,
    history: u32,
    alternate: bool,
}

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut face, mut look) = (None, Look::default());
    while let Some(word) = args.word()? {
        let option = match &word {
            Word::Value(id) if face.is_none() => {
                face = Some(id.clone());
                continue;
            }
            Word::Value(_) => return Err(args.unknown(&word)),
            Word::Option(option) => option.as_str(),
        };
        match option {
            "-r" | "--read-only" => look.read_only = true,
            "--detach-others" => look.detach_others = true,
            "--history" => look.history = args.parsed()?,
            "--alt" => look.alternate = true,
            "--detach-keys" => look.detach_keys = Some(args.value()?),
            "--stream" => look.stream = true,
            "--force" => look.force = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    check_terminal(&look)?;
    let face = match face {
        Some(face) => face,
        None => last_face(args)?,
    };
    let id = living(args, face)?;
    attach(args, id, &look)
}

/// Refuses a terminal that cannot show a face.
pub(super) fn check_terminal(look: &Look) -> Result<(), Stop> {
    detach_keys(look)?;
    let term = std::env::var("TERM").unwrap_or_default();
    if look.force || !stdout().is_terminal() || !matches!(term.as_str(), "" | "dumb" | "linux") {
        return Ok(());
    }
    let term = if term.is_empty() { "is not set".into() } else { format!("is {term}") };
    Err(Stop::usage(format!(
        "TERM {term}: this terminal cannot show a face as it is; `facemux snap ID` prints one, \
         --force attaches all the same"
    )))
}

fn detach_keys(look: &Look) -> Result<Vec<u8>, Stop> {
    let environment = std::env::var("FACEMUX_DETACH_KEYS").ok();
    detach_keys::choose(look.detach_keys.as_deref(), environment.as_deref())
}

/// The only living face, or the last one made, but not the one we are in.
fn last_face(args: &Args) -> Result<String, Stop> {
    let faces = ls::faces(args, false)?;
    let own = own_face(args)?;
    let others =
        faces.iter().map(|face| face.id).filter(|id| own.as_ref() != Some(&id.to_string()));
    let last = others.max().ok_or_else(|| {
        Stop::failure(NO_FACE, "no face to attach is running; `facemux new` starts one")
    })?;
    Ok(last.to_string())
}

/// The id of a living face that may be attached; asked before the terminal is touched.
fn living(args: &Args, face: String) -> Result<FaceId, Stop> {
    let asked = server::ask(args, &Request::Info { face: face.clone() })?;
    let Reply::Face(info) = asked.reply else { return Err(ClientError::Misfit.into()) };
    if info.state == FaceState::Ended {
        let reason = info.end.map(|end| end.reason).unwrap_or_default();
        return Err(Stop::failure(NO_FACE, format!("face {} has ended: {reason}", info.id)));
    }
    if own_face(args)? == Some(info.id.to_string()) {
        return Err(Stop::usage(format!("face {face}: it cannot be attached from within itself")));
    }
    Ok(info.id)
}

/// The face of this server that this process runs in.
fn own_face(args: &Args) -> Result<Option<String>, Stop> {
    let Ok(own) = std::env::var("FACE_ID") else { return Ok(None) };
    // The face's own FACEMUX_DIR says which server it belongs to.
    let ours = server::places(args)?.socket;
    let its = server::places_of_environment().socket;
    Ok((ours == its).then_some(own))
}

/// Attaches to a face that lives; returns the exit code.
pub(super) fn attach(args: &Args, id: FaceId, look: &Look) -> Result<u8, Stop> {
    let ask = Attach {
        face: id.to_string(),
        drive: !look.read_only,
        detach_others: look.detach_others,
        size: Size::DEFAULT,
        pixels: (0, 0),
        follows_size: false,
        history: look.history,
        token: token()?,
        resume: None,
        detach_keys: detach_keys(look)?,
        window: 0,
        holder: Holder::Client,
        inside: own_face(args)?.into_iter().collect(),
    };
    let mut view = View {
        id,
        socket: server::places(args)?.socket,
        actor: args.actor().cloned(),
        alternate: look.alternate,
        signals: Signals::take(&SIGNALS).map_err(Stop::usage)?,
        resized: None,
    };
    let ends = (stdin(), stdout());
    if !tty::is_same(&ends.0, &ends.1) || look.stream {
        return stream::run(&mut view, ask);
    }
    wait_for_foreground(&ends.0)?;
    if let Some(signal) = view.told_to_end() {
        return ending::Ending::Signalled(signal).tell(id);
    }
    let controlling = tty::foreground_group(&ends.0).is_ok();
    let reopened = tty::reopen(&ends.0);
    match if controlling { reopened.or_else(|_| tty::reopen_controlling()) } else { reopened } {
        Ok(terminal) => terminal::run(&mut view, ask, terminal.into()),
        Err(_) => stream::run(&mut view, ask),
    }
}

/// What both ways need.
struct View {
    id: FaceId,
    socket: PathBuf,
    /// On whose behalf, when not the owner's at this machine.
    actor: Option<Actor>,
    alternate: bool,
    signals: Signals,
    /// When the terminal was last resized.
    resized: Option<Instant>,
}

impl View {
    /// Whether the terminal was resized since `moment`, or so shortly before that nobody may have taken notice.
    fn was_resized(&self, moment: Instant) -> bool {
        self.resized.is_some_and(|at| at + UNNOTICED > moment)
    }

    /// Takes the signals that came meanwhile. That we were stopped, continued or resized is answered by what follows;
    /// gives one that ends us.
    fn told_to_end(&mut self) -> Option<i32> {
        while let Ok(Some((signal, _))) = self.signals.next() {
            if signal == SIGWINCH {
                self.resized = Some(clock::now());
            }
            if !matches!(signal, SIGCONT | SIGTSTP | SIGWINCH) {
                return Some(signal);
            }
        }
        None
    }
}

/// What a daemon was told in its last moments it may have left undone.
const UNNOTICED: Duration = Duration::from_secs(1);

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;
const SIGCONT: i32 = 18;
const SIGSTOP: i32 = 19;
const SIGTSTP: i32 = 20;
const SIGTTIN: i32 = 21;
const SIGWINCH: i32 = 28;
/// What a view has to act on.
const SIGNALS: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCONT, SIGTSTP, SIGWINCH];

/// A background process stops, as any that reads its terminal does, until it is brought to the foreground.
fn wait_for_foreground(terminal: &impl AsFd) -> Result<(), Stop> {
    // A process that cannot stop (its group is orphaned) comes back at once.
    for _ in 0..3 {
        if tty::foreground_group(terminal).is_err() || tty::is_foreground(terminal) {
            return Ok(());
        }
        stop_here(SIGTTIN);
    }
    Err(Stop::failure(NOT_ALLOWED, "in the background there is no terminal to attach to"))
}

/// Stops this process until it is continued.
fn stop_here(signal: i32) {
    // Our own group, as the terminal would: a shell waits for all of it. It fails for no group of ours.
    let _ = process::kill(std::process::id(), signal);
}

/// A random name for this viewer, never 0.
fn token() -> Result<u64, Stop> {
    getrandom::u64().map(|n| n | 1).map_err(|e| Stop::usage(format!("no randomness: {e}")))
}

/// A terminal's size as a face may have it, and its pixels.
fn size_of(terminal: &impl AsFd) -> (Size, (u16, u16)) {
    match tty::window_size(terminal) {
        Ok(WindowSize { rows: rows @ 1.., cols: cols @ 1.., pixels }) => {
            (Size::clamped(rows, cols), pixels)
        }
        _ => (Size::DEFAULT, (0, 0)),
    }
}

/// A terminal's settings, put back when this is dropped.
struct Settings<'a, T: AsFd> {
    terminal: &'a T,
    saved: Termios,
}

impl<'a, T: AsFd> Settings<'a, T> {
    fn take(terminal: &'a T) -> Result<Settings<'a, T>, Stop> {
        let saved = Termios::of(terminal)
            .map_err(|e| Stop::usage(format!("read the terminal's settings: {e}")))?;
        let settings = Settings { terminal, saved };
        settings.raw();
        Ok(settings)
    }

    /// Bytes pass as they are.
    fn raw(&self) {
        // A terminal that is gone cannot be set, and reading it will say so.
        let _ = self.saved.raw().apply(self.terminal);
    }

    /// As they were.
    fn restore(&self) {
        let _ = self.saved.apply(self.terminal);
    }
}

impl<T: AsFd> Drop for Settings<'_, T> {
    fn drop(&mut self) {
        self.restore();
    }
}

/// What makes room for a face in a terminal.
fn preamble(size: Size, alternate: bool) -> Vec<u8> {
    if alternate { [b"\x1b[?1049h", undo::CLEAR].concat() } else { undo::make_room(size.rows()) }
}
