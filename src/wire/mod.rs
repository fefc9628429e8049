//! What is said: the messages between the daemon and its clients, and between the keeper and the daemon.
//!
//! A connection on the Unix socket opens with a preamble from each side (`frame::PREAMBLE_BYTES`), which settles the
//! version before anything else is read. Then come frames: a length, a kind, a payload (`frame`). Requests are
//! answered in order, one reply each; events and a viewer's stream come in between. Pure: types and one codec file.
//! docs/protocol.md says the same in prose. Types are frozen per version: bincode does not describe itself, so an
//! added field is a new version.

pub mod codec;
pub mod face;
pub mod frame;
pub mod keeper;
pub mod reply;
pub mod request;
pub mod upgrade;

pub use codec::{CodecError, decode, encode};
pub use face::{Actor, EndCause, EndReport, FaceInfo, FaceState, Kind, Role, Target};
pub use frame::{Frame, FrameError, FrameReader, VERSION};
pub use reply::{Event, Message, Refusal, Reply, ViewerNote};
pub use request::{Attach, Format, Holder, NewFace, Request, SizePolicy, Typed};
