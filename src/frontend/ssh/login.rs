//! What a login's client brings into a new face: language and looks, and the modes of its terminal.

use crate::limits::TERMINAL_MODES_MAX;
use crate::units::Mode;
use russh::Pty;

/// Bytes of a client's variable: longer ones are left out.
const VALUE_BYTES_MAX: usize = 256;

/// Whether a client may set this variable in a new face: language and looks only.
pub fn may_set(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    plain && (matches!(name, "LANG" | "COLORTERM" | "TERM_PROGRAM") || name.starts_with("LC_"))
}

/// A client's variable, if it may be set so.
pub fn accept(name: String, value: String) -> Option<(String, String)> {
    let fine = value.len() <= VALUE_BYTES_MAX && !value.chars().any(char::is_control);
    (may_set(&name) && fine).then_some((name, value))
}

/// `own` with what the client set instead.
pub fn environment(
    mut own: Vec<(String, String)>,
    from_client: &[(String, String)],
) -> Vec<(String, String)> {
    for (name, value) in from_client {
        own.retain(|(known, _)| known != name);
        own.push((name.clone(), value.clone()));
    }
    own
}

/// The modes of the client's terminal, as a new face takes them.
pub fn modes(from_client: &[(Pty, u32)]) -> Vec<Mode> {
    let modes = from_client.iter().map(|(mode, value)| (*mode as u8, *value));
    modes.take(TERMINAL_MODES_MAX).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn clients_set_language_and_looks_only() {
        for name in ["LANG", "LC_ALL", "LC_CTYPE", "COLORTERM", "TERM_PROGRAM"] {
            assert!(may_set(name), "{name}");
        }
        for name in ["PATH", "LD_PRELOAD", "LANGUAGE", "LC_x", "lc_all", "FACE_ID", "", "LC_A=B"] {
            assert!(!may_set(name), "{name}");
        }
        assert!(accept("LANG".into(), "a\nb".into()).is_none());
        assert!(accept("LANG".into(), "x".repeat(300)).is_none());
    }

    #[test]
    fn the_clients_language_comes_instead_of_the_servers() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let own = vec![pair("LANG", "C"), pair("HOME", "/root")];
        let env = environment(own, &[pair("LANG", "de_DE.UTF-8")]);
        assert_eq!(env, [pair("HOME", "/root"), pair("LANG", "de_DE.UTF-8")]);
    }
}
