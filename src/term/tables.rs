//! What cells refer to by number: styles, clusters, links.

use super::cell::{Cell, Content};
use super::cluster::{ClusterId, ClusterTable};
use super::link::{Link, LinkTable};
use super::style::{Style, StyleTable};
use super::width::width;
use crate::limits::CLUSTER_BYTES_MAX;

/// The three tables.
#[derive(Debug, Default)]
pub struct Tables {
    /// Styles.
    pub styles: StyleTable,
    /// Characters with marks.
    pub clusters: ClusterTable,
    /// Hyperlinks.
    pub links: LinkTable,
}

impl Tables {
    /// Appends a cell's text; nothing for a blank or a right half.
    pub fn push_text(&self, cell: Cell, out: &mut String) {
        out.push_str(self.text(cell, &mut [0; 4]));
    }

    /// The same text; `buffer` holds it when it is one character.
    pub fn text<'a>(&'a self, cell: Cell, buffer: &'a mut [u8; 4]) -> &'a str {
        self.content_text(cell.content(), buffer)
    }

    fn content_text<'a>(&'a self, content: Content, buffer: &'a mut [u8; 4]) -> &'a str {
        match content {
            Content::Blank => "",
            Content::Char(c) => c.encode_utf8(buffer),
            Content::Cluster(id) => self.clusters.get(id),
        }
    }

    /// A cell's style.
    #[inline]
    pub fn style(&self, cell: Cell) -> Style {
        self.styles.get(cell.style())
    }

    /// A style's link.
    pub fn link(&self, style: &Style) -> Option<&Link> {
        self.links.get(style.link)
    }

    /// The cell with one more mark; unchanged when there is no room for it.
    pub fn join(&mut self, cell: Cell, mark: char) -> Cell {
        if cell.content() == Content::Blank {
            return Cell::char(mark, 1, cell.style());
        }
        let id = self.join_number(cell.content(), mark);
        id.map_or(cell, |id| Cell::cluster(id, cell.width(), cell.style()))
    }

    /// The number of a content with one more mark; None when there is no room for it.
    pub fn join_number(&mut self, before: Content, mark: char) -> Option<ClusterId> {
        if let Some(id) = self.clusters.joined(before, mark) {
            return Some(id);
        }
        let mut text = heapless::String::<CLUSTER_BYTES_MAX>::new();
        text.push_str(self.content_text(before, &mut [0; 4])).ok()?;
        text.push(mark).ok()?;
        self.clusters.join(before, mark, &text)
    }

    /// The cell of a character and the marks that follow it in `text`.
    pub fn cell(&mut self, text: &str, cells: Option<u8>, style: u32) -> Cell {
        let mut chars = text.chars();
        let Some(first) = chars.next() else { return Cell::blank(style) };
        let cells = cells.unwrap_or_else(|| width(first));
        if chars.next().is_none() {
            return Cell::char(first, cells, style);
        }
        match self.clusters.intern(text) {
            Some(id) => Cell::cluster(id, cells, style),
            None => Cell::char(first, cells, style),
        }
    }
}
