//! The answers a terminal owes its program.
//!
//! Made of our own state and of constants alone: no answer carries text the program chose, so nothing
//! printed can type commands. Sources: xterm's control sequences, VT510-RM chapter 5, the kitty
//! keyboard protocol.

use super::modes::{CursorShape, Mouse, MouseEncoding};
use super::screen::{ALT, PaletteKey, Screen};
use super::style::{Attrs, Color, Underline};
use super::token::{Params, Token};

/// What a face says of the terminal it is shown in: the leader's values, or documented defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Default foreground, red green blue.
    pub fg: (u8, u8, u8),
    /// Default background.
    pub bg: (u8, u8, u8),
    /// Cursor.
    pub cursor: (u8, u8, u8),
    /// A cell's width in pixels.
    pub cell_width: u16,
    /// A cell's height in pixels.
    pub cell_height: u16,
}

impl Default for Report {
    /// White on black, and cells of 9 x 18 pixels.
    fn default() -> Report {
        Report {
            fg: (255, 255, 255),
            bg: (0, 0, 0),
            cursor: (255, 255, 255),
            cell_width: 9,
            cell_height: 18,
        }
    }
}

/// The answer to a token, if it asks for one.
pub fn answer(screen: &Screen, report: &Report, token: &Token<'_>) -> Option<String> {
    match *token {
        Token::Csi { prefix, params, intermediates, last } => {
            csi(screen, report, prefix, params, intermediates, last)
        }
        Token::Escape { intermediates: [], last: b'Z' } => Some(DA1.into()),
        Token::Osc { number: Some(number), payload, bell } => {
            colors(screen, report, number, payload, bell)
        }
        Token::Dcs { prefix: 0, intermediates: [b'$'], last: b'q', payload } => {
            Some(status_string(screen, payload))
        }
        // XTGETTCAP: politely nothing.
        Token::Dcs { prefix: 0, intermediates: [b'+'], last: b'q', .. } => {
            Some("\x1bP0+r\x1b\\".into())
        }
        _ => None,
    }
}

/// A VT220 with colour.
const DA1: &str = "\x1b[?62;22c";

fn csi(
    screen: &Screen,
    report: &Report,
    prefix: u8,
    params: &Params,
    intermediates: &[u8],
    last: u8,
) -> Option<String> {
    let first = params.get(0);
    match (prefix, intermediates, last) {
        (0, [], b'c') if first == 0 => Some(DA1.into()),
        // The page's own terminal says the same.
        (b'>', [], b'c') if first == 0 => Some("\x1b[>0;276;0c".into()),
        (b'=', [], b'c') if first == 0 => Some("\x1bP!|00000000\x1b\\".into()),
        (b'>', [], b'q') if first == 0 => {
            Some(concat!("\x1bP>|facemux(", env!("CARGO_PKG_VERSION"), ")\x1b\\").into())
        }
        (0, [], b'n') if first == 5 => Some("\x1b[0n".into()),
        (0, [], b'n') if first == 6 => Some(position(screen, "")),
        (b'?', [], b'n') if first == 6 => Some(position(screen, "?")),
        // Dark or light, for programs that follow it.
        (b'?', [], b'n') if first == 996 => {
            let (r, g, b) = report.bg;
            let light = u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 > 127_500;
            Some(format!("\x1b[?997;{}n", if light { 2 } else { 1 }))
        }
        (0, [b'$'], b'p') => Some(format!("\x1b[{first};{}$y", ansi_mode(screen, first))),
        (b'?', [b'$'], b'p') => Some(format!("\x1b[?{first};{}$y", private_mode(screen, first))),
        (b'?', [], b'u') => Some(format!("\x1b[?{}u", screen.kitty_flags())),
        (0, [], b'x') if first <= 1 => Some(format!("\x1b[{};1;1;128;128;1;0x", first + 2)),
        (0, [], b't') => window(screen, report, first),
        _ => None,
    }
}

fn position(screen: &Screen, prefix: &str) -> String {
    let page = screen.page();
    let top = if screen.modes.origin { page.top } else { 0 };
    let (row, col) = (page.y.saturating_sub(top) + 1, page.x.min(screen.cols - 1) + 1);
    format!("\x1b[{prefix}{row};{col}R")
}

fn window(screen: &Screen, report: &Report, what: i32) -> Option<String> {
    let (rows, cols) = (screen.rows, screen.cols);
    let (height, width) = (usize::from(report.cell_height), usize::from(report.cell_width));
    match what {
        14 => Some(format!("\x1b[4;{};{}t", rows * height, cols * width)),
        16 => Some(format!("\x1b[6;{height};{width}t")),
        18 => Some(format!("\x1b[8;{rows};{cols}t")),
        _ => None,
    }
}

fn set(on: bool) -> u8 {
    if on { 1 } else { 2 }
}

/// DECRPM for SM's modes: 0 unknown, 1 set, 2 reset, 3 always set, 4 always reset.
fn ansi_mode(screen: &Screen, mode: i32) -> u8 {
    match mode {
        2 => 4,
        4 => set(screen.modes.insert),
        12 => 3,
        20 => set(screen.modes.newline),
        _ => 0,
    }
}

/// The same for DECSET's.
fn private_mode(screen: &Screen, mode: i32) -> u8 {
    let modes = &screen.modes;
    match mode {
        1 => set(modes.app_cursor),
        5 => set(modes.reverse_video),
        6 => set(modes.origin),
        7 => set(modes.wrap),
        8 => 3,
        9 => set(modes.mouse == Mouse::X10),
        12 => set(modes.blink),
        25 => set(modes.cursor_visible),
        45 => set(modes.reverse_wrap),
        66 => set(modes.app_keypad),
        67 | 1005 | 1015 => 4,
        1000 => set(modes.mouse == Mouse::Vt200),
        1002 => set(modes.mouse == Mouse::Drag),
        1003 => set(modes.mouse == Mouse::Any),
        1004 => set(modes.focus),
        1006 => set(modes.mouse_encoding == MouseEncoding::Sgr),
        1016 => set(modes.mouse_encoding == MouseEncoding::SgrPixels),
        1048 => 1,
        47 | 1047 | 1049 => set(screen.active == ALT),
        2004 => set(modes.bracketed_paste),
        2026 => set(modes.sync),
        2031 => set(modes.color_scheme),
        _ => 0,
    }
}

/// OSC 4, 10, 11, 12 with a question mark.
fn colors(
    screen: &Screen,
    report: &Report,
    number: u32,
    payload: &str,
    bell: bool,
) -> Option<String> {
    let end = if bell { "\x07" } else { "\x1b\\" };
    let mut out = String::new();
    let mut say = |what: String, (r, g, b): (u8, u8, u8)| {
        let color = format!("rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}");
        out.push_str(&format!("\x1b]{what};{color}{end}"));
    };
    match number {
        4 => {
            let mut parts = payload.split(';');
            while let (Some(index), Some(spec)) = (parts.next(), parts.next()) {
                if let (Ok(index), "?") = (index.parse::<u8>(), spec) {
                    let color = screen.color(PaletteKey::Indexed(index));
                    say(format!("4;{index}"), color.unwrap_or_else(|| default_palette(index)));
                }
            }
        }
        10..=12 => {
            for (at, spec) in payload.split(';').enumerate().take(13 - number as usize) {
                let which = number as u8 + at as u8;
                if spec == "?" {
                    let default = [report.fg, report.bg, report.cursor][usize::from(which - 10)];
                    let color = screen.color(PaletteKey::Special(which));
                    say(which.to_string(), color.unwrap_or(default));
                }
            }
        }
        _ => return None,
    }
    (!out.is_empty()).then_some(out)
}

/// xterm's palette of 256 colours.
pub(super) fn default_palette(index: u8) -> (u8, u8, u8) {
    const ANSI: [(u8, u8, u8); 16] = [
        (0x2e, 0x34, 0x36),
        (0xcc, 0x00, 0x00),
        (0x4e, 0x9a, 0x06),
        (0xc4, 0xa0, 0x00),
        (0x34, 0x65, 0xa4),
        (0x75, 0x50, 0x7b),
        (0x06, 0x98, 0x9a),
        (0xd3, 0xd7, 0xcf),
        (0x55, 0x57, 0x53),
        (0xef, 0x29, 0x29),
        (0x8a, 0xe2, 0x34),
        (0xfc, 0xe9, 0x4f),
        (0x72, 0x9f, 0xcf),
        (0xad, 0x7f, 0xa8),
        (0x34, 0xe2, 0xe2),
        (0xee, 0xee, 0xec),
    ];
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match index {
        0..=15 => ANSI[usize::from(index)],
        16..=231 => {
            let n = index - 16;
            (step(n / 36), step(n / 6 % 6), step(n % 6))
        }
        _ => {
            let gray = 8 + 10 * (index - 232);
            (gray, gray, gray)
        }
    }
}

/// DECRQSS.
fn status_string(screen: &Screen, asked: &[u8]) -> String {
    let page = screen.page();
    let status = match asked {
        b"m" => format!("{}m", sgr(screen)),
        b"r" => format!("{};{}r", page.top + 1, page.bottom + 1),
        b"\"p" => "62;1\"p".to_owned(),
        b"\"q" => {
            let protected = screen.pen.style().attrs.contains(Attrs::PROTECTED);
            format!("{}\"q", u8::from(protected))
        }
        b" q" => {
            let shape = match screen.modes.cursor_shape.unwrap_or(CursorShape::Block) {
                CursorShape::Block => 2,
                CursorShape::Underline => 4,
                CursorShape::Bar => 6,
            };
            let blink = screen.modes.cursor_blink.unwrap_or(screen.modes.blink);
            format!("{} q", shape - u8::from(blink))
        }
        _ => return "\x1bP0$r\x1b\\".to_owned(),
    };
    format!("\x1bP1$r{status}\x1b\\")
}

/// The pen as SGR parameters.
fn sgr(screen: &Screen) -> String {
    let style = screen.pen.style();
    let mut out = String::from("0");
    let attrs = [
        (Attrs::BOLD, "1"),
        (Attrs::DIM, "2"),
        (Attrs::ITALIC, "3"),
        (Attrs::BLINK, "5"),
        (Attrs::INVERSE, "7"),
        (Attrs::INVISIBLE, "8"),
        (Attrs::STRIKE, "9"),
        (Attrs::OVERLINE, "53"),
    ];
    for (attr, code) in attrs {
        if style.attrs.contains(attr) {
            out.push(';');
            out.push_str(code);
        }
    }
    match style.underline {
        Underline::None => {}
        Underline::Single => out.push_str(";4"),
        other => out.push_str(&format!(";4:{}", other.number())),
    }
    for (base, color) in [(30, style.fg), (40, style.bg), (50, style.underline_color)] {
        match color {
            Color::Default => {}
            Color::Palette(n) if base < 50 && n < 8 => out.push_str(&format!(";{}", base + n)),
            Color::Palette(n) if base < 50 && n < 16 => {
                out.push_str(&format!(";{}", base + 52 + n));
            }
            Color::Palette(n) => out.push_str(&format!(";{}:5:{n}", base + 8)),
            Color::Rgb(r, g, b) => out.push_str(&format!(";{}:2::{r}:{g}:{b}", base + 8)),
        }
    }
    out
}

/// A colour as XParseColor(3) reads it: `rgb:r/g/b` with one to four digits each, as many for all, or `#` and three
/// times as many.
pub fn parse_color(spec: &str) -> Option<(u8, u8, u8)> {
    let (digits, gap) = match spec.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("rgb:") => (&spec[4..], 1),
        _ => (spec.strip_prefix('#')?, 0),
    };
    let len =
        (digits.len() + gap).checked_div(3).filter(|len| (1 + gap..=4 + gap).contains(len))?;
    let (n, gaps) = (len - gap, digits.bytes().filter(|b| *b == b'/').count());
    if digits.len() + gap != 3 * len || gaps != 2 * gap {
        return None;
    }
    let part = |at: usize| {
        let part = digits.get(at * len..at * len + n)?;
        let hex = part.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u32::from_str_radix(part, 16).ok().filter(|_| hex)?;
        Some((value * 255 / ((1 << (4 * n)) - 1)) as u8)
    };
    Some((part(0)?, part(1)?, part(2)?))
}

impl Screen {
    /// The kitty keyboard protocol's flags now in force.
    pub fn kitty_flags(&self) -> u8 {
        (self.page().kitty.last().copied().unwrap_or(0) & 0x1f) as u8
    }

    /// A colour a program has set.
    pub(super) fn color(&self, key: PaletteKey) -> Option<(u8, u8, u8)> {
        let (_, spec) = self.palette.iter().find(|(k, _)| *k == key)?;
        parse_color(spec)
    }
}
