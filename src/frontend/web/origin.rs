//! Which Host and which Origin may speak to this server.
//!
//! Pure. A page of another site can make a browser send requests here, with cookies when it differs in the port
//! only, and can point its own name at this address (DNS rebinding). So the Host must be one of ours, and whatever
//! changes something or opens a WebSocket must come from a page of exactly that origin. `X-Forwarded-Host` counts
//! for nothing: a name in front of the server is configured.

use std::net::SocketAddr;

/// The origins this server is reached at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    /// Configured ones: `https://term.example.org`.
    configured: Vec<Origin>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Origin {
    scheme: &'static str,
    /// Host and, unless it is the scheme's own, port.
    host: String,
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadOrigin {
    /// The Host is none of ours.
    Host,
    /// The Origin is not that of the Host.
    Origin,
    /// There is none.
    Missing,
}

impl Origins {
    /// The origins of the configuration, each `http://host[:port]` or `https://host[:port]`; a bare host is both.
    ///
    /// # Errors
    /// A sentence that names the one that is malformed.
    pub fn new(configured: &[String]) -> Result<Origins, String> {
        let mut all = Vec::new();
        for text in configured {
            let texts = if text.contains("://") {
                vec![text.clone()]
            } else {
                vec![format!("http://{text}"), format!("https://{text}")]
            };
            for one in texts {
                all.push(Origin::parse(&one).ok_or_else(|| {
                    format!("origin {text:?}: write it as https://host or https://host:port, in lower case")
                })?);
            }
        }
        Ok(Origins { configured: all })
    }

    /// Whether `host` is one of ours on a connection to `local`: configured, or the address itself, or, on a
    /// loopback address, `localhost`.
    pub fn host_allowed(&self, host: &str, local: SocketAddr) -> bool {
        self.configured.iter().any(|o| o.host == host) || is_own(host, local)
    }

    /// Whether a request that changes something may be served: its Host is ours and its Origin is that of the Host.
    ///
    /// # Errors
    /// What is wrong; `Missing` may be forgiven to a client that shows a credential no browser sends by itself.
    pub fn check(
        &self,
        host: &str,
        origin: Option<&str>,
        local: SocketAddr,
    ) -> Result<(), BadOrigin> {
        if !self.host_allowed(host, local) {
            return Err(BadOrigin::Host);
        }
        let origin = origin.ok_or(BadOrigin::Missing)?;
        let origin = Origin::parse(origin).ok_or(BadOrigin::Origin)?;
        let ours = if self.configured.iter().any(|o| o.host == host) {
            self.configured.contains(&origin)
        } else {
            origin.scheme == "http"
        };
        if ours && origin.host == host { Ok(()) } else { Err(BadOrigin::Origin) }
    }

    /// Whether this Host is reached over TLS, by what is configured.
    pub fn is_secure(&self, host: &str) -> bool {
        let schemes = || self.configured.iter().filter(|o| o.host == host);
        schemes().count() > 0 && schemes().all(|o| o.scheme == "https")
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Origin> {
        let (scheme, host) = if let Some(host) = text.strip_prefix("https://") {
            ("https", host)
        } else {
            ("http", text.strip_prefix("http://")?)
        };
        let port_of_scheme = if scheme == "https" { ":443" } else { ":80" };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_:[]".contains(&b);
        let good = !host.is_empty()
            && host.bytes().all(plain)
            && !host.ends_with(port_of_scheme)
            && !host.ends_with(['.', ':']);
        good.then(|| Origin { scheme, host: host.to_owned() })
    }
}

fn is_own(host: &str, local: SocketAddr) -> bool {
    let port = local.port();
    // An IPv4 address may come as an IPv6 one on a socket that serves both.
    let ip = local.ip().to_canonical();
    let bare =
        |name: String| if port == 80 { host == name } else { host == format!("{name}:{port}") };
    let literal = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    bare(literal) || (ip.is_loopback() && bare("localhost".to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LOCAL: &str = "127.0.0.1:7681";

    fn check(host: &str, origin: Option<&str>) -> Result<(), BadOrigin> {
        let origins = Origins::new(&["https://term.example.org".to_owned()]).unwrap();
        origins.check(host, origin, LOCAL.parse().unwrap())
    }

    #[test]
    fn only_the_exact_origin_of_an_own_host_passes() {
        let own = "127.0.0.1:7681";
        assert_eq!(check(own, Some("http://127.0.0.1:7681")), Ok(()));
        assert_eq!(check("localhost:7681", Some("http://localhost:7681")), Ok(()));
        assert_eq!(check("term.example.org", Some("https://term.example.org")), Ok(()));
        for (host, origin) in [
            (own, "null"),
            (own, ""),
            (own, "http://127.0.0.1:7682"),
            (own, "http://127.0.0.1"),
            (own, "https://127.0.0.1:7681"),
            (own, "http://localhost:7681"),
            (own, "http://127.0.0.1:7681."),
            (own, "http://127.0.0.1.:7681"),
            (own, "http://127.0.0.1:7681/"),
            (own, "http://user@127.0.0.1:7681"),
            (own, "HTTP://127.0.0.1:7681"),
            (own, "http://[::1]:7681"),
            (own, "http://[::ffff:127.0.0.1]:7681"),
            (own, "http://2130706433:7681"),
            (own, "http://evil.example#127.0.0.1:7681"),
            (own, "ws://127.0.0.1:7681"),
            (own, "file://"),
            ("localhost:7681", "http://LOCALHOST:7681"),
            ("localhost:7681", "http://localhost.:7681"),
            ("term.example.org", "http://term.example.org"),
            ("term.example.org", "https://term.example.org:443"),
            ("term.example.org", "https://sub.term.example.org"),
            ("term.example.org", "https://term.example.org."),
            ("term.example.org", "https://term.example.org.evil.example"),
            ("term.example.org", "https://xn--trm-dma.example.org"),
        ] {
            assert_eq!(check(host, Some(origin)), Err(BadOrigin::Origin), "{host} {origin}");
        }
        assert_eq!(check(own, None), Err(BadOrigin::Missing));
    }

    #[test]
    fn a_host_that_is_not_ours_is_refused_whatever_the_origin() {
        for host in [
            "evil.example",
            "evil.example:7681",
            "127.0.0.1",
            "127.0.0.1:7682",
            "127.0.0.2:7681",
            "localhost",
            "localhost.:7681",
            "LOCALHOST:7681",
            "term.example.org:7681",
            "user@127.0.0.1:7681",
            "127.0.0.1:7681, evil.example",
            "[::1]:7681",
            "",
        ] {
            let own = format!("http://{host}");
            assert_eq!(check(host, Some(&own)), Err(BadOrigin::Host), "{host}");
            assert_eq!(check(host, None), Err(BadOrigin::Host), "{host}");
        }
    }

    #[test]
    fn addresses_are_written_as_browsers_write_them() {
        let origins = Origins::default();
        let check = |host: &str, local: &str| {
            let origin = format!("http://{host}");
            origins.check(host, Some(&origin), local.parse().unwrap())
        };
        assert_eq!(check("[::1]:7681", "[::1]:7681"), Ok(()));
        assert_eq!(check("127.0.0.1:7681", "[::ffff:127.0.0.1]:7681"), Ok(()));
        assert_eq!(check("192.0.2.7", "192.0.2.7:80"), Ok(()));
        assert_eq!(check("localhost:7681", "192.0.2.7:7681"), Err(BadOrigin::Host));
        let both = Origins::new(&["term.example.org".to_owned()]).unwrap();
        assert!(both.host_allowed("term.example.org", LOCAL.parse().unwrap()));
        assert!(!both.is_secure("term.example.org"), "not known to be");
        assert!(Origins::new(&["https://term.example.org/".to_owned()]).is_err());
    }
}
