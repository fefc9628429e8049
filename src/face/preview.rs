//! Untrusted text made fit to be shown outside its terminal: titles, last lines, notifications.

use crate::limits::PREVIEW_BYTES_MAX;
use crate::term::Terminal;

/// `text` without control characters and without what turns the direction of writing, cut to the bound.
pub fn sanitised(text: &str) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden {
            continue;
        }
        if clean.len() + c.len_utf8() > PREVIEW_BYTES_MAX {
            break;
        }
        clean.push(c);
    }
    clean
}

/// The last line of the screen with text on it.
pub fn last_line(terminal: &Terminal) -> String {
    for row in (0..terminal.size().rows()).rev() {
        let mut text = String::new();
        for cell in terminal.row(row).cells() {
            text.push_str(if cell.text.is_empty() && cell.width > 0 { " " } else { cell.text });
        }
        let clean = sanitised(text.trim());
        if !clean.is_empty() {
            return clean;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_survives() {
        assert_eq!(sanitised("a\x1b[31mb\u{202e}c\u{9b}d\r\n"), "a[31mbcd");
        assert!(sanitised(&"x".repeat(10_000)).len() <= PREVIEW_BYTES_MAX);
    }
}
