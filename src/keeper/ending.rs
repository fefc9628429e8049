//! How a face ends: SIGHUP, a grace, SIGKILL, until a look at all processes finds nothing of it twice.
//!
//! The first process is a subreaper, so while it lives all that descends from it hangs under it. When it dies its
//! orphans come to us; it stays unreaped until they are gone, so that its pid still names it. Processes are
//! signalled by pidfd after a second look at their start time: a pid used anew is never hit.

use crate::sys::process::{self, Ended};
use crate::sys::procfs::{self, ProcessStat};
use crate::sys::signals;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Entries of the list of what was ended with a face: a certificate names so many, the rest is only ended.
const REAPED_MAX: usize = 64;
/// Looks for newly forked processes before SIGKILL: each finds and stops what the last one missed.
const STOP_ROUNDS_MAX: usize = 10;
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

/// What one look came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look {
    /// Something is left; look again at the deadline or the next SIGCHLD.
    Left,
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

    /// SIGKILL comes after `grace` from `now`, or earlier if that was settled before.
    pub fn hasten(&mut self, now: Instant, grace: Duration) {
        self.kill_at = self.kill_at.min(now + grace);
        self.look_at = now;
    }

    /// When to look again at the latest.
    pub fn deadline(&self) -> Instant {
        self.look_at
    }

    /// Looks at `processes`, does what is due, says what is left. `roots` are the first process while it lives and
    /// the orphans that came to us.
    pub fn look(
        &mut self,
        now: Instant,
        processes: &[ProcessStat],
        roots: &[u32],
        keep_orphans: bool,
    ) -> Look {
        let first = roots.first().copied().filter(|_| self.first.is_none());
        let left = living(processes, roots);
        let rest: Vec<&ProcessStat> =
            left.iter().copied().filter(|p| Some(p.pid) != first).collect();
        if self.first.is_some() && (rest.is_empty() || keep_orphans) {
            return self.clean_look(now, keep_orphans);
        }
        self.clean_looks = 0;
        for process in &rest {
            let known = self.reaped.iter().any(|(pid, _)| *pid == process.pid);
            if !known && self.reaped.len() < REAPED_MAX && !keep_orphans {
                self.reaped.push((process.pid, process.name.clone()));
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
            return Look::GaveUp(rest.iter().map(|p| p.pid).collect());
        }
        let kill: Vec<u32> =
            if keep_orphans { first.into_iter().collect() } else { roots.to_vec() };
        kill_trees(&kill, keep_orphans);
        self.look_at = now + self.pause;
        self.pause = (self.pause * 2).min(LOOK_AGAIN_MAX);
        Look::Left
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

/// Stops everything under `roots` until no new process turns up, then kills it all: what forks faster than it is
/// killed is stopped first. With `roots_only` their descendants are spared.
fn kill_trees(roots: &[u32], roots_only: bool) {
    let mut stopped = BTreeSet::new();
    let mut processes = procfs::all();
    for _ in 0..STOP_ROUNDS_MAX {
        let fresh: Vec<_> = living(&processes, roots)
            .into_iter()
            .filter(|p| (!roots_only || roots.contains(&p.pid)) && stopped.insert(p.pid))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for process in fresh {
            signal(process, signals::STOP);
        }
        processes = procfs::all();
    }
    for process in living(&processes, roots).iter().filter(|p| stopped.contains(&p.pid)) {
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
