//! What is told of faces: lists, particulars, what they are doing, events.

use super::living::Living;
use super::meta::Meta;
use super::timer::Timer;
use super::{Answer, ClientId, Mux, Now};
use crate::face::Announced;
use crate::face::preview::{last_line, sanitised};
use crate::units::{FaceId, Offset};
use crate::wire::{Event, FaceInfo, FaceState, Message, Refusal, Reply};
use std::time::Duration;

/// Output events of a face at most this often.
const OUTPUT_EVENT_EVERY: Duration = Duration::from_millis(100);

/// What is known of a face before it has printed anything.
pub(super) fn blank(id: FaceId, meta: &Meta) -> FaceInfo {
    FaceInfo {
        id,
        key: meta.key(id),
        kind: meta.kind,
        name: meta.name.clone(),
        parent: meta.lane.map(|(parent, _)| parent),
        user: meta.user.clone(),
        size: meta.size,
        state: FaceState::Running,
        title: String::new(),
        command: meta.command.clone(),
        pid: None,
        viewers: 0,
        created_ms: meta.created_ms,
        last_output_ms: meta.created_ms,
        idle_seconds: 0,
        last_line: String::new(),
        offset: Offset(0),
        note: None,
        end: None,
    }
}

/// What is known of a living face.
pub(super) fn of(id: FaceId, living: &Living, now: Now) -> FaceInfo {
    let idle = if living.viewers.is_empty() {
        now.mono.saturating_sub(living.idle_since())
    } else {
        Duration::ZERO
    };
    let note = match living.face.terminal() {
        None => Some(
            "quarantined: its output ended the daemon twice, or its checkpoint could not be read; \
             it runs on without a screen"
                .to_string(),
        ),
        Some(_) if living.face.doubt() > 0 => {
            Some(format!("{} inputs in doubt since a crash of the daemon", living.face.doubt()))
        }
        Some(_) => None,
    };
    FaceInfo {
        size: living.face.size(),
        title: living.face.terminal().map_or(String::new(), |t| sanitised(t.title())),
        pid: Some(living.pid),
        viewers: living.viewers.len() as u32,
        last_output_ms: living.last_output_ms,
        idle_seconds: idle.as_secs(),
        last_line: living.face.terminal().map_or(String::new(), last_line),
        offset: living.face.journal().head(),
        note,
        ..blank(id, &living.meta)
    }
}

impl Living {
    /// Since when nothing has happened that makes it not idle.
    pub fn idle_since(&self) -> Duration {
        self.last_output.max(self.last_active)
    }
}

impl Mux {
    pub(super) fn list(&self, now: Now, client: ClientId, all: bool) -> Reply {
        let living =
            self.faces.iter().filter(|(id, l)| l.over.is_none() && self.may_see(client, **id, l));
        let mut faces: Vec<FaceInfo> = living.map(|(id, l)| of(*id, l, now)).collect();
        if all {
            let actor = self.actor(client);
            let seen = self
                .ended
                .values()
                .filter(|e| super::find::sees(actor, e.info.id, e.info.user.as_deref()));
            faces.extend(seen.map(|e| e.info.clone()));
            faces.sort_by_key(|f| f.id);
        }
        Reply::Faces(faces)
    }

    /// What is known of a face; of one that has ended also its last screen, as bytes before the answer.
    pub(super) fn info(&mut self, now: Now, client: ClientId, target: &str) -> Answer {
        let refusal = match self.living(client, target) {
            Ok(id) => match self.faces.get(&id) {
                Some(living) => return Ok(Some(Reply::Face(Box::new(of(id, living, now))))),
                None => Refusal::NoSuchFace(id.to_string()),
            },
            Err(refusal) => refusal,
        };
        let gone = matches!(refusal, Refusal::Gone { .. });
        let ended = self.ended(client, target).filter(|_| gone).ok_or(refusal)?;
        let (info, screen) = (Box::new(ended.info.clone()), ended.screen.clone().into_bytes());
        if !screen.is_empty() {
            self.send(client, Message::Bytes(screen));
        }
        Ok(Some(Reply::Face(info)))
    }

    pub(super) fn activity(
        &mut self,
        now: Now,
        client: ClientId,
        target: &str,
        kernel: &mut dyn super::Kernel,
    ) -> Answer {
        let (offset, quiet, waiting, end) = match self.living(client, target) {
            Ok(id) => {
                let waiting = kernel.waiting(id);
                let Some(living) = self.faces.get(&id) else {
                    return Err(Refusal::NoSuchFace(id.to_string()));
                };
                let quiet = now.mono.saturating_sub(living.last_output);
                (living.face.journal().head(), quiet, waiting, None)
            }
            Err(Refusal::Gone { end, .. }) => (Offset(0), Duration::ZERO, false, Some(*end)),
            Err(refusal) => return Err(refusal),
        };
        Ok(Some(Reply::Activity { offset, quiet_ms: quiet.as_millis() as u64, waiting, end }))
    }

    pub(super) fn watch(&mut self, client: ClientId) -> Answer {
        if let Some(c) = self.clients.get_mut(&client) {
            c.watching = true;
        }
        Ok(Some(Reply::Done))
    }

    pub(super) fn key(&self, id: FaceId) -> String {
        self.faces.get(&id).map_or(String::new(), |l| l.meta.key(id))
    }

    /// Sends an event about a living face to those who watch and may see it.
    pub(super) fn tell_watchers(
        &mut self,
        id: FaceId,
        event: impl FnOnce(FaceInfo) -> Event,
        now: Now,
    ) {
        let Some(living) = self.faces.get(&id) else { return };
        let watching = self.clients.iter().filter(|(_, c)| c.watching).map(|(client, _)| *client);
        let clients: Vec<ClientId> =
            watching.filter(|client| self.may_see(*client, id, living)).collect();
        if clients.is_empty() {
            return;
        }
        let event = event(of(id, living, now));
        for client in clients {
            self.send(client, Message::Event(event.clone()));
        }
    }

    pub(super) fn anybody_watches(&self) -> bool {
        self.clients.values().any(|c| c.watching)
    }

    /// Passes on what a program announced, and that it printed.
    pub(super) fn tell_announced(&mut self, now: Now, id: FaceId, announced: Vec<Announced>) {
        if !self.anybody_watches() {
            return;
        }
        for what in announced {
            let event: Event = match what {
                Announced::Title => {
                    self.tell_watchers(id, |info| Event::Changed(Box::new(info)), now);
                    continue;
                }
                Announced::Bell => Event::Bell { id },
                Announced::Clipboard(base64) => Event::Clipboard { id, base64 },
                Announced::Progress(state, percent) => Event::Progress { id, state, percent },
                Announced::Notify(text) => Event::Notify { id, text },
                Announced::Prompt(_) => continue,
            };
            self.tell_watchers(id, |_| event, now);
        }
        if let Some(living) = self.faces.get_mut(&id)
            && !living.output_due
        {
            living.output_due = true;
            self.timers.set(now.mono + OUTPUT_EVENT_EVERY, Timer::Output(id));
        }
    }

    pub(super) fn announce_output(&mut self, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        living.output_due = false;
        let now = Now { mono: living.last_output, wall_ms: living.last_output_ms };
        self.tell_watchers(
            id,
            |info| Event::Output { id, offset: info.offset, last_line: info.last_line },
            now,
        );
    }

    /// The server's own state, as JSON.
    pub(super) fn status(&self, client: ClientId) -> Reply {
        let whole = self.actor(client).user.is_none();
        let processes: serde_json::Value =
            serde_json::from_str(&self.processes).unwrap_or_default();
        let status = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "wire": crate::wire::VERSION,
            "faces": if whole { self.faces.values().filter(|l| l.over.is_none()).count() } else { 0 },
            "max_faces": self.settings.max_faces,
            "clients": if whole { self.clients.len() } else { 0 },
            "draining": self.draining,
            "processes": if whole { processes } else { serde_json::Value::Null },
        });
        Reply::Status(status.to_string())
    }
}
