//! The restores viewers are sent: one serves all who can take it, a viewer that cannot keep up gets one now and then,
//! and however many viewers stop reading in the middle of theirs, a face keeps few bytes of them.

use super::living::Living;
use super::settle::{ALTERNATE, CLEAR, UNDO};
use super::viewer::Viewer;
use super::{ClientId, Mux, Now, viewer_among};
use crate::limits::RESTORES_BYTES_MAX;
use crate::units::{FaceId, Offset};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A viewer that is lapped again and again gets a restore this often, and whoever else is due one within this time
/// shares it: what it shows is no older.
pub(super) const LAPPED_EVERY: Duration = Duration::from_millis(100);

/// A restore on its way to a viewer.
#[derive(Clone)]
pub(super) struct Pending {
    /// Shared by all who were due one.
    pub bytes: Arc<[u8]>,
    /// How much of it was sent.
    pub sent: usize,
    /// Output goes on from here.
    pub offset: Offset,
}

/// The last restore made, as long as somebody is still being sent it.
pub(super) struct Made {
    offset: Offset,
    lines: u32,
    at: Duration,
    bytes: Weak<[u8]>,
}

impl Made {
    /// The restore, for a viewer that wants `lines` of history: taken here, or a moment ago and not yet had.
    fn shared(&self, viewer: &Viewer, here: Offset, lines: u32, now: Now) -> Option<Pending> {
        let recent = self.at + LAPPED_EVERY > now.mono && viewer.renewed < self.at;
        let good = self.lines == lines && (self.offset == here || recent);
        let bytes = self.bytes.upgrade().filter(|_| good)?;
        Some(Pending { bytes, sent: 0, offset: self.offset })
    }
}

/// Makes a viewer's next restore, or shares one.
pub(super) fn renew(viewer: &mut Viewer, living: &mut Living, now: Now) {
    let again = viewer.painted && !viewer.follows;
    let cropped =
        !viewer.follows && viewer.size != living.face.size() && living.face.terminal().is_some();
    viewer.crop = cropped.then(Default::default);
    let mut first = if again || cropped { UNDO.to_vec() } else { Vec::new() };
    if again && !cropped && viewer.titled {
        first.extend(take_titles_back(living));
    }
    viewer.titled |= !cropped;
    let then: &[u8] = match viewer.alternate {
        true => ALTERNATE,
        false if again || cropped => CLEAR,
        false => b"",
    };
    // Who had to begin anew is shown the screen first.
    let lines = if again || cropped || viewer.given_up { 0 } else { viewer.history };
    viewer.painted = true;
    let here = living.face.complete();
    let mut pending = match living.face.terminal() {
        None => {
            let from = living.face.journal().tail();
            Pending { bytes: Arc::new([]), sent: 0, offset: from }
        }
        Some(_) if cropped => Pending { bytes: Arc::new([]), sent: 0, offset: here },
        Some(terminal) => {
            let made = living.restore.as_ref();
            made.and_then(|made| made.shared(viewer, here, lines, now)).unwrap_or_else(|| {
                let bytes: Arc<[u8]> = terminal.restore(lines as usize).into();
                let made =
                    Made { offset: here, lines, at: now.mono, bytes: Arc::downgrade(&bytes) };
                living.restore = Some(made);
                Pending { bytes, sent: 0, offset: here }
            })
        }
    };
    if !(first.is_empty() && then.is_empty()) {
        pending.bytes = [&first, then, &pending.bytes].concat().into();
    }
    viewer.renewed = now.mono;
    viewer.restore = Some(pending);
}

/// What a painted terminal has put aside for the face it takes back, or each restore would put it aside once more. How
/// much that is nobody knows who was not there: as much as is to be put aside again, which is seldom different.
fn take_titles_back(living: &Living) -> Vec<u8> {
    let (titles, icons) = living.face.terminal().map_or((0, 0), |t| t.titles_aside());
    [b"\x1b[23;2t".repeat(titles), b"\x1b[23;1t".repeat(icons)].concat()
}

impl Mux {
    /// A viewer's connection takes nothing until it is asked for more. A restore of which it has nothing yet is not
    /// kept for it: once there is room it gets a newer one. One that is not a page had its old screen undone for this.
    pub fn handle_blocked(&mut self, now: Now, client: ClientId) {
        let Some(viewer) = self.viewer_mut(client) else { return };
        viewer.blocked = true;
        let untouched = viewer.restore.as_ref().is_some_and(|pending| pending.sent == 0);
        if untouched && viewer.follows {
            viewer.restore = None;
            viewer.renewed = Duration::ZERO;
            viewer.stale = Some(now.mono);
        }
    }

    /// Gives up the oldest restores of a face that are too much together: their viewers begin anew, with the screen
    /// alone. A terminal that was handed over is no place to break off in, and there are few of those.
    pub(super) fn bound_restores(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get(&id) else { return };
        let key = |bytes: &Arc<[u8]>| bytes.as_ptr() as usize;
        let mut on_the_way = Vec::new();
        for viewer in living.viewers.iter().filter_map(|client| self.viewer(*client)) {
            if let Some(pending) = viewer.restore.as_ref().filter(|_| !viewer.handed) {
                on_the_way.push((pending.offset, key(&pending.bytes), pending.bytes.len()));
            }
        }
        on_the_way.sort_unstable();
        on_the_way.dedup();
        let mut total: usize = on_the_way.iter().map(|(_, _, len)| len).sum();
        let Some((_newest, older)) = on_the_way.split_last() else { return };
        let mut given_up = Vec::new();
        for (_, key, len) in older {
            if total <= RESTORES_BYTES_MAX {
                break;
            }
            total -= len;
            given_up.push(*key);
        }
        if given_up.is_empty() {
            return;
        }
        for client in &living.viewers {
            let viewer = viewer_among(&mut self.clients, *client);
            let Some(viewer) = viewer.filter(|viewer| !viewer.handed) else { continue };
            if viewer.restore.as_ref().is_some_and(|p| given_up.contains(&key(&p.bytes))) {
                viewer.restore = None;
                viewer.given_up = true;
                viewer.stale = Some(now.mono);
            }
        }
    }
}
