//! Where history lies: in memory that outlives the daemon, or in its own that grows.

use super::SEGMENTS;
use crate::region::Region;

/// The ring's memory.
pub enum Memory {
    /// Somebody else's.
    Lent(Box<dyn Region>),
    /// Grows to its bound as it is used.
    Own(Vec<u8>, usize),
}

impl Memory {
    /// Bytes it may have.
    pub fn len(&self) -> usize {
        match self {
            Memory::Lent(region) => region.bytes().len(),
            Memory::Own(_, max) => *max,
        }
    }

    /// Those there are.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Memory::Lent(region) => region.bytes(),
            Memory::Own(bytes, _) => bytes,
        }
    }

    /// The bytes, of which at least the first `end` are there.
    #[inline]
    pub fn bytes_mut(&mut self, end: usize) -> &mut [u8] {
        match self {
            Memory::Lent(region) => region.bytes_mut(),
            Memory::Own(bytes, max) => {
                if bytes.len() < end {
                    let step = (*max / SEGMENTS).max(4096);
                    let len = end.next_multiple_of(step).min(*max);
                    bytes.reserve_exact(len - bytes.len());
                    bytes.resize(len, 0);
                }
                bytes
            }
        }
    }
}
