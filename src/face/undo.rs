//! What the gate has overwritten in the journal since the last checkpoint: the program's own bytes, for a daemon that
//! reads them again.
//!
//! Written before a span is blanked and forgotten at the next checkpoint, so that checkpoint, journal and this
//! together are the program's output, whatever instruction the last daemon died at.

use super::gate::Silence;
use super::journal::Journal;
use super::memory::{Header, publish};
use crate::region::Region;
use std::ops::Range;

/// Bytes before a span's own: its offset and its length.
const ENTRY_BYTES: usize = 16;

/// The log. Its length stands in the face's header.
pub struct Undo {
    region: Box<dyn Region>,
}

impl Undo {
    /// The log in `region`.
    pub fn new(region: Box<dyn Region>) -> Undo {
        Undo { region }
    }

    /// Whether it is time for a checkpoint: what one more read may silence might not fit.
    pub fn is_full(&self, header: &Header) -> bool {
        header.undo() > self.region.bytes().len() / 2
    }

    /// Keeps what is about to be overwritten. Where there is no room a crash before the next checkpoint may show
    /// a part of a silenced sequence.
    pub fn note(&mut self, header: &mut Header, silences: &[Silence], journal: &Journal) {
        let mut len = header.undo();
        let mut spans = silences.iter().map(|silence| silence.span.clone()).peekable();
        while let Some(mut span) = spans.next() {
            while let Some(next) = spans.next_if(|next| next.start == span.end) {
                span.end = next.end;
            }
            len = self.append(len, span, journal).unwrap_or(len);
        }
        publish();
        header.set_undo(len);
    }

    /// Appends one span behind `len`; gives the length then.
    fn append(&mut self, len: usize, span: Range<u64>, journal: &Journal) -> Option<usize> {
        let (first, second) = journal.read(span.clone());
        // What the ring has no more is not read again either.
        let start = span.end.min(journal.head().0) - (first.len() + second.len()) as u64;
        let end = len + ENTRY_BYTES + first.len() + second.len();
        let place = self.region.bytes_mut().get_mut(len..end)?;
        place[..8].copy_from_slice(&start.to_le_bytes());
        place[8..ENTRY_BYTES].copy_from_slice(&((first.len() + second.len()) as u64).to_le_bytes());
        let (front, back) = place[ENTRY_BYTES..].split_at_mut(first.len());
        front.copy_from_slice(first);
        back.copy_from_slice(second);
        Some(end)
    }

    /// Puts the program's own bytes from `from` on back into the journal. The oldest entry of a byte has it as it
    /// was printed. Doing it twice changes nothing.
    pub fn restore(&mut self, header: &mut Header, journal: &mut Journal, from: u64) {
        let log = self.region.bytes();
        let log = log.get(..header.undo()).unwrap_or_default();
        let mut entries = Vec::new();
        let mut at = 0;
        while let Some((start, bytes)) = entry(log, at) {
            at += ENTRY_BYTES + bytes.len();
            entries.push((start, bytes));
        }
        for (start, bytes) in entries.into_iter().rev() {
            let (end, mut left) = (start.saturating_add(bytes.len() as u64), bytes);
            let begin = start.max(from).max(journal.tail().0).min(end);
            left = &left[(begin - start) as usize..];
            journal.rewrite(begin..end, |run| {
                let (now, later) = left.split_at(run.len().min(left.len()));
                run[..now.len()].copy_from_slice(now);
                left = later;
            });
        }
        self.forget(header);
    }

    /// A checkpoint was taken: nothing before it is read again.
    pub fn forget(&mut self, header: &mut Header) {
        publish();
        header.set_undo(0);
    }
}

/// The entry at `at`: where its bytes stood, and the bytes.
fn entry(log: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let start = u64::from_le_bytes(*log.get(at..)?.first_chunk()?);
    let len = u64::from_le_bytes(*log.get(at + 8..)?.first_chunk()?);
    let from = at + ENTRY_BYTES;
    Some((start, log.get(from..from.checked_add(usize::try_from(len).ok()?)?)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::face::gate::Gate;
    use crate::face::memory::HEADER_BYTES;
    use crate::units::Offset;

    fn silence(span: Range<u64>) -> Silence {
        Gate::default().judge(&crate::term::Token::Control('\x05'), span).unwrap()
    }

    #[test]
    fn what_was_blanked_comes_back_as_it_was_printed() {
        let mut header = Header::new(Box::new(vec![0; HEADER_BYTES]));
        let mut journal = Journal::new(Box::new(vec![0; 16]), 10);
        for byte in b"abcdefghij" {
            journal.space(Offset(100), 1)[0] = *byte;
            journal.commit(1);
        }
        let mut undo = Undo::new(Box::new(vec![0; 256]));
        // The second one covers bytes that are blank already.
        for silences in [vec![silence(12..14), silence(14..15)], vec![silence(13..17)]] {
            undo.note(&mut header, &silences, &journal);
            for one in &silences {
                journal.rewrite(one.span.clone(), |run| run.fill(0));
            }
        }
        assert_eq!(header.undo(), 2 * ENTRY_BYTES + 3 + 4);
        undo.restore(&mut header, &mut journal, 13);
        let (first, second) = journal.read(10..20);
        assert_eq!([first, second].concat(), b"ab\0defghij");
        assert_eq!(header.undo(), 0);
    }

    #[test]
    fn a_full_log_keeps_what_it_has() {
        let mut header = Header::new(Box::new(vec![0; HEADER_BYTES]));
        let journal = Journal::new(Box::new(vec![7; 64]), 64);
        let mut undo = Undo::new(Box::new(vec![0; 40]));
        undo.note(&mut header, &[silence(0..10), silence(20..50), silence(60..61)], &journal);
        assert_eq!(header.undo(), 26);
        assert!(undo.is_full(&header));
    }
}
