//! A row of the screen or of the history, taken out to be read.

use super::link::Link;
use super::style::Style;

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

    /// Adds a cell at the right.
    pub(super) fn push(&mut self, text: &str, width: u8, mut style: Style, link: Option<&Link>) {
        style.link = 0;
        if let Some(link) = link {
            let known = self.links.iter().position(|l| l == link);
            let index = known.unwrap_or_else(|| {
                self.links.push(link.clone());
                self.links.len() - 1
            });
            style.link = (index + 1) as u16;
        }
        self.text.push_str(text);
        self.cells.push(LineCell { bytes: text.len() as u32, width, style });
    }
}
