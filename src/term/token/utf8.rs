//! UTF-8 as xterm.js decodes it: what is not UTF-8 is dropped.

/// What the bytes at hand begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded {
    /// A character of so many bytes.
    Char(char, usize),
    /// So many bytes that mean nothing.
    Nothing(usize),
    /// The beginning of a character: more bytes are needed.
    Partial,
}

/// Decodes the first character of `bytes`, which must begin with a byte of 0x80 or more.
#[inline]
pub fn decode(bytes: &[u8]) -> Decoded {
    let need = match bytes[0] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return Decoded::Nothing(1),
    };
    let mut code = u32::from(bytes[0]) & (0x7f >> need);
    for at in 1..need {
        match bytes.get(at) {
            None => return Decoded::Partial,
            Some(&b) if b & 0xc0 == 0x80 => code = code << 6 | u32::from(b & 0x3f),
            Some(_) => return Decoded::Nothing(at),
        }
    }
    let least = [0x80, 0x800, 0x1_0000][need - 2];
    match char::from_u32(code) {
        Some(c) if code >= least => Decoded::Char(c, need),
        _ => Decoded::Nothing(need),
    }
}

/// The character to be printed that `bytes` begins with, and its length; None before a control and what is no
/// character.
#[inline]
pub fn printable(bytes: &[u8]) -> Option<(char, usize)> {
    match *bytes.first()? {
        b @ 0x20..=0x7e => Some((char::from(b), 1)),
        0x80.. => match decode(bytes) {
            Decoded::Char('\u{80}'..='\u{9f}', _) => None,
            Decoded::Char(c, len) => Some((c, len)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf8_is_dropped_and_the_rest_read_on() {
        assert_eq!(decode("é".as_bytes()), Decoded::Char('é', 2));
        assert_eq!(decode("語x".as_bytes()), Decoded::Char('語', 3));
        assert_eq!(decode("🦀".as_bytes()), Decoded::Char('🦀', 4));
        assert_eq!(decode(b"\xe8\xaa"), Decoded::Partial);
        assert_eq!(decode(b"\xe8A"), Decoded::Nothing(1));
        assert_eq!(decode(b"\xe8\xaaA"), Decoded::Nothing(2));
        assert_eq!(decode(b"\xc0\x80"), Decoded::Nothing(2));
        assert_eq!(decode(b"\xed\xa0\x80"), Decoded::Nothing(3));
        assert_eq!(decode(b"\xf4\x90\x80\x80"), Decoded::Nothing(4));
        assert_eq!(decode(b"\x9b"), Decoded::Nothing(1));
    }
}
