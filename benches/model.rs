//! The terminal model beside the `vt100` crate and `alacritty_terminal`, in one process and one run:
//! bytes a second on six kinds of output, the speed of a bare PTY, and memory by a counting allocator.
//! `in a face` is the model with what a daemon does beside it: journal, gate, checkpoints.
//!
//!   cargo bench --bench model            the table
//!   cargo bench --bench model -- sgr     only rows whose name contains `sgr`
//!   cargo bench --bench model -- --own   only this model, for a profiler
//!
//! Rounds are interleaved, so that a busy machine slows all of them alike; the best round counts.

// Counting allocations takes an allocator, and an allocator is unsafe to write.
#![allow(unsafe_code, clippy::unwrap_used)]

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::term::{Config, Term, test::TermSize};
use alacritty_terminal::vte::ansi::Processor;
use facemux::face::Face;
use facemux::face::memory::Memory;
use facemux::limits::{HISTORY_BYTES_MAX, HISTORY_LINES, JOURNAL_BYTES};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::{Offset, Size};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

const ROWS: u16 = 24;
const COLS: u16 = 80;
/// Bytes of each kind of output.
const INPUT_BYTES: usize = 4 << 20;
/// Bytes handed over at a time: what a read from a PTY gives at most.
const READ_BYTES: usize = 4096;
const ROUNDS: usize = 7;

/// Lines of history of the `vt100` crate. Keeping any makes it several times slower, so where speed is measured it
/// runs without them as well as with as many as the others.
static VT100_LINES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator; only numbers are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A terminal model as the bench sees it.
trait Model {
    fn fresh(rows: u16, cols: u16) -> Self;
    fn feed(&mut self, bytes: &[u8]);
}

impl Model for Terminal {
    fn fresh(rows: u16, cols: u16) -> Terminal {
        let history = History::growing(HISTORY_BYTES_MAX, HISTORY_LINES);
        Terminal::new(Size::new(rows, cols).unwrap(), history)
    }

    fn feed(&mut self, bytes: &[u8]) {
        Terminal::feed(self, bytes, &mut Unwatched);
    }
}

impl Model for vt100::Parser {
    fn fresh(rows: u16, cols: u16) -> vt100::Parser {
        let side = |n| NonZeroU16::new(n).unwrap();
        vt100::Parser::new(side(rows), side(cols), VT100_LINES.load(Relaxed))
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.process(bytes);
    }
}

struct Alacritty {
    parser: Processor,
    term: Term<VoidListener>,
}

impl Model for Alacritty {
    fn fresh(rows: u16, cols: u16) -> Alacritty {
        let config = Config { scrolling_history: HISTORY_LINES, ..Config::default() };
        let size = TermSize::new(cols.into(), rows.into());
        Alacritty { parser: Processor::new(), term: Term::new(config, &size, VoidListener) }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }
}

/// A small fixed generator (Steele and Vigna's SplitMix64): every run sees the same bytes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn word(&mut self, out: &mut Vec<u8>) {
        for _ in 0..=self.below(9) {
            out.push(b'a' + self.below(26) as u8);
        }
    }
}

fn filled(mut more: impl FnMut(&mut Dice, &mut Vec<u8>)) -> Vec<u8> {
    let (mut dice, mut out) = (Dice(1), Vec::with_capacity(INPUT_BYTES + 64 * 1024));
    while out.len() < INPUT_BYTES {
        more(&mut dice, &mut out);
    }
    out
}

/// Words in lines of 200 to 400 characters, which wrap.
fn ascii() -> Vec<u8> {
    filled(|dice, out| {
        let end = out.len() + 200 + dice.below(200) as usize;
        while out.len() < end {
            dice.word(out);
            out.push(b' ');
        }
        out.extend_from_slice(b"\r\n");
    })
}

/// What `seq` prints: lines of a few characters.
fn short_lines() -> Vec<u8> {
    let mut n = 0;
    filled(|_, out| {
        n += 1;
        write!(out, "{n}\r\n").unwrap();
    })
}

/// Ordinary lines of a build or a log: some 60 characters, a few colours.
fn colored_lines() -> Vec<u8> {
    filled(|dice, out| {
        write!(
            out,
            "\x1b[2m12:{:02}:{:02}\x1b[0m \x1b[1;3{}m",
            dice.below(60),
            dice.below(60),
            dice.below(8)
        )
        .unwrap();
        dice.word(out);
        out.extend_from_slice(b"\x1b[0m ");
        for _ in 0..dice.below(12) {
            dice.word(out);
            out.push(b' ');
        }
        out.extend_from_slice(b"\r\n");
    })
}

/// A colour for nearly every character.
fn sgr() -> Vec<u8> {
    filled(|dice, out| {
        for _ in 0..40 {
            match dice.below(4) {
                0 => write!(out, "\x1b[3{}m", dice.below(8)),
                1 => write!(out, "\x1b[38;5;{};48;5;{}m", dice.below(256), dice.below(256)),
                2 => write!(
                    out,
                    "\x1b[38;2;{};{};{}m",
                    dice.below(8) * 32,
                    dice.below(8) * 32,
                    dice.below(8) * 32
                ),
                _ => write!(out, "\x1b[0;{}m", dice.below(10)),
            }
            .unwrap();
            out.push(b'!' + dice.below(90) as u8);
        }
        out.extend_from_slice(b"\x1b[m\r\n");
    })
}

/// Chinese, Korean, accents as combining marks, emoji.
fn wide() -> Vec<u8> {
    filled(|dice, out| {
        for _ in 0..30 {
            let c = match dice.below(8) {
                0 => 'e',
                1..=4 => char::from_u32(0x4e00 + dice.below(0x5000) as u32).unwrap(),
                5 => char::from_u32(0xac00 + dice.below(0x2b00) as u32).unwrap(),
                6 => char::from_u32(0x1f600 + dice.below(0x40) as u32).unwrap(),
                _ => char::from_u32(0x3b1 + dice.below(24) as u32).unwrap(),
            };
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if c == 'e' {
                out.extend_from_slice("\u{301}".as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    })
}

/// Full-screen programs, recorded: vim, htop, mc, tmux, dialog.
fn tui() -> Vec<u8> {
    const RECORDED: [&[u8]; 5] = [
        include_bytes!("../tests/golden/vim.raw"),
        include_bytes!("../tests/golden/htop.raw"),
        include_bytes!("../tests/golden/mc.raw"),
        include_bytes!("../tests/golden/tmux.raw"),
        include_bytes!("../tests/golden/dialog.raw"),
    ];
    filled(|dice, out| out.extend_from_slice(RECORDED[dice.below(5) as usize]))
}

fn time<M: Model>(input: &[u8]) -> Duration {
    let mut model = M::fresh(ROWS, COLS);
    let start = Instant::now();
    for read in input.chunks(READ_BYTES) {
        model.feed(black_box(read));
    }
    let took = start.elapsed();
    drop(black_box(model));
    took
}

/// The model inside a face, as the daemon feeds it.
fn in_a_face(input: &[u8]) -> Duration {
    let memory = Memory::owned(JOURNAL_BYTES as usize, 1 << 20, HISTORY_BYTES_MAX);
    let mut face = Face::new(memory, Size::new(ROWS, COLS).unwrap(), HISTORY_LINES);
    let (mut scratch, mut rest) = (Vec::new(), input);
    let start = Instant::now();
    while !rest.is_empty() {
        let space = face.space(Offset(u64::MAX), READ_BYTES);
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(black_box(&rest[..n]));
        rest = &rest[n..];
        face.handle_output(n);
        if face.checkpoint_due() {
            face.checkpoint(b"", &mut scratch);
        }
        black_box(face.take_announced());
    }
    start.elapsed()
}

/// The time a PTY takes for the same bytes with nobody looking at them: as a face's program finds it, which turns line
/// feeds into CR LF.
fn pty(input: &[u8]) -> Duration {
    let pty = nix::pty::openpty(None, None).unwrap();
    let (mut master, mut slave) = (std::fs::File::from(pty.master), std::fs::File::from(pty.slave));
    let printed: Vec<u8> = input.iter().copied().filter(|b| *b != b'\r').collect();
    let mut buffer = vec![0; 64 * 1024];
    let mut got = 0;
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || slave.write_all(&printed).unwrap());
        // The end of output is an error: see pty(7).
        while let Ok(n @ 1..) = master.read(&mut buffer) {
            got += n;
        }
    });
    start.elapsed().mul_f64(input.len() as f64 / got as f64)
}

fn megabytes_a_second(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

/// Bytes still allocated for a model that was fed `input`, and its allocations while fed.
fn memory<M: Model>(input: &[u8]) -> (usize, usize) {
    let before = LIVE.load(Relaxed);
    let mut model = M::fresh(ROWS, COLS);
    let calls = CALLS.load(Relaxed);
    for read in input.chunks(READ_BYTES) {
        model.feed(read);
    }
    let (kept, calls) = (LIVE.load(Relaxed) - before, CALLS.load(Relaxed) - calls);
    drop(black_box(model));
    (kept, calls)
}

type Timed = fn(&[u8]) -> Duration;
type Input = (&'static str, fn() -> Vec<u8>);

const INPUTS: [Input; 6] = [
    ("ascii", ascii),
    ("short lines", short_lines),
    ("colored lines", colored_lines),
    ("dense sgr", sgr),
    ("cjk, emoji", wide),
    ("tui", tui),
];

fn vt100_keeping(input: &[u8]) -> Duration {
    VT100_LINES.store(HISTORY_LINES, Relaxed);
    let took = time::<vt100::Parser>(input);
    VT100_LINES.store(0, Relaxed);
    took
}

fn throughput(wanted: &str, own: bool, inputs: &[Input]) {
    let runners: [(&str, Timed); 6] = [
        ("facemux", time::<Terminal>),
        ("in a face", in_a_face),
        ("vt100", vt100_keeping),
        ("bare vt100", time::<vt100::Parser>),
        ("alacritty", time::<Alacritty>),
        ("bare pty", pty),
    ];
    let runners = if own { &runners[..2] } else { &runners[..] };
    print!("{:14}", "MB/s");
    runners.iter().for_each(|(name, _)| print!("{name:>11}"));
    println!("   facemux is faster than");
    for (name, make) in inputs.iter().filter(|(name, _)| name.contains(wanted)) {
        let input = make();
        let mut best = vec![Duration::MAX; runners.len()];
        for _ in 0..ROUNDS {
            for (best, (_, run)) in best.iter_mut().zip(runners) {
                *best = run(&input).min(*best);
            }
        }
        print!("{name:14}");
        best.iter().for_each(|took| print!("{:11.0}", megabytes_a_second(input.len(), *took)));
        let times = |rival: &Duration| rival.as_secs_f64() / best[0].as_secs_f64();
        let ratios: Vec<String> = runners
            .iter()
            .zip(&best)
            .skip(2)
            .map(|((n, _), b)| format!("{n} {:.1}x", times(b)))
            .collect();
        println!("   {}", ratios.join(", "));
    }
}

fn memory_table() {
    VT100_LINES.store(HISTORY_LINES, Relaxed);
    let prompt = b"\x1b[1;32mdemo@host\x1b[0m:\x1b[1;34m~\x1b[0m$ ".as_slice();
    let colored = colored_lines();
    let lines = colored.split_inclusive(|b| *b == b'\n');
    let lines: Vec<u8> = lines.take(10_000 + usize::from(ROWS)).flatten().copied().collect();
    type Measured = fn(&[u8]) -> (usize, usize);
    let models: [(&str, Measured); 3] = [
        ("facemux", memory::<Terminal>),
        ("vt100", memory::<vt100::Parser>),
        ("alacritty", memory::<Alacritty>),
    ];
    println!("\n{:34}{:>11}{:>11}{:>11}", "bytes", "facemux", "vt100", "alacritty");
    let row = |name: &str, of: &dyn Fn(Measured) -> usize| {
        print!("{name:34}");
        models.iter().for_each(|(_, measure)| print!("{:11}", of(*measure)));
        println!();
    };
    row("a face, 80x24, at a prompt", &|m| m(prompt).0);
    row("a line, of 10,000 coloured ones", &|m| (m(&lines).0 - m(prompt).0) / 10_000);
    let half = lines.len() / 2;
    row("allocations per 1000 lines", &|m| (m(&lines).1 - m(&lines[..half]).1) / 5);
    println!("(a coloured line is {} bytes of output on average)", lines.len() / 10_000);
}

/// Microseconds and bytes of a restore, without and with history, and of a checkpoint.
fn restore_table(inputs: &[Input]) {
    println!("\n{:14}{:>24}{:>24}{:>24}", "us, bytes", "restore", "with history", "checkpoint");
    for (name, make) in inputs {
        let mut terminal = Terminal::fresh(ROWS, COLS);
        Model::feed(&mut terminal, &make());
        let best = |work: &dyn Fn() -> usize| {
            let once = || {
                let start = Instant::now();
                let bytes = black_box(work());
                (start.elapsed(), bytes)
            };
            let (took, bytes) = (0..20).map(|_| once()).min().unwrap();
            format!("{:.1}, {bytes}", took.as_secs_f64() * 1e6)
        };
        let checkpoint = || {
            let mut out = Vec::new();
            terminal.checkpoint(&mut out);
            out.len()
        };
        let (short, long) =
            (best(&|| terminal.restore(0).len()), best(&|| terminal.restore(usize::MAX).len()));
        println!("{name:14}{short:>24}{long:>24}{:>24}", best(&checkpoint));
    }
}

fn main() {
    // Without `--bench` cargo only wants to know that it runs.
    if !std::env::args().any(|a| a == "--bench") {
        time::<Terminal>(&short_lines()[..4096]);
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let own = arguments.iter().any(|a| a == "--own");
    let wanted = arguments.iter().find(|a| !a.starts_with('-')).map_or("", String::as_str);
    throughput(wanted, own, &INPUTS);
    if wanted.is_empty() && !own {
        restore_table(&INPUTS);
        memory_table();
    }
}
