//! Failed logins by source: each source may have a few, and gets one back after a while.
//!
//! Only failures count and only failures are refused: who shows a good credential is let in whatever others on the
//! same address tried, and a good one cannot be guessed. Pure: the time is given.

use crate::limits::{LOGIN_FAILURES_MAX, LOGIN_FORGIVE_MS, SOURCES_MAX};
use std::collections::HashMap;
use std::net::IpAddr;

/// The failures remembered.
#[derive(Default, Debug)]
pub struct Failures {
    /// Until when a source's failures count: each adds `LOGIN_FORGIVE_MS`.
    until_ms: HashMap<IpAddr, u64>,
}

impl Failures {
    /// Counts a failure; the seconds to wait when it was one too many.
    pub fn add(&mut self, source: IpAddr, now_ms: u64) -> Option<u64> {
        let source = neighbourhood(source);
        if !self.until_ms.contains_key(&source) && self.until_ms.len() >= SOURCES_MAX {
            self.until_ms.retain(|_, until| *until > now_ms);
            if self.until_ms.len() >= SOURCES_MAX {
                // Under attack from everywhere: nobody's failures are remembered better than by starting over.
                self.until_ms.clear();
            }
        }
        let until = self.until_ms.entry(source).or_insert(now_ms);
        *until = (*until).max(now_ms);
        let full = u64::from(LOGIN_FAILURES_MAX) * LOGIN_FORGIVE_MS;
        let ahead = *until - now_ms;
        if ahead + LOGIN_FORGIVE_MS > full {
            return Some((ahead + LOGIN_FORGIVE_MS - full).div_ceil(1000));
        }
        *until += LOGIN_FORGIVE_MS;
        None
    }
}

/// One customer has a whole /64 of IPv6.
fn neighbourhood(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => {
            let s = ip.segments();
            IpAddr::from([s[0], s[1], s[2], s[3], 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_too_many_waits_and_is_forgiven() {
        let mut failures = Failures::default();
        let (one, two) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..LOGIN_FAILURES_MAX {
            assert_eq!(failures.add(one, 1000), None);
        }
        let wait = failures.add(one, 1000);
        assert_eq!(wait, Some(LOGIN_FORGIVE_MS / 1000));
        assert_eq!(failures.add(two, 1000), None);
        assert_eq!(failures.add(one, 1000 + LOGIN_FORGIVE_MS), None);
        assert!(failures.add(one, 1000 + LOGIN_FORGIVE_MS).is_some());
    }

    #[test]
    fn sources_are_bounded() {
        let mut failures = Failures::default();
        for n in 0..3 * SOURCES_MAX as u32 {
            failures.add(IpAddr::from(n.to_be_bytes()), 5);
        }
        assert!(failures.until_ms.len() <= SOURCES_MAX);
    }
}
