//! What is to be typed into a face: accepted input and owed replies, in one order, bounded.
//!
//! Accepting and refusing is all or nothing. The ring lives in shared memory, and what was accepted is published
//! together with whose it was, so that after a crash nothing is typed twice and nothing is forgotten.

use super::memory::{Commit, Header, publish};
use crate::limits::{INPUT_RESERVED_FOR_REPLIES, LINE_BYTES_MAX};
use crate::planted::{Bug, has};
use crate::region::Region;

/// Why input was refused; nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The program does not read.
    #[error("the program has not read the {0} bytes typed before; try again when it does")]
    Full(u64),
    /// The terminal is in line mode and the kernel would cut the line, silently.
    #[error(
        "a line of {0} bytes: the program reads whole lines (canonical mode), of which the kernel keeps \
         {LINE_BYTES_MAX}; send it in shorter lines"
    )]
    LineTooLong(u64),
}

/// The input ring. Positions count bytes accepted since the face began.
pub struct Input {
    region: Box<dyn Region>,
    accepted: u64,
    written: u64,
    /// Bytes accepted since the last line end: an upper bound of what the kernel's line buffer holds.
    line: u64,
}

impl Input {
    /// The ring in `region` as `header` knows it.
    pub fn new(region: Box<dyn Region>, header: &Header) -> Input {
        Input { region, accepted: header.commit().accepted, written: header.written(), line: 0 }
    }

    /// Bytes accepted and not yet taken by the PTY.
    pub fn waiting(&self) -> u64 {
        self.accepted - self.written
    }

    /// How much viewers may add now.
    pub fn room(&self) -> u64 {
        (self.region.bytes().len() as u64 - self.waiting())
            .saturating_sub(INPUT_RESERVED_FOR_REPLIES)
    }

    /// How much the PTY has taken.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How much was accepted in all.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Whether accepting `bytes` depends on the terminal's line mode: the caller then has to find it out.
    pub fn line_mode_matters(&self, bytes: &[u8]) -> bool {
        longest_line(self.line, bytes).0 > LINE_BYTES_MAX
    }

    /// Accepts what a viewer typed. `upto` is the end of `bytes` in the stream of the viewer `token`.
    ///
    /// # Errors
    /// `InputError`; then nothing changed.
    pub fn accept(
        &mut self,
        header: &mut Header,
        bytes: &[u8],
        token: u64,
        upto: u64,
        line_mode: bool,
    ) -> Result<(), InputError> {
        if bytes.len() as u64 > self.room() {
            return Err(InputError::Full(self.waiting()));
        }
        let (longest, line) = longest_line(self.line, bytes);
        if line_mode && longest > LINE_BYTES_MAX {
            return Err(InputError::LineTooLong(longest));
        }
        // Beyond that without line mode: no line is being kept, so none is open.
        self.line = if longest > LINE_BYTES_MAX { 0 } else { line };
        self.append(bytes);
        let replied = header.commit().replied;
        if !has(Bug::InputUnkept) {
            header.set_commit(Commit { accepted: self.accepted, replied, token, upto });
        }
        Ok(())
    }

    /// Accepts the answer to a query that ends at `at`. One already accepted, before a crash, is not taken twice;
    /// one for which there is no room is dropped: its program asks without reading.
    pub fn accept_reply(&mut self, header: &mut Header, bytes: &[u8], at: u64) -> bool {
        let commit = header.commit();
        let room = self.region.bytes().len() as u64 - self.waiting();
        if at <= commit.replied || bytes.len() as u64 > room {
            return false;
        }
        self.append(bytes);
        header.set_commit(Commit { accepted: self.accepted, replied: at, token: 0, upto: 0 });
        true
    }

    fn append(&mut self, bytes: &[u8]) {
        let ring = self.region.bytes_mut();
        let at = (self.accepted % ring.len() as u64) as usize;
        let first = bytes.len().min(ring.len() - at);
        ring[at..at + first].copy_from_slice(&bytes[..first]);
        ring[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        publish();
        self.accepted += bytes.len() as u64;
    }

    /// The next bytes for the PTY, contiguous.
    pub fn next(&self) -> &[u8] {
        let ring = self.region.bytes();
        let at = (self.written % ring.len() as u64) as usize;
        let end = (at + self.waiting() as usize).min(ring.len());
        &ring[at..end]
    }

    /// The PTY took `n` bytes.
    pub fn advance(&mut self, header: &mut Header, n: usize) {
        self.written += (n as u64).min(self.waiting());
        header.set_written(self.written);
    }
}

/// The longest line, without its end, that `bytes` make after `held` bytes of an open one, and how long the open one
/// is then. Only a line end counts: what erases or ends a line otherwise is the program's to set. The kernel has
/// room for an end behind a full line, so an end alone never makes one too long.
fn longest_line(held: u64, bytes: &[u8]) -> (u64, u64) {
    let (mut line, mut longest) = (held, 0);
    for part in bytes.split_inclusive(|&b| b == b'\n' || b == b'\r') {
        let ends = part.ends_with(b"\n") || part.ends_with(b"\r");
        let text = part.len() as u64 - u64::from(ends);
        line += text;
        if text > 0 {
            longest = longest.max(line);
        }
        if ends {
            line = 0;
        }
    }
    (longest, line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::face::memory::HEADER_BYTES;

    fn fresh() -> (Header, Input) {
        let header = Header::new(Box::new(vec![0; HEADER_BYTES]));
        let input = Input::new(Box::new(vec![0; 16 * 1024]), &header);
        (header, input)
    }

    #[test]
    fn a_full_queue_refuses_and_takes_nothing() {
        let (mut header, mut input) = fresh();
        input.accept(&mut header, &[b'x'; 10_000], 1, 10_000, false).unwrap();
        assert!(input.accept(&mut header, &[b'y'; 10_000], 1, 20_000, false).is_err());
        assert_eq!((input.waiting(), header.accepted_of(1)), (10_000, 10_000));
        assert!(input.accept_reply(&mut header, b"\x1b[0n", 5), "replies have room of their own");
    }

    #[test]
    fn a_reply_accepted_before_a_crash_is_not_taken_again() {
        let (mut header, mut input) = fresh();
        assert!(input.accept_reply(&mut header, b"a", 5));
        assert!(!input.accept_reply(&mut header, b"a", 5));
        assert!(input.accept_reply(&mut header, b"b", 6));
        assert_eq!(input.next(), b"ab");
    }

    #[test]
    fn a_line_the_kernel_would_cut_is_refused_in_line_mode_only() {
        let (mut header, mut input) = fresh();
        let long = [b'x'; 5000];
        assert!(input.line_mode_matters(&long));
        assert_eq!(
            input.accept(&mut header, &long, 0, 0, true),
            Err(InputError::LineTooLong(5000))
        );
        input.accept(&mut header, &long, 0, 0, false).unwrap();
        assert!(!Input::new(Box::new(vec![0; 64]), &header).line_mode_matters(b"short\r"));
        assert!(!input.line_mode_matters(b"short\r"), "a raw program's keys count as an open line");
    }

    #[test]
    fn a_full_line_can_always_be_ended() {
        let (mut header, mut input) = fresh();
        input.accept(&mut header, &[b'x'; 4095], 0, 0, true).unwrap();
        assert!(input.line_mode_matters(b"x"));
        assert!(!input.line_mode_matters(b"\rnext"));
        input.accept(&mut header, b"\r", 0, 0, true).unwrap();
        assert!(!input.line_mode_matters(b"next"));
    }
}
