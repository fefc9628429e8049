//! Styles as numbers of 32 bits, so that a cell holds one and comparing two is comparing numbers.
//!
//! What palette colours, attributes and an underline make is in the number itself and costs no memory. The rest (RGB
//! colours, an underline's colour, links) is interned in a table. Numbers no cell uses any more are found by the
//! screen's own sweep and given out again, so that a stream of ever new colours stays bounded.

use super::{Attrs, Color, Style, Underline};
use crate::limits::STYLES_MAX;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

/// A style's number; 0 is the default style.
pub type StyleId = u32;

/// The number is a place in the table.
const INTERNED: StyleId = 1 << 31;
/// Otherwise: a palette colour and one, or 0 for the default, in nine bits; another; ten attributes; the underline.
const COLOR: StyleId = 0x1ff;
const BG_SHIFT: u32 = 9;
const ATTRS_SHIFT: u32 = 18;
/// Where among the attributes the underline begins.
const UNDERLINE_BITS: u32 = 10;

/// The number of a style that needs no table.
#[inline]
pub fn direct(style: &Style) -> Option<StyleId> {
    let (fg, bg) = (color_part(style.fg)?, color_part(style.bg)?);
    if style.underline_color != Color::Default || style.link != 0 {
        return None;
    }
    Some(of_parts([fg, bg, looks_part(style.attrs, style.underline.number().into())]))
}

/// Attributes and an underline's number as a part.
#[inline]
pub fn looks_part(attrs: Attrs, underline: u32) -> u32 {
    u32::from(attrs.bits()) | underline << UNDERLINE_BITS
}

/// A colour as a part of a number; None for RGB.
#[inline]
pub fn color_part(color: Color) -> Option<u32> {
    match color {
        Color::Default => Some(0),
        Color::Palette(n) => Some(u32::from(n) + 1),
        Color::Rgb(..) => None,
    }
}

/// The style of such a number; None for a place in the table.
#[inline]
pub fn of_direct(id: StyleId) -> Option<Style> {
    let color = |part| match part {
        0 => Color::Default,
        n => Color::Palette((n - 1) as u8),
    };
    let [fg, bg, looks] = parts(id)?;
    let attrs = Attrs::from_bits(looks as u16);
    let underline = Underline::from_number((looks >> UNDERLINE_BITS) as u8);
    Some(Style { fg: color(fg), bg: color(bg), attrs, underline, ..Style::DEFAULT })
}

/// What a number that needs no table is made of: the text's and the background's palette colour and one, or 0; the
/// attributes and the underline, as the packed form has them.
#[inline]
pub fn parts(id: StyleId) -> Option<[u32; 3]> {
    (id & INTERNED == 0).then_some([id & COLOR, id >> BG_SHIFT & COLOR, id >> ATTRS_SHIFT])
}

/// The number of such parts.
#[inline]
pub fn of_parts([fg, bg, looks]: [u32; 3]) -> StyleId {
    fg | bg << BG_SHIFT | looks << ATTRS_SHIFT
}

/// What erasing with such a style leaves.
#[inline]
pub fn erased(id: StyleId) -> StyleId {
    id & COLOR << BG_SHIFT
}

/// Interned styles. Bounded: see `STYLES_MAX`.
#[derive(Debug, Default)]
pub struct StyleTable {
    styles: Vec<Style>,
    free: Vec<u32>,
    ids: HashMap<Key, u32, Mix>,
    /// Styles in use after the last sweep: the next one comes when they have doubled.
    kept: usize,
}

impl StyleTable {
    /// The style of an id.
    #[inline]
    pub fn get(&self, id: StyleId) -> Style {
        let interned = || self.styles.get((id & !INTERNED) as usize).copied();
        of_direct(id).or_else(interned).unwrap_or(Style::DEFAULT)
    }

    /// The id of a style; when the table is full, that of the default.
    pub fn intern(&mut self, style: &Style) -> StyleId {
        if let Some(id) = direct(style) {
            return id;
        }
        let key = Key::of(style);
        if let Some(&place) = self.ids.get(&key) {
            return INTERNED | place;
        }
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.styles.len() < STYLES_MAX => {
                self.styles.push(*style);
                self.styles.len() as u32 - 1
            }
            None => return 0,
        };
        self.styles[place as usize] = *style;
        self.ids.insert(key, place);
        INTERNED | place
    }

    /// Whether so many styles came since the last sweep that another pays. A screen of `cells` cells
    /// can use that many, and a sweep looks at all of them.
    #[inline]
    pub fn wants_sweep(&self, cells: usize) -> bool {
        self.ids.len() >= (2 * self.kept).max(512).max(cells / 8).min(STYLES_MAX)
    }

    /// An id's place in the table; None when it needs none.
    #[inline]
    pub fn place(&self, id: StyleId) -> Option<usize> {
        (id & INTERNED != 0).then_some((id & !INTERNED) as usize)
    }

    /// Places given out so far are below this.
    pub fn end(&self) -> usize {
        self.styles.len()
    }

    /// Frees every place that `used` does not mark, and marks in `links` the links that stay.
    pub fn sweep(&mut self, used: &[bool], links: &mut [bool]) {
        self.ids.clear();
        self.free.clear();
        for (place, style) in self.styles.iter().enumerate() {
            if used.get(place).copied().unwrap_or(false) {
                self.ids.insert(Key::of(style), place as u32);
                if let Some(mark) = links.get_mut(usize::from(style.link)) {
                    *mark = true;
                }
            } else {
                self.free.push(place as u32);
            }
        }
        self.kept = self.ids.len();
        if self.ids.is_empty() {
            *self = StyleTable::default();
        }
    }
}

/// A style in the fewest bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key(u64, u64);

impl Key {
    fn of(style: &Style) -> Key {
        let color = |color| match color {
            Color::Default => 0,
            Color::Palette(n) => 1 << 24 | u64::from(n),
            Color::Rgb(r, g, b) => 2 << 24 | u64::from(r) << 16 | u64::from(g) << 8 | u64::from(b),
        };
        let rest = u64::from(style.underline.number()) << 16 | u64::from(style.link);
        Key(
            color(style.fg) | color(style.bg) << 26 | u64::from(style.attrs.bits()) << 52,
            color(style.underline_color) | rest << 26,
        )
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
        state.write_u64(self.1);
    }
}

/// A fast hash of few bytes. Styles come from hostile output, but the table is small and swept, so a
/// crafted collision costs no more than the bound on cost per byte allows.
#[derive(Clone, Copy, Debug, Default)]
struct Mix(u64);

impl BuildHasher for Mix {
    type Hasher = Mix;
    fn build_hasher(&self) -> Mix {
        Mix(0x9e37_79b9_7f4a_7c15)
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(23) ^ n).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_comes_back_from_its_number() {
        let mut table = StyleTable::default();
        let colors = [Color::Default, Color::Palette(0), Color::Palette(255), Color::Rgb(1, 2, 3)];
        let mut ids = std::collections::HashSet::new();
        for fg in colors {
            for bg in colors {
                for underline_color in [Color::Default, Color::Palette(7)] {
                    for number in 0..6 {
                        for bits in [0, 1, 0x2aa, 0x3ff] {
                            let underline = match number {
                                0 => Underline::None,
                                n => Underline::from_number(n),
                            };
                            let attrs = Attrs::from_bits(bits);
                            let style =
                                Style { fg, bg, underline_color, underline, attrs, link: 0 };
                            let id = table.intern(&style);
                            assert_eq!(table.get(id), style);
                            assert!(ids.insert(id), "{style:?} has another's number");
                        }
                    }
                }
            }
        }
        assert_eq!(table.intern(&Style::DEFAULT), 0);
    }
}
