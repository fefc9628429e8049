//! Our children: who died, whose they are, and what is left of faces that end.
//!
//! The rule: a face's first process is a subreaper and stays unreaped after its death. Children that turn up then
//! and that nobody knows are its orphans. Everything that dies is reaped; nothing that is not a face's is killed.

use super::ending::{self, Ending, Look, Prey};
use super::face::{Face, Life};
use super::server::Server;
use crate::sys::process::{self, Ended};
use crate::sys::procfs::{self, ProcessStat};
use crate::sys::signals;
use crate::units::FaceId;
use crate::wire::keeper::{Exit, FromKeeper};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A look at all processes is followed by a rest of so many times its length, so that a burst of ends is looked at
/// together and a face that forks without end costs a quarter of a core at most.
const REST: u32 = 3;
/// The longest rest.
const REST_MAX: Duration = Duration::from_millis(100);

impl Server {
    /// After SIGCHLD: takes note of every death; what is left of faces that end is to be looked at.
    pub(super) fn handle_children(&mut self, now: Instant) {
        // A dead first process hides those behind it from waitid(2); then /proc shows them all.
        while !self.faces.values().any(Face::is_bereft) {
            match process::peek_any() {
                Ok(Some((pid, ended))) => self.handle_death(now, pid, ended),
                Ok(None) => break,
                Err(e) => {
                    log::error!("children cannot be waited for: {e}");
                    break;
                }
            }
        }
        self.look_wanted = true;
    }

    /// Looks at faces that end, and for them at all processes.
    pub(super) fn look(&mut self, now: Instant) {
        self.look_wanted = false;
        let begun = Instant::now();
        self.look_until_calm(now);
        let done = Instant::now();
        self.look_not_before = done + ((done - begun) * REST).min(REST_MAX);
    }

    fn look_until_calm(&mut self, now: Instant) {
        let mut again = true;
        while again {
            // Only a listing that was begun after a face's first process was known to be dead can show that nothing
            // is left of it.
            let bereft: BTreeSet<FaceId> =
                self.faces.values().filter(|f| f.is_bereft()).map(|f| f.id).collect();
            let ending: Vec<FaceId> = self
                .faces
                .values()
                .filter(|f| matches!(f.life, Life::Ending(_)))
                .map(|f| f.id)
                .collect();
            if ending.is_empty() {
                return;
            }
            let processes = procfs::all();
            self.note_deaths(now, &processes);
            self.adopt(&processes);
            again = false;
            let mut preys = Vec::new();
            for id in ending {
                if bereft.contains(&id) != self.faces.get(&id).is_some_and(Face::is_bereft) {
                    again = true;
                } else if self.look_at_face(now, id, &processes, &mut again) {
                    preys.extend(self.prey(id));
                }
            }
            if !preys.is_empty() {
                let ours = |f: &&Face| preys.iter().any(|p| p.first == f.pid && !p.first_only);
                self.faces.values().filter(ours).for_each(|f| f.group.kill());
                ending::kill(&mut preys);
            }
        }
    }

    /// The earliest time at which faces that end are to be looked at.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let deadline = |face: &Face| match &face.life {
            Life::Ending(_) if self.look_wanted => Some(self.look_not_before),
            Life::Ending(ending) => Some(ending.deadline().max(self.look_not_before)),
            Life::Running | Life::Gone { .. } => None,
        };
        self.faces.values().filter_map(deadline).min()
    }

    fn note_deaths(&mut self, now: Instant, processes: &[ProcessStat]) {
        let ours = std::process::id();
        let listed = processes.iter().filter(|p| p.parent == ours && p.is_dead()).map(|p| p.pid);
        // A first process that died while the list was read: its orphans may stand in it as our children.
        let first = self.faces.values().filter(|f| f.lives()).map(|f| f.pid);
        let mut dead: Vec<u32> = listed.chain(first).collect();
        dead.sort_unstable();
        dead.dedup();
        for pid in dead {
            if let Ok(Some(ended)) = process::peek_end(pid) {
                self.handle_death(now, pid, ended);
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
        self.own_processes().any(|own| own == pid)
            || self.left_alone.contains(&pid)
            || self.faces.values().any(|f| (f.pid == pid && f.lives()) || f.adopted.contains(&pid))
    }

    /// The face whose orphan a new child is: the one whose session it is in, or whose environment it has, or one
    /// whose first process is dead; of those rather one that leaves nothing behind.
    fn parent_face(&self, child: &ProcessStat) -> Option<FaceId> {
        let living = || self.faces.values().filter(|f| f.lives());
        if let Some(face) = living().find(|f| f.pid == child.session) {
            return Some(face.id);
        }
        let bereft: Vec<&Face> = living().filter(|f| f.is_bereft()).collect();
        let named =
            || procfs::environment_value(child.pid, "FACE_ID").and_then(|id| id.parse().ok());
        let chosen = match bereft[..] {
            [] => None,
            [only] => Some(only),
            _ => {
                let named = named();
                let by_name = bereft.iter().find(|f| named == Some(f.id.0));
                by_name
                    .or_else(|| bereft.iter().find(|f| !f.keep_orphans))
                    .or(bereft.first())
                    .copied()
            }
        };
        chosen.map(|f| f.id)
    }

    /// How to know what is of this face while it is being killed.
    fn prey(&self, id: FaceId) -> Option<Prey> {
        let face = self.faces.get(&id)?;
        let mut others = self.left_alone.clone();
        others.extend(self.own_processes());
        let mut sole = true;
        for other in self.faces.values().filter(|f| f.id != id && f.lives()) {
            others.insert(other.pid);
            others.extend(&other.adopted);
            sole &= !other.is_bereft();
        }
        let mut tree = face.adopted.clone();
        tree.insert(face.pid);
        Some(Prey { first: face.pid, tree, others, sole, first_only: face.keep_orphans })
    }

    /// Whether it is to be killed; `again` is set when another look is due at once.
    fn look_at_face(
        &mut self,
        now: Instant,
        id: FaceId,
        processes: &[ProcessStat],
        again: &mut bool,
    ) -> bool {
        let Some(face) = self.faces.get_mut(&id) else { return false };
        let Life::Ending(ending) = &mut face.life else { return false };
        match ending.look(now, processes, face.pid, &face.adopted, face.keep_orphans) {
            Look::Left => {
                *again |= ending.deadline() <= now;
                return false;
            }
            Look::Kill => return true,
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
                let mut counted = || face.group.out_of_memory().unwrap_or_else(|| self.oom.grew());
                Exit::Signal { signal, oom: signal == signals::KILL && counted() }
            }
            None => return,
        };
        if let Err(e) = process::reap(face.pid) {
            log::error!(
                "face {id}: its first process {} was not there to be reaped: {e}",
                face.pid
            );
        }
        face.group.remove();
        self.left_alone.append(&mut face.adopted);
        face.adopted = BTreeSet::new();
        face.life = Life::Gone { exit, reaped: reaped.clone() };
        self.tell(&FromKeeper::Exited { id, exit, reaped }, vec![]);
    }
}
