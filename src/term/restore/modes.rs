//! Modes as the sequences that set them, and as those that undo them in a viewer's terminal.

use super::writer::Writer;
use crate::term::modes::{CursorShape, Modes, Mouse, MouseEncoding};
use crate::term::screen::{ALT, Page, PaletteKey, Screen};

/// Sets all modes but DECOM and IRM, which wait for the end.
pub fn put(modes: &Modes, writer: &mut Writer) {
    let private = private(modes);
    if !private.is_empty() {
        let list: Vec<String> = private.iter().map(u16::to_string).collect();
        writer.send(&format!("\x1b[?{}h", list.join(";")));
    }
    // DECKPAM: mode 66 says the same to fewer terminals.
    if modes.app_keypad {
        writer.send("\x1b=");
    }
    if !modes.wrap {
        writer.send("\x1b[?7l");
    }
    if !modes.cursor_visible {
        writer.send("\x1b[?25l");
    }
    if modes.newline {
        writer.send("\x1b[20h");
    }
    if modes.modify_other_keys != 0 {
        writer.send(&format!("\x1b[>4;{}m", modes.modify_other_keys));
    }
    if let Some(blink) = modes.cursor_blink {
        let shape = match modes.cursor_shape {
            Some(CursorShape::Block) => 2,
            Some(CursorShape::Underline) => 4,
            Some(CursorShape::Bar) => 6,
            // A number without a shape leaves the terminal's own.
            None => 8,
        };
        writer.send(&format!("\x1b[{} q", shape - u8::from(blink)));
    }
}

/// Numbers of DECSET modes that are set and were not in a fresh terminal.
fn private(modes: &Modes) -> Vec<u16> {
    let flags = [
        (1, modes.app_cursor),
        (5, modes.reverse_video),
        (12, modes.blink),
        (45, modes.reverse_wrap),
        (9, modes.mouse == Mouse::X10),
        (1000, modes.mouse == Mouse::Vt200),
        (1002, modes.mouse == Mouse::Drag),
        (1003, modes.mouse == Mouse::Any),
        (1006, modes.mouse_encoding == MouseEncoding::Sgr),
        (1016, modes.mouse_encoding == MouseEncoding::SgrPixels),
        (1004, modes.focus),
        (2004, modes.bracketed_paste),
        (2026, modes.sync),
        (2031, modes.color_scheme),
    ];
    flags.into_iter().filter(|(_, on)| *on).map(|(number, _)| number).collect()
}

/// What must be undone in a viewer's terminal so that it is as it was: modes, screen, keyboard, pen,
/// colours. Text and title stay.
pub fn undo(screen: &Screen) -> Vec<u8> {
    let mut out = String::new();
    let modes = &screen.modes;
    // Synchronised output first: nothing else shows before it ends.
    let mut numbers = private(modes);
    numbers.sort_by_key(|&number| number != 2026);
    if modes.origin {
        numbers.push(6);
    }
    for page in [screen.active, 1 - screen.active] {
        out.push_str(&undo_kitty(&screen.pages[page], page == screen.active));
    }
    if !numbers.is_empty() {
        let list: Vec<String> = numbers.iter().map(u16::to_string).collect();
        out.push_str(&format!("\x1b[?{}l", list.join(";")));
    }
    if modes.app_keypad {
        out.push_str("\x1b>");
    }
    if modes.modify_other_keys != 0 {
        out.push_str("\x1b[>4m");
    }
    if modes.insert {
        out.push_str("\x1b[4l");
    }
    if modes.newline {
        out.push_str("\x1b[20l");
    }
    if screen.shift != 0 || screen.charsets.iter().any(|c| c.last() != b'B') {
        out.push_str("\x0f\x1b(B\x1b)B\x1b*B\x1b+B");
    }
    let pen = screen.pen.style();
    if pen.link != 0 || screen.pen.link != 0 {
        out.push_str("\x1b]8;;\x1b\\");
    }
    if pen.attrs.contains(crate::term::style::Attrs::PROTECTED) {
        out.push_str("\x1b[\"q");
    }
    out.push_str("\x1b[m");
    if screen.pages.iter().any(|page| page.top != 0 || page.bottom != screen.rows - 1) {
        // Setting margins moves the cursor: it is saved around that.
        out.push_str("\x1b7\x1b[r\x1b8");
    }
    if screen.active == ALT {
        out.push_str("\x1b[?1049l");
        out.push_str("\x1b7\x1b[r\x1b8");
    }
    if !modes.wrap {
        out.push_str("\x1b[?7h");
    }
    if !modes.cursor_visible {
        out.push_str("\x1b[?25h");
    }
    if modes.cursor_blink.is_some() {
        out.push_str("\x1b[0 q");
    }
    colors(screen, &mut out);
    out.into_bytes()
}

fn undo_kitty(page: &Page, shown: bool) -> String {
    let pushed = page.kitty.len() - 1;
    if !shown || (pushed == 0 && page.kitty.first() == Some(&0)) {
        return String::new();
    }
    let pop = if pushed > 0 { format!("\x1b[<{pushed}u") } else { String::new() };
    format!("{pop}\x1b[=0u")
}

fn colors(screen: &Screen, out: &mut String) {
    if screen.palette.iter().any(|(key, _)| matches!(key, PaletteKey::Indexed(_))) {
        out.push_str("\x1b]104\x1b\\");
    }
    for (key, _) in &screen.palette {
        if let PaletteKey::Special(n) = key {
            out.push_str(&format!("\x1b]{}\x1b\\", u16::from(*n) + 100));
        }
    }
}
