//! The screen as JSON. docs/json.md says what each field means; fields are added, never renamed.

use super::{Page, Run, escape, runs, text};
use crate::term::modes::{CursorShape, Mouse, MouseEncoding};
use crate::term::{Attrs, Color, Line, Underline};
use std::fmt::{self, Write};

pub(super) fn write(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let terminal = page.terminal;
    let size = terminal.size();
    writeln!(out, "{{\"size\":{{\"cols\":{},\"rows\":{}}},", size.cols(), size.rows())?;
    cursor(page, out)?;
    modes(page, out)?;
    out.write_str("\"title\":\"")?;
    escape::json(terminal.title(), out)?;
    out.write_str("\",\n")?;
    let history = page.history.len();
    let mut opened = false;
    out.write_str("\"history\":[")?;
    page.each_row(|number, line, _| {
        if number == history {
            out.write_str("],\n\"rows\":[")?;
            opened = false;
        }
        out.write_str(if opened { ",\n" } else { "\n" })?;
        opened = true;
        row(line, out)
    })?;
    writeln!(out, "],\n\"offset\":{}}}", terminal.offset())
}

fn cursor(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let cursor = page.terminal.cursor();
    let modes = page.terminal.modes();
    let last = page.terminal.size().cols() - 1;
    let style = match modes.cursor_shape {
        None | Some(CursorShape::Block) => "block",
        Some(CursorShape::Underline) => "underline",
        Some(CursorShape::Bar) => "bar",
    };
    writeln!(
        out,
        "\"cursor\":{{\"col\":{},\"row\":{},\"visible\":{},\"style\":\"{style}\",\"blink\":{},\"pending_wrap\":{}}},",
        cursor.col.min(last),
        cursor.row,
        modes.cursor_visible,
        modes.cursor_blink.unwrap_or(modes.blink),
        cursor.col > last,
    )
}

fn modes(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let modes = page.terminal.modes();
    let flags = [
        ("alternate_screen", page.terminal.is_alternate()),
        ("application_cursor", modes.app_cursor),
        ("application_keypad", modes.app_keypad),
        ("bracketed_paste", modes.bracketed_paste),
        ("color_scheme_reports", modes.color_scheme),
        ("focus_reports", modes.focus),
        ("insert", modes.insert),
        ("newline", modes.newline),
        ("origin", modes.origin),
        ("reverse_video", modes.reverse_video),
        ("reverse_wrap", modes.reverse_wrap),
        ("synchronized_output", modes.sync),
        ("wrap", modes.wrap),
    ];
    out.write_str("\"modes\":{")?;
    for (name, on) in flags {
        write!(out, "\"{name}\":{on},")?;
    }
    let mouse = match modes.mouse {
        Mouse::Off => "off",
        Mouse::X10 => "x10",
        Mouse::Vt200 => "vt200",
        Mouse::Drag => "drag",
        Mouse::Any => "any",
    };
    let encoding = match modes.mouse_encoding {
        MouseEncoding::Default => "default",
        MouseEncoding::Sgr => "sgr",
        MouseEncoding::SgrPixels => "sgr-pixels",
    };
    writeln!(
        out,
        "\"mouse\":\"{mouse}\",\"mouse_encoding\":\"{encoding}\",\"kitty_keyboard\":{},\"modify_other_keys\":{}}},",
        page.terminal.kitty_flags(),
        modes.modify_other_keys,
    )
}

fn row(line: &Line, out: &mut dyn Write) -> fmt::Result {
    let mut whole = String::new();
    text::push(line, &mut whole);
    out.write_str("{\"text\":\"")?;
    escape::json(&whole, out)?;
    write!(out, "\",\"wrapped\":{},\"runs\":[", line.wrapped)?;
    for (index, run) in runs(line, None).iter().enumerate() {
        write!(out, "{}{{\"col\":{},\"text\":\"", if index > 0 { "," } else { "" }, run.col)?;
        for text in run.text() {
            escape::json(text, out)?;
        }
        out.write_str("\",\"style\":{")?;
        style(run, out)?;
        out.write_str("}}")?;
    }
    out.write_str("]}")
}

/// The fields of a style, those that are as in a fresh terminal left out.
fn style(run: &Run<'_>, out: &mut dyn Write) -> fmt::Result {
    let style = run.style;
    let mut fields = Fields { out, first: true };
    fields.color("fg", style.fg)?;
    fields.color("bg", style.bg)?;
    for (name, attribute) in [
        ("bold", Attrs::BOLD),
        ("dim", Attrs::DIM),
        ("italic", Attrs::ITALIC),
        ("blink", Attrs::BLINK),
        ("inverse", Attrs::INVERSE),
        ("hidden", Attrs::INVISIBLE),
        ("strike", Attrs::STRIKE),
        ("overline", Attrs::OVERLINE),
        ("protected", Attrs::PROTECTED),
    ] {
        if style.attrs.contains(attribute) {
            fields.name(name)?.write_str("true")?;
        }
    }
    let underline = match style.underline {
        Underline::None => None,
        Underline::Single => Some("single"),
        Underline::Double => Some("double"),
        Underline::Curly => Some("curly"),
        Underline::Dotted => Some("dotted"),
        Underline::Dashed => Some("dashed"),
    };
    if let Some(kind) = underline {
        write!(fields.name("underline")?, "\"{kind}\"")?;
    }
    fields.color("underline_color", style.underline_color)?;
    if let Some(link) = run.link {
        fields.string("link", &link.uri)?;
        if !link.id.is_empty() {
            fields.string("link_id", &link.id)?;
        }
    }
    Ok(())
}

/// Writes an object's fields with commas between them.
struct Fields<'a> {
    out: &'a mut dyn Write,
    first: bool,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) -> Result<&mut dyn Write, fmt::Error> {
        let comma = if self.first { "" } else { "," };
        self.first = false;
        write!(self.out, "{comma}\"{name}\":")?;
        Ok(&mut *self.out)
    }

    fn color(&mut self, name: &str, color: Color) -> fmt::Result {
        match color {
            Color::Default => Ok(()),
            Color::Palette(index) => write!(self.name(name)?, "{index}"),
            Color::Rgb(r, g, b) => write!(self.name(name)?, "\"#{r:02x}{g:02x}{b:02x}\""),
        }
    }

    fn string(&mut self, name: &str, text: &str) -> fmt::Result {
        let out = self.name(name)?;
        out.write_char('"')?;
        escape::json(text, out)?;
        out.write_char('"')
    }
}
