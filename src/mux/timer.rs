//! What is to happen at a moment, if nothing makes it unnecessary before.

use super::ClientId;
use crate::units::FaceId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A thing to look at when its moment has come. Whoever it concerns may be gone by then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A driver for whom the face was held back made no progress: let it go.
    Hold(FaceId),
    /// Drivers who were cut off have had their time to come back.
    Awaited(FaceId),
    /// Is it idle for longer than the limit?
    Idle(FaceId),
    /// Tell those who watch that it printed.
    Output(FaceId),
    /// Go on with what a client types.
    Type(ClientId),
    /// A viewer may get its restore now, or its next picture.
    Show(FaceId),
    /// Viewers of an ended face had their time.
    Over(FaceId),
    /// Certificates that have been kept long enough go.
    Certificates,
    /// Faces taken over from a dead daemon have been served for a while: they kill nobody.
    Forgive,
    /// Nothing to do for long enough.
    Linger,
}

/// A timer that is set again and again: however often, the list has it for its soonest moment.
#[derive(Default)]
pub(super) struct Alarm(Option<Duration>);

impl Alarm {
    /// Sets `timer` for `at`, unless it rings before.
    pub fn set(&mut self, at: Duration, timer: Timer, timers: &mut Timers) {
        if self.0.is_none_or(|soonest| soonest > at) {
            self.0 = Some(at);
            timers.set(at, timer);
        }
    }

    /// A timer of its has come up: whether its moment has come. What it was set for later is to be set anew.
    pub fn rings(&mut self, now: Duration) -> bool {
        self.0.take_if(|at| *at <= now).is_some()
    }
}

/// All timers, soonest first.
#[derive(Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Duration, Timer)>>);

impl Timers {
    /// Sets `timer` for `at`. Setting it twice lets it ring twice.
    pub fn set(&mut self, at: Duration, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    /// The soonest moment.
    pub fn next(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// A timer whose moment has come.
    pub fn due(&mut self, now: Duration) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}
