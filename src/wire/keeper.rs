//! What the keeper and the daemon say to each other over their own socket pair (SOCK_SEQPACKET, one message each,
//! descriptors beside it). The daemon may die at any message; whatever the keeper was told before stands.

use crate::units::{FaceId, Mode, Size};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

/// Keeper to daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum FromKeeper {
    /// First message. Descriptors: the listening Unix socket, the ledger's memfd.
    Start(Box<Start>),
    /// A face that was there before this daemon. Descriptors: master, memfd. One message each.
    Face(KeptFace),
    /// A certificate the last daemon left (its own encoding).
    Certificate {
        /// Whose.
        id: FaceId,
        /// Opaque to the keeper.
        bytes: Vec<u8>,
    },
    /// All faces and certificates were sent: recover, say `Ready`, serve.
    Go,
    /// A face was started. Descriptors: master, memfd.
    Spawned {
        /// Which.
        id: FaceId,
        /// Its first process.
        pid: u32,
    },
    /// It could not be.
    SpawnFailed {
        /// Which.
        id: FaceId,
        /// The system's error number.
        errno: i32,
        /// The step that failed, for a person: "start bash", "open a PTY".
        what: String,
    },
    /// A face's first process ended and everything that descended from it is gone.
    Exited {
        /// Which.
        id: FaceId,
        /// How.
        exit: Exit,
        /// What was ended with it: pid, command name.
        reaped: Vec<(u32, String)>,
    },
    /// Ids below this are durable: they may be used.
    Reserved {
        /// The first id that may not be used.
        upto: u64,
    },
    /// The server ends: tell viewers, refuse new faces, answer `Drained`.
    Drain,
    /// Another daemon takes over: keep a checkpoint of every face and end, with no I/O in flight.
    Retire,
    /// To a daemon on trial that has said `Ready`: serve.
    Begin,
    /// Where the processes are, as JSON for `Status`.
    Processes(String),
}

/// What a daemon starts with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The settings.
    pub settings: Settings,
    /// The next id to give.
    pub next_id: u64,
    /// The first id that may not be used yet.
    pub reserved: u64,
    /// What the last daemon left unfinished, when there was one.
    pub crash: Option<Crash>,
    /// How often a daemon was started before this one.
    pub generation: u32,
    /// The keeper's pid.
    pub keeper_pid: u32,
    /// FACEMUX_DIR for children, when one was set.
    pub dir: Option<String>,
    /// FACE_URL without the id, when the web frontend is on.
    pub url: Option<String>,
    /// The keeper can read what this daemon's calls return (`Crash`): else output is read in packets.
    pub accounted: bool,
    /// Whether it is to give up the rights it does not need.
    pub sandbox: bool,
    /// An upgrade tries it: it says `Ready` and touches nothing until it hears `Begin`.
    pub trial: bool,
}

/// The last I/O of a daemon that died, resolved from its accounting by the keeper.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Crash {
    /// What the dead daemon had read in all by the kernel's count, minus what its last record says it had before
    /// its last I/O: what that I/O returned. `None` where the kernel does not tell.
    pub returned_read: Option<u64>,
    /// The same for writing.
    pub returned_written: Option<u64>,
    /// How it ended, for the log.
    pub reason: String,
    /// It ended by a fault of its own, or for want of memory, not by somebody's signal: what it was parsing may be
    /// why.
    pub own_fault: bool,
}

/// The server's settings as the daemon needs them. Zero durations mean never.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Living faces at most.
    pub max_faces: u32,
    /// Living faces of one user at most; 0 for no limit of its own.
    pub max_faces_per_user: u32,
    /// Idle for longer: evicted. Milliseconds.
    pub idle_timeout_ms: u64,
    /// Idle for longer: may go when the house is full. Milliseconds.
    pub evict_after_ms: u64,
    /// Lines of history a face.
    pub history_lines: u32,
    /// Bytes of journal a face.
    pub journal_bytes: u32,
    /// How long certificates are kept. Milliseconds.
    pub certificate_ms: u64,
    /// Started by `new`: ends this long after its last face; 0 for `serve`, which never does. Milliseconds.
    pub linger_ms: u64,
    /// Between SIGHUP and SIGKILL. Milliseconds.
    pub grace_ms: u64,
    /// Whose size a face takes.
    pub size_policy: super::request::SizePolicy,
}

/// A living face in the keeper's table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptFace {
    /// Its id.
    pub id: FaceId,
    /// Its first process.
    pub pid: u32,
    /// What the daemon gave the keeper at `Spawn` (its own encoding).
    pub meta: Vec<u8>,
    /// Set when its first process has ended and a daemon was not told for certain.
    pub exited: Option<(Exit, Vec<(u32, String)>)>,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal; whether the kernel's out-of-memory killer is known to have sent it.
    Signal {
        /// The signal.
        signal: i32,
        /// Sent by the out-of-memory killer.
        oom: bool,
    },
}

/// Daemon to keeper.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ToKeeper {
    /// All faces are recovered; the loop turns.
    Ready {
        /// How many it took over with their screens, or in the quarantine they were in.
        whole: u32,
        /// How many it could not read.
        damaged: u32,
    },
    /// Start a face. Answered by `Spawned` or `SpawnFailed`.
    Spawn(Box<Spawn>),
    /// Send a signal to the face's foreground process group.
    Signal {
        /// Which.
        id: FaceId,
        /// What.
        signal: i32,
    },
    /// End a face: SIGHUP, the grace, SIGKILL, to all that descends from it. Answered by `Exited`.
    End {
        /// Which.
        id: FaceId,
        /// The grace in milliseconds.
        grace_ms: u64,
    },
    /// The daemon has read its last byte and kept its certificate: close the master and the memfd.
    Release {
        /// Which.
        id: FaceId,
    },
    /// Make ids below this durable. Answered by `Reserved`.
    Reserve {
        /// The first id that need not be.
        upto: u64,
    },
    /// Keep this certificate (replaces an older one of the same id).
    Keep {
        /// Whose.
        id: FaceId,
        /// Opaque to the keeper, at most `CERTIFICATE_BYTES_MAX`.
        bytes: Vec<u8>,
    },
    /// Forget this certificate.
    Forget {
        /// Whose.
        id: FaceId,
    },
    /// A line for the log (the daemon writes to no file itself).
    Log {
        /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
        level: u8,
        /// The line.
        line: String,
    },
    /// All viewers were told and all faces asked to end: the keeper may go on.
    Drained,
    /// Nothing to do any more (`linger_ms`), or a client asked: end the server.
    Stop,
    /// Go on with another binary. Its descriptor: where the outcome is to be written.
    Upgrade {
        /// Which; the file the server was started from when nobody says.
        binary: Option<String>,
    },
}

/// What the keeper needs to start a face.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spawn {
    /// Its id.
    pub id: FaceId,
    /// The command; never empty.
    pub argv: Vec<String>,
    /// Argument zero when it differs (`-bash` for a login shell).
    pub arg0: Option<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The directory; `/` with a warning in the log when it cannot be entered.
    pub cwd: String,
    /// The size.
    pub size: Size,
    /// Modes of its terminal that are not the kernel's usual ones.
    pub modes: Vec<Mode>,
    /// Bytes of the face's memfd.
    pub memory_bytes: u64,
    /// Keep what outlives its first process.
    pub keep_orphans: bool,
    /// Whose it is: where users have accounts of their own, it runs as that one.
    pub user: Option<String>,
    /// Given back in `KeptFace`.
    pub meta: Vec<u8>,
}

/// What a frontend starts with: one message on its control socket (descriptor 4), its listener beside it (descriptor
/// 3). When the control socket closes, the server has ended: so does the frontend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FrontendStart {
    /// The daemon's socket.
    pub socket: String,
    /// `--dir`, when one was given.
    pub dir: Option<String>,
    /// Where state is kept: tokens, host keys.
    pub state: String,
    /// The address the listener is bound to.
    pub address: String,
    /// How the outside reaches the web frontend, without a slash at the end: `https://faces.example.org`; its bound
    /// address when nothing was said, empty when it is off.
    pub url: String,
    /// Hosts and origins allowed besides our own.
    pub origins: Vec<String>,
    /// Who may come in by the web.
    pub auth: Auth,
    /// Who may come in by SSH, and how, as long as no configuration file changes.
    pub ssh: SshSettings,
    /// The flags that `serve` was started with.
    pub flags: Vec<OsString>,
    /// The configuration files that count, there or not.
    pub files: Vec<PathBuf>,
    /// Whether log lines are JSON.
    pub log_json: bool,
    /// Live connections of one page.
    pub page_faces: u32,
    /// Idle for longer: evicted; milliseconds, 0 for never. Pages count down to it.
    pub idle_timeout_ms: u64,
    /// The first of its kind since the server began: a later one takes the place of one that died.
    pub first: bool,
    /// Whether it is to give up the rights it does not need.
    pub sandbox: bool,
    /// An upgrade tries it: it says `Ready` and takes no connection until it hears `Begin`.
    pub trial: bool,
}

/// What a frontend hears after its `FrontendStart`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToFrontend {
    /// On trial no more: take connections.
    Begin,
    /// Another takes the new connections: end with the last of those that are open.
    Retire,
}

/// What a frontend says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromFrontend {
    /// It has what it needs.
    Ready,
}

/// Who may come in by SSH, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SshSettings {
    /// Files or directories of authorized keys; empty for the state directory's own `authorized_keys`.
    pub authorized_keys: Vec<String>,
    /// Whether a token opens as a password.
    pub token_is_password: bool,
    /// Which key exchanges there are.
    pub kex: Kex,
    /// How long a connection has to log in, in milliseconds.
    pub login_ms: u64,
}

/// Which key exchanges the SSH frontend offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Kex {
    /// The post-quantum hybrid first, then a classical one for clients that know no hybrid.
    #[default]
    Compatible,
    /// The post-quantum hybrid alone.
    PostQuantum,
}

/// How the web frontend knows who is asking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Auth {
    /// By tokens and the cookies they are exchanged for.
    Token,
    /// A proxy says so.
    ProxyHeader {
        /// In this header, which names the user.
        header: String,
        /// From these addresses alone.
        from: Vec<String>,
    },
    /// Everybody is the owner; loopback only.
    None,
}
