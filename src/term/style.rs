//! How a cell looks: colours, attributes, underline, link; and the table in which styles are interned.
//!
//! A cell holds a `StyleId`; the table gives it its meaning. Ids no cell uses any more are found by
//! the screen's own sweep and given out again, so that a stream of ever new colours stays bounded.
//! Attributes are those of ECMA-48 8.3.117 (SGR) and xterm's control sequences.

use super::link::LinkId;
use crate::limits::STYLES_MAX;
use std::collections::HashMap;

/// A colour as a program names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Color {
    /// The terminal's own foreground or background.
    #[default]
    Default,
    /// An entry of the 256-colour palette; 0 to 15 are the ANSI colours.
    Palette(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How the underline is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Underline {
    /// None.
    #[default]
    None,
    /// One line.
    Single,
    /// Two lines.
    Double,
    /// A wave.
    Curly,
    /// Dots.
    Dotted,
    /// Dashes.
    Dashed,
}

impl Underline {
    /// The underline of `CSI 4 : n m`.
    pub fn from_number(n: u8) -> Underline {
        match n {
            0 => Underline::None,
            2 => Underline::Double,
            3 => Underline::Curly,
            4 => Underline::Dotted,
            5 => Underline::Dashed,
            _ => Underline::Single,
        }
    }

    /// The number in `CSI 4 : n m`.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A set of attributes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Attrs(u16);

impl Attrs {
    /// SGR 1.
    pub const BOLD: Attrs = Attrs(1);
    /// SGR 2.
    pub const DIM: Attrs = Attrs(1 << 1);
    /// SGR 3.
    pub const ITALIC: Attrs = Attrs(1 << 2);
    /// SGR 5.
    pub const BLINK: Attrs = Attrs(1 << 3);
    /// SGR 7.
    pub const INVERSE: Attrs = Attrs(1 << 4);
    /// SGR 8.
    pub const INVISIBLE: Attrs = Attrs(1 << 5);
    /// SGR 9.
    pub const STRIKE: Attrs = Attrs(1 << 6);
    /// SGR 53.
    pub const OVERLINE: Attrs = Attrs(1 << 7);
    /// DECSCA 1: selective erase leaves the cell alone.
    pub const PROTECTED: Attrs = Attrs(1 << 8);
    /// SGR 59 was sent. xterm.js keeps that apart from a colour never set, so a restore must too.
    pub const UNDERLINE_COLOR_RESET: Attrs = Attrs(1 << 9);

    /// Whether all of `other` is in this set.
    pub fn contains(self, other: Attrs) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds or removes `other`.
    pub fn set(&mut self, other: Attrs, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }

    /// This set without `other`.
    pub fn without(self, other: Attrs) -> Attrs {
        Attrs(self.0 & !other.0)
    }

    /// The set as a number, and back: for packed rows.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of a number made by `bits`.
    pub fn from_bits(bits: u16) -> Attrs {
        Attrs(bits & 0x3ff)
    }
}

/// Everything about a cell but its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Style {
    /// Colour of the text.
    pub fg: Color,
    /// Colour behind it.
    pub bg: Color,
    /// Colour of the underline; `Default` follows the text.
    pub underline_color: Color,
    /// Kind of underline.
    pub underline: Underline,
    /// The other attributes.
    pub attrs: Attrs,
    /// The hyperlink, to be looked up with `Terminal::link`; 0 is none.
    pub link: LinkId,
}

impl Style {
    /// The style of a fresh terminal.
    pub const DEFAULT: Style = Style {
        fg: Color::Default,
        bg: Color::Default,
        underline_color: Color::Default,
        underline: Underline::None,
        attrs: Attrs(0),
        link: 0,
    };

    /// Default but for its background: what erasing leaves behind.
    pub fn erased(bg: Color) -> Style {
        Style { bg, ..Style::DEFAULT }
    }
}

/// A style's place in the table; 0 is the default style.
pub type StyleId = u32;

/// Interned styles. Bounded: see `STYLES_MAX`.
#[derive(Debug)]
pub struct StyleTable {
    styles: Vec<Style>,
    free: Vec<StyleId>,
    ids: HashMap<Style, StyleId, Mix>,
    /// Styles in use after the last sweep: the next one comes when they have doubled.
    kept: usize,
}

impl Default for StyleTable {
    fn default() -> StyleTable {
        StyleTable {
            styles: vec![Style::DEFAULT],
            free: Vec::new(),
            ids: HashMap::default(),
            kept: 0,
        }
    }
}

impl StyleTable {
    /// The style of an id.
    #[inline]
    pub fn get(&self, id: StyleId) -> &Style {
        self.styles.get(id as usize).unwrap_or(&Style::DEFAULT)
    }

    /// The id of a style; when the table is full, that of the default.
    pub fn intern(&mut self, style: &Style) -> StyleId {
        if *style == Style::DEFAULT {
            return 0;
        }
        if let Some(&id) = self.ids.get(style) {
            return id;
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.styles.len() < STYLES_MAX => {
                self.styles.push(*style);
                self.styles.len() as StyleId - 1
            }
            None => return 0,
        };
        self.styles[id as usize] = *style;
        self.ids.insert(*style, id);
        id
    }

    /// Whether so many styles came since the last sweep that another pays. A screen of `cells` cells
    /// can use that many, and a sweep looks at all of them.
    #[inline]
    pub fn wants_sweep(&self, cells: usize) -> bool {
        self.ids.len() >= (2 * self.kept).max(256).max(cells / 8).min(STYLES_MAX - 1)
    }

    /// Ids given out so far are below this.
    pub fn end(&self) -> usize {
        self.styles.len()
    }

    /// Frees every id that `used` does not mark, and marks in `links` the links that stay.
    pub fn sweep(&mut self, used: &[bool], links: &mut [bool]) {
        self.ids.clear();
        self.free.clear();
        for (id, style) in self.styles.iter().enumerate().skip(1) {
            if used.get(id).copied().unwrap_or(false) {
                self.ids.insert(*style, id as StyleId);
                if let Some(mark) = links.get_mut(usize::from(style.link)) {
                    *mark = true;
                }
            } else {
                self.free.push(id as StyleId);
            }
        }
        self.kept = self.ids.len();
        if self.ids.is_empty() {
            *self = StyleTable::default();
        }
    }
}

/// A fast hash of few bytes. Styles come from hostile output, but the table is small and swept, so a
/// crafted collision costs no more than the bound on cost per byte allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl std::hash::BuildHasher for Mix {
    type Hasher = Mix;
    fn build_hasher(&self) -> Mix {
        Mix(0x9e37_79b9_7f4a_7c15)
    }
}

impl std::hash::Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(23) ^ n).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}
