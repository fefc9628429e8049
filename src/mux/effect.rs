//! What the daemon has to do after the registry has decided. Taken out with `Mux::poll_effect` until none is left.

use super::ClientId;
use crate::units::{FaceId, Size};
use crate::wire::{Message, keeper::ToKeeper};

/// One thing to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Send a message to a client.
    Send {
        /// To whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// Close a client's connection once everything for it was sent.
    Close {
        /// Whose.
        client: ClientId,
    },
    /// Give a handed terminal back: write these bytes to it, put its termios back, close it.
    GiveBack {
        /// Whose.
        client: ClientId,
        /// What undoes the face's modes in it.
        undo: Vec<u8>,
    },
    /// Tell the keeper.
    Keeper(ToKeeper),
    /// Ask the keeper for an upgrade; the descriptor that came with the request goes with it.
    Upgrade {
        /// Whose request.
        client: ClientId,
        /// Which binary.
        binary: Option<String>,
    },
    /// Tell the PTY its size.
    SetSize {
        /// Whose.
        face: FaceId,
        /// The size.
        size: Size,
        /// A cell's width and height in pixels, 0 when unknown.
        cell: (u16, u16),
    },
    /// There is input for the PTY.
    Write {
        /// Whose.
        face: FaceId,
    },
    /// There may be room in the journal again: read on.
    Read {
        /// Whose.
        face: FaceId,
    },
    /// There may be something for this viewer.
    Deliver {
        /// Whom.
        client: ClientId,
    },
    /// There may be something for a face's viewers: for those whom `Mux::due` names by then.
    Show {
        /// Whose.
        face: FaceId,
    },
    /// The child is gone: read what the PTY still holds, then say `handle_hangup`.
    Exhaust {
        /// Whose.
        face: FaceId,
    },
    /// The face is gone: close its PTY and its memory.
    Drop {
        /// Which.
        face: FaceId,
    },
}

impl Effect {
    /// The names of all kinds.
    pub const NAMES: [&str; 12] = [
        "Send", "Close", "GiveBack", "Upgrade", "Keeper", "SetSize", "Write", "Read", "Deliver",
        "Show", "Exhaust", "Drop",
    ];

    /// Its kind's name, for tests.
    pub fn name(&self) -> &'static str {
        let kind = match self {
            Effect::Send { .. } => 0,
            Effect::Close { .. } => 1,
            Effect::GiveBack { .. } => 2,
            Effect::Upgrade { .. } => 3,
            Effect::Keeper(_) => 4,
            Effect::SetSize { .. } => 5,
            Effect::Write { .. } => 6,
            Effect::Read { .. } => 7,
            Effect::Deliver { .. } => 8,
            Effect::Show { .. } => 9,
            Effect::Exhaust { .. } => 10,
            Effect::Drop { .. } => 11,
        };
        Effect::NAMES[kind]
    }
}
