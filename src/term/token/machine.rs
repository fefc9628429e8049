//! The state machine itself, and what it keeps between two feeds.

mod step;

use super::utf8::{self, Decoded};
use super::{Params, Token};
use crate::limits::{CLIPBOARD_BYTES_MAX, SEQUENCE_BYTES_MAX, STRING_HELD_BYTES_MAX};
use crate::term::pack::{Bytes, put_number};
use std::ops::Range;

/// Receives what the machine finds.
pub trait Sink {
    /// Prints what `bytes` begins with, at least one byte that is no C0 control or DEL. Returns the bytes taken: it
    /// stops before a control, before what is not UTF-8, and before a character cut by the end.
    fn print(&mut self, bytes: &[u8]) -> usize;
    /// Executes a C0 or C1 control.
    fn control(&mut self, c: char, span: Range<u64>);
    /// Carries out a sequence. `told`: the gate was told of its bytes as junk already.
    fn token(&mut self, token: &Token<'_>, span: Range<u64>, told: bool);
    /// Carries out a CSI without prefix, sub-parameters and intermediates.
    #[inline]
    fn csi(&mut self, params: &Params, last: u8, span: Range<u64>) {
        self.token(&Token::Csi { prefix: 0, params, intermediates: &[], last }, span, false);
    }
    /// A string of any kind ended.
    fn string_end(&mut self);
}

/// Hears nothing: the bytes of an unfinished token have no effect yet.
struct Deaf;

impl Sink for Deaf {
    fn print(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some((_, len)) = utf8::printable(&bytes[at..]) {
            at += len;
        }
        at
    }
    fn control(&mut self, _: char, _: Range<u64>) {}
    fn token(&mut self, _: &Token<'_>, _: Range<u64>, _: bool) {}
    fn string_end(&mut self) {}
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    EscapeIntermediate,
    CsiEntry,
    CsiParam,
    CsiIntermediate,
    CsiIgnore,
    /// SOS, PM or APC.
    Ignored,
    Osc,
    DcsEntry,
    DcsParam,
    DcsIntermediate,
    DcsIgnore,
    DcsPayload,
}

impl State {
    fn is_string(self) -> bool {
        use State::*;
        matches!(
            self,
            Ignored | Osc | DcsEntry | DcsParam | DcsIntermediate | DcsIgnore | DcsPayload
        )
    }
}

/// The token machine.
#[derive(Debug, Default)]
pub struct Machine {
    state: State,
    /// Offset of the next byte.
    offset: u64,
    /// Where the unfinished token begins.
    start: u64,
    /// Junk of the unfinished token was told up to here.
    told: u64,
    /// The unfinished token is junk already.
    junk: bool,
    params: Params,
    prefix: u8,
    intermediates: heapless::Vec<u8, 4>,
    /// An OSC's number and payload, or the beginning of a DCS's payload.
    string: Vec<u8>,
    /// Controls inside an unfinished ESC or CSI: carried out just before it.
    deferred: Vec<(u8, u64)>,
    /// The unfinished token's bytes from earlier feeds; of junk only what keeps the state.
    raw: Vec<u8>,
    /// The beginning of an unfinished character.
    partial: heapless::Vec<u8, 4>,
}

impl Machine {
    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset up to which tokens are complete, or junk and told.
    pub fn complete(&self) -> u64 {
        if self.state == State::Ground || self.junk {
            self.offset - self.partial.len() as u64
        } else {
            self.start
        }
    }

    /// Bytes that bring a fresh machine into this one's state.
    pub fn unfinished(&self) -> Vec<u8> {
        let mut bytes = self.raw.clone();
        bytes.extend_from_slice(&self.partial);
        bytes
    }

    /// Writes down where to read on: at the unfinished token, or inside junk.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        let offset = if self.junk { self.offset } else { self.complete() };
        let start = if self.junk { self.start } else { offset };
        for n in [offset, start] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.push(u8::from(self.junk));
        let unfinished = if self.junk { self.unfinished() } else { Vec::new() };
        let string = if self.junk { &self.string[..] } else { &[] };
        for bytes in [&unfinished[..], string] {
            put_number(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    }

    /// The machine of such a checkpoint.
    pub fn resume(bytes: &mut Bytes<'_>) -> Option<Machine> {
        let mut word = || Some(u64::from_le_bytes(bytes.take(8)?.try_into().ok()?));
        let (offset, start) = (word()?, word()?);
        let junk = bytes.next()? != 0;
        let len = bytes.number()?;
        let unfinished = bytes.take(len)?;
        let len = bytes.number()?;
        let string = bytes.take(len)?;
        let begin = offset.saturating_sub(unfinished.len() as u64);
        let mut machine = Machine { offset: begin, start: begin, ..Machine::default() };
        machine.feed(unfinished, &mut Deaf);
        machine.offset = offset;
        if machine.state != State::Ground {
            machine.start = start;
            machine.junk = junk;
            machine.told = offset - (machine.partial.len() as u64).min(offset);
            if junk {
                machine.string = string.to_vec();
                // What is not part of the character begun keeps the state.
                let kept = unfinished.len() - machine.partial.len().min(unfinished.len());
                machine.raw = unfinished[..kept].to_vec();
            }
        }
        Some(machine)
    }

    /// Reads on.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let base = self.offset;
        let mut at = self.complete_character(bytes, sink);
        while at < bytes.len() {
            at = if self.state == State::Ground {
                self.ground(bytes, at, base, sink)
            } else {
                self.sequence(bytes, at, base, sink)
            };
        }
        self.offset = base + bytes.len() as u64;
        self.keep(bytes, base, sink);
    }

    /// Ends a feed: keeps the unfinished token's bytes, tells the junk.
    fn keep(&mut self, bytes: &[u8], base: u64, sink: &mut impl Sink) {
        if self.state == State::Ground {
            return;
        }
        let whole = self.offset - self.partial.len() as u64;
        self.bound(whole, sink);
        if self.junk {
            self.tell(whole, false, sink);
        } else {
            let from = self.start.saturating_sub(base) as usize;
            let to = bytes.len().saturating_sub(self.partial.len());
            self.raw.extend_from_slice(bytes.get(from..to).unwrap_or_default());
        }
    }

    /// Completes a character cut by the end of the last feed. Returns the bytes taken.
    fn complete_character(&mut self, bytes: &[u8], sink: &mut impl Sink) -> usize {
        if self.partial.is_empty() {
            return 0;
        }
        let held = self.partial.len();
        let mut joined = std::mem::take(&mut self.partial);
        for (at, &b) in bytes.iter().enumerate() {
            if joined.push(b).is_err() {
                return at;
            }
            let found = utf8::decode(&joined);
            let end = self.offset + at as u64 + 1;
            let begin = self.offset - held as u64;
            match found {
                Decoded::Partial => continue,
                Decoded::Char(c, _) => {
                    if self.state != State::Ground && !self.junk {
                        self.raw.extend_from_slice(&joined[..held]);
                    }
                    self.character(c, &joined, begin..end, sink);
                    return at + 1;
                }
                Decoded::Nothing(n) => {
                    self.nothing(begin..begin + n as u64, sink);
                    return n - held;
                }
            }
        }
        self.partial = joined;
        bytes.len()
    }

    /// Bytes that are no character.
    fn nothing(&mut self, span: Range<u64>, sink: &mut impl Sink) {
        if self.state == State::Ground {
            sink.token(&Token::Junk { string: false, ended: false }, span, false);
        }
    }

    /// A character of more than one byte, in any state.
    fn character(&mut self, c: char, bytes: &[u8], span: Range<u64>, sink: &mut impl Sink) {
        match c {
            // xterm.js drops byte order marks everywhere.
            '\u{feff}' => {}
            '\u{80}'..='\u{9f}' => self.c1(c, bytes, span, sink),
            _ => match self.state {
                State::Ground => {
                    sink.print(bytes);
                }
                State::Osc => self.put(bytes),
                State::CsiIgnore | State::DcsIgnore | State::DcsPayload => {}
                _ => self.drop_sequence(span.end, sink),
            },
        }
    }

    /// Text and controls outside sequences. Returns where to read on.
    #[inline]
    fn ground(&mut self, bytes: &[u8], at: usize, base: u64, sink: &mut impl Sink) -> usize {
        let pos = base + at as u64;
        match bytes[at] {
            0x1b => {
                if let Some(end) = self.plain_csi(bytes, at, base, sink) {
                    return end;
                }
                self.begin(State::Escape, pos);
                at + 1
            }
            0x7f => at + 1,
            b if b < 0x20 => {
                sink.control(char::from(b), pos..pos + 1);
                at + 1
            }
            _ => {
                let at = at + sink.print(&bytes[at..]);
                match bytes.get(at) {
                    Some(0x80..) => self.no_text(bytes, at, base, sink),
                    _ => at,
                }
            }
        }
    }

    /// A CSI of digits and semicolons that is whole in this feed, which is nearly every one: read at once, without a
    /// state for each byte. Returns where to read on; None when it is anything else.
    #[inline]
    fn plain_csi(
        &mut self,
        bytes: &[u8],
        at: usize,
        base: u64,
        sink: &mut impl Sink,
    ) -> Option<usize> {
        let body = bytes.get(at + 1..)?.strip_prefix(b"[")?;
        let (len, last) = self.params.take_plain(body)?;
        let end = at + 2 + len + 1;
        sink.csi(&self.params, last, base + at as u64..base + end as u64);
        Some(end)
    }

    /// What stopped the printing at a byte of 0x80 or more: a C1 control, bytes that are not UTF-8, a cut character.
    fn no_text(&mut self, bytes: &[u8], at: usize, base: u64, sink: &mut impl Sink) -> usize {
        let rest = &bytes[at..];
        let pos = base + at as u64;
        match utf8::decode(rest) {
            Decoded::Char(c, n) => {
                self.character(c, &rest[..n], pos..pos + n as u64, sink);
                at + n
            }
            Decoded::Nothing(n) => {
                self.nothing(pos..pos + n as u64, sink);
                at + n
            }
            Decoded::Partial => self.hold(rest, at, rest.len()),
        }
    }

    fn hold(&mut self, rest: &[u8], at: usize, len: usize) -> usize {
        self.partial = heapless::Vec::from_slice(rest).unwrap_or_default();
        at + len
    }

    /// One step inside a sequence. Returns where to read on.
    fn sequence(&mut self, bytes: &[u8], at: usize, base: u64, sink: &mut impl Sink) -> usize {
        let b = bytes[at];
        let pos = base + at as u64;
        if b >= 0x80 {
            return match utf8::decode(&bytes[at..]) {
                Decoded::Char(c, n) => {
                    self.character(c, &bytes[at..at + n], pos..pos + n as u64, sink);
                    at + n
                }
                Decoded::Nothing(n) => at + n,
                Decoded::Partial => self.hold(&bytes[at..], at, bytes.len() - at),
            };
        }
        match b {
            0x1b => {
                self.interrupt(true, pos, sink);
                self.begin(State::Escape, pos);
                at + 1
            }
            0x18 | 0x1a => {
                let string = matches!(self.state, State::Osc | State::DcsPayload);
                self.interrupt(false, pos + u64::from(string), sink);
                if !string {
                    sink.control(char::from(b), pos..pos + 1);
                }
                at + 1
            }
            _ if self.state == State::Osc => self.osc(bytes, at, base, sink),
            _ => {
                self.step(b, pos, sink);
                at + 1
            }
        }
    }

    /// Payload of an OSC, up to its end or the end of the feed.
    fn osc(&mut self, bytes: &[u8], at: usize, base: u64, sink: &mut impl Sink) -> usize {
        let rest = &bytes[at..];
        if rest[0] == 0x07 {
            self.osc_end(base + at as u64 + 1, true, sink);
            return at + 1;
        }
        let len = rest.iter().take_while(|b| (0x20..0x80).contains(*b)).count();
        self.put(&rest[..len]);
        // What stopped the run is either a control, which is dropped, or for `sequence` to look at.
        let dropped = usize::from(len == 0);
        self.bound(base + (at + len + dropped) as u64, sink);
        at + len + dropped
    }

    fn put(&mut self, bytes: &[u8]) {
        let clipboard = self.string.starts_with(b"52;");
        let max = if clipboard { CLIPBOARD_BYTES_MAX } else { STRING_HELD_BYTES_MAX };
        if self.junk && !clipboard {
            return;
        }
        if self.string.len() + bytes.len() > max {
            // Too long by now: whatever comes, it will not fit again.
            self.string.clear();
            self.string.push(b'x');
            return;
        }
        self.string.extend_from_slice(bytes);
    }

    /// Starts a token at `pos`.
    fn begin(&mut self, state: State, pos: u64) {
        self.state = state;
        self.start = pos;
        self.told = pos;
        self.junk = false;
        self.params.reset();
        self.prefix = 0;
        self.intermediates.clear();
        self.string.clear();
        self.raw.clear();
    }

    /// Starts a token at `pos` with a C1 control, whose first byte may have come in an earlier feed.
    fn begin_c1(&mut self, state: State, bytes: &[u8], pos: u64) {
        self.begin(state, pos);
        let earlier = self.offset.saturating_sub(pos) as usize;
        self.raw.extend_from_slice(bytes.get(..earlier).unwrap_or_default());
    }

    /// From here on the token is junk, and `raw` is all it takes to be in this state.
    fn open_junk(&mut self, state: State, raw: &[u8]) {
        self.state = state;
        self.junk = true;
        self.raw.clear();
        self.raw.extend_from_slice(raw);
    }

    /// Makes junk of a token that has become too long.
    fn bound(&mut self, here: u64, sink: &mut impl Sink) {
        if self.junk {
            return;
        }
        let len = here - self.start;
        if self.state == State::Osc {
            if len > STRING_HELD_BYTES_MAX as u64 {
                self.run_deferred(sink);
                self.open_junk(State::Osc, b"\x1b]x");
            }
        } else if len > SEQUENCE_BYTES_MAX as u64 {
            self.run_deferred(sink);
            self.open_junk(State::CsiIgnore, b"\x1b[<<");
        }
    }

    /// Tells the gate of junk up to `end`, where it may have `ended`.
    fn tell(&mut self, end: u64, ended: bool, sink: &mut impl Sink) {
        if end > self.told || (ended && end > self.start) {
            let string = self.state.is_string();
            sink.token(&Token::Junk { string, ended }, self.told.min(end)..end, false);
            self.told = end;
        }
    }

    fn run_deferred(&mut self, sink: &mut impl Sink) {
        for (b, pos) in std::mem::take(&mut self.deferred) {
            sink.control(char::from(b), pos..pos + 1);
        }
    }

    /// Ends a complete ESC or CSI, which is to be carried out next.
    fn finish(&mut self, sink: &mut impl Sink) {
        if !self.deferred.is_empty() {
            self.run_deferred(sink);
        }
        self.state = State::Ground;
        self.raw.clear();
    }

    /// The token up to `end` comes to nothing.
    fn drop_sequence(&mut self, end: u64, sink: &mut impl Sink) {
        self.run_deferred(sink);
        self.tell(end, true, sink);
        self.state = State::Ground;
        self.junk = false;
        self.raw.clear();
    }
}
