//! Writing to stdout and stderr. A reader that went away (`facemux ls | head -1`) is no error.

use std::io::{self, Write};

/// Writes the answer to stdout; false when nobody reads it any more.
pub fn print(bytes: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Writes one line of the answer to stdout; false when nobody reads it any more.
pub fn line(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(b'\n');
    print(&bytes)
}

/// Writes a sentence to stderr, with the program's name.
pub fn complain(sentence: &str) {
    print_err(&format!("facemux: {sentence}\n"));
}

/// Writes text to stderr as it is.
pub fn print_err(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
