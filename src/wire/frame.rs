//! Frames on the Unix socket: `u32` little-endian length of what follows, one byte of kind, the payload.
//!
//! Output, restores and input carry their bytes raw behind a small fixed header, so that a face's output goes from
//! the journal to the socket without a copy through the codec. Everything else is a codec message.

use crate::limits::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES};
use crate::units::Offset;

/// The version this program speaks.
pub const VERSION: u16 = 1;
/// The oldest it understands: the one before its own, from the second on. A peer of an older program says so in its
/// preamble, and is then spoken to as it speaks.
pub const OLDEST: u16 = 1;

/// Bytes of the preamble: `FMUX`, the version (`u16` little-endian), two zero bytes.
pub const PREAMBLE_BYTES: usize = 8;

/// Why the bytes of a peer are no frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The peer's first bytes are not a preamble.
    #[error("not a facemux peer: its first bytes are no preamble")]
    NoPreamble,
    /// The peer speaks another version.
    #[error("version mismatch: this side speaks {ours}, the other {theirs}")]
    Version {
        /// What this program speaks.
        ours: u16,
        /// What the peer said.
        theirs: u16,
    },
    /// A length outside the bounds.
    #[error("frame of {0} bytes; the limit is {FRAME_BYTES_MAX}")]
    Length(u64),
    /// A kind nobody defined.
    #[error("frame kind {0} is unknown")]
    Kind(u8),
    /// A raw frame shorter than its header.
    #[error("frame kind {kind} with {len} bytes is too short")]
    Short {
        /// The frame's kind.
        kind: u8,
        /// Its length.
        len: usize,
    },
}

/// One frame, borrowed from the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A codec message: a `Request` one way, a `Message` the other.
    Message(&'a [u8]),
    /// Daemon to viewer: output of the face from `offset` on.
    Output {
        /// Where in the face's output the bytes stand.
        offset: Offset,
        /// The bytes, complete tokens only.
        bytes: &'a [u8],
    },
    /// Daemon to viewer: a piece of a restore taken at `offset`; the last piece says so.
    Restore {
        /// Output goes on from here after the last piece; `Offset::UNKNOWN` for a picture of a face of another size,
        /// from which nothing can go on.
        offset: Offset,
        /// The first piece: the viewer starts from a fresh terminal (or makes its own as fresh).
        first: bool,
        /// The last piece.
        last: bool,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Viewer to daemon: input that starts `at` bytes into this viewer's input stream.
    Input {
        /// Position of the first byte in the viewer's input stream; what was accepted before is skipped.
        at: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
}

const KIND_MESSAGE: u8 = 0;
const KIND_OUTPUT: u8 = 1;
const KIND_RESTORE: u8 = 2;
const KIND_INPUT: u8 = 3;

/// The bits of a restore's number that are its offset; all of them set are `Offset::UNKNOWN`.
const OFFSET_BITS: u64 = !(0b11 << 62);

/// The preamble this side sends.
pub fn preamble() -> [u8; PREAMBLE_BYTES] {
    let [low, high] = VERSION.to_le_bytes();
    [b'F', b'M', b'U', b'X', low, high, 0, 0]
}

/// Bytes a reader keeps between two frames: a keystroke fits.
const READER_BYTES_KEPT: usize = 32;

/// Checks a peer's preamble; gives the version it speaks.
///
/// # Errors
/// `NoPreamble`, or `Version` naming both.
pub fn check_preamble(bytes: &[u8; PREAMBLE_BYTES]) -> Result<u16, FrameError> {
    if &bytes[..4] != b"FMUX" {
        return Err(FrameError::NoPreamble);
    }
    let theirs = u16::from_le_bytes([bytes[4], bytes[5]]);
    if (OLDEST..=VERSION).contains(&theirs) {
        Ok(theirs)
    } else {
        Err(FrameError::Version { ours: VERSION, theirs })
    }
}

/// The bytes that stand before a message's payload.
pub fn message_header(payload_len: usize) -> [u8; 5] {
    let mut header = [KIND_MESSAGE; 5];
    header[..4].copy_from_slice(&(payload_len as u32 + 1).to_le_bytes());
    header
}

/// The bytes that stand before `len` bytes of output.
pub fn output_header(offset: Offset, len: usize) -> [u8; FRAME_HEADER_BYTES] {
    raw_header(KIND_OUTPUT, offset.0, len)
}

/// The bytes that stand before `len` bytes of a restore; the top two bits of the offset are the marks.
pub fn restore_header(
    offset: Offset,
    first: bool,
    last: bool,
    len: usize,
) -> [u8; FRAME_HEADER_BYTES] {
    raw_header(
        KIND_RESTORE,
        (offset.0 & OFFSET_BITS) | (u64::from(first) << 62) | (u64::from(last) << 63),
        len,
    )
}

/// The bytes that stand before `len` bytes of input.
pub fn input_header(at: u64, len: usize) -> [u8; FRAME_HEADER_BYTES] {
    raw_header(KIND_INPUT, at, len)
}

fn raw_header(kind: u8, number: u64, len: usize) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..4].copy_from_slice(&(len as u32 + 9).to_le_bytes());
    header[4] = kind;
    header[5..].copy_from_slice(&number.to_le_bytes());
    header
}

/// A message framed, for small ones.
pub fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 5);
    bytes.extend_from_slice(&message_header(payload.len()));
    bytes.extend_from_slice(payload);
    bytes
}

/// Takes bytes as they come and gives frames; holds at most one frame and what was read with it.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    start: usize,
    current: std::ops::Range<usize>,
    greeted: bool,
}

impl FrameReader {
    /// A reader that expects the peer's preamble first.
    pub fn new() -> FrameReader {
        FrameReader::default()
    }

    /// Whether the peer's preamble was read and is ours.
    pub fn greeted(&self) -> bool {
        self.greeted
    }

    /// Adds what was read. Callers read at most `FRAME_BYTES_MAX` between calls of `next`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.current = 0..0;
        if self.start > 64 * 1024 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What a burst needed is given back once it is over: a connection at rest costs next to nothing.
    fn forget_given(&mut self) {
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > READER_BYTES_KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Bytes held and not yet given out.
    pub fn held(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// A peer that speaks no frames or another version; nothing after it is to be trusted.
    // A frame borrows the reader, which `Iterator` does not allow.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        if self.advance()? { self.frame().map(Some) } else { Ok(None) }
    }

    /// Moves on to the next whole frame, which `frame` then gives; false when it has not all arrived.
    ///
    /// # Errors
    /// As `next`.
    pub fn advance(&mut self) -> Result<bool, FrameError> {
        self.current = 0..0;
        self.forget_given();
        if !self.greeted && !self.greet()? {
            return Ok(false);
        }
        let held = &self.bytes[self.start..];
        let Some(len) = held.first_chunk::<4>() else { return Ok(false) };
        let len = u32::from_le_bytes(*len) as usize;
        if len == 0 || len > FRAME_BYTES_MAX + FRAME_HEADER_BYTES {
            return Err(FrameError::Length(len as u64));
        }
        if held.len() < 4 + len {
            return Ok(false);
        }
        let from = self.start + 4;
        self.start = from + len;
        self.current = from..from + len;
        Ok(true)
    }

    /// The frame `advance` moved to; an empty message when there is none.
    ///
    /// # Errors
    /// An unknown kind, or a raw frame without its header.
    pub fn frame(&self) -> Result<Frame<'_>, FrameError> {
        match self.bytes[self.current.clone()].split_first() {
            Some((&kind, payload)) => parse(kind, payload),
            None => Ok(Frame::Message(&[])),
        }
    }

    fn greet(&mut self) -> Result<bool, FrameError> {
        let Some(first) = self.bytes[self.start..].first_chunk::<PREAMBLE_BYTES>() else {
            let got = &self.bytes[self.start..];
            let same = got.len().min(4);
            let hopeful = got[..same] == b"FMUX"[..same];
            return if hopeful { Ok(false) } else { Err(FrameError::NoPreamble) };
        };
        check_preamble(first)?;
        self.greeted = true;
        self.start += PREAMBLE_BYTES;
        Ok(true)
    }
}

fn parse(kind: u8, payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    if kind == KIND_MESSAGE {
        return Ok(Frame::Message(payload));
    }
    if !matches!(kind, KIND_OUTPUT | KIND_RESTORE | KIND_INPUT) {
        return Err(FrameError::Kind(kind));
    }
    let Some((number, bytes)) = payload.split_first_chunk::<8>() else {
        return Err(FrameError::Short { kind, len: payload.len() });
    };
    let number = u64::from_le_bytes(*number);
    Ok(match kind {
        KIND_OUTPUT => Frame::Output { offset: Offset(number), bytes },
        KIND_RESTORE => Frame::Restore {
            offset: match number & OFFSET_BITS {
                OFFSET_BITS => Offset::UNKNOWN,
                offset => Offset(offset),
            },
            first: number & (1 << 62) != 0,
            last: number & (1 << 63) != 0,
            bytes,
        },
        _ => Frame::Input { at: number, bytes },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_at_every_cut() {
        let mut stream = preamble().to_vec();
        stream.extend(framed(b"hello"));
        stream.extend(output_header(Offset(7), 3));
        stream.extend(b"abc");
        stream.extend(restore_header(Offset(9), true, false, 2));
        stream.extend(b"xy");
        for cut in 0..stream.len() {
            let mut reader = FrameReader::new();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                reader.push(part);
                while let Some(frame) = reader.next().unwrap() {
                    seen.push(format!("{frame:?}"));
                }
            }
            assert_eq!(seen.len(), 3, "cut at {cut}");
            assert!(seen[2].contains("first: true, last: false"));
        }
    }

    #[test]
    fn hostile_bytes_are_refused_before_they_cost_memory() {
        let mut reader = FrameReader::new();
        reader.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(reader.next(), Err(FrameError::NoPreamble));
        let mut reader = FrameReader::new();
        reader.push(b"FMUX\x09\0\0\0");
        assert_eq!(reader.next(), Err(FrameError::Version { ours: VERSION, theirs: 9 }));
        let mut reader = FrameReader::new();
        reader.push(&preamble());
        reader.push(&u32::MAX.to_le_bytes());
        assert!(matches!(reader.next(), Err(FrameError::Length(_))));
    }
}
