//! Viewers' terminals that were handed over: written to and read from without a client process in between.
//!
//! A terminal is given back however the viewing ends: its modes undone, its settings as they were.

use super::Source;
use super::handed::{self, Pen};
use super::remembered::Remembered;
use crate::mux::{Chunk, ClientId, Mux, Now, Typist};
use crate::sys::ledger::{Kind, Ledger};
use crate::sys::tty::Termios;
use crate::units::FaceId;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// One terminal.
pub(super) struct Terminal {
    fd: OwnedFd,
    token: u64,
    saved: Option<Termios>,
    blocked: bool,
    /// It is gone, or its client is to be let go for another reason.
    pub dead: bool,
    /// On the list of terminals to be read.
    pub queued: bool,
    /// To be read as soon as the face's queue has room.
    pub unread: bool,
}

/// All of them, by client.
pub(super) struct Terminals {
    pub map: BTreeMap<ClientId, Terminal>,
    pub remembered: Remembered,
    /// Tokens of those who pressed the keys to detach and were given their terminal back: remembered until their
    /// connection is gone, for a daemon that dies meanwhile has not told them yet.
    leaving: BTreeMap<ClientId, u64>,
}

impl Terminals {
    /// None yet.
    pub fn new(remembered: Remembered) -> Terminals {
        Terminals { map: BTreeMap::new(), remembered, leaving: BTreeMap::new() }
    }

    /// Takes a terminal over. The descriptor was opened for us alone, so it may be made non-blocking.
    pub fn add(
        &mut self,
        registry: &Registry,
        id: ClientId,
        fd: OwnedFd,
        token: u64,
        saved: Option<Termios>,
    ) -> io::Result<()> {
        crate::sys::process::set_nonblocking(&fd)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), Source::Terminal(id).token(), both)?;
        self.map.insert(
            id,
            Terminal {
                fd,
                token,
                saved,
                blocked: false,
                dead: false,
                queued: false,
                unread: false,
            },
        );
        Ok(())
    }

    /// Gives a terminal back.
    pub fn give_back(
        &mut self,
        registry: &Registry,
        ledger: &mut Ledger,
        id: ClientId,
        undo: &[u8],
    ) {
        let Some(terminal) = self.map.remove(&id) else { return };
        let undo = if terminal.dead { b"" } else { undo };
        let mut pen = Written { ledger, terminal: &terminal, id };
        handed::give_back(&mut pen, &mut self.remembered, terminal.token, undo);
        if let Some(saved) = terminal.saved {
            // It may be gone by now; then there is nothing to restore.
            let _ = saved.apply(&terminal.fd);
        }
        let _ = registry.deregister(&mut SourceFd(&terminal.fd.as_raw_fd()));
        if self.remembered.leaves(terminal.token) {
            self.leaving.insert(id, terminal.token);
        }
    }

    /// The connection of a client is gone.
    pub fn forget(&mut self, id: ClientId) {
        if let Some(token) = self.leaving.remove(&id) {
            self.remembered.forget(token);
        }
    }

    /// Reads once what was typed, into `remembered.keys()`.
    pub fn read(&mut self, ledger: &mut Ledger, id: ClientId, typist: Typist) -> io::Result<usize> {
        let Some(terminal) = self.map.get(&id) else { return Ok(0) };
        let keys = self.remembered.keys();
        ledger.read(
            Kind::TermRead,
            typist.face,
            typist.position,
            typist.token,
            terminal.fd.as_fd(),
            keys,
        )
    }

    /// The terminal takes more again.
    pub fn unblock(&mut self, id: ClientId) {
        if let Some(terminal) = self.map.get_mut(&id) {
            terminal.blocked = false;
        }
    }

    /// Writes what a viewer is due, as far as its terminal takes it.
    pub fn pump(&mut self, ledger: &mut Ledger, id: ClientId, mux: &mut Mux, now: Now) {
        let Some(terminal) = self.map.get_mut(&id) else { return };
        let ready = !terminal.blocked && !terminal.dead;
        let mut pen = Written { ledger, terminal, id };
        match handed::pump(&mut pen, &mut self.remembered, mux, now, (id, ready)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => terminal.blocked = true,
            Err(_) => terminal.dead = true,
        }
    }
}

/// A terminal under the daemon's hand.
struct Written<'a> {
    ledger: &'a mut Ledger,
    terminal: &'a Terminal,
    id: ClientId,
}

impl Pen for Written<'_> {
    fn write(&mut self, whose: Typist, chunk: &Chunk<'_>) -> io::Result<usize> {
        let (kind, offset, bytes) = handed::stroke(chunk);
        let fd = self.terminal.fd.as_fd();
        self.ledger.write(kind, whose.face, offset, whose.token, fd, bytes)
    }

    fn undo(&mut self, bytes: &[u8]) {
        let fd = self.terminal.fd.as_fd();
        // What the terminal does not take at once is lost: its person has stopped it, and waits for nothing.
        let _ = self.ledger.write(Kind::Other, FaceId(0), 0, self.id, fd, bytes);
    }
}
