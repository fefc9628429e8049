//! Erasing, inserting and deleting cells.

use super::{ALT, Screen};
use crate::term::cell::Cell;
use crate::term::style::Attrs;

impl Screen {
    /// Erases cells of one row; `selective` leaves protected ones alone.
    fn erase_cells(&mut self, y: usize, from: usize, to: usize, selective: bool) {
        let blank = self.erased();
        let tables = &self.tables;
        let protected = |cell: Cell| tables.style(cell).attrs.contains(Attrs::PROTECTED);
        let keep: Option<&dyn Fn(Cell) -> bool> = if selective { Some(&protected) } else { None };
        self.pages[self.active].grid.erase(y, from, to, blank, keep);
    }

    fn erase_row(&mut self, y: usize, selective: bool) {
        self.erase_cells(y, 0, self.cols, selective);
        self.page_mut().grid.set_wrapped(y, false);
    }

    /// EL and DECSEL.
    pub(super) fn erase_in_line(&mut self, what: i32, selective: bool) {
        self.restrict(self.cols);
        let (x, y, cols) = (self.page().x, self.page().y, self.cols);
        match what {
            0 => {
                self.erase_cells(y, x, cols, selective);
                if x == 0 {
                    self.page_mut().grid.set_wrapped(y, false);
                }
            }
            1 => self.erase_cells(y, 0, x + 1, selective),
            2 => self.erase_row(y, selective),
            _ => {}
        }
    }

    /// ED and DECSED.
    pub(super) fn erase_in_display(&mut self, what: i32, selective: bool) {
        self.restrict(self.cols);
        let (y, rows) = (self.page().y, self.rows);
        if self.active != ALT {
            self.forget_below();
        }
        match what {
            0 => {
                self.erase_in_line(0, selective);
                (y + 1..rows).for_each(|y| self.erase_row(y, selective));
            }
            1 => self.erase_above(selective),
            2 => (0..rows).for_each(|y| self.erase_row(y, selective)),
            3 if self.active != ALT => {
                self.history.clear();
                // Saved rows are counted from the first row there is.
                self.pages[self.active].saved.y += i64::from(self.above);
                self.above = 0;
            }
            _ => {}
        }
    }

    /// ED 1: everything up to and including the cursor.
    fn erase_above(&mut self, selective: bool) {
        let (x, y) = (self.page().x, self.page().y);
        self.erase_cells(y, 0, x + 1, selective);
        self.page_mut().grid.set_wrapped(y, false);
        if x + 1 >= self.cols {
            // xterm.js counts this row from the first row of the scrollback.
            let above = if self.active == ALT { 0 } else { self.above as usize };
            let next = (y + 1).checked_sub(above).filter(|&next| next < self.rows);
            if let Some(next) = next {
                self.page_mut().grid.set_wrapped(next, false);
            }
        }
        (0..y).for_each(|y| self.erase_row(y, selective));
    }

    /// ECH.
    pub(super) fn erase_chars(&mut self, n: usize) {
        self.restrict(self.cols - 1);
        let (x, y) = (self.page().x, self.page().y);
        self.erase_cells(y, x, (x + n).min(self.cols), false);
    }

    /// ICH.
    pub(super) fn insert_chars(&mut self, n: usize) {
        self.restrict(self.cols - 1);
        let blank = self.erased();
        let page = self.page_mut();
        page.grid.insert_cells(page.y, page.x, n, blank);
    }

    /// DCH.
    pub(super) fn delete_chars(&mut self, n: usize) {
        self.restrict(self.cols - 1);
        let blank = self.erased();
        let page = self.page_mut();
        page.grid.delete_cells(page.y, page.x, n, blank);
    }

    /// DECALN.
    pub(super) fn align(&mut self) {
        let style = self.pen.plain_style();
        let id = self.tables.styles.intern(&style);
        self.set_cursor(0, 0);
        for y in self.page().y..self.rows {
            let page = self.page_mut();
            page.grid.clear_row(y, Cell::ascii(b'E', id));
        }
        self.set_cursor(0, 0);
    }
}
