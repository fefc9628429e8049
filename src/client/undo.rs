//! What puts a terminal right when nobody can say any more what was set in it: a lost daemon, a restore into a
//! terminal that has shown something else. Each sequence is one xterm-class terminals know (ctlseqs, xterm.js) and
//! does nothing where its mode is off. The daemon undoes exactly what it set; this is for when it cannot.

/// All modes back to a fresh terminal's: the primary screen (its cursor where it was), no scroll region, no margins,
/// no left over pen, charset, link, keyboard protocol, mouse or paste mode, and the cursor shown.
pub const MODES: &[u8] = concat!(
    // An unfinished sequence, a frame being held back, the alternate screen in its three forms.
    "\x18\x1b[?2026l\x1b[?1049l\x1b[?1047l\x1b[?47l",
    // Scroll region, margins, origin, wrapping, reverse wrapping, insertion, newline mode, reverse video.
    "\x1b[r\x1b[?69l\x1b[?6l\x1b[?7h\x1b[?45l\x1b[4l\x1b[20l\x1b[?5l",
    // Cursor keys, keypad; mouse, focus, paste, colour scheme and size reports.
    "\x1b[?1l\x1b>\x1b[?66l\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l",
    "\x1b[?1015l\x1b[?1016l\x1b[?2004l\x1b[?2031l\x1b[?2048l",
    // The kitty keyboard protocol's stack and flags, modifyOtherKeys.
    "\x1b[<9u\x1b[=0;1u\x1b[>4;0m",
    // Link, charsets, pen, cursor style and visibility.
    "\x1b]8;;\x1b\\\x0f\x1b(B\x1b)B\x1b[m\x1b[0 q\x1b[?12l\x1b[?25h",
)
.as_bytes();

/// A fresh, empty screen; what is above it in the scrollback stays.
pub const CLEAR: &[u8] = b"\x1b[H\x1b[J";

/// The bytes that make room for a face in a terminal of `rows` rows: what stands above the cursor goes into the
/// scrollback, then the screen is empty. From row r, `rows - 1` line feeds scroll r - 1 times, whatever r is, so the
/// terminal need not be asked where its cursor is.
pub fn make_room(rows: u16) -> Vec<u8> {
    let mut bytes = vec![b'\r'];
    bytes.resize(usize::from(rows.max(1)), b'\n');
    bytes.extend_from_slice(CLEAR);
    bytes
}

/// The bytes that end a view of a terminal of `rows` rows: modes undone, the cursor on a new line below the last row.
pub fn leave(rows: u16) -> Vec<u8> {
    let mut bytes = MODES.to_vec();
    bytes.extend_from_slice(format!("\x1b[{};1H\r\n", rows.max(1)).as_bytes());
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn n(number: u16) -> std::num::NonZero<u16> {
        std::num::NonZero::new(number).unwrap()
    }

    #[test]
    fn room_is_made_without_losing_a_line_from_any_row() {
        for row in 1..=5usize {
            let mut screen = vt100::Parser::new(n(5), n(20), 100);
            for line in 1..row {
                screen.process(format!("line {line}\r\n").as_bytes());
            }
            screen.process(&make_room(5));
            assert_eq!(screen.screen().contents().trim(), "");
            assert_eq!(screen.screen().cursor_position(), (0, 0));
            screen.screen_mut().set_scrollback(usize::MAX);
            assert_eq!(screen.screen().scrollback(), row - 1);
            let kept: Vec<String> = (1..row).map(|n| format!("line {n}")).collect();
            assert_eq!(screen.screen().contents().trim(), kept.join("\n"));
        }
    }

    #[test]
    fn leaving_undoes_what_a_full_screen_program_set() {
        let mut screen = vt100::Parser::new(n(5), n(20), 0);
        let before = screen.screen().state_formatted();
        screen.process(
            b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1003h\x1b[?1006h\x1b[?25l\x1b[1;31mx",
        );
        screen.process(&leave(5));
        screen.process(CLEAR);
        assert!(!screen.screen().alternate_screen());
        assert!(!screen.screen().hide_cursor());
        assert_eq!(screen.screen().state_formatted(), before);
    }
}
