//! What a terminal is: bytes in, a screen and answers out.
//!
//! Pure: no clock, no I/O, no threads. `Terminal` is the door; the rest is behind it.

pub mod history;
pub mod keys;
pub mod line;
pub mod link;
pub mod modes;
pub mod render;
pub mod reply;
pub mod style;
pub mod token;
pub mod watch;
pub mod width;
mod width_table;

pub use history::History;
pub use line::Line;
pub use link::Link;
pub use modes::Modes;
pub use reply::Report;
pub use style::{Attrs, Color, Style, Underline};
pub use token::Token;
pub use watch::{Event, Unwatched, Watch};

use crate::region::Region;
use crate::units::Size;

/// Where the cursor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    /// Row from the top, 0 first.
    pub row: u16,
    /// Column from the left, 0 first; the width itself when the next character wraps.
    pub col: u16,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes end too early or hold nonsense.
    #[error("checkpoint: {0}")]
    Malformed(&'static str),
    /// The checksum does not match.
    #[error("checkpoint: checksum does not match")]
    Checksum,
}

/// A terminal: screens, modes, history, and the machine that reads bytes.
pub struct Terminal {
    size: Size,
    history: History,
    modes: Modes,
    report: Report,
    offset: u64,
}

impl Terminal {
    /// A fresh terminal.
    pub fn new(size: Size, history: History) -> Terminal {
        Terminal { size, history, modes: Modes::default(), report: Report::default(), offset: 0 }
    }

    /// Reads what a program printed. May be cut at any byte.
    pub fn feed(&mut self, bytes: &[u8], watch: &mut impl Watch) {
        let _ = watch;
        self.offset += bytes.len() as u64;
    }

    /// Bytes fed so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset up to which tokens are complete: viewers get bytes up to here. At most
    /// `STRING_HELD_BYTES_MAX` before `offset`.
    pub fn complete(&self) -> u64 {
        self.offset
    }

    /// Changes the size as xterm.js does, losing nothing.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// The size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Sets what queries about the outer terminal are answered with.
    pub fn set_report(&mut self, report: Report) {
        self.report = report;
    }

    /// The bytes that rebuild this terminal in a fresh one of its size, the last `history_rows` rows
    /// of history first.
    pub fn restore(&self, history_rows: usize) -> Vec<u8> {
        let _ = (history_rows, &self.report, self.history.lines_max());
        Vec::new()
    }

    /// The bytes that undo in a viewer's terminal what this one has set: modes, not text.
    pub fn undo_modes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Everything `from_checkpoint` needs but the history's bytes, appended to `out`.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
    }

    /// The terminal as it was; feed it what came after `offset()`.
    ///
    /// # Errors
    /// `CheckpointError` when the bytes are not a whole checkpoint.
    pub fn from_checkpoint(
        bytes: &[u8],
        region: Box<dyn Region>,
        lines_max: usize,
    ) -> Result<Terminal, CheckpointError> {
        let _ = (bytes, History::new(region, lines_max));
        Err(CheckpointError::Malformed("not yet"))
    }

    /// Row `row` of the screen shown now, 0 at the top.
    pub fn row(&self, row: u16) -> Line {
        let _ = row;
        Line::default()
    }

    /// The last `rows` rows of history, oldest first.
    pub fn history_rows(&self, rows: usize) -> Vec<Line> {
        let _ = rows;
        Vec::new()
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> Cursor {
        Cursor::default()
    }

    /// The modes.
    pub fn modes(&self) -> &Modes {
        &self.modes
    }

    /// The kitty keyboard protocol's flags now in force.
    pub fn kitty_flags(&self) -> u8 {
        0
    }

    /// The title, empty until a program sets one.
    pub fn title(&self) -> &str {
        ""
    }

    /// Whether the alternate screen is shown.
    pub fn is_alternate(&self) -> bool {
        false
    }
}
