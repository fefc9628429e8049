//! The keys that detach, as people write them: `C-b d`, `ctrl-b,d`, `^B d`. Pure.

/// Keys of a sequence at most: a prefix and one more.
const KEYS_MAX: usize = 2;

/// The bytes of the keys in `text`; none of `none`, and `None` for text that names no keys.
pub fn parse(text: &str) -> Option<Vec<u8>> {
    if text.trim().is_empty() || text.trim() == "none" {
        return Some(Vec::new());
    }
    let keys: Option<Vec<u8>> =
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(key).collect();
    // A plain first key could never be typed again.
    keys.filter(|keys| keys.len() <= KEYS_MAX && keys.first().is_some_and(|first| *first < 0x20))
}

/// The byte of one key.
fn key(word: &str) -> Option<u8> {
    let lower = word.to_ascii_lowercase();
    let control = ["ctrl-", "ctrl+", "c-", "^"].iter().find_map(|p| lower.strip_prefix(p));
    match (control, word.as_bytes()) {
        (Some("space" | "@"), _) => Some(0),
        (Some("?"), _) => None,
        (Some(name), _) if name.len() == 1 => {
            let byte = name.as_bytes()[0].to_ascii_uppercase();
            (0x40..0x60).contains(&byte).then_some(byte & 0x1f)
        }
        (_, [byte]) if (0x21..0x7f).contains(byte) => Some(*byte),
        _ => match lower.as_str() {
            "space" => Some(b' '),
            "escape" | "esc" => Some(0x1b),
            _ => None,
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_people_write_them() {
        for text in ["C-b d", "ctrl-b,d", "^B d", "Ctrl-B d"] {
            assert_eq!(parse(text), Some(vec![2, b'd']), "{text}");
        }
        assert_eq!(parse("ctrl-p,ctrl-q"), Some(vec![0x10, 0x11]));
        assert_eq!(parse("^\\"), Some(vec![0x1c]));
        assert_eq!(parse("C-space d"), Some(vec![0, b'd']));
        assert_eq!(parse("none"), Some(vec![]));
        for bad in ["d", "C-b d e", "C-", "hello", "C-\u{e9}", "F1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
