//! What a terminal is: bytes in, a screen and answers out.
//!
//! Pure: no clock, no I/O, no threads. `Terminal` is the door; the rest is behind it.

mod cell;
mod checkpoint;
mod cluster;
mod grid;
pub mod history;
pub mod keys;
pub mod line;
pub mod link;
pub mod modes;
mod pack;
mod reflow;
pub mod render;
pub mod reply;
mod restore;
mod screen;
pub mod style;
mod tables;
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

use self::screen::Screen;
use self::token::{Machine, Sink};
use crate::region::Region;
use crate::units::Size;
use std::ops::Range;

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
    machine: Machine,
    screen: Screen,
    report: Report,
}

impl Terminal {
    /// A fresh terminal.
    pub fn new(size: Size, history: History) -> Terminal {
        Terminal {
            machine: Machine::default(),
            screen: Screen::new(size, history),
            report: Report::default(),
        }
    }

    /// Reads what a program printed. May be cut at any byte.
    pub fn feed(&mut self, bytes: &[u8], watch: &mut impl Watch) {
        let mut feeding = Feeding { screen: &mut self.screen, report: &self.report, watch };
        self.machine.feed(bytes, &mut feeding);
    }

    /// Bytes fed so far.
    pub fn offset(&self) -> u64 {
        self.machine.offset()
    }

    /// The offset up to which tokens are complete: viewers get bytes up to here, and `restore` is the
    /// screen at this offset. At most `STRING_HELD_BYTES_MAX` before `offset`.
    pub fn complete(&self) -> u64 {
        self.machine.complete()
    }

    /// The bytes of an unfinished sequence or character, from `complete` on: what must be sent after a
    /// restore if what follows is sent as the program printed it, from `offset` on.
    pub fn unfinished(&self) -> Vec<u8> {
        self.machine.unfinished()
    }

    /// Changes the size as xterm.js does, losing nothing.
    pub fn resize(&mut self, size: Size) {
        self.screen.resize(usize::from(size.rows()), usize::from(size.cols()));
    }

    /// The size.
    pub fn size(&self) -> Size {
        Size::clamped(self.screen.rows as u16, self.screen.cols as u16)
    }

    /// Sets what queries about the outer terminal are answered with.
    pub fn set_report(&mut self, report: Report) {
        self.report = report;
    }

    /// The bytes that rebuild this terminal in a fresh one of its size, the last `history_rows` rows
    /// of history first.
    pub fn restore(&self, history_rows: usize) -> Vec<u8> {
        restore::restore(&self.screen, history_rows)
    }

    /// Whether `restore` with the whole history rebuilds everything, also what does not show, as long as the size
    /// stays: false in the rare cases of docs/decisions.md, "what a restore cannot carry".
    pub fn restores_exactly(&self) -> bool {
        restore::is_exact(&self.screen)
    }

    /// The bytes that undo in a viewer's terminal what this one has set: modes, not text.
    pub fn undo_modes(&self) -> Vec<u8> {
        restore::undo(&self.screen)
    }

    /// Everything `from_checkpoint` needs but the history's bytes, appended to `out`.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        checkpoint::write(self, out);
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
        checkpoint::read(bytes, region, lines_max)
    }

    /// Row `row` of the screen shown now, 0 at the top.
    pub fn row(&self, row: u16) -> Line {
        let grid = &self.screen.page().grid;
        let y = usize::from(row);
        if y >= grid.rows() {
            return Line::default();
        }
        Line::of(grid.used(y, &mut Vec::new()), grid.wrapped(y), &self.screen.tables)
    }

    /// The last `rows` rows of history, oldest first.
    pub fn history_rows(&self, rows: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        restore::history_rows(&self.screen, rows, &mut |row, tables| {
            lines.push(Line::of(row.cells, row.wrapped, tables));
        });
        lines
    }

    /// Lines of history, each as long as it was printed, whatever the width.
    pub fn history_lines(&self) -> usize {
        self.screen.history.lines()
    }

    /// Gives up the terminal for the memory its history lies in.
    pub fn into_history_region(self) -> Box<dyn Region> {
        self.screen.history.into_region()
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> Cursor {
        let page = self.screen.page();
        Cursor { row: page.y as u16, col: page.x as u16 }
    }

    /// The modes.
    pub fn modes(&self) -> &Modes {
        &self.screen.modes
    }

    /// The kitty keyboard protocol's flags now in force.
    pub fn kitty_flags(&self) -> u8 {
        self.screen.kitty_flags()
    }

    /// The title, empty until a program sets one.
    pub fn title(&self) -> &str {
        &self.screen.titles.title
    }

    /// How many titles and how many icon names the program has put aside.
    pub fn titles_aside(&self) -> (usize, usize) {
        (self.screen.titles.titles.len(), self.screen.titles.icons.len())
    }

    /// Whether the alternate screen is shown.
    pub fn is_alternate(&self) -> bool {
        self.screen.active == screen::ALT
    }
}

/// Where the machine's tokens go: answers first, then the screen, then the gate.
struct Feeding<'a, W> {
    screen: &'a mut Screen,
    report: &'a Report,
    watch: &'a mut W,
}

impl<W: Watch> Sink for Feeding<'_, W> {
    #[inline]
    fn print(&mut self, bytes: &[u8]) -> usize {
        self.screen.print(bytes)
    }

    #[inline]
    fn control(&mut self, c: char, span: Range<u64>) {
        self.screen.control(c, self.watch);
        self.watch.sequence(&Token::Control(c), span);
    }

    #[inline]
    fn token(&mut self, token: &Token<'_>, span: Range<u64>, told: bool) {
        if let Some(answer) = reply::answer(self.screen, self.report, token) {
            self.watch.reply(span.end, answer.as_bytes());
        }
        self.screen.apply(token, self.watch);
        if !told {
            self.watch.sequence(token, span);
        }
    }

    #[inline]
    fn csi(&mut self, params: &token::Params, last: u8, span: Range<u64>) {
        let token = Token::Csi { prefix: 0, params, intermediates: &[], last };
        if last != b'm' {
            return self.token(&token, span, false);
        }
        // By far the most frequent, and no question.
        self.screen.select_graphics(params);
        self.watch.sequence(&token, span);
    }

    fn string_end(&mut self) {
        self.screen.preceding = 0;
    }
}
