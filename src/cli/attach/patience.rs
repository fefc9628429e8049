//! How long an attachment waits for a daemon that is lost or leaves, and how it says that input was refused.

use std::time::Duration;

/// How long a lost daemon is waited for; the keeper starts another at once.
pub(super) const RECONNECT_FOR: Duration = Duration::from_secs(10);
/// Between two attempts, doubled from the first to the last.
pub(super) const BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(5), Duration::from_millis(200));
/// How long the daemon is given to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);
/// Input was refused: the terminal rings.
pub(super) const BELL: u8 = 7;
