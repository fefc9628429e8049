//! What a client asks of the daemon.

use super::face::{Actor, Kind, Target};
use crate::units::{Mode, Offset, Size};
use serde::{Deserialize, Serialize};

/// One request; each gets one `Reply`, in order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// On whose behalf the following requests are; at most once, before all others.
    Speak(Actor),
    /// Starts a face. `Reply::Created`.
    New(Box<NewFace>),
    /// The living faces, with `all` also the ended. `Reply::Faces`.
    List {
        /// Also the ended ones.
        all: bool,
    },
    /// One face. `Reply::Face`.
    Info {
        /// Which.
        face: Target,
    },
    /// Ends faces and all that descends from them, or only sends a signal to its foreground. `Reply::Ended`, when done.
    Kill {
        /// Which.
        faces: Vec<Target>,
        /// A signal to send to the foreground process group instead of ending the face.
        signal: Option<i32>,
        /// Who asks, for the certificate.
        by: String,
    },
    /// Detaches a face's viewers. `Reply::Done`.
    Detach {
        /// Which.
        face: Target,
    },
    /// Types into a face. `Reply::Done` once all of it was accepted, a refusal when none of it was.
    Type {
        /// Which.
        face: Target,
        /// What.
        typed: Vec<Typed>,
    },
    /// The screen. `Reply::Snapshot`, the bytes in pieces as `Message::Bytes` before it.
    Snap {
        /// Which.
        face: Target,
        /// As what.
        format: Format,
        /// After how many lines of history.
        history: u32,
    },
    /// Changes the size and keeps it (policy `fixed`). `Reply::Done`.
    Resize {
        /// Which.
        face: Target,
        /// To what.
        size: Size,
    },
    /// Changes or (when empty) removes the name. `Reply::Done`.
    Rename {
        /// Which.
        face: Target,
        /// To what.
        name: String,
    },
    /// Becomes a viewer. `Reply::Attached`, then the stream. A terminal's descriptor comes with this frame.
    Attach(Box<Attach>),
    /// What happens to faces, from now on. `Reply::Done`, then `Message::Event`s.
    Watch,
    /// What `wait` needs to know of a face. `Reply::Activity`.
    Activity {
        /// Which.
        face: Target,
    },
    /// Versions, places, processes, limits. `Reply::Status`.
    Status,
    /// Ends the server as SIGTERM does. `Reply::Done`.
    Drain,
    /// Goes on with another binary. `Reply::Done` when the keeper was told; the outcome, as JSON, comes by the
    /// descriptor beside this frame.
    Upgrade {
        /// Which, as an absolute path; the file the server was started from when nobody says.
        binary: Option<String>,
    },
    /// Attached: the viewer has shown output up to here. No reply.
    Shown {
        /// The offset after the last byte shown.
        offset: Offset,
    },
    /// Attached: the viewer's terminal has this size now. No reply.
    ViewerSize {
        /// Its size.
        size: Size,
        /// Its width and height in pixels, 0 when unknown.
        pixels: (u16, u16),
    },
    /// Attached: what the viewer's terminal can do and shows. No reply.
    Report(ViewerReport),
    /// Attached, with a terminal handed over: give it back (its modes undone) and go on listening. `Reply::Done`.
    Yield,
    /// Attached, after `Yield`: here it is again, its descriptor with this frame. `Reply::Done`, then a repaint.
    Resume {
        /// Its size.
        size: Size,
    },
    /// Attached: end the attachment, the terminal given back. `ViewerNote::Detached`, then the connection closes.
    Leave,
}

/// How a face is to be started.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewFace {
    /// Its name.
    pub name: Option<String>,
    /// Who asks.
    pub kind: Kind,
    /// The face to hang it under.
    pub side_of: Option<Target>,
    /// Its size.
    pub size: Size,
    /// Modes of its terminal that are not the kernel's usual ones (RFC 4254 section 8); at most
    /// `TERMINAL_MODES_MAX`.
    pub modes: Vec<Mode>,
    /// Its directory.
    pub cwd: String,
    /// Its environment, complete but for what the server adds.
    pub env: Vec<(String, String)>,
    /// Its command; empty for a login shell of the server's choosing.
    pub argv: Vec<String>,
    /// Keep what outlives its first process.
    pub keep_orphans: bool,
}

/// Whose size a face takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SizePolicy {
    /// The last driver who typed.
    Leader,
    /// The smallest of all drivers.
    Smallest,
    /// What `new` or `resize` said.
    Fixed,
}

/// How a viewer takes part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attach {
    /// Which face.
    pub face: Target,
    /// May type.
    pub drive: bool,
    /// Send the other viewers away.
    pub detach_others: bool,
    /// The viewer's size.
    pub size: Size,
    /// Its size in pixels, 0 when unknown.
    pub pixels: (u16, u16),
    /// The viewer shows whatever size the face has (a page): it is never cropped, and leads only when it asks.
    pub follows_size: bool,
    /// Lines of history before the screen.
    pub history: u32,
    /// Chosen by the client, random: names this viewer across reconnects. 0 for none.
    pub token: u64,
    /// Resume from here if the journal still has it; else, and when `None`, a restore. `Offset::UNKNOWN` when
    /// this viewer's terminal has shown the face before and nobody knows how far: a restore makes it as fresh first.
    pub resume: Option<Offset>,
    /// The keys that detach, as bytes (first, then second), empty for none.
    pub detach_keys: Vec<u8>,
    /// A window of bytes shown but not yet acknowledged by `Shown`; 0 for none (the socket's own).
    pub window: u32,
    /// Who holds the terminal.
    pub holder: Holder,
    /// The faces the caller itself runs in (its `FACE_ID` and up the chain), to refuse a circle.
    pub inside: Vec<String>,
}

/// Who writes to the viewer's terminal, if there is one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Holder {
    /// The client: output comes as frames.
    Client,
    /// The daemon: the descriptor comes with the frame; `termios` is to be put back at the end.
    Daemon {
        /// The saved termios as the kernel's struct, opaque bytes.
        termios: Vec<u8>,
        /// Attach in the viewer's alternate screen.
        alternate: bool,
    },
    /// The client, and there is no terminal: what it sends is data, none of it a terminal's own answer.
    Nobody {
        /// The face was made for it, and it is to miss nothing: its program waits for it for longer.
        whole: bool,
    },
}

/// What a viewer's terminal is like; the leader's answers the program's queries.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ViewerReport {
    /// Foreground, as 0xRRGGBB.
    pub foreground: Option<u32>,
    /// Background.
    pub background: Option<u32>,
    /// Cursor.
    pub cursor: Option<u32>,
    /// A cell's width and height in pixels.
    pub cell: Option<(u16, u16)>,
}

/// One thing typed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Typed {
    /// Bytes as they are.
    Text(Vec<u8>),
    /// A named key (`Enter`, `C-c`).
    Key(String),
    /// A paste: bracketed when the program asked for it.
    Paste(Vec<u8>),
    /// Enter, after the program has read what came before.
    Submit,
}

/// What a snapshot is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text.
    Text,
    /// A restore.
    Ansi,
    /// docs/json.md.
    Json,
    /// A page of its own.
    Html,
    /// A picture.
    Svg,
}
