//! The screen as a picture that needs nothing else: rectangles, text and lines on a fixed grid.
//!
//! Text is told how long it is, so that every font keeps the columns; underlines are drawn as paths,
//! because viewers differ in what they make of `text-decoration`.

use super::theme::{Ink, Rgb, Theme};
use super::{Page, Run, escape, runs};
use crate::term::modes::CursorShape;
use crate::term::{Attrs, Line, Underline};
use std::fmt::{self, Write};

/// A cell in pixels.
///
/// No higher than the font's ascent and descent together, so that line drawing joins.
const CELL: (usize, usize) = (9, 17);
/// Size of the font, so that a digit of common monospace fonts is a cell wide.
const FONT: usize = 15;
/// Where the letters stand, below the top of their cell.
const BASELINE: usize = 14;
/// Room around the screen.
const MARGIN: usize = 8;

pub(super) fn write(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let theme = Theme::new(page.terminal);
    let rows = page.history.len() + usize::from(page.rows());
    let width = usize::from(page.terminal.size().cols()) * CELL.0 + 2 * MARGIN;
    let height = rows * CELL.1 + 2 * MARGIN;
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<title>"
    )?;
    escape::markup(page.terminal.title(), out)?;
    write!(
        out,
        "</title>\n<style>text{{font:{FONT}px \"DejaVu Sans Mono\",\"Liberation Mono\",Menlo,Consolas,monospace;\
         white-space:pre;fill:{}}}path{{fill:none}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n<g transform=\"translate({MARGIN},{MARGIN})\">\n",
        theme.fg, theme.bg
    )?;
    let svg = Svg { page, theme };
    // All backgrounds first: letters reach into the row below.
    page.each_row(|number, line, cursor| svg.backgrounds(number, line, cursor, out))?;
    page.each_row(|number, line, cursor| svg.row(number, line, cursor, out))?;
    out.write_str("</g>\n</svg>\n")
}

struct Svg<'a> {
    page: &'a Page<'a>,
    theme: Theme<'a>,
}

/// A run's box.
struct Place {
    x: usize,
    y: usize,
    width: usize,
}

impl Place {
    fn of(run: &Run<'_>, row: usize) -> Place {
        Place {
            x: usize::from(run.col) * CELL.0,
            y: row * CELL.1,
            width: usize::from(run.width) * CELL.0,
        }
    }
}

impl Svg<'_> {
    fn backgrounds(
        &self,
        number: usize,
        line: &Line,
        cursor: Option<u16>,
        out: &mut dyn Write,
    ) -> fmt::Result {
        for run in runs(line, cursor) {
            if let Some(bg) = self.ink(&run).bg {
                rect(&Place::of(&run, number), (0, CELL.1), bg, out)?;
            }
        }
        Ok(())
    }

    /// The colours of a run; a block cursor is the text's colour with the text cut out.
    fn ink(&self, run: &Run<'_>) -> Ink {
        let mut ink = self.theme.ink(run.style);
        if run.cursor && self.shape() == CursorShape::Block {
            ink.fg = ink.bg.unwrap_or(self.theme.bg);
            ink.bg = Some(self.theme.cursor);
        }
        ink
    }

    fn shape(&self) -> CursorShape {
        self.page.terminal.modes().cursor_shape.unwrap_or(CursorShape::Block)
    }

    fn row(
        &self,
        number: usize,
        line: &Line,
        cursor: Option<u16>,
        out: &mut dyn Write,
    ) -> fmt::Result {
        for run in runs(line, cursor) {
            let place = Place::of(&run, number);
            let link = run.link.map(|link| &*link.uri).filter(|uri| escape::may_link(uri));
            if let Some(uri) = link {
                out.write_str("<a href=\"")?;
                escape::markup(uri, out)?;
                out.write_str("\">")?;
            }
            self.run(&run, &place, out)?;
            out.write_str(if link.is_some() { "</a>\n" } else { "" })?;
        }
        Ok(())
    }

    fn run(&self, run: &Run<'_>, place: &Place, out: &mut dyn Write) -> fmt::Result {
        let has = |attribute| run.style.attrs.contains(attribute);
        let ink = self.ink(run);
        if !has(Attrs::INVISIBLE) {
            self.text(run, place, ink.fg, out)?;
            underline(run.style.underline, place, ink.underline, out)?;
            if has(Attrs::STRIKE) {
                rect(place, (CELL.1 / 2, 1), ink.fg, out)?;
            }
            if has(Attrs::OVERLINE) {
                rect(place, (0, 1), ink.fg, out)?;
            }
        }
        match self.shape() {
            CursorShape::Underline if run.cursor => {
                rect(place, (CELL.1 - 2, 2), self.theme.cursor, out)
            }
            CursorShape::Bar if run.cursor => {
                rect(&Place { width: 2, ..*place }, (0, CELL.1), self.theme.cursor, out)
            }
            _ => Ok(()),
        }
    }

    /// Pieces of ASCII as one element each, everything else cell by cell.
    fn text(&self, run: &Run<'_>, place: &Place, fg: Rgb, out: &mut dyn Write) -> fmt::Result {
        // As CSS: the rule for all text would win over attributes.
        let mut css = String::new();
        if fg != self.theme.fg {
            write!(css, "fill:{fg};")?;
        }
        if run.style.attrs.contains(Attrs::BOLD) {
            css.push_str("font-weight:bold;");
        }
        if run.style.attrs.contains(Attrs::ITALIC) {
            css.push_str("font-style:italic;");
        }
        let attributes = match css.strip_suffix(';') {
            Some(css) => format!(" style=\"{css}\""),
            None => String::new(),
        };
        let mut x = place.x;
        let mut rest = run.cells.as_slice();
        while let Some(&(first, _)) = rest.first() {
            let plain =
                rest.iter().take_while(|(text, width)| text.is_ascii() && *width == 1).count();
            let (piece, after) = rest.split_at(plain.max(1));
            rest = after;
            let columns: usize = piece.iter().map(|(_, width)| usize::from(*width)).sum();
            let width = columns * CELL.0;
            if piece.iter().any(|(text, _)| *text != " ") {
                // A glyph alone is squeezed or stretched to its cells; between several there is room.
                let adjust =
                    if first.is_ascii() { "" } else { " lengthAdjust=\"spacingAndGlyphs\"" };
                write!(
                    out,
                    "<text x=\"{x}\" y=\"{}\" textLength=\"{}\"{adjust}{attributes}>",
                    place.y + BASELINE,
                    width.max(1)
                )?;
                for (text, _) in piece {
                    escape::markup(text, out)?;
                }
                out.write_str("</text>\n")?;
            }
            x += width;
        }
        Ok(())
    }
}

/// A filled strip of a run's box: from `top`, `height` high.
fn rect(
    place: &Place,
    (top, height): (usize, usize),
    color: Rgb,
    out: &mut dyn Write,
) -> fmt::Result {
    writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\" fill=\"{color}\"/>",
        place.x,
        place.y + top,
        place.width
    )
}

fn underline(kind: Underline, place: &Place, color: Rgb, out: &mut dyn Write) -> fmt::Result {
    let (x, y, width) = (place.x, place.y + BASELINE + 2, place.width);
    let dashes = match kind {
        Underline::None => return Ok(()),
        Underline::Single => "",
        Underline::Double => {
            rect(place, (BASELINE + 3, 1), color, out)?;
            return rect(place, (BASELINE + 1, 1), color, out);
        }
        Underline::Curly => {
            write!(out, "<path stroke=\"{color}\" d=\"M{x} {y}")?;
            for _ in 0..width / CELL.0 {
                out.write_str("q2.25 -3 4.5 0t4.5 0")?;
            }
            return out.write_str("\"/>\n");
        }
        Underline::Dotted => " stroke-dasharray=\"1.5 1.5\"",
        Underline::Dashed => " stroke-dasharray=\"5 4\"",
    };
    writeln!(out, "<path stroke=\"{color}\"{dashes} d=\"M{x} {y}.5h{width}\"/>")
}
