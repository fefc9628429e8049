//! Characters with combining marks, interned: a cell holds only a number.
//!
//! Bounded in number and length; numbers no cell uses are found by the terminal's sweep.

use super::cell::Content;
use crate::limits::{CLUSTER_BYTES_MAX, CLUSTERS_MAX};
use std::collections::HashMap;

/// A cluster's number.
pub type ClusterId = u32;

/// The table.
#[derive(Debug, Default)]
pub struct ClusterTable {
    texts: Vec<Option<Box<str>>>,
    free: Vec<ClusterId>,
    ids: HashMap<Box<str>, ClusterId>,
    /// Clusters in use after the last sweep.
    kept: usize,
    /// What was joined lately, by a hash of both: a text repeats its few marked characters.
    joined: Vec<(Content, char, ClusterId)>,
}

/// Joins remembered: 16 bytes each once there is one.
const JOINED: usize = 64;

/// Where a join is remembered.
fn slot(content: Content, mark: char) -> usize {
    let content = match content {
        Content::Blank => 0,
        Content::Char(c) => u32::from(c),
        Content::Cluster(id) => !id,
    };
    let mixed = (content ^ u32::from(mark).rotate_left(16)).wrapping_mul(0x9e37_79b9);
    mixed as usize >> 26
}

impl ClusterTable {
    /// The text of a cluster.
    pub fn get(&self, id: ClusterId) -> &str {
        self.texts.get(id as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The number of a cell's content with one more mark, if it was joined lately.
    pub fn joined(&self, content: Content, mark: char) -> Option<ClusterId> {
        let (before, joined, id) = *self.joined.get(slot(content, mark))?;
        (before == content && joined == mark).then_some(id)
    }

    /// The number of that text, remembered.
    pub fn join(&mut self, content: Content, mark: char, text: &str) -> Option<ClusterId> {
        let id = self.intern(text)?;
        self.joined.resize(JOINED, (Content::Blank, mark, id));
        self.joined[slot(content, mark)] = (content, mark, id);
        Some(id)
    }

    /// The number of a text; None when the table is full or the text too long.
    pub fn intern(&mut self, text: &str) -> Option<ClusterId> {
        if let Some(&id) = self.ids.get(text) {
            return Some(id);
        }
        if text.len() > CLUSTER_BYTES_MAX {
            return None;
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.texts.len() < CLUSTERS_MAX => {
                self.texts.push(None);
                self.texts.len() as ClusterId - 1
            }
            None => return None,
        };
        self.texts[id as usize] = Some(text.into());
        self.ids.insert(text.into(), id);
        Some(id)
    }

    /// Whether so many came since the last sweep that another pays.
    pub fn wants_sweep(&self, cells: usize) -> bool {
        self.ids.len() >= (2 * self.kept).max(256).max(cells / 8).min(CLUSTERS_MAX)
    }

    /// Numbers given out so far are below this.
    pub fn end(&self) -> usize {
        self.texts.len()
    }

    /// Frees every number that `used` does not mark.
    pub fn sweep(&mut self, used: &[bool]) {
        for (id, text) in self.texts.iter_mut().enumerate() {
            if !used.get(id).copied().unwrap_or(false)
                && let Some(text) = text.take()
            {
                self.ids.remove(&text);
                self.free.push(id as ClusterId);
            }
        }
        self.joined.clear();
        self.kept = self.ids.len();
        if self.ids.is_empty() {
            *self = ClusterTable::default();
        }
    }
}
