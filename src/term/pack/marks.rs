//! A few marks on their way into a line, written eight bytes at a time.

/// Three colours of five bytes and the attributes.
const MARKS_MAX: usize = 18;

/// Bytes as a number, the first one lowest.
#[inline]
pub fn word<const N: usize>(bytes: [u8; N]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Marks between two styles, links left aside.
#[derive(Default)]
pub struct Marks {
    bytes: [u8; MARKS_MAX + 8],
    len: usize,
}

impl Marks {
    /// Appends `len` bytes of a word, at most eight.
    #[inline]
    pub fn put(&mut self, (word, len): (u64, usize)) {
        if let Some(room) = self.bytes.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            *room = word.to_le_bytes();
            self.len += len;
        }
    }
}

impl std::ops::Deref for Marks {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
