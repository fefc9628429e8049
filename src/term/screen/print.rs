//! Printing: text to cells, wrapping, joining, REP.

use super::Screen;
use super::charset::Charset;
use crate::term::cell::{Cell, Content};
use crate::term::token::printable;
use crate::term::width::{Place, place, width};

/// Bytes printed for one REP of ten; beyond it whole rows are left out, which shows only in how often the same row
/// scrolls by.
const REPEATED_ASCII_MAX: usize = 4096;
/// The same of characters that take many times as long.
const REPEATED_BYTES_MAX: usize = 1024;
/// The byte order mark.
const MARK: &[u8] = "\u{feff}".as_bytes();

impl Screen {
    /// Prints what `bytes` begins with, up to a control, what is not UTF-8, or the end. Returns the bytes taken.
    #[inline]
    pub fn print(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        if self.charset == Charset::US && !self.modes.insert {
            let (style, _) = self.ids();
            at = self.put_run(bytes, style, self.preceding == 0);
            if at > 0 && bytes.get(at).is_none_or(|&b| b < 0x20) {
                return at;
            }
        }
        at + self.print_on(&bytes[at..], at == 0)
    }

    /// The same where a row ended, or something else comes than ordinary characters. At the `start` of a run it may cut
    /// a wide character; what was printed just before belongs to the same run, however the output was cut.
    #[inline(never)]
    fn print_on(&mut self, bytes: &[u8], start: bool) -> usize {
        // xterm.js drops byte order marks everywhere: one alone prints nothing.
        let marks =
            bytes.chunks_exact(MARK.len()).take_while(|mark| *mark == MARK).count() * MARK.len();
        if printable(&bytes[marks..]).is_none() {
            return marks;
        }
        let (style, _) = self.ids();
        let preceding = self.preceding;
        let page = self.page_mut();
        let (x, y) = (page.x, page.y);
        let start = start && preceding == 0;
        if start && !page.grid.ends_before(y, x) && x > 0 && page.grid.cell(y, x - 1).width() == 2 {
            page.grid.set(y, x - 1, Cell::blank(style));
        }
        let plain = self.charset == Charset::US && !self.modes.insert;
        let mut at = marks;
        while let Some((c, len)) = printable(&bytes[at..]) {
            if plain && self.modes.wrap && self.page().x + usize::from(width(c)) > self.cols {
                // Whatever it is, it begins the next row.
                self.wrap(style);
            } else {
                at += len;
                if c != '\u{feff}' {
                    self.put(self.charset.map(c), style);
                }
            }
            if plain {
                at += self.put_run(&bytes[at..], style, false);
            }
        }
        let cols = self.cols;
        let page = self.page_mut();
        let (x, y) = (page.x, page.y);
        if x < cols && page.grid.cell(y, x).is_right_half() {
            page.grid.set(y, x, Cell::blank(style));
        }
        at
    }

    /// As much as goes into the cursor's row without a question, the fast way. Returns the bytes taken.
    #[inline]
    fn put_run(&mut self, bytes: &[u8], style: u32, start: bool) -> usize {
        let page = &mut self.pages[self.active];
        let style = (style, &self.tables.styles);
        let run = page.grid.put_run((page.y, page.x), bytes, style, start);
        if run.bytes > 0 {
            page.x += run.columns;
            self.preceding = run.last;
        }
        run.bytes
    }

    /// Any character.
    fn put(&mut self, c: char, style: u32) {
        let columns = match place(c, self.preceding) {
            Place::Join => return self.join(c),
            Place::Cell(columns) => columns,
        };
        self.preceding = columns;
        let cols = self.cols;
        let columns = usize::from(columns);
        if self.page().x + columns > cols {
            if self.modes.wrap {
                self.wrap(style);
            } else {
                self.page_mut().x = cols - 1;
                if columns == 2 {
                    return;
                }
            }
        }
        let insert = self.modes.insert;
        let page = self.page_mut();
        let (x, y) = (page.x, page.y);
        if x >= cols {
            // A mark with nothing to join, beyond the last column.
            return;
        }
        if insert && columns > 0 {
            page.grid.insert_cells(y, x, columns, Cell::blank(style));
        }
        page.grid.set(y, x, Cell::char(c, columns as u8, style));
        if columns == 2 {
            page.grid.set(y, x + 1, Cell::right_half(style));
        }
        page.x += columns.max(1);
    }

    /// A mark joins the character before it.
    fn join(&mut self, mark: char) {
        if self.tables.clusters.wants_sweep(2 * self.rows * self.cols) {
            self.sweep();
        }
        if self.join_text(mark) {
            return;
        }
        let page = &mut self.pages[self.active];
        page.grid.settle(page.y);
        let Some(left) = page.x.checked_sub(1) else { return };
        let x =
            if page.grid.cell(page.y, left).width() == 0 { left.saturating_sub(1) } else { left };
        let cell = self.tables.join(page.grid.cell(page.y, x), mark);
        page.grid.set(page.y, x, cell);
        // The sweep may have renumbered the pen.
        let _ = self.ids();
    }

    /// The same in a row that is text, unless there is no room.
    fn join_text(&mut self, mark: char) -> bool {
        let page = &mut self.pages[self.active];
        let before = match page.grid.last(page.y, page.x) {
            Some(Ok(id)) => Content::Cluster(id),
            Some(Err(c)) => Content::Char(c),
            None => return false,
        };
        match self.tables.join_number(before, mark) {
            Some(number) => page.grid.mark_last(page.y, mark, number),
            None => true,
        }
    }

    /// The next character goes to the next row; what is left of this one is blanked.
    fn wrap(&mut self, style: u32) {
        let (cols, rows) = (self.cols, self.rows);
        let page = self.page_mut();
        let (x, y) = (page.x, page.y);
        if x < cols {
            page.grid.fill(y, x, cols, Cell::blank(style));
        }
        page.x = 0;
        page.y += 1;
        if page.y == page.bottom + 1 {
            page.y -= 1;
            self.scroll(true);
        } else {
            page.y = page.y.min(rows - 1);
            let y = page.y;
            page.grid.set_wrapped(y, true);
        }
    }

    /// REP: the character before the cursor once more, or `n` times.
    pub(super) fn repeat(&mut self, n: usize) {
        let preceding = usize::from(self.preceding);
        let cols = self.cols;
        let page = self.page_mut();
        let Some(x) = page.x.checked_sub(preceding) else { return };
        if preceding == 0 || x >= cols {
            return;
        }
        page.grid.settle(page.y);
        let cell = page.grid.cell(page.y, x);
        if cell.content() == Content::Blank {
            return;
        }
        let mut one = String::new();
        self.tables.push_text(cell, &mut one);
        let n = repeats(n, one.len(), self.cols / preceding);
        // In pieces, so that no text longer than a few rows is made.
        let piece = one.repeat(n.min(256));
        for _ in 0..n / 256 {
            self.print(piece.as_bytes());
        }
        self.print(one.repeat(n % 256).as_bytes());
    }
}

/// How often a character of `len` bytes, of which a row holds `per_row`, is repeated instead of `n` times: the last one
/// is in the same column.
fn repeats(n: usize, len: usize, per_row: usize) -> usize {
    let most = if len == 1 { REPEATED_ASCII_MAX } else { REPEATED_BYTES_MAX / len.max(1) };
    let left_out = n.saturating_sub(most).div_ceil(per_row.max(1)) * per_row;
    if left_out + 1 < n { n - left_out } else { n.min(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_too_often_ends_in_the_same_column() {
        for (len, per_row) in [(1, 80), (3, 40), (4, 100), (3, 7), (1, 1)] {
            let most = if len == 1 { REPEATED_ASCII_MAX } else { REPEATED_BYTES_MAX / len };
            for n in 1..3 * most {
                let repeated = repeats(n, len, per_row);
                assert!(n == repeated || n > most && repeated <= most && repeated + per_row > most);
                assert_eq!(repeated % per_row, n % per_row);
            }
        }
        // A row that holds more than may be repeated, and a character of very many bytes.
        assert_eq!(repeats(5000, 4, 1000), 256);
        assert_eq!(repeats(5000, 9000, 80), 0);
    }
}
