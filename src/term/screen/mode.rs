//! SM, RM, DECSET, DECRST, DECSTR, DECSCUSR and the change of screens.

use super::charset::Charset;
use super::page::{Page, Saved};
use super::pen::Pen;
use super::{ALT, MAIN, Screen, Tabs};
use crate::term::grid::Grid;
use crate::term::modes::{CursorShape, Modes, Mouse, MouseEncoding};
use crate::term::token::Params;
use crate::term::watch::{Event, Watch};

impl Screen {
    /// SM and RM.
    pub(super) fn ansi_modes(&mut self, params: &Params, on: bool) {
        for mode in params.iter() {
            match mode {
                4 => self.modes.insert = on,
                20 => self.modes.newline = on,
                _ => {}
            }
        }
    }

    /// DECSET and DECRST.
    pub(super) fn private_modes(&mut self, params: &Params, on: bool, watch: &mut impl Watch) {
        for mode in params.iter() {
            match mode {
                2 if on => {
                    self.charsets = [Charset::US; 4];
                    self.charset = Charset::US;
                }
                6 => {
                    self.modes.origin = on;
                    self.set_cursor(0, 0);
                }
                9 | 1000 | 1002 | 1003 => self.modes.mouse = mouse(mode, on),
                1006 | 1016 => {
                    self.modes.mouse_encoding = match mode {
                        1006 if on => MouseEncoding::Sgr,
                        1016 if on => MouseEncoding::SgrPixels,
                        _ => MouseEncoding::Default,
                    };
                }
                47 | 1047 | 1048 | 1049 => self.switch(mode, on),
                2026 => {
                    self.modes.sync = on;
                    watch.event(if on { Event::SyncBegin } else { Event::SyncEnd });
                }
                _ => self.flag(mode, on),
            }
        }
    }

    fn flag(&mut self, mode: i32, on: bool) {
        let modes = &mut self.modes;
        let flag = match mode {
            1 => &mut modes.app_cursor,
            5 => &mut modes.reverse_video,
            7 => &mut modes.wrap,
            12 => &mut modes.blink,
            25 => &mut modes.cursor_visible,
            45 => &mut modes.reverse_wrap,
            66 => &mut modes.app_keypad,
            1004 => &mut modes.focus,
            2004 => &mut modes.bracketed_paste,
            2031 => &mut modes.color_scheme,
            _ => return,
        };
        *flag = on;
    }

    fn switch(&mut self, mode: i32, on: bool) {
        match (mode, on) {
            (1048, true) => self.save_cursor(),
            (1048, false) => self.restore_cursor(),
            (_, true) => {
                if mode == 1049 {
                    self.save_cursor();
                }
                self.show_alternate();
            }
            (_, false) => {
                self.show_main();
                if mode == 1049 {
                    self.restore_cursor();
                }
            }
        }
    }

    /// The alternate screen appears, erased with the pen's background.
    fn show_alternate(&mut self) {
        if self.active == ALT {
            return;
        }
        let blank = self.erased();
        let (x, y) = (self.pages[MAIN].x, self.pages[MAIN].y);
        self.active = ALT;
        let (rows, cols) = (self.rows, self.cols);
        let page = &mut self.pages[ALT];
        page.grid = Grid::new(rows, cols);
        (0..rows).for_each(|y| page.grid.clear_row(y, blank));
        page.x = x;
        page.y = y;
    }

    /// The main screen appears again; the alternate one is gone but for its saved cursor.
    fn show_main(&mut self) {
        if self.active == MAIN {
            return;
        }
        let (rows, cols) = (self.rows, self.cols);
        let alt = &mut self.pages[ALT];
        let (x, y) = (alt.x, alt.y);
        let fresh = Page::new(rows, cols, Grid::default());
        *alt = Page { saved: alt.saved, kitty: alt.kitty.clone(), ..fresh };
        self.pages[MAIN].x = x;
        self.pages[MAIN].y = y;
        self.active = MAIN;
    }

    /// DECSTR.
    pub(super) fn soft_reset(&mut self) {
        let old = self.modes;
        self.modes = Modes {
            newline: old.newline,
            reverse_video: old.reverse_video,
            blink: old.blink,
            mouse: old.mouse,
            mouse_encoding: old.mouse_encoding,
            color_scheme: old.color_scheme,
            modify_other_keys: old.modify_other_keys,
            ..Modes::default()
        };
        self.pen = Pen::default();
        self.pen_changed();
        self.charsets = [Charset::US; 4];
        self.shift = 0;
        self.charset = Charset::US;
        let bottom = self.rows - 1;
        let page = self.page_mut();
        page.top = 0;
        page.bottom = bottom;
        page.saved = Saved::default();
    }

    /// DECSCUSR.
    pub(super) fn cursor_style(&mut self, style: i32) {
        if style == 0 {
            self.modes.cursor_shape = None;
            self.modes.cursor_blink = None;
            return;
        }
        match style {
            1 | 2 => self.modes.cursor_shape = Some(CursorShape::Block),
            3 | 4 => self.modes.cursor_shape = Some(CursorShape::Underline),
            5 | 6 => self.modes.cursor_shape = Some(CursorShape::Bar),
            _ => {}
        }
        self.modes.cursor_blink = Some(style % 2 == 1);
    }

    /// Designates G0 to G3.
    pub(super) fn designate(&mut self, slot: usize, charset: Charset) {
        self.charsets[slot] = charset;
        if self.shift == slot {
            self.charset = charset;
        }
    }

    /// SI, SO, LS2, LS3.
    pub(super) fn shift_to(&mut self, slot: usize) {
        self.shift = slot;
        self.charset = self.charsets[slot];
    }

    /// HTS.
    pub(super) fn set_tab(&mut self) {
        let page = self.page_mut();
        let x = page.x;
        page.tabs.set(x, true);
    }

    /// Tab stops of both pages for a new width.
    pub(in crate::term) fn widen_tabs(&mut self) {
        let cols = self.cols;
        self.pages.iter_mut().for_each(|page| page.tabs.widen(cols));
    }

    /// Whether all stops are those of a fresh terminal.
    pub(in crate::term) fn has_default_tabs(&self, page: usize) -> bool {
        let default = Tabs::every_eight(self.cols);
        (0..self.cols).all(|x| self.pages[page].tabs.get(x) == default.get(x))
    }
}

fn mouse(mode: i32, on: bool) -> Mouse {
    match mode {
        _ if !on => Mouse::Off,
        9 => Mouse::X10,
        1000 => Mouse::Vt200,
        1002 => Mouse::Drag,
        _ => Mouse::Any,
    }
}
