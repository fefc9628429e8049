//! Tokens to cells, cursor, modes: the screen as xterm.js 6 has it.
//!
//! Owns both pages, the history, the tables, and every mode. One file per family of controls. Answers
//! are made in `reply`, bytes are read in `token`.

pub mod charset;
mod control;
mod cursor;
mod edit;
mod mode;
mod osc;
mod page;
pub mod pen;
mod print;
mod scroll;

pub use osc::{PaletteKey, Titles};
pub use page::{Page, Saved, Tabs};

use self::charset::Charset;
use self::pen::Pen;
use super::cell::{Cell, Content};
use super::grid::Grid;
use super::history::History;
use super::modes::Modes;
use super::reflow::LooseRow;
use super::style::{self, Color, Style, StyleId};
use super::tables::Tables;
use crate::units::Size;

/// Index of the main page.
pub const MAIN: usize = 0;
/// Index of the alternate page.
pub const ALT: usize = 1;

/// All state of a terminal but that of its token machine.
pub struct Screen {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// The main and the alternate page.
    pub pages: [Page; 2],
    /// The page shown: `MAIN` or `ALT`.
    pub active: usize,
    /// What left the main page.
    pub history: History,
    /// Rows of the main page that a smaller height cut off below the cursor.
    pub below: Vec<LooseRow>,
    /// Rows above the main page as the page in the browser counts them: saved cursors need it.
    pub above: u32,
    /// What cells refer to.
    pub tables: Tables,
    /// The pen.
    pub pen: Pen,
    /// Ids of the pen's style and of what it erases with; None after a change.
    pen_ids: Option<(StyleId, StyleId)>,
    /// G0 to G3.
    pub charsets: [Charset; 4],
    /// Which of them is shifted in.
    pub shift: usize,
    /// The set in force: DECRC can make it another than the one shifted in.
    pub charset: Charset,
    /// Modes.
    pub modes: Modes,
    /// Width of the character printed just before, 0 when something came between.
    pub preceding: u8,
    /// Title, icon name and their stacks.
    pub titles: Titles,
    /// Cells of a row that is text, while they are looked at.
    scratch: Vec<Cell>,
    /// Colours programs have set: raw, as they spelled them.
    pub palette: Vec<(PaletteKey, String)>,
}

impl Screen {
    /// A fresh screen.
    pub fn new(size: Size, history: History) -> Screen {
        let (rows, cols) = (usize::from(size.rows()), usize::from(size.cols()));
        Screen {
            rows,
            cols,
            pages: [
                Page::new(rows, cols, Grid::scrolling(rows, cols)),
                Page::new(rows, cols, Grid::default()),
            ],
            active: MAIN,
            history,
            below: Vec::new(),
            above: 0,
            tables: Tables::default(),
            pen: Pen::default(),
            pen_ids: Some((0, 0)),
            charsets: [Charset::US; 4],
            shift: 0,
            charset: Charset::US,
            modes: Modes::default(),
            preceding: 0,
            titles: Titles::default(),
            scratch: Vec::new(),
            palette: Vec::new(),
        }
    }

    /// The page shown.
    #[inline]
    pub fn page(&self) -> &Page {
        &self.pages[self.active]
    }

    #[inline]
    pub(super) fn page_mut(&mut self) -> &mut Page {
        &mut self.pages[self.active]
    }

    /// The pen or something it depends on changed.
    pub(super) fn pen_changed(&mut self) {
        self.pen_ids = None;
    }

    /// Ids of the pen's style and of what erasing leaves.
    #[inline]
    fn ids(&mut self) -> (StyleId, StyleId) {
        match self.pen_ids {
            Some(ids) => ids,
            None => self.intern_pen(),
        }
    }

    fn intern_pen(&mut self) -> (StyleId, StyleId) {
        if let Some(id) = self.pen.direct_id() {
            let ids = (id, style::erased(id));
            self.pen_ids = Some(ids);
            return ids;
        }
        if self.tables.styles.wants_sweep(2 * self.rows * self.cols) {
            self.sweep();
        }
        let style = self.pen.style();
        let pen = self.tables.styles.intern(&style);
        let erase = match style.bg {
            Color::Default => 0,
            bg => self.tables.styles.intern(&Style::erased(bg)),
        };
        self.pen_ids = Some((pen, erase));
        (pen, erase)
    }

    /// A blank with the pen's background: what erasing and scrolling leave.
    #[inline]
    pub(super) fn erased(&mut self) -> Cell {
        Cell::blank(self.ids().1)
    }

    /// Frees styles, clusters and links that no cell and no pen uses.
    pub(super) fn sweep(&mut self) {
        let mut styles = vec![false; self.tables.styles.end()];
        let mut clusters = vec![false; self.tables.clusters.end()];
        let mut links = vec![false; self.tables.links.end() + 1];
        let below = self.below.iter().flat_map(|row| row.cells.iter().copied());
        for number in self.pages.iter().flat_map(|page| page.grid.numbers()) {
            match self.tables.styles.place(number) {
                Some(place) => styles[place] = true,
                None => clusters[number as usize] = true,
            }
        }
        for cell in self.pages.iter().flat_map(|page| page.grid.cells()).chain(below) {
            if let Some(place) = self.tables.styles.place(cell.style()) {
                styles[place] = true;
            }
            if let Content::Cluster(id) = cell.content()
                && let Some(used) = clusters.get_mut(id as usize)
            {
                *used = true;
            }
        }
        links[usize::from(self.pen.link)] = true;
        self.tables.styles.sweep(&styles, &mut links);
        self.tables.clusters.sweep(&clusters);
        self.tables.links.sweep(&links);
        self.pen_ids = None;
    }

    /// RIS. As in xterm.js the cursor's visibility, the title, LNM and mode 12 stay as they are.
    pub(super) fn reset(&mut self) {
        let kept = Modes {
            cursor_visible: self.modes.cursor_visible,
            newline: self.modes.newline,
            blink: self.modes.blink,
            ..Modes::default()
        };
        let (rows, cols) = (self.rows, self.cols);
        self.pages = [
            Page::new(rows, cols, Grid::scrolling(rows, cols)),
            Page::new(rows, cols, Grid::default()),
        ];
        self.active = MAIN;
        self.history.clear();
        self.above = 0;
        self.below = Vec::new();
        self.pen = Pen::default();
        self.pen_ids = None;
        self.charsets = [Charset::US; 4];
        self.shift = 0;
        self.charset = Charset::US;
        self.modes = kept;
        self.preceding = 0;
        self.palette.clear();
        self.sweep();
    }
}
