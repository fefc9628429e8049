//! Viewers' terminals that were handed over: written to and read from without a client process in between.
//!
//! A terminal is given back however the viewing ends: its modes undone, its settings as they were.

use super::Source;
use crate::limits::CHUNK_BYTES;
use crate::mux::{Chunk, ClientId, Mux, Now};
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
    saved: Option<Termios>,
    blocked: bool,
    /// It is gone, or its client is to be let go for another reason.
    pub dead: bool,
    /// On the list of terminals to be read.
    pub queued: bool,
}

/// All of them, by client.
#[derive(Default)]
pub(super) struct Terminals {
    pub map: BTreeMap<ClientId, Terminal>,
}

impl Terminals {
    /// Takes a terminal over. The descriptor was opened for us alone, so it may be made non-blocking.
    pub fn add(
        &mut self,
        registry: &Registry,
        id: ClientId,
        fd: OwnedFd,
        saved: Option<Termios>,
    ) -> io::Result<()> {
        crate::sys::process::set_nonblocking(&fd)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), Source::Terminal(id).token(), both)?;
        self.map.insert(id, Terminal { fd, saved, blocked: false, dead: false, queued: false });
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
        if !terminal.dead {
            // What the terminal does not take at once is lost: its person has stopped it, and waits for nothing.
            let _ = ledger.write(Kind::Other, FaceId(0), 0, id, terminal.fd.as_fd(), undo);
        }
        if let Some(saved) = terminal.saved {
            // It may be gone by now; then there is nothing to restore.
            let _ = saved.apply(&terminal.fd);
        }
        let _ = registry.deregister(&mut SourceFd(&terminal.fd.as_raw_fd()));
    }

    /// Reads once what was typed.
    pub fn read(
        &mut self,
        ledger: &mut Ledger,
        id: ClientId,
        face: FaceId,
        bytes: &mut [u8],
    ) -> io::Result<usize> {
        let Some(terminal) = self.map.get(&id) else { return Ok(0) };
        ledger.read(Kind::TermRead, face, 0, id, terminal.fd.as_fd(), bytes)
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
        while !terminal.blocked && !terminal.dead {
            let Some(face) = mux.watched(id) else { return };
            let Some(chunk) = mux.chunk(now, id, CHUNK_BYTES) else { return };
            let (offset, bytes) = match &chunk {
                Chunk::Restore { offset, bytes, .. } => (*offset, *bytes),
                Chunk::Output { offset, first, .. } => (*offset, *first),
            };
            if bytes.is_empty() {
                mux.handle_sent(now, id, 0);
                continue;
            }
            match ledger.write(Kind::TermWrite, face, offset.0, id, terminal.fd.as_fd(), bytes) {
                Ok(n) => mux.handle_sent(now, id, n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => terminal.blocked = true,
                Err(_) => terminal.dead = true,
            }
        }
    }
}
