//! A new size: rows wrapped anew, nothing of the main screen lost.

use super::grid::Grid;
use super::screen::Screen;

impl Screen {
    /// Changes the size.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        self.rows = rows;
        self.cols = cols;
        for page in &mut self.pages {
            if page.grid.rows() > 0 {
                let old = std::mem::replace(&mut page.grid, Grid::new(rows, cols));
                for y in 0..rows.min(old.rows()) {
                    page.grid.put_row(y, old.used(y), old.wrapped(y));
                }
            }
            page.x = page.x.min(cols - 1);
            page.y = page.y.min(rows - 1);
            page.top = 0;
            page.bottom = rows - 1;
        }
        self.widen_tabs();
    }
}
