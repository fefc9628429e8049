//! The `vt100` crate beside our model, on the same output.

use crate::choices::Choices;
use crate::plain::plain;
use facemux::term::modes::Mouse;
use facemux::term::{Attrs, Color, History, Terminal, Unwatched};
use facemux::units::Size;
use std::num::NonZeroU16;

/// One cell: text, width, foreground, background, the attributes both know.
type Seen = (String, u8, vt100::Color, vt100::Color, [bool; 5]);

fn ours(terminal: &Terminal, cols: u16) -> Vec<Vec<Seen>> {
    let color = |color| match color {
        Color::Default => vt100::Color::Default,
        Color::Palette(index) => vt100::Color::Idx(index),
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
    };
    let row = |row| {
        let line = terminal.row(row);
        let mut seen: Vec<Seen> = Vec::new();
        for cell in line.cells() {
            let has = |attribute| cell.style.attrs.contains(attribute);
            let attributes = [
                has(Attrs::BOLD),
                has(Attrs::DIM),
                has(Attrs::ITALIC),
                cell.style.underline.number() > 0,
                has(Attrs::INVERSE),
            ];
            seen.push(visible(
                cell.text,
                cell.width,
                color(cell.style.fg),
                color(cell.style.bg),
                attributes,
            ));
        }
        let width: u16 = seen.iter().map(|s| u16::from(s.1)).sum();
        let blank = visible("", 1, vt100::Color::Default, vt100::Color::Default, [false; 5]);
        seen.extend((width..cols).map(|_| blank.clone()));
        seen
    };
    (0..terminal.size().rows()).map(row).collect()
}

fn theirs(screen: &vt100::Screen, rows: u16, cols: u16) -> Vec<Vec<Seen>> {
    let cell = |row, col| {
        let cell = screen.cell(row, col).expect("within the bounds");
        let attributes = [cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse()];
        let width = 1 + u8::from(cell.is_wide());
        (!cell.is_wide_continuation())
            .then(|| visible(cell.contents(), width, cell.fgcolor(), cell.bgcolor(), attributes))
    };
    (0..rows).map(|row| (0..cols).filter_map(|col| cell(row, col)).collect()).collect()
}

/// A cell as it is compared: a blank one by its width alone.
fn visible(
    text: &str,
    width: u8,
    fg: vt100::Color,
    bg: vt100::Color,
    attributes: [bool; 5],
) -> Seen {
    if text.trim().is_empty() {
        (" ".into(), width, vt100::Color::Default, vt100::Color::Default, [false; 5])
    } else {
        (text.into(), width, fg, bg, attributes)
    }
}

/// A row in few characters: each cell's text, and its style where it has one.
fn compact(row: &[Seen]) -> String {
    let cell = |(text, _, fg, bg, attributes): &Seen| {
        let plain = *fg == vt100::Color::Default
            && *bg == vt100::Color::Default
            && *attributes == [false; 5];
        if plain { text.clone() } else { format!("{text}<{fg:?},{bg:?},{attributes:?}>") }
    };
    row.iter().map(cell).collect()
}

/// Panics where the two differ after the same output.
pub fn agree(chance: &[u8], rows: u16, cols: u16) {
    let mut output = Vec::new();
    let mut choices = Choices(chance);
    let mut region = false;
    while !choices.is_empty() {
        plain(&mut choices, &mut region, &mut output);
    }
    let side = |n| NonZeroU16::new(n).expect("within the bounds");
    let mut witness = vt100::Parser::new(side(rows), side(cols), 100);
    let mut terminal = Terminal::new(
        Size::new(rows, cols).expect("within the bounds"),
        History::growing(1 << 20, 100),
    );
    witness.process(&output);
    terminal.feed(&output, &mut Unwatched);
    let shown = format!("{cols}x{rows} {}", output.escape_ascii());
    let screen = witness.screen();
    let (a, b) = (ours(&terminal, cols), theirs(screen, rows, cols));
    for (row, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(a == b, "row {row} of {shown}\n ours   {}\n theirs {}", compact(a), compact(b));
    }
    let cursor = terminal.cursor();
    let (row, col) = screen.cursor_position();
    assert_eq!(
        (cursor.row, cursor.col.min(cols - 1)),
        (row, col.min(cols - 1)),
        "cursor of {}",
        shown
    );
    let modes = terminal.modes();
    assert_eq!(modes.app_cursor, screen.application_cursor());
    assert_eq!(modes.app_keypad, screen.application_keypad());
    assert_eq!(modes.bracketed_paste, screen.bracketed_paste());
    assert_eq!(modes.cursor_visible, !screen.hide_cursor());
    let mouse = match screen.mouse_protocol_mode() {
        vt100::MouseProtocolMode::None => Mouse::Off,
        vt100::MouseProtocolMode::Press => Mouse::X10,
        vt100::MouseProtocolMode::PressRelease => Mouse::Vt200,
        vt100::MouseProtocolMode::ButtonMotion => Mouse::Drag,
        vt100::MouseProtocolMode::AnyMotion => Mouse::Any,
    };
    assert_eq!(modes.mouse, mouse, "mouse of {}", shown);
}
