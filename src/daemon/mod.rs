//! When things happen: one thread, one `mio` loop, one Unix socket.
//!
//! Owns the descriptors the keeper lends it and does what `mux` decides. It never forks, opens a listener, writes to
//! a file or blocks outside `poll`: it reads and writes terminals through the ledger, sockets by recvmsg and
//! sendmsg, and its log lines go to the keeper.

mod conn;
mod effects;
pub mod handed;
mod keeper;
mod ptys;
pub mod remembered;
mod start;
mod terminals;
mod turn;

use crate::limits::CLIENTS_MAX;
use crate::mux::{ClientId, Mux, Now};
use crate::sys::{SysError, clock, footprint};
use crate::units::FaceId;
use conn::Conns;
use keeper::KeeperLink;
use mio::{Events, Poll, Token};
use ptys::Ptys;
use std::collections::VecDeque;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};
use terminals::Terminals;

/// The loop's state.
struct Daemon {
    poll: Poll,
    began: Instant,
    mux: Mux,
    ptys: Ptys,
    conns: Conns,
    terminals: Terminals,
    keeper: KeeperLink,
    listener: UnixListener,
    /// Faces whose share of a turn ended before their PTY was empty.
    ready: VecDeque<FaceId>,
    /// The face somebody has just typed into, until it answers or the moment has passed: others that print wait, so
    /// that its program has a processor to run on.
    echo: Option<(FaceId, Duration)>,
    /// Handed terminals that may have more to read.
    typing: VecDeque<ClientId>,
    /// Clients whose frames waited and may go on.
    reading: VecDeque<ClientId>,
    /// The listener may have more connections.
    accepting: bool,
    /// Another daemon is to take over: this one ends as soon as nothing is half done.
    retiring: bool,
}

/// What a descriptor belongs to, packed into mio's token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Keeper,
    Listener,
    Client(ClientId),
    Face(FaceId),
    Terminal(ClientId),
}

impl Source {
    fn token(self) -> Token {
        let (kind, id) = match self {
            Source::Keeper => (0, 0),
            Source::Listener => (1, 0),
            Source::Client(id) => (2, id),
            Source::Face(id) => (3, id.0),
            Source::Terminal(id) => (4, id),
        };
        Token((id as usize) << 3 | kind)
    }

    fn of(token: Token) -> Option<Source> {
        let id = (token.0 >> 3) as u64;
        Some(match token.0 & 7 {
            0 => Source::Keeper,
            1 => Source::Listener,
            2 => Source::Client(id),
            3 => Source::Face(FaceId(id)),
            4 => Source::Terminal(id),
            _ => return None,
        })
    }
}

/// Time begins this long before the daemon, so that durations can be taken back from any moment.
const EPOCH: Duration = Duration::from_secs(1 << 20);

/// The daemon's role: serves until the keeper's socket closes. Gives the exit code.
pub fn run() -> u8 {
    match start::start().and_then(|mut daemon| daemon.serve()) {
        Ok(()) => 0,
        Err(error) => {
            log::error!("{error}");
            1
        }
    }
}

impl Daemon {
    fn now(&self) -> Now {
        Now { mono: EPOCH + self.began.elapsed(), wall_ms: clock::wall_ms() }
    }

    fn serve(&mut self) -> Result<(), SysError> {
        let mut events = Events::with_capacity(256);
        footprint::settle();
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result.map_err(SysError::on("wait for", "events"))?,
            }
            // Keys before output: what a person waits for comes first.
            for event in &events {
                match Source::of(event.token()) {
                    Some(Source::Terminal(id)) => self.handle_terminal_event(id, event),
                    Some(Source::Client(id)) => self.handle_client_event(id, event),
                    Some(Source::Listener) => self.accepting = true,
                    Some(Source::Keeper) => {
                        self.keeper.wake(event.is_readable(), event.is_writable())
                    }
                    Some(Source::Face(id)) => self.handle_pty_event(id, event),
                    None => {}
                }
            }
            if self.keeper.readable() && !self.hear_keeper()? {
                return Ok(());
            }
            if self.retiring && !self.mux.is_starting() {
                self.retire();
                return Ok(());
            }
            self.read_turn();
            self.type_turn();
            self.output_turn();
            self.accept();
            self.keeper.flush();
            let now = self.now();
            self.conns.drop_silent(now, &mut self.mux);
            self.conns.send_receipts(now, &mut self.mux);
            if self.mux.deadline().is_some_and(|at| at <= now.mono) {
                self.mux.handle_time(now, &mut self.ptys);
            }
            self.settle();
        }
    }

    /// Leaves everything to the next daemon: every face's checkpoint up to its last byte, no call in flight.
    fn retire(&mut self) {
        self.mux.checkpoint_all();
        self.ptys.ledger.start();
        self.keeper.flush();
    }

    /// How long the poll may sleep: for ever when nothing is due.
    fn timeout(&self) -> Option<Duration> {
        if !self.typing.is_empty() || !self.reading.is_empty() || self.accepting {
            return Some(Duration::ZERO);
        }
        if !self.ready.is_empty() {
            let answer = self.echo.map(|(_, until)| until.saturating_sub(self.now().mono));
            return Some(answer.unwrap_or(Duration::ZERO));
        }
        let due = [self.mux.deadline(), self.conns.deadline()].into_iter().flatten().min()?;
        Some(due.saturating_sub(self.now().mono))
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accepting {
                return;
            }
            let now = self.now();
            self.accepting = self.conns.accept(&self.listener, &mut self.mux, now, CLIENTS_MAX);
        }
    }
}

/// Connections accepted in one turn.
const ACCEPTS_PER_TURN: usize = 16;
