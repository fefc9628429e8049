//! What any program or attacker might print.

use crate::choices::{Choices, escape, mode, words};

/// Characters of every kind: ASCII, accents, wide, marks, joiners, emoji, format and private use.
const CHARACTERS: &[&str] = &[
    "a",
    "Z",
    "~",
    " ",
    "\u{e9}",
    "\u{3b1}",
    "\u{4e16}",
    "\u{ac00}",
    "\u{ff21}",
    "e\u{301}",
    "\u{301}",
    "\u{200d}",
    "\u{1f600}",
    "\u{1f469}\u{200d}\u{1f467}",
    "\u{2764}\u{fe0f}",
    "\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "\u{1f1e9}\u{1f1ea}",
    "\u{915}\u{94d}\u{937}",
    "\u{e000}",
    "\u{2028}",
    "\u{feff}",
    "\u{10fffd}",
    "\u{ad}",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}",
];

/// Bytes that are not UTF-8, or not yet.
const BROKEN: &[&[u8]] = &[
    b"\xff",
    b"\xc3",
    b"\xe4\xb8",
    b"\xf0\x9f\x98",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\x80",
    b"\xe4a",
];

const CONTROLS: &[u8] = b"\r\n\x08\t\x0b\x0c\x0e\x0f\x07\x05\x18\x1a\r\n\n\n";

const ESCAPES: &[&str] = &[
    "7", "8", "D", "E", "M", "H", "c", "=", ">", "N", "O", "n", "o", "|", "}", "~", "#8", "(0",
    "(B", ")0", ")B", "*0", "+0", "(A", "%G", "%@", "6", "9", "\\", " F", "g", "(", "#",
];

const FINALS: &[u8] = b"ABCDEFGHIJKLMPSTXZ@`abcdefghilmnqrstux{|}~";

const DEC_MODES: &[u16] = &[
    1, 3, 5, 6, 7, 9, 12, 25, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047,
    1048, 1049, 2004, 2026, 2031,
];

const SGRS: &[&str] = &[
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "7",
    "8",
    "9",
    "21",
    "22",
    "23",
    "24",
    "25",
    "27",
    "28",
    "29",
    "53",
    "55",
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
    "38:2::4:5:6",
    "48:2:7:8:9",
    "38:5:99",
    "4:0",
    "4:3",
    "4:5",
    "58:5:9",
    "58:2::1:2:3",
    "58;5;3",
    "59",
    "38;5",
    "38",
    "1;3;4:2;31;44",
    "38;2;300;0;0",
];

const STRINGS: &[&str] = &[
    "]0;title",
    "]2;other \u{4e16}",
    "]1;icon",
    "]8;;https://example.org/a",
    "]8;id=x;https://example.org/b",
    "]8;;",
    "]4;1;rgb:12/34/56",
    "]4;1;?",
    "]10;#123456",
    "]11;?",
    "]12;red",
    "]104",
    "]104;1",
    "]110",
    "]52;c;aGk=",
    "]52;c;?",
    "]7;file:///tmp",
    "]133;A",
    "]9;4;1;50",
    "]777;notify;a;b",
    "]1337;File=:AAAA",
    "P$qm",
    "P$q r",
    "P+q544e",
    "P1$r0m",
    "Pq#0~-",
    "_Gi=1;AAAA",
    "^private",
    "Xsos",
    "]",
    "P",
    "]2;",
    "]8;;javascript:x",
];

const WHOLE: &[&str] = &[
    "[>1u",
    "[>31u",
    "[<u",
    "[=5;1u",
    "[=1;2u",
    "[?u",
    "[>4;2m",
    "[>4;1m",
    "[>4m",
    "[?4m",
    "[22t",
    "[23t",
    "[22;2t",
    "[23;0t",
    "[14t",
    "[18t",
    "[c",
    "[>c",
    "[=c",
    "[5n",
    "[6n",
    "[?6n",
    "[?25$p",
    "[?2026$p",
    "[4$p",
    "[>q",
    "[2 q",
    "[5 q",
    "[0 q",
    "[!p",
    "[1\"q",
    "[0\"q",
    "[2\"q",
    "[?0J",
    "[?1K",
    "[3J",
    "[s",
    "[u",
    "[3g",
    "[0g",
    "[4h",
    "[4l",
    "[20h",
    "[20l",
    "[1;1r",
    "[5;10r",
    "[r",
    "[?69h",
    "[3;20s",
    "[2'}",
    "[2'~",
    "[2 @",
    "[2 A",
    "[10b",
    "[65535b",
    "[65535L",
    "[?1;2;25h",
    "[2*x",
    "[1;1;5;5$z",
    "[",
    "[1;",
    "[?",
    "[38:2:",
    "[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25;26;27;28;29;30;31;32;33;34H",
];

/// Appends one thing a program might print, of all there is.
pub fn anything(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    match choices.below(16) {
        0..=2 => words(choices, out),
        3 => {
            for _ in 0..=choices.below(8) {
                out.extend_from_slice(choices.one_of(CHARACTERS).as_bytes());
            }
        }
        4 => out.extend_from_slice(choices.one_of(BROKEN)),
        5 | 6 => out.push(choices.one_of(CONTROLS)),
        7 => escape(choices.one_of(ESCAPES), out),
        8 | 9 => {
            let (a, b) = (parameter(choices), parameter(choices));
            let mut text = format!("[{a};{b}");
            text.push(char::from(choices.one_of(FINALS)));
            escape(&text, out);
        }
        10 => mode(choices, DEC_MODES, out),
        11 | 12 => escape(&format!("[{}m", choices.one_of(SGRS)), out),
        13 => {
            escape(choices.one_of(STRINGS), out);
            out.extend_from_slice(
                choices.one_of(&["\x07", "\x1b\\", "\u{9c}", "\x18", ""]).as_bytes(),
            );
        }
        14 => escape(choices.one_of(WHOLE), out),
        _ => {
            let length = choices.below(6);
            out.extend((0..length).map(|_| choices.byte()));
        }
    }
}

/// A parameter as programs and attackers write them: small, absent, zero, enormous.
fn parameter(choices: &mut Choices<'_>) -> String {
    match choices.byte() {
        0..=60 => String::new(),
        n @ 61..=240 => (n % 30).to_string(),
        241..=246 => "80".into(),
        247..=250 => "255".into(),
        251..=253 => "65535".into(),
        _ => "4294967296".into(),
    }
}
