//! What the `vt100` crate's documentation says it understands.

use crate::choices::{Choices, escape, mode, words};

/// Modes the `vt100` crate documents and keeps apart as xterm.js does.
const PLAIN_MODES: &[u16] = &[1, 25, 1006, 2004];

/// What `vt100` supports of SGR.
const PLAIN_SGRS: &[&str] = &[
    "",
    "0",
    "1",
    "3",
    "4",
    "7",
    "22",
    "23",
    "24",
    "27",
    "31",
    "97",
    "39",
    "41",
    "107",
    "49",
    "38;5;208",
    "48;5;17",
    "38;2;1;2;3",
    "48;2;9;8;7",
    "1;3;4;31;44",
];

/// Appends one thing the `vt100` crate's documentation says it understands.
///
/// `region` says whether a scroll region is set: moving up and down beyond one is left out.
pub fn plain(choices: &mut Choices<'_>, region: &mut bool, out: &mut Vec<u8>) {
    let kind = choices.below(10);
    if (4..=6).contains(&kind) {
        // Out of the pending wrap behind the last column, where the two edit different cells.
        escape(&format!("[{}G", 1 + choices.below(90)), out);
    }
    match kind {
        0..=2 => words(choices, out),
        3 => {
            // Not where a wide one may not fit: there xterm.js blanks the last column.
            escape(&format!("[{}G", 1 + choices.below(16)), out);
            let c = choices.one_of(&["\u{e9}", "\u{4e16}", "\u{ac00}", "\u{3b1}", "\u{1f600}"]);
            out.extend_from_slice(c.as_bytes());
        }
        4 => out.push(choices.one_of(b"\r\n\n\x08\t")),
        5 => {
            let name = choices.one_of(&[
                "7\x1b[3;3H\x1b[31m\x1b8",
                "M",
                "=",
                ">",
                "[?1000h",
                "[?1002h",
                "[?1003h",
            ]);
            if name != "M" || !*region {
                escape(name, out);
            }
        }
        6 => {
            let name = choices.one_of(b"ABCDGHJKLMPSTXd@");
            let text = match name {
                b'A' | b'B' if *region => return,
                // Not inside a wide character: a letter there parts it in both.
                b'@' => format!("[{}Gx\x08\x1b[{}@", 1 + choices.below(19), choices.below(12)),
                b'H' => format!("[{};{}H", 1 + choices.below(30), 1 + choices.below(90)),
                b'L' | b'M' => format!("[{}{}\r", choices.below(12), char::from(name)),
                b'J' | b'K' => format!("[{}{}", choices.below(3), char::from(name)),
                _ => format!("[{}{}", choices.below(12), char::from(name)),
            };
            escape(&text, out);
        }
        7 => mode(choices, PLAIN_MODES, out),
        8 => escape(&format!("[{}m", choices.one_of(PLAIN_SGRS)), out),
        _ if *region => {
            *region = false;
            escape("[r", out);
        }
        _ => {
            *region = true;
            let top = 1 + choices.below(20);
            escape(&format!("[{top};{}r\x1b[H", top + 1 + choices.below(10)), out);
        }
    }
}
