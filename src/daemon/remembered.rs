//! What of handed terminals must outlive the daemon: how far each was written, the keys last read, and what its viewer
//! has pressed of the keys to detach.
//!
//! In the ledger's memfd behind the record: one page for keys read and not yet accepted, then a table by viewers'
//! tokens. Written in program order (`publish`), so that a kill between any two instructions leaves either the old
//! or the new; the record of the last call says the rest.

use crate::face::memory::publish;
use crate::limits::{TERMINALS_REMEMBERED, TYPED_BYTES};
use crate::region::Region;
use crate::sys::memory::MappedRegion;

/// An offset that says: a restore is on its way, begin anew.
const UNKNOWN: u64 = u64::MAX;
/// Where each thing stands in an entry.
const TOKEN: usize = 0;
const WRITTEN: usize = 8;
const HABITS: usize = 16;
const LEAVES: usize = 24;
const CURRENT: usize = 32;
const HELD: usize = 40;
/// A copy of what is held: the position it is true at, its length, its bytes.
const HELD_BYTES: usize = 16 + HELD_KEY_BYTES_MAX;
const ENTRY_BYTES: usize = HELD + 2 * HELD_BYTES;
/// Bytes of it all.
pub const REMEMBERED_BYTES: usize = TYPED_BYTES + TERMINALS_REMEMBERED * ENTRY_BYTES;
/// Bytes of one key as a terminal sends it.
const HELD_KEY_BYTES_MAX: usize = 28;

/// How a viewer types.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Habits {
    /// What it types reaches the face.
    pub drive: bool,
    /// The keys that detach: how many, and which.
    pub detach: (u8, [u8; 2]),
}

impl Habits {
    /// Of a viewer that drives or not and detaches with these keys.
    pub fn new(drive: bool, keys: &[u8]) -> Habits {
        let two = [keys.first().copied().unwrap_or(0), keys.get(1).copied().unwrap_or(0)];
        Habits { drive, detach: (keys.len().min(2) as u8, two) }
    }

    /// The keys that detach.
    pub fn keys(&self) -> &[u8] {
        &self.detach.1[..usize::from(self.detach.0)]
    }
}

/// The keys' page and the table.
pub struct Remembered {
    region: MappedRegion,
}

impl Remembered {
    /// In `region`, which begins with zeros.
    pub fn new(region: MappedRegion) -> Remembered {
        Remembered { region }
    }

    /// Where a terminal is read into: what was read is here also after a kill.
    pub fn keys(&mut self) -> &mut [u8] {
        &mut self.region.bytes_mut()[..TYPED_BYTES]
    }

    /// The viewer `token` has been written all output before `at`; `None` while it is being painted anew.
    pub fn set(&mut self, token: u64, at: Option<u64>) {
        let entry = self.entry(token);
        self.put(entry + WRITTEN, at.unwrap_or(UNKNOWN));
        publish();
        self.put(entry + TOKEN, token);
    }

    /// How far the viewer `token` was written; `u64::MAX` while it is being painted anew. `None` for one never seen.
    pub fn get(&self, token: u64) -> Option<u64> {
        self.known(token).map(|entry| self.word(entry + WRITTEN))
    }

    /// The viewer `token` types like this, from nothing held on.
    pub fn set_habits(&mut self, token: u64, habits: Habits) {
        let entry = self.entry(token);
        if self.word(entry + TOKEN) != token {
            self.put(entry + TOKEN, 0);
            publish();
            self.put(entry + WRITTEN, UNKNOWN);
            self.put(entry + LEAVES, 0);
            self.put(entry + HELD + HELD_BYTES, u64::MAX);
            self.put(entry + CURRENT, 1);
        }
        let (count, [first, second]) = habits.detach;
        let bytes = [u8::from(habits.drive), count, first, second, 0, 0, 0, 0];
        self.put(entry + HABITS, u64::from_le_bytes(bytes));
        publish();
        self.put(entry + TOKEN, token);
    }

    /// How the viewer `token` types.
    pub fn habits(&self, token: u64) -> Habits {
        let word = self.known(token).map_or(0, |entry| self.word(entry + HABITS));
        let [drive, count, first, second, ..] = word.to_le_bytes();
        Habits { drive: drive != 0, detach: (count.min(2), [first, second]) }
    }

    /// At `position` of its input the viewer `token` has pressed this much of the keys to detach.
    pub fn hold(&mut self, token: u64, position: u64, keys: &[u8]) {
        let Some(entry) = self.known(token) else { return };
        let next = self.word(entry + CURRENT) & 1 ^ 1;
        let copy = entry + HELD + next as usize * HELD_BYTES;
        let len = keys.len().min(HELD_KEY_BYTES_MAX);
        self.put(copy, position);
        self.put(copy + 8, len as u64);
        self.region.bytes_mut()[copy + 16..copy + 16 + len].copy_from_slice(&keys[..len]);
        publish();
        self.put(entry + CURRENT, next);
    }

    /// What it had pressed of them, if that is known for `position`.
    pub fn held(&self, token: u64, position: u64) -> Option<Vec<u8>> {
        self.last_held(token).filter(|(at, _)| *at == position).map(|(_, keys)| keys)
    }

    /// What it had pressed of them last, and at which position.
    pub fn last_held(&self, token: u64) -> Option<(u64, Vec<u8>)> {
        let entry = self.known(token)?;
        let copy = entry + HELD + (self.word(entry + CURRENT) & 1) as usize * HELD_BYTES;
        let len = (self.word(copy + 8) as usize).min(HELD_KEY_BYTES_MAX);
        let keys = &self.region.bytes()[copy + 16..copy + 16 + len];
        Some((self.word(copy), keys.to_vec()))
    }

    /// The viewer `token` has pressed the keys to detach, and no daemon has let it go yet.
    pub fn leave(&mut self, token: u64) {
        if let Some(entry) = self.known(token) {
            self.put(entry + LEAVES, 1);
        }
    }

    /// Whether it has.
    pub fn leaves(&self, token: u64) -> bool {
        self.known(token).is_some_and(|entry| self.word(entry + LEAVES) != 0)
    }

    /// The viewer `token` is gone for good.
    pub fn forget(&mut self, token: u64) {
        if let Some(entry) = self.known(token) {
            self.put(entry + TOKEN, 0);
        }
    }

    fn known(&self, token: u64) -> Option<usize> {
        let entry = self.entry(token);
        (token != 0 && self.word(entry + TOKEN) == token).then_some(entry)
    }

    /// The entry of `token`: its own, else a free one, else one its bits choose, whose owner is then painted anew.
    fn entry(&self, token: u64) -> usize {
        let entries = (0..TERMINALS_REMEMBERED).map(|i| TYPED_BYTES + i * ENTRY_BYTES);
        let mut free = None;
        for entry in entries {
            match self.word(entry + TOKEN) {
                t if t == token => return entry,
                0 if free.is_none() => free = Some(entry),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::memory::{Mapping, create_memfd};

    fn remembered() -> Remembered {
        let fd = create_memfd("remembered", REMEMBERED_BYTES).unwrap();
        let mapping = Mapping::of(&fd, REMEMBERED_BYTES).unwrap();
        Remembered::new(mapping.carve(&[REMEMBERED_BYTES]).remove(0))
    }

    #[test]
    fn a_viewer_is_known_by_its_token_until_it_is_forgotten() {
        let mut remembered = remembered();
        assert_eq!((remembered.get(7), remembered.habits(7)), (None, Habits::default()));
        remembered.set_habits(7, Habits::new(true, b"\x02d"));
        remembered.set(7, Some(70));
        remembered.set(8, None);
        assert_eq!((remembered.get(7), remembered.get(8)), (Some(70), Some(UNKNOWN)));
        assert_eq!(remembered.habits(7).keys(), b"\x02d");
        remembered.leave(7);
        assert!(remembered.leaves(7) && !remembered.leaves(8));
        remembered.forget(7);
        assert_eq!((remembered.get(7), remembered.leaves(7)), (None, false));
        remembered.set_habits(7, Habits::new(false, b""));
        assert!(!remembered.leaves(7));
    }

    #[test]
    fn what_is_held_is_held_at_its_position() {
        let mut remembered = remembered();
        remembered.set_habits(7, Habits::new(true, b"\x02d"));
        remembered.hold(7, 5, b"\x02");
        remembered.hold(7, 6, b"");
        remembered.hold(7, 9, b"\x1b[98;5u");
        assert_eq!(remembered.held(7, 9).unwrap(), b"\x1b[98;5u");
        assert_eq!((remembered.held(7, 6), remembered.held(8, 9)), (None, None));
    }
}
