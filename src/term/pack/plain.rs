//! Cells back into text: the loops every row that leaves the screen goes through.
//!
//! The counterpart of `grid::run`, with the same two loops. Whatever is not an ordinary character is left to the
//! caller.

use crate::term::cell::Cell;
use crate::term::style::StyleId;
use crate::term::width::packed_width;

/// Appends the text of the cells at the start that have this style. Returns how many they are.
#[inline]
pub fn pack(cells: &[Cell], style: StyleId, out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    loop {
        let begin = at;
        at += pack_ascii(&cells[at..], style, out);
        at += pack_mixed(&cells[at..], style, out);
        if at == begin {
            return at;
        }
    }
}

/// Whether all are printable ASCII in the style whose bits are `base`.
#[inline]
fn is_ascii(cells: &[Cell; 8], base: u64) -> bool {
    let any = cells.iter().fold(0, |any, cell| {
        let byte = cell.bits() ^ base;
        any | byte | byte.wrapping_sub(0x20)
    });
    any < 0x80
}

#[inline]
fn pack_ascii(cells: &[Cell], style: StyleId, out: &mut Vec<u8>) -> usize {
    let base = u64::from(style) << 32;
    let mut at = 0;
    while let Some(eight) = cells[at..].first_chunk::<8>() {
        if !is_ascii(eight, base) {
            break;
        }
        out.extend_from_slice(&eight.map(|cell| cell.bits() as u8));
        at += 8;
    }
    let (mut word, mut len) = (0, 0);
    for cell in cells[at..].iter().take(8) {
        let byte = cell.bits() ^ base;
        if byte.wrapping_sub(0x20) >= 0x5f {
            break;
        }
        word |= byte << (8 * len);
        len += 1;
    }
    if len > 0 {
        out.extend_from_slice(&word.to_le_bytes());
        out.truncate(out.len() + len - 8);
    }
    at + len
}

/// What the bytes of a character of so many bytes are marked with.
const MARKS: [u32; 5] = [0, 0, 0xc080, 0xe0_8080, 0xf080_8080];

/// Bytes put together before they are appended.
const PIECE_BYTES: usize = 64;

/// Until two cells of ASCII come.
#[inline]
fn pack_mixed(cells: &[Cell], style: StyleId, out: &mut Vec<u8>) -> usize {
    let base = u64::from(style) << 32;
    let (mut piece, mut len, mut at) = ([0; PIECE_BYTES], 0, 0);
    while let Some(&cell) = cells.get(at) {
        let next = cells.get(at + 1).copied().unwrap_or(Cell::BLANK);
        let (code, columns) = (cell.bits() as u32 & Cell::CODE_BITS, cell.width());
        let ordinary = cell == Cell::code(code, columns, style) && packed_width(code) == columns;
        let whole = columns == 1 || next.is_right_half();
        let ascii = (cell.bits() | next.bits()) ^ base < 0x80;
        if !ordinary || columns == 0 || !whole || ascii {
            break;
        }
        let Some(place) = piece[len..].first_chunk_mut::<4>() else { break };
        let (word, bytes) = utf8(code);
        *place = word.to_be_bytes();
        len += bytes;
        if len > PIECE_BYTES - 4 {
            out.extend_from_slice(&piece[..len]);
            len = 0;
        }
        at += usize::from(columns);
    }
    out.extend_from_slice(&piece[..len]);
    at
}

/// A character's UTF-8, its first byte highest, and how many bytes it is.
#[inline]
fn utf8(code: u32) -> (u32, usize) {
    let further = [0x80, 0x800, 0x1_0000].iter().map(|&least| usize::from(code >= least));
    let bytes = 1 + further.sum::<usize>();
    let low = code & 0x3f | (code & 0xfc0) << 2;
    let high = (code & 0x3_f000) << 4 | (code & 0x1c_0000) << 6;
    let word = if bytes == 1 { code } else { low | high | MARKS[bytes] };
    (word << (8 * (4 - bytes)), bytes)
}
