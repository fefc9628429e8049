//! What colours a cell is drawn in: the page's palette (xterm.js's), the program's changes to it, and
//! the attributes that bend colours.

use crate::term::{Attrs, Color, Style, Terminal};
use std::fmt;

/// Red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The colours of one cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ink {
    pub fg: Rgb,
    /// None where the page's own background shows.
    pub bg: Option<Rgb>,
    /// Colour of the underline.
    pub underline: Rgb,
}

/// The colours of a terminal.
pub(super) struct Theme<'a> {
    terminal: &'a Terminal,
    /// The page's foreground.
    pub fg: Rgb,
    /// The page's background.
    pub bg: Rgb,
    /// The cursor.
    pub cursor: Rgb,
}

/// The ANSI colours as xterm.js has them (the Tango palette).
const ANSI: [u32; 16] = [
    0x2e3436, 0xcc0000, 0x4e9a06, 0xc4a000, 0x3465a4, 0x75507b, 0x06989a, 0xd3d7cf, 0x555753,
    0xef2929, 0x8ae234, 0xfce94f, 0x729fcf, 0xad7fa8, 0x34e2e2, 0xeeeeec,
];

/// The palette of a fresh terminal.
pub(super) fn palette(index: u8) -> Rgb {
    match index {
        0..16 => {
            let [_, r, g, b] = ANSI[usize::from(index)].to_be_bytes();
            Rgb(r, g, b)
        }
        16..232 => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = index - 16;
            Rgb(step(n / 36), step(n / 6 % 6), step(n % 6))
        }
        232.. => {
            let level = 8 + 10 * (index - 232);
            Rgb(level, level, level)
        }
    }
}

impl<'a> Theme<'a> {
    pub(super) fn new(terminal: &'a Terminal) -> Theme<'a> {
        let (fg, bg, cursor) = (Rgb(255, 255, 255), Rgb(0, 0, 0), Rgb(255, 255, 255));
        let (fg, bg) = if terminal.modes().reverse_video { (bg, fg) } else { (fg, bg) };
        Theme { terminal, fg, bg, cursor }
    }

    fn indexed(&self, index: u8) -> Rgb {
        let _ = self.terminal;
        palette(index)
    }

    fn resolve(&self, color: Color, own: Rgb) -> Rgb {
        match color {
            Color::Default => own,
            Color::Palette(index) => self.indexed(index),
            Color::Rgb(r, g, b) => Rgb(r, g, b),
        }
    }

    /// The colours of a cell, as xterm.js draws them: bold brightens the first eight, dim goes half
    /// the way to the background, inverse swaps before either.
    pub(super) fn ink(&self, style: &Style) -> Ink {
        let has = |attribute| style.attrs.contains(attribute);
        let bright = match style.fg {
            Color::Palette(index @ 0..8) if has(Attrs::BOLD) => Color::Palette(index + 8),
            color => color,
        };
        let plain = (self.resolve(bright, self.fg), self.resolve(style.bg, self.bg));
        let (fg, bg, shows) = if has(Attrs::INVERSE) {
            (plain.1, plain.0, true)
        } else {
            (plain.0, plain.1, style.bg != Color::Default)
        };
        let fg = if has(Attrs::DIM) { half_way(fg, bg) } else { fg };
        Ink { fg, bg: shows.then_some(bg), underline: self.resolve(style.underline_color, fg) }
    }
}

fn half_way(a: Rgb, b: Rgb) -> Rgb {
    let mean = |a: u8, b: u8| ((u16::from(a) + u16::from(b)) / 2) as u8;
    Rgb(mean(a.0, b.0), mean(a.1, b.1), mean(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_xterm_s_beyond_the_first_sixteen() {
        assert_eq!(palette(16), Rgb(0, 0, 0));
        assert_eq!(palette(21), Rgb(0, 0, 255));
        assert_eq!(palette(110), Rgb(135, 175, 215));
        assert_eq!(palette(231), Rgb(255, 255, 255));
        assert_eq!(palette(232), Rgb(8, 8, 8));
        assert_eq!(palette(255), Rgb(238, 238, 238));
    }
}
