//! The keys that detach: two presses, the first one twice sends it once.
//!
//! Recognised as plain bytes, as the kitty keyboard protocol writes them (`CSI 98 ; 5 u`) and as xterm's
//! modifyOtherKeys does (`CSI 27 ; 5 ; 98 ~`), as far as one arrives in one piece.

/// What became of some input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sifted {
    /// What goes on to the face.
    pub bytes: Vec<u8>,
    /// The detach keys were pressed; what came after them is dropped.
    pub detach: bool,
}

/// Watches a viewer's input for the detach keys.
#[derive(Clone, Debug, Default)]
pub struct DetachKeys {
    keys: Option<(u8, Option<u8>)>,
    /// The first key as it arrived, held until the next key decides.
    held: Vec<u8>,
}

impl DetachKeys {
    /// `keys` is empty (never), one byte, or two.
    pub fn new(keys: &[u8]) -> DetachKeys {
        let keys = keys.first().map(|&first| (first, keys.get(1).copied()));
        DetachKeys { keys, held: Vec::new() }
    }

    /// Goes on where another left off: these bytes of a first key were held.
    pub fn resume(keys: &[u8], held: &[u8]) -> DetachKeys {
        DetachKeys { held: held.to_vec(), ..DetachKeys::new(keys) }
    }

    /// The keys, as `new` takes them.
    pub fn keys(&self) -> Vec<u8> {
        self.keys.map_or(Vec::new(), |(first, second)| [first].into_iter().chain(second).collect())
    }

    /// The first key as it arrived, while the next one has still to decide.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Whether input passes as it is: nothing held, and the first key not in it.
    pub fn passes(&self, input: &[u8]) -> bool {
        match self.keys {
            None => true,
            Some((first, _)) => {
                self.held.is_empty() && !input.contains(&first) && !input.contains(&0x1b)
            }
        }
    }

    /// Sifts `input`.
    pub fn sift(&mut self, input: &[u8]) -> Sifted {
        let Some((first, second)) = self.keys else {
            return Sifted { bytes: input.to_vec(), detach: false };
        };
        let mut bytes = Vec::with_capacity(input.len());
        let mut rest = input;
        while !rest.is_empty() {
            if self.held.is_empty() {
                match pressed(rest, first) {
                    Some(_) if second.is_none() => return Sifted { bytes, detach: true },
                    Some(len) => {
                        self.held = rest[..len].to_vec();
                        rest = &rest[len..];
                    }
                    None => {
                        bytes.push(rest[0]);
                        rest = &rest[1..];
                    }
                }
                continue;
            }
            let held = std::mem::take(&mut self.held);
            if second.is_some_and(|key| pressed(rest, key).is_some()) {
                return Sifted { bytes, detach: true };
            }
            bytes.extend_from_slice(&held);
            if let Some(len) = pressed(rest, first) {
                rest = &rest[len..];
            }
        }
        Sifted { bytes, detach: false }
    }
}

/// How many bytes at the start of `input` are the key that sends `key` in a plain terminal.
fn pressed(input: &[u8], key: u8) -> Option<usize> {
    if input.first() == Some(&key) {
        return Some(1);
    }
    let body = input.strip_prefix(b"\x1b[")?;
    let end = body.iter().take(24).position(|b| matches!(b, b'u' | b'~'))?;
    let text = std::str::from_utf8(&body[..end]).ok()?;
    let mut parameters =
        text.split(';').map(|p| p.split(':').next().and_then(|n| n.parse::<u32>().ok()));
    let (code, modifiers) = match body[end] {
        b'u' => (parameters.next()??, parameters.next().flatten().unwrap_or(1)),
        _ => {
            (parameters.next()? == Some(27)).then_some(())?;
            let modifiers = parameters.next()??;
            (parameters.next()??, modifiers)
        }
    };
    // Lock keys (64, 128) do not make another key of it.
    let modifiers = modifiers.saturating_sub(1) & 0b11_1111;
    let (want, want_modifiers) = match key {
        0 => (32, 4),
        1..=26 if !matches!(key, 9 | 13) => (u32::from(key) + 96, 4),
        28..=31 => (u32::from(key) + 64, 4),
        _ => (u32::from(key), 0),
    };
    (code == want && modifiers == want_modifiers).then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DetachKeys {
        DetachKeys::new(&[2, b'd'])
    }

    fn sent(bytes: &[u8]) -> Sifted {
        Sifted { bytes: bytes.to_vec(), detach: false }
    }

    #[test]
    fn the_two_keys_detach_also_when_they_come_apart() {
        let mut k = keys();
        assert_eq!(k.sift(b"ls\x02"), sent(b"ls"));
        assert_eq!(k.sift(b"dxyz"), Sifted { bytes: vec![], detach: true });
    }

    #[test]
    fn the_first_key_twice_sends_it_once_and_another_key_sends_both() {
        assert_eq!(keys().sift(b"\x02\x02d"), sent(b"\x02d"));
        assert_eq!(keys().sift(b"\x02n"), sent(b"\x02n"));
    }

    #[test]
    fn kitty_and_modify_other_keys_forms_are_the_same_keys() {
        for first in ["\x1b[98;5u", "\x1b[98;5:1u", "\x1b[98;69u", "\x1b[27;5;98~"] {
            for second in ["d", "\x1b[100u", "\x1b[100;1u"] {
                assert!(
                    keys().sift(format!("{first}{second}").as_bytes()).detach,
                    "{first:?}{second:?}"
                );
            }
        }
        assert_eq!(keys().sift(b"\x1b[98;6u"), sent(b"\x1b[98;6u"));
        assert_eq!(keys().sift(b"\x1b[A"), sent(b"\x1b[A"));
    }
}
