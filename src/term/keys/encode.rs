//! A key's bytes: legacy xterm, modifyOtherKeys (xterm's ctlseqs, "Alt and Meta Keys") or the kitty
//! keyboard protocol, whichever the modes ask for. Presses only; nothing here waits or repeats.

use super::{ALT, CTRL, Code, Key, KeyModes, SHIFT};
use std::io::Write;

/// Kitty flag: keys that legacy encoding confuses get an escape code of their own.
const DISAMBIGUATE: u8 = 1;
/// Kitty flag: the shifted character is reported beside the key.
const ALTERNATES: u8 = 4;
/// Kitty flag: text comes as escape codes too.
const ALL_AS_ESCAPES: u8 = 8;
/// Kitty flag: with the text it would have typed.
const WITH_TEXT: u8 = 16;

impl Key {
    /// Appends what a terminal with these modes sends when this key is pressed.
    pub fn encode(self, modes: KeyModes, out: &mut Vec<u8>) {
        let mut key = self.shifted();
        // Any flag but ALTERNATES and WITH_TEXT alone changes the encoding.
        let form = if modes.kitty & (DISAMBIGUATE | ALL_AS_ESCAPES) != 0 {
            key.kitty(modes.kitty)
        } else {
            key = key.reachable();
            key.other(modes.modify_other_keys).unwrap_or_else(|| key.legacy(modes))
        };
        form.write(key.mods, out);
    }

    /// Legacy keyboards have F13 to F24 under Shift, and terminfo says so.
    fn reachable(self) -> Key {
        match self.code {
            Code::Function(n @ 13..) => {
                Key { code: Code::Function(n - 12), mods: self.mods | SHIFT }
            }
            _ => self,
        }
    }

    /// `S-a` is `A`, and `C-A` is Control and Shift and `a`: the character and Shift agree.
    fn shifted(self) -> Key {
        let Code::Char(c) = self.code else { return self };
        if self.mods & SHIFT != 0 && c.is_ascii_lowercase() {
            Key { code: Code::Char(c.to_ascii_uppercase()), ..self }
        } else if c.is_ascii_uppercase() {
            Key { mods: self.mods | SHIFT, ..self }
        } else {
            self
        }
    }

    /// xterm's modifyOtherKeys, where it differs from legacy.
    fn other(self, level: u8) -> Option<Form> {
        let code = match self.code {
            Code::Char(c) => u32::from(c),
            Code::Enter => 13,
            Code::Tab if self.mods != SHIFT => 9,
            Code::Escape => 27,
            Code::Backspace if level >= 2 => 127,
            _ => return None,
        };
        let control = self.mods & CTRL != 0;
        let plain = match (level, self.code) {
            (0, _) => true,
            // What has always had bytes of its own keeps them.
            (1, Code::Char(c)) => !control || control_code(c).is_some(),
            (1, Code::Escape) => true,
            (1, _) => self.mods & !ALT == 0,
            (_, Code::Char(c)) => self.mods == 0 || self.mods == SHIFT && c != ' ',
            _ => self.mods == 0,
        };
        (!plain).then_some(Form::Other(code))
    }

    fn legacy(self, modes: KeyModes) -> Form {
        let functional = |form: Form| match form {
            Form::Letter(letter) if self.mods == 0 => Form::Ss3(letter),
            form => form,
        };
        match self.code {
            Code::Char(c) if self.mods & CTRL != 0 => match control_code(c) {
                Some(byte) => Form::Byte(byte),
                None => Form::Text(c),
            },
            Code::Char(c) => Form::Text(c),
            Code::Enter => Form::Byte(b'\r'),
            Code::Escape => Form::Byte(0x1b),
            Code::Tab if self.mods & SHIFT != 0 => Form::BackTab,
            Code::Tab => Form::Byte(b'\t'),
            Code::Backspace if self.mods & CTRL != 0 => Form::Byte(0x08),
            Code::Backspace => Form::Byte(0x7f),
            Code::Keypad(c) if modes.app_keypad && self.mods == 0 => Form::Ss3(keypad_letter(c)),
            Code::Keypad(c) => Form::Text(c),
            Code::KeypadEnter if modes.app_keypad && self.mods == 0 => Form::Ss3(b'M'),
            Code::KeypadEnter => Form::Byte(b'\r'),
            Code::Function(n @ 1..=4) => functional(Form::Letter(b'O' + n)),
            _ if modes.app_cursor => functional(self.navigation()),
            _ => self.navigation(),
        }
    }

    /// Keys that are `CSI letter` or `CSI number ~` in every protocol.
    fn navigation(self) -> Form {
        match self.code {
            Code::Up => Form::Letter(b'A'),
            Code::Down => Form::Letter(b'B'),
            Code::Right => Form::Letter(b'C'),
            Code::Left => Form::Letter(b'D'),
            Code::End => Form::Letter(b'F'),
            Code::Home => Form::Letter(b'H'),
            Code::Insert => Form::Tilde(2),
            Code::Delete => Form::Tilde(3),
            Code::PageUp => Form::Tilde(5),
            Code::PageDown => Form::Tilde(6),
            Code::Function(n) => Form::Tilde(tilde_number(n)),
            _ => Form::Nothing,
        }
    }

    fn kitty(self, flags: u8) -> Form {
        let all = flags & ALL_AS_ESCAPES != 0;
        let number = |number: u32| Form::Kitty { number, shifted: None, text: None };
        match self.code {
            Code::Char(c) if !all && self.mods & !SHIFT == 0 => Form::Text(c),
            Code::Char(c) => {
                let base = c.to_ascii_lowercase();
                let text = self.mods & !SHIFT == 0 && flags & WITH_TEXT != 0;
                Form::Kitty {
                    number: u32::from(base),
                    shifted: (base != c && flags & ALTERNATES != 0).then_some(u32::from(c)),
                    text: text.then_some(c),
                }
            }
            Code::Enter | Code::Tab | Code::Backspace if !all && self.mods == 0 => {
                self.legacy(KeyModes::default())
            }
            Code::Enter => number(13),
            Code::Tab => number(9),
            Code::Backspace => number(127),
            Code::Escape => number(27),
            Code::Keypad(c) if !all && self.mods & !SHIFT == 0 => Form::Text(c),
            Code::Keypad(c) => number(keypad_number(c)),
            Code::KeypadEnter => number(57414),
            Code::Function(n @ 13..) => number(57376 + u32::from(n) - 13),
            // F3 would be the answer to a cursor position query.
            Code::Function(3) => Form::Tilde(13),
            Code::Function(n @ 1..=4) => Form::Letter(b'O' + n),
            _ => self.navigation(),
        }
    }
}

/// The shape of a key's bytes, before its modifiers.
enum Form {
    /// One byte, after ESC under Alt.
    Byte(u8),
    /// A character, after ESC under Alt.
    Text(char),
    /// `CSI Z`, after ESC under Alt.
    BackTab,
    /// `SS3 letter`.
    Ss3(u8),
    /// `CSI letter` or `CSI 1 ; mods letter`.
    Letter(u8),
    /// `CSI number ~` or `CSI number ; mods ~`.
    Tilde(u8),
    /// `CSI 27 ; mods ; code ~`.
    Other(u32),
    /// `CSI number : shifted ; mods ; text u`, as much as is needed.
    Kitty { number: u32, shifted: Option<u32>, text: Option<char> },
    /// The key sends nothing.
    Nothing,
}

impl Form {
    fn write(self, mods: u8, out: &mut Vec<u8>) {
        let escaped = if mods & ALT != 0 { "\x1b" } else { "" };
        let m = mods + 1;
        // Writing to a vector cannot fail.
        let _ = match self {
            Form::Byte(byte) => {
                out.write_all(escaped.as_bytes()).and_then(|()| out.write_all(&[byte]))
            }
            Form::Text(c) => write!(out, "{escaped}{c}"),
            Form::BackTab => write!(out, "{escaped}\x1b[Z"),
            Form::Ss3(letter) => write!(out, "\x1bO{}", char::from(letter)),
            Form::Letter(letter) if mods == 0 => write!(out, "\x1b[{}", char::from(letter)),
            Form::Letter(letter) => write!(out, "\x1b[1;{m}{}", char::from(letter)),
            Form::Tilde(number) if mods == 0 => write!(out, "\x1b[{number}~"),
            Form::Tilde(number) => write!(out, "\x1b[{number};{m}~"),
            Form::Other(code) => write!(out, "\x1b[27;{m};{code}~"),
            Form::Kitty { number, shifted, text } => {
                let shifted = shifted.map(|c| format!(":{c}")).unwrap_or_default();
                let tail = match (mods, text) {
                    (0, None) => String::new(),
                    (0, Some(c)) => format!(";;{}", u32::from(c)),
                    (_, None) => format!(";{m}"),
                    (_, Some(c)) => format!(";{m};{}", u32::from(c)),
                };
                write!(out, "\x1b[{number}{shifted}{tail}u")
            }
            Form::Nothing => Ok(()),
        };
    }
}

/// The control a character becomes under Control, as xterm and the kernel's tty layer have it.
fn control_code(c: char) -> Option<u8> {
    match c {
        ' ' | '2' => Some(0),
        '@'..='_' | 'a'..='z' => Some(c as u8 & 0x1f),
        '3'..='7' => Some(c as u8 - b'3' + 0x1b),
        '8' | '?' => Some(0x7f),
        '/' | '-' => Some(0x1f),
        '~' | '`' => Some(if c == '~' { 0x1e } else { 0 }),
        '{'..='}' => Some(c as u8 & 0x1f),
        _ => None,
    }
}

/// F5 to F12, and F1 to F4 where they have no letter.
fn tilde_number(function: u8) -> u8 {
    match function {
        1..=5 => 10 + function,
        6..=10 => 11 + function,
        _ => 12 + function,
    }
}

/// The letter after SS3 for a key of the application keypad (DEC STD 070, appendix).
fn keypad_letter(c: char) -> u8 {
    match c {
        '=' => b'X',
        // `*` to `9` have the letters `j` to `y` in the order of ASCII.
        _ => (c as u8).wrapping_add(b'j' - b'*'),
    }
}

/// Kitty's numbers for the keypad.
fn keypad_number(c: char) -> u32 {
    match c {
        '0'..='9' => 57399 + u32::from(c) - u32::from('0'),
        '.' => 57409,
        '/' => 57410,
        '*' => 57411,
        '-' => 57412,
        '+' => 57413,
        _ => 57415,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NORMAL: KeyModes =
        KeyModes { app_cursor: false, app_keypad: false, kitty: 0, modify_other_keys: 0 };

    #[track_caller]
    fn check(modes: KeyModes, cases: &[(&str, &str)]) {
        for (name, expected) in cases {
            let mut out = Vec::new();
            name.parse::<Key>().unwrap().encode(modes, &mut out);
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string(),
                "{name}"
            );
        }
    }

    #[test]
    fn legacy_keys_are_xterm_s() {
        check(
            NORMAL,
            &[
                ("a", "a"),
                ("S-a", "A"),
                ("A", "A"),
                ("\u{e9}", "\u{e9}"),
                ("Enter", "\r"),
                ("M-Enter", "\x1b\r"),
                ("C-c", "\x03"),
                ("C-C", "\x03"),
                ("^[", "\x1b"),
                ("C-Space", "\0"),
                ("C-_", "\x1f"),
                ("C-/", "\x1f"),
                ("C-?", "\x7f"),
                ("C-\\", "\x1c"),
                ("C-6", "\x1e"),
                ("C-M-x", "\x1b\x18"),
                ("M-x", "\x1bx"),
                ("C-1", "1"),
                ("BSpace", "\x7f"),
                ("C-BSpace", "\x08"),
                ("M-BSpace", "\x1b\x7f"),
                ("Escape", "\x1b"),
                ("Tab", "\t"),
                ("BTab", "\x1b[Z"),
                ("S-Tab", "\x1b[Z"),
                ("Up", "\x1b[A"),
                ("C-Left", "\x1b[1;5D"),
                ("Home", "\x1b[H"),
                ("S-End", "\x1b[1;2F"),
                ("IC", "\x1b[2~"),
                ("DC", "\x1b[3~"),
                ("C-DC", "\x1b[3;5~"),
                ("PPage", "\x1b[5~"),
                ("NPage", "\x1b[6~"),
                ("F1", "\x1bOP"),
                ("F4", "\x1bOS"),
                ("S-F1", "\x1b[1;2P"),
                ("F5", "\x1b[15~"),
                ("F6", "\x1b[17~"),
                ("S-F6", "\x1b[17;2~"),
                ("F10", "\x1b[21~"),
                ("F11", "\x1b[23~"),
                ("F12", "\x1b[24~"),
                ("F13", "\x1b[1;2P"),
                ("F17", "\x1b[15;2~"),
                ("F24", "\x1b[24;2~"),
                ("C-F13", "\x1b[1;6P"),
                ("KP5", "5"),
                ("KPEnter", "\r"),
                ("U+1F600", "\u{1f600}"),
            ],
        );
    }

    #[test]
    fn application_modes_send_ss3() {
        check(
            KeyModes { app_cursor: true, app_keypad: true, ..NORMAL },
            &[
                ("Up", "\x1bOA"),
                ("Home", "\x1bOH"),
                ("C-Up", "\x1b[1;5A"),
                ("DC", "\x1b[3~"),
                ("KP0", "\x1bOp"),
                ("KP9", "\x1bOy"),
                ("KP*", "\x1bOj"),
                ("KP+", "\x1bOk"),
                ("KP-", "\x1bOm"),
                ("KP.", "\x1bOn"),
                ("KP/", "\x1bOo"),
                ("KP=", "\x1bOX"),
                ("KPEnter", "\x1bOM"),
                ("F5", "\x1b[15~"),
            ],
        );
    }

    #[test]
    fn modify_other_keys_one_keeps_what_had_bytes() {
        check(
            KeyModes { modify_other_keys: 1, ..NORMAL },
            &[
                ("C-a", "\x01"),
                ("M-a", "\x1ba"),
                ("C-M-a", "\x1b\x01"),
                ("C-1", "\x1b[27;5;49~"),
                ("C-,", "\x1b[27;5;44~"),
                ("C-Tab", "\x1b[27;5;9~"),
                ("S-Tab", "\x1b[Z"),
                ("S-Enter", "\x1b[27;2;13~"),
                ("M-Enter", "\x1b\r"),
                ("a", "a"),
                ("S-a", "A"),
                ("C-BSpace", "\x08"),
                ("C-Up", "\x1b[1;5A"),
                ("Enter", "\r"),
            ],
        );
    }

    #[test]
    fn modify_other_keys_two_reports_all_but_shifted_text() {
        check(
            KeyModes { modify_other_keys: 2, ..NORMAL },
            &[
                ("C-a", "\x1b[27;5;97~"),
                ("C-A", "\x1b[27;6;65~"),
                ("M-a", "\x1b[27;3;97~"),
                ("S-a", "A"),
                ("a", "a"),
                ("C-i", "\x1b[27;5;105~"),
                ("S-Tab", "\x1b[Z"),
                ("C-S-Tab", "\x1b[27;6;9~"),
                ("M-BSpace", "\x1b[27;3;127~"),
                ("Escape", "\x1b"),
                ("M-Escape", "\x1b[27;3;27~"),
                ("Enter", "\r"),
                ("C-Up", "\x1b[1;5A"),
            ],
        );
    }

    #[test]
    fn kitty_disambiguates() {
        check(
            KeyModes { kitty: 1, app_cursor: true, ..NORMAL },
            &[
                ("a", "a"),
                ("A", "A"),
                ("Escape", "\x1b[27u"),
                ("Enter", "\r"),
                ("S-Enter", "\x1b[13;2u"),
                ("Tab", "\t"),
                ("S-Tab", "\x1b[9;2u"),
                ("BSpace", "\x7f"),
                ("C-BSpace", "\x1b[127;5u"),
                ("C-c", "\x1b[99;5u"),
                ("C-A", "\x1b[97;6u"),
                ("M-a", "\x1b[97;3u"),
                ("Up", "\x1b[A"),
                ("C-Up", "\x1b[1;5A"),
                ("F1", "\x1b[P"),
                ("F3", "\x1b[13~"),
                ("C-F3", "\x1b[13;5~"),
                ("F5", "\x1b[15~"),
                ("F13", "\x1b[57376u"),
                ("KP5", "5"),
                ("KPEnter", "\x1b[57414u"),
                ("C-KP5", "\x1b[57404;5u"),
                ("DC", "\x1b[3~"),
            ],
        );
    }

    #[test]
    fn kitty_reports_all_keys_with_their_text() {
        check(
            KeyModes { kitty: 8, ..NORMAL },
            &[
                ("a", "\x1b[97u"),
                ("A", "\x1b[97;2u"),
                ("Enter", "\x1b[13u"),
                ("KP5", "\x1b[57404u"),
                ("Space", "\x1b[32u"),
            ],
        );
        check(
            KeyModes { kitty: 1 | 4 | 8 | 16, ..NORMAL },
            &[
                ("a", "\x1b[97;;97u"),
                ("A", "\x1b[97:65;2;65u"),
                ("C-a", "\x1b[97;5u"),
                ("Up", "\x1b[A"),
            ],
        );
    }
}
