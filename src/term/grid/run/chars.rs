//! One character of UTF-8 from four bytes at hand: what it is, how long, how wide; without a branch for its kind.

use crate::term::width::{const_width, packed_width};

/// How a character that begins with a certain byte is read.
#[derive(Clone, Copy)]
struct Lead {
    len: u8,
    /// Bits the four bytes, first one highest, are shifted by so that the last one of the character is lowest.
    shift: u8,
    /// Bits that must be as in `marks`.
    mask: u32,
    marks: u32,
    /// What the marks add up to once the bytes are summed.
    excess: u32,
    /// The first code point that needs so many bytes.
    least: u32,
}

const NO_LEAD: Lead = Lead { len: 1, shift: 24, mask: 0, marks: 1, excess: 0, least: 0 };

/// By the upper five bits of the first byte.
static LEADS: [Lead; 32] = {
    let mut leads = [NO_LEAD; 32];
    let mut at = 0;
    while at < 32 {
        leads[at] = match at {
            0..16 => Lead { len: 1, shift: 24, mask: 0x80, marks: 0, excess: 0, least: 0x20 },
            24..28 => {
                Lead { len: 2, shift: 16, mask: 0xe0c0, marks: 0xc080, excess: 0x3080, least: 0x80 }
            }
            28..30 => Lead {
                len: 3,
                shift: 8,
                mask: 0xf0_c0c0,
                marks: 0xe0_8080,
                excess: 0xe_2080,
                least: 0x800,
            },
            30 => Lead {
                len: 4,
                shift: 0,
                mask: 0xf8c0_c0c0,
                marks: 0xf080_8080,
                excess: 0x3c8_2080,
                least: 0x1_0000,
            },
            _ => NO_LEAD,
        };
        at += 1;
    }
    leads
};

/// The character that four bytes, the first one lowest, begin with, its length and its width; None when it is none or
/// takes no cell.
#[inline]
pub fn decode(word: u32) -> Option<(u32, u8, u8)> {
    let lead = &LEADS[(word & 0xff) as usize >> 3];
    let four = word.swap_bytes() >> lead.shift;
    let sum = (four >> 24 << 18) + (four >> 16 & 0xff) * 0x1000 + (four >> 8 & 0xff) * 0x40;
    let code = (sum + (four & 0xff)).wrapping_sub(lead.excess);
    let width = packed_width(code);
    let whole = four & lead.mask == lead.marks && code >= lead.least && width != 0;
    whole.then_some((code, lead.len, width))
}

/// The same without the character.
#[inline(never)]
pub fn exact_shape(word: u32) -> Option<(u8, u8)> {
    decode(word).map(|(_, len, width)| (len, width))
}

/// The length and the width of a character by its first two bytes, where they decide them: the low three bits are the
/// length, the next two the width, 0 is for `exact_shape`.
static SHAPES: [u8; 0x4000] = {
    let mut shapes = [0; 0x4000];
    let mut first = 0x20;
    while first < 0x7f {
        let mut second = 0;
        while second < 0x40 {
            shapes[first << 6 | second] = 1 | 1 << 3;
            second += 1;
        }
        first += 1;
    }
    let mut first = 0xc2;
    while first < 0xe0 {
        let mut second = 0;
        while second < 0x40 {
            shapes[first << 6 | second] =
                2 | uniform((first as u32 & 0x1f) << 6 | second as u32, 1) << 3;
            second += 1;
        }
        first += 1;
    }
    while first < 0xf0 {
        let mut second = 0;
        while second < 0x40 {
            let code = (first as u32 & 0xf) << 12 | (second as u32) << 6;
            if code >= 0x800 {
                shapes[first << 6 | second] = 3 | uniform(code, 0x40) << 3;
            }
            second += 1;
        }
        first += 1;
    }
    let mut at = 0;
    while at < shapes.len() {
        if shapes[at] >> 3 == 0 {
            shapes[at] = 0;
        }
        at += 1;
    }
    shapes
};

/// The width all of `count` characters have; 0 when they differ or take none.
const fn uniform(code: u32, count: u32) -> u8 {
    let width = const_width(code);
    let mut at = 1;
    while at < count {
        if const_width(code + at) != width {
            return 0;
        }
        at += 1;
    }
    width
}

/// Bits of continuation bytes that must be 10, by length.
const TAILS: [u32; 4] = [0, 0, 0xc000, 0xc0_c000];

/// The length and the width of the character that four bytes, the first one lowest, begin with; None when a closer look
/// is needed.
#[inline]
pub fn shape(word: u32) -> Option<(u8, u8)> {
    let shape = SHAPES[((word & 0xff) << 6 | word >> 8 & 0x3f) as usize];
    let len = shape & 7;
    let tail = TAILS[usize::from(len & 3)];
    (shape != 0 && word & tail == tail & 0x8080_8000).then_some((len, shape >> 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::width::width;

    #[test]
    fn every_character_is_read_as_it_is() {
        for c in '\0'..=char::MAX {
            let mut bytes = [b'x'; 4];
            let len = c.encode_utf8(&mut bytes).len() as u8;
            let word = u32::from_le_bytes(bytes);
            let beyond = u32::from(c) >= 0x2_0000;
            let expected = (width(c) > 0 && !beyond).then_some((len, width(c)));
            assert_eq!(exact_shape(word), expected, "{c:?}");
            assert_eq!(decode(word).map(|(code, ..)| code), expected.map(|_| u32::from(c)));
            if let Some(shape) = shape(word) {
                assert_eq!(Some(shape), expected, "{c:?}");
            }
        }
    }

    #[test]
    fn what_is_no_character_is_none() {
        for first in 0..=0xff {
            for second in 0..=0xff {
                for rest in [[0x80, 0x80], [0xbf, 0xbf], [0x7f, 0x80], [0xbf, 0xc0], [b'a', b'b']] {
                    let bytes = [first, second, rest[0], rest[1]];
                    let text = String::from_utf8_lossy(&bytes);
                    let begins = text.chars().next().filter(|c| *c != '\u{fffd}' && width(*c) > 0);
                    let begins =
                        begins.filter(|c| u32::from(*c) < 0x2_0000).map(|c| c.len_utf8() as u8);
                    let word = u32::from_le_bytes(bytes);
                    assert_eq!(exact_shape(word).map(|(len, _)| len), begins, "{bytes:x?}");
                    if let Some((len, _)) = shape(word) {
                        assert_eq!(Some(len), begins, "{bytes:x?}");
                    }
                }
            }
        }
    }
}
