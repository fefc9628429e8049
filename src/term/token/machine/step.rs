//! What one byte does inside a sequence, and how sequences end.
//!
//! A part of the token machine: it owns nothing of its own and never looks at text.

use super::{Machine, Sink, State};
use crate::limits::{DCS_BYTES_MAX, SEQUENCE_BYTES_MAX, STRING_HELD_BYTES_MAX};
use crate::term::token::Token;
use std::ops::Range;

impl Machine {
    /// One 7-bit byte inside an ESC, CSI, DCS or ignored string.
    pub(super) fn step(&mut self, b: u8, pos: u64, sink: &mut impl Sink) {
        use State::*;
        let executed = b < 0x20;
        match self.state {
            Ignored | DcsIgnore => {}
            DcsPayload => self.payload(b),
            DcsEntry | DcsParam | DcsIntermediate if executed || b == 0x7f => {}
            _ if executed => self.defer(b, pos, sink),
            _ if b == 0x7f => {}
            Escape | EscapeIntermediate => self.step_escape(b, pos, sink),
            CsiEntry | CsiParam | CsiIntermediate | CsiIgnore => self.step_csi(b, pos, sink),
            DcsEntry | DcsParam | DcsIntermediate => self.step_dcs(b),
            Ground | Osc => {}
        }
        if !self.junk && self.state != Ground {
            self.bound(pos + 1, sink);
        }
    }

    fn step_escape(&mut self, b: u8, pos: u64, sink: &mut impl Sink) {
        let first = self.state == State::Escape;
        match b {
            0x20..=0x2f => {
                self.collect(b);
                self.state = State::EscapeIntermediate;
            }
            b'[' if first => self.state = State::CsiEntry,
            b']' if first => self.state = State::Osc,
            b'P' if first => {
                self.run_deferred(sink);
                self.open_junk(State::DcsEntry, b"\x1bP");
            }
            b'X' | b'^' | b'_' if first => {
                self.run_deferred(sink);
                self.open_junk(State::Ignored, &[0x1b, b]);
            }
            _ => {
                self.finish(sink);
                let token = Token::Escape { intermediates: &self.intermediates, last: b };
                sink.token(&token, self.start..pos + 1, false);
            }
        }
    }

    fn step_csi(&mut self, b: u8, pos: u64, sink: &mut impl Sink) {
        use State::*;
        match (self.state, b) {
            (CsiIgnore, 0x20..=0x3f) => {}
            (CsiIgnore, _) => self.drop_sequence(pos + 1, sink),
            (CsiEntry | CsiParam, b'0'..=b';') => {
                self.params.take(b);
                self.state = CsiParam;
            }
            (CsiEntry, 0x3c..=0x3f) => {
                self.prefix = b;
                self.state = CsiParam;
            }
            (_, 0x20..=0x2f) => {
                self.collect(b);
                self.state = CsiIntermediate;
            }
            (_, 0x30..=0x3f) => self.state = CsiIgnore,
            _ => {
                self.finish(sink);
                let token = Token::Csi {
                    prefix: self.prefix,
                    params: &self.params,
                    intermediates: &self.intermediates,
                    last: b,
                };
                sink.token(&token, self.start..pos + 1, false);
            }
        }
    }

    fn step_dcs(&mut self, b: u8) {
        use State::*;
        self.raw.push(b);
        match (self.state, b) {
            (DcsEntry | DcsParam, b'0'..=b';') => self.state = DcsParam,
            (DcsEntry, 0x3c..=0x3f) => {
                self.prefix = b;
                self.state = DcsParam;
            }
            (_, 0x20..=0x2f) => {
                self.collect(b);
                self.state = DcsIntermediate;
            }
            (_, 0x30..=0x3f) => self.state = DcsIgnore,
            _ => {
                self.collect_last(b);
                self.state = DcsPayload;
            }
        }
        if self.raw.len() > SEQUENCE_BYTES_MAX {
            self.state = DcsIgnore;
            self.raw.clear();
            self.raw.extend_from_slice(b"\x1bP<<");
        }
    }

    /// The final byte of a DCS goes before its payload.
    fn collect_last(&mut self, b: u8) {
        self.string.clear();
        self.string.push(b);
    }

    fn payload(&mut self, b: u8) {
        if self.string.len() <= DCS_BYTES_MAX {
            self.string.push(b);
            self.raw.push(b);
        }
    }

    fn collect(&mut self, b: u8) {
        // A fourth intermediate makes the sequence one that nobody knows; so do the third and fifth.
        let _ = self.intermediates.push(b);
    }

    /// A control inside an ESC or CSI.
    fn defer(&mut self, b: u8, pos: u64, sink: &mut impl Sink) {
        if self.junk {
            sink.control(char::from(b), pos..pos + 1);
        } else {
            self.deferred.push((b, pos));
        }
    }

    /// ESC (`done`), CAN or SUB ends whatever was under way before `end`.
    pub(super) fn interrupt(&mut self, done: bool, end: u64, sink: &mut impl Sink) {
        match self.state {
            State::Osc if done => self.osc_end(end, false, sink),
            State::DcsPayload if done => self.dcs_end(end, sink),
            State::Osc | State::DcsPayload => {
                self.drop_sequence(end, sink);
                sink.string_end();
            }
            _ => self.drop_sequence(end, sink),
        }
    }

    pub(super) fn osc_end(&mut self, end: u64, bell: bool, sink: &mut impl Sink) {
        self.run_deferred(sink);
        let told = self.junk;
        if told {
            self.tell(end, true, sink);
        }
        let string = std::mem::take(&mut self.string);
        let text = std::str::from_utf8(&string).unwrap_or_default();
        let (number, payload) = text.split_once(';').unwrap_or((text, ""));
        let known = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = if known { number.parse::<u32>().ok() } else { None };
        if !told || number == Some(52) {
            sink.token(&Token::Osc { number, payload, bell }, self.start..end, told);
        }
        sink.string_end();
        self.string = string;
        self.string.clear();
        self.string.shrink_to(STRING_HELD_BYTES_MAX);
        self.state = State::Ground;
        self.junk = false;
        self.raw.clear();
    }

    pub(super) fn dcs_end(&mut self, end: u64, sink: &mut impl Sink) {
        self.tell(end, true, sink);
        let string = std::mem::take(&mut self.string);
        let intermediates = self.intermediates.clone();
        if let Some((&last, payload)) = string.split_first() {
            let token =
                Token::Dcs { prefix: self.prefix, intermediates: &intermediates, last, payload };
            sink.token(&token, self.start..end, true);
        }
        sink.string_end();
        self.string = string;
        self.state = State::Ground;
        self.junk = false;
        self.raw.clear();
    }

    /// A C1 control, in any state.
    pub(super) fn c1(&mut self, c: char, bytes: &[u8], span: Range<u64>, sink: &mut impl Sink) {
        let terminator = c == '\u{9c}';
        match self.state {
            State::Ground => {}
            State::Osc | State::DcsPayload if terminator => {
                return self.interrupt(true, span.end, sink);
            }
            State::Osc | State::DcsPayload => self.drop_sequence(span.start, sink),
            _ if terminator => return self.drop_sequence(span.end, sink),
            _ => self.drop_sequence(span.start, sink),
        }
        let pos = span.start;
        match c {
            '\u{9b}' => self.begin_c1(State::CsiEntry, bytes, pos),
            '\u{9d}' => self.begin_c1(State::Osc, bytes, pos),
            '\u{90}' => {
                self.begin(State::DcsEntry, pos);
                self.open_junk(State::DcsEntry, bytes);
            }
            '\u{98}' | '\u{9e}' | '\u{9f}' => {
                self.begin(State::Ignored, pos);
                self.open_junk(State::Ignored, bytes);
            }
            _ if terminator => {}
            _ => sink.control(c, span),
        }
    }
}
