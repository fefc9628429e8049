//! How long an attachment waits for a daemon that is lost or leaves, and how it says that input was refused.

use super::View;
use super::ending::Ending;
use crate::sys::clock;
use crate::sys::poll::{self, Watched};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a lost daemon is waited for; the keeper starts another at once.
const RECONNECT_FOR: Duration = Duration::from_secs(10);
/// Between two attempts, doubled from the first to the last.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// How long the daemon is given to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);
/// Input was refused: the terminal rings.
pub(super) const BELL: u8 = 7;

/// The attempts to reach the successor of a daemon that is lost.
pub(super) struct Attempts {
    until: Instant,
    pause: Duration,
}

impl Attempts {
    /// The first one may be made at once.
    pub fn begin() -> Attempts {
        Attempts { until: clock::now() + RECONNECT_FOR, pause: BACK_OFF.0 }
    }

    /// Waits until the next one may be made.
    ///
    /// # Errors
    /// It has been tried for long enough: lost, for the reason `why`; or a signal came that ends us.
    pub fn wait(&mut self, view: &mut View, why: &str) -> Result<(), Ending> {
        if clock::now() + self.pause > self.until {
            return Err(Ending::Lost(why.to_owned()));
        }
        let mut watched = [Watched::new(view.signals.as_fd(), true, false)];
        // When waiting fails the deadline above still ends this.
        let _ = poll::wait(&mut watched, Some(self.pause));
        if let Some(signal) = view.told_to_end() {
            return Err(Ending::Signalled(signal));
        }
        self.pause = (self.pause * 2).min(BACK_OFF.1);
        Ok(())
    }
}
