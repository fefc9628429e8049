//! What a face is: a child's terminal, its journal, its input queue, and what survives of them in shared memory.
//!
//! Pure. The owner reads the PTY into `space`, says how much with `handle_output`, writes `input.next()` to the PTY
//! and says how much with `handle_written`. Who watches, and who may, is `mux`'s to know.

pub mod detach;
pub mod gate;
pub mod input;
pub mod journal;
pub mod memory;
pub mod paint;
pub mod preview;
pub mod reports;
pub mod slots;
pub mod undo;

use crate::limits::{PTY_READ_BYTES, REPLIES_MAX, SPAN_EVENTS_MAX};
use crate::planted::{Bug, has, swallow};
use crate::term::{self, History, Terminal, Token, Watch};
use crate::units::{Offset, Size};
use gate::{Gate, Silence};
use input::Input;
use journal::Journal;
use memory::{Front, Header, Memory};
use slots::Slots;
use std::ops::Range;
use undo::Undo;

/// A face's machine.
pub struct Face {
    header: Header,
    /// What is to be typed.
    input: Input,
    journal: Journal,
    undo: Undo,
    slots: Slots,
    /// `None` in quarantine: its bytes have killed the daemon twice, so nobody parses them.
    terminal: Option<Terminal>,
    size: Size,
    checkpoint_at: u64,
    findings: Findings,
}

/// Something a program announced, kept until the owner takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Announced {
    /// The title changed.
    Title,
    /// It rang.
    Bell,
    /// It wrote to the clipboard.
    Clipboard(String),
    /// Progress: state, percent.
    Progress(u8, u8),
    /// It wants attention.
    Notify(String),
    /// A prompt began (`true`) or a command did.
    Prompt(bool),
}

/// What a feed found besides the screen.
#[derive(Default)]
struct Findings {
    gate: Gate,
    replies: Vec<(u64, Vec<u8>)>,
    silences: Vec<Silence>,
    announced: Vec<Announced>,
}

impl Watch for Findings {
    fn reply(&mut self, at: u64, bytes: &[u8]) {
        if self.replies.len() < REPLIES_MAX {
            self.replies.push((at, bytes.to_vec()));
        }
    }

    fn event(&mut self, event: term::Event<'_>) {
        if self.announced.len() >= SPAN_EVENTS_MAX {
            return;
        }
        self.announced.push(match event {
            term::Event::Title(_) => Announced::Title,
            term::Event::Bell => Announced::Bell,
            term::Event::Clipboard { base64, .. } => Announced::Clipboard(base64.to_string()),
            term::Event::Progress { state, percent } => Announced::Progress(state, percent),
            term::Event::Notify(text) => Announced::Notify(preview::sanitised(text)),
            term::Event::Prompt(mark) => match mark {
                term::watch::PromptMark::PromptStart => Announced::Prompt(true),
                term::watch::PromptMark::OutputStart => Announced::Prompt(false),
                _ => return,
            },
            _ => return,
        });
    }

    #[inline]
    fn sequence(&mut self, token: &Token<'_>, span: Range<u64>) {
        if let Some(silence) = self.gate.judge(token, span)
            && !has(Bug::OpenGate)
        {
            self.silences.push(silence);
        }
    }
}

impl Face {
    /// A face that begins now, in memory of zeros.
    pub fn new(memory: Memory, size: Size, history_lines: usize) -> Face {
        let history = History::new(
            Box::new(Front::for_history(memory.history, history_lines)),
            history_lines,
        );
        let terminal = Some(Terminal::new(size, history));
        let header = Header::new(memory.header);
        let input = Input::new(memory.input, &header);
        let journal = Journal::new(memory.journal, 0);
        let (undo, slots) = (Undo::new(memory.undo), Slots::new(memory.slots));
        Face::assemble(header, input, journal, (undo, slots), terminal, size)
    }

    fn assemble(
        header: Header,
        input: Input,
        journal: Journal,
        (undo, slots): (Undo, Slots),
        terminal: Option<Terminal>,
        size: Size,
    ) -> Face {
        Face {
            header,
            input,
            journal,
            undo,
            slots,
            terminal,
            size,
            checkpoint_at: 0,
            findings: Findings::default(),
        }
    }

    /// A face as a dead daemon left it. `in_flight` is what its last I/O on this face returned: read, written
    /// (positions after it). `size` is what the owner knew last where no checkpoint says; `report` finds in the last
    /// checkpoint's meta what queries about surroundings are answered with. Gives the face and that meta.
    pub fn recover(
        memory: Memory,
        size: Size,
        history_lines: usize,
        in_flight: InFlight,
        quarantine: bool,
        report: impl Fn(&[u8]) -> Option<term::Report>,
    ) -> (Face, Option<Vec<u8>>) {
        let mut header = Header::new(memory.header);
        if let Some(head) = in_flight.head.filter(|_| !has(Bug::RecordForgotten)) {
            header.set_head(head);
        }
        if let Some(written) = in_flight.written.filter(|_| !has(Bug::RecordForgotten)) {
            header.set_written(written);
        }
        if in_flight.doubt {
            header.add_doubt();
        }
        header.settle();
        let (undo, slots) = (Undo::new(memory.undo), Slots::new(memory.slots));
        let (mut meta, mut terminal) = (None, None);
        if let Some((kept, checkpoint)) = slots.read(&header) {
            meta = Some(kept.to_vec());
            if !quarantine {
                terminal = Terminal::from_checkpoint(
                    checkpoint,
                    Box::new(Front::for_history(memory.history, history_lines)),
                    history_lines,
                )
                .ok();
            }
            if let (Some(terminal), Some(report)) = (&mut terminal, report(kept)) {
                terminal.set_report(report);
            }
        } else if !quarantine {
            terminal = Some(Terminal::new(
                size,
                History::new(
                    Box::new(Front::for_history(memory.history, history_lines)),
                    history_lines,
                ),
            ));
        }
        let size = terminal.as_ref().map_or(size, Terminal::size);
        let journal = Journal::new(memory.journal, header.head());
        let input = Input::new(memory.input, &header);
        let mut face = Face::assemble(header, input, journal, (undo, slots), terminal, size);
        face.replay();
        (face, meta)
    }

    /// Parses what the journal holds beyond the checkpoint.
    fn replay(&mut self) {
        let Some(terminal) = &self.terminal else { return };
        let from = terminal.offset();
        self.checkpoint_at = from;
        if from < self.journal.tail().0 {
            // Cannot be: the checkpoint was to be taken before the ring came round.
            self.terminal = None;
            return;
        }
        self.findings.gate = Gate::resume(self.header.cut_off());
        self.undo.restore(&mut self.header, &mut self.journal, from);
        // In pieces as long as a read: what one may find is bounded, and questions answered long ago are found again.
        let (mut from, head) = (from, self.journal.head().0);
        while from < head {
            let to = head.min(from + PTY_READ_BYTES as u64);
            self.parse(from..to);
            from = to;
        }
        self.findings.announced.clear();
    }

    /// The size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The model; `None` in quarantine.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// The output ring.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The input ring.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// The offset up to which viewers may get output: the last complete token.
    pub fn complete(&self) -> Offset {
        self.terminal.as_ref().map_or(self.journal.head(), |t| Offset(t.complete()))
    }

    /// Where the PTY is to be read into: not beyond `limit`, at most `most` bytes.
    pub fn space(&mut self, limit: Offset, most: usize) -> &mut [u8] {
        let kept = Offset(self.checkpoint_at + self.journal.capacity());
        let limit = if self.terminal.is_some() { limit.min(kept) } else { limit };
        self.journal.space(limit, most)
    }

    /// `n` bytes were read into `space`. Answers what the program asked, silences what viewers must not get.
    pub fn handle_output(&mut self, n: usize) {
        let from = self.journal.head().0;
        self.journal.commit(n);
        self.header.set_head(self.journal.head().0);
        self.parse(from..self.journal.head().0);
    }

    fn parse(&mut self, span: Range<u64>) {
        let Some(terminal) = &mut self.terminal else { return };
        let (first, second) = self.journal.read(span);
        swallow(first);
        swallow(second);
        terminal.feed(first, &mut self.findings);
        terminal.feed(second, &mut self.findings);
        for (at, reply) in self.findings.replies.drain(..) {
            self.input.accept_reply(&mut self.header, &reply, at);
        }
        if !self.findings.silences.is_empty() {
            self.undo.note(&mut self.header, &self.findings.silences, &self.journal);
        }
        for silence in self.findings.silences.drain(..) {
            self.journal.rewrite(silence.span.clone(), |run| silence.blank(run));
            if let Some((at, _)) = silence.mark {
                self.journal.rewrite(at..at + 1, |run| silence.mark(run));
            }
        }
    }

    /// Whether so much was parsed since the last checkpoint that another is due.
    pub fn checkpoint_due(&self) -> bool {
        let parsed = self.journal.head().0 - self.checkpoint_at;
        self.terminal.is_some()
            && (parsed >= self.journal.capacity() / CHECKPOINTS_PER_JOURNAL
                || self.undo.is_full(&self.header))
    }

    /// Takes a checkpoint. When it does not fit, the face goes on without: a crash would cost it its screen.
    /// `scratch` is memory to work in, shared by all faces.
    pub fn checkpoint(&mut self, meta: &[u8], scratch: &mut Vec<u8>) -> bool {
        scratch.clear();
        if let Some(terminal) = &self.terminal {
            terminal.checkpoint(scratch);
            self.checkpoint_at = terminal.complete();
        } else if let Some((_, last)) = self.slots.read(&self.header) {
            // In quarantine only what the owner wants back changes.
            scratch.extend_from_slice(last);
        }
        self.header.set_next_cut_off(self.findings.gate.cut_off());
        let taken = self.slots.write(&mut self.header, meta, scratch);
        if taken && self.terminal.is_some() {
            self.undo.forget(&mut self.header);
        }
        taken
    }

    /// What was announced since the last call.
    pub fn take_announced(&mut self) -> Vec<Announced> {
        std::mem::take(&mut self.findings.announced)
    }

    /// Accepts what a viewer typed; see `Input::accept`.
    ///
    /// # Errors
    /// `InputError`; then nothing changed.
    pub fn accept(
        &mut self,
        bytes: &[u8],
        token: u64,
        upto: u64,
        line_mode: bool,
    ) -> Result<(), input::InputError> {
        self.input.accept(&mut self.header, bytes, token, upto, line_mode)
    }

    /// How much of the input stream of the viewer `token` was accepted before.
    pub fn accepted_of(&self, token: u64) -> u64 {
        self.header.accepted_of(token)
    }

    /// The PTY took `n` bytes of input.
    pub fn handle_written(&mut self, n: usize) {
        self.input.advance(&mut self.header, n);
    }

    /// Changes the size. The owner takes a checkpoint before it tells the PTY: a resize is not in the journal.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        if let Some(terminal) = &mut self.terminal {
            terminal.resize(size);
        }
    }

    /// What the program's queries about its surroundings are answered with.
    pub fn set_report(&mut self, report: term::Report) {
        if let Some(terminal) = &mut self.terminal {
            terminal.set_report(report);
        }
    }

    /// Counts a daemon killed by this face's bytes; gives how many in a row.
    pub fn crashes(&self) -> u64 {
        self.header.crashes()
    }

    /// Says how many daemons its bytes killed in a row.
    pub fn set_crashes(&mut self, crashes: u64) {
        self.header.set_crashes(crashes);
    }

    /// The drivers that were attached when the last daemon died, by their tokens.
    pub fn drivers(&self) -> Vec<u64> {
        self.header.drivers()
    }

    /// The driver `token` is to be waited for after a crash.
    pub fn driver_came(&mut self, token: u64) {
        self.header.add_driver(token);
    }

    /// It is not.
    pub fn driver_left(&mut self, token: u64) {
        self.header.remove_driver(token);
    }

    /// The driver who leads, or led when the last daemon died, by its token; 0 for none.
    pub fn leader(&self) -> u64 {
        self.header.leader()
    }

    /// Says who leads.
    pub fn set_leader(&mut self, token: u64) {
        self.header.set_leader(token);
    }

    /// Writes whose effect a crash left in doubt.
    pub fn doubt(&self) -> u64 {
        self.header.doubt()
    }
}

/// What the last I/O of a dead daemon on a face returned, as positions after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InFlight {
    /// The journal's head.
    pub head: Option<u64>,
    /// Input the PTY took.
    pub written: Option<u64>,
    /// A write of input was in flight and nobody can tell what it did.
    pub doubt: bool,
}

impl InFlight {
    /// Bytes read and written that the dead daemon had not noted in the face's memory.
    pub fn unnoted(&self, memory: &Memory) -> (u64, u64) {
        let (head, written) = memory::noted(memory);
        let beyond = |to: Option<u64>, from: u64| to.map_or(0, |to| to.saturating_sub(from));
        (beyond(self.head, head), beyond(self.written, written))
    }
}

/// Checkpoints taken while the journal comes round once.
const CHECKPOINTS_PER_JOURNAL: u64 = 4;
