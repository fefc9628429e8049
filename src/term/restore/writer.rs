//! Writes rows of cells into a fresh screen, keeping track of that screen's cursor and pen.

use super::sgr::{codes, put_sgr};
use crate::term::cell::Cell;
use crate::term::link::Link;
use crate::term::screen::charset::Charset;
use crate::term::style::{Attrs, Color, Style};
use crate::term::tables::Tables;

/// The other side's state while it is written to.
pub struct Writer {
    /// What is sent.
    pub out: Vec<u8>,
    rows: usize,
    cols: usize,
    x: usize,
    y: usize,
    /// Its pen; the link is kept apart, since tables differ.
    style: Style,
    link: Option<Link>,
    /// Line feeds not yet sent.
    feeds: usize,
    /// Style of the blank at the last row's end, when one column is left there, without its link.
    left_over: Option<(Style, Option<Link>)>,
    /// The row being written continues the one before it.
    continues: bool,
    /// Length of `out` after the last text: a mark or REP that came now would follow it.
    text_end: usize,
}

impl Writer {
    /// Writes to a fresh screen.
    pub fn new(rows: usize, cols: usize) -> Writer {
        Writer {
            out: Vec::new(),
            rows,
            cols,
            x: 0,
            y: 0,
            style: Style::DEFAULT,
            link: None,
            feeds: 0,
            left_over: None,
            continues: false,
            text_end: 0,
        }
    }

    /// Sends a sequence that moves nothing.
    pub fn send(&mut self, sequence: &str) {
        self.out.extend_from_slice(sequence.as_bytes());
    }

    /// Sends the line feeds that are still owed.
    pub fn flush_feeds(&mut self) {
        if self.feeds == 0 {
            return;
        }
        if self.y + self.feeds >= self.rows && self.style.bg != Color::Default {
            // Rows that scroll in take the pen's background.
            self.pen_blank(Color::Default);
        }
        self.out.push(b'\r');
        self.out.extend(std::iter::repeat_n(b'\n', self.feeds));
        self.y = (self.y + self.feeds).min(self.rows - 1);
        self.x = 0;
        self.feeds = 0;
    }

    /// Goes to the start of the next row.
    pub fn next_row(&mut self) {
        self.feeds += 1;
    }

    /// Writes a row where the cursor is: at its start, or for one that continues the row before, at
    /// that row's end. `goes_on`: another continues it.
    pub fn row(&mut self, cells: &[Cell], continues: bool, goes_on: bool, tables: &Tables) {
        let mut end = cells.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
        let cells = &cells[..end];
        if continues {
            self.wrap(cells, tables);
        } else if end == 0 {
            self.left_over = None;
            return;
        }
        self.flush_feeds();
        if !continues {
            self.halves(cells, tables);
        }
        if let (Some(&last), true) = (cells.get(self.cols - 1), goes_on)
            && is_blank(last)
        {
            // Wrapping leaves it over.
            end = self.cols - 1;
        }
        self.continues = continues;
        let mut x = self.x;
        while x < end {
            x += self.cells(&cells[..end], x, tables);
        }
        let last = (end + 1 == self.cols || end == self.cols).then(|| cells.get(self.cols - 1));
        self.left_over = match last {
            Some(Some(cell)) if is_blank(*cell) => Some(without_link(*cell, tables)),
            Some(None) => Some((Style::DEFAULT, None)),
            _ => None,
        };
        if self.left_over.is_some() && goes_on {
            // Its link is one of these tables, which the next row may not share.
            let style = last.flatten().map_or(Style::DEFAULT, |&cell| tables.style(cell));
            self.pen(&style, tables);
        }
    }

    /// Right halves whose character is gone: an insertion cut it in two, and so it is done here, before
    /// the rest of the row is written.
    fn halves(&mut self, cells: &[Cell], tables: &Tables) {
        if self.x != 0 {
            return;
        }
        let begin = self.out.len();
        for x in 2..cells.len() {
            let alone = cells[x].is_right_half() && is_blank(cells[x - 1]);
            if alone {
                self.move_right(x - 2);
                self.pen(&tables.style(cells[x]), tables);
                self.send("\u{4e00}\x1b[D");
                self.pen_blank(Color::Default);
                self.send("\x1b[@");
                self.x = x - 1;
            }
        }
        if self.out.len() > begin {
            self.out.push(b'\r');
            self.x = 0;
        }
    }

    /// Brings the cursor onto the next row by wrapping, so that the row counts as wrapped.
    fn wrap(&mut self, cells: &[Cell], tables: &Tables) {
        // Blank rows before it.
        self.flush_feeds();
        let first = cells.first().copied().unwrap_or_default();
        let scrolls = self.y + 1 >= self.rows;
        let style = tables.style(first);
        let coloured = scrolls && style.bg != Color::Default;
        let wide = first.width() == 2;
        let fits =
            wide && self.left_over == Some(without_link(first, tables)) && self.x < self.cols;
        if fits {
            self.move_right(self.cols - 1);
        }
        if first.has_content() && first.width() > 0 && (self.x == self.cols || fits) {
            // Printing it wraps.
            self.y = (self.y + 1).min(self.rows - 1);
            self.x = 0;
            if coloured {
                // The row came in with its background: the rest of it is erased.
                self.text(first, tables);
                self.x = usize::from(first.width());
                if self.x < self.cols {
                    self.pen_blank(Color::Default);
                    self.send("\x1b[K");
                }
            }
            return;
        }
        if self.x < self.cols {
            self.leave_over(coloured_by(scrolls, self.left_over.as_ref()));
        } else {
            self.pen_blank(Color::Default);
            self.send(" \r");
            if !first.has_content() {
                self.send("\x1b[X");
            }
        }
        self.y = (self.y + 1).min(self.rows - 1);
        self.x = 0;
    }

    /// Wraps where the last column is blank: a wide character that does not fit there leaves it so, and goes
    /// from the next row again. `coloured`: that row came in with a background, which goes too.
    fn leave_over(&mut self, coloured: bool) {
        self.move_right(self.cols - 1);
        if self.left_over.is_none() {
            self.pen(&Style::DEFAULT, &Tables::default());
        }
        self.send("\u{4e00}\r");
        self.pen_blank(Color::Default);
        let columns = if coloured { self.cols } else { 2 };
        self.send(&count("X", columns));
    }

    /// Writes the cells at `x` that go together. Returns how many.
    fn cells(&mut self, cells: &[Cell], x: usize, tables: &Tables) -> usize {
        let cell = cells[x];
        if cell.has_content() {
            self.move_right(x);
            let right = cells.get(x + 1).copied().unwrap_or_default();
            if cell.width() == 2 && x + 2 == self.cols && !right.is_right_half() {
                self.cut(cell, right, true, tables);
                return 2;
            }
            self.text(cell, tables);
            let columns = usize::from(cell.width().max(1));
            self.x = x + columns;
            return columns;
        }
        let run = cells[x..].iter().take_while(|&&c| c == cell).count();
        let style = tables.style(cell);
        if cell == Cell::BLANK || cell.width() == 0 {
            return run;
        }
        if style == Style::erased(style.bg) {
            self.move_right(x);
            self.pen_blank(style.bg);
            // From the first column EL would unwrap the row.
            if x + run == self.cols && !(x == 0 && self.continues) {
                self.send("\x1b[K");
            } else {
                self.send(&count("X", run));
            }
        } else if run > 1 || !self.leave(cells, x, tables) {
            // What printing left behind: no sequence makes such blanks, spaces look the same.
            self.move_right(x);
            self.pen(&style, tables);
            self.out.extend(std::iter::repeat_n(b' ', run));
            self.text_end = self.out.len();
            self.x = x + run;
        }
        run
    }

    /// Makes a blank that carries more than a background behind the text of a row, as printing leaves
    /// it: half of a wide character is overwritten. Returns whether that could be done.
    fn leave(&mut self, cells: &[Cell], x: usize, tables: &Tables) -> bool {
        let last = cells[x..].iter().all(|c| !c.has_content());
        if !last || self.x > x {
            return false;
        }
        let Some(before) = x.checked_sub(1) else {
            self.leave_first(tables.style(cells[0]), tables);
            return true;
        };
        let wide = before > 0 && cells[before].is_right_half() && cells[before - 1].width() == 2;
        let text = if wide { before - 1 } else { before };
        if is_blank(cells[text]) {
            let style = tables.style(cells[text]);
            if style != Style::erased(style.bg) || self.x > before {
                return false;
            }
            self.move_right(before);
            self.halve(x, &tables.style(cells[x]), tables);
            self.pen_blank(style.bg);
            self.send("\x1b[X");
            self.x = before;
            return true;
        }
        if cells[text].width() == 0 || self.x != x {
            return false;
        }
        self.send("\x08\u{4e00}");
        self.back_from(x);
        if cells[x].style() != cells[text].style() {
            self.pen(&tables.style(cells[x]), tables);
            self.send(" \x08");
        }
        if wide {
            self.out.push(0x08);
        }
        self.text(cells[text], tables);
        true
    }

    /// Overwrites the left half of a wide character: column `right` keeps a blank in this style. The cursor is before
    /// both.
    fn halve(&mut self, right: usize, style: &Style, tables: &Tables) {
        self.send("\u{4e00}");
        self.back_from(right);
        self.pen(style, tables);
        self.send(" \x08");
    }

    /// Back to a wide character whose right half is in this column: from behind the last one takes a step less.
    fn back_from(&mut self, right: usize) {
        self.send(if right + 1 == self.cols { "\x08" } else { "\x08\x08" });
    }

    /// The same in the first column, where nothing stands before it: it is made in the second and moved.
    fn leave_first(&mut self, style: Style, tables: &Tables) {
        self.halve(1, &style, tables);
        self.pen_blank(Color::Default);
        self.send("\x1b[P");
    }

    /// A wide character in the last columns whose right half is gone: where nothing wraps, the next
    /// character took its place, or left a blank there because it did not fit. `wraps`: otherwise it does.
    pub fn cut(&mut self, cell: Cell, right: Cell, wraps: bool, tables: &Tables) {
        if wraps {
            self.send("\x1b[?7l");
        }
        self.text(cell, tables);
        self.x = self.cols;
        if right.has_content() {
            self.text(right, tables);
        } else {
            self.pen(&tables.style(right), tables);
            self.send("\u{4e00}");
            self.x -= 1;
        }
        if wraps {
            self.send("\x1b[?7h");
        }
    }

    fn move_right(&mut self, x: usize) {
        if x > self.x {
            self.send(&count("C", x - self.x));
            self.x = x;
        }
    }

    /// Prints one cell's text in its style.
    fn text(&mut self, cell: Cell, tables: &Tables) {
        self.pen(&tables.style(cell), tables);
        self.characters(cell, tables);
    }

    fn characters(&mut self, cell: Cell, tables: &Tables) {
        if cell.width() == 0 {
            self.part();
        }
        match cell.content() {
            crate::term::cell::Content::Char(c) => {
                let mut buffer = [0; 4];
                self.out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            _ => {
                let mut text = String::new();
                tables.push_text(cell, &mut text);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
        self.text_end = self.out.len();
    }

    /// What comes now does not follow the character printed last: a mark does not join it.
    pub fn part(&mut self) {
        if self.text_end > 0 && self.text_end == self.out.len() {
            self.out.push(0);
        }
    }

    /// The pen for erasing: only its background counts.
    fn pen_blank(&mut self, bg: Color) {
        let plain = Style { link: 0, ..self.style };
        if plain.bg != bg {
            put_sgr(&plain, &Style { bg, ..plain }, &mut self.out);
            let reset = self.out.ends_with(b"\x1b[m");
            let base = if reset { Style::DEFAULT } else { plain };
            self.style = Style { bg, attrs: if reset { base.attrs } else { plain.attrs }, ..base };
        }
    }

    /// The pen for text.
    pub fn pen(&mut self, wanted: &Style, tables: &Tables) {
        let mut to = *wanted;
        if to.underline == crate::term::style::Underline::None {
            // Without an underline its colour does not show.
            to.underline_color = self.style.underline_color;
            let reset = self.style.attrs.contains(Attrs::UNDERLINE_COLOR_RESET);
            to.attrs.set(Attrs::UNDERLINE_COLOR_RESET, reset);
            if (Style { link: 0, ..*wanted }) == Style::DEFAULT {
                to = *wanted;
            }
        }
        self.exact_pen(&to, tables);
    }

    /// From one pen to another by single attributes, without a reset.
    pub fn step_pen(&mut self, from: &Style, to: &Style) {
        if let Some(codes) = codes(from, to).filter(|codes| !codes.is_empty()) {
            self.send(&format!("\x1b[{codes}m"));
        }
        self.protect(from, to, false);
        self.style = *to;
    }

    /// Protection, from one pen to another, or after a reset: xterm.js takes it for one of the attributes
    /// that a reset clears.
    fn protect(&mut self, from: &Style, to: &Style, reset: bool) {
        let was = from.attrs.contains(Attrs::PROTECTED);
        match to.attrs.contains(Attrs::PROTECTED) {
            true if !was || reset => self.send("\x1b[1\"q"),
            false if was => self.send("\x1b[\"q"),
            _ => {}
        }
    }

    /// The pen in every respect.
    pub fn exact_pen(&mut self, wanted: &Style, tables: &Tables) {
        let protected = Attrs::PROTECTED;
        let from = Style { link: 0, ..self.style };
        let to = Style { link: 0, ..*wanted };
        if from != to {
            let bare = |style: Style| Style { attrs: style.attrs.without(protected), ..style };
            let before = self.out.len();
            put_sgr(&bare(from), &bare(to), &mut self.out);
            let reset = self.out[before..].starts_with(b"\x1b[;")
                || self.out[before..].starts_with(b"\x1b[m");
            self.protect(&from, &to, reset);
            self.style = to;
        }
        let link = tables.links.get(wanted.link);
        if self.link.as_ref() != link {
            let (id, uri) = link.map_or(("", ""), |link| (&*link.id, &*link.uri));
            let id = if id.is_empty() { String::new() } else { format!("id={id}") };
            self.send(&format!("\x1b]8;{id};{uri}\x1b\\"));
            self.link = link.cloned();
        }
    }

    /// Opens a link, whichever: the pen gets its flag.
    pub fn any_link(&mut self) {
        self.send("\x1b]8;;:\x1b\\");
        self.link = Some(Link { id: "".into(), uri: ":".into() });
    }

    /// Erases a row that is all of one background up to the cursor, which stays where it is.
    pub fn erase_to_here(&mut self, style: &Style) {
        self.pen_blank(style.bg);
        self.send("\x1b[1K");
    }

    /// Goes somewhere; `top` is the row counted as the first.
    pub fn go(&mut self, y: usize, x: usize, top: usize) {
        self.feeds = 0;
        match (y - top, x) {
            (0, 0) => self.send("\x1b[H"),
            (y, 0) => self.send(&format!("\x1b[{}H", y + 1)),
            (y, x) => self.send(&format!("\x1b[{};{}H", y + 1, x + 1)),
        }
        self.x = x;
        self.y = y;
    }

    /// Where the cursor is, if nothing is owed.
    pub fn at(&self) -> Option<(usize, usize)> {
        (self.feeds == 0).then_some((self.y, self.x))
    }

    /// Something moved the cursor: it must be placed anew.
    pub fn moved(&mut self) {
        self.feeds = 0;
        self.x = usize::MAX;
    }

    /// Something changed the pen's colours and attributes: they must be set anew.
    pub fn forget_pen(&mut self) {
        self.send("\x1b[m");
        self.style = Style::DEFAULT;
    }

    /// Prints a cell once more where the cursor is, with the pen as it is.
    pub fn again(&mut self, cell: Cell, charset: Charset, tables: &Tables) {
        let mut text = String::new();
        tables.push_text(cell, &mut text);
        let mut characters = text.chars();
        let first = characters.next().map(|c| charset.source(c));
        text = first.into_iter().chain(characters).collect();
        self.send(&text);
        self.text_end = self.out.len();
        self.moved();
    }

    /// Prints a cell once more where the cursor is, in its style; a blank as a space.
    pub fn fill(&mut self, cell: Cell, tables: &Tables) {
        if cell.has_content() {
            self.text(cell, tables);
        } else {
            self.pen(&tables.style(cell), tables);
            self.out.push(b' ');
            self.text_end = self.out.len();
        }
        self.moved();
    }

    /// The first row of a blank screen continues a row that is gone: it has come up from the second.
    pub fn continue_nothing(&mut self) {
        if self.rows > 1 {
            self.pen_blank(Color::Default);
            self.send(&format!("\x1b[{}G  \x1b[H\x1b[M\x1b[X", self.cols));
        }
    }

    /// The cursor is at the start of another, blank screen.
    pub fn begin_page(&mut self) {
        self.go(0, 0, 0);
        self.left_over = None;
    }
}

/// A cell's style with its link aside: numbers of links belong to a table.
fn without_link(cell: Cell, tables: &Tables) -> (Style, Option<Link>) {
    let style = tables.style(cell);
    (Style { link: 0, ..style }, tables.links.get(style.link).cloned())
}

fn is_blank(cell: Cell) -> bool {
    !cell.has_content() && cell.width() == 1
}

/// Whether a row that scrolls in gets a background from this blank.
fn coloured_by(scrolls: bool, blank: Option<&(Style, Option<Link>)>) -> bool {
    scrolls && blank.is_some_and(|(style, _)| style.bg != Color::Default)
}

/// `CSI n final`, without the number when it is 1.
fn count(last: &str, n: usize) -> String {
    if n == 1 { format!("\x1b[{last}") } else { format!("\x1b[{n}{last}") }
}
