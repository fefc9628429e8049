//! Connections of the Unix socket: frames in, frames out, bounded both ways.
//!
//! A viewer's output goes from the journal to the socket in one call, without a copy of ours: a frame whose head was
//! sent and whose rest was not is remembered as a length alone.

use super::Source;
use crate::limits::{
    CHUNK_BYTES, DAEMON_DESCRIPTORS_FREE, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, GREETING_TIME,
    OUTBOX_BYTES_MAX, SOCKET_READ_BYTES,
};
use crate::mux::{Chunk, ClientId, Mux, Now};
use crate::sys::process::{descriptor_limit, user};
use crate::sys::socket::{FDS_MAX, accept, peer_credentials, recv_with_fds, send_vectored};
use crate::wire::frame::{self, FrameReader, message_header, output_header, restore_header};
use crate::wire::{Message, Refusal, Reply, encode};
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
    pub fds: VecDeque<OwnedFd>,
    /// The saved settings of the terminal that came over this connection.
    pub termios: Vec<u8>,
    outbox: VecDeque<Vec<u8>>,
    outbox_bytes: usize,
    /// How much of the outbox's first message was sent.
    sent: usize,
    frame: Option<Begun>,
    blocked: bool,
    /// Its frames wait: for the answer to an earlier one, or for it to read.
    pub waiting: bool,
    /// Closes once all is sent.
    pub closing: bool,
    pub dead: bool,
}

/// A frame whose head is on its way.
struct Begun {
    header: [u8; FRAME_HEADER_BYTES],
    header_sent: usize,
    left: usize,
}

/// All of them.
pub(super) struct Conns {
    pub map: BTreeMap<ClientId, Conn>,
    next: ClientId,
    /// Who has not said what it is, and until when it may.
    silent: VecDeque<(Duration, ClientId)>,
    bytes: Vec<u8>,
    /// How many descriptors this process may have.
    descriptors: u64,
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
    pub fn new() -> Conns {
        Conns {
            map: BTreeMap::new(),
            next: 1,
            silent: VecDeque::new(),
            bytes: vec![0; SOCKET_READ_BYTES],
            descriptors: descriptor_limit(),
        }
    }

    /// Accepts one connection. Gives whether there may be another.
    pub fn accept(
        &mut self,
        listener: &UnixListener,
        registry: &Registry,
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
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) =
            registry.register(&mut SourceFd(&socket.as_raw_fd()), Source::Client(id).token(), both)
        {
            log::warn!("watch a connection: {error}");
            return true;
        }
        let mut conn = Conn {
            socket,
            reader: FrameReader::new(),
            fds: VecDeque::new(),
            termios: Vec::new(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            sent: 0,
            frame: None,
            blocked: false,
            waiting: false,
            closing: false,
            dead: false,
        };
        conn.push(frame::preamble().to_vec());
        self.map.insert(id, conn);
        self.silent.push_back((now.mono + GREETING_TIME, id));
        mux.handle_connect(id);
        true
    }

    /// When the first that has not said what it is is to go.
    pub fn deadline(&self) -> Option<Duration> {
        self.silent.front().map(|(due, _)| *due)
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
                conn.fds.extend(fds);
                conn.fds.truncate(FDS_MAX);
                Ok(Reading::Some)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Reading::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Reading::Some),
            Err(error) => Err(error),
        }
    }

    /// Sends what a client is due, as far as its socket takes it.
    pub fn pump(&mut self, id: ClientId, mux: &mut Mux, now: Now) {
        let Some(conn) = self.map.get_mut(&id) else { return };
        conn.pump(id, mux, now);
    }
}

/// What came of a read.
pub(super) enum Reading {
    /// Bytes; there may be more.
    Some,
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
        match encode(message) {
            Ok(payload) => {
                let mut framed = Vec::with_capacity(payload.len() + 5);
                framed.extend_from_slice(&message_header(payload.len()));
                framed.extend_from_slice(&payload);
                self.push(framed);
            }
            Err(error) => log::error!("a message for a client: {error}"),
        }
        if self.is_full() && matches!(message, Message::Event(_)) {
            log::warn!("closed a connection that watches and does not read");
            self.dead = true;
        }
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
                return;
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
        Ok(())
    }

    /// Begins the next frame of a viewer's stream. Gives whether there was one.
    fn begin(&mut self, id: ClientId, mux: &mut Mux, now: Now) -> bool {
        let Some(chunk) = mux.chunk(now, id, CHUNK_BYTES) else { return false };
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
        let parts = [IoSlice::new(&header), IoSlice::new(first), IoSlice::new(second)];
        let sent = match send_vectored(self.socket.as_fd(), &parts) {
            Ok(n) => n,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                self.blocked = error.kind() == ErrorKind::WouldBlock;
                return true;
            }
            Err(_) => {
                self.dead = true;
                return true;
            }
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

const _: () = assert!(SOCKET_READ_BYTES <= FRAME_BYTES_MAX);
