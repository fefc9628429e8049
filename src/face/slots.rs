//! A face's checkpoints: two slots, the number of the whole one published last.
//!
//! A checkpoint is what the owner wants back (`meta`) and the terminal's own. Together with the journal from its
//! offset on it is always the whole truth.

use super::memory::{Header, publish};
use crate::region::Region;

/// The two slots.
pub struct Slots {
    regions: [Box<dyn Region>; 2],
}

impl Slots {
    /// The slots in `regions`.
    pub fn new(regions: [Box<dyn Region>; 2]) -> Slots {
        Slots { regions }
    }

    /// The newest checkpoint: its meta and its terminal.
    pub fn read(&self, header: &Header) -> Option<(&[u8], &[u8])> {
        let (slot, len) = header.checkpoint()?;
        let bytes = self.regions[slot].bytes().get(..len)?;
        let (meta_len, rest) = bytes.split_first_chunk::<4>()?;
        let meta_len = u32::from_le_bytes(*meta_len) as usize;
        (meta_len <= rest.len()).then(|| rest.split_at(meta_len))
    }

    /// Writes a checkpoint into the slot not in use and publishes it. `false` when it does not fit; then the older
    /// one stays.
    pub fn write(&mut self, header: &mut Header, meta: &[u8], terminal: &[u8]) -> bool {
        let slot = header.checkpoint().map_or(0, |(slot, _)| slot ^ 1);
        let len = 4 + meta.len() + terminal.len();
        let Some(bytes) = self.regions[slot].bytes_mut().get_mut(..len) else { return false };
        bytes[..4].copy_from_slice(&(meta.len() as u32).to_le_bytes());
        bytes[4..4 + meta.len()].copy_from_slice(meta);
        bytes[4 + meta.len()..].copy_from_slice(terminal);
        publish();
        header.set_checkpoint(slot, len);
        true
    }
}
