//! The screen as a page of its own that needs nothing else: no script, no font, no request.
//!
//! Every cell keeps its column: whatever a fallback font might draw too wide stands in a box of its
//! own, one or two `ch` wide. Text can be selected and copied row by row. Colours are resolved here,
//! because inverse and dim need them.

use super::theme::{Rgb, Theme};
use super::{Page, Run, escape, runs};
use crate::term::modes::CursorShape;
use crate::term::{Attrs, Line, Underline};
use std::fmt::{self, Write};

/// Rules that do not depend on the screen. Rows are no higher than the font, so that line drawing joins. Runs are
/// boxes as high as the row, so that backgrounds leave no gaps; boxes inside them take the underline over, which
/// boxes do not do by themselves, and carry it on behind a glyph narrower than its cells.
const RULES: &str = "\
body{margin:0}\n\
pre{margin:0;padding:8px;min-width:max-content;direction:ltr;unicode-bidi:bidi-override;\
font:16px/18px \"DejaVu Sans Mono\",\"Liberation Mono\",Menlo,Consolas,monospace;font-variant-ligatures:none}\n\
pre *{display:inline-block;height:18px;vertical-align:top;white-space:pre;text-decoration-skip-ink:none}\n\
pre a:hover{outline:1px solid}\n\
i{width:1ch;font-style:inherit;text-decoration:inherit}\n\
b{width:2ch;font-weight:inherit;text-decoration:inherit}\n\
[style*=underline] :is(i,b){overflow-x:clip}\n\
[style*=underline] :is(i,b)::after{content:\"\\a0\\a0\"}\n\
@keyframes k{50%{color:transparent}}\n\
.k{animation:k 1s step-end infinite}\n\
@media(prefers-reduced-motion:reduce){.k{animation:none}}\n";

pub(super) fn write(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let theme = Theme::new(page.terminal);
    out.write_str("<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>")?;
    escape::markup(page.terminal.title(), out)?;
    out.write_str("</title>\n<style>\n")?;
    out.write_str(RULES)?;
    write!(
        out,
        "body{{background:{};color:{}}}\n</style>\n</head>\n<body>\n<pre>",
        theme.bg, theme.fg
    )?;
    // A line feed right after the tag would be dropped by the HTML parser; this one is.
    out.write_char('\n')?;
    let html = Html { page, theme };
    page.each_row(|_, line, cursor| html.row(line, cursor, out))?;
    out.write_str("</pre>\n</body>\n</html>\n")
}

struct Html<'a> {
    page: &'a Page<'a>,
    theme: Theme<'a>,
}

impl Html<'_> {
    fn row(&self, line: &Line, cursor: Option<u16>, out: &mut dyn Write) -> fmt::Result {
        for run in runs(line, cursor) {
            self.run(&run, out)?;
        }
        out.write_char('\n')
    }

    fn run(&self, run: &Run<'_>, out: &mut dyn Write) -> fmt::Result {
        let mut style = String::new();
        self.style(run, &mut style)?;
        let link = run.link.map(|link| &*link.uri).filter(|uri| escape::may_link(uri));
        if style.is_empty() && link.is_none() {
            return cells(run, out);
        }
        let name = if link.is_some() { "a" } else { "span" };
        write!(out, "<{name}")?;
        if let Some(uri) = link {
            out.write_str(" href=\"")?;
            escape::markup(uri, out)?;
            out.write_str("\" rel=\"noopener noreferrer\" target=\"_blank\"")?;
            // A link is as the program coloured it, not blue.
            if !style.contains("color:") {
                style.insert_str(0, "color:inherit;");
            }
            if run.style.underline == Underline::None {
                style.push_str("text-decoration:none;");
            }
        }
        if run.style.attrs.contains(Attrs::BLINK) {
            out.write_str(" class=\"k\"")?;
        }
        write!(out, " style=\"{}\">", style.trim_end_matches(';'))?;
        cells(run, out)?;
        write!(out, "</{name}>")
    }

    /// The declarations of a run, each ended by a semicolon; none of them holds the child's text.
    fn style(&self, run: &Run<'_>, css: &mut String) -> fmt::Result {
        let has = |attribute| run.style.attrs.contains(attribute);
        let mut ink = self.theme.ink(run.style);
        let shape = self.page.terminal.modes().cursor_shape.unwrap_or(CursorShape::Block);
        if run.cursor && shape == CursorShape::Block {
            ink.fg = ink.bg.unwrap_or(self.theme.bg);
            ink.bg = Some(self.theme.cursor);
        }
        if has(Attrs::INVISIBLE) {
            css.push_str("color:transparent;");
        } else if ink.fg != self.theme.fg {
            write!(css, "color:{};", ink.fg)?;
        }
        if let Some(bg) = ink.bg {
            write!(css, "background-color:{bg};")?;
        }
        if has(Attrs::BOLD) {
            css.push_str("font-weight:bold;");
        }
        if has(Attrs::ITALIC) {
            css.push_str("font-style:italic;");
        }
        let kind = match run.style.underline {
            Underline::None => "",
            Underline::Single => "underline",
            Underline::Double => "underline double",
            Underline::Curly => "underline wavy",
            Underline::Dotted => "underline dotted",
            Underline::Dashed => "underline dashed",
        };
        if !kind.is_empty() && !has(Attrs::INVISIBLE) {
            write!(css, "text-decoration:{kind}")?;
            if ink.underline != ink.fg {
                write!(css, " {}", ink.underline)?;
            }
            css.push(';');
        }
        lines(has(Attrs::STRIKE), has(Attrs::OVERLINE), css);
        match shape {
            CursorShape::Underline if run.cursor => bar("0 -2px", self.theme.cursor, css),
            CursorShape::Bar if run.cursor => bar("2px 0", self.theme.cursor, css),
            _ => Ok(()),
        }
    }
}

/// Lines through and above the text are drawn as backgrounds: they must not take on the shape of the
/// underline, as they would in one `text-decoration`.
fn lines(strike: bool, over: bool, css: &mut String) {
    const INK: &str = "linear-gradient(currentColor,currentColor)";
    if strike || over {
        css.push_str("background-image:");
        css.push_str(INK);
        css.push_str(if strike && over {
            ",linear-gradient(currentColor,currentColor)"
        } else {
            ""
        });
        css.push_str(";background-size:100% 1px;background-repeat:no-repeat;background-position:");
        css.push_str(match (strike, over) {
            (true, true) => "0 55%,0 0;",
            (true, false) => "0 55%;",
            _ => "0 0;",
        });
    }
}

fn bar(offset: &str, color: Rgb, css: &mut String) -> fmt::Result {
    write!(css, "box-shadow:inset {offset} {color};")
}

/// The text of a run, every cell that is not ASCII in a box that keeps its width.
fn cells(run: &Run<'_>, out: &mut dyn Write) -> fmt::Result {
    for &(text, width) in &run.cells {
        if text.is_ascii() && width == 1 {
            escape::markup(text, out)?;
            continue;
        }
        let name = if width == 2 { "b" } else { "i" };
        write!(out, "<{name}>")?;
        escape::markup(text, out)?;
        write!(out, "</{name}>")?;
    }
    Ok(())
}
