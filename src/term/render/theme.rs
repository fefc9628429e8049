//! What colours a cell is drawn in: the page's palette (xterm.js's), the program's changes to it, and
//! the attributes that bend colours.

use crate::term::reply::default_palette;
use crate::term::screen::PaletteKey;
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

impl<'a> Theme<'a> {
    pub(super) fn new(terminal: &'a Terminal) -> Theme<'a> {
        let report = &terminal.report;
        let special = |number, own: (u8, u8, u8)| {
            let (r, g, b) = terminal.screen.color(PaletteKey::Special(number)).unwrap_or(own);
            Rgb(r, g, b)
        };
        let (fg, bg) = (special(10, report.fg), special(11, report.bg));
        let (fg, bg) = if terminal.modes().reverse_video { (bg, fg) } else { (fg, bg) };
        Theme { terminal, fg, bg, cursor: special(12, report.cursor) }
    }

    fn indexed(&self, index: u8) -> Rgb {
        let set = self.terminal.screen.color(PaletteKey::Indexed(index));
        let (r, g, b) = set.unwrap_or_else(|| default_palette(index));
        Rgb(r, g, b)
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
    use crate::term::{History, Unwatched};
    use crate::units::Size;

    #[test]
    fn colors_a_program_changed_are_drawn_changed() {
        let mut terminal = Terminal::new(Size::DEFAULT, History::growing(1 << 16, 10));
        terminal.feed(b"\x1b]4;1;#010203\x07\x1b]11;rgb:40/50/60\x07", &mut Unwatched);
        let theme = Theme::new(&terminal);
        let ink = |fg| theme.ink(&Style { fg, ..Style::DEFAULT });
        assert_eq!(ink(Color::Palette(1)).fg, Rgb(1, 2, 3));
        assert_eq!(ink(Color::Palette(2)).fg, Rgb(0x4e, 0x9a, 0x06));
        assert_eq!(ink(Color::Palette(110)).fg, Rgb(135, 175, 215));
        assert_eq!((theme.bg, ink(Color::Default).bg), (Rgb(0x40, 0x50, 0x60), None));
    }

    #[test]
    fn inverse_swaps_and_dim_goes_half_way() {
        let terminal = Terminal::new(Size::DEFAULT, History::growing(1 << 16, 10));
        let theme = Theme::new(&terminal);
        let ink = |attribute| {
            let mut style =
                Style { fg: Color::Rgb(100, 0, 0), bg: Color::Rgb(0, 100, 0), ..Style::DEFAULT };
            style.attrs.set(attribute, true);
            theme.ink(&style)
        };
        let inverse = ink(Attrs::INVERSE);
        assert_eq!((inverse.fg, inverse.bg), (Rgb(0, 100, 0), Some(Rgb(100, 0, 0))));
        assert_eq!(ink(Attrs::DIM).fg, Rgb(50, 50, 0));
    }
}
