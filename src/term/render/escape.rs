//! Text made harmless inside JSON, HTML and SVG, and which links may be followed.
//!
//! Everything a child printed passes through here before it stands in a document.

use std::fmt::{self, Write};

/// Schemes a rendered link may have: ones a reader can open without running anything.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "ftp"];

/// What stands in a document instead of a character.
enum Swap {
    /// This text, possibly none.
    Text(&'static str),
    /// JSON's `\u` and four digits; for characters of the BMP.
    Code(u32),
}

/// `text` as the inside of a JSON string (RFC 8259 section 7), safe inside a script element too.
pub(super) fn json(text: &str, out: &mut dyn Write) -> fmt::Result {
    swapped(text, out, |c| match c {
        '"' => Some(Swap::Text("\\\"")),
        '\\' => Some(Swap::Text("\\\\")),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '<' | '\u{2028}' | '\u{2029}' => {
            Some(Swap::Code(c.into()))
        }
        _ => None,
    })
}

/// `text` as character data or a quoted attribute's value, for HTML and XML alike.
///
/// Characters that XML does not allow become U+FFFD. Controls of writing direction are left out: a
/// terminal shows its cells in order, and so must the picture.
pub(super) fn markup(text: &str, out: &mut dyn Write) -> fmt::Result {
    swapped(text, out, |c| {
        Some(Swap::Text(match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => "",
            _ => return None,
        }))
    })
}

/// Writes `text` with each character that `swap` knows replaced, and all between in one piece.
fn swapped(text: &str, out: &mut dyn Write, swap: fn(char) -> Option<Swap>) -> fmt::Result {
    let mut written = 0;
    for (at, c) in text.char_indices() {
        // Letters, digits and spaces are never replaced; most of a screen is these.
        if c.is_ascii_alphanumeric() || c == ' ' {
            continue;
        }
        let Some(swap) = swap(c) else { continue };
        out.write_str(&text[written..at])?;
        match swap {
            Swap::Text(text) => out.write_str(text)?,
            Swap::Code(code) => write!(out, "\\u{code:04x}")?,
        }
        written = at + c.len_utf8();
    }
    out.write_str(&text[written..])
}

/// Whether a link's target may stand in a document that someone clicks on.
pub(super) fn may_link(target: &str) -> bool {
    target.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && SCHEMES.iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_child_prints_is_markup() {
        let mut out = String::new();
        markup("a<b>&\"'\u{1}\u{202e}z", &mut out).unwrap();
        assert_eq!(out, "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}z");
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let text = "a\"\\\u{1}\u{7f}\u{2028}</script>\u{1f600}\n";
        let mut out = String::new();
        json(text, &mut out).unwrap();
        assert_eq!(serde_json::from_str::<String>(&format!("\"{out}\"")).unwrap(), text);
        assert!(!out.contains("</"));
    }

    #[test]
    fn only_listed_schemes_are_links() {
        for yes in ["https://a/b", "HTTP://a", "mailto:a@b", "ftp://x"] {
            assert!(may_link(yes), "{yes}");
        }
        for no in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            " https://a",
            "https",
            "//a",
            "http:",
        ] {
            assert!(!may_link(no), "{no}");
        }
    }
}
