//! Rows of cells. A scroll moves row handles, never cells.
//!
//! Owns which columns of a row were touched since it was last blank, so that clearing and packing a
//! short row cost what its text costs. A row written from left to right, as most are, stays packed text until somebody
//! looks at its cells one by one: see `text`. Knows nothing of cursors or modes.

mod run;
mod text;

pub use text::RowText;

use self::text::Texts;

use super::cell::Cell;
use super::style::StyleId;

/// A row's handle.
#[derive(Clone, Copy, Debug)]
struct Row {
    slot: u16,
    /// Cells from here on are `Cell::BLANK`.
    used: u16,
    /// Bytes of text that stand for the cells before `used`, which are blank then; 0 when the cells count.
    text: u16,
    wrapped: bool,
    /// The text's last character has marks and a number.
    marked: bool,
    /// Numbers that belong to the text.
    numbers: u16,
    /// Style in force at the end of the text.
    style: StyleId,
}

impl Row {
    fn blank(slot: u16) -> Row {
        Row { slot, used: 0, text: 0, wrapped: false, marked: false, numbers: 0, style: 0 }
    }
}

/// A rectangle of cells; empty until `reset`.
#[derive(Debug, Default)]
pub struct Grid {
    cells: Vec<Cell>,
    rows: Vec<Row>,
    cols: usize,
    /// Where in `rows` the top row is: a scroll of all rows moves this alone.
    first: usize,
    texts: Texts,
}

impl Grid {
    /// A blank grid.
    pub fn new(rows: usize, cols: usize) -> Grid {
        Grid {
            cells: vec![Cell::BLANK; rows * cols],
            rows: (0..rows).map(|slot| Row::blank(slot as u16)).collect(),
            cols,
            first: 0,
            texts: Texts::default(),
        }
    }

    /// A blank grid whose rows leave it at the top, to be kept: those written from left to right stay packed.
    pub fn scrolling(rows: usize, cols: usize) -> Grid {
        Grid { texts: Texts::new(rows, cols), ..Grid::new(rows, cols) }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The cells of rows that are not text, as far as they were touched, in no order: for sweeps.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let rows = self.rows.iter().filter(|row| row.text == 0);
        rows.flat_map(|row| {
            let from = usize::from(row.slot) * self.cols;
            self.cells[from..from + usize::from(row.used)].iter().copied()
        })
    }

    /// Where row `y` has its handle.
    #[inline]
    fn place(&self, y: usize) -> usize {
        let place = self.first + y;
        if place >= self.rows.len() { place - self.rows.len() } else { place }
    }

    #[inline]
    fn at(&self, y: usize) -> Row {
        self.rows[self.place(y)]
    }

    #[inline]
    fn at_mut(&mut self, y: usize) -> &mut Row {
        let place = self.place(y);
        &mut self.rows[place]
    }

    /// The cells of row `y` up to the last that is not `Cell::BLANK`, or a little further; `scratch` holds them when
    /// the row is text.
    pub fn used<'a>(&'a self, y: usize, scratch: &'a mut Vec<Cell>) -> &'a [Cell] {
        let row = self.at(y);
        if row.text > 0 {
            scratch.clear();
            scratch.resize(usize::from(row.used), Cell::BLANK);
            self.texts.decode(row, scratch);
            return scratch;
        }
        let from = usize::from(row.slot) * self.cols;
        &self.cells[from..from + usize::from(row.used)]
    }

    /// Cells `from..to` of row `y`, to be written.
    #[inline]
    pub fn cells_mut(&mut self, y: usize, from: usize, to: usize) -> &mut [Cell] {
        let place = self.place(y);
        self.settle_at(place);
        let row = &mut self.rows[place];
        row.used = row.used.max(to as u16);
        let start = usize::from(row.slot) * self.cols;
        &mut self.cells[start + from..start + to]
    }

    /// One cell.
    pub fn cell(&self, y: usize, x: usize) -> Cell {
        let row = self.at(y);
        if row.text > 0 && x < usize::from(row.used) {
            return self.used(y, &mut Vec::new()).get(x).copied().unwrap_or(Cell::BLANK);
        }
        self.cells[usize::from(row.slot) * self.cols + x]
    }

    /// Writes one cell.
    #[inline]
    pub fn set(&mut self, y: usize, x: usize, cell: Cell) {
        self.cells_mut(y, x, x + 1)[0] = cell;
    }

    /// Whether row `y` continues the one above it.
    #[inline]
    pub fn wrapped(&self, y: usize) -> bool {
        self.at(y).wrapped
    }

    /// Says so.
    #[inline]
    pub fn set_wrapped(&mut self, y: usize, wrapped: bool) {
        self.at_mut(y).wrapped = wrapped;
    }

    /// Fills cells `from..to` of row `y`.
    pub fn fill(&mut self, y: usize, from: usize, to: usize, cell: Cell) {
        let place = self.place(y);
        let row = self.rows[place];
        if row.text > 0 {
            if from >= usize::from(row.used) && cell == Cell::BLANK {
                return;
            }
            if from == 0 && to >= usize::from(row.used) {
                // None of the text is left.
                self.rows[place] = Row { wrapped: row.wrapped, ..Row::blank(row.slot) };
            }
            self.settle_at(place);
        }
        let row = &mut self.rows[place];
        let start = usize::from(row.slot) * self.cols;
        if cell == Cell::BLANK {
            let to = to.min(usize::from(row.used));
            if from < to {
                self.cells[start + from..start + to].fill(cell);
            }
            if to == usize::from(row.used) {
                row.used = row.used.min(from as u16);
            }
        } else if from < to {
            self.cells[start + from..start + to].fill(cell);
            row.used = row.used.max(to as u16);
        }
    }

    /// Blanks row `y` with `cell` and unwraps it.
    #[inline]
    pub fn clear_row(&mut self, y: usize, cell: Cell) {
        self.fill(y, 0, self.cols, cell);
        self.set_wrapped(y, false);
    }

    /// Moves rows `top..=bottom` up by `n`; those that come in are blank.
    #[inline]
    pub fn scroll_up(&mut self, top: usize, bottom: usize, n: usize, blank: Cell) {
        let height = bottom + 1 - top;
        let n = n.min(height);
        if height == self.rows.len() {
            let place = self.first;
            self.first = self.place(n % height);
            let row = &mut self.rows[place];
            if n == 1 && blank == Cell::BLANK && (row.text > 0 || row.used == 0) {
                *row = Row::blank(row.slot);
                return;
            }
        } else if n < height {
            self.straighten();
            self.rows[top..=bottom].rotate_left(n);
        }
        for y in bottom + 1 - n..=bottom {
            self.clear_row(y, blank);
        }
    }

    /// Brings the handles into the rows' order.
    fn straighten(&mut self) {
        self.rows.rotate_left(self.first);
        self.first = 0;
    }

    /// Moves rows `top..=bottom` down by `n`; those that come in are blank.
    pub fn scroll_down(&mut self, top: usize, bottom: usize, n: usize, blank: Cell) {
        let height = bottom + 1 - top;
        let n = n.min(height);
        if n < height {
            self.straighten();
            self.rows[top..=bottom].rotate_right(n);
        }
        for y in top..top + n {
            self.clear_row(y, blank);
        }
    }

    /// ICH: shifts cells at `at` right by `n`; wide characters cut in two become blanks.
    pub fn insert_cells(&mut self, y: usize, at: usize, n: usize, blank: Cell) {
        let cols = self.cols;
        let at = at % cols;
        let row = self.cells_mut(y, 0, cols);
        if at > 0 && row[at - 1].width() == 2 {
            row[at - 1] = blank;
        }
        let n = n.min(cols - at);
        row.copy_within(at..cols - n, at + n);
        row[at..at + n].fill(blank);
        if row[cols - 1].width() == 2 {
            row[cols - 1] = blank;
        }
        self.trim(y);
    }

    /// DCH: shifts the cells after `at` left by `n`.
    pub fn delete_cells(&mut self, y: usize, at: usize, n: usize, blank: Cell) {
        let cols = self.cols;
        let at = at % cols;
        let row = self.cells_mut(y, 0, cols);
        let n = n.min(cols - at);
        row.copy_within(at + n..cols, at);
        row[cols - n..].fill(blank);
        if at > 0 && row[at - 1].width() == 2 {
            row[at - 1] = blank;
        }
        if row[at].is_right_half() {
            row[at] = blank;
        }
        self.trim(y);
    }

    /// Erases cells `from..to`; `keep` says which cells are protected.
    pub fn erase(
        &mut self,
        y: usize,
        from: usize,
        to: usize,
        blank: Cell,
        keep: Option<&dyn Fn(Cell) -> bool>,
    ) {
        let cols = self.cols;
        if blank == Cell::BLANK && self.ends_before(y, from) {
            return;
        }
        self.settle(y);
        let kept = |cell: Cell| keep.is_some_and(|keep| keep(cell));
        if from > 0 && self.cell(y, from - 1).width() == 2 && !kept(self.cell(y, from - 1)) {
            self.set(y, from - 1, blank);
        }
        if to < cols && to > 0 && self.cell(y, to - 1).width() == 2 && !kept(self.cell(y, to)) {
            self.set(y, to, blank);
        }
        let to = to.min(cols);
        if keep.is_none() {
            self.fill(y, from, to, blank);
        } else {
            for x in from..to {
                if !kept(self.cell(y, x)) {
                    self.set(y, x, blank);
                }
            }
        }
    }

    /// Finds the end of a row's used cells again.
    fn trim(&mut self, y: usize) {
        let used = self.used(y, &mut Vec::new()).iter().rposition(|&c| c != Cell::BLANK);
        self.at_mut(y).used = used.map_or(0, |x| x + 1) as u16;
    }

    /// Puts `cells` at the start of a blank row.
    pub fn put_row(&mut self, y: usize, cells: &[Cell], wrapped: bool) {
        self.clear_row(y, Cell::BLANK);
        let n = cells.len().min(self.cols);
        self.cells_mut(y, 0, n).copy_from_slice(&cells[..n]);
        self.set_wrapped(y, wrapped);
    }
}
