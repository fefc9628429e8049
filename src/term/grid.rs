//! Rows of cells. A scroll moves row handles, never cells.
//!
//! Owns which columns of a row were touched since it was last blank, so that clearing and packing a
//! short row cost what its text costs. Knows nothing of cursors or modes.

mod run;

pub use run::Run;

use super::cell::Cell;
use super::style::StyleId;

/// A row's handle.
#[derive(Clone, Copy, Debug)]
struct Row {
    slot: u16,
    /// Cells from here on are `Cell::BLANK`.
    used: u16,
    wrapped: bool,
}

/// A rectangle of cells; empty until `reset`.
#[derive(Debug, Default)]
pub struct Grid {
    cells: Vec<Cell>,
    rows: Vec<Row>,
    cols: usize,
}

impl Grid {
    /// A blank grid.
    pub fn new(rows: usize, cols: usize) -> Grid {
        let row = |slot| Row { slot: slot as u16, used: 0, wrapped: false };
        Grid { cells: vec![Cell::BLANK; rows * cols], rows: (0..rows).map(row).collect(), cols }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All cells in no order: for sweeps.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cells of row `y`.
    #[inline]
    pub fn row(&self, y: usize) -> &[Cell] {
        let from = usize::from(self.rows[y].slot) * self.cols;
        &self.cells[from..from + self.cols]
    }

    /// The cells of row `y` up to the last that is not `Cell::BLANK`, or a little further.
    #[inline]
    pub fn used(&self, y: usize) -> &[Cell] {
        let row = self.rows[y];
        let from = usize::from(row.slot) * self.cols;
        &self.cells[from..from + usize::from(row.used)]
    }

    /// Cells `from..to` of row `y`, to be written.
    #[inline]
    pub fn cells_mut(&mut self, y: usize, from: usize, to: usize) -> &mut [Cell] {
        let row = &mut self.rows[y];
        row.used = row.used.max(to as u16);
        let start = usize::from(row.slot) * self.cols;
        &mut self.cells[start + from..start + to]
    }

    /// One cell.
    #[inline]
    pub fn cell(&self, y: usize, x: usize) -> Cell {
        self.cells[usize::from(self.rows[y].slot) * self.cols + x]
    }

    /// Writes one cell.
    #[inline]
    pub fn set(&mut self, y: usize, x: usize, cell: Cell) {
        self.cells_mut(y, x, x + 1)[0] = cell;
    }

    /// Writes what `bytes` begins with from cell `x` of row `y` on: as far as the row goes and as long as each
    /// character takes one or two cells. Stops before whatever asks for more thought.
    #[inline]
    pub fn put_run(&mut self, y: usize, x: usize, bytes: &[u8], style: StyleId) -> Run {
        let row = &mut self.rows[y];
        let start = usize::from(row.slot) * self.cols;
        let run = match self.cells.get_mut(start + x..start + self.cols) {
            Some(cells) if !cells.is_empty() => run::put(cells, bytes, style),
            _ => return Run::default(),
        };
        row.used = row.used.max((x + run.columns) as u16);
        run
    }

    /// Whether row `y` continues the one above it.
    #[inline]
    pub fn wrapped(&self, y: usize) -> bool {
        self.rows[y].wrapped
    }

    /// Says so.
    #[inline]
    pub fn set_wrapped(&mut self, y: usize, wrapped: bool) {
        self.rows[y].wrapped = wrapped;
    }

    /// Fills cells `from..to` of row `y`.
    pub fn fill(&mut self, y: usize, from: usize, to: usize, cell: Cell) {
        let row = &mut self.rows[y];
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
        self.rows[y].wrapped = false;
    }

    /// Moves rows `top..=bottom` up by `n`; those that come in are blank.
    #[inline]
    pub fn scroll_up(&mut self, top: usize, bottom: usize, n: usize, blank: Cell) {
        let height = bottom + 1 - top;
        let n = n.min(height);
        if n < height {
            self.rows[top..=bottom].rotate_left(n);
        }
        for y in bottom + 1 - n..=bottom {
            self.clear_row(y, blank);
        }
    }

    /// Moves rows `top..=bottom` down by `n`; those that come in are blank.
    pub fn scroll_down(&mut self, top: usize, bottom: usize, n: usize, blank: Cell) {
        let height = bottom + 1 - top;
        let n = n.min(height);
        if n < height {
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
        let used = self.used(y).iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
        self.rows[y].used = used as u16;
    }

    /// Puts `cells` at the start of a blank row.
    pub fn put_row(&mut self, y: usize, cells: &[Cell], wrapped: bool) {
        self.clear_row(y, Cell::BLANK);
        let n = cells.len().min(self.cols);
        self.cells_mut(y, 0, n).copy_from_slice(&cells[..n]);
        self.rows[y].wrapped = wrapped;
    }
}
