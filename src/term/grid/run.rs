//! Text straight into cells: the loops every printed byte goes through.
//!
//! ASCII goes eight bytes at a time. Other characters are decoded, measured and written without a branch that their
//! kind decides, since which kind comes next cannot be foreseen. Whatever is not an ordinary character of one or two
//! cells (a control, a mark, bytes that are not UTF-8) is left to the caller, as are the last cell of a row when it is
//! not ASCII and the last few bytes of a feed.

use crate::term::cell::Cell;
use crate::term::style::StyleId;
use crate::term::width::packed_width;

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// Bytes taken.
    pub bytes: usize,
    /// Cells written.
    pub columns: usize,
    /// Width of the last character.
    pub last: u8,
}

/// Writes from the start of `cells`.
#[inline]
pub fn put(cells: &mut [Cell], bytes: &[u8], style: StyleId) -> Run {
    let mut run = Run::default();
    loop {
        let rest = &bytes[run.bytes..];
        let ascii = put_ascii(&mut cells[run.columns..], rest, style);
        if ascii > 0 {
            run = Run { bytes: run.bytes + ascii, columns: run.columns + ascii, last: 1 };
        }
        if !matches!(bytes.get(run.bytes), Some(0x80..)) {
            return run;
        }
        let mixed = put_mixed(&mut cells[run.columns..], &bytes[run.bytes..], style);
        if mixed.bytes == 0 {
            return run;
        }
        run = Run {
            bytes: run.bytes + mixed.bytes,
            columns: run.columns + mixed.columns,
            last: mixed.last,
        };
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte that is not printable ASCII; exact up to the first of them.
#[inline]
fn stops(word: u64) -> u64 {
    (word | word.wrapping_add(ONES) | word.wrapping_sub(ONES * 0x20)) & (ONES * 0x80)
}

/// Printable ASCII. Returns how many.
#[inline]
fn put_ascii(cells: &mut [Cell], bytes: &[u8], style: StyleId) -> usize {
    let mut at = 0;
    while let (Some(eight), Some(out)) =
        (bytes[at..].first_chunk::<8>(), cells[at..].first_chunk_mut::<8>())
    {
        let stop = stops(u64::from_le_bytes(*eight));
        if stop != 0 {
            let len = stop.trailing_zeros() as usize / 8;
            for (cell, &b) in out.iter_mut().zip(eight).take(len) {
                *cell = Cell::ascii(b, style);
            }
            return at + len;
        }
        for (cell, &b) in out.iter_mut().zip(eight) {
            *cell = Cell::ascii(b, style);
        }
        at += 8;
    }
    for (cell, &b) in cells[at..].iter_mut().zip(&bytes[at..]) {
        if !(0x20..0x7f).contains(&b) {
            break;
        }
        *cell = Cell::ascii(b, style);
        at += 1;
    }
    at
}

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

/// Characters of one or two cells, until eight bytes of ASCII come.
#[inline]
fn put_mixed(cells: &mut [Cell], bytes: &[u8], style: StyleId) -> Run {
    let mut run = Run::default();
    while let (Some(eight), Some([cell, next])) =
        (bytes[run.bytes..].first_chunk::<8>(), cells[run.columns..].first_chunk_mut::<2>())
    {
        let word = u64::from_le_bytes(*eight);
        if stops(word) == 0 {
            break;
        }
        let lead = LEADS[usize::from(eight[0] >> 3)];
        let four = (word as u32).swap_bytes() >> lead.shift;
        let sum = (four >> 24 << 18) + (four >> 16 & 0xff) * 0x1000 + (four >> 8 & 0xff) * 0x40;
        let code = (sum + (four & 0xff)).wrapping_sub(lead.excess);
        let width = packed_width(code);
        if four & lead.mask != lead.marks || code < lead.least || width == 0 {
            break;
        }
        *cell = Cell::code(code, width, style);
        if width == 2 {
            *next = Cell::right_half(style);
        }
        run.bytes += usize::from(lead.len);
        run.columns += usize::from(width);
        run.last = width;
    }
    run
}
