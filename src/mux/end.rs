//! How a face comes to an end: somebody decides, or its program exits; its last bytes are read; its certificate is
//! kept; its viewers see the end; then it goes.

use super::find::shown;
use super::meta::Ending;
use super::timer::Timer;
use super::{Answer, ClientId, Ended, Mux, Now, Parked};
use crate::face::preview::sanitised;
use crate::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATES_MAX};
use crate::units::FaceId;
use crate::wire::keeper::{Exit, ToKeeper};
use crate::wire::{
    EndCause, EndReport, Event, FaceState, Refusal, Reply, Role, ViewerNote, decode, encode,
};
use std::time::Duration;

/// How long viewers of an ended face may take to read its last bytes.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// A program that ends by itself this soon, before anybody has looked, can still be attached to for as long: whoever
/// started it with `new` sees what it printed.
const QUICK: Duration = Duration::from_secs(1);

impl Mux {
    /// `kill`: ends faces, or sends a signal to what runs in their foreground.
    pub(super) fn kill(
        &mut self,
        now: Now,
        client: ClientId,
        targets: &[String],
        signal: Option<i32>,
        by: &str,
    ) -> Answer {
        let mut ids = Vec::with_capacity(targets.len());
        for target in targets {
            let id = self.living_for(client, target, Role::Owner)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if let Some(signal) = signal {
            if !(1..=64).contains(&signal) {
                return Err(Refusal::Invalid(format!("signal {signal}: use 1 to 64, see kill -l")));
            }
            for id in ids {
                self.tell_keeper(ToKeeper::Signal { id, signal });
            }
            return Ok(Some(Reply::Done));
        }
        let by = if by.is_empty() { "a client".to_string() } else { shown(by) };
        for id in &ids {
            let reason = format!("killed by {by}");
            self.end_face(*id, Ending { cause: EndCause::Killed, reason, by: Some(by.clone()) });
        }
        let _ = now;
        if ids.is_empty() {
            return Ok(Some(Reply::Ended(Vec::new())));
        }
        self.park(client, Parked::Kill { left: ids, done: Vec::new() });
        Ok(None)
    }

    /// Asks the keeper to end a face. The first decision names the cause.
    pub(super) fn end_face(&mut self, id: FaceId, ending: Ending) {
        let grace_ms = self.settings.grace_ms;
        if let Some(living) = self.faces.get_mut(&id)
            && living.meta.ending.is_none()
            && living.over.is_none()
        {
            living.meta.ending = Some(ending);
            // Before anybody acts on it: why it ends is known also when this daemon does not live to tell.
            let meta = living.meta.to_bytes();
            living.face.checkpoint(&meta, &mut self.scratch);
            self.tell_keeper(ToKeeper::End { id, grace_ms });
        }
    }

    /// The keeper says a face's first process is gone, and all that descended from it.
    pub fn handle_exited(&mut self, now: Now, id: FaceId, exit: Exit, reaped: Vec<(u32, String)>) {
        let Some(living) = self.faces.get_mut(&id) else {
            return self.finish_lost(now, id, exit, reaped);
        };
        living.exit = Some((exit, reaped));
        if living.hung_up {
            self.finish(now, id);
        } else {
            self.effects.push_back(super::Effect::Exhaust { face: id });
        }
    }

    /// The PTY gave its last byte.
    pub fn handle_hangup(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        living.hung_up = true;
        if living.exit.is_some() {
            self.finish(now, id);
        }
    }

    /// Writes the certificate and lets the viewers see the end.
    fn finish(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id).filter(|l| l.over.is_none()) else { return };
        let Some((exit, reaped)) = living.exit.clone() else { return };
        let end = report(exit, reaped, living.meta.ending.clone(), now.wall_ms);
        living.over = Some(end.clone());
        let mut info = super::info::of(id, living, now);
        (info.state, info.pid, info.viewers, info.end) =
            (FaceState::Ended, None, 0, Some(end.clone()));
        let screen = living.face.terminal().map_or(String::new(), screen_text);
        let quick = living.meta.ending.is_none() && now.mono.saturating_sub(living.began) < QUICK;
        living.unseen &= quick;
        let last_look = if living.unseen { QUICK } else { LAST_LOOK };
        self.tell_watchers(id, |_| Event::Ended { id, end: Box::new(end.clone()) }, now);
        self.keep_certificate(now, Ended { info, screen });
        self.tell_keeper(ToKeeper::Release { id });
        self.tell_killers(id, &end);
        self.show(id);
        self.timers.set(now.mono + last_look, Timer::Over(id));
        self.bury_if_alone(id);
        self.arm_linger(now);
    }

    /// The end of a face that was never taken over.
    fn finish_lost(&mut self, now: Now, id: FaceId, exit: Exit, reaped: Vec<(u32, String)>) {
        if let Some((meta, reason)) = self.lost.remove(&id) {
            let ending = Ending { cause: EndCause::JournalDropped, reason, by: None };
            let mut info = super::info::blank(id, &meta);
            info.state = FaceState::Ended;
            info.end = Some(report(exit, reaped, Some(ending), now.wall_ms));
            self.keep_certificate(now, Ended { info, screen: String::new() });
        }
        self.tell_keeper(ToKeeper::Release { id });
        self.arm_linger(now);
    }

    fn tell_killers(&mut self, id: FaceId, end: &EndReport) {
        let mut answers = Vec::new();
        for (client, c) in &mut self.clients {
            let Some(Parked::Kill { left, done }) = c.parked.as_deref_mut() else { continue };
            if let Some(at) = left.iter().position(|l| *l == id) {
                left.remove(at);
                done.push((id, end.clone()));
            }
            if left.is_empty() {
                answers.push((*client, std::mem::take(done)));
            }
        }
        for (client, done) in answers {
            self.unpark(client);
            self.reply(client, Reply::Ended(done));
        }
    }

    /// Viewers have had their time: those left are told and let go.
    pub(super) fn bury(&mut self, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        let Some(end) = living.over.clone() else { return };
        living.unseen = false;
        for client in living.viewers.clone() {
            self.end_viewing(client, ViewerNote::Ended { end: Box::new(end.clone()) });
        }
        self.bury_if_alone(id);
    }

    /// Forgets a face that is over once nobody watches it.
    pub(super) fn bury_if_alone(&mut self, id: FaceId) {
        let done =
            |l: &super::living::Living| l.over.is_some() && l.viewers.is_empty() && !l.unseen;
        if self.faces.get(&id).is_some_and(done) {
            self.faces.remove(&id);
            self.effects.push_back(super::Effect::Drop { face: id });
        }
    }

    pub(super) fn keep_certificate(&mut self, now: Now, mut ended: Ended) {
        let id = ended.info.id;
        let mut bytes = encode(&ended).unwrap_or_default();
        if bytes.len() > CERTIFICATE_BYTES_MAX {
            ended.screen.clear();
            ended.info.command = sanitised(&ended.info.command);
            if let Some(end) = &mut ended.info.end {
                end.reaped.truncate(64);
            }
            bytes = encode(&ended).unwrap_or_default();
        }
        self.tell_keeper(ToKeeper::Keep { id, bytes });
        self.ended.insert(id, ended);
        while self.ended.len() > CERTIFICATES_MAX {
            if let Some((id, _)) = self.ended.pop_first() {
                self.tell_keeper(ToKeeper::Forget { id });
            }
        }
        self.arm_certificates(now);
    }

    /// A certificate the last daemon left with the keeper.
    pub fn handle_certificate(&mut self, now: Now, id: FaceId, bytes: &[u8]) {
        if let Ok(ended) = decode::<Ended>(bytes)
            && ended.info.id == id
        {
            self.next_id = self.next_id.max(id.0 + 1);
            self.ended.insert(id, ended);
            self.arm_certificates(now);
        }
    }

    fn arm_certificates(&mut self, now: Now) {
        let keep = self.settings.certificate_ms;
        let oldest = self.ended.values().filter_map(|e| e.info.end.as_ref()).map(|e| e.at_ms).min();
        if let (true, Some(oldest)) = (keep > 0, oldest) {
            // The wall's clock may jump: never sooner than in a second, never later than is kept.
            let left = oldest.saturating_add(keep).saturating_sub(now.wall_ms).min(keep).max(1000);
            self.timers.set(now.mono + Duration::from_millis(left), Timer::Certificates);
        }
    }

    pub(super) fn expire_certificates(&mut self, now: Now) {
        let keep = self.settings.certificate_ms;
        let old = |e: &Ended| {
            e.info.end.as_ref().is_none_or(|end| end.at_ms.saturating_add(keep) <= now.wall_ms)
        };
        let gone: Vec<FaceId> =
            self.ended.iter().filter(|(_, e)| old(e)).map(|(id, _)| *id).collect();
        for id in gone {
            self.ended.remove(&id);
            self.tell_keeper(ToKeeper::Forget { id });
        }
        self.arm_certificates(now);
    }

    /// The keeper says the server ends.
    pub fn handle_drain(&mut self, now: Now) {
        let _ = now;
        self.draining = true;
        let viewers: Vec<ClientId> =
            self.clients.iter().filter(|(_, c)| c.viewer.is_some()).map(|(id, _)| *id).collect();
        for client in viewers {
            self.note(client, ViewerNote::Draining);
        }
        let ids: Vec<FaceId> = self.faces.keys().copied().collect();
        for id in ids {
            let reason = "the server was asked to end".to_string();
            self.end_face(id, Ending { cause: EndCause::Drained, reason, by: None });
        }
        self.tell_keeper(ToKeeper::Drained);
    }

    pub(super) fn drain_asked(&mut self, client: ClientId) -> Answer {
        self.owner_alone(client, "end the server")?;
        self.tell_keeper(ToKeeper::Stop);
        Ok(Some(Reply::Done))
    }

    pub(super) fn upgrade_asked(&mut self, client: ClientId, binary: Option<String>) -> Answer {
        self.owner_alone(client, "upgrade the server")?;
        if binary.as_ref().is_some_and(|path| !path.starts_with('/') || path.contains('\0')) {
            return Err(Refusal::Invalid("name the binary by an absolute path".into()));
        }
        self.effects.push_back(super::Effect::Upgrade { client, binary });
        Ok(Some(Reply::Done))
    }

    fn owner_alone(&self, client: ClientId, what: &str) -> Result<(), Refusal> {
        let actor = self.actor(client);
        if actor.role < Role::Owner || actor.user.is_some() || actor.only.is_some() {
            return Err(Refusal::NotAllowed(format!("only the owner may {what}")));
        }
        Ok(())
    }
}

/// The certificate: why, and what the program's own end was.
fn report(exit: Exit, reaped: Vec<(u32, String)>, ending: Option<Ending>, at_ms: u64) -> EndReport {
    let (code, signal) = match exit {
        Exit::Code(code) => (code, None),
        Exit::Signal { signal, .. } => (128 + signal, Some(signal)),
    };
    let (cause, reason, by) = match (ending, exit) {
        (Some(ending), _) => (ending.cause, ending.reason, ending.by),
        (None, Exit::Code(0)) => (EndCause::Exited, "its program exited".to_string(), None),
        (None, Exit::Code(code)) => {
            (EndCause::Exited, format!("its program exited with code {code}"), None)
        }
        (None, Exit::Signal { oom: true, .. }) => {
            (EndCause::OutOfMemory, "the kernel killed it: out of memory".to_string(), None)
        }
        (None, Exit::Signal { signal, .. }) => {
            (EndCause::Signalled, format!("signal {signal} ended its program"), None)
        }
    };
    EndReport { cause, reason, code, signal, by, at_ms, reaped }
}

fn screen_text(terminal: &crate::term::Terminal) -> String {
    let mut text = String::new();
    for row in 0..terminal.size().rows() {
        for cell in terminal.row(row).cells() {
            text.push_str(if cell.text.is_empty() && cell.width > 0 { " " } else { cell.text });
        }
        text.push('\n');
    }
    let used = text.trim_end().len();
    text.truncate(used);
    text
}
