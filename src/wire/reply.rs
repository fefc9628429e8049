//! What the daemon says to a client.

use super::face::{EndReport, FaceInfo};
use crate::units::{FaceId, Offset, Size};
use serde::{Deserialize, Serialize};

/// One message of the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// The answer to the oldest request without one.
    Reply(Box<Reply>),
    /// Bytes that belong to the reply that follows.
    Bytes(Vec<u8>),
    /// Something happened to a face (after `Watch`).
    Event(Event),
    /// Something happened to this viewer (after `Attach`).
    Viewer(ViewerNote),
}

/// The answer to a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It was done.
    Done,
    /// It was not; nothing changed.
    Refused(Refusal),
    /// A face was made.
    Created {
        /// Its id.
        id: FaceId,
        /// Its key.
        key: String,
        /// Set when its command could not be started: it has ended already.
        end: Option<EndReport>,
    },
    /// Faces, oldest first.
    Faces(Vec<FaceInfo>),
    /// One face.
    Face(Box<FaceInfo>),
    /// What `kill` ended: the face and its certificate.
    Ended(Vec<(FaceId, EndReport)>),
    /// All `Message::Bytes` of a snapshot were sent; taken at this offset.
    Snapshot {
        /// When.
        offset: Offset,
    },
    /// A viewer now.
    Attached {
        /// The face's id.
        id: FaceId,
        /// Its size.
        size: Size,
        /// Output comes from here: a resume when it is the offset asked for, else a restore comes first.
        offset: Offset,
        /// How much of this viewer's input stream was accepted before (by its token).
        accepted: u64,
        /// Whether it may type.
        drive: bool,
    },
    /// What a face is doing.
    Activity {
        /// How much it has printed.
        offset: Offset,
        /// Milliseconds since it last printed.
        quiet_ms: u64,
        /// A shell waits at its prompt, or a program sleeps in a terminal read.
        waiting: bool,
        /// Its certificate, when it has ended.
        end: Option<EndReport>,
    },
    /// The server, as JSON text (docs/json.md).
    Status(String),
}

/// Why a request was refused. The client turns it into an exit code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// No face of that name that the caller may see; exit 4.
    #[error("no such face: {0}")]
    NoSuchFace(String),
    /// It has ended; exit 4, HTTP 410.
    #[error("face {id} has ended: {}", .end.reason)]
    Gone {
        /// Which.
        id: FaceId,
        /// Its certificate.
        end: Box<EndReport>,
    },
    /// The caller may not; exit 5.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// A limit; exit 6. The sentence names it.
    #[error("{0}")]
    Limit(String),
    /// The request makes no sense; exit 2. The sentence says what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The server is ending, or cannot just now; exit 3.
    #[error("{0}")]
    Unavailable(String),
}

/// What happens to faces.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A face was made.
    Created(Box<FaceInfo>),
    /// Something of its info other than activity changed.
    Changed(Box<FaceInfo>),
    /// It printed; at most ten a second for each face.
    Output {
        /// Which.
        id: FaceId,
        /// How much it has printed.
        offset: Offset,
        /// Its last line with text.
        last_line: String,
    },
    /// It rang.
    Bell {
        /// Which.
        id: FaceId,
    },
    /// It reports progress (OSC 9;4): state 0 none, 1 normal, 2 error, 3 unknown, 4 paused; percent.
    Progress {
        /// Which.
        id: FaceId,
        /// The state.
        state: u8,
        /// 0 to 100.
        percent: u8,
    },
    /// It wants a person's attention.
    Notify {
        /// Which.
        id: FaceId,
        /// What it says, sanitised.
        text: String,
    },
    /// It wrote to the clipboard (OSC 52).
    Clipboard {
        /// Which.
        id: FaceId,
        /// The text, as base64, bounded.
        base64: String,
    },
    /// It ended.
    Ended {
        /// Which.
        id: FaceId,
        /// How.
        end: Box<EndReport>,
    },
}

/// What happens to a viewer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ViewerNote {
    /// Its input was accepted up to here in its input stream.
    Accepted {
        /// Bytes of its input stream accepted so far.
        upto: u64,
    },
    /// Its input was refused (queue full, a line too long for the terminal's line mode); nothing of it was taken.
    InputRefused {
        /// From here on.
        at: u64,
        /// Why.
        reason: String,
    },
    /// The face has this size now; what follows is drawn for it.
    Size {
        /// The size.
        size: Size,
        /// Whether this viewer leads.
        leads: bool,
    },
    /// It was lapped `laps` times in all: a restore follows.
    Lapped {
        /// How often.
        laps: u64,
    },
    /// The attachment is over and the terminal given back; the face goes on.
    Detached {
        /// Why, for a person.
        reason: String,
    },
    /// The face ended.
    Ended {
        /// How.
        end: Box<EndReport>,
    },
    /// The server ends.
    Draining,
}
