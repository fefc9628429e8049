//! Where the lines lie, from the newest to the oldest.

use super::History;
use crate::term::pack::BREAK;
use std::ops::Range;

impl History {
    /// The spans of the last lines, newest first. At most `lines_max` of them.
    pub fn spans(&self) -> Spans<'_> {
        Spans {
            history: self,
            end: self.top,
            begin: self.begin(),
            newest: true,
            left: if self.is_off() { 0 } else { self.lines.min(self.lines_max) },
        }
    }

    /// Says how many cells the newest row has, once the lines are laid out for another width.
    pub fn set_row_cells(&mut self, cells: usize) {
        self.row_cells = cells;
    }
}

/// Where a line lies.
#[derive(Clone, Debug)]
pub struct LineSpan {
    pub(super) bytes: Range<u64>,
    /// It is a piece that continues the line before it.
    pub continues: bool,
}

/// Lines from the newest to the oldest.
pub struct Spans<'a> {
    history: &'a History,
    end: u64,
    begin: u64,
    newest: bool,
    left: usize,
}

impl Iterator for Spans<'_> {
    type Item = LineSpan;

    fn next(&mut self) -> Option<LineSpan> {
        self.left = self.left.checked_sub(1)?;
        let history = self.history;
        let open = std::mem::take(&mut self.newest) && history.open;
        let (start, text_end) = if open {
            (history.line, self.end)
        } else {
            let end = history.before_holes(self.end, self.begin);
            let text_end = end.checked_sub(1).filter(|&end| end >= self.begin)?;
            let mark = history.mark_before(self.begin, text_end);
            (mark.map_or(self.begin, |m| m + 1), text_end)
        };
        let before = history.before_holes(start, self.begin);
        let continues = before > self.begin && history.byte_before(before) == BREAK;
        self.end = start;
        Some(LineSpan { bytes: start..text_end, continues })
    }
}
