//! An answer: status, headers, body, and the headers every answer has. Pure.

use std::borrow::Cow;
use std::fmt::Write;

/// What a browser may do with an answer (Content-Security-Policy). No policy allows an inline script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Nothing at all: it is no document.
    Nothing,
    /// One of the plain pages: text, a form, a style sheet of ours.
    Plain,
    /// The page with its terminals: scripts and styles of ours alone.
    Page,
    /// A snapshot: what a program printed, shown without any right.
    Snapshot,
}

impl Policy {
    fn text(self) -> &'static str {
        match self {
            Policy::Nothing => "default-src 'none'; frame-ancestors 'none'",
            Policy::Plain => {
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                 frame-ancestors 'none'"
            }
            Policy::Page => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
                 frame-ancestors 'none'"
            }
            Policy::Snapshot => {
                "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
            }
        }
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; its type is among the headers.
    pub body: Cow<'static, [u8]>,
    headers: Vec<(&'static str, String)>,
    policy: Policy,
    /// Closes the connection after it.
    pub close: bool,
}

impl Answer {
    /// An answer of `kind`, a media type.
    pub fn new(status: u16, kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Answer {
        let headers = vec![("Content-Type", kind.to_owned())];
        Answer { status, body: body.into(), headers, policy: Policy::Nothing, close: false }
    }

    /// A sentence.
    pub fn text(status: u16, sentence: &str) -> Answer {
        Answer::new(status, "text/plain; charset=utf-8", format!("{sentence}\n").into_bytes())
    }

    /// A JSON text.
    pub fn json(status: u16, json: String) -> Answer {
        Answer::new(status, "application/json", json.into_bytes())
    }

    /// One of the plain pages.
    pub fn html(status: u16, html: String) -> Answer {
        Answer::new(status, "text/html; charset=utf-8", html.into_bytes()).policy(Policy::Plain)
    }

    /// Nothing but a status.
    pub fn empty(status: u16) -> Answer {
        Answer { headers: Vec::new(), ..Answer::new(status, "", Vec::new()) }
    }

    /// The way to another place on this server.
    pub fn found(location: String) -> Answer {
        Answer::empty(302).header("Location", location)
    }

    /// With one header more. `value` never has a line's end: it is made here or checked before.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// With another policy.
    pub fn policy(mut self, policy: Policy) -> Answer {
        self.policy = policy;
        self
    }

    /// And no further request on this connection.
    pub fn closing(mut self) -> Answer {
        self.close = true;
        self
    }

    /// The bytes on the wire, without the body for HEAD.
    pub fn encode(&self, head_only: bool, keep_alive: bool) -> Vec<u8> {
        let mut text = String::with_capacity(512);
        let _ = write!(text, "HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        for (name, value) in &self.headers {
            let clean = !value.bytes().any(|b| b < b' ' || b == 0x7f);
            debug_assert!(clean, "a header's value with control characters: {name}");
            if clean {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        if !self.headers.iter().any(|(name, _)| *name == "Cache-Control") {
            text.push_str("Cache-Control: no-store\r\n");
        }
        if !matches!(self.status, 204 | 304) {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        let _ = write!(text, "Content-Security-Policy: {}\r\n", self.policy.text());
        text.push_str(
            "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n",
        );
        text.push_str(if keep_alive && !self.close { "\r\n" } else { "Connection: close\r\n\r\n" });
        let mut bytes = text.into_bytes();
        if !head_only && !matches!(self.status, 204 | 304) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_the_guarding_headers() {
        let page = Answer::html(200, "x".into()).policy(Policy::Page);
        for answer in [Answer::text(404, "no"), Answer::json(200, "{}".into()), page] {
            let text = String::from_utf8(answer.encode(false, true)).unwrap();
            for part in [
                "Cache-Control: no-store\r\n",
                "default-src 'none'",
                "frame-ancestors 'none'",
                "nosniff",
                "Referrer-Policy: no-referrer",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
            let scripts = text.split(';').find(|d| d.contains("script-src")).unwrap_or("");
            assert!(!scripts.contains("unsafe"), "{text}");
        }
    }

    #[test]
    fn a_head_has_the_length_and_no_body() {
        let text = String::from_utf8(Answer::text(200, "hello").encode(true, false)).unwrap();
        assert!(text.contains("Content-Length: 6\r\n") && text.contains("Connection: close\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }
}
