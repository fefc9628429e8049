//! Bytes to tokens: the state machine of the VT500 series, as xterm.js 6 runs it.
//!
//! Owns the unfinished sequence between two feeds; never looks at a screen. UTF-8 is decoded first,
//! so C1 controls count in their two-byte form, and bytes that are not UTF-8 are dropped. Every
//! length is bounded: a sequence beyond `SEQUENCE_BYTES_MAX`, a string beyond
//! `STRING_HELD_BYTES_MAX`, becomes `Token::Junk` and is told in pieces from then on.
//! Source: Paul Williams' parser for ANSI-compatible video terminals (vt100.net/emu/dec_ansi_parser).

mod machine;
mod params;
mod utf8;

pub use machine::{Machine, Sink};
pub use params::Params;
pub(super) use utf8::printable;

/// What is not printed text.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// A C0 or C1 control that is executed. Those inside a sequence come just before the sequence,
    /// and their spans lie within its span.
    Control(char),
    /// `ESC` intermediates final.
    Escape {
        /// 0x20 to 0x2f.
        intermediates: &'a [u8],
        /// 0x30 to 0x7e.
        last: u8,
    },
    /// `CSI` prefix parameters intermediates final.
    Csi {
        /// 0x3c to 0x3f, or 0.
        prefix: u8,
        /// The parameters.
        params: &'a Params,
        /// 0x20 to 0x2f.
        intermediates: &'a [u8],
        /// 0x40 to 0x7e.
        last: u8,
    },
    /// `OSC` number ; payload, complete and within its bound.
    Osc {
        /// The number before the first semicolon; None when there is none.
        number: Option<u32>,
        /// What follows the semicolon: UTF-8 without C0 controls.
        payload: &'a str,
        /// It ended with BEL, so an answer ends with it too.
        bell: bool,
    },
    /// `DCS` prefix parameters intermediates final payload, complete. Its bytes were told as `Junk`
    /// already: only the model hears this, to answer it.
    Dcs {
        /// 0x3c to 0x3f, or 0.
        prefix: u8,
        /// 0x20 to 0x2f.
        intermediates: &'a [u8],
        /// 0x40 to 0x7e.
        last: u8,
        /// Its beginning, cut at `DCS_BYTES_MAX`.
        payload: &'a [u8],
    },
    /// Bytes that no viewer needs: a piece of a DCS, APC, PM, SOS or overlong string, a sequence that
    /// was aborted or malformed, bytes that are not UTF-8. Told as they arrive.
    Junk {
        /// A string: controls in it were not executed.
        string: bool,
        /// Nothing of it follows.
        ended: bool,
    },
}
