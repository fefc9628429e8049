//! What our own page speaks (WebSocket subprotocol `facemux.1`). Pure: messages in, what they mean out, and back.
//!
//! Binary messages, the first byte a type, integers little-endian; JSON for what is rare. Positions are decimal
//! strings in JSON, where a number would lose bits.

use crate::units::{FaceId, Offset, Size};
use crate::wire::request::ViewerReport;
use crate::wire::{EndReport, ViewerNote};
use serde::Deserialize;
use serde_json::{Value, json};

/// The type byte of output, and of input the other way.
pub const BYTES: u8 = 1;
/// The type byte of a restore's piece, and of an acknowledgement the other way.
pub const RESTORE: u8 = 2;
/// The type byte of JSON.
pub const JSON: u8 = 3;

/// What a page says first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttachWish {
    /// Names this page's view of the face across reconnects.
    pub token: u64,
    /// Where to go on.
    pub resume: Option<Offset>,
    /// Lines of history before the screen.
    pub history: u32,
    /// What fits its window.
    pub size: Size,
    /// Wants to type.
    pub drive: bool,
}

/// What a page says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// Typed, `at` bytes into its input stream.
    Input(u64, &'a [u8]),
    /// Everything before this is on its screen.
    Shown(Offset),
    /// Attach.
    Attach(AttachWish),
    /// This fits its window now, and it leads.
    Size(Size),
    /// Its colours and cell.
    Report(ViewerReport),
    /// Answer with the same number.
    Ping(u64),
    /// It goes for good.
    Leave,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Raw {
    Attach {
        token: String,
        #[serde(default)]
        resume: Option<String>,
        #[serde(default)]
        history: u32,
        cols: u16,
        rows: u16,
        #[serde(default)]
        drive: bool,
    },
    Size {
        cols: u16,
        rows: u16,
    },
    Report {
        #[serde(default)]
        foreground: Option<String>,
        #[serde(default)]
        background: Option<String>,
        #[serde(default)]
        cursor: Option<String>,
        #[serde(default)]
        cell: Option<(u16, u16)>,
    },
    Ping {
        n: u64,
    },
    Leave,
}

/// Reads a message.
///
/// # Errors
/// A sentence for the close reason.
pub fn told(message: &[u8]) -> Result<Told<'_>, &'static str> {
    let (kind, rest) = message.split_first().ok_or("an empty message")?;
    if *kind == JSON {
        let raw = serde_json::from_slice(rest).map_err(|_| "malformed JSON message")?;
        return understand(raw);
    }
    let (number, bytes) = rest.split_first_chunk::<8>().ok_or("a message that is too short")?;
    let number = u64::from_le_bytes(*number);
    match *kind {
        BYTES => Ok(Told::Input(number, bytes)),
        RESTORE => Ok(Told::Shown(Offset(number))),
        _ => Err("a message of unknown type"),
    }
}

fn understand(raw: Raw) -> Result<Told<'static>, &'static str> {
    Ok(match raw {
        Raw::Attach { token, resume, history, cols, rows, drive } => {
            let token = u64::from_str_radix(&token, 16).ok().filter(|t| *t != 0);
            let resume = match resume.map(|r| r.parse().map(Offset)).transpose() {
                Ok(resume) => resume,
                Err(_) => return Err("resume must be a decimal number in a string"),
            };
            Told::Attach(AttachWish {
                token: token.ok_or("token must be 1 to 16 hexadecimal digits, not zero")?,
                resume,
                history,
                size: Size::clamped(rows, cols),
                drive,
            })
        }
        Raw::Size { cols, rows } => Told::Size(Size::clamped(rows, cols)),
        Raw::Report { foreground, background, cursor, cell } => Told::Report(ViewerReport {
            foreground: foreground.as_deref().and_then(colour),
            background: background.as_deref().and_then(colour),
            cursor: cursor.as_deref().and_then(colour),
            cell,
        }),
        Raw::Ping { n } => Told::Ping(n),
        Raw::Leave => Told::Leave,
    })
}

fn colour(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6)?;
    u32::from_str_radix(digits, 16).ok()
}

/// The bytes before a piece of output.
pub fn output_header(offset: Offset) -> [u8; 9] {
    let mut header = [BYTES; 9];
    header[1..].copy_from_slice(&offset.0.to_le_bytes());
    header
}

/// The bytes before a piece of a restore of a face of `size`.
pub fn restore_header(offset: Offset, first: bool, last: bool, size: Size) -> [u8; 14] {
    let mut header = [RESTORE; 14];
    header[1..9].copy_from_slice(&offset.0.to_le_bytes());
    header[9] = u8::from(first) | (u8::from(last) << 1);
    header[10..12].copy_from_slice(&size.cols().to_le_bytes());
    header[12..].copy_from_slice(&size.rows().to_le_bytes());
    header
}

/// What a page learns of its face when it is attached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached<'a> {
    /// The face's id.
    pub id: FaceId,
    /// Its key.
    pub key: &'a str,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its title.
    pub title: &'a str,
    /// Its size.
    pub size: Size,
    /// Output goes on from here, or a restore comes first.
    pub offset: Offset,
    /// Input accepted before.
    pub accepted: u64,
    /// Whether it may type.
    pub drive: bool,
}

/// A JSON message, with its type byte.
pub fn say(value: &Value) -> Vec<u8> {
    let mut message = vec![JSON];
    message.extend_from_slice(value.to_string().as_bytes());
    message
}

/// What the program wrote to the clipboard.
pub fn clipboard(base64: &str) -> Vec<u8> {
    say(&json!({ "type": "clipboard", "base64": base64 }))
}

/// The answer to a ping.
pub fn pong(n: u64) -> Vec<u8> {
    say(&json!({ "type": "pong", "n": n }))
}

/// `attached`.
pub fn attached(a: &Attached<'_>) -> Vec<u8> {
    say(&json!({
        "type": "attached", "id": a.id, "key": a.key, "name": a.name, "title": a.title,
        "cols": a.size.cols(), "rows": a.size.rows(), "offset": a.offset.0.to_string(),
        "accepted": a.accepted.to_string(), "drive": a.drive,
    }))
}

/// `ended`, with the certificate.
pub fn ended(end: &EndReport) -> Vec<u8> {
    let text = format!(r#"{{"type":"ended","end":{}}}"#, crate::client::json::end(end));
    [&[JSON], text.as_bytes()].concat()
}

/// A note of the daemon, when a page is to know it.
pub fn note(note: &ViewerNote) -> Vec<u8> {
    match note {
        ViewerNote::Accepted { upto } => {
            say(&json!({ "type": "accepted", "upto": upto.to_string() }))
        }
        ViewerNote::InputRefused { at, reason } => {
            say(&json!({ "type": "refused", "at": at.to_string(), "reason": reason }))
        }
        ViewerNote::Size { size, leads } => say(
            &json!({ "type": "size", "cols": size.cols(), "rows": size.rows(), "leads": leads }),
        ),
        ViewerNote::Lapped { laps } => say(&json!({ "type": "lapped", "laps": laps })),
        ViewerNote::Detached { reason } => say(&json!({ "type": "detached", "reason": reason })),
        ViewerNote::Ended { end } => ended(end),
        ViewerNote::Draining => say(&json!({ "type": "draining" })),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn json_message(text: &str) -> Vec<u8> {
        [&[JSON], text.as_bytes()].concat()
    }

    #[test]
    fn messages_of_a_page_are_read() {
        let message = json_message(concat!(
            r#"{"type":"attach","token":"00ff","resume":"18446744073709551615","history":9,"#,
            r#""cols":80,"rows":24,"drive":true}"#
        ));
        let Told::Attach(wish) = told(&message).unwrap() else { panic!() };
        assert_eq!((wish.token, wish.resume), (255, Some(Offset(u64::MAX))));
        let message = json_message(r##"{"type":"report","foreground":"#ffeedd","cell":[8,16]}"##);
        let Told::Report(report) = told(&message).unwrap() else { panic!() };
        assert_eq!((report.foreground, report.background), (Some(0xffeedd), None));
        assert_eq!(told(b"\x01\x05\0\0\0\0\0\0\0ab"), Ok(Told::Input(5, b"ab")));
        assert_eq!(told(b"\x02\x05\0\0\0\0\0\0\0"), Ok(Told::Shown(Offset(5))));
        for bad in [&b""[..], b"\x01\0", b"\x09\0\0\0\0\0\0\0\0", b"\x03{", b"\x03{\"type\":\"x\"}"]
        {
            assert!(told(bad).is_err(), "{bad:?}");
        }
        let zero = json_message(r#"{"type":"attach","token":"0","cols":80,"rows":24}"#);
        assert!(told(&zero).is_err());
    }

    #[test]
    fn a_restore_says_for_which_size_it_is() {
        let header = restore_header(Offset(258), true, true, Size::new(24, 300).unwrap());
        assert_eq!(header, [2, 2, 1, 0, 0, 0, 0, 0, 0, 3, 44, 1, 24, 0]);
    }
}
