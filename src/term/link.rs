//! Hyperlinks (OSC 8), interned: a style holds only a number.
//!
//! Bounded in number and in bytes of each; numbers no style uses are found by the terminal's sweep.

use crate::limits::LINKS_MAX;
use std::collections::HashMap;

/// A link's number; 0 is no link.
pub type LinkId = u16;

/// A hyperlink.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    /// The `id=` parameter, empty when the program gave none.
    pub id: Box<str>,
    /// Where it leads. Untrusted: whoever shows it decides which schemes to open.
    pub uri: Box<str>,
}

/// The table.
#[derive(Debug, Default)]
pub struct LinkTable {
    links: Vec<Option<Link>>,
    free: Vec<LinkId>,
    ids: HashMap<Link, LinkId>,
    kept: usize,
}

impl LinkTable {
    /// The link of a number.
    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(usize::from(id).checked_sub(1)?)?.as_ref()
    }

    /// The number of a link; 0 when the table is full.
    pub fn intern(&mut self, link: &Link) -> LinkId {
        if let Some(&id) = self.ids.get(link) {
            return id;
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.links.len() < LINKS_MAX => {
                self.links.push(None);
                self.links.len() as LinkId
            }
            None => return 0,
        };
        self.links[usize::from(id) - 1] = Some(link.clone());
        self.ids.insert(link.clone(), id);
        id
    }

    /// Whether so many came since the last sweep that another pays.
    pub fn wants_sweep(&self) -> bool {
        self.ids.len() >= (2 * self.kept).clamp(64, LINKS_MAX)
    }

    /// Numbers given out so far are at most this.
    pub fn end(&self) -> usize {
        self.links.len()
    }

    /// Frees every number that `used` does not mark; `used[id]`.
    pub fn sweep(&mut self, used: &[bool]) {
        for (at, link) in self.links.iter_mut().enumerate() {
            if !used.get(at + 1).copied().unwrap_or(false)
                && let Some(link) = link.take()
            {
                self.ids.remove(&link);
                self.free.push(at as LinkId + 1);
            }
        }
        self.kept = self.ids.len();
        if self.ids.is_empty() {
            *self = LinkTable::default();
        }
    }
}
