//! The two clocks: one that never goes back, for deadlines; one that people read, for times in answers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, on the clock that never goes back.
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since the Unix epoch by the wall clock, which may jump; never used for deadlines.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds on the clock that never goes back, from a moment nobody knows: for what must last so long and no
/// longer whatever people do to the wall's clock.
pub fn mono_ms() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A wall time as RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(wall_ms: u64) -> String {
    let limit = 253_402_300_799_000;
    let time = UNIX_EPOCH + Duration::from_millis(wall_ms.min(limit));
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_whatever_the_number() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.000Z");
    }
}
