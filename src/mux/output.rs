//! Output on its way: from the PTY into the journal, from the journal to viewers; who is held back for whom.

use super::awaited::{count, discount};
use super::restores::{LAPPED_EVERY, renew};
use super::timer::Timer;
use super::{ClientId, Effect, Mux, Now, viewer_among};
use crate::planted::{Bug, has};
use crate::units::{FaceId, Offset};
use crate::wire::ViewerNote;
use std::time::Duration;

/// What a viewer gets next.
#[derive(Debug, PartialEq)]
pub enum Chunk<'a> {
    /// A piece of a restore.
    Restore {
        /// Output goes on from here.
        offset: Offset,
        /// The first piece.
        first: bool,
        /// The last piece.
        last: bool,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Output, in two runs since the ring may turn between them.
    Output {
        /// Where it stands.
        offset: Offset,
        /// The first run.
        first: &'a [u8],
        /// The second run.
        second: &'a [u8],
    },
}

impl Chunk<'_> {
    /// Bytes in it.
    pub fn len(&self) -> usize {
        match self {
            Chunk::Restore { bytes, .. } => bytes.len(),
            Chunk::Output { first, second, .. } => first.len() + second.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Mux {
    /// Where a face's PTY is to be read into, at most `most` bytes, and the offset they will have. Empty while the
    /// face is held back for a driver; `Effect::Read` says when to come again.
    pub fn space(&mut self, now: Now, id: FaceId, most: usize) -> Option<(Offset, &mut [u8])> {
        let (limit, wake) = self.read_limit(now, id)?;
        let living = self.faces.get_mut(&id)?;
        let head = living.face.journal().head();
        if limit <= head && !living.held {
            living.held = true;
            living.patience.set(wake, Timer::Hold(id), &mut self.timers);
        }
        Some((head, living.face.space(limit, most)))
    }

    /// How far a face may be read for its drivers' sake, and when the first of them counts no more.
    fn read_limit(&self, now: Now, id: FaceId) -> Option<(Offset, Duration)> {
        let living = self.faces.get(&id)?;
        let capacity = living.face.journal().capacity();
        let expected = living.awaited.limit(now.mono);
        let (mut limit, mut wake) = expected.unwrap_or((Offset(u64::MAX), Duration::MAX));
        for viewer in living.viewers.iter().filter_map(|client| self.viewer(*client)) {
            let due = viewer.awaited();
            // One that was lapped waits for a restore: nothing is kept for it.
            let lapped = viewer.restore.is_none() && viewer.at < living.face.journal().tail();
            if viewer.drive && viewer.crop.is_none() && !lapped && due > now.mono {
                limit = limit.min(viewer.at.plus(capacity as usize));
                wake = wake.min(due);
            }
        }
        Some((limit, wake))
    }

    /// The moment has come at which a face was to be held back no more: for one of those for whom it is.
    pub(super) fn lose_patience(&mut self, now: Now, id: FaceId) {
        if self.faces.get_mut(&id).is_some_and(|living| living.patience.rings(now.mono)) {
            self.release_hold(now, id);
        }
    }

    /// Drivers for whom a face was held back and who took nothing have had their time: it goes on without them.
    pub(super) fn release_hold(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id).filter(|l| l.held) else { return };
        living.held = false;
        for n in 0..living.viewers.len() {
            let viewer = viewer_among(&mut self.clients, living.viewers[n]);
            if let Some(viewer) = viewer.filter(|v| v.awaited() <= now.mono) {
                discount(viewer, living);
            }
        }
        self.effects.push_back(Effect::Read { face: id });
    }

    /// `n` bytes were read into `space`. Gives whether any viewer may now get something.
    pub fn handle_output(&mut self, now: Now, id: FaceId, n: usize) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        living.face.handle_output(n);
        living.hung_up = false;
        living.last_output = now.mono;
        living.last_output_ms = now.wall_ms;
        if living.face.checkpoint_due() {
            let meta = living.meta.to_bytes();
            living.face.checkpoint(&meta, &mut self.scratch);
        }
        if living.face.input().waiting() > 0 {
            self.effects.push_back(Effect::Write { face: id });
        }
        let announced = living.face.take_announced();
        self.show(id);
        self.tell_announced(now, id, announced);
    }

    /// A face's viewers may get something: said once, however many they are and however much was read.
    pub(super) fn show(&mut self, face: FaceId) {
        let said = self.effects.back() == Some(&Effect::Show { face });
        if !said && self.faces.get(&face).is_some_and(|living| !living.viewers.is_empty()) {
            self.effects.push_back(Effect::Show { face });
        }
    }

    /// The moment has come for which a face's viewers were armed: for some of them.
    pub(super) fn show_armed(&mut self, now: Now, id: FaceId) {
        if !self.faces.get_mut(&id).is_some_and(|living| living.alarm.rings(now.mono)) {
            return;
        }
        self.show(id);
        let Some(living) = self.faces.get_mut(&id) else { return };
        let viewer = |client| self.clients.get(client)?.viewer.as_deref();
        let armed = living.viewers.iter().filter_map(viewer).map(|viewer| viewer.armed);
        if let Some(next) = armed.filter(|due| *due > now.mono).min() {
            living.alarm.set(next, Timer::Show(id), &mut self.timers);
        }
    }

    /// The viewers of a face for whom there may be something now, as `Effect::Show` says.
    pub fn due(&self, now: Now, face: FaceId) -> impl Iterator<Item = ClientId> {
        let viewers = self.faces.get(&face).map_or(&[][..], |living| &living.viewers[..]);
        let waits = move |client| self.viewer(client).is_some_and(|v| v.waits(now.mono));
        viewers.iter().copied().filter(move |client| !waits(*client))
    }

    /// The face a client watches, to be named in the record of a write to its terminal.
    pub fn watched(&self, client: ClientId) -> Option<FaceId> {
        Some(self.viewer(client)?.face)
    }

    /// Whether a viewer's output goes over its connection: not when the daemon holds its terminal.
    pub fn streams(&self, client: ClientId) -> bool {
        self.viewer(client).is_some_and(|v| !v.handed)
    }

    /// The offset up to which a viewer has everything; `None` while it is due a restore.
    pub fn reached(&self, client: ClientId) -> Option<Offset> {
        let viewer = self.viewer(client)?;
        viewer.is_in_step().then_some(viewer.at)
    }

    /// What a viewer gets next, at most `most` bytes; `None` when it has everything it may have now. What was sent
    /// of it is told by `handle_sent`.
    pub fn chunk(&mut self, now: Now, client: ClientId, most: usize) -> Option<Chunk<'_>> {
        self.viewer_mut(client)?.blocked = false;
        self.prepare(now, client)?;
        let viewer = self.clients.get(&client)?.viewer.as_ref()?;
        if let Some(pending) = &viewer.restore {
            let end = pending.bytes.len().min(pending.sent + most);
            return Some(Chunk::Restore {
                // A picture of a face of another size is no place to go on from.
                offset: if viewer.crop.is_some() { Offset::UNKNOWN } else { pending.offset },
                first: pending.sent == 0,
                last: end == pending.bytes.len(),
                bytes: &pending.bytes[pending.sent..end],
            });
        }
        let face = &self.faces.get(&self.shown_face(viewer.face))?.face;
        let end = face.complete().min(viewer.limit()).0.min(viewer.at.0 + most as u64);
        if viewer.crop.is_some() || end <= viewer.at.0 {
            return None;
        }
        let (first, second) = face.journal().read(viewer.at.0..end);
        Some(Chunk::Output { offset: viewer.at, first, second })
    }

    /// The face whose output a viewer of `id` gets.
    fn shown_face(&self, id: FaceId) -> FaceId {
        let other = || self.faces.keys().copied().find(|other| *other != id);
        if has(Bug::SwappedFaces) { other().unwrap_or(id) } else { id }
    }

    /// Gives a viewer that cannot go on from where it is a restore, if it may have one now, and one that has seen
    /// everything of an ended face its end. `None` when there is nothing to send.
    fn prepare(&mut self, now: Now, client: ClientId) -> Option<()> {
        let viewer = viewer_among(&mut self.clients, client)?;
        let living = self.faces.get_mut(&viewer.face)?;
        if viewer.restore.is_some() {
            return Some(());
        }
        if viewer.is_full() && living.over.is_none() {
            return None;
        }
        if viewer.stale.is_none()
            && viewer.crop.is_none()
            && viewer.at < living.face.journal().tail()
        {
            if has(Bug::NoRestore) {
                viewer.at = living.face.journal().tail();
                return Some(());
            }
            viewer.laps += 1;
            viewer.steady = now.mono;
            viewer.stale = Some(now.mono.max(viewer.renewed + LAPPED_EVERY));
            let laps = viewer.laps;
            self.note(client, ViewerNote::Lapped { laps });
            return self.prepare(now, client);
        }
        match viewer.stale {
            Some(due) if due > now.mono => {
                living.arm(viewer, due, &mut self.timers);
                return None;
            }
            Some(_) => {
                viewer.stale = None;
                let face = viewer.face;
                renew(viewer, living, now);
                self.bound_restores(now, face);
                return Some(());
            }
            None => {}
        }
        if viewer.crop.is_some() {
            return super::crop::prepare(viewer, living, now, &mut self.timers);
        }
        if let Some(end) = &living.over
            && viewer.at >= living.face.complete()
        {
            let end = Box::new(end.clone());
            self.end_viewing(client, ViewerNote::Ended { end });
            return None;
        }
        Some(())
    }

    /// A viewer took `n` bytes of what `chunk` gave.
    pub fn handle_sent(&mut self, now: Now, client: ClientId, n: usize) {
        let Some(viewer) = viewer_among(&mut self.clients, client) else {
            return;
        };
        viewer.progress = now.mono;
        viewer.blocked = false;
        match &mut viewer.restore {
            Some(pending) => {
                pending.sent += n;
                if pending.sent >= pending.bytes.len() {
                    viewer.at = pending.offset;
                    // A picture has no offset that could be acknowledged.
                    if viewer.crop.is_some() {
                        viewer.shown = viewer.shown.max(pending.offset);
                    }
                    viewer.restore = None;
                    viewer.given_up = false;
                }
            }
            None if viewer.given_up => {}
            None => viewer.at = viewer.at.plus(slipped(n)),
        }
        if let Some(living) = self.faces.get_mut(&viewer.face) {
            count(viewer, living);
            if std::mem::take(&mut living.held) {
                self.effects.push_back(Effect::Read { face: viewer.face });
            }
        }
    }

    /// The rest of a frame whose head was sent already: `left` bytes from where the viewer is. Empty when the
    /// journal has moved on, or the restore was given up: the frame is then filled up with NULs, which terminals
    /// ignore.
    pub fn rest_of_frame(&self, client: ClientId, left: usize) -> (&[u8], &[u8]) {
        let Some(viewer) = self.viewer(client) else { return (&[], &[]) };
        if let Some(pending) = &viewer.restore {
            let end = pending.bytes.len().min(pending.sent + left);
            return (&pending.bytes[pending.sent..end], &[]);
        }
        match self.faces.get(&viewer.face) {
            Some(living) if !viewer.given_up && viewer.at >= living.face.journal().tail() => {
                living.face.journal().read(viewer.at.0..viewer.at.0 + left as u64)
            }
            _ => (&[], &[]),
        }
    }
}

/// The bytes sent, as they are counted.
fn slipped(n: usize) -> usize {
    match n {
        2.. if has(Bug::DoubledByte) => n - 1,
        1.. if has(Bug::LostByte) => n + 1,
        _ => n,
    }
}
