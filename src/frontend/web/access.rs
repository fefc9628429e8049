//! Who may come in, and on whose behalf.
//!
//! Owns the rules; the tokens, tickets and failures are in their own modules. A credential is looked at before
//! anything else is said, and what is said does not depend on the face. Nothing here logs what a client sent.

use super::cookie;
use super::head::Head;
use super::origin::{BadOrigin, Origins};
use crate::frontend::token::{Entry, Store, Use};
use crate::wire::keeper::Auth;
use crate::wire::{Actor, Role};
use std::net::{IpAddr, SocketAddr};

/// How a visitor showed who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// By a header that no browser sends by itself.
    Bearer,
    /// By what a browser sends by itself: a cookie, or a proxy's word for it.
    Ambient,
    /// Not at all: everybody is the owner here.
    Open,
}

/// A visitor who was let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    /// On whose behalf the daemon is asked.
    pub actor: Actor,
    /// How we know.
    pub means: Means,
    /// When the token ends; `None` for never.
    pub ends_ms: Option<u64>,
    /// The id of the token or cookie shown.
    pub token: Option<String>,
}

impl Visitor {
    fn of(entry: &Entry, means: Means) -> Visitor {
        Visitor {
            actor: entry.actor(),
            means,
            ends_ms: entry.expires_ms,
            token: Some(entry.id.clone()),
        }
    }
}

/// Why one was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// No credential.
    Missing,
    /// One that is not valid.
    Wrong,
    /// The Host is none of ours.
    Host,
    /// A request that changes something, from another site's page or without saying from which.
    Origin,
    /// Such a request without our own header.
    Header,
}

/// The rules of one server.
pub struct Access {
    auth: Auth,
    from: Vec<IpAddr>,
    origins: Origins,
    port: u16,
}

/// Where a request came from and arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The client's address.
    pub peer: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

impl Access {
    /// The rules for a listener at `local`.
    ///
    /// # Errors
    /// A sentence: what in the configuration is wrong or too open.
    pub fn new(
        auth: Auth,
        url: &str,
        origins: &[String],
        local: SocketAddr,
    ) -> Result<Access, String> {
        let mut all = origins.to_vec();
        all.push(url.to_owned());
        let mut from = Vec::new();
        match &auth {
            Auth::None if !local.ip().to_canonical().is_loopback() => {
                return Err(format!(
                    "--auth none lets everybody in: it serves loopback only, not {local}"
                ));
            }
            Auth::ProxyHeader { from: addresses, header } => {
                if addresses.is_empty() || header.is_empty() {
                    return Err(
                        "--auth proxy-header needs the header's name and the proxies' addresses"
                            .into(),
                    );
                }
                for text in addresses {
                    let ip: IpAddr = text.parse().map_err(|_| {
                        format!("proxy address {text:?}: write a numeric IP address")
                    })?;
                    from.push(ip.to_canonical());
                }
            }
            Auth::None | Auth::Token => {}
        }
        Ok(Access { auth, from, origins: Origins::new(&all)?, port: local.port() })
    }

    /// Whether tokens are how one comes in.
    pub fn wants_tokens(&self) -> bool {
        self.auth == Auth::Token
    }

    /// Whether this Host is reached over TLS.
    pub fn is_secure(&self, head: &Head) -> bool {
        self.origins.is_secure(host(head))
    }

    /// The cookie's name for this request.
    pub fn cookie_name(&self, head: &Head) -> String {
        cookie::name(self.port, self.is_secure(head))
    }

    /// Whether the Host is ours.
    ///
    /// # Errors
    /// `Denied::Host`.
    pub fn check_host(&self, head: &Head, ends: Ends) -> Result<(), Denied> {
        if self.origins.host_allowed(host(head), ends.local) { Ok(()) } else { Err(Denied::Host) }
    }

    /// Who is asking.
    ///
    /// # Errors
    /// `Denied`.
    pub fn visitor(
        &self,
        head: &Head,
        ends: Ends,
        store: &Store,
        now_ms: u64,
    ) -> Result<Visitor, Denied> {
        self.check_host(head, ends)?;
        match &self.auth {
            Auth::None => {
                Ok(Visitor { actor: Actor::OWNER, means: Means::Open, ends_ms: None, token: None })
            }
            Auth::ProxyHeader { header, .. } => {
                if !self.from.contains(&ends.peer.ip().to_canonical()) {
                    return Err(Denied::Missing);
                }
                let name = header.to_ascii_lowercase();
                let mut values = head.all(&name);
                let user = values.next().filter(|u| is_user(u)).ok_or(Denied::Missing)?;
                if values.next().is_some() {
                    return Err(Denied::Wrong);
                }
                let actor = Actor { user: Some(user.to_owned()), role: Role::Owner, only: None };
                Ok(Visitor { actor, means: Means::Ambient, ends_ms: None, token: None })
            }
            Auth::Token => self.by_token(head, store, now_ms),
        }
    }

    fn by_token(&self, head: &Head, store: &Store, now_ms: u64) -> Result<Visitor, Denied> {
        if let Some(header) = head.get("authorization") {
            let secret =
                header.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            let secret = secret.map(|(_, secret)| secret.trim()).ok_or(Denied::Wrong)?;
            let entry = store.find(secret, now_ms).filter(|e| e.good_for == Use::Token);
            let entry = entry.ok_or(Denied::Wrong)?;
            return Ok(Visitor::of(entry, Means::Bearer));
        }
        let name = self.cookie_name(head);
        // A stale cookie is no attack: it asks for a login and does not count as a failure.
        for secret in cookie::values(head, &name).take(4) {
            if let Some(entry) = store.find(secret, now_ms).filter(|e| e.good_for == Use::Cookie) {
                return Ok(Visitor::of(entry, Means::Ambient));
            }
        }
        Err(Denied::Missing)
    }

    /// Whether this visitor's request may change something or open a WebSocket: it comes from a page of ours, or
    /// from no page at all.
    ///
    /// # Errors
    /// `Denied::Host` or `Denied::Origin`.
    pub fn check_origin(&self, head: &Head, ends: Ends, means: Means) -> Result<(), Denied> {
        match self.origins.check(host(head), head.get("origin"), ends.local) {
            Ok(()) => Ok(()),
            // Browsers name the origin of every such request; who does not is no browser.
            Err(BadOrigin::Missing) if means != Means::Ambient => Ok(()),
            Err(BadOrigin::Host) => Err(Denied::Host),
            Err(BadOrigin::Missing | BadOrigin::Origin) => Err(Denied::Origin),
        }
    }

    /// `check_origin`, and our own header, which a page of another site cannot add without being asked first.
    ///
    /// # Errors
    /// `Denied`.
    pub fn check_change(&self, head: &Head, ends: Ends, means: Means) -> Result<(), Denied> {
        self.check_origin(head, ends, means)?;
        if means == Means::Bearer || head.get("x-facemux") == Some("1") {
            Ok(())
        } else {
            Err(Denied::Header)
        }
    }
}

fn host(head: &Head) -> &str {
    head.get("host").unwrap_or_default()
}

/// A user's name as a proxy may give it: printable, without spaces, of a length one could type.
pub fn is_user(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::frontend::token::{Grant, SECRET_BYTES};

    const OWN: &str = "http://127.0.0.1:7681";

    fn ends(peer: &str) -> Ends {
        Ends { peer: peer.parse().unwrap(), local: "127.0.0.1:7681".parse().unwrap() }
    }

    fn head(lines: &str) -> Head {
        let text = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:7681\r\n{lines}\r\n");
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    fn access(auth: Auth) -> Access {
        Access::new(auth, OWN, &[], "127.0.0.1:7681".parse().unwrap()).unwrap()
    }

    #[test]
    fn cookies_and_bearers_are_not_exchangeable() {
        let (mut store, access) = (Store::default(), access(Auth::Token));
        let grant = Grant {
            good_for: Use::Token,
            role: Role::Viewer,
            face: Some(2),
            user: None,
            ttl_ms: None,
        };
        let token = store.add(grant, [1; SECRET_BYTES], 0).unwrap();
        let cookie = store.exchange(&token, 99, [2; SECRET_BYTES], 0).unwrap().unwrap();
        let visit = |lines: &str| access.visitor(&head(lines), ends("127.0.0.1:5"), &store, 0);
        let by_bearer = visit(&format!("Authorization: Bearer {token}\r\n")).unwrap();
        assert_eq!((by_bearer.means, by_bearer.actor.role), (Means::Bearer, Role::Viewer));
        let by_cookie = visit(&format!("Cookie: facemux-7681={cookie}\r\n")).unwrap();
        assert_eq!((by_cookie.means, by_cookie.actor), (Means::Ambient, by_bearer.actor));
        assert_eq!(visit(&format!("Authorization: Bearer {cookie}\r\n")), Err(Denied::Wrong));
        assert_eq!(visit(&format!("Cookie: facemux-7681={token}\r\n")), Err(Denied::Missing));
        assert_eq!(visit(&format!("Cookie: facemux-7682={cookie}\r\n")), Err(Denied::Missing));
        assert_eq!(visit("Authorization: Basic eDp5\r\n"), Err(Denied::Wrong));
        assert_eq!(visit(""), Err(Denied::Missing));
    }

    #[test]
    fn a_proxys_word_counts_from_its_own_address_alone() {
        let auth = Auth::ProxyHeader { header: "X-User".into(), from: vec!["10.0.0.9".into()] };
        let (store, access) = (Store::default(), access(auth));
        let visit = |peer: &str, lines: &str| access.visitor(&head(lines), ends(peer), &store, 0);
        let good = visit("10.0.0.9:1", "X-User: ann\r\n").unwrap();
        assert_eq!(good.actor.user.as_deref(), Some("ann"));
        assert_eq!(visit("[::ffff:10.0.0.9]:1", "X-User: ann\r\n").unwrap(), good);
        assert_eq!(visit("10.0.0.8:1", "X-User: ann\r\n"), Err(Denied::Missing));
        let spoofed = "X-User: ann\r\nX-Forwarded-For: 10.0.0.9\r\n";
        assert_eq!(visit("10.0.0.8:1", spoofed), Err(Denied::Missing));
        assert_eq!(visit("10.0.0.9:1", "X-User: ann\r\nX-User: root\r\n"), Err(Denied::Wrong));
        assert_eq!(visit("10.0.0.9:1", "X-User:\r\n"), Err(Denied::Missing));
    }

    #[test]
    fn a_change_needs_our_origin_and_our_header() {
        let access = access(Auth::None);
        let check =
            |lines: &str, means| access.check_change(&head(lines), ends("127.0.0.1:5"), means);
        let own = format!("Origin: {OWN}\r\n");
        assert_eq!(check(&format!("{own}X-Facemux: 1\r\n"), Means::Ambient), Ok(()));
        assert_eq!(check(&own, Means::Ambient), Err(Denied::Header));
        assert_eq!(check("X-Facemux: 1\r\n", Means::Ambient), Err(Denied::Origin));
        assert_eq!(check("X-Facemux: 1\r\n", Means::Open), Ok(()));
        assert_eq!(check("", Means::Bearer), Ok(()));
        for means in [Means::Bearer, Means::Ambient, Means::Open] {
            let other =
                "Origin: http://evil.example\r\nX-Facemux: 1\r\nX-Forwarded-Host: evil.example\r\n";
            assert_eq!(check(other, means), Err(Denied::Origin));
        }
    }

    #[test]
    fn nobody_is_let_in_unasked_from_afar() {
        let open = Access::new(Auth::None, OWN, &[], "0.0.0.0:7681".parse().unwrap());
        assert!(open.err().unwrap().contains("loopback"));
        let lax = Auth::ProxyHeader { header: "X-User".into(), from: vec![] };
        assert!(Access::new(lax, OWN, &[], "127.0.0.1:1".parse().unwrap()).is_err());
    }
}
