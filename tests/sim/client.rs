//! A client of the socket: types, looks, stalls, goes, comes back; holds the daemon to what it promises.

use facemux::client::undo::{CLEAR, leave, make_room};
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

/// What detaches a terminal handed over.
pub const DETACH_KEYS: [u8; 2] = [2, b'd'];

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
    /// Its terminal is handed to the daemon whenever it attaches.
    pub hands: bool,
    /// It is shown the face in its terminal's alternate screen.
    pub alternate: bool,
    /// It has stopped: its terminal is the shell's.
    pub stopped: bool,
    /// How many keys to detach it were pressed.
    pub pressed: usize,
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
            hands: false,
            alternate: false,
            stopped: false,
            pressed: 0,
            input: Vec::new(),
            accepted: 0,
            sent: 0,
            picture: false,
            restore: Vec::new(),
            says: 0,
        }
    }

    /// A viewer that hands its terminal over, in which a shell has printed before.
    pub fn handing(face: FaceId, token: u64, drive: bool, alternate: bool, size: Size) -> Viewer {
        let mut viewer = Viewer::new(face, token, drive, false, size);
        (viewer.hands, viewer.alternate, viewer.stopped) = (true, alternate, true);
        viewer.shell();
        viewer
    }

    /// Its terminal is the shell's for a moment.
    pub fn shell(&mut self) {
        self.stopped = true;
        for _ in 0..3 {
            self.terminal.feed(b"\r\n$ fg \x1b[1mthe shell prints\x1b[m", &mut Mute);
        }
        self.at = None;
    }

    /// It takes its terminal from the shell: room is made for the face.
    pub fn enter(&mut self) {
        if !std::mem::take(&mut self.stopped) {
            return;
        }
        let room = match self.alternate {
            true => [b"\x1b[?1049h", CLEAR].concat(),
            false => make_room(self.size.rows()),
        };
        self.terminal.feed(&room, &mut Mute);
    }

    /// Its terminal is its own again: nothing of the face is left set in it.
    pub fn take_back(&mut self) {
        if self.stalled {
            // What it did not take is lost.
            return;
        }
        let plain = |terminal: &Terminal| {
            let mut same = fresh(terminal.size());
            same.feed(&terminal.restore(0), &mut Mute);
            // A title and where a cursor was saved are nothing that shows.
            same.feed(b"\x1b]2;\x07\x1b[?47h\x1b[H\x1b7\x1b[?47l\x1b[H\x1b7\x1b[2J", &mut Mute);
            String::from_utf8_lossy(&same.restore(0)).into_owned()
        };
        let (mine, never_used) = (plain(&self.terminal), plain(&fresh(self.terminal.size())));
        assert_eq!(mine, never_used, "a terminal was given back with something set in it");
    }

    /// Its terminal is written what undoes the face's modes.
    pub fn undo(&mut self, bytes: &[u8]) {
        if !self.stalled {
            self.terminal.feed(bytes, &mut Mute);
        }
    }

    /// It was not let in: its client puts its terminal right.
    pub fn turned_away(&mut self) {
        if self.hands {
            self.terminal.feed(&leave(self.size.rows()), &mut Mute);
            self.take_back();
            self.shell();
        }
    }

    /// Its connection is gone. What a terminal handed over has read is typed; of a stream what was not accepted is
    /// sent again.
    pub fn lose(&mut self) {
        self.attached = false;
        if !self.hands {
            self.sent = self.accepted;
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
            detach_keys: if self.hands { DETACH_KEYS.to_vec() } else { Vec::new() },
            window: 0,
            holder: match self.hands {
                true => Holder::Daemon { termios: Vec::new(), alternate: self.alternate },
                false => Holder::Client,
            },
            inside: Vec::new(),
        }
    }

    /// Where it goes on: nowhere yet, where it was, or (its terminal holds half a restore) from a new restore that
    /// clears away first.
    fn resume(&self) -> Option<Offset> {
        match self.at {
            // Only the daemon knows.
            _ if self.hands => self.was_attached.then_some(Offset::UNKNOWN),
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
                    if self.hands {
                        let known = self.accepted..=self.accepted + self.pressed as u64;
                        assert!(known.contains(accepted), "{accepted} keys typed, not {known:?}");
                        return;
                    }
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
            Chunk::Restore { offset, first, last, bytes } => {
                if *first {
                    self.restore.clear();
                }
                if *first && self.follows {
                    self.terminal = fresh(self.terminal.size());
                }
                self.restore.extend_from_slice(&bytes[..n]);
                self.terminal.feed(&bytes[..n], &mut Mute);
                if *last && n == bytes.len() {
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
