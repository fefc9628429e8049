//! How a client becomes a viewer, how it lends and takes back its terminal, and how it leaves.

use super::awaited::discount;
use super::settle::UNDO;
use super::viewer::Viewer;
use super::{Answer, ClientId, Effect, Mux, Now};
use crate::limits::{HISTORY_ROWS_MAX, VIEWERS_MAX};
use crate::planted::{Bug, has};
use crate::units::{FaceId, Offset, Size};
use crate::wire::{Attach, Message, Refusal, Reply, Role, ViewerNote};

impl Mux {
    pub(super) fn attach(&mut self, now: Now, client: ClientId, mut attach: Attach) -> Answer {
        if self.viewer(client).is_some() {
            return Err(Refusal::Invalid(
                "this connection is attached already; use one for each face".into(),
            ));
        }
        let id = self.attachable(client, &attach.face)?;
        let drive = attach.drive && self.actor(client).role >= Role::Driver;
        if attach.drive && !drive {
            return Err(Refusal::NotAllowed(format!(
                "face {id}: this token may look, not type; attach with -r"
            )));
        }
        self.refuse_circle(id, &attach.inside)?;
        if self.faces.get(&id).is_some_and(|l| l.viewers.len() >= VIEWERS_MAX) {
            return Err(Refusal::Limit(format!(
                "face {id} has {VIEWERS_MAX} viewers, the limit; detach one first"
            )));
        }
        if attach.detach_others {
            self.detach_viewers(now, id, Some(client));
        }
        attach.history = attach.history.min(HISTORY_ROWS_MAX);
        let Some(living) = self.faces.get_mut(&id) else {
            return Err(Refusal::NoSuchFace(id.to_string()));
        };
        let journal = living.face.journal();
        let fits = attach.follows_size || attach.size == living.face.size();
        let resume = attach.resume.filter(|at| {
            let there = *at >= journal.tail() && *at <= living.face.complete();
            // Nothing was drawn before the first byte: a size that came with it changed nothing.
            let resized_at = living.meta.resized_at;
            fits && there && (at.0 > resized_at || resized_at == 0)
        });
        let at = resume.unwrap_or(living.face.complete());
        let accepted = living.face.accepted_of(attach.token);
        let mut viewer = Viewer::new(id, &attach, drive, at, accepted, now.mono);
        viewer.stale = resume.is_none().then_some(now.mono);
        viewer.painted = attach.resume.is_some();
        viewer.titled = viewer.painted;
        living.viewers.push(client);
        living.unseen = false;
        living.last_active = now.mono;
        if let Some(c) = self.clients.get_mut(&client) {
            c.viewer = Some(Box::new(viewer));
        }
        let was_awaited = self.welcome(now, id, client);
        self.viewer_came(now, id, client);
        if was_awaited {
            self.effects.push_back(Effect::Read { face: id });
        }
        let size = self.faces.get(&id).map_or(attach.size, |l| l.face.size());
        self.reply(client, Reply::Attached { id, size, offset: at, accepted, drive });
        if let Some(living) = self.faces.get(&id) {
            let note = living.size_note(client);
            self.note(client, note);
        }
        self.tell_viewers_changed(now, id);
        self.effects.push_back(Effect::Deliver { client });
        Ok(None)
    }

    /// The face to attach to: a living one, or one whose program was quicker than its first viewer.
    fn attachable(&self, client: ClientId, target: &str) -> Result<FaceId, Refusal> {
        self.living(client, target).or_else(|refusal| match refusal {
            Refusal::Gone { id, .. }
                if self.faces.get(&id).is_some_and(|l| l.over.is_some() && l.unseen) =>
            {
                Ok(id)
            }
            refusal => Err(refusal),
        })
    }

    /// A face may not be shown inside itself, straight or through others.
    fn refuse_circle(&self, id: FaceId, inside: &[String]) -> Result<(), Refusal> {
        // Who is shown inside whom: a viewer that came from inside a face names that face.
        let outer = inside.iter().take(64).filter_map(|face| face.parse().ok().map(FaceId));
        for face in outer {
            if face == id {
                return Err(Refusal::Invalid(format!(
                    "face {id} cannot be attached inside itself; detach first, or use another terminal"
                )));
            }
            if self.shown_inside(id, face, 0) {
                return Err(Refusal::Invalid(format!(
                    "face {id} already shows face {face}: that would be a circle"
                )));
            }
        }
        Ok(())
    }

    /// Whether the face `inner` is shown, straight or through others, by a viewer that runs inside `outer`.
    fn shown_inside(&self, outer: FaceId, inner: FaceId, depth: u32) -> bool {
        if depth > 16 {
            return true;
        }
        let shows = self
            .clients
            .values()
            .filter_map(|c| c.viewer.as_ref())
            .filter(|v| v.inside == Some(outer));
        let mut faces: Vec<FaceId> = shows.map(|v| v.face).collect();
        faces.dedup();
        faces.iter().any(|face| *face == inner || self.shown_inside(*face, inner, depth + 1))
    }

    /// `detach`: sends a face's viewers away.
    pub(super) fn detach_all(&mut self, now: Now, client: ClientId, target: &str) -> Answer {
        let id = self.living_for(client, target, Role::Driver)?;
        self.detach_viewers(now, id, None);
        Ok(Some(Reply::Done))
    }

    fn detach_viewers(&mut self, now: Now, id: FaceId, but: Option<ClientId>) {
        let viewers = self.faces.get(&id).map_or(Vec::new(), |l| l.viewers.clone());
        for viewer in viewers.into_iter().filter(|v| Some(*v) != but) {
            self.part(now, viewer, Some("detached by another client".into()));
        }
    }

    pub(super) fn leave(&mut self, now: Now, client: ClientId) -> Answer {
        self.part(now, client, Some("detached".into()));
        Ok(None)
    }

    /// Ends a viewing: told why when it is still there to be told.
    pub(super) fn part(&mut self, now: Now, client: ClientId, reason: Option<String>) {
        let Some(face) = self.viewer(client).map(|v| v.face) else { return };
        match reason {
            Some(reason) => self.end_viewing(client, ViewerNote::Detached { reason }),
            None => self.unview(client),
        }
        if let Some(living) = self.faces.get_mut(&face) {
            living.last_active = now.mono;
        }
        self.arm_idle(face);
        self.tell_viewers_changed(now, face);
    }

    /// Gives the terminal back, says why, and closes.
    pub(super) fn end_viewing(&mut self, client: ClientId, note: ViewerNote) {
        let Some(viewer) = self.viewer(client).filter(|_| !has(Bug::SilentEnd)) else { return };
        let undo = self.undo(viewer);
        let handed = viewer.handed;
        self.unview_handed(client, undo.clone());
        if !handed && !undo.is_empty() {
            self.send(client, Message::Bytes(undo));
        }
        self.note(client, note);
        self.effects.push_back(Effect::Close { client });
    }

    /// What undoes a face's modes in a viewer's terminal; the cursor below the last row.
    fn undo(&self, viewer: &Viewer) -> Vec<u8> {
        if viewer.follows {
            return Vec::new();
        }
        let terminal = self
            .faces
            .get(&viewer.face)
            .and_then(|l| l.face.terminal().map(|t| (t, l.face.complete())));
        let mut undo = match terminal {
            Some((terminal, complete)) if viewer.at == complete && viewer.is_in_step() => {
                terminal.undo_modes()
            }
            _ => UNDO.to_vec(),
        };
        if viewer.alternate {
            undo.extend_from_slice(b"\x1b[?1049l");
        } else {
            undo.extend_from_slice(format!("\x1b[{};1H\r\n", viewer.size.rows()).as_bytes());
        }
        undo
    }

    fn unview_handed(&mut self, client: ClientId, undo: Vec<u8>) {
        if self.viewer(client).is_some_and(|v| v.handed) {
            self.effects.push_back(Effect::GiveBack { client, undo });
        }
        self.forget_viewer(client);
    }

    /// The client is gone: its terminal, if we hold it, is made good all the same.
    fn unview(&mut self, client: ClientId) {
        let Some(viewer) = self.viewer(client) else { return };
        let undo = self.undo(viewer);
        self.unview_handed(client, undo);
    }

    fn forget_viewer(&mut self, client: ClientId) {
        let Some(mut viewer) = self.clients.get_mut(&client).and_then(|c| c.viewer.take()) else {
            return;
        };
        if let Some(living) = self.faces.get_mut(&viewer.face) {
            living.viewers.retain(|v| *v != client);
            discount(&mut viewer, living);
            if living.leader == Some(client) {
                living.leader = None;
                if !living.awaited.expects(viewer.token) {
                    living.face.set_leader(0);
                }
            }
            living.held = false;
            self.effects.push_back(Effect::Read { face: viewer.face });
        }
        self.bury_if_alone(viewer.face);
    }

    /// The client takes its terminal back for a while (it was stopped from the keyboard).
    pub(super) fn yield_terminal(&mut self, now: Now, client: ClientId) -> Answer {
        let Some(viewer) = self.viewer(client).filter(|v| v.handed) else {
            return Err(Refusal::Invalid("no terminal was handed over on this connection".into()));
        };
        let undo = self.undo(viewer);
        self.effects.push_back(Effect::GiveBack { client, undo });
        if let Some(viewer) = self.viewer_mut(client) {
            viewer.give_up(now.mono);
        }
        Ok(Some(Reply::Done))
    }

    /// The client gives its terminal again; it is painted anew.
    pub(super) fn resume(&mut self, now: Now, client: ClientId, size: Size) -> Answer {
        let Some(viewer) = self.viewer_mut(client).filter(|v| v.handed) else {
            return Err(Refusal::Invalid("no terminal was handed over on this connection".into()));
        };
        viewer.size = size;
        viewer.stale = Some(now.mono);
        let face = viewer.face;
        self.settle_size(now, face);
        self.effects.push_back(Effect::Deliver { client });
        Ok(Some(Reply::Done))
    }

    /// A viewer has shown output up to `offset`: its window opens.
    pub(super) fn shown(&mut self, client: ClientId, offset: Offset) -> Answer {
        let Some(viewer) = self.viewer_mut(client) else {
            return Err(Refusal::Invalid("not attached".into()));
        };
        viewer.shown = viewer.shown.max(offset.min(viewer.at));
        self.effects.push_back(Effect::Deliver { client });
        Ok(None)
    }

    fn tell_viewers_changed(&mut self, now: Now, id: FaceId) {
        if self.anybody_watches() {
            self.tell_watchers(id, |info| crate::wire::Event::Changed(Box::new(info)), now);
        }
    }
}
