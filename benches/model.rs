//! What the terminal model costs: MB/s fed, nanoseconds a restore and a checkpoint, bytes a face, beside two other
//! models on the same bytes.
//!
//! `cargo bench --bench model`. Inputs are made before the clock starts; each figure is the median of several runs
//! of at least `RUN`. Wall time on a shared machine is worth little: read the ratios.

#![allow(clippy::unwrap_used)]

use facemux::term::{History, Terminal, Unwatched};
use facemux::units::Size;
use std::hint::black_box;
use std::num::NonZero;
use std::time::{Duration, Instant};

const RUN: Duration = Duration::from_millis(300);
const RUNS: usize = 5;
const INPUT_BYTES: usize = 4 << 20;
/// What a daemon reads at a time.
const PIECE_BYTES: usize = 16 * 1024;
const ROWS: u16 = 24;
const COLS: u16 = 80;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = !std::env::args().any(|a| a == "--bench");
    let inputs = [
        ("ascii", ascii()),
        ("short lines", short_lines()),
        ("colour", colour()),
        ("unicode", unicode()),
        ("full screen", full_screen()),
    ];
    println!("{:<14} {:>14} {:>14} {:>14}", "MB/s", "facemux", "vt100", "alacritty");
    for (name, input) in &inputs {
        let ours = speed(input.len(), quick, || feed_ours(input));
        let vt100 = speed(input.len(), quick, || feed_vt100(input));
        let alacritty = speed(input.len(), quick, || feed_alacritty(input));
        println!("{name:<14} {ours:>14.1} {vt100:>14.1} {alacritty:>14.1}");
    }
    println!(
        "\n{:<14} {:>14} {:>14} {:>14} {:>14}",
        "", "restore us", "its bytes", "checkpoint us", "its bytes"
    );
    for (name, input) in &inputs {
        let terminal = fed(input);
        let restore = median(quick, || time(|| drop(black_box(terminal.restore(0)))));
        let mut checkpoint = vec![];
        let check = median(quick, || {
            time(|| {
                checkpoint.clear();
                terminal.checkpoint(&mut checkpoint);
            })
        });
        let (r, c) = (terminal.restore(0).len(), checkpoint.len());
        println!("{name:<14} {:>14.1} {r:>14} {:>14.1} {c:>14}", restore * 1e6, check * 1e6);
    }
}

fn terminal() -> Terminal {
    Terminal::new(Size::clamped(ROWS, COLS), History::growing(1 << 20, 10_000))
}

fn fed(input: &[u8]) -> Terminal {
    let mut terminal = terminal();
    for piece in input.chunks(PIECE_BYTES) {
        terminal.feed(piece, &mut Unwatched);
    }
    terminal
}

fn feed_ours(input: &[u8]) {
    black_box(fed(input));
}

/// Without history: its own is what makes it slow.
fn feed_vt100(input: &[u8]) {
    let mut parser =
        vt100::Parser::new(NonZero::new(ROWS).unwrap(), NonZero::new(COLS).unwrap(), 0);
    for piece in input.chunks(PIECE_BYTES) {
        parser.process(piece);
    }
    black_box(parser.screen().cursor_position());
}

fn feed_alacritty(input: &[u8]) {
    use alacritty_terminal::event::VoidListener;
    use alacritty_terminal::term::test::TermSize;
    use alacritty_terminal::vte::ansi::Processor;
    let size = TermSize::new(COLS.into(), ROWS.into());
    let mut term = alacritty_terminal::Term::new(
        alacritty_terminal::term::Config::default(),
        &size,
        VoidListener,
    );
    let mut processor: Processor = Processor::new();
    for piece in input.chunks(PIECE_BYTES) {
        processor.advance(&mut term, piece);
    }
    black_box(term.grid().cursor.point);
}

/// MB/s of `work`, which consumes `bytes`.
fn speed(bytes: usize, quick: bool, mut work: impl FnMut()) -> f64 {
    bytes as f64 / 1e6 / median(quick, || time(&mut work))
}

/// Seconds one call of `work` takes, from as many calls as fill `RUN`.
fn time(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    loop {
        work();
        calls += 1;
        let spent = start.elapsed();
        if spent >= RUN || cfg!(debug_assertions) {
            return spent.as_secs_f64() / f64::from(calls);
        }
    }
}

fn median(quick: bool, mut measure: impl FnMut() -> f64) -> f64 {
    let runs = if quick { 1 } else { RUNS };
    let mut found: Vec<f64> = (0..runs).map(|_| measure()).collect();
    found.sort_by(f64::total_cmp);
    found[runs / 2]
}

/// `line` again and again; it gets the number of the line.
fn repeated(line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(INPUT_BYTES + 4096);
    let mut number = 0;
    while bytes.len() < INPUT_BYTES {
        bytes.extend(line(number).bytes());
        number += 1;
    }
    bytes
}

fn ascii() -> Vec<u8> {
    repeated(|n| format!("{n:07} {}\r\n", "the quick brown fox jumps over the lazy dog and runs "))
}

fn short_lines() -> Vec<u8> {
    repeated(|n| format!("{}\r\n", n % 1000))
}

fn colour() -> Vec<u8> {
    repeated(|n| {
        let (a, b) = (n % 8, n % 256);
        format!(
            "\x1b[3{a}mstatus\x1b[0m \x1b[1;38;5;{b}mname-{n}\x1b[m \x1b[48;2;{b};20;30mvalue\x1b[0m text\r\n"
        )
    })
}

fn unicode() -> Vec<u8> {
    repeated(|n| {
        format!(
            "{n} \u{65e5}\u{672c}\u{8a9e} \u{e9}\u{fc}\u{df} e\u{301} \u{1f600} \u{2500}\u{2500}\r\n"
        )
    })
}

/// What an editor or monitor does: moves about and rewrites parts of the screen.
fn full_screen() -> Vec<u8> {
    repeated(|n| {
        let (row, col) = (n % 24 + 1, n * 7 % 60 + 1);
        format!("\x1b[{row};{col}H\x1b[7m{:>6}\x1b[27m\x1b[K\x1b[{};1H\x1b[36m#\x1b[39m", n, row)
    })
}
