//! What is known of a face besides its terminal: kept in its checkpoint, and with the keeper from its birth.

use crate::units::{FaceId, Size};
use crate::wire::request::ViewerReport;
use crate::wire::{CodecError, EndCause, Kind, decode, encode};
use serde::{Deserialize, Serialize};

/// A face's particulars. Frozen per wire version, since a newer daemon reads an older one's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Who asked for it.
    pub kind: Kind,
    /// Its name.
    pub name: Option<String>,
    /// The face it hangs under, and its number among those, 1 first.
    pub lane: Option<(FaceId, u32)>,
    /// Its user.
    pub user: Option<String>,
    /// Its size.
    pub size: Size,
    /// How much it had printed when its size last changed: a viewer that was there before has another screen.
    pub resized_at: u64,
    /// Its size does not follow viewers.
    pub fixed: bool,
    /// What was started, for people.
    pub command: String,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// What the leader said of its terminal: the program's questions are answered with it.
    pub report: Option<ViewerReport>,
    /// Why it is being ended, when somebody here decided so.
    pub ending: Option<Ending>,
}

/// A decision to end a face.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ending {
    /// What kind of reason.
    pub cause: EndCause,
    /// The reason, for a person.
    pub reason: String,
    /// Who decided, when it was somebody.
    pub by: Option<String>,
}

impl Meta {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self).unwrap_or_default()
    }

    /// From bytes.
    ///
    /// # Errors
    /// `CodecError` when they are not a `Meta`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Meta, CodecError> {
        decode(bytes)
    }

    /// The key of the face `id`.
    pub fn key(&self, id: FaceId) -> String {
        match self.lane {
            None => format!("live:{id}"),
            Some((parent, 1)) => format!("live:side-channel:{parent}"),
            Some((parent, n)) => format!("live:side-channel:{parent}.{n}"),
        }
    }
}

/// A command as a person would type it.
pub fn quoted(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(c);
    let words = argv.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
