//! A row of the screen or of the history, taken out to be read.

use super::cell::Cell;
use super::link::Link;
use super::style::Style;
use super::tables::Tables;

/// A row's text and looks, detached from the terminal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    text: String,
    cells: Vec<LineCell>,
    links: Vec<Link>,
    /// The row continues the one before it.
    pub wrapped: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct LineCell {
    bytes: u32,
    width: u8,
    style: Style,
}

/// One cell of a `Line`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineCellView<'a> {
    /// The character with its marks; empty when nothing was written there.
    pub text: &'a str,
    /// Columns it takes: 1 or 2; 0 for a mark that stands alone.
    pub width: u8,
    /// Its looks; `style.link` is meaningless here, `link` says.
    pub style: &'a Style,
    /// Its hyperlink.
    pub link: Option<&'a Link>,
}

impl Line {
    /// The cells from left to right, without the blank rest of the row.
    pub fn cells(&self) -> impl Iterator<Item = LineCellView<'_>> {
        let mut at = 0;
        self.cells.iter().map(move |cell| {
            let end = at + cell.bytes as usize;
            let text = &self.text[at..end];
            at = end;
            let link = usize::from(cell.style.link).checked_sub(1).and_then(|i| self.links.get(i));
            LineCellView { text, width: cell.width, style: &cell.style, link }
        })
    }

    /// The line of a row of cells.
    pub(super) fn of(cells: &[Cell], wrapped: bool, tables: &Tables) -> Line {
        let mut line = Line { wrapped, ..Line::default() };
        let end = cells.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
        let mut after_wide = false;
        for &cell in &cells[..end] {
            if cell.is_right_half() && after_wide {
                after_wide = false;
                continue;
            }
            after_wide = cell.width() == 2;
            line.push(cell, tables);
        }
        line
    }

    fn push(&mut self, cell: Cell, tables: &Tables) {
        let before = self.text.len();
        tables.push_text(cell, &mut self.text);
        let bytes = (self.text.len() - before) as u32;
        let mut style = tables.style(cell);
        if let Some(link) = tables.link(&style) {
            let known = self.links.iter().position(|l| l == link);
            let index = known.unwrap_or_else(|| {
                self.links.push(link.clone());
                self.links.len() - 1
            });
            style.link = (index + 1) as u16;
        }
        self.cells.push(LineCell { bytes, width: cell.width(), style });
    }
}
