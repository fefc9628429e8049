//! One cell of the grid: a character or cluster, its width and its style, in 8 bytes.

use super::cluster::ClusterId;
use super::style::StyleId;

/// A cell. All zero bits are a blank cell in the default style: nothing was ever written there.
///
/// Bits 0 to 20 hold a code point, or a cluster's number when bit 21 is set; bits 22 and 23 the width
/// with bit 0 flipped; bits 32 to 63 the style.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cell(u64);

const _: () = assert!(size_of::<Cell>() == 8);

const CODE: u64 = 0x1f_ffff;
const CLUSTER: u64 = 1 << 21;
const CONTENT: u64 = CODE | CLUSTER;
const WIDTH_SHIFT: u32 = 22;
const WIDTH: u64 = 3 << WIDTH_SHIFT;

/// What a cell shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Nothing was written.
    Blank,
    /// A character.
    Char(char),
    /// A character with marks, in the cluster table.
    Cluster(ClusterId),
}

impl Cell {
    /// Bits of a code point.
    pub const CODE_BITS: u32 = CODE as u32;

    /// The default blank.
    pub const BLANK: Cell = Cell(0);

    /// A blank in a style.
    pub fn blank(style: StyleId) -> Cell {
        Cell(u64::from(style) << 32)
    }

    /// A printable ASCII byte: the fast path.
    #[inline]
    pub fn ascii(byte: u8, style: StyleId) -> Cell {
        Cell(u64::from(style) << 32 | u64::from(byte))
    }

    /// A character `width` columns wide.
    #[inline]
    pub fn char(c: char, width: u8, style: StyleId) -> Cell {
        Cell(u64::from(style) << 32 | u64::from(width ^ 1) << WIDTH_SHIFT | u64::from(u32::from(c)))
    }

    /// The character with this code point, which must be one, `width` columns wide.
    #[inline]
    pub fn code(code: u32, width: u8, style: StyleId) -> Cell {
        Cell(u64::from(style) << 32 | u64::from(width ^ 1) << WIDTH_SHIFT | u64::from(code))
    }

    /// A cluster `width` columns wide.
    pub fn cluster(id: ClusterId, width: u8, style: StyleId) -> Cell {
        let bits = u64::from(width ^ 1) << WIDTH_SHIFT | CLUSTER | u64::from(id);
        Cell(u64::from(style) << 32 | bits)
    }

    /// The right half of a wide character.
    #[inline]
    pub fn right_half(style: StyleId) -> Cell {
        Cell(u64::from(style) << 32 | 1 << WIDTH_SHIFT)
    }

    /// What it shows.
    pub fn content(self) -> Content {
        let code = self.0 & CODE;
        if self.0 & CLUSTER != 0 {
            Content::Cluster(code as ClusterId)
        } else if code == 0 {
            Content::Blank
        } else {
            char::from_u32(code as u32).map_or(Content::Blank, Content::Char)
        }
    }

    /// Columns it takes: 0 for a right half, and for a mark that stands alone.
    #[inline]
    pub fn width(self) -> u8 {
        ((self.0 & WIDTH) >> WIDTH_SHIFT) as u8 ^ 1
    }

    /// Whether something was written in it.
    #[inline]
    pub fn has_content(self) -> bool {
        self.0 & CONTENT != 0
    }

    /// Whether it is the right half of a wide character, or what is left of one.
    #[inline]
    pub fn is_right_half(self) -> bool {
        self.0 & (CONTENT | WIDTH) == 1 << WIDTH_SHIFT
    }

    /// Its style.
    #[inline]
    pub fn style(self) -> StyleId {
        (self.0 >> 32) as StyleId
    }

    /// The same text in another style.
    #[must_use]
    pub fn with_style(self, style: StyleId) -> Cell {
        Cell(self.0 & 0xffff_ffff | u64::from(style) << 32)
    }

    /// Its printable ASCII byte if it holds one.
    #[inline]
    pub fn ascii_byte(self) -> Option<u8> {
        let low = self.0 as u32;
        (low.wrapping_sub(0x20) < 0x5f).then_some(low as u8)
    }

    /// All its bits: blank default cells are 0.
    #[inline]
    pub fn bits(self) -> u64 {
        self.0
    }
}
