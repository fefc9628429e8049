//! What viewers may get of a program's output: an allow-list of sequences no terminal answers.

use crate::term::Token;
use std::ops::Range;

/// What is to be done with a token's span in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Viewers get it.
    Pass,
    /// It is overwritten by NULs of the same length.
    Silence,
}

/// Judges one token.
pub fn judge(token: &Token<'_>) -> Verdict {
    let _ = token;
    Verdict::Pass
}

/// A span to be overwritten by NULs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    /// Offsets in the program's output.
    pub span: Range<u64>,
    /// Control bytes in the span were executed and stay; see `blank`.
    pub keep_controls: bool,
}

impl Silence {
    /// Overwrites the span's bytes. The slice may be a part of the span.
    pub fn blank(&self, bytes: &mut [u8]) {
        for b in bytes {
            if !self.keep_controls || *b >= 0x20 || *b == 0x1b {
                *b = 0;
            }
        }
    }
}

/// How to silence a token that `judge` keeps out.
pub fn silence(token: &Token<'_>, span: Range<u64>) -> Silence {
    let _ = token;
    Silence { span, keep_controls: true }
}
