//! The model against an independent one (the vt100 crate) on what both must do alike: plain text, cursor movement,
//! erasing, insertion and deletion, colours.
#![no_main]

use arbitrary::Arbitrary;
use facemux::term::Unwatched;
use facemux::units::Size;
use facemux_fuzz::terminal;
use libfuzzer_sys::fuzz_target;
use std::num::NonZero;

#[derive(Arbitrary, Debug)]
enum Plain {
    Char(u8),
    Line,
    Return,
    Back,
    Cup(u8, u8),
    Up(u8),
    Down(u8),
    Right(u8),
    Left(u8),
    Ed(u8),
    El(u8),
    Il(u8),
    Dl(u8),
    Ich(u8),
    Dch(u8),
    Ech(u8),
    Color(u8),
    Reset,
}

const ROWS: NonZero<u16> = NonZero::new(8).expect("not zero");
const COLS: NonZero<u16> = NonZero::new(20).expect("not zero");

impl Plain {
    fn text(&self) -> String {
        // A count of 0 means 1 and both models know it; larger ones stay near the screen's size.
        let n = |n: &u8| n % 24;
        match self {
            Plain::Char(c) => char::from(0x20 + c % 0x5f).to_string(),
            Plain::Line => "\n".into(),
            Plain::Return => "\r".into(),
            Plain::Back => "\x08".into(),
            Plain::Cup(a, b) => format!("\x1b[{};{}H", n(a), n(b)),
            Plain::Up(a) => format!("\x1b[{}A", n(a)),
            Plain::Down(a) => format!("\x1b[{}B", n(a)),
            Plain::Right(a) => format!("\x1b[{}C", n(a)),
            Plain::Left(a) => format!("\x1b[{}D", n(a)),
            Plain::Ed(a) => format!("\x1b[{}J", a % 3),
            Plain::El(a) => format!("\x1b[{}K", a % 3),
            Plain::Il(a) => format!("\r\x1b[{}L", n(a)),
            Plain::Dl(a) => format!("\r\x1b[{}M", n(a)),
            Plain::Ich(a) => format!("\x1b[{}@", n(a)),
            Plain::Dch(a) => format!("\x1b[{}P", n(a)),
            Plain::Ech(a) => format!("\x1b[{}X", n(a)),
            Plain::Color(a) => format!("\x1b[3{}m", a % 8),
            Plain::Reset => "\x1b[m".into(),
        }
    }
}

fuzz_target!(|steps: Vec<Plain>| {
    let mut ours = terminal(Size::clamped(ROWS.get(), COLS.get()));
    let mut theirs = vt100::Parser::new(ROWS, COLS, 0);
    for step in &steps {
        // Where a line is full the two differ on purpose (pending wrap); the cursor is put in order first.
        let (_, col) = theirs.screen().cursor_position();
        let guard = if col >= COLS.get() - 1 { "\r" } else { "" };
        let text = format!("{guard}{}", step.text());
        ours.feed(text.as_bytes(), &mut Unwatched);
        theirs.process(text.as_bytes());
    }
    for row in 0..ROWS.get() {
        let line: String =
            ours.row(row).cells().map(|c| if c.text.is_empty() { " " } else { c.text }).collect();
        let want: String = theirs.screen().rows(0, COLS.get()).nth(row.into()).unwrap_or_default();
        assert_eq!(line.trim_end(), want.trim_end(), "row {row}");
    }
    let cursor = ours.cursor();
    assert_eq!((cursor.row, cursor.col), theirs.screen().cursor_position(), "cursor");
});
