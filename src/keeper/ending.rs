//! How a face ends: SIGHUP, a grace, SIGKILL, until a look at all processes finds nothing of it twice.
//!
//! The first process is a subreaper, so while it lives all that descends from it hangs under it. When it dies its
//! orphans come to us; it stays unreaped until they are gone, so that its pid still names it. Processes are
//! signalled by pidfd after a second look at their start time: a pid used anew is never hit.

use super::role::milliseconds;
use crate::sys::process::{self, Ended};
use crate::sys::procfs::{self, ProcessStat};
use crate::sys::signals;
use crate::wire::keeper::Exit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Entries of the list of what was ended with a face: a certificate names so many, the rest is only ended.
const REAPED_MAX: usize = 64;
/// Rounds of stopping before SIGKILL: each finds and stops what the last one missed.
const STOP_ROUNDS_MAX: usize = 20;
/// After SIGKILL, the first look again; doubled each time up to `LOOK_AGAIN_MAX`. SIGCHLD usually comes first.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(1);
/// What SIGKILL has not ended after this long is in a system call that cannot be interrupted, or another user's.
const GIVE_UP: Duration = Duration::from_secs(10);

/// An end under way.
#[derive(Debug)]
pub struct Ending {
    /// How the first process ended; it is dead and unreaped then.
    pub first: Option<Ended>,
    /// What was found besides the first process.
    pub reaped: Vec<(u32, String)>,
    kill_at: Instant,
    look_at: Instant,
    pause: Duration,
    asked: BTreeSet<u32>,
    clean_looks: u32,
}

/// An end under way, as it is told to the program that takes the keeper's place.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptEnding {
    first: Option<Exit>,
    reaped: Vec<(u32, String)>,
    kill_in_ms: u64,
    /// How long ago SIGKILL was due.
    killing_ms: u64,
    asked: BTreeSet<u32>,
}

/// What one look came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look {
    /// Something is left; look again at the deadline or the next SIGCHLD.
    Left,
    /// Something is left that had its grace: it is to be killed.
    Kill,
    /// Nothing is left but the first process, dead and unreaped.
    Clean,
    /// These cannot be ended; they are left to themselves.
    GaveUp(Vec<u32>),
}

impl Ending {
    /// Begins at `now`; SIGKILL comes after `grace`.
    pub fn begin(now: Instant, grace: Duration) -> Ending {
        Ending {
            first: None,
            reaped: Vec::new(),
            kill_at: now + grace,
            look_at: now,
            pause: LOOK_AGAIN,
            asked: BTreeSet::new(),
            clean_looks: 0,
        }
    }

    /// For the program that takes our place.
    pub fn kept(&self, now: Instant) -> KeptEnding {
        let first = self.first.map(|ended| match ended {
            Ended::Code(code) => Exit::Code(code),
            Ended::Signal(signal) => Exit::Signal { signal, oom: false },
        });
        KeptEnding {
            first,
            reaped: self.reaped.clone(),
            kill_in_ms: milliseconds(self.kill_at.saturating_duration_since(now)),
            killing_ms: milliseconds(now.saturating_duration_since(self.kill_at)),
            asked: self.asked.clone(),
        }
    }

    /// As the program whose place we took left it; looked at anew at once.
    pub fn inherited(kept: KeptEnding, now: Instant) -> Ending {
        let first = kept.first.map(|exit| match exit {
            Exit::Code(code) => Ended::Code(code),
            Exit::Signal { signal, .. } => Ended::Signal(signal),
        });
        let late = Duration::from_millis(kept.killing_ms);
        let due = now + Duration::from_millis(kept.kill_in_ms);
        Ending {
            first,
            reaped: kept.reaped,
            kill_at: due.checked_sub(late).unwrap_or(due),
            look_at: now,
            pause: LOOK_AGAIN,
            asked: kept.asked,
            clean_looks: 0,
        }
    }

    /// SIGKILL comes after `grace` from `now`, or earlier if that was settled before.
    pub fn hasten(&mut self, now: Instant, grace: Duration) {
        self.kill_at = self.kill_at.min(now + grace);
        self.look_at = now;
    }

    /// When to look again at the latest.
    pub fn deadline(&self) -> Instant {
        self.look_at
    }

    /// Looks at `processes`, hangs up on what has not been, says what is left. `first` is the face's first process,
    /// `adopted` are the orphans that came to us.
    pub fn look(
        &mut self,
        now: Instant,
        processes: &[ProcessStat],
        first: u32,
        adopted: &BTreeSet<u32>,
        keep_orphans: bool,
    ) -> Look {
        // Dead and unreaped it still is the parent in a listing that was made while it died.
        let roots: Vec<u32> = std::iter::once(first).chain(adopted.iter().copied()).collect();
        let left = living(processes, &roots);
        let rest = || left.iter().filter(|p| p.pid != first);
        if self.first.is_some() && (rest().next().is_none() || keep_orphans) {
            return self.clean_look(now, keep_orphans);
        }
        self.clean_looks = 0;
        for process in rest().filter(|_| !keep_orphans) {
            match self.reaped.iter().position(|(pid, _)| *pid == process.pid) {
                // Seen between fork and exec it still had its parent's name.
                Some(at) => self.reaped[at].1.clone_from(&process.name),
                None if self.reaped.len() < REAPED_MAX => {
                    self.reaped.push((process.pid, process.name.clone()))
                }
                None => {}
            }
        }
        if now < self.kill_at {
            for process in left.iter().filter(|p| self.asked.insert(p.pid)) {
                signal(process, signals::HANGUP);
                signal(process, signals::CONTINUE);
            }
            self.look_at = self.kill_at;
            return Look::Left;
        }
        if self.first.is_some() && now > self.kill_at + GIVE_UP {
            return Look::GaveUp(rest().map(|p| p.pid).collect());
        }
        self.look_at = now + self.pause;
        self.pause = (self.pause * 2).min(LOOK_AGAIN_MAX);
        Look::Kill
    }

    /// A process that forks and exits between two entries of one listing can be missed by it; when anything was
    /// found before, a second look must find nothing too.
    fn clean_look(&mut self, now: Instant, keep_orphans: bool) -> Look {
        self.clean_looks += 1;
        if self.reaped.is_empty() || self.clean_looks > 1 || keep_orphans {
            return Look::Clean;
        }
        self.look_at = now;
        Look::Left
    }
}

/// The living among `roots` and their descendants.
fn living<'a>(processes: &'a [ProcessStat], roots: &[u32]) -> Vec<&'a ProcessStat> {
    let mut found: Vec<&ProcessStat> =
        processes.iter().filter(|p| roots.contains(&p.pid)).collect();
    found.extend(procfs::descendants(processes, roots));
    found.retain(|p| !p.is_dead());
    found
}

/// A face to be killed: how its processes are known, also those that come while it is done.
#[derive(Debug)]
pub struct Prey {
    /// Its first process, whose session it made.
    pub first: u32,
    /// What is known of it: its first process, the orphans that came to us; all that is found is added.
    pub tree: BTreeSet<u32>,
    /// Our children that are somebody else's.
    pub others: BTreeSet<u32>,
    /// No other face's first process is dead: whatever comes to us is this face's.
    pub sole: bool,
    /// Spare what descends from its first process.
    pub first_only: bool,
}

impl Prey {
    /// Whether this process is its; if so its children will be too.
    fn claims(&mut self, process: &ProcessStat, keeper: u32) -> bool {
        if self.first_only {
            return process.pid == self.first;
        }
        let orphan = process.parent == keeper && !self.others.contains(&process.pid);
        let mine = self.tree.contains(&process.pid)
            || self.tree.contains(&process.parent)
            || (orphan && (self.sole || process.session == self.first));
        if mine {
            self.tree.insert(process.pid);
        }
        mine
    }
}

/// Kills everything of these faces, also what forks faster than it can be listed.
///
/// Whole process groups go first, in one call that no fork escapes. The rest is stopped the moment it is read, round
/// after round until none turns up, and then killed.
pub fn kill(preys: &mut [Prey]) {
    let (keeper, own_session) = (std::process::id(), process::session());
    let mut stopped: Vec<ProcessStat> = Vec::new();
    for _ in 0..STOP_ROUNDS_MAX {
        let mut groups = BTreeSet::new();
        let before = stopped.len();
        procfs::each(|process| {
            let Some(prey) = preys.iter_mut().find_map(|p| p.claims(&process, keeper).then_some(p))
            else {
                return;
            };
            if !prey.first_only && process.session != own_session {
                groups.insert(process.group);
            }
            if !process.is_dead()
                && !stopped.iter().any(|s| s.pid == process.pid && s.started == process.started)
            {
                signal(&process, signals::STOP);
                stopped.push(process);
            }
        });
        for group in groups {
            // Its members are all of one face: a session has no members from outside. None left is as good.
            let _ = process::kill_group(group, signals::KILL);
        }
        if stopped.len() == before {
            break;
        }
    }
    for process in &stopped {
        signal(process, signals::KILL);
    }
}

/// Signals the very process that was listed. One that is gone needs none.
fn signal(process: &ProcessStat, number: i32) {
    let sent = match process::open_pidfd(process.pid) {
        Ok(pidfd) => match procfs::stat(process.pid) {
            Some(now) if now.started == process.started => {
                process::kill_pidfd(pidfd.as_fd(), number)
            }
            _ => return,
        },
        // Before Linux 5.3, or out of descriptors.
        Err(_) => process::kill(process.pid, number),
    };
    if let Err(e) = sent
        && e.kind() == std::io::ErrorKind::PermissionDenied
    {
        log::warn!(
            "process {} ({}) is another user's: it cannot be signalled",
            process.pid,
            process.name
        );
    }
}
