//! Which control does what: the one place where final bytes get their meaning.

use super::Screen;
use super::charset::Charset;
use crate::term::token::{Params, Token};
use crate::term::watch::{Event, Watch};

impl Screen {
    /// Executes a C0 or C1 control.
    #[inline]
    pub fn control(&mut self, c: char, watch: &mut impl Watch) {
        self.preceding = 0;
        match c {
            '\n' | '\x0b' | '\x0c' => self.line_feed(),
            '\r' => self.page_mut().x = 0,
            '\x08' => self.backspace(),
            '\t' => self.tab(1),
            '\x07' => watch.event(Event::Bell),
            '\x0e' => self.shift_to(1),
            '\x0f' => self.shift_to(0),
            '\u{84}' => self.index(),
            '\u{85}' => self.next_line(),
            '\u{88}' => self.set_tab(),
            _ => {}
        }
    }

    /// Carries out a sequence.
    pub fn apply(&mut self, token: &Token<'_>, watch: &mut impl Watch) {
        match *token {
            Token::Csi { prefix, params, intermediates, last } => {
                self.csi(prefix, params, intermediates, last, watch);
            }
            Token::Escape { intermediates, last } => self.escape(intermediates, last),
            Token::Osc { number: Some(number), payload, .. } => self.osc(number, payload, watch),
            Token::Osc { .. } | Token::Control(_) | Token::Dcs { .. } | Token::Junk { .. } => {}
        }
        // Junk too, unlike in xterm.js: viewers get NULs in its place, and those part characters.
        self.preceding = 0;
    }

    fn escape(&mut self, intermediates: &[u8], last: u8) {
        match (intermediates, last) {
            ([], b'7') => self.save_cursor(),
            ([], b'8') => self.restore_cursor(),
            ([], b'D') => self.index(),
            ([], b'E') => self.next_line(),
            ([], b'H') => self.set_tab(),
            ([], b'M') => self.reverse_index(),
            ([], b'=') => self.modes.app_keypad = true,
            ([], b'>') => self.modes.app_keypad = false,
            ([], b'c') => self.reset(),
            ([], b'~') => self.shift_to(1),
            ([], b'n' | b'}') => self.shift_to(2),
            ([], b'o' | b'|') => self.shift_to(3),
            ([b'#'], b'8') => self.align(),
            ([b'%'], b'@' | b'G') => {
                self.shift_to(0);
                self.designate(0, Charset::US);
            }
            ([slot], _) => {
                let slot = match slot {
                    b'(' => 0,
                    b')' | b'-' => 1,
                    b'*' | b'.' => 2,
                    b'+' => 3,
                    _ => return,
                };
                if let Some(charset) = Charset::from_final(last) {
                    self.designate(slot, charset);
                }
            }
            _ => {}
        }
    }

    fn next_line(&mut self) {
        self.page_mut().x = 0;
        self.index();
    }

    fn csi(
        &mut self,
        prefix: u8,
        params: &Params,
        intermediates: &[u8],
        last: u8,
        watch: &mut impl Watch,
    ) {
        match (prefix, intermediates) {
            (0, []) => self.csi_plain(params, last, watch),
            (b'?', []) => match last {
                b'J' => self.erase_in_display(params.get(0), true),
                b'K' => self.erase_in_line(params.get(0), true),
                b'h' => self.private_modes(params, true, watch),
                b'l' => self.private_modes(params, false, watch),
                _ => {}
            },
            (b'>' | b'<' | b'=', []) => self.csi_keyboard(prefix, params, last),
            (0, &[intermediate]) => self.csi_intermediate(params, intermediate, last),
            _ => {}
        }
    }

    #[inline]
    fn csi_plain(&mut self, params: &Params, last: u8, watch: &mut impl Watch) {
        let n = params.count(0);
        match last {
            b'm' => self.select_graphics(params),
            b'H' | b'f' => self.set_cursor(params.count(1) as i64 - 1, n as i64 - 1),
            b'A' => self.cursor_up(n),
            b'B' => self.cursor_down(n),
            b'C' | b'a' => self.move_cursor(n as i64, 0),
            b'D' => self.move_cursor(-(n as i64), 0),
            b'E' => {
                self.cursor_down(n);
                self.page_mut().x = 0;
            }
            b'F' => {
                self.cursor_up(n);
                self.page_mut().x = 0;
            }
            b'G' | b'`' => self.cursor_to_column(n),
            b'd' => self.cursor_to_row(n),
            b'e' => self.move_cursor(0, n as i64),
            b'J' => self.erase_in_display(params.get(0), false),
            b'K' => self.erase_in_line(params.get(0), false),
            b'L' => self.insert_lines(n),
            b'M' => self.delete_lines(n),
            b'P' => self.delete_chars(n),
            b'@' => self.insert_chars(n),
            b'X' => self.erase_chars(n),
            b'S' => self.scroll_up(n),
            b'T' if params.len() < 5 => self.scroll_down(n),
            b'I' => self.tab(n),
            b'Z' => self.back_tab(n),
            b'b' => self.repeat(n),
            b'g' => self.clear_tabs(params.get(0)),
            b'h' => self.ansi_modes(params, true),
            b'l' => self.ansi_modes(params, false),
            b'r' => self.set_region(n, params.get(1).max(0) as usize),
            b's' => self.save_cursor(),
            b'u' => self.restore_cursor(),
            b't' => self.title_stack(params, watch),
            _ => {}
        }
    }

    /// SGR.
    #[inline]
    pub fn select_graphics(&mut self, params: &Params) {
        self.pen.select(params);
        self.pen_changed();
        self.preceding = 0;
    }

    fn csi_intermediate(&mut self, params: &Params, intermediate: u8, last: u8) {
        let n = params.count(0);
        match (intermediate, last) {
            (b' ', b'@') => self.delete_columns(0, n),
            (b' ', b'A') => self.insert_columns(0, n),
            (b'\'', b'}') => self.insert_columns(self.page().x, n),
            (b'\'', b'~') => self.delete_columns(self.page().x, n),
            (b'!', b'p') => self.soft_reset(),
            (b' ', b'q') => self.cursor_style(params.get(0)),
            (b'"', b'q') => {
                self.pen.protect(params.get(0));
                self.pen_changed();
            }
            _ => {}
        }
    }

    /// The kitty keyboard protocol and xterm's modifyOtherKeys.
    fn csi_keyboard(&mut self, prefix: u8, params: &Params, last: u8) {
        let flags = params.get(0) as u32;
        match (prefix, last) {
            (b'>', b'u') => self.page_mut().kitty_push(flags),
            (b'<', b'u') => self.page_mut().kitty_pop(params.count(0)),
            (b'=', b'u') => self.page_mut().kitty_set(flags, params.count(1)),
            (b'>', b'm') if flags == 4 => self.modes.modify_other_keys = params.get(1) as u32,
            _ => {}
        }
    }
}
