//! What of handed terminals must outlive the daemon: how far each was written, and the keys last read.
//!
//! In the ledger's memfd behind the record: one page for keys read and not yet accepted, then a table of viewers'
//! tokens and offsets. Written in program order (`publish`), so that a kill between any two instructions leaves
//! either the old or the new; the record of the last write says the rest.

use crate::face::memory::publish;
use crate::limits::{TERMINALS_REMEMBERED, TYPED_BYTES};
use crate::region::Region;
use crate::sys::memory::MappedRegion;

/// An offset that says: a restore is on its way, begin anew.
const UNKNOWN: u64 = u64::MAX;
const ENTRY_BYTES: usize = 16;

/// The keys' page and the table.
pub(super) struct Remembered {
    region: MappedRegion,
}

impl Remembered {
    pub fn new(region: MappedRegion) -> Remembered {
        Remembered { region }
    }

    /// Where a terminal is read into: what was read is here also after a kill.
    pub fn keys(&mut self) -> &mut [u8] {
        &mut self.region.bytes_mut()[..TYPED_BYTES]
    }

    /// The viewer `token` has been written all output before `at`; `None` while it is being painted anew.
    pub fn set(&mut self, token: u64, at: Option<u64>) {
        let place = self.place(token);
        self.put(place + 8, at.unwrap_or(UNKNOWN));
        publish();
        self.put(place, token);
    }

    /// How far the viewer `token` was written; `u64::MAX` while it is being painted anew. `None` for one never seen.
    pub fn get(&self, token: u64) -> Option<u64> {
        let place = self.place(token);
        (token != 0 && self.word(place) == token).then(|| self.word(place + 8))
    }

    /// The viewer `token` is gone for good.
    pub fn forget(&mut self, token: u64) {
        let place = self.place(token);
        if self.word(place) == token {
            self.put(place, 0);
        }
    }

    /// The entry of `token`: its own, else a free one, else one its bits choose, whose owner is then painted anew.
    fn place(&self, token: u64) -> usize {
        let entries = (0..TERMINALS_REMEMBERED).map(|i| TYPED_BYTES + i * ENTRY_BYTES);
        let mut free = None;
        for place in entries {
            match self.word(place) {
                t if t == token => return place,
                0 if free.is_none() => free = Some(place),
                _ => {}
            }
        }
        free.unwrap_or(TYPED_BYTES + (token as usize % TERMINALS_REMEMBERED) * ENTRY_BYTES)
    }

    fn word(&self, at: usize) -> u64 {
        self.region.bytes()[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
    }

    fn put(&mut self, at: usize, value: u64) {
        self.region.bytes_mut()[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}
