//! The other side of the door: how a client speaks to the daemon.
//!
//! `session` and `viewer` are pure: bytes in, what they mean out; requests and keys in, bytes out. They open no
//! socket and read no clock, so the command line, the web frontend and the SSH frontend drive the same two state
//! machines, each with its own I/O. `connection` is the blocking driver of the command line. A client that loses the
//! daemon connects again and goes on from its offset: nothing shown twice, nothing typed twice.

pub mod connection;
pub mod detach_keys;
pub mod json;
pub mod remote;
pub mod session;
pub mod undo;
pub mod viewer;

pub use connection::{Answer, ClientError, Connection};
pub use session::{Incoming, Session, SessionError};
pub use viewer::{Shown, Viewer};
