//! How many cells a character takes: the page's own answer, for every code point.
//!
//! The table is that of `@xterm/addon-unicode11`, because a model and a page that disagree on one
//! width disagree on every column after it. Owns the rule for joining as well; never looks at cells.
//!
//! How xterm.js 6 joins with that table, and so what the screen must do:
//! - A character of width 0 joins the one printed before it, whatever either is: combining marks,
//!   U+200D, U+FE0F and tags alike. It never changes the width of the cell it joins, so U+2764 U+FE0F
//!   stays one cell wide, and an emoji after U+200D starts a cell of its own.
//! - "Before" means within one run of text: every executed control and every ESC, CSI, OSC or DCS
//!   sequence that was carried out forgets it. DEL and bytes that are ignored do not.
//! - With nothing to join (the start of a run, or after a character that itself stood alone at width
//!   0) it is written as a cell of width 0 at the cursor, and the cursor moves on by one.
//! - REP (`CSI b`) repeats only while there is something to join, and repeats the cell with its marks.

use super::width_table::{WIDE, ZERO};

/// Code points the packed table covers; above it lie a few whole ranges.
const PACKED: u32 = 0x2_0000;

/// Two bits a code point, 32 KiB of read-only pages of which a program touches two or three.
static TABLE: [u8; PACKED as usize / 4] = packed();

const fn packed() -> [u8; PACKED as usize / 4] {
    // 0b01 four times over: width 1 unless a run says otherwise.
    let mut table = [0x55; PACKED as usize / 4];
    paint(&mut table, ZERO, 0);
    // Surrogates are no characters.
    paint(&mut table, &[0xd800, 0xdfff], 0);
    paint(&mut table, WIDE, 2);
    table
}

const fn paint(table: &mut [u8; PACKED as usize / 4], runs: &[u32], width: u8) {
    let mut run = 0;
    while run < runs.len() {
        let mut code = runs[run];
        while code <= runs[run + 1] && code < PACKED {
            let shift = (code % 4) * 2;
            let byte = &mut table[code as usize / 4];
            *byte = *byte & !(3 << shift) | width << shift;
            code += 1;
        }
        run += 2;
    }
}

/// Cells `c` takes: 0, 1 or 2.
#[inline]
pub fn width(c: char) -> u8 {
    let code = u32::from(c);
    if code.wrapping_sub(0x20) < 0x5f {
        return 1;
    }
    match TABLE.get(code as usize / 4) {
        Some(four) => four >> ((code % 4) * 2) & 3,
        None => high(code),
    }
}

/// The same for a number that need not be a character: 0 when it is none, and for what lies beyond the table.
#[inline]
pub fn packed_width(code: u32) -> u8 {
    TABLE.get(code as usize / 4).map_or(0, |four| four >> ((code % 4) * 2) & 3)
}

/// The same at compile time.
pub const fn const_width(code: u32) -> u8 {
    TABLE[code as usize / 4] >> ((code % 4) * 2) & 3
}

#[cold]
fn high(code: u32) -> u8 {
    let within = |runs: &[u32]| {
        runs.chunks_exact(2).rev().take_while(|run| run[1] >= code).any(|run| run[0] <= code)
    };
    if within(ZERO) {
        0
    } else if within(WIDE) {
        2
    } else {
        1
    }
}

/// Where a printed character goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Into the cell of the character before it, whose width stays as it is.
    Join,
    /// Into a cell of its own of this width; 0 for a mark that had nothing to join.
    Cell(u8),
}

/// Where `c` goes after a character of width `preceding`: 0 when nothing can be joined.
///
/// The next character's `preceding` is the width of the new cell, or unchanged after a join.
#[inline]
pub fn place(c: char, preceding: u8) -> Place {
    match width(c) {
        0 if preceding > 0 => Place::Join,
        cells => Place::Cell(cells),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_join_and_never_widen() {
        assert_eq!(place('\u{301}', width('e')), Place::Join);
        assert_eq!(place('\u{fe0f}', width('\u{2764}')), Place::Join);
        assert_eq!(place('\u{200d}', 2), Place::Join);
        assert_eq!(place('\u{1f469}', 2), Place::Cell(2));
        assert_eq!(place('\u{301}', 0), Place::Cell(0));
    }
}
