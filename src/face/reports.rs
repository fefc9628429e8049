//! What a viewer's terminal sends that nobody typed.
//!
//! Replies to queries are dropped: the model has answered already, and a viewer must not answer for it. Reports of
//! the mouse, of focus and of the colour scheme count from the leader alone. Forms: xterm's control sequences.

/// Removes from `input` what nobody typed. The second value says whether anything typed is left.
pub fn sift(input: &[u8], leads: bool) -> (Vec<u8>, bool) {
    let mut kept = Vec::with_capacity(input.len());
    let mut typed = false;
    let mut rest = input;
    while let Some(start) = memchr::memchr(0x1b, rest) {
        typed |= start > 0;
        kept.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        let (len, what) = measure(rest);
        match what {
            What::Reply => {}
            What::Report if leads => kept.extend_from_slice(&rest[..len]),
            What::Report => {}
            What::Typed => {
                typed = true;
                kept.extend_from_slice(&rest[..len]);
            }
        }
        rest = &rest[len..];
    }
    typed |= !rest.is_empty();
    kept.extend_from_slice(rest);
    (kept, typed)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Typed,
    Reply,
    Report,
}

/// The length and nature of the sequence at the start of `bytes`, which begin with ESC. One that is cut off is typed:
/// a lone Escape must not be held.
fn measure(bytes: &[u8]) -> (usize, What) {
    match bytes.get(1) {
        Some(b'[') => control_sequence(bytes),
        Some(b']' | b'P' | b'_') => match string_end(bytes) {
            Some(len) => (len, What::Reply),
            None => (1, What::Typed),
        },
        _ => (1, What::Typed),
    }
}

fn control_sequence(bytes: &[u8]) -> (usize, What) {
    let Some(end) = bytes[2..].iter().position(|b| (0x40..=0x7e).contains(b)) else {
        return (1, What::Typed);
    };
    let len = 2 + end + 1;
    let (body, last) = (&bytes[2..2 + end], bytes[2 + end]);
    let first = body.first().copied();
    let what = match (first, last) {
        (Some(b'?'), b'n') if body.starts_with(b"?997;") => What::Report,
        (Some(b'?' | b'>' | b'='), b'c') | (Some(b'?'), b'n' | b'u' | b'y' | b'R' | b'S') => {
            What::Reply
        }
        (Some(b'0'..=b'9'), b'n' | b't' | b'y') => What::Reply,
        // F3 with modifiers is CSI 1 ; m R: only other rows are surely a cursor position report.
        (Some(b'0'..=b'9'), b'R') if !body.starts_with(b"1;") => What::Reply,
        (Some(b'<'), b'M' | b'm') | (None, b'I' | b'O') => What::Report,
        (None, b'M') => return ((len + 3).min(bytes.len()), What::Report),
        _ => What::Typed,
    };
    (len, what)
}

fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let next = at + memchr::memchr2(0x07, 0x1b, &bytes[at..])?;
        if bytes[next] == 0x07 {
            return Some(next + 1);
        }
        if bytes.get(next + 1) == Some(&b'\\') {
            return Some(next + 2);
        }
        at = next + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_never_pass_and_keys_always_do() {
        for reply in [
            "\x1b[?62;22c",
            "\x1b[>0;276;0c",
            "\x1b[5;1R",
            "\x1b[?5;1R",
            "\x1b[?2026;2$y",
            "\x1b[0n",
            "\x1b[4;1;2t",
            "\x1b]11;rgb:0/0/0\x1b\\",
            "\x1b]10;rgb:0/0/0\x07",
            "\x1bP1+r544e\x1b\\",
            "\x1b[?0u",
        ] {
            assert_eq!(sift(reply.as_bytes(), true), (vec![], false), "{reply:?}");
            let between = format!("a{reply}b");
            assert_eq!(sift(between.as_bytes(), true), (b"ab".to_vec(), true), "{reply:?}");
        }
        for key in [
            "\x1b",
            "\x1b[A",
            "\x1bOP",
            "\x1b[1;5R",
            "\x1b[97;5u",
            "\x1b[200~x\x1b[201~",
            "\x1bx",
            "\x1b[3~",
        ] {
            assert_eq!(sift(key.as_bytes(), false), (key.as_bytes().to_vec(), true), "{key:?}");
        }
    }

    #[test]
    fn the_mouse_counts_from_the_leader_alone() {
        for report in ["\x1b[<0;1;1M", "\x1b[M !!", "\x1b[I", "\x1b[?997;1n"] {
            assert_eq!(sift(report.as_bytes(), false), (vec![], false));
            assert_eq!(sift(report.as_bytes(), true), (report.as_bytes().to_vec(), false));
        }
    }
}
