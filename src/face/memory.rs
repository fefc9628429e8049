//! How a face's shared memory is laid out, and its header.
//!
//! One memfd a face, held by the keeper too, so that a new daemon finds everything the last one knew:
//! header | input ring | journal ring | undo log | checkpoint slot 0 | slot 1 | packed history. It is sparse: pages
//! never touched cost nothing. The daemon may be killed between any two instructions, so every change is published by
//! one aligned store after everything it names is in place; `publish` keeps the compiler from turning that round.

use crate::limits::{
    DRIVERS_REMEMBERED, HISTORY_BYTES_MAX, HISTORY_LINE_BYTES, INPUT_BYTES_MAX, SLOT_BYTES_MAX,
    UNDO_BYTES_MAX, VIEWERS_REMEMBERED,
};
use crate::region::Region;
use std::sync::atomic::{Ordering, compiler_fence};

/// Bytes of the header: one page.
pub const HEADER_BYTES: usize = 4096;

/// Lengths of the seven pieces, in their order in the memfd.
pub fn layout(journal_bytes: usize) -> [usize; 7] {
    [
        HEADER_BYTES,
        INPUT_BYTES_MAX,
        journal_bytes,
        UNDO_BYTES_MAX,
        SLOT_BYTES_MAX,
        SLOT_BYTES_MAX,
        HISTORY_BYTES_MAX,
    ]
}

/// Bytes of the whole.
pub fn total_bytes(journal_bytes: usize) -> usize {
    layout(journal_bytes).iter().sum()
}

/// The pieces, each lent to the part that owns it.
pub struct Memory {
    /// For `Header`.
    pub header: Box<dyn Region>,
    /// For `Input`.
    pub input: Box<dyn Region>,
    /// For `Journal`.
    pub journal: Box<dyn Region>,
    /// For `Undo`.
    pub undo: Box<dyn Region>,
    /// For `Slots`.
    pub slots: [Box<dyn Region>; 2],
    /// For the terminal's history.
    pub history: Box<dyn Region>,
}

impl Memory {
    /// From the pieces of `layout`, in order; `None` when they are not seven.
    pub fn from_pieces(pieces: Vec<Box<dyn Region>>) -> Option<Memory> {
        let [header, input, journal, undo, slot_0, slot_1, history] =
            <[Box<dyn Region>; 7]>::try_from(pieces).ok()?;
        Some(Memory { header, input, journal, undo, slots: [slot_0, slot_1], history })
    }

    /// Vectors of its own, for tests: `history_bytes` and `slot_bytes` as small as they like.
    pub fn owned(journal_bytes: usize, slot_bytes: usize, history_bytes: usize) -> Memory {
        Memory {
            header: Box::new(vec![0; HEADER_BYTES]),
            input: Box::new(vec![0; INPUT_BYTES_MAX]),
            journal: Box::new(vec![0; journal_bytes]),
            undo: Box::new(vec![0; UNDO_BYTES_MAX]),
            slots: [Box::new(vec![0; slot_bytes]), Box::new(vec![0; slot_bytes])],
            history: Box::new(vec![0; history_bytes]),
        }
    }
}

/// The first `len` bytes of a region: for a part that is to use no more of it.
pub struct Front {
    region: Box<dyn Region>,
    len: usize,
}

impl Front {
    /// As much of `region` as a history of `lines` may use: so few lines never fill it all.
    pub fn for_history(region: Box<dyn Region>, lines: usize) -> Front {
        let len = lines.saturating_mul(HISTORY_LINE_BYTES).max(4096).min(region.bytes().len());
        Front { region, len }
    }
}

impl Region for Front {
    fn bytes(&self) -> &[u8] {
        &self.region.bytes()[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.region.bytes_mut()[..self.len]
    }
}

/// Keeps the stores before it before those after it, as a killed process leaves them.
pub fn publish() {
    compiler_fence(Ordering::SeqCst);
    crate::planted::pass("published");
}

/// What a new daemon finds of a face besides its rings and checkpoints. Word numbers, 8 bytes each.
pub struct Header {
    region: Box<dyn Region>,
}

const MAGIC: u64 = u64::from_le_bytes(*b"fmface01");
const WORD_MAGIC: usize = 0;
const WORD_HEAD: usize = 1;
const WORD_WRITTEN: usize = 2;
const WORD_SLOT: usize = 3;
const WORD_SLOT_LEN: usize = 4;
const WORD_DOUBT: usize = 6;
const WORD_CRASHES: usize = 7;
const WORD_COMMIT: usize = 8;
const WORD_COMMITS: usize = 9;
const COMMIT_WORDS: usize = 4;
const WORD_LEADER: usize = 17;
const WORD_UNDO: usize = 18;
const WORD_CUT_OFF: usize = 20;
const WORD_VIEWERS: usize = 32;
const VIEWER_WORDS: usize = 3;
const WORD_DRIVERS: usize = WORD_VIEWERS + VIEWERS_REMEMBERED * VIEWER_WORDS;

/// The input side of a face, changed as one: by an accepted input, or by an accepted reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Commit {
    /// Input accepted so far.
    pub accepted: u64,
    /// Every reply owed for a query that ends at or before this offset was accepted.
    pub replied: u64,
    /// The viewer whose input this was, 0 for none.
    pub token: u64,
    /// How much of that viewer's input stream was accepted so far.
    pub upto: u64,
}

impl Header {
    /// The header in `region`; zeros are a fresh face's.
    pub fn new(region: Box<dyn Region>) -> Header {
        let mut header = Header { region };
        if header.word(WORD_MAGIC) != MAGIC {
            header.set(WORD_SLOT, 2);
            publish();
            header.set(WORD_MAGIC, MAGIC);
        }
        header
    }

    fn word(&self, n: usize) -> u64 {
        let at = n * 8;
        let bytes = self.region.bytes().get(at..at + 8).and_then(|b| b.first_chunk::<8>());
        bytes.map_or(0, |b| u64::from_le_bytes(*b))
    }

    fn set(&mut self, n: usize, value: u64) {
        let at = n * 8;
        if let Some(bytes) = self.region.bytes_mut().get_mut(at..at + 8) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Offset after the last byte of output in the journal.
    pub fn head(&self) -> u64 {
        self.word(WORD_HEAD)
    }

    /// Says how much output is in the journal.
    pub fn set_head(&mut self, head: u64) {
        publish();
        self.set(WORD_HEAD, head);
    }

    /// How much of the accepted input the child's PTY has taken.
    pub fn written(&self) -> u64 {
        self.word(WORD_WRITTEN)
    }

    /// Says how much the PTY has taken.
    pub fn set_written(&mut self, written: u64) {
        publish();
        self.set(WORD_WRITTEN, written);
    }

    /// The slot with the newest checkpoint and its length.
    pub fn checkpoint(&self) -> Option<(usize, usize)> {
        let slot = self.word(WORD_SLOT) as usize;
        (slot < 2).then(|| (slot, self.word(WORD_SLOT_LEN + slot) as usize))
    }

    /// What the gate is to know where the newest checkpoint reads on.
    pub fn cut_off(&self) -> Option<u64> {
        let (slot, _) = self.checkpoint()?;
        self.word(WORD_CUT_OFF + slot).checked_sub(1)
    }

    /// Says so of the checkpoint that is about to be published in the other slot.
    pub fn set_next_cut_off(&mut self, cut_off: Option<u64>) {
        let slot = self.checkpoint().map_or(0, |(slot, _)| slot ^ 1);
        self.set(WORD_CUT_OFF + slot, cut_off.map_or(0, |at| at + 1));
    }

    /// Publishes the checkpoint of `len` bytes that is whole in `slot`.
    pub fn set_checkpoint(&mut self, slot: usize, len: usize) {
        self.set(WORD_SLOT_LEN + slot, len as u64);
        publish();
        self.set(WORD_SLOT, slot as u64);
    }

    /// Bytes of the undo log.
    pub fn undo(&self) -> usize {
        self.word(WORD_UNDO) as usize
    }

    /// Says so.
    pub fn set_undo(&mut self, len: usize) {
        self.set(WORD_UNDO, len as u64);
        publish();
    }

    /// Writes in doubt so far: nonzero only where the kernel's accounting is missing.
    pub fn doubt(&self) -> u64 {
        self.word(WORD_DOUBT)
    }

    /// Counts a write in doubt.
    pub fn add_doubt(&mut self) {
        self.set(WORD_DOUBT, self.doubt() + 1);
    }

    /// How many daemons died while they parsed this face's bytes, since the last one that did not.
    pub fn crashes(&self) -> u64 {
        self.word(WORD_CRASHES)
    }

    /// Says so.
    pub fn set_crashes(&mut self, crashes: u64) {
        self.set(WORD_CRASHES, crashes);
    }

    /// The input side as last published.
    pub fn commit(&self) -> Commit {
        let at = WORD_COMMITS + (self.word(WORD_COMMIT) as usize & 1) * COMMIT_WORDS;
        Commit {
            accepted: self.word(at),
            replied: self.word(at + 1),
            token: self.word(at + 2),
            upto: self.word(at + 3),
        }
    }

    /// Publishes the input side; the viewer's own entry follows, and `settle` mends it after a kill between.
    pub fn set_commit(&mut self, commit: Commit) {
        let next = (self.word(WORD_COMMIT) as usize & 1) ^ 1;
        let at = WORD_COMMITS + next * COMMIT_WORDS;
        self.set(at, commit.accepted);
        self.set(at + 1, commit.replied);
        self.set(at + 2, commit.token);
        self.set(at + 3, commit.upto);
        publish();
        self.set(WORD_COMMIT, next as u64);
        publish();
        self.settle();
    }

    /// Carries the last commit's viewer into the table of viewers. Doing it twice changes nothing.
    pub fn settle(&mut self) {
        let commit = self.commit();
        if commit.token == 0 {
            return;
        }
        let at = self.entry(commit.token);
        if self.word(at) != commit.token {
            // Free for a moment: a kill between may not leave its owner's name on another's figures.
            self.set(at, 0);
            publish();
        }
        self.set(at + 1, commit.upto);
        self.set(at + 2, commit.accepted);
        publish();
        self.set(at, commit.token);
    }

    /// The entry of `token`, or the one to use for it: its own, a free one, else that of whoever typed longest ago.
    fn entry(&self, token: u64) -> usize {
        let entries = (0..VIEWERS_REMEMBERED).map(|i| WORD_VIEWERS + i * VIEWER_WORDS);
        let (mut free, mut oldest) = (None, (u64::MAX, WORD_VIEWERS));
        for at in entries {
            match self.word(at) {
                t if t == token => return at,
                0 if free.is_none() => free = Some(at),
                _ => oldest = oldest.min((self.word(at + 2), at)),
            }
        }
        free.unwrap_or(oldest.1)
    }

    /// How much of the input stream of the viewer `token` was accepted; 0 for one never seen.
    pub fn accepted_of(&self, token: u64) -> u64 {
        let at = self.entry(token);
        if token != 0 && self.word(at) == token { self.word(at + 1) } else { 0 }
    }

    /// The drivers attached when the last daemon died, by their tokens.
    pub fn drivers(&self) -> Vec<u64> {
        let words = (0..DRIVERS_REMEMBERED).map(|i| self.word(WORD_DRIVERS + i));
        words.filter(|token| *token != 0).collect()
    }

    /// `token` is among them from now on, while there is room.
    pub fn add_driver(&mut self, token: u64) {
        let mut places = WORD_DRIVERS..WORD_DRIVERS + DRIVERS_REMEMBERED;
        if token != 0 && !places.clone().any(|at| self.word(at) == token) {
            let free = places.find(|at| self.word(*at) == 0);
            free.into_iter().for_each(|at| self.set(at, token));
        }
    }

    /// `token` is not.
    pub fn remove_driver(&mut self, token: u64) {
        let mut places = WORD_DRIVERS..WORD_DRIVERS + DRIVERS_REMEMBERED;
        let place = places.find(|at| token != 0 && self.word(*at) == token);
        place.into_iter().for_each(|at| self.set(at, 0));
    }

    /// The driver who led, by its token; 0 for none.
    pub fn leader(&self) -> u64 {
        self.word(WORD_LEADER)
    }

    /// Says so.
    pub fn set_leader(&mut self, token: u64) {
        self.set(WORD_LEADER, token);
    }
}

const _: () = assert!((WORD_DRIVERS + DRIVERS_REMEMBERED) * 8 <= HEADER_BYTES);
const _: () = assert!(WORD_COMMITS + 2 * COMMIT_WORDS <= WORD_LEADER);

/// What a face's header says of its output's head and of its input taken by the PTY.
pub fn noted(memory: &Memory) -> (u64, u64) {
    let word = |n: usize| {
        let bytes = memory.header.bytes().get(n * 8..).and_then(|b| b.first_chunk::<8>());
        bytes.map_or(0, |b| u64::from_le_bytes(*b))
    };
    (word(WORD_HEAD), word(WORD_WRITTEN))
}

/// Puts output into a face's journal that a daemon had read from `offset` on and had not put there.
pub fn put_output(memory: &mut Memory, offset: u64, bytes: &[u8]) {
    let ring = memory.journal.bytes_mut();
    let start = (offset % ring.len().max(1) as u64) as usize;
    let (turned, straight) = ring.split_at_mut(start);
    for (place, byte) in straight.iter_mut().chain(turned).zip(bytes) {
        *place = *byte;
    }
}

/// Counts, in a face's header, a daemon that died while it parsed the face (`culprit`), or only reads the count.
pub fn count_crash(memory: &mut Memory, culprit: bool) -> u64 {
    let at = WORD_CRASHES * 8;
    let Some(bytes) = memory.header.bytes_mut().get_mut(at..at + 8) else { return 0 };
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    let crashes = u64::from_le_bytes(word) + u64::from(culprit);
    bytes.copy_from_slice(&crashes.to_le_bytes());
    crashes
}
