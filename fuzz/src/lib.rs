//! What the fuzz targets share: programs' output with structure, and when two terminals are the same.
//!
//! Raw bytes find little behind a parser's first states, so an input is a list of steps, each of them a sequence a
//! program might send, well or badly formed, with raw bytes as one kind of step among others.

use arbitrary::Arbitrary;
use facemux::term::{History, Line, Terminal, Unwatched};
use facemux::units::Size;

/// One thing a program prints, or its terminal's resize.
#[derive(Arbitrary, Debug)]
pub enum Step {
    Text(Text),
    /// A C0 control.
    Control(u8),
    Csi {
        mark: Mark,
        params: Vec<Param>,
        inter: Option<Inter>,
        end: u8,
    },
    /// A sequence that is surely understood: a verb with small numbers.
    Known(Known, u8, u8),
    Sgr(Vec<Param>),
    Mode {
        private: bool,
        set: bool,
        mode: ModeName,
    },
    Escape {
        inter: Option<Inter>,
        end: u8,
    },
    Osc {
        number: u8,
        text: Vec<u8>,
        bel: bool,
    },
    Dcs {
        params: Vec<Param>,
        end: u8,
        text: Vec<u8>,
    },
    Raw(Vec<u8>),
    Resize {
        rows: u8,
        cols: u8,
    },
}

#[derive(Arbitrary, Debug)]
pub enum Text {
    Ascii(u8, u8),
    Any(String),
    Wide(u8),
    Combining(u8),
    Line,
}

#[derive(Arbitrary, Debug)]
pub enum Mark {
    None,
    Question,
    Greater,
    Equal,
    Less,
}

#[derive(Arbitrary, Debug)]
pub enum Inter {
    Space,
    Quote,
    Dollar,
    Bang,
    Open,
    Close,
    Hash,
}

#[derive(Arbitrary, Debug)]
pub struct Param {
    value: u16,
    colon: bool,
}

#[derive(Arbitrary, Debug)]
pub enum Known {
    Cup,
    Up,
    Down,
    Right,
    Left,
    Ed,
    El,
    Il,
    Dl,
    Ich,
    Dch,
    Ech,
    Su,
    Sd,
    Stbm,
    Rep,
    Hts,
    Ri,
    Save,
    Load,
}

#[derive(Arbitrary, Debug)]
pub enum ModeName {
    Alternate,
    AlternateOnly,
    SaveCursor,
    Origin,
    Wrap,
    Insert,
    Newline,
    Cursor,
    Mouse,
    Sgr,
    Focus,
    Paste,
    Sync,
    Any(u16),
}

impl Step {
    /// The bytes a program prints for it; none for a resize.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Step::Text(text) => text.bytes(),
            Step::Control(c) => vec![c & 0x1f],
            Step::Csi { mark, params, inter, end } => {
                csi(mark.byte(), params, inter.as_ref(), 0x40 + end % 0x3f)
            }
            Step::Known(known, a, b) => known.bytes(a % 30, b % 90),
            Step::Sgr(params) => csi(None, params, None, b'm'),
            Step::Mode { private, set, mode } => {
                let mark = if *private { "?" } else { "" };
                format!("\x1b[{mark}{}{}", mode.number(), if *set { 'h' } else { 'l' }).into_bytes()
            }
            Step::Escape { inter, end } => {
                let mut bytes = vec![0x1b];
                bytes.extend(inter.as_ref().map(Inter::byte));
                bytes.push(0x30 + end % 0x4f);
                bytes
            }
            Step::Osc { number, text, bel } => {
                let mut bytes = format!("\x1b]{number};").into_bytes();
                bytes.extend(text);
                bytes.extend_from_slice(if *bel { b"\x07" } else { b"\x1b\\" });
                bytes
            }
            Step::Dcs { params, end, text } => {
                let mut bytes = csi(None, params, None, 0x40 + end % 0x3f);
                bytes[1] = b'P';
                bytes.extend(text);
                bytes.extend_from_slice(b"\x1b\\");
                bytes
            }
            Step::Raw(bytes) => bytes.clone(),
            Step::Resize { .. } => vec![],
        }
    }

    /// The size it changes to.
    pub fn size(&self) -> Option<Size> {
        match self {
            Step::Resize { rows, cols } => Some(small_size(*rows, *cols)),
            _ => None,
        }
    }
}

impl Text {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Text::Ascii(c, n) => vec![0x20 + c % 0x5f; usize::from(*n)],
            Text::Any(text) => text.clone().into_bytes(),
            Text::Wide(n) => "\u{5b57}".repeat(usize::from(n % 64)).into_bytes(),
            Text::Combining(n) => format!("e{}", "\u{301}".repeat(usize::from(n % 8))).into_bytes(),
            Text::Line => b"a line of text\r\n".to_vec(),
        }
    }
}

impl Mark {
    fn byte(&self) -> Option<u8> {
        match self {
            Mark::None => None,
            Mark::Question => Some(b'?'),
            Mark::Greater => Some(b'>'),
            Mark::Equal => Some(b'='),
            Mark::Less => Some(b'<'),
        }
    }
}

impl Inter {
    fn byte(&self) -> u8 {
        match self {
            Inter::Space => b' ',
            Inter::Quote => b'"',
            Inter::Dollar => b'$',
            Inter::Bang => b'!',
            Inter::Open => b'(',
            Inter::Close => b')',
            Inter::Hash => b'#',
        }
    }
}

impl Known {
    fn bytes(&self, a: u8, b: u8) -> Vec<u8> {
        let (one, two) = (format!("\x1b[{a}"), format!("\x1b[{a};{b}"));
        match self {
            Known::Cup => two + "H",
            Known::Stbm => two + "r",
            Known::Up => one + "A",
            Known::Down => one + "B",
            Known::Right => one + "C",
            Known::Left => one + "D",
            Known::Ed => format!("\x1b[{}J", a % 4),
            Known::El => format!("\x1b[{}K", a % 3),
            Known::Il => one + "L",
            Known::Dl => one + "M",
            Known::Ich => one + "@",
            Known::Dch => one + "P",
            Known::Ech => one + "X",
            Known::Su => one + "S",
            Known::Sd => one + "T",
            Known::Rep => one + "b",
            Known::Hts => "\x1bH".to_string(),
            Known::Ri => "\x1bM".to_string(),
            Known::Save => "\x1b7".to_string(),
            Known::Load => "\x1b8".to_string(),
        }
        .into_bytes()
    }
}

impl ModeName {
    fn number(&self) -> u16 {
        match self {
            ModeName::Alternate => 1049,
            ModeName::AlternateOnly => 47,
            ModeName::SaveCursor => 1048,
            ModeName::Origin => 6,
            ModeName::Wrap => 7,
            ModeName::Insert => 4,
            ModeName::Newline => 20,
            ModeName::Cursor => 25,
            ModeName::Mouse => 1002,
            ModeName::Sgr => 1006,
            ModeName::Focus => 1004,
            ModeName::Paste => 2004,
            ModeName::Sync => 2026,
            ModeName::Any(n) => n % 3000,
        }
    }
}

fn csi(mark: Option<u8>, params: &[Param], inter: Option<&Inter>, end: u8) -> Vec<u8> {
    let mut bytes = b"\x1b[".to_vec();
    bytes.extend(mark);
    for (i, param) in params.iter().enumerate() {
        if i > 0 {
            bytes.push(if param.colon { b':' } else { b';' });
        }
        bytes.extend(param.value.to_string().bytes());
    }
    bytes.extend(inter.map(Inter::byte));
    bytes.push(end);
    bytes
}

/// A size small enough that everything happens at the edges.
pub fn small_size(rows: u8, cols: u8) -> Size {
    Size::clamped(u16::from(rows % 12) + 1, u16::from(cols % 40) + 2)
}

/// A terminal with a history of its own.
pub fn terminal(size: Size) -> Terminal {
    Terminal::new(size, History::growing(1 << 20, 500))
}

/// Fails unless the two terminals show and keep the same. Whether the first row there is continues one that is gone
/// means nothing.
pub fn assert_same(one: &Terminal, other: &Terminal, when: &str) {
    if !one.restores_exactly() {
        return;
    }
    assert_eq!(one.size(), other.size(), "{when}: size");
    assert_eq!(one.cursor(), other.cursor(), "{when}: cursor");
    assert_eq!(one.modes(), other.modes(), "{when}: modes");
    assert_eq!(one.is_alternate(), other.is_alternate(), "{when}: alternate");
    assert_eq!(one.kitty_flags(), other.kitty_flags(), "{when}: kitty flags");
    assert_eq!(one.title(), other.title(), "{when}: title");
    assert_eq!(rows(one), rows(other), "{when}: rows");
}

/// The history and the screen.
fn rows(terminal: &Terminal) -> Vec<Line> {
    let mut rows = terminal.history_rows(500);
    let history = rows.len();
    rows.extend((0..terminal.size().rows()).map(|row| terminal.row(row)));
    rows[0].wrapped = false;
    if terminal.is_alternate() {
        rows[history].wrapped = false;
    }
    rows
}

/// Feeds `bytes` in pieces of at most `piece` bytes.
pub fn feed_in_pieces(terminal: &mut Terminal, bytes: &[u8], piece: usize) {
    for part in bytes.chunks(piece.max(1)) {
        terminal.feed(part, &mut Unwatched);
    }
}
