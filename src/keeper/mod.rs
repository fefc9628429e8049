//! Who outlives a crash: `facemux serve`.
//!
//! Owns the PTY masters, the faces' memory, the children, the listeners and the ids. Starts daemon, web and ssh and
//! starts them again; reaps everything, as PID 1 or as subreaper. One thread, which blocks in `poll` alone and
//! sleeps for ever when nothing is due. Parses no byte of terminal output or of the network: all it reads is
//! messages of the daemon (`wire::keeper`), signals and /proc.

mod accounts;
mod children;
mod drain;
mod ending;
mod error;
mod face;
mod groups;
mod handover;
mod ids;
mod link;
mod oom;
mod role;
mod roles;
mod server;
mod start;
mod table;
mod upgrade;

use crate::config::Config;
use crate::sys::{SysError, footprint};
use drain::Phase;
pub use error::StartError;
pub use handover::{handed, rehearse};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use server::Server;
use start::Held;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Instant;

const SIGNALS: Token = Token(0);
const LINKS: Token = Token(1);

/// Runs the server until it has drained.
///
/// # Errors
/// `StartError` when it cannot start; once it runs it ends in order.
pub fn serve(config: Config) -> Result<(), StartError> {
    let (server, held) = start::start(config)?;
    Ok(turn(server, &held)?)
}

/// Goes on in the place of the program whose table is at descriptor `table`, and which is itself at `old`; with
/// `refused` we are that program, and the one that was to take our place says why it did not.
///
/// # Errors
/// `StartError` when neither can go on.
pub fn take_over(table: RawFd, old: RawFd, refused: Option<String>) -> Result<(), StartError> {
    let (server, held) = handover::take(table, old, refused)?;
    Ok(turn(server, &held)?)
}

fn turn(mut server: Server, held: &Held) -> Result<(), SysError> {
    let mut poll = Poll::new().map_err(SysError::on("create", "the poll"))?;
    let mut events = Events::with_capacity(8);
    let signals = held.signals.as_fd().as_raw_fd();
    watch(&poll, signals, SIGNALS, Interest::READABLE)?;
    while server.phase != Phase::Over {
        let now = Instant::now();
        server.start_roles(now);
        // What that says to the daemon goes now: nothing may wake this loop for long.
        server.flush(now);
        for link in server.links_mut().filter(|l| !l.watched) {
            watch(&poll, link.raw_fd(), LINKS, Interest::READABLE | Interest::WRITABLE)?;
            link.watched = true;
        }
        let timeout = deadline(&server).map(|at| at.saturating_duration_since(now));
        match poll.poll(&mut events, timeout) {
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => {
                return Err(SysError::on("wait for", "events")(e));
            }
            Ok(()) | Err(_) => {}
        }
        let now = Instant::now();
        if events.iter().any(|e| e.token() == LINKS) {
            server.handle_daemon(now);
        }
        if events.iter().any(|e| e.token() == SIGNALS) {
            take_signals(&mut server, held, now);
        }
        if server.look_at().is_some_and(|at| at <= now) {
            server.look(now);
        }
        server.advance_upgrade(now);
        server.advance(now);
        server.flush(now);
        if std::mem::take(&mut server.has_started) {
            footprint::settle();
        }
    }
    Ok(())
}

/// Children are looked at once for all their signals: a face that forks without end must not keep us here.
fn take_signals(server: &mut Server, held: &Held, now: Instant) {
    let mut children = false;
    loop {
        match held.signals.next() {
            Ok(Some((crate::sys::signals::CHILD, _))) => children = true,
            Ok(Some((number, from))) => server.handle_signal(now, number, from),
            Ok(None) => break,
            Err(e) => {
                log::error!("signals cannot be read: {e}");
                break;
            }
        }
    }
    if children {
        server.handle_children(now);
    }
}

fn deadline(server: &Server) -> Option<Instant> {
    let times = [
        server.start_at(),
        server.look_at(),
        server.advance_at(),
        server.send_at(),
        server.upgrade_at(),
    ];
    times.into_iter().flatten().min()
}

fn watch(poll: &Poll, fd: RawFd, token: Token, interest: Interest) -> Result<(), SysError> {
    poll.registry()
        .register(&mut SourceFd(&fd), token, interest)
        .map_err(SysError::on("watch", "a descriptor"))
}
