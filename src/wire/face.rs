//! What is said about a face: who it is, how it is, how it ended, and who asks.

use crate::units::{FaceId, Offset, Size};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who asked for a face: `FACE_KIND` in its environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The web frontend.
    Web,
    /// The SSH frontend.
    Ssh,
    /// The command line.
    Cli,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Web => "web",
            Kind::Ssh => "ssh",
            Kind::Cli => "cli",
        })
    }
}

/// How a face is named by a caller: an id, a name or a key; resolved by the daemon, never guessed.
pub type Target = String;

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look.
    Viewer,
    /// May look and type.
    Driver,
    /// May do all.
    Owner,
}

/// On whose behalf a client speaks. The command line is the owner; frontends say whom they let in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The user whose faces these are; `None` sees all.
    pub user: Option<String>,
    /// The most this actor may do.
    pub role: Role,
    /// When set, the only face it may see.
    pub only: Option<FaceId>,
}

impl Actor {
    /// The owner of everything: a process of our own uid on the socket.
    pub const OWNER: Actor = Actor { user: None, role: Role::Owner, only: None };
}

/// Whether a face lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaceState {
    /// Its child runs.
    Running,
    /// Its child is gone; the certificate says why.
    Ended,
}

/// Why a face ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// Its program exited by itself.
    Exited,
    /// A signal ended its program; nobody here sent it.
    Signalled,
    /// The kernel killed it for memory.
    OutOfMemory,
    /// Its command could not be started.
    NotStarted,
    /// `kill`, an API call or a page asked for it.
    Killed,
    /// Idle for longer than the limit.
    EvictedIdle,
    /// It was the oldest idle face in a full house.
    EvictedLimit,
    /// The server drained.
    Drained,
    /// Its journal and screen could not be taken over from a daemon that died.
    JournalDropped,
}

/// A face's death certificate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EndReport {
    /// Why.
    pub cause: EndCause,
    /// The sentence a person reads, with the figures.
    pub reason: String,
    /// The exit code, 128+n for signal n, 126 or 127 when it could not start.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Who asked, when somebody did.
    pub by: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What descended from it and was ended with it: pid and command name.
    pub reaped: Vec<(u32, String)>,
}

/// What `info` and `ls` tell of a face. Milliseconds are since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FaceInfo {
    /// Its id.
    pub id: FaceId,
    /// Its key, `live:12` or `live:side-channel:12`.
    pub key: String,
    /// Who asked for it.
    pub kind: Kind,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The face it is attached to, for a side channel.
    pub parent: Option<FaceId>,
    /// The user it belongs to.
    pub user: Option<String>,
    /// Its size.
    pub size: Size,
    /// Whether it lives.
    pub state: FaceState,
    /// Its title, sanitised.
    pub title: String,
    /// What was started, words quoted where they need it.
    pub command: String,
    /// The first process, while it lives.
    pub pid: Option<u32>,
    /// How many clients watch it.
    pub viewers: u32,
    /// When it was made.
    pub created_ms: u64,
    /// When it last printed; its creation when it never did.
    pub last_output_ms: u64,
    /// Seconds it has been idle in the sense of eviction; 0 while it is not.
    pub idle_seconds: u64,
    /// The last line with text on it, sanitised.
    pub last_line: String,
    /// How much it has printed.
    pub offset: Offset,
    /// Why something about it is not as usual (quarantined, an input in doubt), for a person.
    pub note: Option<String>,
    /// How it ended.
    pub end: Option<EndReport>,
}
