//! One turn of the loop: what may be read is read, in shares bounded by bytes.

use super::conn::Reading;
use super::keeper::Heard;
use super::{Daemon, handed, start};
use crate::limits::{ECHO_TIME, PTY_READ_BYTES, TURN_BYTES, TYPED_BYTES};
use crate::mux::ClientId;
use crate::planted::pass;
use crate::sys::SysError;
use crate::sys::ledger::Kind;
use crate::units::FaceId;
use crate::wire::keeper::{FromKeeper, ToKeeper};
use crate::wire::{Frame, Holder, Message, Refusal, Reply, Request, decode};
use mio::event::Event;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;

/// A read that gave fewer bytes than this emptied the PTY: what comes later wakes the poll again.
const READ_EMPTIED_BELOW: usize = 2048;
/// Reads of one client's socket in one turn.
const READS_PER_TURN: usize = 8;

impl Daemon {
    pub(super) fn handle_pty_event(&mut self, id: FaceId, event: &Event) {
        let Some(pty) = self.ptys.map.get_mut(&id) else { return };
        pty.hung_up |= event.is_read_closed() || event.is_error();
        if event.is_readable() || pty.hung_up {
            pty.readable = true;
            self.queue_face(id);
        }
        if event.is_writable()
            && let Some(pty) = self.ptys.map.get_mut(&id)
            && pty.write_blocked
        {
            pty.write_blocked = false;
            self.write_pty(id);
        }
    }

    pub(super) fn queue_face(&mut self, id: FaceId) {
        if let Some(pty) = self.ptys.map.get_mut(&id)
            && !pty.queued
        {
            pty.queued = true;
            self.ready.push_back(id);
        }
    }

    /// A client has typed: its face's program is to answer before others go on.
    fn await_echo(&mut self, id: ClientId) {
        if let Some(face) = self.mux.watched(id) {
            self.echo = Some((face, self.now().mono + ECHO_TIME));
        }
    }

    /// Every face that is ready has one share.
    pub(super) fn output_turn(&mut self) {
        if self.echo.is_some_and(|(_, until)| until <= self.now().mono) {
            self.echo = None;
        }
        for _ in 0..self.ready.len() {
            let Some(id) = self.ready.pop_front() else { return };
            if self.echo.is_some_and(|(face, _)| face != id) {
                self.ready.push_back(id);
                continue;
            }
            let Some(pty) = self.ptys.map.get_mut(&id) else { continue };
            pty.queued = false;
            if self.read_pty(id) {
                self.queue_face(id);
            }
            self.settle();
        }
    }

    /// Reads one share of a face's output. Gives whether more may be there.
    fn read_pty(&mut self, id: FaceId) -> bool {
        let mut share = TURN_BYTES;
        while share > 0 {
            let now = self.now();
            let Some((offset, space)) = self.mux.space(now, id, PTY_READ_BYTES) else {
                return false;
            };
            let Some(pty) = self.ptys.map.get_mut(&id) else { return false };
            if space.is_empty() {
                pty.held = true;
                return false;
            }
            let (to_the_end, wanted) = (pty.hung_up || pty.exhaust, space.len());
            let Some((ledger, master)) = self.ptys.parts(id) else { return false };
            let got = ledger.read(Kind::PtyRead, id, offset.0, 0, master, space);
            match got {
                Ok(n) if n > 0 => {
                    self.ptys.ledger.mark_parsing(id, offset.0);
                    self.mux.handle_output(now, id, n);
                    self.echo = self.echo.filter(|(face, _)| *face != id);
                    self.ptys.ledger.parsed();
                    pass("parsed");
                    share = share.saturating_sub(n);
                    if n < READ_EMPTIED_BELOW && n < wanted && !to_the_end {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.ptys.map.get(&id).is_some_and(|p| p.exhaust) {
                        self.mux.handle_hangup(now, id);
                    }
                    return false;
                }
                // EIO: the slave is gone, which is the end of output (pty(7)); so is an end of file.
                _ => {
                    self.mux.handle_hangup(now, id);
                    return false;
                }
            }
        }
        true
    }

    /// Writes what a face's program is to read, as far as its PTY takes it.
    pub(super) fn write_pty(&mut self, id: FaceId) {
        loop {
            let now = self.now();
            if self.ptys.map.get(&id).is_none_or(|p| p.write_blocked) {
                return;
            }
            let Some((position, bytes)) = self.mux.pending_input(id) else { return };
            let Some((ledger, master)) = self.ptys.parts(id) else { return };
            match ledger.write(Kind::PtyWrite, id, position, 0, master, bytes) {
                Ok(n) => {
                    self.mux.handle_written(now, id, n, &mut self.ptys);
                    self.type_again(id);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() != ErrorKind::WouldBlock {
                        log::debug!("face {id}: write input: {error}");
                    }
                    if let Err(error) = self.ptys.await_room(self.poll.registry(), id) {
                        log::error!("face {id}: watch its PTY for room: {error}");
                    }
                    return;
                }
            }
        }
    }

    /// Terminals that waited for room in a face's queue are read again.
    fn type_again(&mut self, face: FaceId) {
        for (id, terminal) in &mut self.terminals.map {
            if terminal.unread && self.mux.watched(*id) == Some(face) {
                terminal.unread = false;
                if !std::mem::replace(&mut terminal.queued, true) {
                    self.typing.push_back(*id);
                }
            }
        }
    }

    pub(super) fn handle_terminal_event(&mut self, id: ClientId, event: &Event) {
        if event.is_writable() {
            self.terminals.unblock(id);
            let now = self.now();
            self.terminals.pump(&mut self.ptys.ledger, id, &mut self.mux, now);
        }
        let Some(terminal) = self.terminals.map.get_mut(&id) else { return };
        terminal.dead |= event.is_read_closed() || event.is_error();
        if (event.is_readable() || terminal.dead) && !terminal.queued {
            terminal.queued = true;
            self.typing.push_back(id);
        }
        self.settle();
    }

    /// Every handed terminal on which something was typed is read once.
    pub(super) fn type_turn(&mut self) {
        for _ in 0..self.typing.len() {
            let Some(id) = self.typing.pop_front() else { return };
            let Some(terminal) = self.terminals.map.get_mut(&id) else { continue };
            terminal.queued = false;
            if terminal.dead {
                self.let_go(id);
                continue;
            }
            if !self.mux.may_type(id) {
                terminal.unread = true;
                continue;
            }
            let Some(typist) = self.mux.typist(id) else { continue };
            let now = self.now();
            match self.terminals.read(&mut self.ptys.ledger, id, typist) {
                Ok(0) => self.let_go(id),
                Ok(n) => {
                    self.mux.handle_keys(
                        now,
                        id,
                        &self.terminals.remembered.keys()[..n],
                        &mut self.ptys,
                    );
                    handed::note_keys(&mut self.terminals.remembered, &self.mux, id, typist, n);
                    self.await_echo(id);
                    if n == TYPED_BYTES
                        && let Some(terminal) = self.terminals.map.get_mut(&id)
                    {
                        terminal.queued = true;
                        self.typing.push_back(id);
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => self.let_go(id),
            }
            self.settle();
        }
    }

    pub(super) fn handle_client_event(&mut self, id: ClientId, event: &Event) {
        if event.is_writable()
            && let Some(conn) = self.conns.map.get_mut(&id)
        {
            conn.unblock();
            let now = self.now();
            self.conns.pump(id, &mut self.mux, now);
            self.settle();
        }
        let hung_up = event.is_read_closed() || event.is_error();
        if event.is_readable() || hung_up {
            if let Some(conn) = self.conns.map.get_mut(&id) {
                conn.hung_up |= hung_up;
            }
            self.read_client(id);
        }
    }

    /// A client whose frames waited may go on, in its turn.
    pub(super) fn read_on(&mut self, id: ClientId) {
        if let Some(conn) = self.conns.map.get_mut(&id) {
            conn.waiting = false;
            self.reading.push_back(id);
        }
    }

    /// Clients whose frames waited go on.
    pub(super) fn read_turn(&mut self) {
        for _ in 0..self.reading.len() {
            let Some(id) = self.reading.pop_front() else { return };
            self.read_client(id);
        }
    }

    /// Reads and obeys one client until its socket is empty, it waits for an answer, or it has had its share.
    fn read_client(&mut self, id: ClientId) {
        for _ in 0..READS_PER_TURN {
            if !self.obey(id) {
                return;
            }
            match self.conns.read(id) {
                Ok(Reading::Some) => {}
                Ok(Reading::Last) => {
                    self.obey(id);
                    return;
                }
                Ok(Reading::Nothing) => return,
                Ok(Reading::End) => return self.let_go(id),
                Err(_) => return self.let_go(id),
            }
        }
        self.read_on(id);
    }

    /// Does what the frames read so far ask. Gives whether the client is to be read on.
    fn obey(&mut self, id: ClientId) -> bool {
        loop {
            let now = self.now();
            let Some(conn) = self.conns.map.get_mut(&id) else { return false };
            if self.mux.is_parked(id) || conn.is_full() {
                conn.waiting = true;
                return false;
            }
            if conn.closing || conn.dead {
                return true;
            }
            match conn.reader.next() {
                Ok(None) => return true,
                Ok(Some(Frame::Input { at, bytes })) => {
                    self.mux.handle_input(now, id, at, bytes, &mut self.ptys);
                    self.await_echo(id);
                }
                Ok(Some(Frame::Message(bytes))) => match decode::<Request>(bytes) {
                    Ok(request) => self.obey_request(id, request),
                    Err(error) => return self.close_hostile(id, &error.to_string()),
                },
                Ok(Some(_)) => return self.close_hostile(id, "a frame only the daemon sends"),
                Err(error) => return self.close_hostile(id, &error.to_string()),
            }
            self.settle();
        }
    }

    fn close_hostile(&mut self, id: ClientId, why: &str) -> bool {
        log::warn!("closed a connection: {why}");
        // The preamble may still be on its way: it tells a peer of another version which one we speak.
        let now = self.now();
        self.conns.pump(id, &mut self.mux, now);
        self.let_go(id);
        false
    }

    fn obey_request(&mut self, id: ClientId, mut request: Request) {
        let now = self.now();
        let handed = match &request {
            Request::Attach(attach) => match &attach.holder {
                Holder::Daemon { termios, .. } => Some((attach.token, termios.clone())),
                Holder::Client | Holder::Nobody { .. } => None,
            },
            Request::Resume { .. } => self.yielded(id),
            _ => None,
        };
        let lent = handed.is_some();
        if let Some((token, termios)) = handed
            && let Err(why) = self.take_terminal(id, token, termios)
        {
            if let Some(conn) = self.conns.map.get_mut(&id) {
                conn.send(&Message::Reply(Box::new(Reply::Refused(Refusal::Invalid(why)))));
            }
            self.conns.pump(id, &mut self.mux, now);
            return;
        }
        if let Request::Attach(attach) = &mut request {
            handed::find_place(&self.terminals.remembered, attach);
        }
        self.mux.handle_request(now, id, request, &mut self.ptys);
        if !lent {
            return;
        }
        // Refused: nobody has written to it. One that was watched is given back with its modes undone.
        match self.mux.typist(id) {
            None => self.terminals.give_back(self.poll.registry(), &mut self.ptys.ledger, id, b""),
            Some(typist) => {
                let remembered = &mut self.terminals.remembered;
                handed::seat(remembered, &mut self.mux, now, (id, typist), &mut self.ptys);
            }
        }
    }

    /// Whose a terminal is that was taken back for a while, and its settings, still to be put back at the end.
    fn yielded(&self, id: ClientId) -> Option<(u64, Vec<u8>)> {
        let typist = self.mux.typist(id)?;
        Some((typist.token, self.conns.map.get(&id)?.termios().to_vec()))
    }

    /// Takes over the terminal whose descriptor came with a request.
    fn take_terminal(&mut self, id: ClientId, token: u64, termios: Vec<u8>) -> Result<(), String> {
        let conn = self.conns.map.get_mut(&id).ok_or("no connection")?;
        let fd = conn.take_fd().ok_or("no descriptor came with the request")?;
        if !crate::sys::tty::is_terminal(&fd) {
            return Err("the descriptor is no terminal".into());
        }
        let saved = crate::sys::tty::Termios::from_bytes(&termios);
        conn.keep_termios(termios);
        self.terminals
            .add(self.poll.registry(), id, fd, token, saved)
            .map_err(|error| format!("watch the terminal: {error}"))
    }

    /// A client is gone, or is to go: its terminal is given back, its viewing ends.
    pub(super) fn let_go(&mut self, id: ClientId) {
        let now = self.now();
        self.mux.handle_disconnect(now, id);
        self.settle();
        self.conns.map.remove(&id);
        self.terminals.give_back(self.poll.registry(), &mut self.ptys.ledger, id, b"");
        self.terminals.forget(id);
    }

    /// Does what the keeper says. Gives `false` when it is gone.
    pub(super) fn hear_keeper(&mut self) -> Result<bool, SysError> {
        loop {
            match self.keeper.hear() {
                Heard::Nothing => return Ok(true),
                Heard::Gone => return Ok(false),
                Heard::Message(message, fds) => self.obey_keeper(message, fds),
            }
        }
    }

    /// Does one thing the keeper says.
    pub(super) fn obey_keeper(&mut self, message: FromKeeper, fds: Vec<OwnedFd>) {
        let now = self.now();
        match message {
            FromKeeper::Spawned { id, pid } => match start::face_parts(fds) {
                Ok((master, memory)) => {
                    if let Err(error) = self.ptys.add(self.poll.registry(), id, master) {
                        log::error!("face {id}: watch its PTY: {error}");
                    }
                    self.mux.handle_spawned(now, id, pid, memory);
                }
                Err(error) => {
                    log::error!("face {id}: {error}");
                    self.keeper.tell(&ToKeeper::End { id, grace_ms: 0 });
                    self.mux.handle_spawn_failed(now, id, 0, &error.to_string());
                }
            },
            FromKeeper::SpawnFailed { id, errno, what } => {
                self.mux.handle_spawn_failed(now, id, errno, &what)
            }
            FromKeeper::Exited { id, exit, reaped } => {
                self.mux.handle_exited(now, id, exit, reaped)
            }
            FromKeeper::Reserved { upto } => self.mux.handle_reserved(now, upto, &mut self.ptys),
            FromKeeper::Drain => self.mux.handle_drain(now),
            FromKeeper::Retire => self.retiring = true,
            // Only one on trial waits for it.
            FromKeeper::Begin => {}
            FromKeeper::Processes(json) => self.mux.handle_processes(json),
            FromKeeper::Start(_)
            | FromKeeper::Face(_)
            | FromKeeper::Certificate { .. }
            | FromKeeper::Go => {
                log::error!("the keeper starts a daemon that has started");
            }
        }
        self.settle();
    }
}
