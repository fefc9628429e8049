//! Why a server does not start, each a sentence that says what to do.

use crate::config::PlaceError;
use crate::sys::SysError;
use crate::sys::socket::ListenError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory is not fit.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A server is there already.
    #[error(
        "a server (pid {pid}) already runs on {place}; `facemux doctor --dir ...` tells about it"
    )]
    Running {
        /// Its keeper.
        pid: u32,
        /// On which directory.
        place: String,
    },
    /// The socket cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Something of the system is not there.
    #[error("{path} is missing: {why}")]
    Missing {
        /// What.
        path: &'static str,
        /// What it is for and how it comes to be there.
        why: &'static str,
    },
    /// Faces cannot run as the accounts asked for.
    #[error("--user-map: {why}")]
    UserMap {
        /// What stands in the way and what would be right.
        why: String,
    },
    /// The system refused.
    #[error(transparent)]
    Sys(#[from] SysError),
}
