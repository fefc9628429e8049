//! Where a connection comes from, and patterns of it: addresses, networks (CIDR) and globs, as ssh_config(5) has
//! them. Host names are not looked up: they never match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address; an IPv4 address that came as IPv6 (`::ffff:a.b.c.d`) is IPv4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Source(IpAddr);

impl Source {
    /// The source at `address`.
    pub fn of(address: IpAddr) -> Source {
        Source(address.to_canonical())
    }

    /// What counts as one attacker: an IPv4 address, or an IPv6 /64.
    pub fn neighbourhood(self) -> Source {
        match self.0 {
            IpAddr::V4(_) => self,
            IpAddr::V6(v6) => {
                Source(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))))
            }
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One pattern of a `from=` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    negated: bool,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Network(IpAddr, u8),
    Glob(String),
}

impl Pattern {
    /// The patterns in `text`, separated by commas; `!` before one excludes.
    ///
    /// # Errors
    /// A network that is none.
    pub fn parse_list(text: &str) -> Result<Vec<Pattern>, String> {
        text.split(',').map(|p| p.trim()).filter(|p| !p.is_empty()).map(Pattern::parse).collect()
    }

    fn parse(text: &str) -> Result<Pattern, String> {
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Some((address, bits)) = text.split_once('/') else {
            return Ok(Pattern { negated, shape: Shape::Glob(text.to_ascii_lowercase()) });
        };
        let wrong = || format!("from=: {text:?} is no network");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|b| *b <= most).ok_or_else(wrong)?;
        Ok(Pattern { negated, shape: Shape::Network(address, bits) })
    }

    /// Whether the list lets `source` in: one matches and none that excludes does.
    pub fn any_matches(list: &[Pattern], source: Source) -> bool {
        let hit = |negated| list.iter().any(|p| p.negated == negated && p.matches(source));
        hit(false) && !hit(true)
    }

    fn matches(&self, source: Source) -> bool {
        match &self.shape {
            Shape::Glob(glob) => glob_matches(glob.as_bytes(), source.to_string().as_bytes()),
            Shape::Network(network, bits) => match (network, source.0) {
                (IpAddr::V4(a), IpAddr::V4(b)) => same_v4(*a, b, *bits),
                (IpAddr::V6(a), IpAddr::V6(b)) => same_v6(*a, b, *bits),
                _ => false,
            },
        }
    }
}

fn same_v4(a: Ipv4Addr, b: Ipv4Addr, bits: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
}

fn same_v6(a: Ipv6Addr, b: Ipv6Addr, bits: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}

/// `*` stands for any run of bytes, `?` for one.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (g, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lets_in(list: &str, address: &str) -> bool {
        Pattern::any_matches(
            &Pattern::parse_list(list).unwrap(),
            Source::of(address.parse().unwrap()),
        )
    }

    #[test]
    fn addresses_networks_and_globs_match() {
        assert!(lets_in("10.0.0.1", "10.0.0.1"));
        assert!(lets_in("10.0.0.0/8", "10.9.8.7") && !lets_in("10.0.0.0/8", "11.0.0.1"));
        assert!(lets_in("0.0.0.0/0", "203.0.113.9") && lets_in("::/0", "2001:db8::1"));
        assert!(
            lets_in("2001:db8::/32", "2001:db8:1::2") && !lets_in("2001:db8::/32", "2001:db9::")
        );
        assert!(lets_in("192.0.2.*", "192.0.2.77") && lets_in("192.0.?.7", "192.0.2.7"));
        assert!(lets_in("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!lets_in("*,!10.0.0.1", "10.0.0.1") && lets_in("*,!10.0.0.1", "10.0.0.2"));
        assert!(!lets_in("example.org", "10.0.0.1") && !lets_in("!10.0.0.1", "10.0.0.2"));
        assert!(Pattern::parse_list("10.0.0.0/33").is_err());
    }

    #[test]
    fn one_attacker_is_an_address_or_a_slash_64() {
        let of = |a: &str| Source::of(a.parse().unwrap()).neighbourhood();
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
