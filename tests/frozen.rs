//! What versions agree on: every message, and everything a daemon leaves behind, as bytes that do not change.
//!
//! `tests/golden/wire/v1.txt` has a line for each kind of message and for each kind of value in one; the test builds
//! the same value, which must decode from these bytes and encode to them. `tests/golden/checkpoint/` has a terminal
//! and a whole face. Files of a published version stay as they are: a change is a new version, with files of its own
//! beside them. Before that, BLESS=1 writes the newest version's files.

#![allow(clippy::unwrap_used)]

#[path = "frozen/messages.rs"]
mod messages;
#[path = "frozen/state.rs"]
mod state;

use std::path::PathBuf;

/// A file of bytes that are kept, under its name in tests/golden.
fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Writes a kept file anew when that is asked for.
fn bless(name: &str, bytes: &[u8]) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(kept(name), bytes).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len() / 2).map(|n| digit(2 * n)).collect()
}
