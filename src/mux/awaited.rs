//! Drivers who were cut off and are expected back at once: after a crash of the daemon, or of the way to it.
//!
//! For so long their face is not read beyond what they can resume from, and nobody takes the lead from the one who had
//! it, unless by typing: the cut changes neither what they see nor the face's size.

use super::living::Living;
use super::timer::Timer;
use super::viewer::Viewer;
use super::{ClientId, Mux, Now, viewer_among};
use crate::units::{FaceId, Offset};
use std::time::Duration;

/// How long drivers of a daemon that died are waited for: their clients find the next one in a few milliseconds.
const AFTER_A_CRASH: Duration = Duration::from_millis(500);
/// How long the one whose size the face has: as long as `attach` looks for a lost daemon. It holds nobody up, and a
/// busy machine may not let its client run for longer than the others are waited for.
const LEADER_AFTER_A_CRASH: Duration = Duration::from_secs(10);

/// Who is expected back.
#[derive(Default)]
pub(super) struct Awaited {
    /// Drivers, by their tokens.
    drivers: Vec<u64>,
    /// The one who led, 0 for none.
    leader: u64,
    /// It is expected until then.
    leader_until: Duration,
    /// Nothing is read beyond: from where they were the journal still has everything.
    limit: Offset,
    /// Not after this moment.
    pub until: Duration,
}

impl Awaited {
    /// Whether `token` is.
    pub fn expects(&self, token: u64) -> bool {
        self.drivers.contains(&token)
    }

    /// How far the face may be read, and until when that binds.
    pub fn limit(&self, now: Duration) -> Option<(Offset, Duration)> {
        self.anybody(now).then_some((self.limit, self.until))
    }

    /// Whether anybody is expected.
    pub fn anybody(&self, now: Duration) -> bool {
        !self.drivers.is_empty() && now < self.until
    }

    /// Whether `token` may lead: not while somebody else who led is expected.
    pub fn may_lead(&self, token: u64, now: Duration) -> bool {
        self.leader == 0 || self.leader == token || now >= self.leader_until
    }

    /// Whether `token` led and was expected.
    pub fn led(&self, token: u64, now: Duration) -> bool {
        token != 0 && self.leader == token && now < self.leader_until
    }

    /// `token` is back. Gives whether it was expected.
    pub fn welcome(&mut self, token: u64) -> bool {
        let before = self.drivers.len();
        self.drivers.retain(|driver| *driver != token);
        if self.leader == token {
            self.leader = 0;
        }
        self.drivers.len() < before
    }

    /// Somebody else leads now.
    pub fn forget_leader(&mut self) {
        self.leader = 0;
    }

    fn expect_leader(&mut self, token: u64, until: Duration) {
        (self.leader, self.leader_until) = (token, until);
    }

    fn expect(&mut self, token: u64, limit: Offset, until: Duration) {
        if self.drivers.is_empty() {
            (self.limit, self.until) = (limit, until);
        }
        self.until = self.until.max(until);
        self.drivers.push(token);
    }
}

impl Mux {
    /// A face taken over from a dead daemon: its drivers are expected.
    pub(super) fn await_drivers(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        let head = living.face.journal().head();
        let until = now.mono + AFTER_A_CRASH;
        for token in living.face.drivers() {
            living.awaited.expect(token, head, until);
        }
        // Nothing is due when that time is over: whoever comes then may lead.
        let leader_until = now.mono + LEADER_AFTER_A_CRASH;
        living.awaited.expect_leader(living.face.leader(), leader_until);
        self.timers.set(until, Timer::Awaited(id));
    }

    /// A driver's connection is gone without a word.
    pub(super) fn await_back(&mut self, now: Now, client: ClientId) {
        let Some(viewer) = self.viewer(client) else {
            return;
        };
        let (face, token, until) = (viewer.face, viewer.token, viewer.awaited());
        let counts = viewer.counted && viewer.crop.is_none() && until > now.mono;
        let Some(living) = self.faces.get_mut(&face).filter(|_| counts && token != 0) else {
            return;
        };
        let head = living.face.journal().head();
        living.awaited.expect(token, head, until);
        if living.leader == Some(client) {
            living.awaited.expect_leader(token, until);
        }
        self.timers.set(until, Timer::Awaited(face));
    }

    /// Whoever is not back by now is no longer expected.
    pub(super) fn await_no_more(&mut self, now: Now, id: FaceId) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        if living.awaited.anybody(now.mono) {
            return;
        }
        for token in std::mem::take(&mut living.awaited.drivers) {
            living.face.driver_left(token);
        }
        if now.mono >= living.awaited.leader_until {
            living.awaited.forget_leader();
        }
        if living.leader.is_none() && living.awaited.leader == 0 {
            living.face.set_leader(0);
        }
        self.release_hold(now, id);
        self.settle_size(now, id);
    }

    /// A viewer has come: it may have been expected. Gives whether it was the last, and the face can be read on.
    pub(super) fn welcome(&mut self, now: Now, id: FaceId, client: ClientId) -> bool {
        let Some(viewer) = viewer_among(&mut self.clients, client) else {
            return false;
        };
        let Some(living) = self.faces.get_mut(&id) else { return false };
        if living.awaited.led(viewer.token, now.mono) {
            living.lead(client, viewer.token);
        }
        let was_last = living.awaited.welcome(viewer.token) && !living.awaited.anybody(now.mono);
        count(viewer, living);
        // Whoever held it back is here: the next to do so is to be timed anew.
        living.held &= !was_last;
        was_last
    }
}

/// A driver who takes its output is one to wait for after a crash.
pub(super) fn count(viewer: &mut Viewer, living: &mut Living) {
    if viewer.drive && !viewer.counted {
        viewer.counted = true;
        living.face.driver_came(viewer.token);
    }
}

/// A driver who does not, or is gone, is none.
pub(super) fn discount(viewer: &mut Viewer, living: &mut Living) {
    if std::mem::take(&mut viewer.counted) && !living.awaited.expects(viewer.token) {
        living.face.driver_left(viewer.token);
    }
}
