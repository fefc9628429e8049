//! A client of the socket: types, looks, stalls, goes, comes back; holds the daemon to what it promises.

use facemux::mux::Chunk;
use facemux::term::{History, Terminal, Watch};
use facemux::units::{FaceId, Offset, Size};
use facemux::wire::{Attach, Holder, Message, Reply, ViewerNote};

/// What a viewer's terminal must never do: answer.
struct Mute;

impl Watch for Mute {
    fn reply(&mut self, at: u64, bytes: &[u8]) {
        panic!("a viewer's terminal was asked something: replied {bytes:?} at {at}");
    }
}

/// One viewer over its reconnects.
pub struct Viewer {
    pub face: FaceId,
    pub token: u64,
    pub drive: bool,
    /// Its terminal takes whatever size the face has.
    pub follows: bool,
    pub size: Size,
    pub terminal: Terminal,
    /// Where its output stands; `None` until the first restore or resume.
    pub at: Option<Offset>,
    pub attached: bool,
    was_attached: bool,
    pub ended: bool,
    pub detached: bool,
    pub laps: u64,
    /// It has taken everything it could at every turn since it came: it must never be lapped.
    pub diligent: bool,
    pub stalled: bool,
    /// Its input stream, and how much of it was sent and accepted.
    pub input: Vec<u8>,
    pub accepted: u64,
    pub sent: u64,
    /// What it shows is a picture of a face of another size.
    pub picture: bool,
    restore: Vec<u8>,
    says: u64,
}

impl Viewer {
    pub fn new(face: FaceId, token: u64, drive: bool, follows: bool, size: Size) -> Viewer {
        Viewer {
            face,
            token,
            drive,
            follows,
            size,
            terminal: fresh(size),
            at: None,
            attached: false,
            was_attached: false,
            ended: false,
            detached: false,
            laps: 0,
            diligent: true,
            stalled: false,
            input: Vec::new(),
            accepted: 0,
            sent: 0,
            picture: false,
            restore: Vec::new(),
            says: 0,
        }
    }

    /// How it asks to be let in: from where it was, if it was.
    pub fn attach(&self) -> Attach {
        Attach {
            face: self.face.to_string(),
            drive: self.drive,
            detach_others: false,
            size: self.size,
            pixels: (0, 0),
            follows_size: self.follows,
            history: 0,
            token: self.token,
            resume: self.resume(),
            detach_keys: Vec::new(),
            window: 0,
            holder: Holder::Client,
            inside: Vec::new(),
        }
    }

    /// Where it goes on: nowhere yet, where it was, or (its terminal holds half a restore) from a new restore that
    /// clears away first.
    fn resume(&self) -> Option<Offset> {
        match self.at {
            _ if !self.restore.is_empty() => Some(Offset::UNKNOWN),
            None if self.was_attached => Some(Offset::UNKNOWN),
            at => at,
        }
    }

    /// Something more to type: a tag of its own and a number.
    pub fn say(&mut self) {
        self.says += 1;
        self.input.extend_from_slice(format!("{{{}:{}}}", self.token, self.says).as_bytes());
    }

    /// It has been told something.
    pub fn hear(&mut self, message: &Message) {
        match message {
            Message::Reply(reply) => {
                if let Reply::Attached { accepted, offset, size, .. } = &**reply {
                    (self.attached, self.was_attached) = (true, true);
                    self.restore.clear();
                    assert!(*accepted >= self.accepted, "accepted input was forgotten");
                    (self.accepted, self.sent) = (*accepted, *accepted);
                    if self.at.is_some_and(|at| at != *offset) {
                        self.at = None;
                    }
                    self.take_size(*size);
                }
            }
            Message::Viewer(ViewerNote::Accepted { upto }) => {
                assert!(*upto <= self.input.len() as u64 && *upto >= self.accepted);
                self.accepted = *upto;
            }
            Message::Viewer(ViewerNote::Size { size, .. }) => self.take_size(*size),
            Message::Viewer(ViewerNote::Lapped { laps }) => {
                assert!(!self.diligent, "a driver who reads everything was lapped ({laps})");
                self.laps += 1;
            }
            Message::Viewer(ViewerNote::Ended { .. }) => {
                assert!(!self.ended, "told the end twice");
                self.ended = true;
            }
            Message::Viewer(ViewerNote::Detached { .. }) => self.detached = true,
            Message::Viewer(ViewerNote::InputRefused { at, reason }) => {
                panic!("refused at {at}: {reason}")
            }
            _ => {}
        }
    }

    fn take_size(&mut self, size: Size) {
        if self.follows && self.terminal.size() != size {
            self.terminal.resize(size);
        }
    }

    /// It takes `n` bytes of what it is given.
    pub fn take(&mut self, chunk: &Chunk<'_>, n: usize, printed: &[u8]) {
        match chunk {
            Chunk::Restore { offset, first, bytes, .. } => {
                if *first && self.follows {
                    self.terminal = fresh(self.terminal.size());
                }
                self.restore.extend_from_slice(&bytes[..n]);
                self.terminal.feed(&bytes[..n], &mut Mute);
                if n == bytes.len() {
                    self.restore.clear();
                    self.at = (*offset != Offset::UNKNOWN).then_some(*offset);
                    self.picture = self.at.is_none();
                }
            }
            Chunk::Output { offset, first, second } => {
                let at = self.at.expect("output without a beginning");
                assert_eq!(*offset, at, "output must go on where it stopped");
                let bytes: Vec<u8> = [*first, *second].concat();
                for (i, byte) in bytes[..n].iter().enumerate() {
                    let told = printed.get(at.0 as usize + i);
                    assert!(
                        matches!(*byte, 0 | 0x7f) || Some(byte) == told,
                        "byte {} is not the program's",
                        at.0 + i as u64
                    );
                }
                self.terminal.feed(&bytes[..n], &mut Mute);
                self.at = Some(at.plus(n));
            }
        }
    }

    /// Its terminal changes its size.
    pub fn resize(&mut self, size: Size) {
        if !self.follows && size != self.size {
            self.terminal.resize(size);
            self.at = None;
        }
        self.size = size;
    }
}

fn fresh(size: Size) -> Terminal {
    Terminal::new(size, History::new(Box::new(vec![0; 1 << 16]), 200))
}
