//! Writes rows of cells into a fresh screen, keeping track of that screen's cursor and pen.

use super::sgr::{codes, put_sgr};
use crate::term::cell::Cell;
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
    link: Option<(Box<str>, Box<str>)>,
    /// Line feeds not yet sent.
    feeds: usize,
    /// Style of the blank at the last row's end, when one column is left there.
    left_over: Option<Style>,
    /// Nothing was written in the last row.
    blank_row: bool,
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
            blank_row: true,
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
    /// that row's end.
    pub fn row(&mut self, cells: &[Cell], continues: bool, tables: &Tables) {
        let end = cells.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
        let cells = &cells[..end];
        if continues {
            self.wrap(cells, tables);
        } else if end == 0 {
            self.left_over = None;
            self.blank_row = true;
            return;
        }
        self.blank_row = end == 0;
        self.flush_feeds();
        if !continues {
            self.halves(cells, tables);
        }
        let mut x = self.x;
        while x < end {
            x += self.cells(cells, x, tables);
        }
        let last = (end + 1 == self.cols || end == self.cols).then(|| cells.get(self.cols - 1));
        self.left_over = match last {
            Some(Some(cell)) if !cell.has_content() && cell.width() == 1 => {
                Some(tables.style(*cell))
            }
            Some(None) => Some(Style::DEFAULT),
            _ => None,
        };
    }

    /// Right halves whose character is gone: an insertion cut it in two, and so it is done here, before
    /// the rest of the row is written.
    fn halves(&mut self, cells: &[Cell], tables: &Tables) {
        if self.x != 0 {
            return;
        }
        let begin = self.out.len();
        for x in 2..cells.len() {
            let alone = cells[x].is_right_half()
                && !cells[x - 1].has_content()
                && cells[x - 1].width() == 1;
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
        let fits = wide && self.left_over == Some(style) && self.x + 1 == self.cols;
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
        let full = self.x == self.cols;
        let blank_row = self.blank_row;
        let restore = self.left_over.unwrap_or_default();
        self.pen_blank(Color::Default);
        if !full {
            self.send(&format!("\x1b[{}G", self.cols));
            self.out.push(b' ');
        }
        self.out.push(b' ');
        if blank_row {
            // The row before is blank: erased up to the cursor, which stays beyond its end.
            self.out.pop();
            self.send("\x1b[1K ");
        } else if !full && self.rows > 1 {
            self.send(&format!("\x1b[A\x1b[{}G", self.cols));
            self.pen_blank(restore.bg);
            self.send("\x1b[X\x1b[B");
        }
        self.out.push(b'\r');
        if !first.has_content() {
            self.pen_blank(Color::Default);
            self.send("\x1b[X");
        }
        self.y = (self.y + 1).min(self.rows - 1);
        self.x = 0;
    }

    /// Writes the cells at `x` that go together. Returns how many.
    fn cells(&mut self, cells: &[Cell], x: usize, tables: &Tables) -> usize {
        let cell = cells[x];
        if cell.has_content() {
            self.move_right(x);
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
        self.move_right(x);
        if style == Style::erased(style.bg) {
            self.pen_blank(style.bg);
            if x + run == self.cols {
                self.send("\x1b[K");
            } else {
                self.send(&count("X", run));
            }
        } else {
            // What printing left behind: no sequence makes such a blank, a space looks the same.
            self.pen(&style, tables);
            self.out.extend(std::iter::repeat_n(b' ', run));
            self.x = x + run;
        }
        run
    }

    fn move_right(&mut self, x: usize) {
        if x > self.x {
            self.send(&count("C", x - self.x));
            self.x = x;
        }
    }

    /// Prints one cell's text.
    fn text(&mut self, cell: Cell, tables: &Tables) {
        self.pen(&tables.style(cell), tables);
        if cell.width() == 0 {
            // A mark that stands alone must not join what was printed before: any sequence parts them.
            self.send("\x1b(B");
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
        self.style = *to;
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
            // xterm.js takes protection for one of the attributes a reset clears.
            let reset = self.out[before..].starts_with(b"\x1b[;")
                || self.out[before..].starts_with(b"\x1b[m");
            let was = from.attrs.contains(protected);
            match to.attrs.contains(protected) {
                true if !was || reset => self.send("\x1b[1\"q"),
                false if was => self.send("\x1b[\"q"),
                _ => {}
            }
            self.style = to;
        }
        let link = tables.links.get(wanted.link);
        let same = match (&self.link, link) {
            (None, None) => true,
            (Some((id, uri)), Some(link)) => *id == link.id && *uri == link.uri,
            _ => false,
        };
        if !same {
            let (id, uri) = link.map_or(("", ""), |link| (&*link.id, &*link.uri));
            let id = if id.is_empty() { String::new() } else { format!("id={id}") };
            self.send(&format!("\x1b]8;{id};{uri}\x1b\\"));
            self.link = link.map(|link| (link.id.clone(), link.uri.clone()));
        }
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

    /// Prints a cell once more where the cursor is; a blank as a space.
    pub fn again(&mut self, cell: Cell, tables: &Tables) {
        if cell.has_content() {
            self.text(cell, tables);
        } else {
            self.pen(&tables.style(cell), tables);
            self.out.push(b' ');
        }
        self.moved();
    }

    /// The cursor is at the start of another, blank screen.
    pub fn begin_page(&mut self) {
        self.go(0, 0, 0);
        self.left_over = None;
    }
}

/// `CSI n final`, without the number when it is 1.
fn count(last: &str, n: usize) -> String {
    if n == 1 { format!("\x1b[{last}") } else { format!("\x1b[{n}{last}") }
}
