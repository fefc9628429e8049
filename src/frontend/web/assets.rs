//! The page's files, as they were built in. Pure but for the table that build.rs made.

use super::answer::{Answer, Policy};
use super::head::Head;

/// One file of the page.
pub struct Asset {
    /// Its path without the first slash.
    pub path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its content's hash, for the ETag.
    pub hash: &'static str,
    /// Its content, compressed with gzip, when that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// Its content as it is; left out of the program where the compressed one is there and this is large.
    pub plain: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at `path`.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The file as an answer to this request.
pub fn answer(asset: &'static Asset, head: &Head) -> Answer {
    // A name that carries the content's hash can be kept for ever; others are asked for again.
    let keep =
        if has_hash(asset.path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    file(asset, head, keep)
}

/// The page's document: kept by nobody.
pub fn page(asset: &'static Asset, head: &Head) -> Answer {
    file(asset, head, "no-store")
}

fn file(asset: &'static Asset, head: &Head, keep: &str) -> Answer {
    let etag = format!("\"{}\"", asset.hash);
    if head.words("if-none-match").any(|tag| tag.trim_start_matches("W/") == etag) {
        return Answer::empty(304).header("ETag", etag).header("Cache-Control", keep);
    }
    let gzip = asset.gzip.filter(|_| head.words("accept-encoding").any(accepts_gzip));
    let answer = match (gzip, asset.plain) {
        (Some(bytes), _) => Answer::new(200, asset.kind, bytes).header("Content-Encoding", "gzip"),
        (None, Some(bytes)) => Answer::new(200, asset.kind, bytes),
        (None, None) => {
            return Answer::text(406, "this file is kept compressed with gzip: accept that");
        }
    };
    answer
        .policy(Policy::Page)
        .header("Vary", "Accept-Encoding")
        .header("ETag", etag)
        .header("Cache-Control", keep)
}

/// Whether a path is `name-HASH.ext`, as the bundler writes them.
fn has_hash(path: &str) -> bool {
    let stem = path.split('.').next().unwrap_or_default();
    stem.rsplit_once('-')
        .is_some_and(|(_, hash)| hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn accepts_gzip(word: &str) -> bool {
    let (name, weight) = word.split_once(';').unwrap_or((word, ""));
    let refused =
        weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
    matches!(name.trim(), "gzip" | "*") && !refused
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: Asset = Asset {
        path: "app-0A1b2C3d.js",
        kind: "text/javascript",
        hash: "h",
        gzip: Some(b"small"),
        plain: None,
    };

    fn ask(lines: &str) -> Answer {
        static ASSET: Asset = FILE;
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        answer(&ASSET, &Head::parse(text.as_bytes()).unwrap().unwrap().0)
    }

    #[test]
    fn a_compressed_file_goes_to_those_who_take_it() {
        assert_eq!(ask("Accept-Encoding: br, gzip;q=0.8\r\n").status, 200);
        assert_eq!(ask("Accept-Encoding: gzip;q=0.0\r\n").status, 406);
        assert_eq!(ask("").status, 406);
        assert_eq!(ask("If-None-Match: W/\"h\"\r\n").status, 304);
        assert!(has_hash("app-0A1b2C3d.js") && !has_hash("index.html") && !has_hash("a-b.css"));
    }
}
