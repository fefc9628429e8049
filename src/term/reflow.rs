//! A new size: rows of the main screen and the history are wrapped anew, and nothing of them is lost.
//!
//! Follows xterm.js 6: height first, then width; the alternate screen is cut and padded. It differs
//! where xterm.js loses text: the cursor's own line is wrapped like the others, and rows cut off below
//! the cursor are kept aside until there is room again or the program erases or scrolls.

use super::cell::Cell;
use super::grid::Grid;
use super::pack;
use super::screen::{ALT, MAIN, Screen};
use super::tables::Tables;
use std::collections::VecDeque;

/// A row out of its grid: its cells up to the last that is not blank, and whether it continues the row
/// before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LooseRow {
    /// Cells.
    pub cells: Vec<Cell>,
    /// Continues the row before it.
    pub wrapped: bool,
}

impl LooseRow {
    fn is_blank(&self) -> bool {
        self.cells.iter().all(|&c| c == Cell::BLANK)
    }
}

/// The main screen taken apart.
struct Window {
    rows: VecDeque<LooseRow>,
    /// Row of the cursor.
    y: usize,
    /// Column of the cursor.
    x: usize,
}

impl Screen {
    /// Changes the size.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        if (rows, cols) == (self.rows, self.cols) {
            return;
        }
        self.resize_main(rows, cols);
        if cols != self.cols {
            self.lay_open_line(cols);
        }
        self.resize_alternate(rows, cols);
        self.rows = rows;
        self.cols = cols;
        for page in &mut self.pages {
            if page.grid.rows() > 0 {
                page.saved.x = page.saved.x.min(cols - 1);
                // Below the last row there is no place a restore could name.
                page.saved.y = page.saved.y.min(rows as i64 - 1);
            }
            page.top = 0;
            page.bottom = rows - 1;
        }
        self.widen_tabs();
    }

    /// The row that comes next may continue the newest line of the history, which has other rows now.
    fn lay_open_line(&mut self, cols: usize) {
        let Some(span) = self.history.spans().next() else { return };
        let mut cells = Vec::new();
        self.history.cells(&span, &mut Tables::default(), &mut cells);
        let last = lay(&cells, cols, false).pop().unwrap_or_default();
        self.history.set_row_cells(last.cells.len());
    }

    fn resize_main(&mut self, rows: usize, cols: usize) {
        let page = &self.pages[MAIN];
        let mut window = Window {
            rows: (0..self.rows).map(|y| loose(&page.grid, y)).collect(),
            y: page.y,
            x: page.x,
        };
        let mut shift = self.change_height(&mut window, rows);
        if cols != self.cols {
            shift += self.change_width(&mut window, rows, cols);
        }
        let mut grid = Grid::scrolling(rows, cols);
        for (y, row) in window.rows.iter().take(rows).enumerate() {
            grid.put_row(y, &row.cells, row.wrapped);
        }
        let last = if cols == self.cols { cols - 1 } else { cols };
        let page = &mut self.pages[MAIN];
        page.grid = grid;
        page.x = window.x.min(last);
        page.y = window.y.min(rows - 1);
        page.saved.y = (page.saved.y + shift).max(-i64::from(self.above));
    }

    /// Adds or takes rows. Returns by how many the text moved down.
    fn change_height(&mut self, window: &mut Window, rows: usize) -> i64 {
        let mut shift = 0;
        while window.rows.len() < rows {
            // With the cursor in the last row history comes back; else there is room below.
            let missing = rows - window.rows.len();
            let at_end = window.y + 1 >= window.rows.len();
            let pulled = if at_end && self.below.is_empty() {
                self.pull(&mut window.rows, missing, self.cols)
            } else {
                0
            };
            window.y += pulled;
            shift += pulled as i64;
            if pulled == 0 {
                let below = if self.below.is_empty() { None } else { Some(self.below.remove(0)) };
                window.rows.push_back(below.unwrap_or_default());
            }
        }
        while window.rows.len() > rows {
            if window.rows.len() > window.y + 1 {
                if let Some(row) = window.rows.pop_back() {
                    self.put_below(row);
                }
            } else {
                self.push_top(window, self.cols);
                shift -= 1;
            }
        }
        shift
    }

    /// Keeps a row that has no room below.
    fn put_below(&mut self, row: LooseRow) {
        if !self.below.is_empty() || !row.is_blank() {
            self.below.insert(0, row);
        }
    }

    /// The first row goes into the history.
    fn push_top(&mut self, window: &mut Window, cols: usize) {
        if let Some(row) = window.rows.pop_front() {
            self.history.push(&row.cells, cols, row.wrapped, &self.tables);
            self.above += 1;
            window.y = window.y.saturating_sub(1);
        }
    }

    /// Takes up to `wanted` rows out of the history, wrapped for `cols`. Returns how many.
    fn pull(&mut self, rows: &mut VecDeque<LooseRow>, wanted: usize, cols: usize) -> usize {
        let mut pulled = 0;
        while pulled < wanted {
            let Some((cells, continues)) = self.history.pop_line(&mut self.tables) else { break };
            let mut laid = lay(&cells, cols, continues);
            let take = laid.len().min(wanted - pulled);
            let rest = laid.len() - take;
            for row in laid.drain(rest..).rev() {
                rows.push_front(row);
            }
            for row in &laid {
                self.history.push(&row.cells, cols, row.wrapped, &self.tables);
            }
            pulled += take;
        }
        self.above = self.above.saturating_sub(pulled as u32);
        pulled
    }

    /// Wraps all rows anew. Returns by how many rows a saved cursor moves down.
    ///
    /// As in xterm.js the cursor moves by all rows that came or went, also by those below it.
    fn change_width(&mut self, window: &mut Window, rows: usize, cols: usize) -> i64 {
        // The first line may begin in the history.
        let mut begun = 0;
        if window.rows.front().is_some_and(|row| row.wrapped)
            && let Some((cells, continues)) = self.history.pop_line(&mut self.tables)
        {
            for row in lay(&cells, self.cols, continues).into_iter().rev() {
                window.rows.push_front(row);
                begun += 1;
            }
            window.y += begun;
            self.above = self.above.saturating_sub(begun as u32);
        }
        let had_history = self.history.lines() > 0;
        let height = window.rows.len();
        window.rows.extend(std::mem::take(&mut self.below));
        let old = std::mem::take(&mut window.rows);
        let (mut y, mut x, mut below) = (0, 0, 0);
        let mut height_now = 0;
        let mut at = 0;
        while at < old.len() {
            let len = 1 + old.iter().skip(at + 1).take_while(|row| row.wrapped).count();
            let line: Vec<&LooseRow> = old.range(at..at + len).collect();
            let cursor = (at..at + len).contains(&window.y).then(|| (window.y - at, window.x));
            let (laid, place) = rewrap(&line, self.cols, cols, cursor);
            if let Some((row, col)) = place {
                y = window.rows.len() + row;
                x = col;
            } else if at > window.y && at < height {
                below += laid.len() as i64 - len as i64;
            }
            window.rows.extend(laid);
            if at < height {
                height_now = window.rows.len();
            }
            at += len;
        }
        let y = (y as i64 + below).clamp(0, height_now as i64 - 1) as usize;
        window.y = y;
        window.x = x;
        let grown = height_now as i64 - height as i64;
        // Where the window begins: at the end of the rows when there is history above, else at the top
        // as long as the cursor is in it.
        let bottom = height_now.saturating_sub(rows);
        let start =
            if had_history || cols > self.cols { bottom } else { y.saturating_sub(rows - 1) };
        let start = start.clamp(y.saturating_sub(rows - 1), y);
        for _ in 0..start {
            self.push_top(window, cols);
        }
        let missing = rows.saturating_sub(height_now - start.min(height_now));
        let mut pulled = 0;
        if cols > self.cols && missing > 0 {
            pulled = self.pull(&mut window.rows, missing, cols);
            window.y += pulled;
        }
        window.rows.resize(window.rows.len().max(rows), LooseRow::default());
        while window.rows.len() > rows {
            if let Some(row) = window.rows.pop_back() {
                self.put_below(row);
            }
        }
        grown + begun as i64 - start as i64 + pulled as i64
    }

    /// The alternate screen is cut at the right, and at the top or bottom so that the cursor stays.
    fn resize_alternate(&mut self, rows: usize, cols: usize) {
        let page = &mut self.pages[ALT];
        let old = std::mem::take(&mut page.grid);
        if old.rows() > 0 {
            let cut = (old.rows().saturating_sub(rows)).saturating_sub(old.rows() - 1 - page.y);
            page.grid = Grid::new(rows, cols);
            for y in cut..old.rows().min(cut + rows) {
                page.grid.put_row(y - cut, old.used(y, &mut Vec::new()), old.wrapped(y));
                let last = page.grid.cell(y - cut, cols - 1);
                if last.width() == 2 {
                    // Nothing that can be printed leaves half of it there, so no viewer could be shown it.
                    page.grid.set(y - cut, cols - 1, Cell::ascii(b' ', last.style()));
                }
            }
            page.saved.y = (page.saved.y - cut as i64).max(0);
        }
        page.x = page.x.min(cols - 1);
        page.y = page.y.min(rows - 1);
    }

    /// Forgets the rows that had no room below.
    #[inline]
    pub(super) fn forget_below(&mut self) {
        if !self.below.is_empty() {
            self.below = Vec::new();
        }
    }
}

fn loose(grid: &Grid, y: usize) -> LooseRow {
    let mut scratch = Vec::new();
    let used = grid.used(y, &mut scratch);
    let end = used.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
    LooseRow { cells: used[..end].to_vec(), wrapped: grid.wrapped(y) }
}

/// The rows of a line; the first one `continues` the line before it.
fn lay(cells: &[Cell], cols: usize, continues: bool) -> Vec<LooseRow> {
    let end = pack::text_end(cells, cols);
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let continues =
        continues || cells.first().is_some_and(|&c| pack::mark(c) == Some((pack::Mark::Row, cols)));
    let mut at = 0;
    loop {
        at = pack::lay_row(cells, at, end, cols, &mut row);
        let wrapped = !rows.is_empty() || continues;
        rows.push(LooseRow { cells: row.clone(), wrapped });
        if at >= cells.len() {
            return rows;
        }
    }
}

/// Wraps the rows of one line for another width, and says where the cursor comes to lie.
fn rewrap(
    line: &[&LooseRow],
    old_cols: usize,
    cols: usize,
    cursor: Option<(usize, usize)>,
) -> (Vec<LooseRow>, Option<(usize, usize)>) {
    let mut cells: Vec<Cell> = Vec::new();
    let mut offset = 0;
    for (at, row) in line.iter().enumerate() {
        if let Some((y, x)) = cursor
            && y == at
        {
            offset = cells.len() + x;
        }
        cells.extend_from_slice(&row.cells);
        let Some(next) = line.get(at + 1) else { break };
        // A row within a line is full, but for one column that a wide character left over.
        let wide = next.cells.first().is_some_and(|c| c.width() == 2);
        let blank = |cell: &Cell| !cell.has_content() && cell.width() == 1;
        let left_over = wide && row.cells.get(old_cols - 1).is_none_or(blank);
        let begin = cells.len() - row.cells.len();
        cells.resize(begin + old_cols - usize::from(left_over), Cell::BLANK);
        offset = offset.min(cells.len());
    }
    let end = pack::text_end(&cells, cols);
    let alone = line.len() == 1 && (cols > old_cols || end <= cols);
    if !alone {
        // Blanks behind the text stay only in rows that stay.
        cells.truncate(end);
    }
    let (mut rows, mut row): (Vec<LooseRow>, Vec<Cell>) = (Vec::new(), Vec::new());
    let (mut at, mut place) = (0, None);
    loop {
        let begin = at;
        at = pack::lay_row(&cells, at, end, cols, &mut row);
        let last = at >= cells.len();
        if cursor.is_some() && offset >= begin && (offset < at || last) && place.is_none() {
            // At the end of a full row the next character still wraps.
            let pending = last && offset == end && row.len() == cols;
            place = Some((rows.len(), (offset - begin).min(cols - usize::from(!pending))));
        }
        let wrapped = !rows.is_empty() || line[0].wrapped;
        rows.push(LooseRow { cells: row.clone(), wrapped });
        if last {
            break;
        }
    }
    if !alone && cols < old_cols && rows.len() == line.len() {
        let (from, to) = (&line[line.len() - 1].cells, &mut rows[line.len() - 1].cells);
        if to.len() < cols {
            to.push(Cell::BLANK);
        }
        to.extend_from_slice(from.get(to.len()..from.len().min(cols)).unwrap_or_default());
    }
    (rows, place)
}
