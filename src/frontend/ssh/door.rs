//! Who may knock, and how often: the bounds on connections before they have logged in.
//!
//! Pure, with time as an argument. A connection that has not logged in holds a place in a small waiting room; when it
//! is full the one that has waited longest from the source with the most makes room, so that newcomers always get a
//! chance and silence buys nothing. A source whose connections keep failing is made to wait before the first byte.

use super::source::Source;
use crate::limits::{SSH_BACKOFF_AFTER, SSH_CONNECTIONS_MAX, SSH_SOURCES_MAX, SSH_WAITING_MAX};
use std::collections::BTreeMap;
use std::time::Duration;

/// The first delay of a source that keeps failing; it doubles with each further failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest delay: a person behind the same address as an attacker still gets in.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A failure is forgiven after this long.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// One connection at the door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Knock(u64);

/// What happens to a new connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It may begin, after this long.
    Wait(Duration),
    /// All places are taken by connections that have logged in.
    Full,
}

/// The door's state.
#[derive(Debug, Default)]
pub struct Door {
    next: u64,
    waiting: BTreeMap<Knock, Source>,
    inside: usize,
    failures: BTreeMap<Source, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Duration,
}

impl Door {
    /// A connection from `source` at `now`: its place, what it gets, and who has to go for it.
    pub fn handle_knock(
        &mut self,
        now: Duration,
        source: Source,
    ) -> (Knock, Answer, Option<Knock>) {
        let source = source.neighbourhood();
        self.next += 1;
        let knock = Knock(self.next);
        if self.inside + self.waiting.len() >= SSH_CONNECTIONS_MAX && self.waiting.is_empty() {
            return (knock, Answer::Full, None);
        }
        let full = self.waiting.len() >= SSH_WAITING_MAX
            || self.inside + self.waiting.len() >= SSH_CONNECTIONS_MAX;
        let evicted = if full { self.longest_waiting() } else { None };
        if let Some(evicted) = evicted {
            self.waiting.remove(&evicted);
        }
        self.waiting.insert(knock, source);
        (knock, Answer::Wait(self.delay(now, source)), evicted)
    }

    /// The connection logged in.
    pub fn handle_login(&mut self, knock: Knock) {
        if let Some(source) = self.waiting.remove(&knock) {
            self.failures.remove(&source);
            self.inside += 1;
        }
    }

    /// A connection that had logged in is gone.
    pub fn handle_leave(&mut self) {
        self.inside = self.inside.saturating_sub(1);
    }

    /// The connection from `source` ended at `now` without a login.
    pub fn handle_failure(&mut self, now: Duration, knock: Knock, source: Source) {
        self.waiting.remove(&knock);
        let source = source.neighbourhood();
        self.failures.retain(|_, f| now.saturating_sub(f.last) < FORGIVEN_AFTER);
        if self.failures.len() >= SSH_SOURCES_MAX && !self.failures.contains_key(&source) {
            let oldest = self.failures.iter().min_by_key(|(_, f)| f.last).map(|(s, _)| *s);
            oldest.and_then(|s| self.failures.remove(&s));
        }
        let failures = self.failures.entry(source).or_insert(Failures { count: 0, last: now });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// Connections, logged in or not.
    pub fn guests(&self) -> usize {
        self.inside + self.waiting.len()
    }

    fn longest_waiting(&self) -> Option<Knock> {
        let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
        for source in self.waiting.values() {
            *counts.entry(*source).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count)?.0;
        self.waiting.iter().find(|(_, source)| **source == most).map(|(knock, _)| *knock)
    }

    fn delay(&self, now: Duration, source: Source) -> Duration {
        match self.failures.get(&source) {
            Some(f)
                if now.saturating_sub(f.last) < FORGIVEN_AFTER && f.count >= SSH_BACKOFF_AFTER =>
            {
                let doublings = (f.count - SSH_BACKOFF_AFTER).min(16);
                BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX)
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn source(n: u8) -> Source {
        Source::of(std::net::IpAddr::from([10, 0, 0, n]))
    }

    #[test]
    fn silence_gives_its_place_to_newcomers() {
        let mut door = Door::default();
        let friend = door.handle_knock(Duration::ZERO, source(1)).0;
        let first = door.handle_knock(Duration::ZERO, source(2)).0;
        for _ in 2..SSH_WAITING_MAX {
            assert_eq!(door.handle_knock(Duration::ZERO, source(2)).2, None);
        }
        let (_, answer, evicted) = door.handle_knock(Duration::ZERO, source(2));
        assert_eq!((answer, evicted), (Answer::Wait(Duration::ZERO), Some(first)));
        for _ in 0..1000 {
            assert_ne!(door.handle_knock(Duration::ZERO, source(2)).2, Some(friend));
        }
        assert_eq!(door.waiting.len(), SSH_WAITING_MAX);
        door.handle_login(friend);
        assert_eq!(door.waiting.len(), SSH_WAITING_MAX - 1);
    }

    #[test]
    fn a_source_that_keeps_failing_waits_and_is_forgiven() {
        let mut door = Door::default();
        let at = Duration::from_secs;
        let mut delays = Vec::new();
        for _ in 0..20 {
            let (knock, answer, _) = door.handle_knock(at(1), source(1));
            delays.push(answer);
            door.handle_failure(at(1), knock, source(1));
        }
        assert_eq!(delays[SSH_BACKOFF_AFTER as usize - 1], Answer::Wait(Duration::ZERO));
        assert_eq!(delays[SSH_BACKOFF_AFTER as usize], Answer::Wait(BACKOFF_FIRST));
        assert_eq!(delays[19], Answer::Wait(BACKOFF_MAX));
        assert_eq!(door.handle_knock(at(1), source(2)).1, Answer::Wait(Duration::ZERO));
        let (knock, answer, _) = door.handle_knock(at(62), source(1));
        assert_eq!(answer, Answer::Wait(Duration::ZERO));
        door.handle_failure(at(62), knock, source(1));
        let (knock, ..) = door.handle_knock(at(63), source(1));
        door.handle_login(knock);
        assert_eq!(door.handle_knock(at(63), source(1)).1, Answer::Wait(Duration::ZERO));
    }

    #[test]
    fn the_tables_are_bounded() {
        let mut door = Door::default();
        for n in 0..SSH_SOURCES_MAX + 50 {
            let source = Source::of(std::net::IpAddr::from((n as u32).to_be_bytes()));
            let (knock, ..) = door.handle_knock(Duration::ZERO, source);
            door.handle_failure(Duration::ZERO, knock, source);
        }
        assert!(door.failures.len() <= SSH_SOURCES_MAX);
        for _ in 0..SSH_CONNECTIONS_MAX {
            let (knock, ..) = door.handle_knock(Duration::ZERO, source(1));
            door.handle_login(knock);
        }
        assert_eq!(door.handle_knock(Duration::ZERO, source(1)).1, Answer::Full);
        door.handle_leave();
        assert!(matches!(door.handle_knock(Duration::ZERO, source(1)).1, Answer::Wait(_)));
    }
}
