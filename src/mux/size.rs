//! Whose size a face takes, and what a change of it brings.

use super::viewer::Viewer;
use super::{Answer, ClientId, Effect, Mux, Now, viewer_among};
use crate::planted::{Bug, has};
use crate::units::{FaceId, Size};
use crate::wire::request::{SizePolicy, ViewerReport};
use crate::wire::{Message, Refusal, Reply, Role};

impl Mux {
    /// A viewer came: the first driver leads.
    pub(super) fn viewer_came(&mut self, now: Now, id: FaceId, client: ClientId) {
        let Some(viewer) = self.viewer(client) else { return };
        let (drives, token) = (viewer.drive && !viewer.follows, viewer.token);
        if let Some(living) = self.faces.get_mut(&id)
            && living.leader.is_none()
            && drives
            && living.awaited.may_lead(token, now.mono)
        {
            living.lead(client, token);
        }
        self.settle_size(now, id);
    }

    /// A driver typed: it leads from now on.
    pub(super) fn lead(&mut self, now: Now, id: FaceId, client: ClientId) {
        let token = self.viewer(client).map_or(0, |v| v.token);
        if let Some(living) = self.faces.get_mut(&id)
            && living.leader != Some(client)
        {
            living.awaited.forget_leader();
            living.lead(client, token);
            self.settle_size(now, id);
        }
    }

    /// Gives the face the size its policy says, if that is another.
    pub(super) fn settle_size(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get(&id) else { return };
        if living.meta.fixed || self.settings.size_policy == SizePolicy::Fixed {
            return;
        }
        let drivers = || living.viewers.iter().filter_map(|c| self.viewer(*c)).filter(|v| v.drive);
        let wanted = match self.settings.size_policy {
            // Until those are back who were there before a crash.
            SizePolicy::Smallest if living.awaited.anybody(now.mono) => None,
            SizePolicy::Smallest => {
                let rows = drivers().map(|v| v.size.rows()).min();
                let cols = drivers().map(|v| v.size.cols()).min();
                rows.zip(cols).map(|(rows, cols)| Size::clamped(rows, cols))
            }
            _ => living.leader.and_then(|leader| self.viewer(leader)).map(|v| v.size),
        };
        let cell =
            living.leader.and_then(|leader| self.viewer(leader)).map_or((0, 0), Viewer::cell);
        if let Some(size) = wanted.filter(|s| *s != living.face.size()) {
            self.set_size(now, id, size, cell);
        } else {
            self.crop_anew(now, id);
        }
    }

    fn set_size(&mut self, now: Now, id: FaceId, size: Size, cell: (u16, u16)) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        living.face.resize(size);
        living.meta.size = size;
        living.meta.resized_at = living.face.journal().head().0;
        living.restore = None;
        // Before the PTY knows: the journal has no record of a resize, so what follows it needs a new start.
        let meta = living.meta.to_bytes();
        if !has(Bug::ResizeUnkept) {
            living.face.checkpoint(&meta, &mut self.scratch);
        }
        self.effects.push_back(Effect::SetSize { face: id, size, cell });
        for client in &living.viewers {
            let message = Message::Viewer(living.size_note(*client));
            self.effects.push_back(Effect::Send { client: *client, message });
            if let Some(viewer) = viewer_among(&mut self.clients, *client) {
                viewer.make_stale(now.mono);
            }
        }
        self.show(id);
    }

    /// Viewers whose size fits no more, or fits again, are due a restore.
    fn crop_anew(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get(&id) else { return };
        let size = living.face.size();
        let mut any = false;
        for client in &living.viewers {
            let viewer = viewer_among(&mut self.clients, *client);
            let unfit = |v: &&mut Viewer| !v.follows && (v.crop.is_some() != (v.size != size));
            if let Some(viewer) = viewer.filter(unfit) {
                viewer.make_stale(now.mono);
                any = true;
            }
        }
        if any {
            self.show(id);
        }
    }

    /// A viewer's terminal has another size.
    pub(super) fn viewer_size(
        &mut self,
        now: Now,
        client: ClientId,
        size: Size,
        pixels: (u16, u16),
    ) -> Answer {
        let Some(viewer) = self.viewer_mut(client) else {
            return Err(Refusal::Invalid("not attached".into()));
        };
        let changed = viewer.size != size;
        (viewer.size, viewer.pixels) = (size, pixels);
        let (face, follows, drive) = (viewer.face, viewer.follows, viewer.drive);
        if changed && !follows {
            viewer.make_stale(now.mono);
            self.show(face);
        }
        if follows && drive {
            self.lead(now, face, client);
        }
        self.settle_size(now, face);
        Ok(None)
    }

    /// What a viewer's terminal is like: the leader's is what the program is told.
    pub(super) fn viewer_report(&mut self, client: ClientId, report: &ViewerReport) -> Answer {
        let Some(viewer) = self.viewer(client) else {
            return Err(Refusal::Invalid("not attached".into()));
        };
        let (face, drive) = (viewer.face, viewer.drive);
        if let Some(living) = self.faces.get_mut(&face)
            && drive
            && living.leader.is_none_or(|leader| leader == client)
        {
            living.face.set_report(terminal_report(report));
            if living.meta.report.as_ref() != Some(report) {
                living.meta.report = Some(report.clone());
                let meta = living.meta.to_bytes();
                living.face.checkpoint(&meta, &mut self.scratch);
            }
        }
        Ok(None)
    }

    /// `resize`: a size that stays.
    pub(super) fn resize(
        &mut self,
        now: Now,
        client: ClientId,
        target: &str,
        size: Size,
    ) -> Answer {
        let id = self.living_for(client, target, Role::Driver)?;
        if let Some(living) = self.faces.get_mut(&id) {
            living.meta.fixed = true;
            if living.face.size() != size {
                self.set_size(now, id, size, (0, 0));
            }
        }
        self.tell_watchers(id, |info| crate::wire::Event::Changed(Box::new(info)), now);
        Ok(Some(Reply::Done))
    }
}

pub(super) fn terminal_report(report: &ViewerReport) -> crate::term::Report {
    let mut known = crate::term::Report::default();
    let rgb = |c: u32| ((c >> 16) as u8, (c >> 8) as u8, c as u8);
    if let Some(c) = report.foreground {
        known.fg = rgb(c);
    }
    if let Some(c) = report.background {
        known.bg = rgb(c);
    }
    if let Some(c) = report.cursor {
        known.cursor = rgb(c);
    }
    if let Some(cell) = report.cell {
        (known.cell_width, known.cell_height) = cell;
    }
    known
}
