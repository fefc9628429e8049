//! Scrolling, and what scrolls: line feeds, indexes, inserted and deleted rows.

use super::{MAIN, Screen};
use crate::limits::SCROLLBACK_ROWS;
use crate::term::cell::Cell;

impl Screen {
    /// The region moves up by one row; the main screen's first row goes into the history.
    pub(super) fn scroll(&mut self, wrapped: bool) {
        let blank = self.erased();
        let main = self.active == MAIN;
        if main {
            self.forget_below();
        }
        let page = &mut self.pages[self.active];
        let (top, bottom) = (page.top, page.bottom);
        if top == 0 && main {
            let wrapped = page.grid.wrapped(0);
            let styles = &self.tables.styles;
            let push = |text| self.history.push_text(text, self.cols, wrapped, styles);
            if !page.grid.text(0).is_some_and(push) {
                let row = page.grid.used(0, &mut self.scratch);
                self.history.push(row, self.cols, wrapped, &self.tables);
            }
            if self.above < SCROLLBACK_ROWS {
                self.above += 1;
                page.saved.y -= 1;
            }
        }
        page.grid.scroll_up(top, bottom, 1, blank);
        page.grid.set_wrapped(bottom, wrapped);
    }

    /// LF, VT, FF.
    #[inline]
    pub(super) fn line_feed(&mut self) {
        let (rows, cols, newline) = (self.rows, self.cols, self.modes.newline);
        let page = self.page_mut();
        if newline {
            page.x = 0;
        }
        page.y += 1;
        if page.y == page.bottom + 1 {
            page.y -= 1;
            self.scroll(false);
        } else if page.y >= rows {
            page.y = rows - 1;
        } else {
            let y = page.y;
            page.grid.set_wrapped(y, false);
        }
        let page = self.page_mut();
        if page.x >= cols {
            page.x -= 1;
        }
    }

    /// IND.
    pub(super) fn index(&mut self) {
        self.restrict(self.cols - 1);
        let rows = self.rows;
        let page = self.page_mut();
        page.y += 1;
        if page.y == page.bottom + 1 {
            page.y -= 1;
            self.scroll(false);
        } else {
            page.y = page.y.min(rows - 1);
        }
        self.restrict(self.cols - 1);
    }

    /// RI.
    pub(super) fn reverse_index(&mut self) {
        self.restrict(self.cols - 1);
        let blank = self.erased();
        let page = self.page_mut();
        if page.y == page.top {
            page.grid.scroll_down(page.top, page.bottom, 1, blank);
        } else {
            page.y = page.y.saturating_sub(1);
            self.restrict(self.cols - 1);
        }
    }

    /// SU: rows go nowhere, not even into the history.
    pub(super) fn scroll_up(&mut self, n: usize) {
        let blank = self.erased();
        let page = self.page_mut();
        page.grid.scroll_up(page.top, page.bottom, n, blank);
    }

    /// SD: rows that come in have the default background.
    pub(super) fn scroll_down(&mut self, n: usize) {
        let page = self.page_mut();
        page.grid.scroll_down(page.top, page.bottom, n, Cell::BLANK);
    }

    /// Whether the cursor is in the scroll region.
    fn in_region(&self) -> bool {
        let page = self.page();
        (page.top..=page.bottom).contains(&page.y)
    }

    /// IL.
    pub(super) fn insert_lines(&mut self, n: usize) {
        self.restrict(self.cols - 1);
        if self.in_region() {
            let blank = self.erased();
            let page = self.page_mut();
            page.grid.scroll_down(page.y, page.bottom, n, blank);
            page.x = 0;
        }
    }

    /// DL.
    pub(super) fn delete_lines(&mut self, n: usize) {
        self.restrict(self.cols - 1);
        if self.in_region() {
            let blank = self.erased();
            let page = self.page_mut();
            page.grid.scroll_up(page.y, page.bottom, n, blank);
            page.x = 0;
        }
    }

    /// DECIC, SR: inserts `n` blank columns at `x` in the whole region.
    pub(super) fn insert_columns(&mut self, x: usize, n: usize) {
        if self.in_region() {
            let blank = self.erased();
            let page = self.page_mut();
            for y in page.top..=page.bottom {
                page.grid.insert_cells(y, x, n, blank);
                page.grid.set_wrapped(y, false);
            }
        }
    }

    /// DECDC, SL: deletes them.
    pub(super) fn delete_columns(&mut self, x: usize, n: usize) {
        if self.in_region() {
            let blank = self.erased();
            let page = self.page_mut();
            for y in page.top..=page.bottom {
                page.grid.delete_cells(y, x, n, blank);
                page.grid.set_wrapped(y, false);
            }
        }
    }
}
