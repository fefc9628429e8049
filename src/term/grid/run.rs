//! Text straight into cells: the loops every printed byte goes through.
//!
//! ASCII goes eight bytes at a time. Other characters are decoded, measured and written without a branch that their
//! kind decides, since which kind comes next cannot be foreseen. Whatever is not an ordinary character of one or two
//! cells (a control, a mark, bytes that are not UTF-8) is left to the caller, as are the last cell of a row when it is
//! not ASCII and the last few bytes of a feed.

mod chars;

use self::chars::{decode, exact_shape, shape};
use crate::term::cell::Cell;
use crate::term::style::StyleId;
use crate::term::token::printable;
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

impl Run {
    fn add(&mut self, more: Run) {
        self.bytes += more.bytes;
        self.columns += more.columns;
        self.last = more.last;
    }
}

/// Writes from the start of `cells`.
#[inline]
pub fn put(cells: &mut [Cell], bytes: &[u8], style: StyleId) -> Run {
    let ascii = put_ascii(cells, bytes, style);
    let run = Run { bytes: ascii, columns: ascii, last: 1 };
    match bytes.get(ascii) {
        Some(0x80..) => put_on(cells, bytes, style, run),
        _ => run,
    }
}

/// The same once something is not ASCII.
#[inline(never)]
fn put_on(cells: &mut [Cell], bytes: &[u8], style: StyleId, mut run: Run) -> Run {
    loop {
        let mixed = put_mixed(&mut cells[run.columns..], &bytes[run.bytes..], style);
        if mixed.bytes == 0 {
            return run;
        }
        run.add(mixed);
        let ascii = put_ascii(&mut cells[run.columns..], &bytes[run.bytes..], style);
        if ascii > 0 {
            run.add(Run { bytes: ascii, columns: ascii, last: 1 });
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte that is not printable ASCII; exact up to the first of them.
#[inline]
fn stops(word: u64) -> u64 {
    (word | word.wrapping_add(ONES) | word.wrapping_sub(ONES * 0x20)) & (ONES * 0x80)
}

/// One character of any width, also at the end of a feed; None at what is none.
pub fn put_one(cells: &mut [Cell], bytes: &[u8], style: StyleId) -> Option<Run> {
    let (c, len) = printable(bytes)?;
    let width = packed_width(u32::from(c));
    *cells.get_mut(..usize::from(width))?.first_mut()? = Cell::char(c, width, style);
    if width == 2 {
        cells[1] = Cell::right_half(style);
    }
    Some(Run { bytes: len, columns: usize::from(width), last: width })
}

/// How much `put` would write into so many cells, and a wide character in the last two as well.
#[inline]
pub fn measure(bytes: &[u8], columns: usize) -> Run {
    let mut run = Run::default();
    loop {
        let most = (columns - run.columns).min(bytes.len() - run.bytes);
        let ascii = ascii_len(&bytes[run.bytes..run.bytes + most]);
        if ascii > 0 {
            run = Run { bytes: run.bytes + ascii, columns: run.columns + ascii, last: 1 };
        }
        if ascii == most || bytes[run.bytes] < 0x80 {
            return run;
        }
        let before = run.bytes;
        measure_mixed(bytes, columns, &mut run);
        if run.bytes == before {
            return run;
        }
    }
}

/// Printable ASCII at the start.
#[inline]
fn ascii_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let stop = stops(u64::from_le_bytes(*eight));
        if stop != 0 {
            return at + stop.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|b| (0x20..0x7f).contains(*b)).count()
}

/// Characters of one or two cells, until eight bytes of ASCII come.
#[inline]
fn measure_mixed(bytes: &[u8], columns: usize, run: &mut Run) {
    let (mut at, mut used, mut last) = (run.bytes, run.columns, run.last);
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        if word & (ONES * 0x80) == 0 {
            break;
        }
        let (len, width) = match shape(word as u32) {
            Some(shape) => shape,
            None => match exact_shape(word as u32) {
                Some(shape) => shape,
                None => break,
            },
        };
        if used + usize::from(width) > columns {
            break;
        }
        at += usize::from(len);
        used += usize::from(width);
        last = width;
    }
    *run = Run { bytes: at, columns: used, last };
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
        let Some((code, len, width)) = decode(word as u32) else { break };
        *cell = Cell::code(code, width, style);
        if width == 2 {
            *next = Cell::right_half(style);
        }
        run.bytes += usize::from(len);
        run.columns += usize::from(width);
        run.last = width;
    }
    run
}
