//! Where a channel's client sits: what it may do, its terminal, and how it is told things and the end.

use super::House;
use super::authorized::Grant;
use super::daemon::{self, AskError};
use super::valve::Valve;
use crate::units::{Mode, Size};
use crate::wire::{Reply, Request};
use russh::server::{Handle, Msg};
use russh::{ChannelReadHalf, ChannelWriteHalf, Sig};
use std::net::SocketAddr;
use std::sync::Arc;

/// What OpenSSH numbers SSH_EXTENDED_DATA_STDERR.
pub const STDERR: u32 = 1;

/// What a channel belongs to.
#[derive(Debug)]
pub struct Opened {
    /// What all connections share.
    pub house: Arc<House>,
    /// What the key allows.
    pub grant: Arc<Grant>,
    /// The user name the client gave.
    pub login: String,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What holds the connection's input.
    pub valve: Arc<Valve>,
    /// The connection.
    pub handle: Handle,
}

/// The client's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its size.
    pub size: Size,
    /// Its width and height in pixels, 0 when unknown.
    pub pixels: (u16, u16),
}

impl Terminal {
    /// What the client says of its window, made usable.
    pub fn of(cols: u32, rows: u32, width: u32, height: u32) -> Terminal {
        let small = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        // 0 by 0 is a client that does not know.
        let size = if cols == 0 || rows == 0 {
            Size::DEFAULT
        } else {
            Size::clamped(small(rows), small(cols))
        };
        Terminal { size, pixels: (small(width), small(height)) }
    }
}

/// A channel that was asked for something: both halves, and what was set up before.
#[derive(Debug)]
pub struct Seat {
    /// What it belongs to.
    pub opened: Opened,
    /// What the client sends.
    pub read: ChannelReadHalf,
    /// Where answers go.
    pub write: Arc<ChannelWriteHalf<Msg>>,
    /// The client's terminal, when it asked for one and may have it.
    pub terminal: Option<Terminal>,
    /// The modes of that terminal as the client has them.
    pub modes: Vec<Mode>,
    pub env: Vec<(String, String)>,
}

/// How what was asked for ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
}

impl Exit {
    /// An end with `code`.
    pub fn code(code: u8) -> Exit {
        Exit { code, signal: None }
    }
}

impl Seat {
    /// The way to the client, for a future of its own.
    pub fn writer(&self) -> Arc<ChannelWriteHalf<Msg>> {
        Arc::clone(&self.write)
    }

    /// Asks the daemon one thing, on behalf of this channel's key.
    pub async fn ask(&self, request: &Request) -> Result<Reply, AskError> {
        daemon::ask(&self.opened.house.socket, &self.opened.grant.actor, request).await
    }

    pub async fn complain(&self, error: &AskError) -> Exit {
        self.say(&error.to_string()).await;
        Exit::code(error.code())
    }

    /// One sentence on stderr.
    pub async fn say(&self, sentence: &str) {
        let end = if self.terminal.is_some() { "\r\n" } else { "\n" };
        let clean: String =
            sentence.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        // A client that is gone needs no sentence.
        let _ = self
            .write
            .extended_data_bytes(STDERR, format!("facemux: {clean}{end}").into_bytes())
            .await;
    }

    /// Part of the answer, on stdout.
    pub async fn print(&self, bytes: &[u8]) {
        let bytes = if self.terminal.is_some() { cooked(bytes) } else { bytes.to_vec() };
        // As above.
        let _ = self.write.data_bytes(bytes).await;
    }

    /// Tells the client how it ended and closes the channel. Each step may find the client gone.
    pub async fn close(self, exit: Exit) {
        let id = self.write.id();
        if let Some(name) = exit.signal.and_then(signal_name) {
            let _ = self
                .opened
                .handle
                .exit_signal_request(id, name, false, String::new(), String::new())
                .await;
        }
        // Also after a signal: OpenSSH's client knows the status only, and ours is 128 and the signal's number.
        let _ = self.write.exit_status(u32::from(exit.code)).await;
        let _ = self.write.eof().await;
        let _ = self.write.close().await;
    }
}

/// What a terminal in its usual mode makes of text: each line feed also returns.
pub fn cooked(bytes: &[u8]) -> Vec<u8> {
    let mut cooked = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            cooked.push(b'\r');
        }
        cooked.push(*byte);
    }
    cooked
}

/// A signal's name on the wire (RFC 4254 6.10); others have none.
fn signal_name(number: i32) -> Option<Sig> {
    Some(match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        _ => return None,
    })
}

/// A signal's number, if it is one that may be sent to a face's program.
pub fn signal_number(signal: &Sig) -> Option<i32> {
    Some(match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ABRT => 6,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(name) if name == "USR2" => 12,
        _ => return None,
    })
}
