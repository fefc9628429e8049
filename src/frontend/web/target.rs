//! A request's path and query, decoded. Pure.

/// A decoded request target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The path's segments, decoded; `/` has none, a trailing slash an empty last one.
    pub segments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Target {
    /// Decodes `text`, which begins with a slash. `None` when it is malformed or tries to climb.
    pub fn parse(text: &str) -> Option<Target> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let path = path.strip_prefix('/')?;
        let mut segments = Vec::new();
        if !path.is_empty() {
            for part in path.split('/') {
                let part = decode(part, false)?;
                if part == "." || part == ".." || part.contains(['/', '\\', '\0']) {
                    return None;
                }
                segments.push(part);
            }
        }
        Some(Target { segments, query: pairs(query)? })
    }

    /// The first value of this name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }
}

/// The first value of `name` in a form sent as `application/x-www-form-urlencoded`.
pub fn form_value(body: &[u8], name: &str) -> Option<String> {
    let pairs = pairs(std::str::from_utf8(body).ok()?)?;
    find(&pairs, name).map(str::to_owned)
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        })
        .collect()
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                let digit = |b: u8| char::from(b).to_digit(16);
                bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
                rest = after;
            }
            b'+' if plus_is_space => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        let target = Target::parse("/f/1%32.txt?history=5&x=a+b%26&flag").unwrap();
        assert_eq!(target.segments, ["f", "12.txt"]);
        assert_eq!(target.query("history"), Some("5"));
        assert_eq!(target.query("x"), Some("a b&"));
        assert_eq!(target.query("flag"), Some(""));
        assert!(Target::parse("/").unwrap().segments.is_empty());
    }

    #[test]
    fn climbing_and_bad_escapes_are_refused() {
        for bad in [
            "/..",
            "/a/../b",
            "/%2e%2e/x",
            "/a%2fb",
            "/a%5cb",
            "/%00",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/?%",
            "x",
        ] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}
