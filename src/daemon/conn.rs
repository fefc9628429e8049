//! Connections of the Unix socket: frames in, frames out, bounded both ways.
//!
//! A viewer's output goes from the journal to the socket in one call, without a copy of ours: a frame whose head was
//! sent and whose rest was not is remembered as a length alone. That its input was accepted is told a viewer with the
//! output that follows, or a moment later: by itself it would wake a frontend once more for every keystroke.

use super::Source;
use crate::limits::{
    CHUNK_BYTES, DAEMON_DESCRIPTORS_FREE, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, GREETING_TIME,
    OUTBOX_BYTES_MAX, RECEIPT_BYTES, RECEIPT_TIME, SOCKET_READ_BYTES,
};
use crate::mux::{Chunk, ClientId, Mux, Now};
use crate::sys::process::{descriptor_limit, user};
use crate::sys::socket::{FDS_MAX, accept, peer_credentials, recv_with_fds, send_vectored};
use crate::wire::frame::{self, FrameReader, output_header, restore_header};
use crate::wire::{Message, Refusal, Reply, ViewerNote, encode};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// One connection.
pub(super) struct Conn {
    socket: OwnedFd,
    pub reader: FrameReader,
    /// What came with it that only a terminal or an upgrade has.
    lent: Option<Box<Lent>>,
    outbox: VecDeque<Vec<u8>>,
    outbox_bytes: usize,
    /// How much of the outbox's first message was sent.
    sent: usize,
    /// It is among those to be sent to in this turn.
    touched: bool,
    frame: Option<Begun>,
    blocked: bool,
    /// The poll tells when it takes more: asked for only once it was blocked.
    tells_room: bool,
    receipt: Receipt,
    /// The peer has closed: what it sent before is read to the end.
    pub hung_up: bool,
    /// Its frames wait: for the answer to an earlier one, or for it to read.
    pub waiting: bool,
    /// Closes once all is sent.
    pub closing: bool,
    pub dead: bool,
}

/// What few connections have.
#[derive(Default)]
struct Lent {
    fds: VecDeque<OwnedFd>,
    /// The saved settings of the terminal that came over this connection.
    termios: Vec<u8>,
}

// Most connections are viewers', of which there may be many.
const _: () = assert!(size_of::<Conn>() <= 200);

/// What a viewer is still to be told of the input that was accepted.
#[derive(Default)]
struct Receipt {
    /// Up to where.
    upto: u64,
    /// Up to where it knows.
    told: u64,
    /// Whether its turn to be told without any output has been set.
    due: bool,
}

/// A frame whose head is on its way.
struct Begun {
    header: [u8; FRAME_HEADER_BYTES],
    header_sent: usize,
    left: usize,
}

/// All of them.
pub(super) struct Conns {
    pub map: BTreeMap<ClientId, Box<Conn>>,
    next: ClientId,
    /// Who has not said what it is, and until when it may.
    silent: VecDeque<(Duration, ClientId)>,
    /// Who is to be told that its input was accepted, and when, should no output have told it before.
    receipts: VecDeque<(Duration, ClientId)>,
    bytes: Vec<u8>,
    /// How many descriptors this process may have.
    descriptors: u64,
    registry: Registry,
}

/// Says why a connection is not taken, if that can be said at once.
fn turn_away(socket: &OwnedFd, sentence: String) {
    log::warn!("refused a connection: {sentence}");
    let reply = Message::Reply(Box::new(Reply::Refused(Refusal::Limit(sentence))));
    let framed = frame::framed(&encode(&reply).unwrap_or_default());
    let greeting = frame::preamble();
    let parts = [IoSlice::new(&greeting), IoSlice::new(&framed)];
    // It is closed in any case.
    let _ = send_vectored(socket.as_fd(), &parts);
}

impl Conns {
    /// None yet; `registry` is the poll's.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn new(registry: &Registry) -> io::Result<Conns> {
        Ok(Conns {
            map: BTreeMap::new(),
            next: 1,
            silent: VecDeque::new(),
            receipts: VecDeque::new(),
            bytes: vec![0; SOCKET_READ_BYTES],
            descriptors: descriptor_limit(),
            registry: registry.try_clone()?,
        })
    }

    /// Accepts one connection. Gives whether there may be another.
    pub fn accept(
        &mut self,
        listener: &UnixListener,
        mux: &mut Mux,
        now: Now,
        most: usize,
    ) -> bool {
        let socket = match accept(listener.as_fd()) {
            Ok(socket) => socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => {
                log::warn!("accept a connection: {error}");
                return false;
            }
        };
        match peer_credentials(&socket) {
            Ok(peer) if peer.uid == user() || peer.uid == 0 => {}
            Ok(peer) => {
                log::warn!("refused a connection of uid {} (pid {})", peer.uid, peer.pid);
                return true;
            }
            Err(error) => {
                log::warn!("refused a connection without credentials: {error}");
                return true;
            }
        }
        let spare = DAEMON_DESCRIPTORS_FREE.min(self.descriptors / 4);
        if socket.as_raw_fd() as u64 + spare >= self.descriptors {
            let limit = self.descriptors;
            turn_away(&socket, format!("the server's limit of {limit} descriptors is reached"));
            return true;
        }
        if self.map.len() >= most {
            turn_away(&socket, format!("{most} connections are open, the limit"));
            return true;
        }
        let id = self.next;
        self.next += 1;
        let (fd, token) = (socket.as_raw_fd(), Source::Client(id).token());
        let watched = self.registry.register(&mut SourceFd(&fd), token, Interest::READABLE);
        if let Err(error) = watched {
            log::warn!("watch a connection: {error}");
            return true;
        }
        let mut conn = Conn {
            socket,
            reader: FrameReader::new(),
            lent: None,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            sent: 0,
            touched: false,
            frame: None,
            blocked: false,
            tells_room: false,
            receipt: Receipt::default(),
            hung_up: false,
            waiting: false,
            closing: false,
            dead: false,
        };
        conn.push(frame::preamble().to_vec());
        self.map.insert(id, Box::new(conn));
        self.silent.push_back((now.mono + GREETING_TIME, id));
        mux.handle_connect(id);
        true
    }

    /// When the first that has not said what it is is to go, or a receipt is due.
    pub fn deadline(&self) -> Option<Duration> {
        let first = [self.silent.front(), self.receipts.front()];
        first.into_iter().flatten().map(|(due, _)| *due).min()
    }

    /// Tells what was accepted where no output has told it.
    pub fn send_receipts(&mut self, now: Now, mux: &mut Mux) {
        while let Some((due, id)) = self.receipts.front().copied() {
            let owes = self.map.get(&id).is_some_and(|conn| conn.owes_receipt());
            if owes && due > now.mono {
                return;
            }
            self.receipts.pop_front();
            if let Some(conn) = self.map.get_mut(&id) {
                conn.receipt.due = false;
                conn.tell_accepted();
                self.pump(id, mux, now);
            }
        }
    }

    /// Closes connections that have not said in time what they are.
    pub fn drop_silent(&mut self, now: Now, mux: &mut Mux) {
        while let Some((due, id)) = self.silent.front().copied() {
            let waiting = self.map.get(&id).is_some_and(|c| !c.reader.greeted());
            if waiting && due > now.mono {
                return;
            }
            self.silent.pop_front();
            if waiting {
                log::warn!(
                    "closed a connection that said nothing for {} s",
                    GREETING_TIME.as_secs()
                );
                self.map.remove(&id);
                mux.handle_disconnect(now, id);
            }
        }
    }

    /// Reads once. Gives `false` when the connection is at its end.
    pub fn read(&mut self, id: ClientId) -> io::Result<Reading> {
        let Some(conn) = self.map.get_mut(&id) else { return Ok(Reading::End) };
        match recv_with_fds(conn.socket.as_fd(), &mut self.bytes) {
            Ok((0, _)) => Ok(Reading::End),
            Ok((n, fds)) => {
                conn.reader.push(&self.bytes[..n]);
                // A read ends where descriptors came with it; any other short one has emptied the socket, and what
                // comes later wakes us.
                let emptied = n < self.bytes.len() && fds.is_empty() && !conn.hung_up;
                if !fds.is_empty() {
                    let lent = conn.lent.get_or_insert_default();
                    lent.fds.extend(fds);
                    lent.fds.truncate(FDS_MAX);
                }
                Ok(if emptied { Reading::Last } else { Reading::Some })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Reading::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Reading::Some),
            Err(error) => Err(error),
        }
    }

    /// Sends what a client is due, as far as its socket takes it.
    pub fn pump(&mut self, id: ClientId, mux: &mut Mux, now: Now) {
        let Some(conn) = self.map.get_mut(&id) else { return };
        conn.touched = false;
        conn.pump(id, mux, now);
        if conn.owes_receipt() && !std::mem::replace(&mut conn.receipt.due, true) {
            self.receipts.push_back((now.mono + RECEIPT_TIME, id));
        }
        if conn.blocked && !std::mem::replace(&mut conn.tells_room, true) {
            let both = Interest::READABLE | Interest::WRITABLE;
            let (fd, token) = (conn.raw_fd(), Source::Client(id).token());
            if let Err(error) = self.registry.reregister(&mut SourceFd(&fd), token, both) {
                log::error!("watch a connection for room: {error}");
                conn.dead = true;
            }
        }
    }
}

/// What came of a read.
pub(super) enum Reading {
    /// Bytes; there may be more.
    Some,
    /// Bytes, and no more for now.
    Last,
    /// None for now.
    Nothing,
    /// The peer is done.
    End,
}

impl Conn {
    /// The descriptor, to be taken off the poll.
    pub fn raw_fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// It is to be sent to once the turn's effects are done: `touched` names it, once.
    pub fn touch(&mut self, id: ClientId, touched: &mut Vec<ClientId>) {
        if !std::mem::replace(&mut self.touched, true) {
            touched.push(id);
        }
    }

    /// The first descriptor that came over it and was not taken yet.
    pub fn take_fd(&mut self) -> Option<OwnedFd> {
        self.lent.as_mut()?.fds.pop_front()
    }

    /// The saved settings of the terminal that came over it.
    pub fn termios(&self) -> &[u8] {
        self.lent.as_ref().map_or(&[], |lent| &lent.termios[..])
    }

    /// A terminal with these settings came over it.
    pub fn keep_termios(&mut self, termios: Vec<u8>) {
        self.lent.get_or_insert_default().termios = termios;
    }

    /// The socket takes more again.
    pub fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Whether its requests are to wait until it has read some answers.
    pub fn is_full(&self) -> bool {
        self.outbox_bytes > OUTBOX_BYTES_MAX
    }

    /// Everything was sent.
    pub fn is_drained(&self) -> bool {
        self.outbox.is_empty() && self.frame.is_none()
    }

    /// Puts a message into the outbox.
    pub fn send(&mut self, message: &Message) {
        if let Message::Viewer(ViewerNote::Accepted { upto }) = message {
            self.receipt.upto = *upto;
            // Who types much waits for room.
            if self.receipt.upto.saturating_sub(self.receipt.told) >= RECEIPT_BYTES {
                self.tell_accepted();
            }
            return;
        }
        self.tell_accepted();
        self.push(framed(message));
        if self.is_full() && matches!(message, Message::Event(_)) {
            log::warn!("closed a connection that watches and does not read");
            self.dead = true;
        }
    }

    fn owes_receipt(&self) -> bool {
        self.receipt.upto > self.receipt.told
    }

    /// Puts what was accepted and not told into the outbox.
    fn tell_accepted(&mut self) {
        if let Some(note) = self.take_receipt() {
            self.push(note);
        }
    }

    fn take_receipt(&mut self) -> Option<Vec<u8>> {
        if !self.owes_receipt() {
            return None;
        }
        let upto = self.receipt.upto;
        self.receipt.told = upto;
        Some(framed(&Message::Viewer(ViewerNote::Accepted { upto })))
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.outbox_bytes += bytes.len();
        self.outbox.push_back(bytes);
    }

    fn pump(&mut self, id: ClientId, mux: &mut Mux, now: Now) {
        while !self.blocked && !self.dead {
            let went = if self.frame.is_some() {
                self.go_on(id, mux, now)
            } else if !self.outbox.is_empty() {
                self.send_outbox()
            } else if self.closing || !mux.streams(id) || !self.begin(id, mux, now) {
                break;
            } else {
                Ok(())
            };
            match went {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(_) => self.dead = true,
            }
        }
        if self.blocked {
            mux.handle_blocked(now, id);
        }
    }

    fn send_outbox(&mut self) -> io::Result<()> {
        let parts: Vec<IoSlice<'_>> = self
            .outbox
            .iter()
            .take(16)
            .enumerate()
            .map(|(i, bytes)| IoSlice::new(if i == 0 { &bytes[self.sent..] } else { bytes }))
            .collect();
        let mut n = send_vectored(self.socket.as_fd(), &parts)?;
        self.outbox_bytes -= n;
        while let Some(first) = self.outbox.front() {
            let left = first.len() - self.sent;
            if n < left {
                self.sent += n;
                break;
            }
            n -= left;
            self.sent = 0;
            self.outbox.pop_front();
        }
        if self.outbox.is_empty() {
            self.outbox = VecDeque::new();
        }
        Ok(())
    }

    /// Begins the next frame of a viewer's stream. Gives whether there was one.
    fn begin(&mut self, id: ClientId, mux: &mut Mux, now: Now) -> bool {
        let Some(chunk) = mux.chunk(now, id, CHUNK_BYTES) else { return false };
        let receipt = self.take_receipt().unwrap_or_default();
        let len = chunk.len();
        let header = match &chunk {
            Chunk::Restore { offset, first, last, .. } => {
                restore_header(*offset, *first, *last, len)
            }
            Chunk::Output { offset, .. } => output_header(*offset, len),
        };
        let (first, second) = match &chunk {
            Chunk::Restore { bytes, .. } => (*bytes, &[][..]),
            Chunk::Output { first, second, .. } => (*first, *second),
        };
        let parts = [&receipt, &header[..], first, second].map(IoSlice::new);
        let sent = match send_vectored(self.socket.as_fd(), &parts) {
            Ok(n) => n,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                self.blocked = error.kind() == ErrorKind::WouldBlock;
                0
            }
            Err(_) => {
                self.dead = true;
                return true;
            }
        };
        let Some(sent) = sent.checked_sub(receipt.len()).filter(|_| sent > 0) else {
            // Its rest goes first, and the frame is begun again.
            if sent < receipt.len() {
                self.push(receipt[sent..].to_vec());
            }
            return true;
        };
        let header_sent = sent.min(FRAME_HEADER_BYTES);
        let body = sent - header_sent;
        mux.handle_sent(now, id, body);
        if header_sent < FRAME_HEADER_BYTES || body < len {
            self.frame = Some(Begun { header, header_sent, left: len - body });
        }
        true
    }

    /// Sends more of a frame that was begun.
    fn go_on(&mut self, id: ClientId, mux: &mut Mux, now: Now) -> io::Result<()> {
        static FILL: [u8; 4096] = [0; 4096];
        let Some(begun) = &mut self.frame else { return Ok(()) };
        let header = &begun.header[begun.header_sent..];
        let (mut first, second) = mux.rest_of_frame(id, begun.left);
        if first.is_empty() && begun.left > 0 {
            first = &FILL[..begun.left.min(FILL.len())];
        }
        let parts = [IoSlice::new(header), IoSlice::new(first), IoSlice::new(second)];
        let sent = send_vectored(self.socket.as_fd(), &parts)?;
        let of_header = sent.min(header.len());
        begun.header_sent += of_header;
        let body = sent - of_header;
        begun.left -= body;
        if begun.header_sent == FRAME_HEADER_BYTES && begun.left == 0 {
            self.frame = None;
        }
        mux.handle_sent(now, id, body);
        Ok(())
    }
}

/// A message with its length before it.
fn framed(message: &Message) -> Vec<u8> {
    match encode(message) {
        Ok(payload) => frame::framed(&payload),
        Err(error) => {
            log::error!("a message for a client: {error}");
            Vec::new()
        }
    }
}

const _: () = assert!(SOCKET_READ_BYTES <= FRAME_BYTES_MAX);
