//! Which face a caller means, and whether the caller may. A face that is not the caller's is answered exactly as one
//! that does not exist.

use super::living::Living;
use super::{ClientId, Ended, Mux};
use crate::units::FaceId;
use crate::wire::{Actor, FaceInfo, Refusal, Role};

impl Mux {
    /// The living face that `target` names.
    pub(super) fn living(&self, client: ClientId, target: &str) -> Result<FaceId, Refusal> {
        let unknown = || Refusal::NoSuchFace(shown(target));
        let id = self.resolve(client, target).ok_or_else(unknown)?;
        let actor = self.actor(client);
        if let Some(living) = self.faces.get(&id).filter(|l| l.over.is_none()) {
            return if sees(actor, id, living.meta.user.as_deref()) {
                Ok(id)
            } else {
                Err(unknown())
            };
        }
        match self.ended.get(&id) {
            Some(ended) if sees(actor, id, ended.info.user.as_deref()) => Err(gone(&ended.info)),
            _ => Err(unknown()),
        }
    }

    /// The same, where the caller needs at least `role`.
    pub(super) fn living_for(
        &self,
        client: ClientId,
        target: &str,
        role: Role,
    ) -> Result<FaceId, Refusal> {
        let id = self.living(client, target)?;
        if self.actor(client).role < role {
            let need = if role == Role::Owner { "the owner's role" } else { "the right to type" };
            return Err(Refusal::NotAllowed(format!("face {id}: this needs {need}")));
        }
        Ok(id)
    }

    /// An ended face that `target` names, if the caller may see it.
    pub(super) fn ended(&self, client: ClientId, target: &str) -> Option<&Ended> {
        let id = self.resolve(client, target)?;
        let ended = self.ended.get(&id)?;
        sees(self.actor(client), id, ended.info.user.as_deref()).then_some(ended)
    }

    /// On whose behalf a client speaks.
    pub(super) fn actor(&self, client: ClientId) -> &Actor {
        self.clients.get(&client).map_or(&NOBODY, |c| &c.actor)
    }

    /// Whether a client may see a living face.
    pub(super) fn may_see(&self, client: ClientId, id: FaceId, living: &Living) -> bool {
        sees(self.actor(client), id, living.meta.user.as_deref())
    }

    /// A name is a living face's; where none has it, that of the last one the caller saw end with it.
    fn resolve(&self, client: ClientId, target: &str) -> Option<FaceId> {
        let number = |s: &str| {
            let plain = !s.is_empty()
                && s.bytes().all(|b| b.is_ascii_digit())
                && !(s.len() > 1 && s.starts_with('0'));
            plain.then(|| s.parse().ok().map(FaceId)).flatten()
        };
        if let Some(id) = number(target) {
            return Some(id);
        }
        if let Some(rest) = target.strip_prefix("live:side-channel:") {
            let (parent, lane) = match rest.split_once('.') {
                Some((parent, lane)) => (number(parent)?, number(lane)?.0 as u32),
                None => (number(rest)?, 1),
            };
            let wanted = Some((parent, lane));
            return self.faces.iter().find(|(_, l)| l.meta.lane == wanted).map(|(id, _)| *id);
        }
        if let Some(rest) = target.strip_prefix("live:") {
            return number(rest);
        }
        let named = |l: &&Living| l.over.is_none() && l.meta.name.as_deref() == Some(target);
        let living = self.faces.iter().find(|(_, l)| named(l)).map(|(id, _)| *id);
        living.or_else(|| self.last_named(self.actor(client), target))
    }

    fn last_named(&self, actor: &Actor, name: &str) -> Option<FaceId> {
        let mut ended = self.ended.iter().rev();
        let last = ended.find(|(id, e)| {
            e.info.name.as_deref() == Some(name) && sees(actor, **id, e.info.user.as_deref())
        });
        last.map(|(id, _)| *id)
    }
}

static NOBODY: Actor =
    Actor { user: Some(String::new()), role: Role::Viewer, only: Some(FaceId(0)) };

/// Whether `actor` sees the face `id` of `user`.
pub(super) fn sees(actor: &Actor, id: FaceId, user: Option<&str>) -> bool {
    actor.only.is_none_or(|only| only == id)
        && (actor.user.is_none() || actor.user.as_deref() == user)
}

/// The refusal for a face that has ended.
pub(super) fn gone(info: &FaceInfo) -> Refusal {
    match &info.end {
        Some(end) => Refusal::Gone { id: info.id, end: Box::new(end.clone()) },
        None => Refusal::NoSuchFace(info.id.to_string()),
    }
}

/// A caller's words, fit to be shown back.
pub(super) fn shown(text: &str) -> String {
    crate::face::preview::sanitised(text)
}
