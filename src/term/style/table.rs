//! Styles as numbers of 32 bits, so that a cell holds one and comparing two is comparing numbers.
//!
//! What palette colours, attributes and an underline make is in the number itself and costs no memory. The rest (RGB
//! colours, an underline's colour, links) is interned in a table. Numbers no cell uses any more are found by the
//! screen's own sweep and given out again, so that a stream of ever new colours stays bounded.

use super::{Attrs, Color, Style, Underline};
use crate::limits::STYLES_MAX;

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

/// Styles in use before a sweep pays: 20 KiB of them.
const SWEEP_MIN: usize = 1024;
/// Places looked at for one style. Where half of them are empty it takes crafted styles to need more; of those each
/// gets a place of its own, also the same one again.
const PROBES_MAX: usize = 64;

/// Interned styles. Bounded: see `STYLES_MAX`.
#[derive(Debug, Default)]
pub struct StyleTable {
    styles: Vec<Style>,
    free: Vec<u32>,
    /// Where a style is found: its place and one, at its hash or behind it; 0 is empty. At most half of them are taken,
    /// and none is given back but by a sweep. A power of two, or none.
    found: Vec<u32>,
    taken: usize,
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
        if 2 * self.taken >= self.found.len() {
            self.grow();
        }
        let at = match self.find(style) {
            Ok(place) => return INTERNED | place,
            Err(at) => at,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.styles[place as usize] = *style;
                place
            }
            None if self.styles.len() < STYLES_MAX => {
                self.styles.push(*style);
                self.styles.len() as u32 - 1
            }
            None => return 0,
        };
        self.note(at, place);
        INTERNED | place
    }

    /// A style's place, or where it would be found, if there is such.
    #[inline]
    fn find(&self, style: &Style) -> Result<u32, Option<usize>> {
        let mask = self.found.len() - 1;
        let begin = hash(style);
        for at in (begin..begin + PROBES_MAX).map(|at| at & mask) {
            match self.found[at].checked_sub(1) {
                None => return Err(Some(at)),
                Some(place) if self.styles[place as usize] == *style => return Ok(place),
                Some(_) => {}
            }
        }
        Err(None)
    }

    /// A style has got `place` and is found at `at`.
    fn note(&mut self, at: Option<usize>, place: u32) {
        if let Some(at) = at {
            self.found[at] = place + 1;
        }
        self.taken += 1;
    }

    /// Twice the room to find styles in.
    #[inline(never)]
    fn grow(&mut self) {
        let more = (2 * self.found.len()).max(64);
        let before = std::mem::replace(&mut self.found, vec![0; more]);
        for entry in before.into_iter().filter(|entry| *entry > 0) {
            if let Err(Some(at)) = self.find(&self.styles[entry as usize - 1]) {
                self.found[at] = entry;
            }
        }
    }

    /// Whether so many styles came since the last sweep that another pays. A screen of `cells` cells
    /// can use that many, and a sweep looks at all of them.
    #[inline]
    pub fn wants_sweep(&self, cells: usize) -> bool {
        self.taken >= (2 * self.kept).max(SWEEP_MIN).max(cells / 8).min(STYLES_MAX)
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
        self.found.fill(0);
        self.taken = 0;
        self.free.clear();
        for place in 0..self.styles.len() {
            if !used.get(place).copied().unwrap_or(false) {
                self.free.push(place as u32);
                continue;
            }
            if let Some(mark) = links.get_mut(usize::from(self.styles[place].link)) {
                *mark = true;
            }
            if let Err(at) = self.find(&self.styles[place]) {
                self.note(at, place as u32);
            }
        }
        self.kept = self.taken;
        if self.taken == 0 {
            *self = StyleTable::default();
        }
    }
}

/// A fast hash of few bytes. Styles come from hostile output, but the table is small and swept, so a
/// crafted collision costs no more than the bound on cost per byte allows.
#[inline]
fn hash(style: &Style) -> usize {
    let color = |color| match color {
        Color::Default => 0,
        Color::Palette(n) => 1 << 24 | u64::from(n),
        Color::Rgb(r, g, b) => 2 << 24 | u64::from(r) << 16 | u64::from(g) << 8 | u64::from(b),
    };
    let looks = u64::from(style.attrs.bits()) << 3 | u64::from(style.underline.number());
    let front = color(style.fg) | color(style.bg) << 32;
    let rest = color(style.underline_color) | u64::from(style.link) << 32 | looks << 48;
    let mixed =
        (front.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ rest).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 40) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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
    fn crafted() -> impl Iterator<Item = Style> {
        let all = (0..=u32::MAX).map(|n| {
            let [r, g, b, blue] = n.to_le_bytes();
            Style { fg: Color::Rgb(r, g, b), bg: Color::Rgb(0, 0, blue), ..Style::DEFAULT }
        });
        all.filter(|style| hash(style) & 0x7ff == 0)
    }

    #[test]
    fn styles_with_one_hash_keep_their_looks_and_cost_little() {
        let mut table = StyleTable::default();
        let styles: Vec<Style> = crafted().take(4 * PROBES_MAX).collect();
        let ids: Vec<StyleId> = styles.iter().map(|style| table.intern(style)).collect();
        for (style, &id) in styles.iter().zip(&ids) {
            assert_eq!(table.get(id), *style);
        }
        assert_eq!(table.taken, styles.len());
        let mut used = vec![false; table.end()];
        used[table.place(ids[0]).unwrap()] = true;
        used[table.place(ids[200]).unwrap()] = true;
        table.sweep(&used, &mut [false]);
        assert_eq!((table.get(ids[0]), table.get(ids[200])), (styles[0], styles[200]));
        assert_eq!((table.intern(&styles[0]), table.intern(&styles[200])), (ids[0], ids[200]));
        assert_eq!(table.taken, 2);
    }
}
