//! One row as the bytes that draw it from the cursor's place on: for views that show a part of a face.

use crate::term::{Attrs, Color, Line, Style, Underline};
use std::fmt::Write;

/// Appends what draws the first `cols` columns of `line`, starting from a plain pen and leaving it as the last cell's.
pub fn row(line: &Line, cols: u16, out: &mut Vec<u8>) {
    let mut text = String::new();
    let mut pen = Style::DEFAULT;
    let mut col = 0;
    for cell in line.cells() {
        let width = u16::from(cell.width);
        if col + width > cols {
            break;
        }
        col += width;
        let style = Style { link: 0, ..*cell.style };
        if style != pen {
            select(&style, &mut text);
            pen = style;
        }
        text.push_str(if cell.text.is_empty() && cell.width > 0 { " " } else { cell.text });
    }
    out.extend_from_slice(text.as_bytes());
}

/// SGR (ECMA-48 8.3.117) that sets a whole style.
fn select(style: &Style, out: &mut String) {
    out.push_str("\x1b[0");
    let codes = [
        (Attrs::BOLD, ";1"),
        (Attrs::DIM, ";2"),
        (Attrs::ITALIC, ";3"),
        (Attrs::BLINK, ";5"),
        (Attrs::INVERSE, ";7"),
        (Attrs::INVISIBLE, ";8"),
        (Attrs::STRIKE, ";9"),
        (Attrs::OVERLINE, ";53"),
    ];
    for (attr, code) in codes {
        if style.attrs.contains(attr) {
            out.push_str(code);
        }
    }
    if style.underline != Underline::None {
        let _ = write!(out, ";4:{}", style.underline.number());
    }
    color(38, style.fg, out);
    color(48, style.bg, out);
    color(58, style.underline_color, out);
    out.push('m');
}

fn color(which: u8, color: Color, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match color {
        Color::Default => Ok(()),
        Color::Palette(n) => write!(out, ";{which}:5:{n}"),
        Color::Rgb(r, g, b) => write!(out, ";{which}:2::{r}:{g}:{b}"),
    };
}
