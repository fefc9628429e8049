//! Characters only: a line for each row, blank ends and blank last rows cut off.

use super::Page;
use std::fmt::{self, Write};

pub(super) fn write(page: &Page<'_>, out: &mut dyn Write) -> fmt::Result {
    let mut blank = 0;
    let mut row = String::new();
    page.each_row(|_, line, _| {
        row.clear();
        push(line, &mut row);
        if row.is_empty() {
            blank += 1;
            return Ok(());
        }
        for _ in 0..std::mem::take(&mut blank) {
            out.write_char('\n')?;
        }
        writeln!(out, "{row}")
    })
}

/// Appends a row's characters without its blank end.
pub(super) fn push(line: &super::Line, out: &mut String) {
    let start = out.len();
    for cell in line.cells() {
        out.push_str(if cell.text.is_empty() && cell.width > 0 { " " } else { cell.text });
    }
    out.truncate(start + out[start..].trim_end_matches(' ').len());
}
