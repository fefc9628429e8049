//! Pasted text, made safe to stand between the brackets of `CSI ? 2004 h`.

/// What starts a paste.
const OPEN: &[u8] = b"\x1b[200~";
/// What ends one, and so must not occur inside it.
const CLOSE: &[u8] = b"\x1b[201~";
/// The same after the 8-bit CSI, as UTF-8 has it.
const CLOSE_C1: &[u8] = b"\xc2\x9b201~";
/// The same as one raw byte; only where it is not the tail of a UTF-8 character.
const CLOSE_RAW: &[u8] = b"\x9b201~";

/// The bytes of a paste: line ends as Return sends them, and every form of the closing bracket
/// removed, also those that only appear once another is gone.
///
/// They are removed without brackets too: the mode may be set before the bytes are read.
pub fn paste(payload: &[u8], bracketed: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + OPEN.len() + CLOSE.len());
    if bracketed {
        out.extend_from_slice(OPEN);
    }
    let start = out.len();
    let mut carriage_return = false;
    for &byte in payload {
        match byte {
            b'\n' if carriage_return => {}
            b'\n' => out.push(b'\r'),
            _ => out.push(byte),
        }
        carriage_return = byte == b'\r';
        if byte == b'~' {
            let length = closing(&out[start..]);
            out.truncate(out.len() - length);
        }
    }
    if bracketed {
        out.extend_from_slice(CLOSE);
    }
    out
}

/// Length of the closing bracket that `text` ends in, 0 for none.
fn closing(text: &[u8]) -> usize {
    if text.ends_with(CLOSE) {
        CLOSE.len()
    } else if text.ends_with(CLOSE_C1) {
        CLOSE_C1.len()
    } else if let Some(before) = text.strip_suffix(CLOSE_RAW) {
        if before.last().is_none_or(u8::is_ascii) { CLOSE_RAW.len() } else { 0 }
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_cannot_end_itself() {
        let inside = |text: &[u8]| paste(text, true)[OPEN.len()..].to_vec();
        assert_eq!(paste(b"a\x1b[201~rm", true), b"\x1b[200~arm\x1b[201~");
        assert_eq!(inside(b"\x1b[20\x1b[201~1~x"), b"x\x1b[201~");
        assert_eq!(inside(b"\x9b201~x\x9b201~"), b"x\x1b[201~");
        assert_eq!(inside(b"\xc2\x9b201~x"), b"x\x1b[201~");
        // A letter whose last UTF-8 byte is 9B is text.
        assert_eq!(inside("\u{11b}201~".as_bytes()), "\u{11b}201~\x1b[201~".as_bytes());
    }

    #[test]
    fn line_ends_are_return() {
        assert_eq!(paste(b"a\r\nb\nc\rd\n\n", false), b"a\rb\rc\rd\r\r");
    }
}
