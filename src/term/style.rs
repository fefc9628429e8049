//! How a cell looks: colours, attributes, underline, link. A cell holds a `StyleId`, to which `table` gives its
//! meaning.
//!
//! Attributes are those of ECMA-48 8.3.117 (SGR) and xterm's control sequences.

mod table;

pub use table::{
    StyleId, StyleTable, color_part, direct, erased, looks_part, of_direct, of_parts, parts,
};

use super::link::LinkId;

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
