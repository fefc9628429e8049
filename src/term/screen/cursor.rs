//! The cursor: where it may be, where it goes, what DECSC keeps of it.

use super::page::Saved;
use super::{Screen, Tabs};

impl Screen {
    /// Brings the cursor back within the screen, or within the region under DECOM.
    pub(super) fn restrict(&mut self, last_col: usize) {
        let (origin, last_row) = (self.modes.origin, self.rows - 1);
        let page = self.page_mut();
        page.x = page.x.min(last_col);
        page.y = if origin { page.y.clamp(page.top, page.bottom) } else { page.y.min(last_row) };
    }

    /// Puts the cursor somewhere, counted from the region's top under DECOM.
    pub(super) fn set_cursor(&mut self, x: i64, y: i64) {
        let origin = self.modes.origin;
        let page = self.page_mut();
        let y = if origin { y + page.top as i64 } else { y };
        page.x = usize::try_from(x).unwrap_or(0);
        page.y = usize::try_from(y).unwrap_or(0);
        self.restrict(self.cols - 1);
    }

    /// Moves it. As in xterm.js the region's top counts once more under DECOM.
    pub(super) fn move_cursor(&mut self, dx: i64, dy: i64) {
        self.restrict(self.cols - 1);
        let page = self.page();
        let (x, y) = (page.x as i64, page.y as i64);
        self.set_cursor(x + dx, y + dy);
    }

    /// CUU: stops at the region's top when it starts below it.
    pub(super) fn cursor_up(&mut self, n: usize) {
        let page = self.page();
        let n = if page.y >= page.top { n.min(page.y - page.top) } else { n };
        self.move_cursor(0, -(n as i64));
    }

    /// CUD: stops at the region's bottom when it starts above it.
    pub(super) fn cursor_down(&mut self, n: usize) {
        let page = self.page();
        let n = if page.y <= page.bottom { n.min(page.bottom - page.y) } else { n };
        self.move_cursor(0, n as i64);
    }

    /// CHA, HPA.
    pub(super) fn cursor_to_column(&mut self, n: usize) {
        let y = self.page().y as i64;
        self.set_cursor(n as i64 - 1, y);
    }

    /// VPA.
    pub(super) fn cursor_to_row(&mut self, n: usize) {
        let x = self.page().x as i64;
        self.set_cursor(x, n as i64 - 1);
    }

    /// BS, with reverse wraparound when mode 45 is set.
    pub(super) fn backspace(&mut self) {
        let cols = self.cols;
        if !self.modes.reverse_wrap {
            self.restrict(cols - 1);
            let page = self.page_mut();
            page.x = page.x.saturating_sub(1);
            return;
        }
        self.restrict(cols);
        let page = self.page_mut();
        if page.x > 0 {
            page.x -= 1;
        } else if page.y > page.top && page.y <= page.bottom && page.grid.wrapped(page.y) {
            page.grid.set_wrapped(page.y, false);
            page.y -= 1;
            page.x = cols - 1;
            let last = page.grid.cell(page.y, page.x);
            // A wide character did not fit there: one further back.
            if last.width() > 0 && !last.has_content() {
                page.x -= 1;
            }
        }
        self.restrict(cols - 1);
    }

    /// HT and CHT.
    pub(super) fn tab(&mut self, n: usize) {
        let cols = self.cols;
        let page = self.page_mut();
        if page.x < cols {
            for _ in 0..n.min(cols) {
                page.x = page.tabs.after(page.x, cols);
            }
        }
    }

    /// CBT.
    pub(super) fn back_tab(&mut self, n: usize) {
        let cols = self.cols;
        let page = self.page_mut();
        if page.x < cols {
            for _ in 0..n.min(cols) {
                page.x = page.tabs.before(page.x, cols);
            }
        }
    }

    /// TBC.
    pub(super) fn clear_tabs(&mut self, which: i32) {
        let page = self.page_mut();
        match which {
            0 => page.tabs.set(page.x, false),
            3 => page.tabs = Tabs::none(),
            _ => {}
        }
    }

    /// DECSC.
    pub(super) fn save_cursor(&mut self) {
        let (pen, charset) = (self.pen.base, self.charset);
        let page = self.page_mut();
        page.saved = Saved { x: page.x, y: page.y as i64, pen, charset };
    }

    /// DECRC.
    pub(super) fn restore_cursor(&mut self) {
        let page = self.page_mut();
        let saved = page.saved;
        page.x = saved.x;
        page.y = usize::try_from(saved.y).unwrap_or(0);
        self.pen.base = saved.pen;
        self.charset = saved.charset;
        self.pen_changed();
        self.restrict(self.cols - 1);
    }

    /// DECSTBM.
    pub(super) fn set_region(&mut self, top: usize, bottom: usize) {
        let bottom = if bottom == 0 || bottom > self.rows { self.rows } else { bottom };
        if bottom > top {
            let page = self.page_mut();
            page.top = top - 1;
            page.bottom = bottom - 1;
            self.set_cursor(0, 0);
        }
    }
}
