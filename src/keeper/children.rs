//! Our children: who died, whose they are, and what is left of faces that end.
//!
//! The rule: a face's first process is a subreaper and stays unreaped after its death. Children that turn up then
//! and that nobody knows are its orphans. Everything that dies is reaped; nothing that is not a face's is killed.

use super::ending::{Ending, Look};
use super::face::{Face, Life};
use super::server::Server;
use crate::sys::process::{self, Ended};
use crate::sys::procfs::{self, ProcessStat};
use crate::sys::signals;
use crate::units::FaceId;
use crate::wire::keeper::{Exit, FromKeeper};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

impl Server {
    /// After SIGCHLD: takes note of every death, and looks at what is left of faces that end.
    pub(super) fn handle_children(&mut self, now: Instant) {
        // A dead first process hides those behind it from waitid(2); then /proc shows them all.
        while !self.faces.values_mut().any(|f| f.ending().is_some_and(|e| e.first.is_some())) {
            match process::peek_any() {
                Ok(Some((pid, ended))) => self.handle_death(now, pid, ended),
                Ok(None) => break,
                Err(e) => {
                    log::error!("children cannot be waited for: {e}");
                    break;
                }
            }
        }
        self.look(now);
    }

    /// Looks at faces that end, and for them at all processes.
    pub(super) fn look(&mut self, now: Instant) {
        let mut again = true;
        while again {
            if !self.faces.values().any(|f| matches!(f.life, Life::Ending(_))) {
                return;
            }
            let processes = procfs::all();
            self.note_deaths(now, &processes);
            self.adopt(&processes);
            let ending: Vec<FaceId> = self
                .faces
                .values()
                .filter(|f| matches!(f.life, Life::Ending(_)))
                .map(|f| f.id)
                .collect();
            again = false;
            for id in ending {
                again |= self.look_at_face(now, id, &processes);
            }
        }
    }

    /// The earliest time at which a face that ends is to be looked at.
    pub(super) fn look_at(&mut self) -> Option<Instant> {
        self.faces.values_mut().filter_map(|f| f.ending().map(|e| e.deadline())).min()
    }

    fn note_deaths(&mut self, now: Instant, processes: &[ProcessStat]) {
        let ours = std::process::id();
        for dead in processes.iter().filter(|p| p.parent == ours && p.is_dead()) {
            if let Ok(Some(ended)) = process::peek_end(dead.pid) {
                self.handle_death(now, dead.pid, ended);
            }
        }
    }

    /// One dead child, not reaped yet.
    fn handle_death(&mut self, now: Instant, pid: u32, ended: Ended) {
        if let Some(face) = self.faces.values_mut().find(|f| f.pid == pid && f.lives()) {
            let grace = Duration::from_millis(self.config.settings.grace_ms);
            if matches!(face.life, Life::Running) {
                face.life = Life::Ending(Ending::begin(now, grace));
            }
            if let Some(ending) = face.ending() {
                ending.first = Some(ended);
            }
            return;
        }
        self.role_died(now, pid, ended);
        if let Err(e) = process::reap(pid) {
            log::debug!("child {pid} was not there to be reaped: {e}");
        }
        self.left_alone.remove(&pid);
        for face in self.faces.values_mut() {
            face.adopted.remove(&pid);
        }
    }

    /// Gives living children that nobody knows to the face they descend from.
    fn adopt(&mut self, processes: &[ProcessStat]) {
        let ours = std::process::id();
        for child in processes.iter().filter(|p| p.parent == ours && !p.is_dead()) {
            if self.knows(child.pid) {
                continue;
            }
            match self.parent_face(child) {
                Some(id) => {
                    if let Some(face) = self.faces.get_mut(&id) {
                        face.adopted.insert(child.pid);
                    }
                }
                None => drop(self.left_alone.insert(child.pid)),
            }
        }
    }

    fn knows(&self, pid: u32) -> bool {
        let frontends = [&self.web, &self.ssh];
        self.daemon.role.pid == Some(pid)
            || frontends.into_iter().flatten().any(|f| f.role.pid == Some(pid))
            || self.left_alone.contains(&pid)
            || self.faces.values().any(|f| (f.pid == pid && f.lives()) || f.adopted.contains(&pid))
    }

    /// The face whose orphan a new child is: among those whose first process is dead the one whose session it is
    /// in, or whose environment it has, or the only one left to choose.
    fn parent_face(&self, child: &ProcessStat) -> Option<FaceId> {
        let bereft: Vec<&Face> = self
            .faces
            .values()
            .filter(|f| matches!(&f.life, Life::Ending(ending) if ending.first.is_some()))
            .collect();
        if let [only] = bereft[..] {
            return Some(only.id);
        }
        if let Some(face) = bereft.iter().find(|f| f.pid == child.session) {
            return Some(face.id);
        }
        let named = procfs::environment_value(child.pid, "FACE_ID").and_then(|id| id.parse().ok());
        let by_name = bereft.iter().find(|f| named == Some(f.id.0));
        by_name.or(bereft.first()).map(|f| f.id)
    }

    /// Whether another look is due at once.
    fn look_at_face(&mut self, now: Instant, id: FaceId, processes: &[ProcessStat]) -> bool {
        let Some(face) = self.faces.get_mut(&id) else { return false };
        let Life::Ending(ending) = &mut face.life else { return false };
        let mut roots = Vec::new();
        if ending.first.is_none() {
            roots.push(face.pid);
        }
        roots.extend(&face.adopted);
        match ending.look(now, processes, &roots, face.keep_orphans) {
            Look::Left => return ending.deadline() <= now,
            Look::Clean => {}
            Look::GaveUp(pids) => {
                log::error!("face {id}: processes {pids:?} survived SIGKILL and are left alone")
            }
        }
        self.finish(id);
        false
    }

    /// Nothing is left of a face but its dead first process: reaps it and tells the daemon.
    fn finish(&mut self, id: FaceId) {
        let Some(face) = self.faces.get_mut(&id) else { return };
        let Life::Ending(ending) = &mut face.life else { return };
        let reaped = std::mem::take(&mut ending.reaped);
        let exit = match ending.first {
            Some(Ended::Code(code)) => Exit::Code(code),
            Some(Ended::Signal(signal)) => {
                Exit::Signal { signal, oom: signal == signals::KILL && self.oom.grew() }
            }
            None => return,
        };
        if let Err(e) = process::reap(face.pid) {
            log::error!(
                "face {id}: its first process {} was not there to be reaped: {e}",
                face.pid
            );
        }
        self.left_alone.append(&mut face.adopted);
        face.adopted = BTreeSet::new();
        face.life = Life::Gone { exit, reaped: reaped.clone() };
        self.tell(&FromKeeper::Exited { id, exit, reaped }, vec![]);
    }
}
