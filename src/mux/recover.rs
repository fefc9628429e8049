//! What a new daemon makes of the faces the last one left.

use super::living::Living;
use super::meta::Meta;
use super::timer::Timer;
use super::{Mux, Now};
use crate::face::memory::Memory;
use crate::face::{Face, InFlight};
use crate::units::{FaceId, Size};
use crate::wire::Kind;
use crate::wire::keeper::{KeptFace, ToKeeper};
use std::time::Duration;

/// How many daemons in a row a face's bytes may kill before nobody parses them any more.
const QUARANTINE_AFTER: u64 = 2;

/// A face that killed a daemon once is as good as any other after this long.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// What became of a face.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovered {
    /// Its screen is what an uninterrupted run would have.
    Whole,
    /// Its bytes have killed the daemon twice: kept, not parsed.
    Quarantined,
    /// Its checkpoint could not be read: the screen begins anew.
    Anew,
}

impl Mux {
    /// Takes a face over. `culprit`: the last daemon died while it parsed this face.
    pub fn handle_kept(
        &mut self,
        now: Now,
        kept: KeptFace,
        memory: Memory,
        in_flight: InFlight,
        culprit: bool,
    ) -> Recovered {
        let from_keeper = Meta::from_bytes(&kept.meta).ok();
        let size = from_keeper.as_ref().map_or(Size::DEFAULT, |m| m.size);
        let lines = self.settings.history_lines as usize;
        let mut memory = memory;
        let crashes = crate::face::memory::count_crash(&mut memory, culprit);
        let quarantine = crashes >= QUARANTINE_AFTER;
        let report = |meta: &[u8]| {
            let report = Meta::from_bytes(meta).ok()?.report?;
            Some(super::size::terminal_report(&report))
        };
        let (mut face, meta) = Face::recover(memory, size, lines, in_flight, quarantine, report);
        face.set_crashes(crashes);
        if crashes > 0 && !quarantine {
            self.timers.set(now.mono + FORGIVEN_AFTER, Timer::Forgive);
        }
        let meta = meta.and_then(|bytes| Meta::from_bytes(&bytes).ok()).or(from_keeper);
        let meta = meta.unwrap_or_else(|| unknown(face.size(), now));
        if face.terminal().is_none() {
            face.resize(meta.size);
        }
        let recovered = match face.terminal() {
            _ if quarantine => Recovered::Quarantined,
            None => Recovered::Anew,
            Some(_) => Recovered::Whole,
        };
        let waiting = face.input().waiting() > 0;
        let id = kept.id;
        self.next_id = self.next_id.max(id.0 + 1);
        self.faces.insert(id, Living::new(face, meta, kept.pid, now));
        self.arm_idle(id);
        // The last daemon may have been killed between deciding a size and telling the PTY.
        if let Some(size) = self.faces.get(&id).map(|l| l.face.size()) {
            self.effects.push_back(super::Effect::SetSize { face: id, size, cell: (0, 0) });
        }
        if waiting {
            self.effects.push_back(super::Effect::Write { face: id });
        }
        // The last daemon may have been killed between deciding an end and telling the keeper.
        if kept.exited.is_none() && self.faces.get(&id).is_some_and(|l| l.meta.ending.is_some()) {
            let grace_ms = self.settings.grace_ms;
            self.tell_keeper(ToKeeper::End { id, grace_ms });
        }
        if let Some((exit, reaped)) = kept.exited {
            self.handle_exited(now, id, exit, reaped);
        }
        recovered
    }

    /// A face that cannot be taken over: it is ended, and its certificate says why.
    pub fn handle_lost(&mut self, now: Now, kept: KeptFace, why: &str) {
        let id = kept.id;
        let meta = Meta::from_bytes(&kept.meta).unwrap_or_else(|_| unknown(Size::DEFAULT, now));
        self.next_id = self.next_id.max(id.0 + 1);
        self.lost.insert(id, (meta, format!("its journal could not be taken over: {why}")));
        match kept.exited {
            Some((exit, reaped)) => self.handle_exited(now, id, exit, reaped),
            None => self.tell_keeper(ToKeeper::End { id, grace_ms: 0 }),
        }
    }

    /// Everything was taken over: from here on clients are let in, and drivers are waited for. A server that `new`
    /// started ends when there is nothing for it to do, also when its last daemon knew since when.
    pub fn handle_recovered(&mut self, now: Now) {
        let ids: Vec<FaceId> = self.faces.keys().copied().collect();
        ids.into_iter().for_each(|id| self.await_drivers(now, id));
        self.arm_linger(now);
    }

    /// Keeps a checkpoint of every face: the next daemon has nothing to parse again.
    pub fn checkpoint_all(&mut self) {
        for living in self.faces.values_mut() {
            let meta = living.meta.to_bytes();
            living.face.checkpoint(&meta, &mut self.scratch);
        }
    }

    /// Whether somebody waits for a face to start.
    pub fn is_starting(&self) -> bool {
        !self.starting.is_empty()
    }

    /// Every face was taken over and has been served for a while: what they printed kills nobody.
    pub(super) fn forgive_crashes(&mut self) {
        for living in self.faces.values_mut() {
            if living.face.terminal().is_some() && living.face.crashes() > 0 {
                living.face.set_crashes(0);
            }
        }
    }

    /// Sets the timer for a face's idle limit.
    pub(super) fn arm_idle(&mut self, id: FaceId) {
        let Some(living) = self.faces.get(&id) else { return };
        if self.settings.idle_timeout_ms > 0 {
            let due = living.idle_since() + Duration::from_millis(self.settings.idle_timeout_ms);
            self.timers.set(due, Timer::Idle(id));
        }
    }

    /// Faces without viewers and without an ending, and since when they are idle.
    pub(super) fn idle_faces(&self) -> impl Iterator<Item = (Duration, FaceId)> {
        let idle = self
            .faces
            .iter()
            .filter(|(_, l)| l.viewers.is_empty() && l.meta.ending.is_none() && l.over.is_none());
        idle.map(|(id, l)| (l.idle_since(), *id))
    }

    /// A face's idle limit may have come.
    pub(super) fn check_idle(&mut self, now: Now, id: FaceId, kernel: &mut dyn super::Kernel) {
        let limit = Duration::from_millis(self.settings.idle_timeout_ms);
        let Some((since, _)) = self.idle_faces().find(|(_, face)| *face == id) else { return };
        let idle = now.mono.saturating_sub(since);
        if idle < limit {
            return self.timers.set(since + limit, Timer::Idle(id));
        }
        if !kernel.waiting(id) {
            let again = (limit / 16).clamp(Duration::from_secs(1), Duration::from_secs(600));
            return self.timers.set(now.mono + again, Timer::Idle(id));
        }
        let for_people = humantime::format_duration(Duration::from_secs(idle.as_secs()));
        let reason = format!("evicted: idle for {for_people} (idle_timeout)");
        self.end_face(
            id,
            super::meta::Ending { cause: crate::wire::EndCause::EvictedIdle, reason, by: None },
        );
    }
}

fn unknown(size: Size, now: Now) -> Meta {
    Meta {
        kind: Kind::Cli,
        name: None,
        lane: None,
        user: None,
        size,
        resized_at: 0,
        fixed: false,
        command: String::new(),
        created_ms: now.wall_ms,
        report: None,
        ending: None,
    }
}
