//! What a terminal tells its owner while it is fed.

use super::token::Token;
use std::ops::Range;

/// Receives what `Terminal::feed` finds besides the screen. All methods do nothing by default.
pub trait Watch {
    /// An answer owed to the program. `at` is the offset after its query.
    fn reply(&mut self, at: u64, bytes: &[u8]) {
        let _ = (at, bytes);
    }

    /// Something to be told to others.
    fn event(&mut self, event: Event<'_>) {
        let _ = event;
    }

    /// Every token that is not printed text, with its span in the stream, which may begin in an
    /// earlier feed. The gate decides by it what viewers get.
    fn sequence(&mut self, token: &Token<'_>, span: Range<u64>) {
        let _ = (token, span);
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// Something a program announced. Texts are untrusted and bounded; control characters are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// The title is now this (OSC 0, 2, or popped).
    Title(&'a str),
    /// BEL outside a string.
    Bell,
    /// OSC 52 write: `selection` as given, `base64` as given, at most `CLIPBOARD_BYTES_MAX`.
    Clipboard {
        /// The selection's letters, for example `c`.
        selection: &'a str,
        /// The payload, not decoded.
        base64: &'a str,
    },
    /// OSC 9;4: state 0 to 4, percent 0 to 100.
    Progress {
        /// 0 remove, 1 value, 2 error, 3 indeterminate, 4 paused.
        state: u8,
        /// How far.
        percent: u8,
    },
    /// A desktop notification (OSC 9, 99, 777).
    Notify(&'a str),
    /// OSC 133: where a prompt, a command and its output begin and end.
    Prompt(PromptMark),
    /// OSC 7: the working directory as a `file:` URL.
    Cwd(&'a str),
    /// A synchronised frame begins (mode 2026 set).
    SyncBegin,
    /// It ends.
    SyncEnd,
}

/// A shell integration mark (OSC 133).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PromptMark {
    /// A: a prompt begins.
    PromptStart,
    /// B: the prompt ends, the command line begins.
    CommandStart,
    /// C: the command's output begins.
    OutputStart,
    /// D: the command ended, with its exit code when given.
    CommandEnd(Option<i32>),
}
