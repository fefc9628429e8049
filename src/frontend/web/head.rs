//! The head of a request (RFC 9112), strictly: what two readers could understand differently is refused.
//!
//! Pure: bytes in, a head or a refusal out. `httparse` splits the lines; the limits, the line endings and everything
//! that decides where a body ends are checked here.

use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};

/// A request's head.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The method as sent.
    pub method: String,
    /// The path and query as sent; begins with a slash.
    pub target: String,
    /// The headers, names in lower case.
    headers: Vec<(String, String)>,
    /// Bytes of body that follow.
    pub body_bytes: usize,
    /// Whether the connection may go on after the answer.
    pub keep_alive: bool,
}

/// Why a head is refused: a status and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadHead {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub reason: &'static str,
}

const fn bad(status: u16, reason: &'static str) -> BadHead {
    BadHead { status, reason }
}

impl Head {
    /// The head at the start of `bytes` and how long it is, once all of it is there.
    ///
    /// # Errors
    /// `BadHead`: the connection cannot go on after its answer.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, BadHead> {
        let Some(len) = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
            check_lines(bytes)?;
            return if bytes.len() >= HEAD_BYTES_MAX { Err(TOO_LONG) } else { Ok(None) };
        };
        if len > HEAD_BYTES_MAX {
            return Err(TOO_LONG);
        }
        check_lines(&bytes[..len])?;
        let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut lines);
        let complete = request.parse(&bytes[..len]).map_err(|e| match e {
            httparse::Error::TooManyHeaders => bad(431, "too many headers"),
            httparse::Error::Version => bad(505, "only HTTP/1.1 is spoken here"),
            _ => bad(400, "malformed request head"),
        })?;
        if complete != httparse::Status::Complete(len) {
            return Err(bad(400, "malformed request head"));
        }
        if request.version != Some(1) {
            return Err(bad(505, "only HTTP/1.1 is spoken here"));
        }
        let mut head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            ..Head::default()
        };
        for line in request.headers.iter() {
            let value = std::str::from_utf8(line.value)
                .map_err(|_| bad(400, "a header's value is not UTF-8"))?;
            head.headers.push((line.name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        head.settle()?;
        Ok(Some((head, len)))
    }

    /// What follows from the headers.
    fn settle(&mut self) -> Result<(), BadHead> {
        if !self.target.starts_with('/') {
            return Err(bad(400, "the request target must be a path"));
        }
        if self.count("host") != 1 {
            return Err(bad(400, "one Host header is needed"));
        }
        if self.count("origin") > 1 || self.count("authorization") > 1 {
            return Err(bad(400, "a header that may stand once stands twice"));
        }
        if self.count("transfer-encoding") > 0 {
            return Err(bad(501, "Transfer-Encoding is not accepted; send a Content-Length"));
        }
        self.body_bytes = match (self.count("content-length"), self.get("content-length")) {
            (0, _) => 0,
            (1, Some(n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                n.parse().unwrap_or(usize::MAX)
            }
            _ => return Err(bad(400, "Content-Length must be one number")),
        };
        if self.body_bytes > BODY_BYTES_MAX {
            return Err(bad(413, "the body is too large"));
        }
        if self.body_bytes > 0 && matches!(self.method.as_str(), "GET" | "HEAD") {
            return Err(bad(400, "a GET has no body"));
        }
        if self.count("expect") > 0 {
            return Err(bad(417, "Expect is not supported"));
        }
        self.keep_alive = !self.has_word("connection", "close");
        Ok(())
    }

    fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n == name).count()
    }

    /// The first header of this name, given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The comma-separated words of all headers of this name.
    pub fn words<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|w| !w.is_empty())
    }

    /// Whether `word` is one of them, in any case.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        self.words(name).any(|w| w.eq_ignore_ascii_case(word))
    }
}

const TOO_LONG: BadHead = bad(431, "the request head is too long");

/// Lines end with CR LF and neither stands alone; a line does not go on in the next; no NUL anywhere.
fn check_lines(bytes: &[u8]) -> Result<(), BadHead> {
    for (at, &byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).map(|i| bytes[i]);
        let after = bytes.get(at + 1).copied();
        let good = match byte {
            b'\n' => before == Some(b'\r') && !matches!(after, Some(b' ' | b'\t')),
            b'\r' => matches!(after, None | Some(b'\n')),
            0 => false,
            _ => true,
        };
        if !good {
            return Err(bad(400, "malformed line in the request head"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(Head, usize)>, BadHead> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = "POST /api?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let whole = text.len() - 3;
        for cut in 0..whole {
            assert_eq!(parse(&text[..cut]), Ok(None), "cut at {cut}");
        }
        let (head, len) = parse(text).unwrap().unwrap();
        assert_eq!((len, head.body_bytes, head.keep_alive), (whole, 3, true));
        assert_eq!(head.get("host"), Some("a"));
    }

    #[test]
    fn what_could_be_smuggled_is_refused() {
        let status = |rest: &str, line: &str| match parse(&format!("{line}\r\n{rest}\r\n\r\n")) {
            Err(bad) => bad.status,
            other => panic!("{rest:?} was accepted: {other:?}"),
        };
        let get = "POST / HTTP/1.1";
        for rest in [
            "Host: a\r\nContent-Length: 1\r\nContent-Length: 1",
            "Host: a\r\nContent-Length: 1\r\nContent-Length: 2",
            "Host: a\r\nContent-Length: +1",
            "Host: a\r\nContent-Length: 1, 1",
            "Host: a\r\nContent-Length: -1",
            "Host: a\r\nContent-Length: 0x1",
            "Host: a\r\nContent-Length:",
            "Host: a\r\nContent-Length : 1",
            "Host: a\r\n Content-Length: 1",
            "Host: a\r\nX: y\r\n folded",
            "Host: a\nX: y",
            "Host: a\rX: y",
            "Host: a\r\nX: \0",
            "Host: a\r\nHost: b",
            "X: no host",
            "Host: a\r\nNo colon",
            "Host: a\r\n: no name",
            "Host: a\r\nOrigin: http://a\r\nOrigin: http://b",
        ] {
            assert_eq!(status(rest, get), 400, "{rest:?}");
        }
        assert_eq!(status("Host: a\r\nTransfer-Encoding: chunked", get), 501);
        assert_eq!(status("Host: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4", get), 501);
        assert_eq!(status("Host: a\r\nContent-Length: 99999999999999999999999", get), 413);
        assert_eq!(status("Host: a\r\nExpect: 100-continue", get), 417);
        assert_eq!(status("Host: a\r\nContent-Length: 4", "GET / HTTP/1.1"), 400);
        assert_eq!(status("Host: a", "GET http://a/ HTTP/1.1"), 400);
        assert_eq!(status("Host: a", "GET / HTTP/1.0"), 505);
        assert_eq!(status("Host: a", "GET / HTTP/2.0"), 505);
        assert_eq!(status("Host: a", "CONNECT a:1 HTTP/1.1"), 400);
        assert_eq!(status("Host: a", "GET /\u{1} HTTP/1.1"), 400);
    }

    #[test]
    fn a_head_has_bounds() {
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(parse(&long).unwrap_err().status, 431);
        let many = "X: y\r\n".repeat(HEADERS_MAX);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        assert_eq!(parse(&many).unwrap_err().status, 431);
    }
}
