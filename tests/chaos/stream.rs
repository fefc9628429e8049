//! A viewer on the socket, in a thread of its own: reads, types, comes back after every cut, and keeps what it got.

use crate::programs::word;
use crate::rng::Rng;
use facemux::client::{Shown, Viewer};
use facemux::limits::HOLD_MIN;
use facemux::sys::poll::{self, Watched};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::{Offset, Size};
use facemux::wire::{Attach, Holder, ViewerNote};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What all viewers are told.
#[derive(Default)]
pub struct Orders {
    /// Type no more, and have everything accepted.
    pub hush: AtomicBool,
    /// Go once everything was shown.
    pub finish: AtomicBool,
    /// Viewers that have nothing left to be accepted since `hush`.
    pub hushed: AtomicU64,
}

/// Who views what, and how.
#[derive(Clone)]
pub struct Part {
    pub face: String,
    pub size: Size,
    /// Where it connects: the server's socket, or a proxy that cuts.
    pub socket: PathBuf,
    pub drive: bool,
    /// It types as this typist.
    pub typist: Option<String>,
    /// It reads what it is sent.
    pub reads: bool,
    pub seed: u64,
}

/// What a viewer has to show at the end.
pub struct Seen {
    pub part: Part,
    /// Output since the last restore, and where it begins.
    pub bytes: Vec<u8>,
    pub from: u64,
    pub terminal: Terminal,
    pub typed: u64,
    pub restores: u64,
    /// Those before which the machine had let it run all the time.
    pub undue: u64,
    pub resumes: u64,
    pub laps: u64,
    pub faults: Vec<String>,
}

/// Starts one; it is done when `finish` is ordered and it has shown everything up to `end` of its face.
pub fn start(part: Part, orders: Arc<Orders>, end: Arc<AtomicU64>) -> JoinHandle<Seen> {
    std::thread::spawn(move || {
        let mut stream = Stream::new(part, orders, end);
        stream.run();
        stream.seen
    })
}

struct Stream {
    seen: Seen,
    viewer: Viewer,
    socket: Option<UnixStream>,
    orders: Arc<Orders>,
    end: Arc<AtomicU64>,
    rng: Rng,
    /// To be typed as soon as there is room.
    words: Vec<u8>,
    next_word: Instant,
    hushed: bool,
    since: Option<Instant>,
    /// When it last ran, and the longest it did not since its last restore.
    ran: Instant,
    gap: Duration,
}

impl Stream {
    fn new(part: Part, orders: Arc<Orders>, end: Arc<AtomicU64>) -> Stream {
        let ask = Attach {
            face: part.face.clone(),
            drive: part.drive,
            detach_others: false,
            size: part.size,
            pixels: (0, 0),
            follows_size: false,
            history: 0,
            token: part.seed | 1,
            resume: None,
            detach_keys: b"\x02d".to_vec(),
            window: 0,
            holder: Holder::Client,
            inside: Vec::new(),
        };
        let seen = Seen {
            bytes: Vec::new(),
            from: 0,
            terminal: fresh(part.size),
            typed: 0,
            restores: 0,
            undue: 0,
            resumes: 0,
            laps: 0,
            faults: Vec::new(),
            part,
        };
        let (viewer, rng) = (Viewer::new(ask, None).unwrap(), Rng::new(seen.part.seed));
        let (words, now) = (Vec::new(), Instant::now());
        let (socket, hushed, since, gap) = (None, false, None, Duration::ZERO);
        let (next_word, ran) = (now, now);
        Stream { seen, viewer, socket, orders, end, rng, words, next_word, hushed, since, ran, gap }
    }

    fn run(&mut self) {
        while !self.is_done() {
            let now = Instant::now();
            self.gap = self.gap.max(now - std::mem::replace(&mut self.ran, now));
            if self.socket.is_none() && !self.connect() {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            self.speak();
            if self.turn().is_none() {
                self.socket = None;
                self.viewer.reconnect().unwrap();
            }
            self.check_hush();
        }
    }

    fn is_done(&mut self) -> bool {
        if !self.orders.finish.load(Ordering::Relaxed) {
            return false;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let end = self.end.load(Ordering::Relaxed);
        let reached = self.viewer.offset().is_some_and(|at| at.0 >= end);
        let whole = reached && self.viewer.is_attached();
        if !std::mem::replace(&mut self.hushed, true) {
            let (left, unaccepted) = (self.words.len(), self.viewer.unaccepted());
            let at = self.viewer.is_attached();
            self.fault(format!("{left} bytes unsent, {unaccepted} unaccepted, attached: {at}"));
        }
        if !whole && since.elapsed() > Duration::from_secs(60) && self.seen.part.reads {
            let at = self.viewer.offset();
            self.fault(format!("it has seen {at:?} of {end}"));
            return true;
        }
        whole || !self.seen.part.reads || self.is_cropped()
    }

    /// Its size is not the face's: it is shown pictures, which have no offsets.
    fn is_cropped(&self) -> bool {
        self.seen.part.size != Size::DEFAULT
    }

    fn fault(&mut self, text: String) {
        let part = &self.seen.part;
        self.seen.faults.push(format!("viewer {:x} of face {}: {text}", part.seed, part.face));
    }

    fn connect(&mut self) -> bool {
        let Ok(socket) = UnixStream::connect(&self.seen.part.socket) else { return false };
        socket.set_nonblocking(true).unwrap();
        self.socket = Some(socket);
        true
    }

    fn check_hush(&mut self) {
        let quiet = self.words.is_empty() && self.viewer.unaccepted() == 0;
        if !self.hushed && quiet && self.orders.hush.load(Ordering::Relaxed) {
            self.hushed = true;
            self.orders.hushed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Types something now and then.
    fn speak(&mut self) {
        let Some(typist) = &self.seen.part.typist else { return };
        let hush = self.orders.hush.load(Ordering::Relaxed);
        if self.words.is_empty() && !hush && Instant::now() >= self.next_word {
            let mut count = 1 + self.rng.spread(3);
            if self.rng.once_in(200) {
                count = 4000;
            }
            for _ in 0..count {
                self.seen.typed += 1;
                self.words.extend_from_slice(word(typist, self.seen.typed).as_bytes());
            }
            self.next_word = Instant::now() + Duration::from_millis(self.rng.spread(6));
        }
        let taken = self.viewer.type_input(&self.words);
        self.words.drain(..taken);
    }

    /// One wait, one write, one read. `None` when the connection is gone.
    fn turn(&mut self) -> Option<()> {
        let mut socket = self.socket.as_ref()?;
        let reads = self.seen.part.reads || !self.viewer.is_attached();
        let mut watched = [Watched::new(socket.as_fd(), reads, !self.viewer.unsent().is_empty())];
        poll::wait(&mut watched, Some(Duration::from_millis(10))).unwrap();
        if watched[0].writable {
            match socket.write(self.viewer.unsent()) {
                Ok(sent) => self.viewer.sent(sent),
                Err(error) => passing(&error)?,
            }
        }
        if !watched[0].readable {
            return Some(());
        }
        let mut bytes = [0; 65536];
        match socket.read(&mut bytes) {
            Ok(0) => return None,
            Ok(read) => self.viewer.receive(&bytes[..read]),
            Err(error) => passing(&error)?,
        }
        self.take()
    }

    fn take(&mut self) -> Option<()> {
        let Stream { viewer, seen, gap, .. } = self;
        let (mut faults, restores) = (Vec::new(), seen.restores);
        let alive = loop {
            match viewer.poll() {
                Ok(None) => break Some(()),
                // A gap is a fault of the server's; whatever else breaks a connection is not.
                Err(error) => {
                    faults.push(error.to_string());
                    break None;
                }
                Ok(Some(shown)) => show(shown, seen, &mut faults),
            }
        };
        if seen.restores > restores {
            // Who does not read for longer than this need not be waited for.
            seen.undue += u64::from(*gap < HOLD_MIN);
            *gap = Duration::ZERO;
        }
        faults.into_iter().for_each(|text| self.fault(text));
        alive
    }
}

fn show(shown: Shown<'_>, seen: &mut Seen, faults: &mut Vec<String>) {
    match shown {
        Shown::Output { offset, bytes } => {
            if offset.0 != seen.from + seen.bytes.len() as u64 {
                faults.push(format!("output at {offset:?}, not at {}", seen.bytes.len()));
            }
            seen.bytes.extend_from_slice(bytes);
            seen.terminal.feed(bytes, &mut Unwatched);
        }
        Shown::Restore { offset, first, bytes, .. } => {
            seen.restores += u64::from(first && offset != Offset::UNKNOWN);
            seen.from = offset.0;
            seen.bytes.clear();
            seen.terminal.feed(bytes, &mut Unwatched);
        }
        Shown::Attached { resumed, size, .. } => {
            seen.resumes += u64::from(resumed);
            if size != Size::DEFAULT {
                faults.push(format!("the face's size is {size}"));
            }
        }
        Shown::Note(ViewerNote::Lapped { .. }) => seen.laps += 1,
        Shown::Note(ViewerNote::Size { size, .. }) if size != Size::DEFAULT => {
            faults.push(format!("the face's size became {size}"));
        }
        Shown::Note(ViewerNote::InputRefused { reason, .. }) => {
            faults.push(format!("input was refused: {reason}"));
        }
        Shown::Note(ViewerNote::Ended { .. } | ViewerNote::Detached { .. }) | Shown::Refused(_) => {
            faults.push(format!("{shown:?}"))
        }
        _ => {}
    }
}

fn passing(error: &std::io::Error) -> Option<()> {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted).then_some(())
}

pub fn fresh(size: Size) -> Terminal {
    Terminal::new(size, History::growing(1 << 20, 100))
}
