//! The screen as a document: plain text, JSON, HTML or SVG.
//!
//! Owns what all of them share: rows cut into runs of one look, and the bound on what comes out.
//! Reads the terminal and changes nothing. docs/json.md is the contract of the JSON form.

mod escape;
mod html;
mod json;
mod svg;
mod text;
mod theme;

use super::{Line, Link, Style, Terminal};
use crate::limits::SNAPSHOT_BYTES_MAX;
use std::fmt::{self, Write};
use std::str::FromStr;

/// The forms a screen can be shown in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Characters only, a line a row, blank ends cut off.
    Text,
    /// docs/json.md.
    Json,
    /// A page of its own.
    Html,
    /// A picture.
    Svg,
}

/// Every format's name.
const FORMATS: [(&str, Format); 4] =
    [("text", Format::Text), ("json", Format::Json), ("html", Format::Html), ("svg", Format::Svg)];

/// A format nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("format {0:?}: one of text, json, html, svg")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        let known = FORMATS.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, format)| *format)
            .ok_or_else(|| UnknownFormat(name.chars().take(40).collect()))
    }
}

/// The document would be longer than `SNAPSHOT_BYTES_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is longer than {SNAPSHOT_BYTES_MAX} bytes: ask for less history")]
pub struct TooLong;

/// The screen, after at most `history` rows of what left it, as a document.
///
/// # Errors
/// `TooLong` when it does not fit into `SNAPSHOT_BYTES_MAX`.
pub fn render(terminal: &Terminal, format: Format, history: usize) -> Result<String, TooLong> {
    let page = Page { terminal, history: terminal.history_rows(history) };
    let mut out = Bounded { text: String::new() };
    let written = match format {
        Format::Text => text::write(&page, &mut out),
        Format::Json => json::write(&page, &mut out),
        Format::Html => html::write(&page, &mut out),
        Format::Svg => svg::write(&page, &mut out),
    };
    written.map(|()| out.text).map_err(|fmt::Error| TooLong)
}

/// A string that refuses to grow beyond the bound.
struct Bounded {
    text: String,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > SNAPSHOT_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// What is rendered.
struct Page<'a> {
    terminal: &'a Terminal,
    history: Vec<Line>,
}

impl Page<'_> {
    fn rows(&self) -> u16 {
        self.terminal.size().rows()
    }

    /// Calls `each` with every row, history first, its number from the top and the column of a
    /// visible cursor in it.
    fn each_row(
        &self,
        mut each: impl FnMut(usize, &Line, Option<u16>) -> fmt::Result,
    ) -> fmt::Result {
        for (row, line) in self.history.iter().enumerate() {
            each(row, line, None)?;
        }
        let cursor = self.terminal.cursor();
        let last = self.terminal.size().cols() - 1;
        for row in 0..self.rows() {
            let here = self.terminal.modes().cursor_visible && cursor.row == row;
            let at = here.then_some(cursor.col.min(last));
            each(self.history.len() + usize::from(row), &self.terminal.row(row), at)?;
        }
        Ok(())
    }
}

/// Neighbouring cells that look the same.
struct Run<'a> {
    /// Column of the first.
    col: u16,
    /// Columns they take together.
    width: u16,
    /// Text and width of each; a cell never written to is a space.
    cells: Vec<(&'a str, u8)>,
    style: &'a Style,
    link: Option<&'a Link>,
    /// This is the one cell under the cursor.
    cursor: bool,
}

impl Run<'_> {
    /// The text of all cells.
    fn text(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|(text, _)| *text)
    }

    /// Nothing to be seen, and nothing to be clicked.
    fn is_blank(&self) -> bool {
        let plain = self.style == &Style { link: self.style.link, ..Style::DEFAULT };
        plain && self.link.is_none() && !self.cursor && self.text().all(|t| t == " ")
    }
}

/// The runs of `line`, without a blank end; the cell at `cursor` is a run of its own.
fn runs(line: &Line, cursor: Option<u16>) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut col = 0;
    let mut add = |text, width: u8, style, link| {
        let text: &str = if str::is_empty(text) { " " } else { text };
        let under = cursor.is_some_and(|at| (col..col + u16::from(width.max(1))).contains(&at));
        match runs.last_mut() {
            Some(run) if run.style == style && run.link == link && !run.cursor && !under => {
                run.cells.push((text, width));
                run.width += u16::from(width);
            }
            _ => runs.push(Run {
                col,
                width: width.into(),
                cells: vec![(text, width)],
                style,
                link,
                cursor: under,
            }),
        }
        col += u16::from(width);
        col
    };
    let mut end = 0;
    for cell in line.cells() {
        end = add(cell.text, cell.width, cell.style, cell.link);
    }
    while cursor.is_some_and(|at| at >= end) {
        end = add("", 1, &Style::DEFAULT, None);
    }
    trim(&mut runs);
    runs
}

/// Cuts blank cells off the end.
fn trim(runs: &mut Vec<Run<'_>>) {
    while runs.last().is_some_and(Run::is_blank) {
        runs.pop();
    }
    let Some(last) = runs.last_mut() else { return };
    let bare = last.style == &Style { link: last.style.link, ..Style::DEFAULT };
    while bare && !last.cursor && last.link.is_none() && last.cells.last() == Some(&(" ", 1)) {
        last.cells.pop();
        last.width -= 1;
    }
}
