//! A viewer: a client that watches a face. It costs an offset, and while it is behind nothing more.

use super::restores::Pending;
use crate::face::detach::DetachKeys;
use crate::face::preview::sanitised;
use crate::limits::{HOLD_EARNED, HOLD_MAX, HOLD_MIN, HOLD_WHOLE};
use crate::units::{FaceId, Offset, Size};
use crate::wire::{Attach, Holder};
use std::collections::VecDeque;
use std::time::Duration;

/// While sizes change, a viewer gets a restore at most this often.
const RESTORE_EVERY: Duration = Duration::from_millis(50);

/// One client's view of one face.
pub(super) struct Viewer {
    pub face: FaceId,
    /// May type.
    pub drive: bool,
    /// Shows whatever size the face has.
    pub follows: bool,
    /// The daemon holds its terminal.
    pub handed: bool,
    /// Its terminal was lent in its alternate screen.
    pub alternate: bool,
    /// There is no terminal, which could send what nobody typed.
    pub piped: bool,
    /// Its face was made for it, and waits for it nearly as for the reader of a pipe.
    pub whole: bool,
    pub size: Size,
    pub pixels: (u16, u16),
    pub token: u64,
    /// The keys that detach it; `None` for a frontend's.
    pub detach: Option<Box<DetachKeys>>,
    pub history: u32,
    /// The face it runs in itself.
    pub inside: Option<FaceId>,
    /// The next byte it gets.
    pub at: Offset,
    /// What it said it has shown.
    pub shown: Offset,
    pub window: u32,
    pub restore: Option<Pending>,
    /// When it is looked at again in any case.
    pub armed: Duration,
    /// When its last restore was made.
    pub renewed: Duration,
    /// Its connection takes nothing: it is looked at again once it does, whatever its face prints.
    pub blocked: bool,
    /// Its last restore was given up before all of it was sent: it begins anew.
    pub given_up: bool,
    /// It is due a restore, not before this moment.
    pub stale: Option<Duration>,
    /// Its terminal has had a restore before: the next one must make it as fresh first.
    pub painted: bool,
    /// Its terminal may have put titles aside for the face.
    pub titled: bool,
    /// When it last took something.
    pub progress: Duration,
    /// Since when it has kept up.
    pub steady: Duration,
    /// It is among the drivers to be waited for after a crash.
    pub counted: bool,
    pub laps: u64,
    /// Position in its input stream of what was accepted.
    pub accepted: u64,
    /// Accepted as soon as there is room: pieces, and where each ends in the input stream; bounded by one frame.
    pub stash: VecDeque<(u64, Vec<u8>)>,
    /// What it last saw of a face whose size is not its own, row by row.
    pub crop: Option<Box<super::crop::Crop>>,
}

impl Viewer {
    /// A viewer as `Attach` asks for it, at `at`.
    pub fn new(
        face: FaceId,
        attach: &Attach,
        drive: bool,
        at: Offset,
        accepted: u64,
        now: Duration,
    ) -> Viewer {
        let (handed, alternate) = match &attach.holder {
            Holder::Client | Holder::Nobody { .. } => (false, false),
            Holder::Daemon { alternate, .. } => (true, *alternate),
        };
        let keys = !attach.detach_keys.is_empty();
        Viewer {
            face,
            drive,
            follows: attach.follows_size,
            handed,
            alternate,
            piped: matches!(attach.holder, Holder::Nobody { .. }),
            whole: matches!(attach.holder, Holder::Nobody { whole: true }),
            size: attach.size,
            pixels: attach.pixels,
            token: attach.token,
            detach: keys.then(|| Box::new(DetachKeys::new(&attach.detach_keys))),
            history: attach.history,
            inside: attach.inside.first().and_then(|id| id.parse().ok().map(FaceId)),
            at,
            shown: at,
            window: attach.window,
            restore: None,
            armed: Duration::ZERO,
            renewed: Duration::ZERO,
            blocked: false,
            given_up: false,
            stale: None,
            painted: false,
            titled: false,
            progress: now,
            steady: now,
            counted: false,
            laps: 0,
            accepted,
            stash: VecDeque::new(),
            crop: None,
        }
    }

    /// Its size or its face's is another now: it is due a restore, the first at once.
    pub fn make_stale(&mut self, now: Duration) {
        let due = if self.painted { now + RESTORE_EVERY } else { now };
        self.stale = Some(self.stale.map_or(due, |already| already.min(due)));
    }

    /// Whether it gets nothing before its connection has room, or a moment that it is armed for, whatever its face
    /// prints.
    pub fn waits(&self, now: Duration) -> bool {
        self.blocked
            || self.restore.is_none()
                && self.stale.is_some_and(|due| due > now && self.armed == due)
    }

    /// What it shows is the face's screen at `at`: no restore is on its way or due, no picture is shown instead.
    pub fn is_in_step(&self) -> bool {
        self.restore.is_none() && self.stale.is_none() && self.crop.is_none()
    }

    /// How far it may be sent output: its window beyond what it has shown.
    pub fn limit(&self) -> Offset {
        if self.window == 0 { Offset(u64::MAX) } else { self.shown.plus(self.window as usize) }
    }

    /// It has been sent all of its window, output or restores, and has shown nothing of it: it gets no more of either.
    pub fn is_full(&self) -> bool {
        self.restore.is_none() && self.crop.is_none() && self.at >= self.limit()
    }

    /// Until when its face waits for it. Who has kept up for long is waited for longer: a reader that a busy machine
    /// does not let run for a moment loses nothing, one that never reads costs its face a moment once.
    pub fn awaited(&self) -> Duration {
        let earned = self.progress.saturating_sub(self.steady) / HOLD_EARNED;
        self.progress + if self.whole { HOLD_WHOLE } else { earned.clamp(HOLD_MIN, HOLD_MAX) }
    }

    /// It is waited for no more until it takes something.
    pub fn give_up(&mut self, now: Duration) {
        self.steady = now;
        self.whole = false;
        self.progress = now.saturating_sub(HOLD_MIN);
    }

    /// Where its input stream stands: accepted, waiting for room, or held until the next key says what the last was.
    pub fn heard(&self) -> u64 {
        let taken = self.stash.back().map_or(self.accepted, |(end, _)| *end);
        taken + self.held().len() as u64
    }

    /// The first of the keys that detach it, as far as it has pressed it.
    pub fn held(&self) -> &[u8] {
        self.detach.as_ref().map_or(&[], |keys| keys.held())
    }

    /// A cell's size in its pixels, 0 when unknown.
    pub fn cell(&self) -> (u16, u16) {
        (self.pixels.0 / self.size.cols().max(1), self.pixels.1 / self.size.rows().max(1))
    }
}

/// A name a face may have: letters, digits, `._-`, not a number.
pub(super) fn valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= crate::limits::NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !name.bytes().all(|b| b.is_ascii_digit())
        && sanitised(name) == name
}

// A crowd of viewers costs its face little: each is this, a connection, and a place in a few lists.
const _: () = assert!(size_of::<Viewer>() <= 256);
