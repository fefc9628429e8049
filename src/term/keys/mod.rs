//! Key names as tmux spells them, and the bytes a terminal sends for them under the modes now set.
//!
//! Owns the names and their modifiers; `encode` has the bytes, `paste` what surrounds pasted text.
//! Never knows which modes are set: the caller says. Names follow tmux(1), KEY BINDINGS.

mod encode;
mod paste;

pub use paste::paste;

use std::fmt;
use std::str::FromStr;

/// The modes that decide what a key sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyModes {
    /// DECCKM, `CSI ? 1 h`: cursor keys send SS3.
    pub app_cursor: bool,
    /// DECKPAM, `ESC =` or `CSI ? 66 h`: keypad keys send SS3.
    pub app_keypad: bool,
    /// The kitty keyboard protocol's flags now in force, 0 when it is off.
    pub kitty: u8,
    /// xterm's modifyOtherKeys: 0, 1 or 2.
    pub modify_other_keys: u8,
}

/// A key of a keyboard, without its modifiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// A key that types this character.
    Char(char),
    /// Return.
    Enter,
    /// Tab.
    Tab,
    /// Escape.
    Escape,
    /// The key above Return.
    Backspace,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor right.
    Right,
    /// Cursor left.
    Left,
    /// Home.
    Home,
    /// End.
    End,
    /// Insert.
    Insert,
    /// Delete.
    Delete,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key, 1 to 24.
    Function(u8),
    /// A key of the keypad, by the character on it.
    Keypad(char),
    /// Return on the keypad.
    KeypadEnter,
}

/// Shift, as xterm and kitty number modifiers.
const SHIFT: u8 = 1;
/// Alt, which tmux calls Meta.
const ALT: u8 = 2;
/// Control.
const CTRL: u8 = 4;

/// A key with the modifiers held down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    code: Code,
    /// `SHIFT`, `ALT` and `CTRL`, added up.
    mods: u8,
}

/// Every name, the one to show first, and what it is. Names are matched without regard to case.
const NAMES: &[(&[&str], Code)] = &[
    (&["Enter", "Return"], Code::Enter),
    (&["Tab"], Code::Tab),
    (&["Escape", "Esc"], Code::Escape),
    (&["Space"], Code::Char(' ')),
    (&["BSpace", "Backspace"], Code::Backspace),
    (&["Up"], Code::Up),
    (&["Down"], Code::Down),
    (&["Right"], Code::Right),
    (&["Left"], Code::Left),
    (&["Home"], Code::Home),
    (&["End"], Code::End),
    (&["IC", "Insert"], Code::Insert),
    (&["DC", "Delete"], Code::Delete),
    (&["PPage", "PageUp", "PgUp"], Code::PageUp),
    (&["NPage", "PageDown", "PgDn"], Code::PageDown),
    (&["KPEnter"], Code::KeypadEnter),
];

/// Characters with a key of their own on the keypad: `KP0`, `KP*` and so on.
const KEYPAD: &str = "0123456789*+-./=";

/// Highest function key with a name: kitty numbers 35, terminfo's xterm reaches 24 without Control.
const FUNCTION_MAX: u8 = 24;

/// Longest name shown back in an error, in characters.
const SHOWN_MAX: usize = 32;

/// A key name that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownKey {
    /// What was asked for, cut to `SHOWN_MAX` characters.
    name: String,
    /// Names like it, nearest first, at most three.
    near: Vec<String>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown key {:?}", self.name)?;
        if let Some((last, rest)) = self.near.split_last() {
            f.write_str(": did you mean ")?;
            for name in rest {
                write!(f, "{name} or ")?;
            }
            write!(f, "{last}?")?;
        }
        f.write_str(" (names are tmux's: Enter C-c M-x S-F6 Up KP5, one character, or U+1F600)")
    }
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(name: &str) -> Result<Key, UnknownKey> {
        let (mods, bare) = modifiers(name);
        if bare.eq_ignore_ascii_case("BTab") {
            return Ok(Key { code: Code::Tab, mods: mods | SHIFT });
        }
        match code(bare) {
            Some(code) => Ok(Key { code, mods }),
            None => {
                Err(UnknownKey { name: name.chars().take(SHOWN_MAX).collect(), near: near(name) })
            }
        }
    }
}

/// Splits `C-`, `M-` and `S-` prefixes and `^` off; the rest has at least one character if `name` has.
fn modifiers(name: &str) -> (u8, &str) {
    let (mut mods, mut rest) = (0, name);
    loop {
        let (modifier, length) = match rest.as_bytes() {
            [b'C' | b'c', b'-', _, ..] => (CTRL, 2),
            [b'M' | b'm', b'-', _, ..] => (ALT, 2),
            [b'S' | b's', b'-', _, ..] => (SHIFT, 2),
            [b'^', _, ..] => (CTRL, 1),
            _ => return (mods, rest),
        };
        mods |= modifier;
        rest = &rest[length..];
    }
}

fn code(bare: &str) -> Option<Code> {
    let mut chars = bare.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return typed(c);
    }
    let named = NAMES.iter().find(|(names, _)| names.iter().any(|n| n.eq_ignore_ascii_case(bare)));
    if let Some(&(_, code)) = named {
        return Some(code);
    }
    let (head, tail) = bare.split_at_checked(2)?;
    if head.eq_ignore_ascii_case("U+") {
        return typed(char::from_u32(u32::from_str_radix(tail, 16).ok()?)?);
    }
    if head.eq_ignore_ascii_case("KP") {
        let mut chars = tail.chars();
        let (c, None) = (chars.next()?, chars.next()) else { return None };
        return KEYPAD.contains(c).then_some(Code::Keypad(c));
    }
    let number = bare.strip_prefix(['F', 'f'])?;
    let digits = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    let number = number.parse().ok().filter(|n| digits && (1..=FUNCTION_MAX).contains(n))?;
    Some(Code::Function(number))
}

/// A character as the key that types it: the controls have keys with names.
fn typed(c: char) -> Option<Code> {
    match c {
        '\r' | '\n' => Some(Code::Enter),
        '\t' => Some(Code::Tab),
        '\x1b' => Some(Code::Escape),
        '\x7f' => Some(Code::Backspace),
        c if c.is_control() => None,
        c => Some(Code::Char(c)),
    }
}

/// The names nearest to `name`: at most two edits away, or half of a short one.
fn near(name: &str) -> Vec<String> {
    let (_, bare) = modifiers(name);
    if bare.len() > SHOWN_MAX {
        return Vec::new();
    }
    let prefix = &name[..name.len() - bare.len()];
    let wanted = bare.to_ascii_lowercase();
    let allowed = (wanted.chars().count() / 2).min(2);
    let functions = (1..=FUNCTION_MAX).map(|n| format!("F{n}"));
    let keypad = KEYPAD.chars().map(|c| format!("KP{c}"));
    let names = NAMES.iter().flat_map(|(names, _)| names.iter().map(|n| n.to_string()));
    let mut found: Vec<(usize, String)> = names
        .chain(["BTab".to_string()])
        .chain(functions)
        .chain(keypad)
        .map(|n| (edits(&wanted, &n.to_ascii_lowercase()), n))
        .filter(|(edits, _)| *edits <= allowed)
        .collect();
    found.sort_by_key(|(edits, _)| *edits);
    found.into_iter().take(3).map(|(_, n)| format!("{prefix}{n}")).collect()
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let replaced = corner + usize::from(ca != cb);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(name: &str) -> (Code, u8) {
        let key: Key = name.parse().unwrap();
        (key.code, key.mods)
    }

    #[test]
    fn names_are_tmux_s() {
        assert_eq!(key("Enter"), (Code::Enter, 0));
        assert_eq!(key("c-c"), (Code::Char('c'), CTRL));
        assert_eq!(key("^c"), (Code::Char('c'), CTRL));
        assert_eq!(key("^^"), (Code::Char('^'), CTRL));
        assert_eq!(key("^"), (Code::Char('^'), 0));
        assert_eq!(key("C--"), (Code::Char('-'), CTRL));
        assert_eq!(key("-"), (Code::Char('-'), 0));
        assert_eq!(key("M-C-S-f12"), (Code::Function(12), CTRL | ALT | SHIFT));
        assert_eq!(key("btab"), (Code::Tab, SHIFT));
        assert_eq!(key("PgUp"), key("PPage"));
        assert_eq!(key("KP*"), (Code::Keypad('*'), 0));
        assert_eq!(key("kpenter"), (Code::KeypadEnter, 0));
        assert_eq!(key("U+1F600"), (Code::Char('\u{1f600}'), 0));
        assert_eq!(key("\u{e9}"), (Code::Char('\u{e9}'), 0));
        assert_eq!(key("F"), (Code::Char('F'), 0));
        assert_eq!(key("M-Space"), (Code::Char(' '), ALT));
    }

    #[test]
    fn unknown_names_say_what_was_near() {
        for bad in
            ["", "F0", "F25", "F01", "KP", "KPx", "U+", "U+D800", "U+3", "C-", "\u{e9}\u{e9}", "Fx"]
        {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
        let error = "C-Entr".parse::<Key>().unwrap_err();
        assert_eq!(error.near, ["C-Enter", "C-End"]);
        let text = "Dwon".parse::<Key>().unwrap_err().to_string();
        assert!(text.starts_with("unknown key \"Dwon\": did you mean Down"), "{text}");
        assert!("zzzzzzzz".repeat(1000).parse::<Key>().unwrap_err().to_string().len() < 200);
    }
}
