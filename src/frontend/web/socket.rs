//! A WebSocket (RFC 6455) on a non-blocking stream: tungstenite reads and checks, our own bytes go out beside it.
//!
//! It owns what was read and not yet understood, and what is to be sent: both bounded by their callers' patience and
//! the limits. Output is framed straight into the bytes to be sent, so it is copied once. Compression is never
//! agreed to.

use super::reactor::TcpStream;
use super::reactor::{Source, Way};
use crate::limits::{WS_IDLE_FRAMES_MAX, WS_MESSAGE_BYTES_MAX, WS_READ_BYTES};
use std::io::{self, Read, Write};
use std::task::{Context, Poll};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message};

/// Bytes read from the network at once.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of a close reason (RFC 6455, 5.5: 125 with the code).
const REASON_BYTES_MAX: usize = 123;

/// One side's WebSocket.
pub struct WebSocket {
    source: Source<TcpStream>,
    context: WebSocketContext,
    wire: Wire,
    idle_frames: u32,
    heard: bool,
    /// What came was no WebSocket's: nothing after it is understood.
    broken: bool,
}

/// What tungstenite reads from and writes to.
struct Wire {
    read: Vec<u8>,
    read_from: usize,
    out: Vec<u8>,
    out_from: usize,
}

/// What came.
#[derive(Debug)]
pub enum Heard {
    /// A text or binary message.
    Message(Bytes),
    /// Nothing more for now.
    Nothing,
    /// The end: the other side closed, is gone, or broke the protocol.
    End,
}

impl WebSocket {
    /// A WebSocket whose handshake is done; `read` came with it.
    pub fn new(source: Source<TcpStream>, read: Vec<u8>) -> WebSocket {
        let config = WebSocketConfig::default()
            .read_buffer_size(WS_READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(WS_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(WS_MESSAGE_BYTES_MAX));
        WebSocket {
            source,
            context: WebSocketContext::new(Role::Server, Some(config)),
            wire: Wire { read, read_from: 0, out: Vec::new(), out_from: 0 },
            idle_frames: 0,
            heard: true,
            broken: false,
        }
    }

    /// Reads from the network once. `Ok(0)` is the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (source, wire) = (&self.source, &mut self.wire);
        let read = source.poll_read(cx, READ_BYTES, |bytes| wire.read.extend_from_slice(bytes));
        self.heard |= matches!(read, Poll::Ready(Ok(_)));
        read
    }

    /// The next message among what was read.
    pub fn next(&mut self) -> Heard {
        loop {
            let message = match self.context.read(&mut self.wire) {
                Ok(message) => message,
                Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                    let _ = self.context.flush(&mut self.wire);
                    self.wire.forget_read();
                    return Heard::Nothing;
                }
                Err(error) => {
                    self.fail(&error);
                    return Heard::End;
                }
            };
            match message {
                Message::Binary(bytes) if !bytes.is_empty() => return Heard::Message(bytes),
                Message::Text(text) if !text.is_empty() => return Heard::Message(text.into()),
                Message::Close(_) => {
                    let _ = self.context.flush(&mut self.wire);
                    return Heard::End;
                }
                _ => {
                    self.idle_frames += 1;
                    if self.idle_frames > WS_IDLE_FRAMES_MAX {
                        self.close(1008, "too many pings");
                        return Heard::End;
                    }
                }
            }
        }
    }

    /// What a broken peer is told, when it still listens.
    fn fail(&mut self, error: &Error) {
        self.broken = true;
        match error {
            Error::Capacity(_) => self.close(1009, "message too large"),
            Error::Protocol(_) => self.close(1002, "malformed frame"),
            Error::Utf8(_) => self.close(1007, "text that is not UTF-8"),
            _ => {}
        }
    }

    /// Whether anything came since the last call.
    pub fn take_heard(&mut self) -> bool {
        self.idle_frames = 0;
        std::mem::take(&mut self.heard)
    }

    /// Queues a binary message made of `parts`.
    pub fn push(&mut self, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|p| p.len()).sum();
        let out = &mut self.wire.out;
        out.reserve(len + 10);
        // FIN and opcode 2; a server's frames are not masked (RFC 6455, 5.2).
        out.push(0x82);
        match len {
            0..=125 => out.push(len as u8),
            126..=0xffff => {
                out.push(126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                out.push(127);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        for part in parts {
            out.extend_from_slice(part);
        }
    }

    /// Queues a ping.
    pub fn ping(&mut self) {
        let _ = self.context.write(&mut self.wire, Message::Ping(Bytes::new()));
        let _ = self.context.flush(&mut self.wire);
    }

    /// Queues the close.
    pub fn close(&mut self, code: u16, reason: &str) {
        let cut =
            (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(|n| reason.is_char_boundary(*n));
        let reason = &reason[..cut.unwrap_or(0)];
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        let _ = self.context.close(&mut self.wire, Some(frame));
        let _ = self.context.flush(&mut self.wire);
    }

    /// Bytes queued and not sent.
    pub fn unsent(&self) -> usize {
        self.wire.out.len() - self.wire.out_from
    }

    /// Sends what is queued, as much as goes.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unsent() > 0 {
            let wire = &self.wire;
            let work = |mut io: &TcpStream| io.write(&wire.out[wire.out_from..]);
            match self.source.poll_io(Way::Write, cx, work) {
                Poll::Ready(Ok(n)) => self.wire.sent(n),
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// After the close was queued: sends it and waits until the other side has closed too, unless that cannot be heard.
    pub async fn finish(&mut self) {
        std::future::poll_fn(|cx| {
            let sent = self.poll_send(cx);
            if self.broken || matches!(sent, Poll::Ready(Err(_))) {
                return sent.map(|_| ());
            }
            loop {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => return Poll::Pending,
                }
                // Only the answer to our close matters now.
                match self.context.read(&mut self.wire) {
                    Err(Error::Io(_)) | Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    Ok(Message::Binary(_) | Message::Text(_)) => {}
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
        let _ = self.source.get().shutdown(std::net::Shutdown::Write);
    }
}

impl Wire {
    fn forget_read(&mut self) {
        if self.read_from == self.read.len() {
            self.read_from = 0;
            if self.read.capacity() > READ_BYTES {
                self.read = Vec::new()
            } else {
                self.read.clear()
            }
        }
    }

    fn sent(&mut self, n: usize) {
        self.out_from += n;
        if self.out_from == self.out.len() {
            self.out_from = 0;
            // What a burst needed is given back once it is over.
            if self.out.capacity() > READ_BYTES { self.out = Vec::new() } else { self.out.clear() }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let rest = &self.read[self.read_from..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = rest.len().min(bytes.len());
        bytes[..n].copy_from_slice(&rest[..n]);
        self.read_from += n;
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
