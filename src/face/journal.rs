//! A face's output: one ring of fixed size, named by the child's own absolute offsets.
//!
//! It serves viewers, resume by offset and recovery. The PTY is read straight into `space`; what viewers must not
//! get is blanked in place before anybody reads it, so offsets stay the child's own.

use crate::region::Region;
use crate::units::Offset;
use std::ops::Range;

/// The ring.
pub struct Journal {
    region: Box<dyn Region>,
    head: u64,
}

impl Journal {
    /// The ring in `region`, whose last byte stands before `head`.
    pub fn new(region: Box<dyn Region>, head: u64) -> Journal {
        Journal { region, head }
    }

    /// Bytes it can hold.
    pub fn capacity(&self) -> u64 {
        self.region.bytes().len() as u64
    }

    /// The offset after its last byte.
    pub fn head(&self) -> Offset {
        Offset(self.head)
    }

    /// The offset of its first byte.
    pub fn tail(&self) -> Offset {
        Offset(self.head.saturating_sub(self.capacity()))
    }

    /// Where the next bytes go: contiguous, not beyond `limit`, at most `most`. Empty when there is no room.
    pub fn space(&mut self, limit: Offset, most: usize) -> &mut [u8] {
        let capacity = self.capacity();
        let start = (self.head % capacity) as usize;
        let room = limit.0.saturating_sub(self.head).min(most as u64) as usize;
        let end = (start + room).min(capacity as usize);
        &mut self.region.bytes_mut()[start..end]
    }

    /// `n` bytes were read into `space`.
    pub fn commit(&mut self, n: usize) {
        self.head += n as u64;
    }

    /// The bytes of `range`, as two runs since the ring may turn between them. Parts no longer there are left out
    /// at the front; parts not yet there at the end.
    pub fn read(&self, range: Range<u64>) -> (&[u8], &[u8]) {
        let (first, second) = self.places(range);
        let bytes = self.region.bytes();
        (&bytes[first], &bytes[second])
    }

    /// Applies `change` to the bytes of `range` that are still there, in one run.
    pub fn rewrite(&mut self, range: Range<u64>, change: impl FnOnce(&mut [u8])) {
        let (first, second) = self.places(range);
        let bytes = self.region.bytes_mut();
        if second.is_empty() {
            return change(&mut bytes[first]);
        }
        let mut run = [&bytes[first.clone()], &bytes[second.clone()]].concat();
        change(&mut run);
        let (head, rest) = run.split_at(first.len());
        bytes[first].copy_from_slice(head);
        bytes[second].copy_from_slice(rest);
    }

    fn places(&self, range: Range<u64>) -> (Range<usize>, Range<usize>) {
        let start = range.start.max(self.tail().0);
        let end = range.end.min(self.head);
        if start >= end {
            return (0..0, 0..0);
        }
        let capacity = self.capacity();
        let len = (end - start) as usize;
        let at = (start % capacity) as usize;
        let first = len.min(capacity as usize - at);
        (at..at + first, 0..len - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(journal: &mut Journal, bytes: &[u8]) {
        for &b in bytes {
            let limit = Offset(journal.head().0 + 1);
            journal.space(limit, 1)[0] = b;
            journal.commit(1);
        }
    }

    #[test]
    fn a_ring_keeps_the_last_bytes_and_names_them_by_offset() {
        let mut journal = Journal::new(Box::new(vec![0; 8]), 0);
        put(&mut journal, b"abcdefghijk");
        assert_eq!((journal.tail(), journal.head()), (Offset(3), Offset(11)));
        let (a, b) = journal.read(0..u64::MAX);
        assert_eq!([a, b].concat(), b"defghijk");
        let (a, b) = journal.read(6..9);
        assert_eq!([a, b].concat(), b"ghi");
        journal.rewrite(6..9, |run| run.fill(0));
        let (a, b) = journal.read(5..10);
        assert_eq!([a, b].concat(), b"f\0\0\0j");
    }

    #[test]
    fn space_ends_at_the_limit_and_at_the_turn() {
        let mut journal = Journal::new(Box::new(vec![0; 8]), 6);
        assert_eq!(journal.space(Offset(100), 64).len(), 2);
        assert_eq!(journal.space(Offset(7), 64).len(), 1);
        assert!(journal.space(Offset(3), 64).is_empty());
    }
}
