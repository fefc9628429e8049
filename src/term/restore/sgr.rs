//! The shortest SGR from one style to another.

use crate::term::style::{Attrs, Color, Style, Underline};
use std::fmt::Write;

/// Attributes with the codes that set and clear them; bold and dim are cleared together.
const ATTRS: [(Attrs, &str, &str); 8] = [
    (Attrs::BOLD, "1", "22"),
    (Attrs::DIM, "2", "22"),
    (Attrs::ITALIC, "3", "23"),
    (Attrs::BLINK, "5", "25"),
    (Attrs::INVERSE, "7", "27"),
    (Attrs::INVISIBLE, "8", "28"),
    (Attrs::STRIKE, "9", "29"),
    (Attrs::OVERLINE, "53", "55"),
];

/// Appends what turns `from` into `to`, links and protection left aside.
pub fn put_sgr(from: &Style, to: &Style, out: &mut Vec<u8>) {
    let full = codes(&Style::DEFAULT, to).unwrap_or_default();
    let full_len = full.len() + usize::from(!full.is_empty());
    let step = codes(from, to);
    match step {
        Some(step) if step.is_empty() => {}
        Some(step) if step.len() <= full_len => {
            out.extend_from_slice(format!("\x1b[{step}m").as_bytes());
        }
        _ if full.is_empty() => out.extend_from_slice(b"\x1b[m"),
        _ => out.extend_from_slice(format!("\x1b[;{full}m").as_bytes()),
    }
}

/// The codes without going through a reset; None where that cannot be.
pub fn codes(from: &Style, to: &Style) -> Option<String> {
    let mut out = String::new();
    let mut put = |code: &str| {
        if !out.is_empty() {
            out.push(';');
        }
        out.push_str(code);
    };
    let has = |style: &Style, attr| style.attrs.contains(attr);
    let mut cleared = Attrs::default();
    for (attr, _, off) in ATTRS {
        if has(from, attr) && !has(to, attr) && !(off == "22" && cleared.contains(Attrs::BOLD)) {
            put(off);
            if off == "22" {
                cleared.set(Attrs::BOLD, true);
                cleared.set(Attrs::DIM, true);
            }
        }
    }
    for (attr, on, _) in ATTRS {
        if has(to, attr) && (!has(from, attr) || cleared.contains(attr)) {
            put(on);
        }
    }
    if from.underline != to.underline {
        match to.underline {
            Underline::None => put("24"),
            Underline::Single => put("4"),
            Underline::Double => put("21"),
            other => put(&format!("4:{}", other.number())),
        }
    }
    for (base, old, new) in [(30, from.fg, to.fg), (40, from.bg, to.bg)] {
        if old != new {
            put(&color(base, new));
        }
    }
    let reset = Attrs::UNDERLINE_COLOR_RESET;
    if from.underline_color != to.underline_color || has(from, reset) != has(to, reset) {
        match to.underline_color {
            _ if has(to, reset) => put("59"),
            Color::Default => return None,
            Color::Palette(n) => put(&format!("58:5:{n}")),
            Color::Rgb(r, g, b) => put(&format!("58:2::{r}:{g}:{b}")),
        }
    }
    Some(out)
}

fn color(base: u8, color: Color) -> String {
    let mut out = String::new();
    let written = match color {
        Color::Default => write!(out, "{}", base + 9),
        Color::Palette(n) if n < 8 => write!(out, "{}", base + n),
        Color::Palette(n) if n < 16 => write!(out, "{}", base + 52 + n),
        Color::Palette(n) => write!(out, "{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => write!(out, "{};2;{r};{g};{b}", base + 8),
    };
    debug_assert!(written.is_ok());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgr(from: &Style, to: &Style) -> String {
        let mut out = Vec::new();
        put_sgr(from, to, &mut out);
        String::from_utf8_lossy(&out).replace('\x1b', "E")
    }

    #[test]
    fn the_shorter_of_step_and_reset_is_taken() {
        let plain = Style::DEFAULT;
        let mut bold = plain;
        bold.attrs.set(Attrs::BOLD, true);
        let mut both = bold;
        both.attrs.set(Attrs::DIM, true);
        let red = Style { fg: Color::Palette(1), ..plain };
        assert_eq!(sgr(&plain, &plain), "");
        assert_eq!(sgr(&plain, &red), "E[31m");
        assert_eq!(sgr(&red, &plain), "E[m");
        assert_eq!(sgr(&both, &bold), "E[;1m");
        assert_eq!(sgr(&red, &Style { fg: Color::Palette(200), ..plain }), "E[38;5;200m");
        let line =
            Style { underline: Underline::Curly, underline_color: Color::Palette(3), ..plain };
        assert_eq!(sgr(&plain, &line), "E[4:3;58:5:3m");
        let bare = Style { underline_color: Color::Default, ..line };
        assert_eq!(sgr(&line, &bare), "E[;4:3m");
    }
}
