//! The session cookie (RFC 6265): its name, how it is set, how it is found. Pure.
//!
//! Cookies do not know ports, so the name carries ours: two servers on one machine do not log each other out. Over
//! TLS the `__Host-` prefix keeps subdomains and plain HTTP from planting one.

use super::head::Head;

/// The cookie's name on this port, over TLS or not.
pub fn name(port: u16, secure: bool) -> String {
    if secure { "__Host-facemux".to_owned() } else { format!("facemux-{port}") }
}

/// The values browsers sent under this name: more than one when somebody planted another.
pub fn values<'a>(head: &'a Head, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.all("cookie")
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(n, _)| *n == name)
        .map(|(_, value)| value)
}

/// The header's value that sets it; `max_age_seconds` of 0 removes it.
pub fn set(name: &str, value: &str, secure: bool, max_age_seconds: u64) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_by_its_whole_name() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nCookie: xfacemux-1=a; facemux-1=b;facemux-12=c\r\n\
                    Cookie: facemux-1=d\r\n\r\n";
        let (head, _) = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(values(&head, &name(1, false)).collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(values(&head, &name(1, true)).count(), 0);
    }

    #[test]
    fn scripts_other_sites_and_plain_http_do_not_get_it() {
        let line = set(&name(1, true), "v", true, 60);
        for part in ["__Host-", "HttpOnly", "SameSite=Strict", "; Secure", "Path=/", "Max-Age=60"] {
            assert!(line.contains(part), "{part}");
        }
        assert!(!line.contains("Domain"));
    }
}
