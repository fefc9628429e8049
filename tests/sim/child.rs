//! A program behind a PTY: what it prints, what it has read, and how long the kernel's buffers are.

use crate::rng::Rng;
use facemux::face::memory::Front;
use facemux::limits::HISTORY_BYTES_MAX;
use facemux::term::{History, Terminal, Watch};
use facemux::units::{FaceId, Size};
use std::collections::VecDeque;

/// Bytes the kernel keeps of a program's output before its write blocks.
const PTY_BYTES: usize = 4096;

/// One program.
pub struct Child {
    pub id: FaceId,
    pub alive: bool,
    /// In the kernel, not yet read by the daemon.
    pub out: VecDeque<u8>,
    /// Everything the daemon's reads have returned.
    pub taken: Vec<u8>,
    /// Sizes set, each after so many bytes were taken.
    pub sizes: Vec<(usize, Size)>,
    /// Everything it has read.
    pub typed: Vec<u8>,
    /// In the kernel, not yet read by the program.
    pub typed_waiting: usize,
    line: u64,
}

impl Child {
    pub fn new(id: FaceId, size: Size) -> Child {
        Child {
            id,
            alive: true,
            out: VecDeque::new(),
            taken: Vec::new(),
            sizes: vec![(0, size)],
            typed: Vec::new(),
            typed_waiting: 0,
            line: 0,
        }
    }

    /// Prints something, as far as there is room.
    pub fn print(&mut self, rng: &mut Rng) {
        let times = [1, 1, 2, 40][rng.below(4)];
        for _ in 0..times {
            let bytes = self.utter(rng);
            if self.out.len() + bytes.len() > PTY_BYTES {
                return;
            }
            self.out.extend(bytes);
        }
    }

    fn utter(&mut self, rng: &mut Rng) -> Vec<u8> {
        self.line += 1;
        let (id, line) = (self.id, self.line);
        let n = rng.below(9) + 1;
        match rng.below(14) {
            0..4 => format!("<f{id}:{line}> {}\r\n", "x".repeat(rng.below(90))),
            4 => format!("\x1b[{};{}H<f{id}>", n, n * 7),
            5 => format!("\x1b[3{};4{}m<f{id}:{line}>\x1b[m", n % 8, (n + 3) % 8),
            6 => "\x1b[6n".to_string(),
            7 => "\x1b[c\x1b[>c".to_string(),
            8 => format!("\x1b]2;<f{id}:{line}>\x07"),
            9 => "\u{6f22}\u{5b57}\u{1f600}e\u{301}".to_string(),
            10 => ["\x1b[?1049h", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h", "\x1b[?2004h"][n % 5]
                .to_string(),
            11 => format!("\x1b[{n}L\x1b[{n}P\x1b[K\x1b[2;{}r", 3 + n),
            12 => format!("\x1b]10;?\x07\x1b[?{n}$p\x07"),
            _ => format!("\x1b[{n}A\x1b[J<f{id}:{line}>"),
        }
        .into_bytes()
    }

    /// One read of the daemon's.
    pub fn read(&mut self, space: &mut [u8], rng: &mut Rng) -> usize {
        let most = self.out.len().min(space.len());
        let n = if rng.once_in(3) { most.min(1 + rng.below(most)) } else { most };
        for byte in &mut space[..n] {
            *byte = self.out.pop_front().unwrap();
            self.taken.push(*byte);
        }
        n
    }

    /// One write of the daemon's: how much the PTY took.
    pub fn write(&mut self, bytes: &[u8], rng: &mut Rng) -> usize {
        let room = PTY_BYTES - self.typed_waiting;
        let n = bytes.len().min(room).min(1 + rng.below(200));
        self.typed.extend_from_slice(&bytes[..n]);
        self.typed_waiting += n;
        n
    }

    /// The terminal an uninterrupted daemon would have, and the replies it would have given.
    pub fn reference(&self, lines: usize) -> (Terminal, Vec<u8>) {
        let memory = Front::for_history(Box::new(vec![0; HISTORY_BYTES_MAX]), lines);
        let history = History::new(Box::new(memory), lines);
        let mut terminal = Terminal::new(self.sizes[0].1, history);
        let mut replies = Replies(Vec::new());
        let mut at = 0;
        for (after, size) in &self.sizes {
            terminal.feed(&self.taken[at..*after], &mut replies);
            terminal.resize(*size);
            at = *after;
        }
        terminal.feed(&self.taken[at..], &mut replies);
        (terminal, replies.0)
    }
}

/// Collects replies.
pub struct Replies(pub Vec<u8>);

impl Watch for Replies {
    fn reply(&mut self, _at: u64, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
