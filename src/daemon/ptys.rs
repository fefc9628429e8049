//! The faces' PTYs: masters, readiness, and what only the kernel knows of what runs behind them.

use super::Source;
use crate::mux::Kernel;
use crate::sys::ledger::Ledger;
use crate::sys::{procfs, tty};
use crate::units::{FaceId, Size};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// One face's master.
pub(super) struct Pty {
    pub master: OwnedFd,
    /// The poll said there is something to read, and EAGAIN has not been seen since.
    pub readable: bool,
    /// Nothing holds the slave any more: what is left ends in EIO.
    pub hung_up: bool,
    /// The child is gone: the first EAGAIN is the end as well.
    pub exhaust: bool,
    /// The last write was refused: wait for the poll.
    pub write_blocked: bool,
    /// The poll tells when it takes more: asked for only once a write was refused.
    tells_room: bool,
    /// On the ready list.
    pub queued: bool,
    /// The journal has no room: wait for `Effect::Read`.
    pub held: bool,
}

/// All masters, and the ledger every read and write of a terminal goes through.
pub(super) struct Ptys {
    pub map: BTreeMap<FaceId, Pty>,
    pub ledger: Ledger,
}

impl Ptys {
    pub fn add(&mut self, registry: &Registry, id: FaceId, master: OwnedFd) -> io::Result<()> {
        crate::sys::process::set_nonblocking(&master)?;
        tty::set_packet_mode(&master, self.ledger.uses_packets())?;
        let token = Source::Face(id).token();
        registry.register(&mut SourceFd(&master.as_raw_fd()), token, Interest::READABLE)?;
        let pty = Pty {
            master,
            readable: false,
            hung_up: false,
            exhaust: false,
            write_blocked: false,
            tells_room: false,
            queued: false,
            held: false,
        };
        self.map.insert(id, pty);
        Ok(())
    }

    /// The PTY took less than there was: the poll tells when it takes more. Not before, for each key its program reads
    /// makes room, which would wake us for nothing.
    pub fn await_room(&mut self, registry: &Registry, id: FaceId) -> io::Result<()> {
        let Some(pty) = self.map.get_mut(&id) else { return Ok(()) };
        pty.write_blocked = true;
        if std::mem::replace(&mut pty.tells_room, true) {
            return Ok(());
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.reregister(&mut SourceFd(&pty.master.as_raw_fd()), Source::Face(id).token(), both)
    }

    pub fn remove(&mut self, registry: &Registry, id: FaceId) {
        if let Some(pty) = self.map.remove(&id) {
            // The descriptor is closed next, which takes it off the poll in any case.
            let _ = registry.deregister(&mut SourceFd(&pty.master.as_raw_fd()));
        }
    }

    pub fn set_size(&self, id: FaceId, size: Size, cell: (u16, u16)) {
        let Some(pty) = self.map.get(&id) else { return };
        let pixels = (cell.0.saturating_mul(size.cols()), cell.1.saturating_mul(size.rows()));
        let size = tty::WindowSize { rows: size.rows(), cols: size.cols(), pixels };
        if let Err(error) = tty::set_window_size(&pty.master, size) {
            log::warn!("face {id}: set size: {error}");
        }
    }

    /// A master to read or write beside the ledger.
    pub fn parts(&mut self, id: FaceId) -> Option<(&mut Ledger, BorrowedFd<'_>)> {
        let pty = self.map.get(&id)?;
        Some((&mut self.ledger, pty.master.as_fd()))
    }
}

impl Kernel for Ptys {
    fn line_mode(&mut self, face: FaceId) -> bool {
        let termios = self.map.get(&face).and_then(|pty| tty::Termios::of(&pty.master).ok());
        termios.is_some_and(|t| t.is_canonical())
    }

    fn waiting(&mut self, face: FaceId) -> bool {
        let Some(pty) = self.map.get(&face) else { return false };
        let Ok(Some(group)) = tty::foreground_group(&pty.master) else { return false };
        self.ledger.other(|| procfs::sleeping_in_tty_read(group))
    }
}
