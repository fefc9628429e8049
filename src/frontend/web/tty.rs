//! What a stock ttyd page or client speaks (WebSocket subprotocol `tty`). Pure: frames in, what they mean out.
//!
//! The client's first frame is JSON without a type byte. Later ones begin with '0' input, '1' size, '2' pause,
//! '3' go on. The server's begin with '0' output, '1' title, '2' preferences. There are no offsets: a client that
//! comes back makes its terminal fresh and is sent a restore.

use crate::units::Size;
use serde::Deserialize;

/// The type byte of output.
pub const OUTPUT: u8 = b'0';
/// The type byte of the title.
pub const TITLE: u8 = b'1';
/// The type byte of preferences.
pub const PREFERENCES: u8 = b'2';
/// What makes the client's terminal as fresh as a restore needs it (RIS).
pub const FRESH: &[u8] = b"\x1bc";

/// The client's first frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// A ticket of `/token`, or empty.
    pub ticket: String,
    /// The client's size.
    pub size: Size,
}

/// A later frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// Typed.
    Input(&'a [u8]),
    /// The client's size is this now.
    Size(Size),
    /// Send nothing for a while.
    Pause,
    /// Go on.
    Resume,
}

#[derive(Deserialize)]
struct RawHello {
    #[serde(rename = "AuthToken", default)]
    ticket: String,
    #[serde(default)]
    columns: u64,
    #[serde(default)]
    rows: u64,
}

#[derive(Deserialize)]
struct RawSize {
    columns: u64,
    rows: u64,
}

/// Reads the first frame; `None` when it is not one.
pub fn hello(frame: &[u8]) -> Option<Hello> {
    let raw: RawHello = serde_json::from_slice(frame).ok()?;
    let size =
        if raw.columns == 0 || raw.rows == 0 { Size::DEFAULT } else { size(raw.columns, raw.rows) };
    Some(Hello { ticket: raw.ticket, size })
}

/// Reads a later frame; `None` when it is of no kind known here, which ttyd ignores too.
pub fn told(frame: &[u8]) -> Option<Told<'_>> {
    let (kind, rest) = frame.split_first()?;
    match kind {
        b'0' => Some(Told::Input(rest)),
        b'1' => {
            let raw: RawSize = serde_json::from_slice(rest).ok()?;
            Some(Told::Size(size(raw.columns, raw.rows)))
        }
        b'2' => Some(Told::Pause),
        b'3' => Some(Told::Resume),
        _ => None,
    }
}

fn size(columns: u64, rows: u64) -> Size {
    let bounded = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
    Size::clamped(bounded(rows), bounded(columns))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_mean_what_ttyd_means() {
        let first = hello(br#"{"AuthToken":"t","columns":120,"rows":40}"#).unwrap();
        assert_eq!((first.ticket.as_str(), first.size), ("t", Size::new(40, 120).unwrap()));
        assert_eq!(hello(br#"{"AuthToken":""}"#).unwrap().size, Size::DEFAULT);
        assert_eq!(hello(b"0ls"), None);
        assert_eq!(told(b"0ls\r"), Some(Told::Input(b"ls\r")));
        let huge = told(br#"1{"columns":99999999,"rows":1}"#);
        assert_eq!(huge, Some(Told::Size(Size::new(1, 1000).unwrap())));
        assert_eq!((told(b"2"), told(b"3")), (Some(Told::Pause), Some(Told::Resume)));
        assert_eq!((told(b""), told(b"9"), told(b"1x")), (None, None, None));
    }
}
