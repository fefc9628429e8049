//! A process of our own that must run: when it was started, how often it failed, when it is to be started again.

use crate::planted::is_quick;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// This very program, also when its file was replaced.
pub(super) const PROGRAM: &str = "/proc/self/exe";
/// A process that lived this long had no trouble starting: the back-off begins anew.
const STABLE: Duration = Duration::from_secs(30);
/// The second restart in a row waits this long, each further one twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest wait between two starts.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A role as it is told to the program that takes the keeper's place.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptRole {
    name: String,
    pid: Option<u32>,
    starts: u32,
    failures: u32,
    lived_ms: u64,
    start_in_ms: Option<u64>,
}

/// One of daemon, web and ssh.
#[derive(Debug)]
pub struct Role {
    /// The role's name, its argument on the command line.
    pub name: &'static str,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u32,
    started_at: Instant,
    failures: u32,
    start_at: Option<Instant>,
}

impl Role {
    /// To be started at once.
    pub fn new(name: &'static str, now: Instant) -> Role {
        Role { name, pid: None, starts: 0, started_at: now, failures: 0, start_at: Some(now) }
    }

    /// When it is to be started.
    pub fn start_at(&self) -> Option<Instant> {
        self.start_at
    }

    /// It runs.
    pub fn started(&mut self, pid: u32, now: Instant) {
        self.pid = Some(pid);
        self.starts += 1;
        self.started_at = now;
        self.start_at = None;
    }

    /// It died, or could not be started: how long until the next start. The first time at once.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let lived = self.pid.take().map(|_| now - self.started_at);
        if lived.is_some_and(|l| l >= STABLE) {
            self.failures = 0;
        }
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = if self.failures == 0 || is_quick() {
            Duration::ZERO
        } else {
            (PAUSE * (1 << doublings)).min(PAUSE_MAX)
        };
        self.failures = self.failures.saturating_add(1);
        self.start_at = Some(now + pause);
        pause
    }

    /// Another is to take its place at once: gives the process that has it.
    pub fn succeed(&mut self, now: Instant) -> Option<u32> {
        self.start_at = Some(now);
        self.pid.take()
    }

    /// The process that had the place has it again.
    pub fn reinstate(&mut self, pid: u32) {
        self.pid = Some(pid);
        self.start_at = None;
    }

    /// For the program that takes our place.
    pub fn kept(&self, now: Instant) -> KeptRole {
        KeptRole {
            name: self.name.to_owned(),
            pid: self.pid,
            starts: self.starts,
            failures: self.failures,
            lived_ms: milliseconds(now.saturating_duration_since(self.started_at)),
            start_in_ms: self.start_at.map(|at| milliseconds(at.saturating_duration_since(now))),
        }
    }

    /// As the program whose place we took left it; `None` for a role nobody knows.
    pub fn inherited(kept: &KeptRole, now: Instant) -> Option<Role> {
        let name = ["daemon", "web", "ssh"].into_iter().find(|n| *n == kept.name)?;
        let lived = Duration::from_millis(kept.lived_ms);
        Some(Role {
            name,
            pid: kept.pid,
            starts: kept.starts,
            failures: kept.failures,
            started_at: now.checked_sub(lived).unwrap_or(now),
            start_at: kept.start_in_ms.map(|ms| now + Duration::from_millis(ms)),
        })
    }

    /// It is not to be started again.
    pub fn retire(&mut self) {
        self.start_at = None;
    }

    /// It is dead and is not to be started again.
    pub fn buried(&mut self) {
        self.pid = None;
        self.start_at = None;
    }
}

/// For a table: how long, in whole milliseconds.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_later_ones_wait_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let mut role = Role::new("daemon", now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            role.started(7, now);
            let pause = role.failed(now);
            assert_eq!(role.start_at(), Some(now + pause));
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses[..4], [0, 100, 200, 400]);
        assert_eq!(pauses[11], 10_000);
        role.started(8, now);
        assert_eq!(role.failed(now + STABLE), Duration::ZERO);
    }
}
